package bench

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestFigure(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   Figure
	}{
		{[]float64{3}, Figure{3, 3, 3, 1, "s"}},
		{[]float64{3, 1, 2}, Figure{2, 1, 3, 3, "s"}},
		{[]float64{3, 1, 2, 10}, Figure{2.5, 1, 10, 4, "s"}},
	} {
		got := Samples{}
		for _, v := range c.values {
			got.Add("x", "s", v)
		}
		if f, ok := got.Figure("x"); !ok || f != c.want {
			t.Errorf("%v: got %+v, want %+v", c.values, f, c.want)
		}
	}
	if _, ok := (Samples{}).Figure("x"); ok {
		t.Error("a figure of nothing")
	}
}

// Half of the values are not above the median and half not below, it lies
// between the ends, and the order of the values does not matter.
func TestMedian(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(-1e9, 1e9), 1, 30).Draw(t, "values")
		a, b := Samples{}, Samples{}
		for i := range values {
			a.Add("x", "s", values[i])
			b.Add("x", "s", values[len(values)-1-i])
		}
		f, _ := a.Figure("x")
		if g, _ := b.Figure("x"); f != g {
			t.Fatalf("%+v backwards, %+v forwards", g, f)
		}
		below, above := 0, 0
		for _, v := range values {
			if v < f.Median {
				below++
			}
			if v > f.Median {
				above++
			}
		}
		if 2*below > len(values) || 2*above > len(values) || f.Min > f.Median || f.Median > f.Max || f.N != len(values) {
			t.Fatalf("%+v: %d below, %d above", f, below, above)
		}
	})
}

// named makes contenders that note when they run.
func named(order *[]string, names string, outcome func(name string) (Outcome, error)) []Contender {
	var out []Contender
	for _, name := range strings.Fields(names) {
		out = append(out, Contender{Name: name, Run: func(context.Context) (Outcome, error) {
			*order = append(*order, name)
			return outcome(name)
		}})
	}
	return out
}

// The order rotates, the first round is thrown away, and outcomes come in the
// order of the contenders.
func TestRounds(t *testing.T) {
	var order []string
	list := named(&order, "a b c", func(name string) (Outcome, error) {
		return Outcome{Wall: time.Duration(len(order)), Rows: int64(name[0] - 'a')}, nil
	})
	rounds := 0
	err := Rounds(t.Context(), 2, list, func(round []Outcome) {
		rounds++
		for i, o := range round {
			if o.Rows != int64(i) || o.Wall <= 3 {
				t.Errorf("round %d, outcome %d: %+v", rounds, i, o)
			}
		}
	})
	if got := strings.Join(order, " "); err != nil || rounds != 2 || got != "a b c b c a c a b" {
		t.Errorf("%d rounds, %s, %v", rounds, got, err)
	}
}

// Results are compared within a round and from round to round; what has no
// result is not.
func TestRoundsUnequal(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name    string
		outcome func(name string, calls int) (Outcome, error)
		want    error
	}{
		{"equal", func(string, int) (Outcome, error) { return Outcome{Checksum: "x", Rows: 1}, nil }, nil},
		{"no result", func(name string, _ int) (Outcome, error) {
			if name == "b" {
				return Outcome{Rows: 7}, nil
			}
			return Outcome{Checksum: "x", Rows: 1}, nil
		}, nil},
		{"another checksum", func(name string, _ int) (Outcome, error) { return Outcome{Checksum: name}, nil }, ErrUnequal},
		{"later", func(_ string, calls int) (Outcome, error) {
			return Outcome{Checksum: "x", RowsOut: int64(calls / 5)}, nil
		}, ErrUnequal},
		{"fewer rows", func(name string, _ int) (Outcome, error) {
			return Outcome{Checksum: "x", Rows: int64(name[0])}, nil
		}, ErrUnequal},
		{"failure", func(string, int) (Outcome, error) { return Outcome{}, boom }, boom},
	} {
		var order []string
		list := named(&order, "a b", func(name string) (Outcome, error) { return c.outcome(name, len(order)) })
		if err := Rounds(t.Context(), 3, list, func([]Outcome) {}); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestOnCores(t *testing.T) {
	before, during := runtime.GOMAXPROCS(0), 0
	c := OnCores(1, Contender{Name: "x", Run: func(context.Context) (Outcome, error) {
		during = runtime.GOMAXPROCS(0)
		return Outcome{}, nil
	}})
	if _, err := c.Run(t.Context()); err != nil || during != 1 || runtime.GOMAXPROCS(0) != before || c.Name != "x" {
		t.Errorf("during %d, before %d, after %d, %v", during, before, runtime.GOMAXPROCS(0), err)
	}
}
