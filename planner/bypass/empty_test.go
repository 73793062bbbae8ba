package bypass_test

import (
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/bypass"
)

// TestNonePass: rows are dropped unseen only if no row can be TRUE; a null or a
// failure is not TRUE, a NaN may be.
func TestNonePass(t *testing.T) {
	known := expr.Bounds{"i": {Min: int64(1), Max: int64(9), Nulls: true}}
	for _, c := range []struct {
		where string
		b     expr.Bounds
		want  bool
	}{
		{"i > 9", known, true},
		{"i >= 9", known, false},
		{"i = 0 OR i IS NULL", known, false},
		{"i <> 5", expr.Bounds{"i": {Min: int64(5), Max: int64(5), Nulls: true}}, true},
		{"i = NULL", nil, true},
		{"i IS NOT NULL", expr.Bounds{"i": {Nulls: true, AllNull: true}}, true},
		{"i > 0", expr.Bounds{"i": {Nulls: true, AllNull: true}}, true},
		{"f > 5", expr.Bounds{"f": {Min: 0.0, Max: 5.0}}, true},
		{"f > 5", expr.Bounds{"f": {Min: 0.0, Max: 5.0, NaN: true}}, false},
		{"f < 0", expr.Bounds{"f": {Min: 0.0, Max: 5.0, NaN: true}}, true},
		{"f < 0.0", expr.Bounds{"f": {Min: math.Copysign(0, -1)}}, true}, // -0 is not less
		{"f = CAST('nan' AS double)", expr.Bounds{"f": {Min: 0.0, Max: 5.0}}, true},
		{"f = CAST('nan' AS double)", expr.Bounds{"f": {Min: 0.0, Max: 5.0, NaN: true}}, false},
		{"s < 'sn'", expr.Bounds{"s": {Min: "sn"}}, true},
		{"s = 'snow'", expr.Bounds{"s": {Min: "sn", Max: "so"}}, false},
		{"s LIKE 'rain%'", expr.Bounds{"s": {Min: "sn", Max: "so"}}, true},
		{"s LIKE '%rain'", expr.Bounds{"s": {Min: "sn", Max: "so"}}, false},
		{"s ILIKE 'rain%'", expr.Bounds{"s": {Min: "sn", Max: "so"}}, false},
		{"s IN ('a', 'b', 'z')", expr.Bounds{"s": {Min: "sn", Max: "so"}}, true},
		{"t < TIMESTAMP '1970-01-01'", expr.Bounds{"t": {Min: arrow.Timestamp(0)}}, true},
		{"CAST(t AS date) = DATE '1969-12-31'", expr.Bounds{"t": {Min: arrow.Timestamp(-1), Max: arrow.Timestamp(-1)}}, false}, // a day begins at midnight before too
		{"CAST(t AS date) = DATE '1970-01-01'", expr.Bounds{"t": {Min: arrow.Timestamp(-1), Max: arrow.Timestamp(-1)}}, true},
		{"b", expr.Bounds{"b": {Min: false, Max: false, Nulls: true}}, true},
		{"m > 5", expr.Bounds{"m": {}}, false},
		{"CASE WHEN i > 9 THEN TRUE ELSE s = 'x' AND s = 'y' END", expr.Bounds{"i": known["i"], "s": {Min: "x", Max: "x"}}, true},
		{"1 / 0 > 0", nil, false},       // null in every row, but failures are not looked into
		{"strict(i > 9)", known, false}, // it may fail as it likes
		{"NOT (i <= 9)", known, true},
		{"i > 9", expr.Bounds{"i": {Max: int64(math.MaxInt64), Min: int64(math.MinInt64)}}, false},
		{"i - 9223372036854775807 > 0", expr.Bounds{"i": {Min: int64(0), Max: int64(9)}}, true},
		{"i - 9223372036854775807 > 0", expr.Bounds{"i": {Min: int64(-9), Max: int64(9)}}, false}, // where it overflows it is null, but that is not looked into
	} {
		if got := bypass.NonePass(program(t, c.where), c.b); got != c.want {
			t.Errorf("%s with %v: %v", c.where, c.b, got)
		}
	}
}
