package cli

import (
	"testing"
	"time"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/bench/chaos"
)

// Every figure that chaos gives is explained, and every kind of fault has figures.
func TestBenchChaosFigures(t *testing.T) {
	r := chaos.Result{Runs: 2, Faults: map[chaos.Kind]int{}, Recovered: map[chaos.Kind][]time.Duration{}, Again: []int64{3, 5}, Stuck: 1,
		Verdict: bench.Verdict{Lost: 2, Doubled: 3}}
	for _, k := range chaos.Kinds() {
		r.Faults[k], r.Recovered[k] = 2, []time.Duration{time.Second, 3 * time.Second}
	}
	got := chaosFigures(r)
	explained := map[string]bool{}
	for _, f := range benchChaos().figures(nil) {
		explained[f[0]] = true
		if _, ok := got.Figure(f[0]); !ok {
			t.Errorf("%s is explained and not given", f[0])
		}
	}
	for name := range got {
		if !explained[name] {
			t.Errorf("%s is given and not explained", name)
		}
	}
	for name, want := range map[string]float64{"faults": float64(2 * len(chaos.Kinds())), "wrong": 6, "tasks_again": 4, "recovery_cut_s": 2} {
		if f, _ := got.Figure(name); f.Median != want {
			t.Errorf("%s is %v, not %v", name, f.Median, want)
		}
	}
}
