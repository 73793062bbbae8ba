package executor

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// joinState is the rows of both sides of a join that have not left yet, of one
// task's key groups. It is versioned like the state of groups: base holds what
// batches before brought, fresh what the batch at hand brings. What leaves with
// a batch is joined out of both and stays until the next batch comes, which
// says that it was accepted.
type joinState struct {
	join  *physical.Join
	mem   memory.Allocator
	base  [2]heap
	fresh [2]heap
	batch rdd.BatchID
	marks work.Marks
}

// heap is rows of one side.
type heap struct {
	list  []held
	bytes int64
}

// held is rows that came together, with the range of their windows.
type held struct {
	cols        []arrow.Array
	rows        int
	first, last int64
	bytes       int64
}

// A heap's batches are put together as long as they are smaller than this: every
// one costs the same, however few rows it has.
const (
	wholeRows  = 64 << 10
	wholeBytes = 32 << 20
)

var _ keeper = (*joinState)(nil)

// begin makes the state ready for what the run's batch brings.
func (s *joinState) begin(r *run) error {
	switch {
	case s.batch == r.task.Batch: // this run repeats it
		s.forget()
	case s.batch > r.task.Batch:
		return fault.New(fault.Bug, "task %d of stage %d is at batch %d, asked for %d", r.task.Index, r.task.Stage, s.batch, r.task.Batch)
	case s.batch > 0:
		if err := s.accept(); err != nil {
			return err
		}
	}
	s.batch, s.marks = r.task.Batch, r.task.Marks
	return nil
}

// add takes in rows of a side.
func (s *joinState) add(side int, f *rdd.Frame) {
	cols := slices.Clone(f.Batch.Columns())
	for _, c := range cols {
		c.Retain()
	}
	s.fresh[side].push(s.hold(side, cols, int(f.Batch.NumRows())))
}

// hold takes over columns.
func (s *joinState) hold(side int, cols []arrow.Array, rows int) held {
	h := held{cols: cols, rows: rows}
	for _, c := range cols {
		h.bytes += bytesOf(c)
	}
	for i, start := range s.windows(side, cols) {
		if i == 0 {
			h.first, h.last = start, start
		}
		h.first, h.last = min(h.first, start), max(h.last, start)
	}
	return h
}

// windows returns the window start of every row, nil where rows have none.
func (s *joinState) windows(side int, cols []arrow.Array) []int64 {
	if !s.join.Windowed {
		return nil
	}
	ts, ok := cols[s.join.Sides[side].Window].(*array.Timestamp)
	if !ok {
		return nil
	}
	return micros(ts)
}

// accept moves what the last batch brought to what was there, less what left
// with it.
func (s *joinState) accept() error {
	for side := range s.base {
		var stay heap
		for _, from := range []*heap{&s.base[side], &s.fresh[side]} {
			for _, h := range from.list {
				rest, ok := s.part(side, h, false)
				if !ok {
					continue
				}
				if err := stay.add(s, side, rest); err != nil {
					stay.release()
					return err
				}
			}
		}
		s.base[side].release()
		s.fresh[side].release()
		s.base[side] = stay
	}
	return nil
}

// leaving returns the rows of a side that leave in this batch; the caller releases
// them. What is there stays as it is: the batch may have to run again.
func (s *joinState) leaving(side int) heap {
	var out heap
	for _, from := range []*heap{&s.base[side], &s.fresh[side]} {
		for _, h := range from.list {
			if part, ok := s.part(side, h, true); ok {
				out.push(part)
			}
		}
	}
	return out
}

// part returns the rows of h that leave at the state's marks, or those that stay,
// retained. It is false if there are none.
func (s *joinState) part(side int, h held, leaving bool) (held, bool) {
	first, last := s.leaves(h.first), s.leaves(h.last)
	switch {
	case first == last && first != leaving || h.rows == 0:
		return held{}, false
	case first == last:
		for _, c := range h.cols {
			c.Retain()
		}
		return h, true
	}
	var rows []int32
	for i, start := range s.windows(side, h.cols) {
		if s.leaves(start) == leaving {
			rows = append(rows, int32(i))
		}
	}
	cols := make([]arrow.Array, len(h.cols))
	for i, c := range h.cols {
		cols[i] = kernel.Take(s.mem, c, rows)
	}
	return s.hold(side, cols, len(rows)), true
}

