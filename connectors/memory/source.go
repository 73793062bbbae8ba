package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/rdd"
)

// table is one named table. It is immutable but for its references.
type table struct {
	name       string
	put        uint64 // tells what was put here from what is put elsewhere
	schema     *arrow.Schema
	partitions []partition
}

type partition struct {
	batches []arrow.RecordBatch
	done    [][]string // by batch: what was applied to its rows
	starts  []int64    // of each batch, and at last the number of rows
	bytes   int64
}

func (p *partition) rows() int64 { return p.starts[len(p.starts)-1] }

// newTable makes a table of batches with one schema, or of several that are united.
func newTable(name string, partitions [][]Batch, unite bool) (*table, error) {
	t := &table{name: name, put: rand.Uint64()}
	for _, batches := range partitions {
		p := partition{starts: []int64{0}}
		for i := range batches {
			b := batches[i].Record
			if err := t.admit(b.Schema(), unite); err != nil {
				return nil, err
			}
			p.batches, p.done = append(p.batches, b), append(p.done, batches[i].Done)
			p.starts = append(p.starts, p.rows()+b.NumRows())
			for _, c := range b.Columns() {
				p.bytes += int64(c.Data().SizeInBytes())
				types.Settle(c) // tasks read it at once
			}
		}
		t.partitions = append(t.partitions, p)
	}
	if t.schema == nil {
		return nil, fault.New(fault.Invalid, "memory: the table %q has no batch, and so no schema", name)
	}
	return t, nil
}

// admit checks the schema of one batch against the engine's types and the
// batches before, to whose columns it may add where they are united.
func (t *table) admit(s *arrow.Schema, unite bool) error {
	for _, f := range s.Fields() {
		if !types.Supported(f.Type) {
			return fault.New(fault.Invalid, "memory: the table %q: column %q has the type %s, which is none of the engine's", t.name, f.Name, f.Type)
		}
	}
	if t.schema == nil {
		t.schema = s
		return nil
	}
	if unite {
		return t.unite(s)
	}
	same := s.NumFields() == t.schema.NumFields()
	for i := 0; same && i < s.NumFields(); i++ {
		a, b := s.Field(i), t.schema.Field(i)
		same = a.Name == b.Name && types.Same(a.Type, b.Type)
	}
	if !same {
		return fault.New(fault.Invalid, "memory: the table %q: batches differ in their schemas: %s and %s", t.name, inLine(t.schema), inLine(s))
	}
	return nil
}

// unite adds the columns of a batch to those of the batches before.
func (t *table) unite(s *arrow.Schema) error {
	fields := slices.Clone(t.schema.Fields())
	for _, f := range s.Fields() {
		at := t.schema.FieldIndices(f.Name)
		switch {
		case len(at) == 0:
			fields = append(fields, f)
		case !types.Same(fields[at[0]].Type, f.Type):
			return fault.New(fault.Invalid, "memory: the table %q: the column %q is %s in one batch and %s in another", t.name, f.Name, fields[at[0]].Type, f.Type)
		}
	}
	t.schema = arrow.NewSchema(fields, nil)
	return nil
}

