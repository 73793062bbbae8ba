package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/jobfile"
)

// TestJoinsLeaveNothingOnDisk proves that rows which wait for a join go to the
// directory that the engine was given, that the result is the one of a run with room
// for all of them, and that nothing is there after it.
func TestJoinsLeaveNothingOnDisk(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("kind string | key int | wh float\n")
	for i := range 400 {
		fmt.Fprintf(&rows, "%s | %d | %d\n", []string{"e", "i", "i"}[i%3], i*7%50, i)
	}
	sums := map[string]string{}
	for _, room := range []string{"1", "2 kB", "256 MiB"} {
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		store := memory.NewStore(mem)
		b := batchOf(t, mem, rows.String())
		if err := store.Put("events", []arrow.RecordBatch{b}); err != nil {
			t.Fatal(err)
		}
		b.Release()
		kinds := connectors.NewRegistry(store.Kind())
		job, err := jobfile.Parse("job.yaml", fmt.Appendf(nil, `
job: spilling
labels: [e, i]
settings: {batch_rows: 20, memory: "%s"}
datasets:
  matched:
    - read: {memory: {name: events, split_rows: 20}}
    - tag: {column: kind}
    - join: {from: e, with: i, kind: full, on: key, prefix: i_}
    - write: {memory: {name: out}}
`, room), nil, kinds)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "spilled")
		s, err := engine.Run(context.Background(), job, engine.Config{Executors: 2, Kinds: kinds, Mem: mem, Temp: dir})
		if err != nil {
			t.Fatal(err)
		}
		store.Release()
		mem.AssertSize(t, 0)
		sums[room] = fmt.Sprint(s.RowsOut, s.Checksum)
		left, err := os.ReadDir(dir)
		if spilled := err == nil; spilled != (room != "256 MiB") {
			t.Errorf("with %s of room: rows were on disk: %t", room, spilled)
		}
		if len(left) > 0 {
			t.Errorf("with %s of room %v is left", room, left)
		}
	}
	if sums["1"] != sums["256 MiB"] || sums["2 kB"] != sums["256 MiB"] {
		t.Errorf("the results are %v", sums)
	}
}

// TestSpilledRowsOfLongAgo proves that rows wait on disk for their windows to leave
// whatever their time is: before 1970 too.
func TestSpilledRowsOfLongAgo(t *testing.T) {
	sums := map[string]string{}
	for _, room := range []string{"1", "256 MiB"} {
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		store := memory.NewStore(mem)
		var rows strings.Builder
		rows.WriteString("kind string | ts timestamp | key int\n")
		for i := range 60 {
			fmt.Fprintf(&rows, "%s | 19%02d-03-01T00:00:00 | %d\n", []string{"e", "i"}[i%2], 10+i, i%7)
		}
		b := batchOf(t, mem, rows.String())
		if err := store.Put("events", []arrow.RecordBatch{b}); err != nil {
			t.Fatal(err)
		}
		b.Release()
		kinds := connectors.NewRegistry(store.Kind())
		job, err := jobfile.Parse("job.yaml", fmt.Appendf(nil, `
job: long ago
labels: [e, i]
settings: {batch_rows: 10, memory: "%s"}
datasets:
  matched:
    - read: {memory: {name: events, split_rows: 10}}
    - tag: {column: kind, time: ts}
    - window: {time: ts, tumbling: 1000 days}
    - join: {from: e, with: i, kind: left, on: [window_start, key], prefix: i_}
    - write: {memory: {name: out}}
`, room), nil, kinds)
		if err != nil {
			t.Fatal(err)
		}
		s, err := engine.Run(context.Background(), job, engine.Config{Executors: 2, Kinds: kinds, Mem: mem, Temp: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		store.Release()
		mem.AssertSize(t, 0)
		if s.RowsOut < 30 {
			t.Errorf("with %s of room %d rows came out, fewer than the 30 of the left side", room, s.RowsOut)
		}
		sums[room] = fmt.Sprint(s.RowsOut, s.Checksum)
	}
	if sums["1"] != sums["256 MiB"] {
		t.Errorf("the results are %v", sums)
	}
}
