package expr

import (
	"math"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"
)

// TestSame proves which expressions are known to be a column, and which are not
// for the sake of a null, a NaN, a zero's sign or a failure.
func TestSame(t *testing.T) {
	b := Bounds{
		"charge": {Min: int64(10), Max: int64(50)}, "net": {Min: 0.0, Max: 9.5}, "loose": {Min: 0.5, Max: 9.5, NaN: true},
		"weather": {Min: "cloudy", Max: "snowy", Nulls: true}, "wet": {Min: "a", Max: "b"},
		"ok": {Nulls: true, AllNull: true}, "ts": {Min: arrow.Timestamp(0), Max: arrow.Timestamp(usDay)},
	}
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "charge", Type: kInt.arrow()}, {Name: "net", Type: kFloat.arrow()}, {Name: "loose", Type: kFloat.arrow()}, {Name: "weather", Type: kString.arrow()},
		{Name: "wet", Type: kString.arrow()}, {Name: "ok", Type: kBool.arrow()}, {Name: "ts", Type: kTime.arrow()}, {Name: "far", Type: kInt.arrow()},
		{Name: "price", Type: decimalKind(10, 2).arrow()},
	}, nil)
	for _, c := range []struct{ src, want string }{
		{"charge", "charge"}, {"far", "far"}, {"price", "price"},
		{"coalesce(charge, 0)", "charge"}, {"coalesce(far, 0)", ""}, {"coalesce(weather, '')", ""}, {"nvl(wet, weather)", "wet"},
		{"coalesce(weather, NULL)", "weather"}, {"coalesce(NULL, wet)", "wet"}, {"coalesce(ok, ok, TRUE)", ""}, {"coalesce(1 / 0, net)", ""},
		{"coalesce(charge, 1 div 0)", "charge"},
		{"CAST(charge AS bigint)", "charge"}, {"CAST(charge AS double)", ""}, {"CAST(price AS decimal(10, 2))", "price"}, {"CAST(price AS decimal(12, 2))", ""},
		{"CASE WHEN charge > 50 THEN 50 ELSE charge END", "charge"}, {"CASE WHEN charge > 49 THEN 50 ELSE charge END", ""},
		{"CASE WHEN charge > 20 THEN charge ELSE charge END", "charge"}, {"CASE WHEN 1 / (charge - 20) > 0 THEN charge ELSE charge END", ""},
		{"if(weather IS NULL, charge, charge)", "charge"}, {"if(ok, 1, charge)", "charge"}, {"if(weather = 'rain', 1, charge)", ""},
		{"CASE charge WHEN 60 THEN 1 ELSE charge END", "charge"}, {"CASE WHEN charge >= 10 THEN charge END", "charge"}, {"CASE WHEN charge > 10 THEN charge END", ""},
		{"nullif(charge, 0)", "charge"}, {"nullif(charge, 30)", ""}, {"nullif(charge, NULL)", "charge"}, {"nullif(net, loose)", ""},
		{"greatest(charge, 0)", "charge"}, {"greatest(0, charge)", "charge"}, {"greatest(charge, 11)", ""}, {"greatest(charge, NULL)", "charge"},
		{"greatest(far, NULL)", ""}, {"least(charge, 50)", "charge"}, {"least(50, charge)", ""}, {"least(51, charge)", "charge"},
		{"greatest(net, 0.0)", "net"}, {"greatest(0.0, net)", ""}, // the zero may have another sign
		{"least(loose, 100.0)", ""}, {"greatest(loose, 0.0)", "loose"}, {"greatest(charge, net)", ""},
		{"charge + 0", "charge"}, {"0 + charge", "charge"}, {"charge - 0", "charge"}, {"0 - charge", ""}, {"charge * 1", "charge"}, {"far + 0", "far"},
		{"net + 0", ""}, {"net * 1", ""}, {"charge + 0.0", ""}, {"price + 0", ""}, {"ts + INTERVAL '0 seconds'", "ts"}, {"ts - INTERVAL '0 seconds'", "ts"},
		{"abs(charge)", "charge"}, {"abs(far)", ""}, {"abs(net)", ""}, {"abs(charge - 10)", ""}, {"abs(loose)", ""}, {"nanvl(net, 0)", "net"}, {"nanvl(loose, 0)", ""},
		{"nanvl(net, NULL)", ""}, {"strict(charge)", ""}, {"coalesce(strict(charge), 0)", ""}, {"upper(wet)", ""}, {"7", ""}, {"now()", ""},
	} {
		n, err := Parse(c.src)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Check(n, schema)
		if err != nil {
			t.Fatalf("%s: %v", c.src, err)
		}
		got, ok := p.Same(b)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s is %q %v, want %q", c.src, got, ok, c.want)
		}
		if ok && !p.MayBeSame(got) {
			t.Errorf("%s is %q, and may not be", c.src, got)
		}
	}
}

