package arrow_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/arrow"
	"github.com/idag/idag/connectors/generate"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

const job = `
job: meter
labels: [error, backup, information]
vars: {to: ""}
datasets:
  events:
    - read: FROM
    - tag: {column: kind, identity: [meter, ts], time: ts}
    - map: {for: [backup, information], set: {w: mv * ma / 1000000}}
    - filter: {for: error, where: code > 2}
    - write: {arrow: {path: "${to}", compression: zstd}}
`

// TestJob proves that a job over Arrow files gives the same rows in every plan
// and on any number of executors, and the rows of the events they hold.
func TestJob(t *testing.T) {
	kinds := connectors.NewRegistry(arrow.Kind(), generate.Kind())
	run := func(from string, mode planner.Mode, executors int) (engine.Summary, string) {
		to := filepath.Join(t.TempDir(), "out")
		j, err := jobfile.Parse("job.yaml", []byte(strings.Replace(job, "FROM", from, 1)), map[string]string{"to": to}, kinds)
		if err != nil {
			t.Fatal(err)
		}
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		sum, err := engine.Run(context.Background(), j.With(rdd.Settings{BatchRows: 5000}), engine.Config{Mode: mode, Executors: executors, Kinds: kinds, Mem: mem})
		if err != nil {
			t.Fatal(err)
		}
		mem.AssertSize(t, 0)
		return sum, to
	}
	first, out := run("{generate: {events: meter, rows: 20000}}", planner.IDAG, 2)
	want, _ := run(`{arrow: {path: "`+out+`", union_by_name: true}}`, planner.IDAG, 1)
	if want.RowsIn != first.RowsOut || want.RowsOut == 0 {
		t.Fatalf("%d rows were written, %d read", first.RowsOut, want.RowsIn)
	}
	for i, mode := range []planner.Mode{planner.Masked, planner.Selection, planner.IDAG, planner.Staged} {
		got, _ := run(`{arrow: {path: "`+out+`", union_by_name: true}}`, mode, i+1)
		if got.Checksum != want.Checksum || got.RowsOut != want.RowsOut {
			t.Errorf("%v: %d rows with checksum %s, want %d with %s", mode, got.RowsOut, got.Checksum, want.RowsOut, want.Checksum)
		}
	}
}
