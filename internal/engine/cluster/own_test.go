package cluster_test

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/engine/cluster/town"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/twin"
	"github.com/idag/idag/rdd/fn"
)

const owned = `
job: owned
labels: [error, backup, information]
vars: {to: out}
settings: {batch_rows: 1000}
datasets:
  events:
    - read: {generate: {events: meter, rows: 8000, partitions: 3}}
    - tag: {column: kind}
    - map: {set: {weight: length(meter)}}
    - apply: {for: [backup, information], func: own_positive, columns: {f: wh, is: used}}
    - apply: {for: information, func: own_weighed, columns: {x: weight, s: meter, y: weight}}
  sums:
    - from: events
    - reduce: {from: [backup, information], by: [meter], get: {spread: "own_spread(weight, kind)", n: count()}}
    - write: {parquet: "${to}"}
`

// TestFunctionsOnManyNodes: a job that calls functions of the program gives on executors
// elsewhere, which have the job as text and the functions of their own program, what it
// gives in one process.
func TestFunctionsOnManyNodes(t *testing.T) {
	for _, mode := range modes() {
		want, err := engine.Run(t.Context(), parsed(t, owned, map[string]string{"to": t.TempDir()}).Using(twin.Functions()), engine.Config{Mode: mode, Executors: 2, Kinds: kinds()})
		if err != nil {
			t.Fatal(err)
		}
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		c := town.New(3, cluster.ExecutorConfig{Kinds: kinds(), Functions: twin.Functions(), Mem: mem})
		got, err := engine.Run(t.Context(), parsed(t, owned, map[string]string{"to": t.TempDir()}).Using(twin.Functions()),
			engine.Config{Mode: mode, Kinds: kinds(), Mem: mem, Connect: c.Connect, Ledger: t.TempDir()})
		if err != nil {
			t.Fatalf("%s plan: %v", mode, err)
		}
		if open := c.Open(); len(open) > 0 {
			t.Errorf("open after the run: %v", open)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		mem.AssertSize(t, 0)
		if got.Checksum != want.Checksum || got.RowsOut != want.RowsOut || want.RowsOut == 0 {
			t.Errorf("%s plan: %d rows with checksum %s, in one process %d with %s", mode, got.RowsOut, got.Checksum, want.RowsOut, want.Checksum)
		}
	}
}

// TestNodesOfOtherPrograms: an executor that lacks a function, or has it in another version,
// refuses the run and says why.
func TestNodesOfOtherPrograms(t *testing.T) {
	newer, err := twin.Functions().Func("own_weighed")
	if err != nil {
		t.Fatal(err)
	}
	newer.Version, newer.Writes = "2", []fn.Column{{Name: "y", Type: arrow.PrimitiveTypes.Int64}}
	for want, functions := range map[string]fn.Set{
		`no function is called "own_weighed"; there are own_positive`: twin.Functions().Only("own_positive", "own_spread"),
		"versions": twin.Functions().With(newer),
	} {
		c := town.New(1, cluster.ExecutorConfig{Kinds: kinds(), Functions: functions})
		_, err := engine.Run(t.Context(), parsed(t, owned, map[string]string{"to": t.TempDir()}).Using(twin.Functions()), engine.Config{Kinds: kinds(), Connect: c.Connect})
		if fault.Of(err) != fault.Invalid || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got a %s: %v", want, fault.Of(err), err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
