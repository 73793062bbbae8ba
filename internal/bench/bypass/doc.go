// Package bypass is the evaluation of the I-DAG paper as a table of experiments:
// what labels cost, what they save in joins, in finding frames and in stages, how
// near the engine comes to a loop written by hand, and that nothing is lost where
// nothing can be bypassed.
//
// # How it measures
//
//  1. Every experiment is a file of its own: the job it runs, as the text of a job
//     file, what its figures mean, and the runs that it compares.
//  2. What is compared runs in turn, in another order each round, after one round
//     that warms up; results whose checksums differ end the measurement.
//  3. A figure is the median of the ratios within the rounds, with the smallest
//     and the largest.
//
// [Measure] runs experiments over an [Engine], [Figures] explains what they give,
// and [Write] makes a report of it: a page with tables, and charts as SVG and PNG.
//
// # The opponents
//
// The linear plan runs in its three forms. Ratios use the faster of masked and
// selection; staged, a stage boundary at every map as in multi-stage MapReduce, is
// given beside it and is part of no headline. Jobs without labels, where an
// experiment compares with them, are written as one would write them who has
// none: with the filters where Spark would push them.
//
// # Memory
//
// Runs allocate from pools of their own. Data sets and results are files in a
// temporary directory, which is removed; that of a given volume is kept where the
// caller says, and made no second time.
package bypass
