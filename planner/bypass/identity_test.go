package bypass_test

import (
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/bypass"
)

// TestAllPass: a filter is skipped only if nulls, NaN, truncated strings, the signs
// of zeros and failures cannot make it drop or count a row.
func TestAllPass(t *testing.T) {
	known := expr.Range{Min: int64(1), Max: int64(9)}
	for _, c := range []struct {
		where string
		b     expr.Bounds
		want  bool
	}{
		{"i >= 1 AND i <= 9", expr.Bounds{"i": known}, true},
		{"i > 1", expr.Bounds{"i": known}, false},
		{"i >= 1", expr.Bounds{"i": {Min: int64(1), Max: int64(9), Nulls: true}}, false},
		{"i >= 1 OR i IS NULL", expr.Bounds{"i": {Min: int64(1), Max: int64(9), Nulls: true}}, false}, // true, but nobody puts the two together
		{"i IS NULL", expr.Bounds{"i": {Nulls: true, AllNull: true}}, true},
		{"i IS NOT NULL", expr.Bounds{"i": {}}, true}, // that there are no nulls is all that is known
		{"i IS NOT NULL", expr.Bounds{}, false},
		{"f <= 5", expr.Bounds{"f": {Min: 0.0, Max: 5.0}}, true},
		{"f <= 5", expr.Bounds{"f": {Min: 0.0, Max: 5.0, NaN: true}}, false},
		{"f >= 0", expr.Bounds{"f": {Min: 0.0, Max: 5.0, NaN: true}}, true}, // NaN is the largest
		{"f >= 0.0", expr.Bounds{"f": {Min: math.Copysign(0, -1), Max: 5.0}}, true},
		{"f > -0.0", expr.Bounds{"f": {Min: 0.0, Max: 5.0}}, false},
		{"f < 1", expr.Bounds{"f": {Min: math.NaN(), Max: math.NaN()}}, false},
		{"s >= 'sn'", expr.Bounds{"s": {Min: "sn", Max: "sp"}}, true}, // cut outwards they still bound
		{"s = 'snow'", expr.Bounds{"s": {Min: "snow", Max: "snox"}}, false},
		{"s = 'snow'", expr.Bounds{"s": {Min: "snow", Max: "snow"}}, true},
		{"s LIKE 'sno%'", expr.Bounds{"s": {Min: "snoa", Max: "snoz"}}, true},
		{"s LIKE 'sno%'", expr.Bounds{"s": {Min: "snoa", Max: "snp"}}, false}, // as a bound of snoz… may be cut
		{"t >= TIMESTAMP '1970-01-01'", expr.Bounds{"t": {Min: arrow.Timestamp(0), Max: arrow.Timestamp(math.MaxInt64)}}, true},
		{"t + INTERVAL '1 day' > t", expr.Bounds{"t": {Min: arrow.Timestamp(0), Max: arrow.Timestamp(math.MaxInt64)}}, false}, // it may overflow
		{"d < DATE '2024-01-02'", expr.Bounds{"d": {Min: arrow.Date32(0), Max: arrow.Date32(19723)}}, true},
		{"CAST(d AS timestamp) >= TIMESTAMP '1970-01-01'", expr.Bounds{"d": {Min: arrow.Date32(0), Max: arrow.Date32(math.MaxInt32)}}, false}, // out of range
		{"b", expr.Bounds{"b": {Min: true, Max: true}}, true},
		{"b OR NOT b", expr.Bounds{"b": {Min: false, Max: true}}, false},
		{"NOT b", expr.Bounds{"b": {Min: false, Max: false}}, true},
		{"m > 0", expr.Bounds{"m": {}}, false}, // nothing but nulls is known of decimals
		{"m IS NOT NULL", expr.Bounds{"m": {}}, true},
		{"i IN (1, 2, NULL)", expr.Bounds{"i": {Min: int64(2), Max: int64(2)}}, true},
		{"i IN (3, 4)", expr.Bounds{"i": {Min: int64(3), Max: int64(4)}}, false}, // true of whole numbers, but that is not looked into
		{"(i > 0 AND NOT (i > 9 OR i < 1)) OR s = 'x'", expr.Bounds{"i": known}, true},
		{"1 / i > 0", expr.Bounds{"i": known}, true},
		{"1 / (i - 1) > -1 OR i > 0", expr.Bounds{"i": known}, false}, // a division by zero would be counted
		{"strict(i > 0)", expr.Bounds{"i": known}, false},
		{"now() > TIMESTAMP '1970-01-01'", nil, false},
		{"i >= 1", expr.Bounds{"i": {Min: "1", Max: "9"}}, false}, // bounds of another type
	} {
		if got := bypass.AllPass(program(t, c.where), c.b); got != c.want {
			t.Errorf("%s with %v: %v", c.where, c.b, got)
		}
	}
}

// TestUnchanged: every column must come out as it went in.
func TestUnchanged(t *testing.T) {
	b := expr.Bounds{"i": {Min: int64(1), Max: int64(9)}, "f": {Min: 0.5, Max: 2.5}, "s": {Nulls: true}, "d": {}}
	for _, c := range []struct {
		set   []string // pairs of column and expression
		want  bool
		could bool
	}{
		{nil, false, false},
		{[]string{"i", "i"}, true, true},
		{[]string{"i", "coalesce(i, 0)", "f", "CAST(f AS double)"}, true, true},
		{[]string{"i", "coalesce(i, 0)", "s", "coalesce(s, '')"}, false, true},
		{[]string{"i", "coalesce(i, 0)", "f", "f + 0"}, false, false},
		{[]string{"i", "abs(i)"}, true, true},
		{[]string{"i", "i + 1"}, false, false},
		{[]string{"f", "f * 0.5 + 1"}, false, false},
		{[]string{"i", "i * 1 + 0"}, true, true},
		{[]string{"i", "7"}, false, false},
		{[]string{"f", "CAST(i AS double)"}, false, false},
		{[]string{"d", "coalesce(d, DATE '1970-01-01')"}, true, true},
		{[]string{"i", "coalesce(CAST(f AS bigint), i)"}, false, true},
		{[]string{"i", "strict(i)"}, false, false},
	} {
		var programs []*expr.Program
		var columns []string
		for k := 0; k < len(c.set); k += 2 {
			columns, programs = append(columns, c.set[k]), append(programs, program(t, c.set[k+1]))
		}
		if got := bypass.Unchanged(programs, columns, b); got != c.want {
			t.Errorf("%v: %v", c.set, got)
		}
		if got := bypass.MayBeUnchanged(programs, columns); got != c.could {
			t.Errorf("%v: may be %v", c.set, got)
		}
	}
	if bypass.Unchanged([]*expr.Program{program(t, "coalesce(i, 0)")}, []string{"f"}, b) {
		t.Error("a column that becomes another is unchanged")
	}
}