// TestSameAndRangeAreSound proves for random expressions that no row within the
// bounds lies outside of Range, and that what is said to be a column is that column
// bit for bit, without a failure; and that both say something often enough. What the
// program is not asked for, Bounded leaves out.
func TestSameAndRangeAreSound(t *testing.T) {
	schema := testSchema()
	same, ranged := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		b := drawNarrow(t, mem, schema)
		defer b.release()
		bounds := drawBounds(t, schema, b)
		n := drawJudged(t, rapid.SampledFrom([]kind{kBool, kInt, kFloat, kString, kTime, kDate}).Draw(t, "kind"))
		p, err := Check(n, schema)
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		r, err := p.Eval(Env{Mem: mem, Now: time.Unix(0, 0)}, b.cols, len(b.rows))
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		defer r.Release()
		column, isColumn := p.Same(bounds)
		if _, plain := n.(*Column); isColumn && !plain {
			same++
		}
		if isColumn && !p.MayBeSame(column) {
			t.Fatalf("%s is %s, and may not be", n, column)
		}
		has := p.Range(bounds)
		if len(p.Columns()) > 0 && (has.Min != nil || has.Max != nil || !has.Nulls) {
			ranged++
		}
		for i, row := range b.rows {
			v := valueAt(r.Values, i)
			if !inRange(has, v) {
				t.Fatalf("%s is %v for %v, outside of %+v, with %v", n, v, row, has, bounds)
			}
			if isColumn && (r.Nulled != nil || !sameBits(v, row[column])) {
				t.Fatalf("%s is %v for %v, failed %v, and not column %s, with %v", n, v, row, r.Nulled, column, bounds)
			}
		}
		few := Bounds{}
		for _, c := range p.Bounded() {
			if known, ok := bounds[c]; ok {
				few[c] = known
			}
		}
		other, isOther := p.Same(few)
		if again := p.Range(few); again != has || other != column || isOther != isColumn || p.CanBeTrue(few) != p.CanBeTrue(bounds) || p.AlwaysTrue(few) != p.AlwaysTrue(bounds) {
			t.Fatalf("%s: with the bounds of %v only there is another answer: %+v, not %+v", n, p.Bounded(), again, has)
		}
	})
	if same < 2 || ranged < 10 {
		t.Errorf("only %d expressions are a column, %d have a range", same, ranged)
	}
}

func inRange(r Range, v any) bool {
	if v == nil {
		return r.Nulls
	}
	if f, ok := v.(float64); ok && math.IsNaN(f) {
		return r.NaN && !r.AllNull
	}
	lo, hi := 0, 0
	if r.Min != nil {
		c, known := order(r.Min, v)
		if lo = c; !known {
			return false
		}
	}
	if r.Max != nil {
		c, known := order(r.Max, v)
		if hi = c; !known {
			return false
		}
	}
	return lo <= 0 && hi >= 0 && !r.AllNull
}

// sameBits tells values apart that are equal as SQL has it: -0 from 0. A NaN is a
// NaN.
func sameBits(a, b any) bool {
	x, ok1 := a.(float64)
	y, ok2 := b.(float64)
	if ok1 && ok2 {
		return math.Float64bits(x) == math.Float64bits(y) || math.IsNaN(x) && math.IsNaN(y)
	}
	return a == b
}
