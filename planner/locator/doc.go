// Package locator predicts, before any row of a split is read, at which operation
// of their routes its rows will enter and what they will cost. What it goes by is
// what a source tells of a split: its size, the labels and the done-list that the
// headers of a file claim.
//
// It is the predictor of the I-DAG paper (Koo et al., 2020, equations 15 to 17): a
// classifier of the next stage, whose loss is 0 where it was right and 1 where it
// was not, and a regression of the cost, whose loss is the square of the error. The
// empirical risk of each is the mean of its loss over what has been seen, and is
// reported for every route.
//
// The classifier reads the claims; it learns which labels a source has where there
// are none. The regression is linear: a route costs so many nanoseconds a row, and
// reading so many a byte (a row, where bytes are not known). Each coefficient is the
// one with the least sum of squares over the tasks seen, older ones counting less.
// Until a task has been seen it is guessed from the number of operations.
//
// Predictions decide no row: they say which task begins first and how much it has to
// do. Claims may be false, absurd or missing; then time is lost.
//
// The caller's duties:
//
//  1. Make a [Locator] for a plan with [New].
//  2. [Locator.Predict] every split of a task, and add up the predictions.
//  3. When the task has ended, [Locator.Observe] what its prediction was and what
//     happened.
//
// A Locator is a plain value without clock or lock: the same calls give the same
// predictions.
package locator
