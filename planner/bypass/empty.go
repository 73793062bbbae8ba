package bypass

import "github.com/idag/idag/internal/expr"

// The reason Empty holds for operations on rows of which nothing comes out, since a
// filter behind them, or the filter itself, cannot be TRUE for any row within the
// bounds: it is FALSE or null. That some rows are null never makes a filter TRUE, so
// nulls do not harm; NaN is larger than every number, so a column that may hold it has
// no upper bound; truncated strings and zeros are as in Identity, and of duplicates
// none is TRUE. A failure in a row that goes nowhere is not counted.
//
// What acts on the world is not left out: a strict expression, which may make a dead
// letter of its row, and a window, of which a row may be late. Grouping operations get
// no rows, and do what they do without: an aggregation without keys still counts to 0,
// and the other side of an outer join finds no partner.

// NonePass reports whether a filter drops every row within the bounds, without
// making a dead letter of any.
func NonePass(where *expr.Program, b expr.Bounds) bool { return !where.CanBeTrue(b) }
