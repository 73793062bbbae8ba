package engine_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/jobfile"
)

// sharing are jobs over the same events, which all cache the same steps: with other
// labels, in another order, with other steps behind, and with operations numbered
// otherwise.
func sharing() map[string]string {
	const cached = `
    - read: {memory: {name: events, split_rows: 20}}
    - tag: {column: kind, values: {e: e, i: i}}
    - map: {for: i, set: {wh: wh * 2}}
    - filter: {for: e, where: key > 5}
    - cache: {}`
	return map[string]string{
		"first": `labels: [e, i]
datasets:
  events:` + cached + `
  sums:
    - from: events
    - reduce: {from: [e, i], by: [key], get: {wh: sum(wh)}}
    - write: {memory: {name: out}}`,
		"more labels": `labels: [x, e, y, i]
datasets:
  events:` + cached + `
  sums:
    - from: events
    - reduce: {from: [e, i], by: [key], get: {wh: sum(wh)}}
    - write: {memory: {name: out}}`,
		"turned": `labels: [i, e]
datasets:
  events:` + cached + `
  sums:
    - from: events
    - reduce: {from: [e, i], by: [key], get: {wh: sum(wh)}}
    - write: {memory: {name: out}}`,
		"more behind": `labels: [e, i]
datasets:
  events:` + cached + `
  sums:
    - from: events
    - map: {for: e, set: {wh: wh + 1}}
    - map: {for: i, set: {wh: wh - 1}}
    - reduce: {from: [e, i], by: [key], get: {wh: sum(wh)}}
    - write: {memory: {name: out}}`,
		"numbered otherwise": `labels: [e, i, o]
datasets:
  others:
    - read: {memory: {name: events, split_rows: 7}}
    - tag: {rules: [{label: o, when: key > 3}], otherwise: o}
    - write: {memory: {name: others}}
  events:` + cached + `
  sums:
    - from: events
    - reduce: {from: [e, i], by: [key], get: {wh: sum(wh)}}
    - write: {memory: {name: out}}`,
	}
}

// TestJobsShareACache: a job that finds in the cache what another one left there gives
// the rows that it gives without, and counts them under its own operations and
// labels, in whichever order the jobs come.
func TestJobsShareACache(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("kind string | key int | wh float\n")
	for i := range 200 {
		fmt.Fprintf(&rows, "%s | %d | %d\n", []string{"e", "i", "i"}[i%3], i*7%50, i)
	}
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	in := memory.NewStore(mem)
	defer in.Release()
	b := batchOf(t, mem, rows.String())
	defer b.Release()
	if err := in.Put("events", []arrow.RecordBatch{b}); err != nil {
		t.Fatal(err)
	}
	run := func(name string, cache *executor.Cache) engine.Summary {
		out := memory.NewStore(mem)
		defer out.Release()
		kind := in.Kind()
		kind.Sink = out.Kind().Sink
		kinds := connectors.NewRegistry(kind)
		job, err := jobfile.Parse("job.yaml", []byte("job: sharing\nsettings: {batch_rows: 60}\n"+sharing()[name]), nil, kinds)
		if err != nil {
			t.Fatal(name, err)
		}
		s, err := engine.Run(context.Background(), job, engine.Config{Executors: 2, Kinds: kinds, Mem: mem, Cache: cache})
		if err != nil {
			t.Fatal(name, err)
		}
		return s
	}
	hits := 0
	for first := range sharing() {
		for second := range sharing() {
			cache := executor.NewCache(1<<30, mem)
			run(first, cache)
			got, want := run(second, cache), run(second, nil)
			cache.Close()
			if got.Checksum != want.Checksum || got.RowsIn != want.RowsIn || got.RowsTagged != want.RowsTagged {
				t.Errorf("%q after %q: %s of %d rows, want %s of %d", second, first, got.Checksum, got.RowsIn, want.Checksum, want.RowsIn)
			}
			if cachedRows(got) > 0 {
				hits++
			}
			if label := got.Bypassed["label"]; !reflect.DeepEqual(label, want.Bypassed["label"]) {
				t.Errorf("%q after %q: passed by for their label %v, want %v", second, first, label, want.Bypassed["label"])
			}
		}
	}
	if hits < len(sharing())+2 { // each after itself, and those that differ only behind
		t.Errorf("%d pairs of jobs shared anything", hits)
	}
}
