package agg

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"pgregory.net/rapid"
)

// floatTable sums, averages and spreads values, in as many tables as parts.
func floatTable(t *testing.T, parts ...[]any) map[string]string {
	mem := checked(t)
	r := rand.New(rand.NewPCG(1, 1))
	f64 := arrow.PrimitiveTypes.Float64
	specs := []Spec{{Func: "sum", Arg: f64}, {Func: "avg", Arg: f64}, {Func: "stddev", Arg: f64}}
	whole := NewTable(mem, nil, specs)
	defer whole.Release()
	for _, p := range parts {
		part := NewTable(mem, nil, specs)
		a := build(mem, r, f64, p)
		if err := part.Update(nil, []arrow.Array{a, a, a}, Order{}, len(p)); err != nil {
			t.Fatal(err)
		}
		states := part.States(nil)
		if err := whole.Merge(nil, states, 1); err != nil {
			t.Fatal(err)
		}
		release(append(states, a))
		part.Release()
	}
	return results(whole, nil)
}

func TestFloatCorners(t *testing.T) {
	inf, nan, big, minusZero := math.Inf(1), math.NaN(), math.MaxFloat64, math.Copysign(0, -1)
	x, y := -3.72, -6.72
	show := func(sum, avg, dev any) string {
		return fmt.Sprintf("%s; %s; %s; ", showValue(sum), showValue(avg), showValue(dev))
	}
	for _, c := range []struct {
		name  string
		parts [][]any
		want  string
	}{
		{"nothing", [][]any{{}, {nil}}, show(nil, nil, nil)},
		{"one value", [][]any{{1.5}, {}}, show(1.5, 1.5, nil)},
		{"minus zero", [][]any{{minusZero, nil}, {minusZero}}, show(0.0, 0.0, 0.0)},
		{"minus zero and null", [][]any{{minusZero, nil}}, show(0.0, 0.0, nil)},
		{"cancellation", [][]any{{1e16, 1.0}, {-1e16}}, show(1.0, 1.0/3, math.Sqrt((2e32+1-1.0/3)/2))},
		{"cancellation the other way", [][]any{{1e16}, {-1e16, 1.0}}, show(1.0, 1.0/3, math.Sqrt((2e32+1-1.0/3)/2))},
		{"infinity", [][]any{{inf, 1.0}, {2.0}}, show(inf, inf, nan)},
		{"infinities", [][]any{{inf}, {-inf}}, show(nan, nan, nan)},
		{"nan", [][]any{{1.0, nan}, {1.0}}, show(nan, nan, nan)},
		{"out of range", [][]any{{big, big}, {1.0}}, show(inf, inf, nan)},
		{"squares out of range", [][]any{{1e200}, {3e200}}, show(4e200, 2e200, inf)},
		{"equal values", [][]any{{0.1, 0.1}, {0.1}}, show(0.30000000000000004, 0.30000000000000004/3, 0.0)},
		{"variance next to a rounding tie", [][]any{{x}, {y}}, show(x+y, (x+y)/2, 2.1213203435596424)},
		{"small spread", [][]any{{1e9 + 1}, {1e9 + 2, 1e9 + 3}}, show(3e9+6, 1e9+2, 1.0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := floatTable(t, c.parts...)["()"]; got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestSumIntOverflow: only the final value counts.
func TestSumIntOverflow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		vals []any
		want string
	}{
		{[]any{int64(math.MaxInt64), int64(math.MaxInt64), int64(-math.MaxInt64)}, fmt.Sprint(math.MaxInt64) + "; "},
		{[]any{int64(math.MaxInt64), int64(1)}, "null; "},
		{[]any{int64(math.MinInt64), int64(-1)}, "null; "},
		{[]any{int64(math.MinInt64), int64(-1), int64(1)}, fmt.Sprint(math.MinInt64) + "; "},
		{[]any{nil}, "null; "},
	} {
		table := NewTable(checked(t), nil, []Spec{{Func: "sum", Arg: arrow.PrimitiveTypes.Int64}})
		a := build(checked(t), r, arrow.PrimitiveTypes.Int64, c.vals)
		if err := table.Update(nil, []arrow.Array{a}, Order{}, len(c.vals)); err != nil {
			t.Fatal(err)
		}
		if got := results(table, nil)["()"]; got != c.want {
			t.Errorf("sum of %v is %s, want %s", c.vals, got, c.want)
		}
		a.Release()
		table.Release()
	}
}

// TestFloat128 compares with big floats.
func TestFloat128(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		vals := rapid.SliceOfN(rapid.Int64(), 1, 20).Draw(rt, "values")
		var s [2]uint64
		want := exact(0)
		for _, v := range vals {
			for range 7 {
				add128(&s, v)
				want.Add(want, exact(0).SetInt64(v))
			}
		}
		if w, _ := want.Float64(); float128(s[0], s[1]) != w {
			t.Fatalf("%v, want %v", float128(s[0], s[1]), w)
		}
	})
}
