package executor

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// chunk is rows between two operators.
type chunk struct {
	cols   []arrow.Array // by the Out schema of the node that made it
	rows   int
	labels rdd.LabelSet
	// counts of rows by label; nil where there is one label.
	counts []int64
	origin rdd.Origin
	masks  map[rdd.LabelSet]*array.Boolean // rows of a label set, made on demand
	label  int                             // column with the labels' codes, or -1 where there is one label
}

// release gives up the chunk's columns and masks.
func (c *chunk) release() {
	for _, a := range c.cols {
		if a != nil {
			a.Release()
		}
	}
	c.cols = nil
	c.releaseMasks()
}

func (c *chunk) releaseMasks() {
	for _, m := range c.masks {
		m.Release()
	}
	c.masks = nil
}

// codes returns the label of each row as the index in the job's labels. The
// engine makes every _label column itself, with the job's labels as its
// dictionary, so a code is a label.
func (c *chunk) codes() []int32 {
	d, ok := c.cols[c.label].(*array.Dictionary)
	if !ok {
		return nil
	}
	idx, ok := d.Indices().(*array.Int32)
	if !ok {
		return nil
	}
	return idx.Int32Values()
}

// mask returns a bitmap of the rows whose label is in set, lent by the chunk.
func (c *chunk) mask(mem memory.Allocator, set rdd.LabelSet) *array.Boolean {
	if m, ok := c.masks[set]; ok {
		return m
	}
	words, done := kernel.NewBool(mem, c.rows)
	codes := c.codes()
	for w := range words {
		lo, hi := w*64, min(w*64+64, c.rows)
		var bits uint64
		for i, code := range codes[lo:hi] {
			bits |= uint64(set) >> uint(code&63) & 1 << uint(i)
		}
		words[w] = bits
	}
	m, _ := done(nil).(*array.Boolean)
	if c.masks == nil {
		c.masks = map[rdd.LabelSet]*array.Boolean{}
	}
	c.masks[set] = m
	return m
}

// rowsOf appends the rows whose label is in set.
func (c *chunk) rowsOf(dst []int32, set rdd.LabelSet) []int32 {
	for i, code := range c.codes() {
		if set.Has(int(code)) {
			dst = append(dst, int32(i))
		}
	}
	return dst
}

// recount counts the rows by label again after some were dropped.
func (c *chunk) recount(labels int) {
	c.counts = nil
	if c.label < 0 {
		return
	}
	c.counts = make([]int64, labels)
	for _, code := range c.codes() {
		c.counts[code]++
	}
}

// each calls f with the number of rows of every label in the chunk.
func (c *chunk) each(f func(label int, rows int64)) {
	if c.counts == nil {
		f(c.labels.First(), int64(c.rows))
		return
	}
	for l, n := range c.counts {
		if n > 0 {
			f(l, n)
		}
	}
}

// project retains the columns named by from; columns the rows lack are null.
func (c *chunk) project(mem memory.Allocator, from []int, out *arrow.Schema) []arrow.Array {
	cols := make([]arrow.Array, len(from))
	for i, at := range from {
		if at == physical.FromNull {
			cols[i] = kernel.Nulls(mem, out.Field(i).Type, c.rows)
			continue
		}
		cols[i] = c.cols[at]
		cols[i].Retain()
	}
	return cols
}

// take gathers rows of the columns named by from.
func (c *chunk) take(mem memory.Allocator, rows []int32, from []int, out *arrow.Schema) []arrow.Array {
	cols := make([]arrow.Array, len(from))
	for i, at := range from {
		if at == physical.FromNull {
			cols[i] = kernel.Nulls(mem, out.Field(i).Type, len(rows))
			continue
		}
		cols[i] = kernel.Take(mem, c.cols[at], rows)
	}
	return cols
}

// some returns the chunk of the given rows of c, its columns by from. All rows
// are passed on as they are. The rows are borrowed until the chunk is released.
func (r *run) some(c *chunk, rows []int32, from []int, out *arrow.Schema, labels rdd.LabelSet) *chunk {
	n := &chunk{rows: len(rows), labels: labels, label: labelColumn(out, labels)}
	if len(rows) == c.rows {
		n.cols, n.origin = c.project(r.mem, from, out), c.origin
	} else {
		n.cols, n.origin = c.take(r.mem, rows, from, out), c.origin.At(rows)
	}
	n.recount(r.labels())
	return n
}

// labelColumn finds the column with the labels' codes, which rows of one label
// do not need.
func labelColumn(s *arrow.Schema, labels rdd.LabelSet) int {
	if labels.Len() < 2 {
		return -1
	}
	if at := s.FieldIndices(rdd.ColLabel); len(at) > 0 {
		return at[0]
	}
	return -1
}

// record makes a batch of a chunk's columns. String columns are named by the
// type they happen to have: plain or dictionary.
func record(names func(i int) string, cols []arrow.Array, rows int) arrow.RecordBatch {
	fields := make([]arrow.Field, len(cols))
	for i, c := range cols {
		fields[i] = arrow.Field{Name: names(i), Type: c.DataType(), Nullable: true}
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(rows))
}
