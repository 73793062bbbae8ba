// Package expr is the expression language of jobs: SQL expressions such as
// charge <= 50 AND weather = 'snowy', parsed, checked against a schema, and
// run over columns.
//
//	n, err := expr.Parse("net / 1000 > 2.5 OR weather = 'snowy'")
//	p, err := expr.Check(n, schema)
//	r, err := p.Eval(expr.Env{Mem: mem, Now: batchTime}, columns, rows)
//	defer r.Release()
//
// A [Program] is immutable and may be evaluated by many goroutines at once.
// Mistakes are an [Error] with line and column inside a fault.Invalid.
//
// # Types
//
// boolean, bigint (int64), double (float64), decimal(p,s) of up to 38 digits,
// string, binary, timestamp (microseconds, UTC), date (days), interval (a length
// of time in microseconds), and array<t>, map<k, v> and struct<name: t> of these;
// [ParseType] reads them as Spark writes them. A bigint becomes a decimal or a
// double, a decimal a wider decimal or a double, a date a timestamp (its
// midnight), and a string literal a timestamp or a date, where the other side
// asks for it; nothing else is converted without CAST. A literal with a point is
// a double. Arithmetic on decimals has Spark's types: as many digits as the
// result takes, and if these are more than 38, digits behind the point go first,
// down to 6; what then does not fit fails.
//
// x.name is a field of a struct, which costs no copy, or of each struct of an
// array; a[0] the first element of an array, m['k'] a value of a map. A column
// whose own name has a dot is quoted. Arrays and structs compare element by
// element, and there a null equals a null; maps do not compare. NaN equals NaN and is
// larger than any other number; -0.0 equals 0.0; strings compare by code
// points; FALSE is less than TRUE. Column names are compared exactly, keywords
// and functions in any case. docs/functions.md lists the library.
//
// # Null and failure
//
// Evaluation is total: no value makes it stop. Unless its documentation says
// otherwise, a function or operator is null if one of its arguments is. With
// arguments that are not null it may fail: integer overflow, division by zero
// (/, % and div, doubles too), a value that CAST cannot convert, a logarithm of
// zero or less, and what else the documentation calls a failure. It is then
// null, and the failure counts in the row if the operation was reached there:
//
//   - The whole expression is reached in every row, and what is reached reaches
//     all its arguments, but for these:
//   - a AND b reaches a, and b where a is not FALSE; a OR b reaches b where a is
//     not TRUE. The values are those of Kleene's logic whatever the order, as are
//     those of x IN (a, b, ...), which is x = a OR x = b OR ..., and of x BETWEEN
//     a AND b, which is x >= a AND x <= b; but these two reach all their arguments.
//   - CASE reaches its operand, then each condition where no condition before it
//     is TRUE, and the result whose condition is the first to be TRUE, or ELSE;
//     CASE x WHEN v is CASE WHEN x = v. IF(c, a, b) is CASE WHEN c THEN a ELSE b END.
//   - coalesce reaches an argument where all before it are null.
//   - TRY_CAST is CAST whose own failure does not count; failures in its argument do.
//   - strict(e) is e, but in rows where a failure counts within e it is null, and
//     the failure counts as hard outside of it.
//
// A part of a value may fail, as an element in CAST(array('x') AS array<int>):
// that part is null, and the failure counts in the row.
//
// A row in which a failure counts as hard is in Result.Failed, and one in which
// any other counts is in Result.Nulled unless it is in Result.Failed. Both are
// about rows, not about the value: coalesce(1 / 0, 2) is 2, and counted.
//
// # Casts
//
// To string: true and false; digits; doubles with the shortest digits that read
// back the same, like 1.0, 0.25, 1e+21 (positional from 1e-6 up to 1e21, -0.0
// as 0.0), NaN, Infinity, -Infinity; 2026-01-31 and 2026-01-31 12:30:00[.ffffff]
// without trailing zeros, years outside 0 to 9999 with a sign. From string,
// without the white space around: true, t, yes, y, 1 and false, f, no, n, 0 in
// any case; a decimal integer; a decimal number, inf, infinity or nan in any
// case, which fails if it is too large; a date; a timestamp as
// YYYY-MM-DD[( |T)HH:MM[:SS[.f]][zone]] with the zone Z, UTC or ±HH[[:]MM], of
// years 1 to 9999; a timestamp's text is also taken for a date, its day in UTC.
// Doubles to bigint are cut towards zero and fail if they do not fit. Numbers
// to boolean: whether they are not 0. Timestamps to dates: the day in UTC.
//
// # Memory
//
// All arrays of a result and all scratch come from Env.Mem, but for the
// dictionary of a constant string, which belongs to the program. Columns are
// borrowed; results may share their buffers by reference. The caller releases
// a [Result]. Strings stay dictionaries where the work allows it: a function of
// one dictionary column and otherwise constants is run once for each value of
// the dictionary.
package expr
