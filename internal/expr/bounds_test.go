package expr

import (
	"math"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"
)

// TestBounds proves what can be decided from bounds.
func TestBounds(t *testing.T) {
	b := Bounds{
		"charge": {Min: int64(10), Max: int64(50)}, "net": {Min: 0.0, Max: 9.5, NaN: true}, "weather": {Min: "cloudy", Max: "snowy", Nulls: true},
		"ts":  {Min: arrow.Timestamp(0), Max: arrow.Timestamp(usDay)},
		"day": {Min: arrow.Date32(0), Max: arrow.Date32(1)}, "ok": {Nulls: true, AllNull: true},
	}
	for _, c := range [...]struct {
		src           string
		maybe, always bool
	}{
		{"charge <= 50", true, true},
		{"charge < 50", true, false},
		{"charge > 50", false, false},
		{"charge >= 10 AND charge BETWEEN 0 AND 100", true, true},
		{"charge = 60 OR charge < 10", false, false},
		{"NOT charge > 50", true, true},
		{"50 >= charge", true, true},
		{"charge <= 50.0", true, true},
		{"charge + 10 <= 60", true, true},
		{"60 - charge < 10", false, false},
		{"charge + 9223372036854775800 > 0", true, false}, // may overflow
		{"charge IN (1, 2, NULL)", false, false},
		{"charge IN (1, 20)", true, false},
		{"charge <> 60", true, true},
		{"charge IS NULL", false, false},
		{"charge IS NOT NULL", true, true},
		{"net <= 9.5", true, false}, // NaN is larger
		{"net >= 0", true, true},
		{"net > 100", true, false},
		{"net < -0.0", false, false},
		{"net < 0", false, false},
		{"net = -0.0", true, false},
		{"weather = 'sunny'", false, false},
		{"weather <= 'snowy'", true, false}, // null
		{"weather <= 'snowy' OR weather IS NULL", true, false},
		{"weather LIKE 'sno%'", true, false},
		{"weather LIKE 'sunn%'", false, false},
		{"weather LIKE 'a%'", false, false},
		{"weather LIKE '%y'", true, false},
		{"weather ILIKE 'sunn%'", true, false},
		{"ts < '1969-12-31'", false, false},
		{"ts <= '1970-01-02'", true, true},
		{"ts + INTERVAL '1 day' <= '1970-01-03'", true, true},
		{"day = '1970-02-01'", false, false},
		{"day <= ts", true, false},
		{"day < TIMESTAMP '1970-01-02 00:00:01'", true, true},
		{"ok", false, false},
		{"ok IS NULL", true, true},
		{"ok OR charge > 0", true, true},
		{"ok = TRUE", false, false},
		{"charge = net", true, false},
		{"strict(charge > 50)", true, false},
		{"FALSE", false, false},
		{"TRUE", true, true},
		{"1 / charge > 5 OR charge > 0", true, false}, // the failures would count
		{"charge > 0 OR 1 / charge > 5", true, true},
		{"CASE WHEN charge > 50 THEN TRUE END", true, false},
		{"twice2 = 1", true, false},
	} {
		n, err := Parse(c.src)
		if err != nil {
			t.Fatal(err)
		}
		fields := append(carSchema().Fields()[:6], arrow.Field{Name: "twice2", Type: kInt.arrow()})
		p, err := Check(n, arrow.NewSchema(fields, nil))
		if err != nil {
			t.Fatal(err)
		}
		if maybe, always := p.CanBeTrue(b), p.AlwaysTrue(b); maybe != c.maybe || always != c.always {
			t.Errorf("%s: can be true %v, always true %v; want %v %v", c.src, maybe, always, c.maybe, c.always)
		}
	}
}

