package bench

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// chainsOf is a job of chains with n maps a label, and the chains.
func chainsOf(t *testing.T, path string, n int) (*rdd.Job, []Chain) {
	t.Helper()
	var maps, sums strings.Builder
	var out []Chain
	for _, l := range [][2]string{{"error", "wh"}, {"backup", "back"}, {"information", "mv"}} {
		c := Chain{Label: l[0], Column: l[1]}
		in := l[1]
		for i := range n {
			c.Mul, c.Add = append(c.Mul, 0.3+float64(i)/10), append(c.Add, 1.7*float64(i))
			fmt.Fprintf(&maps, "    - map: {for: %s, set: {x: %s * %v + %v}}\n", l[0], in, c.Mul[i], c.Add[i])
			in = "x"
		}
		fmt.Fprintf(&sums, "  %[1]s_sums:\n    - from: events\n    - reduce: {from: %[1]s, by: feeder, get: {x: sum(x), n: count()}}\n    - write: {parquet: \"${out}/%[1]s\"}\n", l[0])
		out = append(out, c)
	}
	text := "job: chains\nlabels: [error, backup, information, error_sums, backup_sums, information_sums]\nvars: {path: '', out: ''}\ndatasets:\n  events:\n" +
		"    - read: {parquet: \"${path}\"}\n    - tag: {column: kind, identity: [meter, ts], time: ts}\n" + maps.String() + sums.String()
	j, err := jobfile.Parse("chains.yaml", []byte(text), map[string]string{"path": path, "out": filepath.Join(t.TempDir(), "out")}, kinds())
	if err != nil {
		t.Fatal(err)
	}
	return j, out
}

// The ideal of chains does the engine's work: the same rows, bit for bit, for
// every mix, number of maps and threads, by the linear plan too.
func TestIdealChainsEqualsEngine(t *testing.T) {
	for _, c := range []struct {
		name         string
		o            rdd.Options
		ops, threads int
	}{
		{"one map", rdd.Options{"rows": int64(20_000)}, 1, 2},
		{"many maps", rdd.Options{"rows": int64(20_000), "mix": "40/30/30"}, 16, 1},
		{"few errors, more threads than files", rdd.Options{"rows": int64(20_000), "mix": "1/4/95"}, 4, 7},
		{"one label only", rdd.Options{"rows": int64(5_000), "mix": "0/0/100"}, 3, 2},
		{"four events", rdd.Options{"rows": int64(4)}, 2, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := events(t, c.o, 3000)
			j, _ := chainsOf(t, path, c.ops)
			want, err := engine.Run(t.Context(), j, engine.Config{Kinds: kinds(), Mode: planner.Masked})
			if err != nil {
				t.Fatal(err)
			}
			j, chains := chainsOf(t, path, c.ops)
			got, ph, err := IdealChains(t.Context(), plan(t, j), chains, kinds(), c.threads)
			if err != nil {
				t.Fatal(err)
			}
			if got.Checksum != want.Checksum || got.Rows != want.RowsIn || got.RowsOut != want.RowsOut {
				t.Errorf("got %d rows of %d, checksum %s, want %d of %d, %s", got.RowsOut, got.Rows, got.Checksum,
					want.RowsOut, want.RowsIn, want.Checksum)
			}
			if got.Wall <= 0 || got.Wall != ph.Read+ph.Tag+ph.Compute+ph.Sink {
				t.Errorf("wall %v, phases %+v", got.Wall, ph)
			}
		})
	}
}

// Jobs and events that the ideal was not written for are refused.
func TestIdealChainsRefuses(t *testing.T) {
	j, chains := chainsOf(t, events(t, rdd.Options{"rows": int64(2_000)}, 3000), 2)
	p := plan(t, j)
	j, _ = chainsOf(t, events(t, rdd.Options{"rows": int64(2_000), "dirt": 0.1}, 3000), 2)
	dirty := plan(t, j)
	if _, _, err := IdealChains(t.Context(), dirty, chains, kinds(), 2); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "rows have no label") {
		t.Errorf("got %v", err)
	}
	for text, given := range map[string][]Chain{
		"of 3 chains":       chains[:2],
		"no column nothing": {chains[0], chains[1], {Label: "information", Column: "nothing"}},
		"feeder is":         {chains[0], chains[1], {Label: "information", Column: "feeder"}},
	} {
		if _, _, err := IdealChains(t.Context(), p, given, kinds(), 2); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), text) {
			t.Errorf("want %q, got %v", text, err)
		}
	}
}
