package bypass

// The reason Unscheduled is sound as long as what is left out can be seen nowhere:
// a column that no sink writes, no condition, key or aggregate reads, and that is not
// computed under strict(), which would make a dead letter of a row. Only what leaves
// the number of rows alone is left out by itself: a Map. What drops or multiplies rows
// is left out only together with everything behind it, when nothing there writes,
// groups or assigns windows. An expression is total, so not evaluating it takes
// nothing away but the count of its failures; whether values are null, NaN or twice
// the same does not matter. Columns are followed from the sinks back to the sources,
// each label by itself, so a column that one label needs keeps nothing alive for
// another.