func inLine(s *arrow.Schema) string {
	parts := make([]string, s.NumFields())
	for i, f := range s.Fields() {
		parts[i] = f.Name + " " + f.Type.String()
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func (t *table) retain() {
	for _, p := range t.partitions {
		for _, b := range p.batches {
			b.Retain()
		}
	}
}

func (t *table) release() {
	for _, p := range t.partitions {
		for _, b := range p.batches {
			b.Release()
		}
	}
}

// source reads one table. It keeps the table until it is closed.
type source struct {
	*table
	splitRows int64
	shuffle   int64
	time      int // column of the event time, or -1
	bounds    bool
}

var _ connectors.Source = (*source)(nil)

func (s *Store) source(_ context.Context, o rdd.Options, env connectors.Env) (connectors.Source, error) {
	name, _ := o["name"].(string)
	t, err := s.table(name)
	if err != nil {
		return nil, err
	}
	out := &source{table: t, time: -1}
	out.splitRows, _ = o["split_rows"].(int64)
	if out.splitRows < 1 {
		return nil, &connectors.OptionError{Kind: "memory", Option: "split_rows", Text: fmt.Sprintf("expected at least 1, got %d", out.splitRows)}
	}
	out.shuffle, _ = o["shuffle"].(int64)
	out.bounds, _ = o["bounds"].(bool)
	if times, _ := o["times"].(bool); times {
		if i := t.schema.FieldIndices(env.Time); len(i) == 1 && t.schema.Field(i[0]).Type.ID() == arrow.TIMESTAMP {
			out.time = i[0]
		}
	}
	t.retain()
	return out, nil
}

// Schema gives the logical types: a dictionary of strings is a string.
func (s *source) Schema(context.Context) (*arrow.Schema, error) {
	fields := s.schema.Fields() // a copy
	for i, f := range fields {
		if types.IsString(f.Type) {
			fields[i].Type = arrow.BinaryTypes.String
		}
	}
	return arrow.NewSchema(fields, nil), nil
}

func (s *source) Close() error {
	s.release()
	return nil
}

// Cut takes splits from the partitions in turn, or in a seeded order. The
// offset is the number of rows cut from each partition, as a JSON list.
func (s *source) Cut(_ context.Context, from rdd.Offset, wish rdd.Size) ([]rdd.Split, rdd.Offset, error) {
	done, err := s.parse(from)
	if err != nil {
		return nil, from, err
	}
	var splits []rdd.Split
	var rows, size int64
	for more := true; more; {
		p := s.choose(done)
		if p < 0 {
			break
		}
		split := s.split(p, done[p])
		done[p] += split.Rows
		rows, size = rows+split.Rows, size+split.Bytes
		splits = append(splits, split)
		more = (wish.Rows == 0 || rows < wish.Rows) && (wish.Bytes == 0 || size < wish.Bytes)
	}
	next, err := json.Marshal(done)
	if err != nil {
		return nil, from, fault.Wrap(fault.Bug, err)
	}
	if s.choose(done) < 0 {
		return splits, rdd.Offset(next), io.EOF
	}
	return splits, rdd.Offset(next), nil
}

func (s *source) parse(from rdd.Offset) ([]int64, error) {
	done := make([]int64, len(s.partitions))
	if from == "" {
		return done, nil
	}
	if err := json.Unmarshal([]byte(from), &done); err != nil || len(done) != len(s.partitions) {
		return nil, fault.New(fault.Invalid, "memory: %q is not an offset of the table %q with %d partitions", from, s.name, len(s.partitions))
	}
	return done, nil
}

// choose returns the partition to cut next, or -1 at the end: that which has
// been cut least often, or one that is drawn by the seed and what is done.
func (s *source) choose(done []int64) int {
	var open []int
	sum := uint64(0)
	for i := range done {
		sum += uint64(done[i])
		if done[i] < s.partitions[i].rows() {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		return -1
	}
	if s.shuffle != 0 {
		return open[rand.New(rand.NewPCG(uint64(s.shuffle), sum)).IntN(len(open))]
	}
	return slices.MinFunc(open, func(a, b int) int { return int(done[a]/s.splitRows - done[b]/s.splitRows) })
}

func (s *source) split(p int, first int64) rdd.Split {
	part := &s.partitions[p]
	n := min(s.splitRows, part.rows()-first)
	out := rdd.Split{
		Partition: int32(p), Name: fmt.Sprintf("%s/%d", s.name, p), First: first, Rows: n,
		Bytes: part.bytes * n / part.rows(), Last: first+n == part.rows(),
		Payload: fmt.Appendf(nil, `{"put":%d}`, s.put),
	}
	if s.time < 0 {
		return out
	}
	part.slices(first, n, func(k int, i, j, _ int64) bool {
		if at := part.batches[k].Schema().FieldIndices(s.schema.Field(s.time).Name); len(at) > 0 {
			out.Times = widen(out.Times, part.batches[k].Column(at[0]).(*array.Timestamp), i, j)
		}
		return true
	})
	return out
}

// widen returns r with the values of a from i to j.
func widen(r rdd.TimeRange, a *array.Timestamp, i, j int64) rdd.TimeRange {
	for ; i < j; i++ {
		if a.IsNull(int(i)) {
			continue
		}
		v := int64(a.Value(int(i)))
		if !r.Known {
			r = rdd.TimeRange{Known: true, Min: v, Max: v}
		}
		r.Min, r.Max = min(r.Min, v), max(r.Max, v)
	}
	return r
}

// slices calls f for each piece of n rows from first that lies in one batch:
// rows i to j of batch k, of which the first has the sequence at.
func (p *partition) slices(first, n int64, f func(k int, i, j, at int64) bool) {
	for k := range p.batches {
		i, j := max(first, p.starts[k]), min(first+n, p.starts[k+1])
		if i < j && !f(k, i-p.starts[k], j-p.starts[k], i) {
			return
		}
	}
}

func (s *source) Read(ctx context.Context, split rdd.Split, want rdd.Projection) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		if err := s.check(split, want.Columns); err != nil {
			yield(nil, err)
			return
		}
		part := &s.partitions[split.Partition]
		part.slices(split.First, split.Rows, func(k int, i, j, at int64) bool {
			bounds := s.boundsOf(part.batches[k], i, j, want.Bounds)
			for step := int64(max(want.Rows, 1)); i < j; i, at = i+step, at+step {
				if err := ctx.Err(); err != nil {
					yield(nil, err)
					return false
				}
				origin := rdd.Origin{Source: split.Source, Partition: split.Partition, First: at}
				if !s.lend(part, k, i, min(i+step, j), rdd.Header{Origin: origin, Bounds: bounds}, want, yield) {
					return false
				}
			}
			return true
		})
	}
}

// check checks that the split is one of ours and that there are the columns.
func (s *source) check(split rdd.Split, columns []string) error {
	if p := int(split.Partition); p < 0 || p >= len(s.partitions) ||
		split.First < 0 || split.Rows < 0 || split.First+split.Rows > s.partitions[p].rows() {
		return fault.New(fault.Invalid, "memory: the table %q has no split %s of %d rows from %d", s.name, split.Name, split.Rows, split.First)
	}
	for _, name := range columns {
		if len(s.schema.FieldIndices(name)) != 1 {
			return fault.New(fault.Invalid, "memory: the table %q has no column %q", s.name, name)
		}
	}
	return nil
}

// boundsOf returns the bounds of some columns over rows i to j of b, which are to a
// table what a row group is to a file; nil where the source gives none.
func (s *source) boundsOf(b arrow.RecordBatch, i, j int64, columns []string) expr.Bounds {
	if !s.bounds || len(columns) == 0 {
		return nil
	}
	all := b.NewSlice(i, j)
	defer all.Release()
	out := make(expr.Bounds, len(columns))
	for _, name := range columns {
		if at := b.Schema().FieldIndices(name); len(at) == 1 { // a batch may lack columns of the table
			out[name] = rangeOf(all.Column(at[0]))
		}
	}
	return out
}

// lend yields rows i to j of batch k of a partition.
func (s *source) lend(p *partition, k int, i, j int64, h rdd.Header, want rdd.Projection, yield func(*rdd.Frame, error) bool) bool {
	piece := p.batches[k].NewSlice(i, j)
	defer piece.Release()
	columns := want.Columns
	if entered := s.enter(p.done[k], piece, h.Bounds, want); entered != nil {
		columns, h.Done, h.Columns = entered, p.done[k], names(piece)
	} else if want.Skip != nil && s.bounds {
		if bounds := boundsOf(piece); want.Skip(bounds) {
			return yield(&rdd.Frame{Header: rdd.Header{Origin: h.Origin, Pruned: j - i, Bounds: bounds}}, nil)
		}
	}
	batch := s.project(piece, columns, want.Mem)
	defer batch.Release()
	return yield(&rdd.Frame{Header: h, Batch: batch}, nil)
}

// enter asks what to read of rows that operations were applied to; nil if they are
// read like all others.
func (s *source) enter(done []string, piece arrow.RecordBatch, bounds expr.Bounds, want rdd.Projection) []string {
	if len(done) == 0 || want.Enter == nil {
		return nil
	}
	return want.Enter(&rdd.Header{Done: done, Columns: names(piece), Bounds: bounds})
}

func names(b arrow.RecordBatch) []string {
	out := make([]string, b.NumCols())
	for i := range out {
		out[i] = b.ColumnName(i)
	}
	return out
}

// project returns columns of b; those it lacks are null.
func (s *source) project(b arrow.RecordBatch, columns []string, mem memory.Allocator) arrow.RecordBatch {
	fields, arrays := make([]arrow.Field, len(columns)), make([]arrow.Array, len(columns))
	for k, name := range columns {
		if at := b.Schema().FieldIndices(name); len(at) > 0 {
			fields[k], arrays[k] = b.Schema().Field(at[0]), b.Column(at[0])
			continue
		}
		if mem == nil {
			mem = memory.DefaultAllocator
		}
		fields[k] = s.schema.Field(s.schema.FieldIndices(name)[0])
		if types.IsString(fields[k].Type) {
			fields[k].Type = arrow.BinaryTypes.String
		}
		arrays[k] = kernel.Nulls(mem, fields[k].Type, int(b.NumRows()))
		defer arrays[k].Release()
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, b.NumRows())
}
