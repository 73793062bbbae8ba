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
		"weather2": {Min: "snoa", Max: "snow"},
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
		{"1 / (charge - 20) > 5 OR charge > 0", true, false}, // the failures would count
		{"1 / charge > 5 OR charge > 0", true, true},
		{"charge > 0 OR 1 / charge > 5", true, true},
		{"CASE WHEN charge > 50 THEN TRUE END", false, false},
		{"CASE WHEN charge > 5 THEN charge < 51 ELSE 1 / 0 > 0 END", true, true},
		{"CASE charge WHEN 60 THEN FALSE ELSE weather2 < 'z' END", true, true},
		{"NOT charge BETWEEN 60 AND 1 / 0", true, false}, // both ends are reached, and one fails
		{"NOT charge BETWEEN 60 AND 70", true, true},
		{"charge <=> NULL", false, false},
		{"charge IS NOT NULL AND NOT charge <=> NULL", true, true},
		{"ok <=> NULL", true, true},
		{"coalesce(weather, 'snowy') <= 'snowy'", true, true},
		{"coalesce(ok, charge > 0)", true, true},
		{"nullif(charge, 60) IS NOT NULL", true, true},
		{"nullif(charge, 30) IS NOT NULL", true, false},
		{"greatest(charge, 20) BETWEEN 20 AND 50", true, true},
		{"least(charge, 20) <= 20", true, true},
		{"least(net, 100.0) <= 9.5", true, false}, // NaN is larger, and 100 too
		{"least(net, 9.0) <= 9.0", true, true},
		{"greatest(net, 9.0) <= 9.5", true, false},
		{"-charge <= -10", true, true},
		{"abs(charge - 30) <= 20", true, true},
		{"charge * 2 <= 100", true, true},
		{"charge * 9223372036854775807 > 0", true, false},
		{"charge / 10 >= 1", true, true},
		{"charge * 0.5 + 1 <= 26", true, true},
		{"net + 1 >= 1", true, false}, // NaN, of which nothing is known further on
		{"nanvl(charge * 1.0, 7) <= 50", true, true},
		{"CAST(weather AS double) IS NOT NULL", true, false},
		{"CAST(weather2 AS double) IS NOT NULL", true, false}, // not every text is a number
		{"CAST(charge AS double) IS NOT NULL", true, true},
		{"CAST(ts AS date) <= DATE '1970-01-02'", true, true},
		{"CAST(ts AS date) = DATE '1970-01-03'", false, false},
		{"weather2 LIKE 'sno%'", true, true},
		{"weather2 LIKE 'snow%'", true, false},
		{"weather2 LIKE 'sno_'", true, false},
		{"weather2 LIKE 'sno'", false, false},
		{"weather2 LIKE 'snob'", true, false},
		{"weather2 LIKE 'rain'", false, false},
		{"weather2 LIKE '%'", true, true},
		{"weather2 NOT LIKE 'r%'", true, true},
		{"twice2 = 1", true, false},
	} {
		n, err := Parse(c.src)
		if err != nil {
			t.Fatal(err)
		}
		fields := append(carSchema().Fields()[:6], arrow.Field{Name: "twice2", Type: kInt.arrow()}, arrow.Field{Name: "weather2", Type: kString.arrow()})
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
// CanBeTrue and AlwaysTrue, for random predicates, and that both decide something
// often enough to be of use.
func TestBoundsAreSound(t *testing.T) {
	schema := testSchema()
	proven := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		b := drawNarrow(t, mem, schema)
		defer b.release()
		bounds := drawBounds(t, schema, b)
		n := drawJudged(t, kBool)
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
		if len(p.Columns()) > 0 && (always || !maybe) {
			proven[always]++
		}
		for i, row := range b.rows {
			isTrue := valueAt(r.Values, i) == true
			if isTrue && !maybe || always && (!isTrue || r.Nulled != nil) {
				t.Fatalf("%s is %v for %v, but with %v can be true is %v, always true %v", n, valueAt(r.Values, i), row, bounds, maybe, always)
			}
		}
	})
	if proven[true] < 3 || proven[false] < 3 {
		t.Errorf("of predicates over columns only %d are always true, %d never", proven[true], proven[false])
	}
}

// drawJudged draws of all that the analysis looks into, or of the whole language.
func drawJudged(t *rapid.T, k kind) Node {
	switch {
	case rapid.IntRange(0, 3).Draw(t, "whole language") == 0:
		return drawExpr(t, k, 3)
	case k == kBool:
		return drawPredicate(t, 2)
	}
	return drawChoice(t, k, 2)
}

// drawChoice draws expressions that often come to one of their columns.
func drawChoice(t *rapid.T, k kind, depth int) Node {
	if depth == 0 {
		return drawLeaf(t, k)
	}
	x := func() Node { return drawChoice(t, k, depth-1) }
	call := func(name string, args ...Node) Node { return &Call{Name: name, Args: args} }
	cond := func() Node { return drawPredicate(t, 0) }
	zero, one := &Literal{Value: int64(0)}, &Literal{Value: int64(1)}
	forms := []func() Node{
		func() Node { return call("coalesce", x(), x()) },
		func() Node { return call("if", cond(), x(), x()) },
		func() Node { return &Case{Whens: []When{{cond(), x()}, {cond(), x()}}, Else: x()} },
		func() Node {
			return &Case{Operand: drawLeaf(t, kInt), Whens: []When{{drawLeaf(t, kInt), x()}}, Else: x()}
		},
		func() Node { return call("nullif", x(), drawLeaf(t, k)) },
		func() Node { return call("greatest", drawLeaf(t, k), x()) },
		func() Node { return call("least", x(), drawLeaf(t, k)) },
		func() Node { return &Cast{X: x(), To: k.arrow()} },
	}
	switch k {
	case kInt:
		forms = append(forms, func() Node { return call("+", x(), zero) }, func() Node { return call("*", one, x()) },
			func() Node { return call("abs", x()) }, func() Node { return call("-", x(), drawLeaf(t, k)) }, func() Node { return call("*", x(), drawLeaf(t, k)) })
	case kFloat:
		forms = append(forms, func() Node { return call("nanvl", x(), drawLeaf(t, k)) }, func() Node { return call("abs", x()) },
			func() Node { return call("neg", x()) }, func() Node { return call("+", x(), &Literal{Value: 0.0}) },
			func() Node {
				return call(rapid.SampledFrom([]string{"+", "-", "*", "/"}).Draw(t, "op"), x(), drawLeaf(t, k))
			})
	case kDate:
		forms = append(forms, func() Node { return &Cast{X: drawLeaf(t, kTime), To: k.arrow()} })
	case kTime:
		forms = append(forms, func() Node { return &Cast{X: drawLeaf(t, kDate), To: k.arrow()} })
	default:
	}
	return forms[rapid.IntRange(0, len(forms)-1).Draw(t, "choice")]()
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
	leaf := func() Node { return drawChoice(t, k, rapid.SampledFrom([]int{0, 0, 1}).Draw(t, "depth")) }
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
