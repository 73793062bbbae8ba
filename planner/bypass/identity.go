package bypass

import "github.com/idag/idag/internal/expr"

// The reason Identity holds for a filter that is TRUE for every row, and for a map
// of which every column comes out as it went in. Bounds are bounds of a row group, so
// they hold for each of its frames, and for whatever part of it filters have left.
//
//   - Null: a comparison with a null is not TRUE. A filter is proven only where every
//     column that decides it has no null, by count; coalesce only where its column has
//     none.
//   - NaN is larger than every number, and statistics leave it out: an upper bound of
//     a column of floats counts only where it is known to hold no NaN. Most writers do
//     not say so.
//   - A truncated string is a bound if it was cut outwards. It is never taken for a
//     value: only that it is not passed.
//   - Zero has a sign, which is kept though -0 = 0: x + 0 and greatest(0.0, x) are not x.
//   - A failure, as of 1 / x, is counted in its row: what may fail is not proven, and
//     what is strict never is.
//   - Duplicates do not matter, as each row is judged by itself.

// AllPass reports whether a filter keeps every row within the bounds, without a
// failure.
func AllPass(where *expr.Program, b expr.Bounds) bool { return where.AlwaysTrue(b) }

// Unchanged reports whether each program gives, for every row within the bounds and
// without a failure, just the column that it is assigned to. No programs change
// nothing, but that is no proof: false.
func Unchanged(programs []*expr.Program, columns []string, b expr.Bounds) bool {
	for i, p := range programs {
		if c, ok := p.Same(b); !ok || c != columns[i] {
			return false
		}
	}
	return len(programs) > 0
}

// MayBeUnchanged reports whether there could be bounds of which Unchanged is true. Where
// there are none nobody has to find them out, nor hold rows to what a file says of them.
func MayBeUnchanged(programs []*expr.Program, columns []string) bool {
	for i, p := range programs {
		if !p.MayBeSame(columns[i]) {
			return false
		}
	}
	return len(programs) > 0
}