// TestBoundsAreSound proves that no batch within the bounds contradicts
// CanBeTrue and AlwaysTrue, for random predicates.
func TestBoundsAreSound(t *testing.T) {
	schema := testSchema()
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		b := drawBatch(t, mem, schema)
		defer b.release()
		bounds := drawBounds(t, schema, b)
		n := drawPredicate(t, 2)
		p, err := Check(n, schema)
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		r, err := p.Eval(Env{Mem: mem, Now: time.Unix(0, 0)}, b.cols, len(b.rows))
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		defer r.Release()
		maybe, always := p.CanBeTrue(bounds), p.AlwaysTrue(bounds)
		for i, row := range b.rows {
			isTrue := valueAt(r.Values, i) == true
			if isTrue && !maybe || always && (!isTrue || r.Nulled != nil) {
				t.Fatalf("%s is %v for %v, but with %v can be true is %v, always true %v", n, valueAt(r.Values, i), row, bounds, maybe, always)
			}
		}
	})
}

// drawBounds gives bounds of a batch, some looser than they need be, some
// missing.
func drawBounds(t *rapid.T, schema *arrow.Schema, b batch) Bounds {
	bounds := Bounds{}
	for _, f := range schema.Fields() {
		if rapid.IntRange(0, 5).Draw(t, "unknown") == 0 {
			continue
		}
		r := Range{AllNull: true}
		for _, row := range b.rows {
			v := row[f.Name]
			if v == nil {
				r.Nulls = true
				continue
			}
			r.AllNull = false
			if x, ok := v.(float64); ok && math.IsNaN(x) {
				r.NaN = true
				continue
			}
			if r.Min == nil || compareTwin("<", v, r.Min) == true {
				r.Min = v
			}
			if r.Max == nil || compareTwin(">", v, r.Max) == true {
				r.Max = v
			}
		}
		if rapid.IntRange(0, 4).Draw(t, "no min") == 0 {
			r.Min = nil
		}
		if s, ok := r.Min.(string); ok && len(s) > 1 {
			r.Min = s[:1] // truncated, still below
		}
		if rapid.IntRange(0, 4).Draw(t, "no max") == 0 {
			r.Max = nil
		}
		bounds[f.Name] = r
	}
	return bounds
}

// drawPredicate draws of what the analysis looks into.
func drawPredicate(t *rapid.T, depth int) Node {
	k := rapid.SampledFrom([]kind{kBool, kInt, kFloat, kString, kTime, kDate}).Draw(t, "kind")
	call := func(name string, args ...Node) Node { return &Call{Name: name, Args: args} }
	leaf := func() Node { return drawLeaf(t, k) }
	switch form := rapid.IntRange(0, 9).Draw(t, "form"); {
	case depth > 0 && form < 4:
		return call(rapid.SampledFrom([]string{"and", "or"}).Draw(t, "logic"), drawPredicate(t, depth-1), drawPredicate(t, depth-1))
	case depth > 0 && form == 4:
		return call("not", drawPredicate(t, depth-1))
	case form == 5:
		return call("in", leaf(), leaf(), leaf())
	case form == 6:
		return call("between", leaf(), leaf(), leaf())
	case form == 7:
		if rapid.Bool().Draw(t, "same") {
			return call("<=>", leaf(), leaf())
		}
		return call("is_null", leaf())
	case form == 8 && k == kInt:
		sum := call(rapid.SampledFrom([]string{"+", "-"}).Draw(t, "sum"), drawLeaf(t, kInt), drawLeaf(t, kInt))
		return call("<=", sum, drawLeaf(t, rapid.SampledFrom([]kind{kInt, kFloat}).Draw(t, "other")))
	case form == 8:
		return call("like", drawLeaf(t, kString), &Literal{Value: rapid.SampledFrom([]string{"a%", "snow_", "%", "2%"}).Draw(t, "pattern")})
	}
	name := rapid.SampledFrom([]string{"=", "<>", "<", "<=", ">", ">="}).Draw(t, "compare")
	other := leaf()
	if k == kTime && rapid.Bool().Draw(t, "date") {
		other = drawLeaf(t, kDate)
	}
	return call(name, leaf(), other)
}
