package cluster_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/console"
	"github.com/idag/idag/connectors/csv"
	"github.com/idag/idag/connectors/generate"
	"github.com/idag/idag/connectors/json"
	"github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/engine/cluster/town"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

func kinds() connectors.Registry {
	return connectors.NewRegistry(console.Kind(), csv.Kind(), generate.Kind(), json.Kind(), parquet.Kind())
}

func modes() []planner.Mode {
	return []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged}
}

func parsedWith(t testing.TB, src string, kinds connectors.Registry) *rdd.Job {
	t.Helper()
	job, err := jobfile.Parse("job.yaml", []byte(src), nil, kinds)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func parsed(t testing.TB, src string, vars map[string]string) *rdd.Job {
	t.Helper()
	job, err := jobfile.Parse("job.yaml", []byte(src), vars, kinds())
	if err != nil {
		t.Fatal(err)
	}
	return job
}

const sums = `
job: sums
labels: [error, backup, information, per_meter]
vars: {to: ""}
settings: {batch_rows: 4000, in_flight: 2}
datasets:
  events:
    - read: {generate: {events: meter, rows: 20000, dirt: 0.01, partitions: 3, meters: 100}}
    - tag: {column: kind, identity: [meter, ts], time: ts}
    - map: {for: error, set: {severity: code / 100}}
    - window: {time: ts, tumbling: 6 hours}
    - write: {json: "${to}/errors", from: error, columns: [meter, ts, severity]}
  sums:
    - from: events
    - reduce: {from: [backup, information], as: per_meter, by: [meter, window_start], get: {wh: sum(wh), n: count()}}
    - write: {parquet: "${to}/sums"}
`

// TestRun proves that a job comes to the same on a cluster as in one process, in every
// plan, with its files and its dead letters, and that nothing is left open or behind.
func TestRun(t *testing.T) {
	for _, mode := range modes() {
		local, letters := t.TempDir(), t.TempDir()
		want, err := engine.Run(t.Context(), parsed(t, sums, map[string]string{"to": local}),
			engine.Config{Mode: mode, Executors: 2, Kinds: kinds(), DeadLetters: letters})
		if err != nil {
			t.Fatal(err)
		}
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		c := town.New(3, cluster.ExecutorConfig{Kinds: kinds(), Mem: mem, Memory: 1000, Temp: t.TempDir()})
		to, letters := t.TempDir(), t.TempDir()
		got, err := engine.Run(context.Background(), parsed(t, sums, map[string]string{"to": to}),
			engine.Config{Mode: mode, Kinds: kinds(), DeadLetters: letters, Mem: mem, Connect: c.Connect, Ledger: t.TempDir()})
		if err != nil {
			t.Fatalf("%s plan: %v", mode, err)
		}
		if open := c.Open(); len(open) > 0 {
			t.Errorf("the run is still open on %v", open)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		mem.AssertSize(t, 0)
		if got.Checksum != want.Checksum || got.RowsOut != want.RowsOut || got.DeadLetters != want.DeadLetters || want.DeadLetters == 0 {
			t.Errorf("%s plan: %d rows with checksum %s, %d dead; in one process %d with %s, %d", mode,
				got.RowsOut, got.Checksum, got.DeadLetters, want.RowsOut, want.Checksum, want.DeadLetters)
		}
		for _, dir := range []string{filepath.Join(to, "errors"), filepath.Join(to, "sums"), letters} {
			if _, err := os.Stat(filepath.Join(dir, ".staging")); err == nil {
				t.Errorf("%s: something staged is left", dir)
			}
		}
	}
}

// TestOtherPlan proves that an executor which compiles the job to another plan than the
// driver refuses the run and names both.
func TestOtherPlan(t *testing.T) {
	c := town.New(1, cluster.ExecutorConfig{Kinds: kinds()})
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, err := engine.Run(t.Context(), parsed(t, sums, map[string]string{"to": t.TempDir()}), engine.Config{Kinds: kinds(),
		Connect: func(ctx context.Context, o wire.Opening) (engine.Remote, error) {
			o.Digest = "0123456789abcdef"
			return c.Connect(ctx, o)
		}})
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "0123456789abcdef") || !strings.Contains(err.Error(), "versions") {
		t.Errorf("%v", err)
	}
}
