package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Labels of the jobs in these tests.
const (
	Err rdd.LabelSet = 1 << iota
	Info
	Sums
)

func labels() []string { return []string{"error", "info", "sums"} }

// checked returns an allocator that must be empty when the test ends.
func checked(t testing.TB) *memory.CheckedAllocator {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}

func sourceTypes() map[string]arrow.DataType {
	return map[string]arrow.DataType{"ts": timestamp(), "kind": arrow.BinaryTypes.String, "meter": arrow.BinaryTypes.String,
		"code": arrow.PrimitiveTypes.Int64, "wh": arrow.PrimitiveTypes.Float64, "hash": arrow.PrimitiveTypes.Int64}
}

// schemaOf is a schema of some of the columns in sourceTypes.
func schemaOf(columns string) *arrow.Schema {
	var fields []arrow.Field
	for _, c := range strings.Fields(columns) {
		fields = append(fields, arrow.Field{Name: c, Type: sourceTypes()[c], Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

// batch makes a record batch of JSON rows, each an object without braces. It is
// a slice of a longer one, so that whoever forgets the offset of an array reads
// the wrong rows.
func batch(t testing.TB, mem memory.Allocator, s *arrow.Schema, rows ...string) arrow.RecordBatch {
	t.Helper()
	padded := append([]string{"", ""}, rows...)
	text := "[{" + strings.Join(append(padded, ""), "},{") + "}]"
	whole, _, err := array.RecordFromJSON(mem, s, strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	defer whole.Release()
	return whole.NewSlice(2, int64(2+len(rows)))
}

// table is a source of batches: split i is batch i. Bounds, where given, are
// those of the whole batch.
type table struct {
	schema  *arrow.Schema
	batches []arrow.RecordBatch
	bounds  []expr.Bounds
	read    []string                // the columns asked for, one a Read
	fail    func(split int64) error // after the split's rows
	bad     map[int64][]rdd.BadRow  // by split, before its rows
	raw     map[int64][][]byte      // by split: the rows as they came
}

var _ connectors.Source = (*table)(nil)

func (s *table) Schema(context.Context) (*arrow.Schema, error) { return s.schema, nil }

func (s *table) Cut(context.Context, rdd.Offset, rdd.Size) ([]rdd.Split, rdd.Offset, error) {
	return nil, "", nil
}

func (s *table) Close() error { return nil }

// splits are the batches from one to another as splits, all of partition 0.
func (s *table) splits(from, to int) []rdd.Split {
	var out []rdd.Split
	first := int64(0)
	for i, b := range s.batches {
		if i >= from && i < to {
			out = append(out, rdd.Split{Name: fmt.Sprint("batch ", i), First: first, Rows: b.NumRows(), Payload: json.RawMessage(fmt.Sprint(i))})
		}
		first += b.NumRows()
	}
	return out
}

func (s *table) Read(_ context.Context, split rdd.Split, want rdd.Projection) rdd.Stream {
	var i int64
	_ = json.Unmarshal(split.Payload, &i)
	s.read = append(s.read, strings.Join(want.Columns, " "))
	return func(yield func(*rdd.Frame, error) bool) {
		b := s.batches[i]
		header := rdd.Header{Origin: rdd.Origin{Source: split.Source, Partition: split.Partition, First: split.First}}
		if s.bounds != nil {
			header.Bounds = expr.Bounds{}
			for _, c := range want.Bounds {
				if r, ok := s.bounds[i][c]; ok {
					header.Bounds[c] = r
				}
			}
		}
		if s.bounds != nil && want.Skip != nil && want.Skip(s.bounds[i]) {
			header.Pruned, header.Bounds = b.NumRows(), s.bounds[i]
			yield(&rdd.Frame{Header: header}, nil)
			return
		}
		var fields []arrow.Field
		var cols []arrow.Array
		for _, c := range want.Columns {
			at := s.schema.FieldIndices(c)[0]
			fields, cols = append(fields, s.schema.Field(at)), append(cols, b.Column(at))
		}
		if bad := s.bad[i]; bad != nil {
			header.Bad = bad
			if !yield(&rdd.Frame{Header: header}, nil) { // a frame of nothing else
				return
			}
			header.Bad = nil
		}
		if want.Raw {
			header.Raw = s.raw[i]
		}
		lent := array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, b.NumRows())
		defer lent.Release() // whoever takes it may panic
		more := yield(&rdd.Frame{Header: header, Batch: lent}, nil)
		if more && s.fail != nil {
			if err := s.fail(i); err != nil {
				yield(nil, err)
			}
		}
	}
}

// collector is a sink that spells the rows it is given.
type collector struct {
	mu     sync.Mutex
	labels []string
	rows   []string
	stage  func(ctx context.Context, in rdd.Stream) (rdd.Staged, error) // in place of collecting
}

var _ connectors.Sink = (*collector)(nil)

func (k *collector) Stage(ctx context.Context, _ rdd.Block, in rdd.Stream) (rdd.Staged, error) {
	if k.stage != nil {
		return k.stage(ctx, in)
	}
	var st rdd.Staged
	for f, err := range in {
		if err != nil {
			return st, err
		}
		k.mu.Lock()
		for i := range int(f.Batch.NumRows()) {
			k.rows = append(k.rows, spellRow(f, k.labels, i))
			st.Rows++
		}
		k.mu.Unlock()
	}
	return st, nil
}

func (k *collector) Publish(context.Context, rdd.Commit, []rdd.Staged) error { return nil }

func (k *collector) Close() error { return nil }

// take returns the rows since the last call, sorted.
func (k *collector) take() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := k.rows
	k.rows = nil
	slices.Sort(out)
	return out
}

// spellRow is row i of a frame as text: its label and its columns that are not
// null.
func spellRow(f *rdd.Frame, labels []string, i int) string {
	var parts []string
	if f.Header.Labels != 0 {
		parts = append(parts, f.Header.Labels.Names(labels))
	}
	for c, col := range f.Batch.Columns() {
		if col.IsValid(i) {
			v := col.ValueStr(i)
			if ts, ok := col.(*array.Timestamp); ok {
				v = fmt.Sprint(int64(ts.Value(i)))
			}
			parts = append(parts, f.Batch.ColumnName(c)+"="+v)
		}
	}
	return strings.Join(parts, " ")
}

// rig is one executor with a plan, one source, and sinks that collect.
type rig struct {
	t    testing.TB
	mem  memory.Allocator
	src  *table
	plan *planner.Plan
	x    *Executor
	out  *collector // of the first sink
	dead *collector
}

// newRig compiles the job that make builds on a tagged source, and fills the
// source with one batch an argument.
func newRig(t testing.TB, mode planner.Mode, columns string, tag rdd.Tag, build func(*rdd.Dataset) *rdd.Job, batches ...[]string) *rig {
	t.Helper()
	r := &rig{t: t, mem: checked(t), src: &table{schema: schemaOf(columns)},
		out: &collector{labels: labels()}, dead: &collector{}}
	for _, rows := range batches {
		r.src.batches = append(r.src.batches, batch(t, r.mem, r.src.schema, rows...))
	}
	ev := rdd.Extend(rdd.Read{Connector: "table", Schema: r.src.schema}, rdd.Pos{}, nil).Tag(tag)
	var err error
	if r.plan, err = planner.Compile(build(ev), mode); err != nil {
		t.Fatal(err)
	}
	r.x = New(Config{Node: "n1", Plan: r.plan, Sources: []connectors.Source{r.src}, Dead: r.dead, Blocks: NewBlocks(), Mem: r.mem})
	for i := range r.plan.Writes {
		if r.x.Sinks = append(r.x.Sinks, r.out); i > 0 {
			r.x.Sinks[i] = &collector{labels: labels()}
		}
	}
	t.Cleanup(r.free)
	return r
}

// free lets go of everything; what is left then is a leak. It may be called
// again.
func (r *rig) free() {
	if r.x == nil {
		return
	}
	r.x.Close()
	r.x.Blocks.Close()
	for _, b := range r.src.batches {
		b.Release()
	}
	r.x = nil
}

// written is a job that writes datasets.
func written(sets ...*rdd.Dataset) *rdd.Job {
	job := rdd.NewJob("j", labels())
	for _, d := range sets {
		job.Sinks = append(job.Sinks, d.Write(rdd.Write{Connector: "collect"}))
	}
	return job
}

func (r *rig) task(batch rdd.BatchID, stage, index int) work.Task {
	return work.Task{Job: "j", Plan: r.plan.Digest, Batch: batch, Stage: stage, Index: index,
		Marks: work.Marks{Closed: work.NoTime, Watermark: work.NoTime, Now: 1_000_000}}
}

// scan is the task that reads batches of the source.
func (r *rig) scan(batch rdd.BatchID, from, to int) work.Task {
	t := r.task(batch, 0, 0)
	t.Splits = r.src.splits(from, to)
	return t
}

func (r *rig) run(t work.Task) work.Receipt {
	r.t.Helper()
	got, err := r.x.Run(r.t.Context(), t)
	if err != nil {
		r.t.Fatalf("%v\n%s", err, fault.Stack(err))
	}
	return got
}

// blocksOf are the blocks of a receipt for one key group.
func blocksOf(r work.Receipt, group int) []rdd.Block {
	return slices.DeleteFunc(slices.Clone(r.Blocks), func(b rdd.Block) bool { return b.Partition != group })
}

// timeless is a receipt without what differs from run to run: the times.
func timeless(r work.Receipt) string {
	r.Wall, r.Tally.Labelling = 0, work.Steps{}
	var counts []string
	for k, v := range r.Tally.Ops {
		counts = append(counts, fmt.Sprint(k, v))
	}
	for k, v := range maps.All(r.Tally.Bypassed) {
		counts = append(counts, fmt.Sprint(k, v))
	}
	for k, v := range r.Tally.Dead {
		counts = append(counts, fmt.Sprint(k, v))
	}
	for l, v := range r.Tally.Routes {
		counts = append(counts, fmt.Sprint("route ", l, v.Rows, v.At))
	}
	slices.Sort(counts)
	r.Tally.Routes = nil
	r.Tally.Ops, r.Tally.Bypassed, r.Tally.Dead = nil, nil, nil
	return fmt.Sprintf("%+v %v", r, counts)
}

// sameRows compares rows in any order.
func sameRows(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
