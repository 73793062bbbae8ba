package bypass

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/json"
	"github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// pretend is an engine that runs nothing and says what it is told to.
func pretend(run func(m planner.Mode) Run) Engine {
	return Engine{
		Kinds:    connectors.NewRegistry(parquet.Kind(), json.Kind()),
		Run:      func(_ context.Context, _ *rdd.Job, m planner.Mode) (Run, error) { return run(m), nil },
		Generate: func(context.Context, string, rdd.Options, int, func()) error { return nil },
	}
}

// Results that disagree end an experiment: no figure is made of them.
func TestPlansThatDisagree(t *testing.T) {
	for _, only := range []string{"labelling", "joins", "frames", "stage01", "stage0n", "nobypass"} {
		s := settings()
		s.Only, s.Runs = []string{only}, 2
		n := 0
		e := pretend(func(planner.Mode) Run {
			n++
			return Run{Outcome: bench.Outcome{Wall: time.Second, Checksum: strings.Repeat("x", n)}}
		})
		r, err := Measure(t.Context(), e, s, func(string) {})
		if !errors.Is(err, bench.ErrUnequal) || !strings.HasPrefix(err.Error(), only+": ") {
			t.Errorf("%s: %v", only, err)
		}
		for _, f := range Figures(&s) {
			if x, ok := r.Samples.Figure(f.Name); ok && x.Unit == "ratio" {
				t.Errorf("%s: there is a figure %s", only, f.Name)
			}
		}
	}
}

// Labelling errors that are not counted as they were seeded are the engine's
// fault, and so is a list of what was done that nothing came of.
func TestCountsThatAreWrong(t *testing.T) {
	for only, text := range map[string]string{"faults": "seeded map[", "stage01": "nothing was passed by as done"} {
		s := settings()
		s.Only = []string{only}
		_, err := Measure(t.Context(), pretend(func(planner.Mode) Run { return Run{Outcome: bench.Outcome{Wall: 1}} }), s, func(string) {})
		if fault.Of(err) != fault.Bug || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", only, err)
		}
	}
}

// An engine that is faster than the ideal gives the measurement the lie, unless
// the runs are too few or too short to tell.
func TestTooEfficient(t *testing.T) {
	for _, c := range []struct {
		efficiency, seconds float64
		rounds              int
		wrong               bool
	}{
		{1.01, 1, 3, false},
		{1.03, 1, 3, true},
		{1.5, 0.01, 3, false},
		{1.5, 1, 2, false},
	} {
		l := &lab{out: Result{Samples: bench.Samples{}}}
		for range c.rounds {
			l.out.Samples.Add("efficiency_x", "ratio", c.efficiency)
			l.out.Samples.Add("took", "s", c.seconds)
		}
		if l.judge("efficiency_x", "took"); (l.wrong != nil) != c.wrong || c.wrong && fault.Of(l.wrong) != fault.Bug {
			t.Errorf("%+v: %v", c, l.wrong)
		}
	}
}

// The smallest of some figures is the one with the smallest median, whole.
func TestSmallest(t *testing.T) {
	l := &lab{out: Result{Samples: bench.Samples{}}}
	for _, v := range []float64{0.5, 0.9, 0.9} {
		l.out.Samples.Add("a", "ratio", v)
	}
	for _, v := range []float64{0.7, 0.8, 0.8} {
		l.out.Samples.Add("b", "ratio", v)
	}
	l.smallest("least", []string{"a", "b"})
	if f, _ := l.out.Samples.Figure("least"); f.Median != 0.8 || f.Min != 0.7 || f.N != 3 {
		t.Errorf("got %+v", f)
	}
}
