package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// silence has a label of which later batches bring nothing: its windows, and the
// rows of an outer join that wait for it, must leave all the same.
const silence = `
job: silence
labels: [error, information]
settings: {batch_rows: 1, in_flight: 1}
datasets:
  events:
    - read: {memory: {name: events, split_rows: 1}}
    - tag: {column: kind, time: ts}
    - map: {for: error, set: {severity: code / 100}}
    - filter: {for: error, where: severity > 0}
    - map: {for: information, set: {doubled: code * 2}}
    - window: {time: ts, tumbling: 1 minute}
  errors:
    - from: events
    - reduce: {from: error, by: [window_start], get: {n: count(), s: sum(severity)}}
    - write: {memory: {name: errors}}
  pairs:
    - from: events
    - join: {from: information, with: error, kind: left, on: [meter, window_start], prefix: r_, as: pair}
    - write: {memory: {name: pairs}, columns: [meter, doubled, severity]}
`

// listening notes the receipts of a fleet.
type listening struct {
	engine.Fleet
	mu   sync.Mutex
	seen []work.Receipt
}

func (l *listening) Run(ctx context.Context, node string, t work.Task) (work.Receipt, error) {
	t.Measure = true
	r, err := l.Fleet.Run(ctx, node, t)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, r)
	return r, err
}

// TestSilentLabelCostsNothing proves that in batches without rows of a label no
// operation of its route runs: nothing is counted or measured for it. Its window
// closes with the watermark that the other label moves, and what waits for it in an
// outer join leaves alone, both before the input ends.
func TestSilentLabelCostsNothing(t *testing.T) {
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	store := memory.NewStore(mem)
	defer store.Release()
	putSilence(t, mem, store)
	kinds := connectors.NewRegistry(store.Kind())
	job, err := jobfile.Parse("job.yaml", []byte(silence), nil, kinds)
	if err != nil {
		t.Fatal(err)
	}
	fleet := &listening{}
	s, err := engine.Run(context.Background(), job, engine.Config{Kinds: kinds, Mem: mem, Executors: 2,
		Fleet: func(f engine.Fleet) engine.Fleet { fleet.Fleet = f; return fleet }})
	if err != nil {
		t.Fatal(err)
	}
	if s.Batches < 6 {
		t.Fatalf("%d batches; every row was to have one", s.Batches)
	}
	left := map[string]int64{} // results that left before the last batch
	for _, r := range fleet.seen {
		infos := r.Tally.Ops[work.OpLabel{Op: 1, Label: 1}].In
		errs := r.Tally.Ops[work.OpLabel{Op: 1}].In
		for k, c := range r.Tally.Ops {
			if row := k.Op >= 2 && k.Op <= 5; row && (k.Label == 0 && errs == 0 || k.Label == 1 && infos == 0) {
				t.Errorf("batch %d has %d errors and %d infos, and operation %d did %+v for label %d", r.Batch, errs, infos, k.Op, c, k.Label)
			}
			if r.Batch < rdd.BatchID(s.Batches) && k.Label >= 2 {
				left[job.Labels[k.Label]] += c.Out
			}
		}
	}
	if left["errors"] != 1 || left["pair"] < 3 {
		t.Errorf("before the last batch %d windows of errors left and %d rows of the join, of which one is a pair", left["errors"], left["pair"])
	}
	var got []string
	for _, r := range store.Rows("pairs") {
		got = append(got, fmt.Sprint(r.Values["meter"], " ", r.Values["severity"]))
	}
	slices.Sort(got)
	if text := strings.Join(got, ", "); !strings.Contains(text, "m0 5") || strings.Count(text, "<nil>") < 3 {
		t.Errorf("pairs %s", text)
	}
}

// putSilence is an error and an info in the first minute, then infos only.
func putSilence(t *testing.T, mem arrowmem.Allocator, store *memory.Store) {
	t.Helper()
	ts := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	schema := arrow.NewSchema([]arrow.Field{{Name: "ts", Type: ts}, {Name: "kind", Type: arrow.BinaryTypes.String},
		{Name: "meter", Type: arrow.BinaryTypes.String}, {Name: "code", Type: arrow.PrimitiveTypes.Int64}}, nil)
	b := array.NewRecordBuilder(mem, schema)
	defer b.Release()
	var rows []arrow.RecordBatch
	add := func(seconds int64, kind, meter string, code int64) {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(seconds * 1_000_000))
		b.Field(1).(*array.StringBuilder).Append(kind)
		b.Field(2).(*array.StringBuilder).Append(meter)
		b.Field(3).(*array.Int64Builder).Append(code)
		rows = append(rows, b.NewRecordBatch())
	}
	add(0, "error", "m0", 500)
	add(1, "information", "m0", 7)
	for i := int64(1); i <= 6; i++ {
		add(i*60, "information", fmt.Sprintf("m%d", i), i)
	}
	if err := store.Put("events", rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		r.Release()
	}
}