// leaves reports whether rows of the window that begins at start leave at the
// state's marks.
func (s *joinState) leaves(start int64) bool {
	if s.marks.Final || !s.join.Windowed {
		return s.marks.Final
	}
	return s.marks.Watermark != work.NoTime && saturated(saturated(start, s.join.Size), s.join.Lateness) <= s.marks.Watermark
}

// forget lets go what the last batch brought.
func (s *joinState) forget() {
	for side := range s.fresh {
		s.fresh[side].release()
	}
}

// freeze implements keeper: all rows but those that left with the last batch. A
// table is of the side that its first column's name says.
func (s *joinState) freeze() (rdd.BatchID, []arrow.RecordBatch, error) {
	if s.batch == 0 {
		return 0, nil, nil
	}
	var out []arrow.RecordBatch
	for side := range s.base {
		for _, from := range []*heap{&s.base[side], &s.fresh[side]} {
			for _, h := range from.list {
				if part, ok := s.part(side, h, false); ok {
					out = append(out, record(func(int) string { return sideName(side) }, part.cols, part.rows))
					releaseAll(part.cols)
				}
			}
		}
	}
	return s.batch, out, nil
}

// restore implements keeper.
func (s *joinState) restore(batch rdd.BatchID, frozen []arrow.RecordBatch) error {
	for _, b := range frozen {
		side := right
		if b.NumCols() > 0 && b.ColumnName(0) == sideName(left) {
			side = left
		}
		if want := s.join.Sides[side].Schema.NumFields(); int(b.NumCols()) != want {
			return fault.New(fault.Invalid, "a state of %d columns, the %s side of the join has %d", b.NumCols(), sideName(side), want)
		}
		for _, c := range b.Columns() {
			c.Retain()
		}
		s.base[side].push(s.hold(side, slices.Clone(b.Columns()), int(b.NumRows())))
	}
	s.batch, s.marks = batch, work.Marks{Closed: work.NoTime, Watermark: work.NoTime}
	return nil
}

func sideName(side int) string { return []string{"left", "right"}[side] }

func (s *joinState) release() {
	s.forget()
	for side := range s.base {
		s.base[side].release()
	}
}

// push takes over rows.
func (p *heap) push(h held) {
	p.list = append(p.list, h)
	p.bytes += h.bytes
}

// add takes over rows, and puts them together with those before while both are few
// and about as many: every row is copied a logarithmic number of times.
func (p *heap) add(s *joinState, side int, h held) error {
	p.push(h)
	for len(p.list) > 1 {
		a, b := p.list[len(p.list)-2], p.list[len(p.list)-1]
		if a.rows > 2*b.rows || a.rows+b.rows > wholeRows || a.bytes+b.bytes > wholeBytes {
			return nil
		}
		cols := make([]arrow.Array, len(a.cols))
		for i := range cols {
			var err error
			if cols[i], err = kernel.Concat(s.mem, []arrow.Array{a.cols[i], b.cols[i]}); err != nil {
				releaseAll(cols)
				return err
			}
		}
		p.list = p.list[:len(p.list)-2]
		p.bytes -= a.bytes + b.bytes
		releaseAll(a.cols)
		releaseAll(b.cols)
		p.push(s.hold(side, cols, a.rows+b.rows))
	}
	return nil
}

func (p *heap) rows() int {
	n := 0
	for _, h := range p.list {
		n += h.rows
	}
	return n
}

func (p *heap) release() {
	for _, h := range p.list {
		releaseAll(h.cols)
	}
	*p = heap{}
}

// bytesOf is about how much memory the rows of a column take. Of a dictionary they
// count their share, for it is shared by others.
func bytesOf(a arrow.Array) int64 {
	if a.Len() == 0 {
		return 0
	}
	if s, ok := a.(*array.String); ok {
		return int64(len(s.ValueBytes())) + 4*int64(s.Len()+1)
	}
	data := a.Data()
	n := int64(0)
	for _, b := range data.Buffers() {
		if b != nil {
			n += int64(b.Len())
		}
	}
	for _, c := range data.Children() {
		n += bytesOfData(c)
	}
	if d, ok := a.(*array.Dictionary); ok && d.Dictionary().Len() > 0 {
		whole := bytesOf(d.Dictionary())
		n += min(whole, whole*int64(a.Len())/int64(d.Dictionary().Len()))
	}
	return n
}

func bytesOfData(d arrow.ArrayData) int64 {
	a := array.MakeFromData(d)
	defer a.Release()
	return bytesOf(a)
}
