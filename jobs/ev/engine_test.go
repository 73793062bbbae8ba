package ev_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/connectors/console"
	"github.com/idag/idag/connectors/csv"
	"github.com/idag/idag/connectors/generate"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/jobs/ev"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// results are the rows of the job's sinks, by the last part of their names.
type results struct {
	rows     map[string][]memory.Row
	checksum string
	dead     int64
}

// run runs the job with variables through the engine.
func run(t testing.TB, vars map[string]string, change func(*rdd.Job, *engine.Config)) results {
	t.Helper()
	all := map[string]string{"sink": "memory", "out": "r", "trips": "1"}
	for k, v := range vars {
		all[k] = v
	}
	job, err := ev.Job(all)
	if err != nil {
		t.Fatal(err)
	}
	return runJob(t, job, change)
}

func runJob(t testing.TB, job *rdd.Job, change func(*rdd.Job, *engine.Config)) results {
	t.Helper()
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	store := memory.NewStore(mem)
	cfg := engine.Config{Mode: planner.IDAG, Mem: mem, Executors: 1,
		Kinds: connectors.NewRegistry(generate.Kind(), csv.Kind(), parquet.Kind(), console.Kind(), store.Kind(), broadcast.Kind())}
	if change != nil {
		change(job, &cfg)
	}
	s, err := engine.Run(context.Background(), job, cfg)
	if err != nil {
		t.Fatal(err)
	}
	out := results{rows: map[string][]memory.Row{}, checksum: s.Checksum, dead: s.DeadLetters}
	for _, name := range []string{"incidents", "predictions", "nodes", "rounds", "states"} {
		out.rows[name] = slices.Clone(store.Rows("r/" + name))
	}
	start := func(r memory.Row) arrow.Timestamp { at, _ := r.Values[rdd.WindowStart].(arrow.Timestamp); return at }
	slices.SortFunc(out.rows["rounds"], func(a, b memory.Row) int { return cmp.Compare(start(a), start(b)) })
	store.Release()
	mem.AssertSize(t, 0)
	return out
}

// rounds are the rows of the rounds as text, without what only says how long they took.
func (r results) rounds() string {
	out := ""
	for _, row := range r.rows["rounds"] {
		out += fmt.Sprintln(row.Values)
	}
	return out
}

// TestSamePlans proves that the job comes to the same rows, bit for bit, in every plan and on
// several executors, and to the same rounds however the input is cut.
func TestSamePlans(t *testing.T) {
	vars := map[string]string{"trips": "1", "stale": "node2:1", "central": "on"}
	first := run(t, vars, nil)
	if n := len(first.rows["rounds"]); n < 10 {
		t.Fatalf("%d rounds", n)
	}
	for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged} {
		for _, executors := range []int{1, 3} {
			got := run(t, vars, func(_ *rdd.Job, c *engine.Config) { c.Mode, c.Executors = mode, executors })
			if got.checksum != first.checksum {
				t.Errorf("%s plan, %d executors: checksum %s, others %s", mode, executors, got.checksum, first.checksum)
			}
		}
	}
	for _, rows := range []int64{100, 100_000} {
		got := run(t, vars, func(j *rdd.Job, _ *engine.Config) { j.Settings.BatchRows = rows })
		if got.rounds() != first.rounds() {
			t.Errorf("batches of %d rows come to other rounds:\n%s\n%s", rows, got.rounds(), first.rounds())
		}
	}
}
