package executor

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// joinState is the rows of both sides of a join that have not left yet, of one
// task's key groups. It is versioned like the state of groups: base holds what
// batches before brought, fresh what the batch at hand brings. What leaves with
// a batch is joined out of both and stays until the next batch comes, which
// says that it was accepted.
//
// When the executor has more rows than it has room for, those of the largest parts
// of the hash range are written to disk, of base only: what is there is never
// taken back.
type joinState struct {
	join  *physical.Join
	mem   memory.Allocator
	room  *room
	base  [2]heap
	fresh [2]heap
	used  int64 // of room
	hot   hotKeys
	batch rdd.BatchID
	marks work.Marks
	gone  int64 // the watermark up to which rows have left
}

var _ keeper = (*joinState)(nil)

func newJoinState(x *Executor, j *physical.Join) *joinState {
	return &joinState{join: j, mem: x.Mem, room: &x.room, marks: noMarks(), gone: work.NoTime}
}

// begin makes the state ready for what the run's batch brings.
func (s *joinState) begin(r *run) error {
	switch {
	case s.batch == r.task.Batch: // this run repeats it
		s.forget()
	case s.batch > r.task.Batch:
		return fault.New(fault.Bug, "task %d of stage %d is at batch %d, asked for %d", r.task.Index, r.task.Stage, s.batch, r.task.Batch)
	default:
		if err := s.accept(); err != nil {
			return err
		}
		if err := s.shrink(); err != nil {
			return err
		}
	}
	s.batch, s.marks = r.task.Batch, r.task.Marks
	return nil
}

// add takes in rows of a side.
func (s *joinState) add(side int, f *rdd.Frame) {
	h := s.hold(side, slices.Clone(f.Batch.Columns()), int(f.Batch.NumRows()))
	h.retain()
	s.fresh[side].push(h)
}

// hold notes what is in columns.
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
	defer s.account()
	for side := range s.base {
		var stay heap
		for _, from := range []*heap{&s.base[side], &s.fresh[side]} {
			for i := range from.list {
				rest, ok := s.part(side, &from.list[i], false)
				if !ok {
					continue
				}
				if err := stay.add(s.mem, rest); err != nil {
					stay.release()
					return err
				}
			}
			for _, d := range from.disk {
				if !s.leaves(d.last) {
					stay.refer(d)
				}
			}
		}
		s.base[side].release()
		s.fresh[side].release()
		s.base[side] = stay
	}
	s.gone = max(s.gone, s.marks.Watermark)
	if s.hot.rows() > 4*(s.base[left].rows()+s.base[right].rows()) {
		s.hot = hotKeys{} // most of the rows that were counted have left
	}
	return nil
}

// account tells the executor how much room the rows in memory take.
func (s *joinState) account() {
	used := s.base[left].memory() + s.base[right].memory()
	s.room.used.Add(used - s.used)
	s.used = used
}

// leaving returns the rows of a side that leave in this batch; the caller releases
// them. What is there stays as it is: the batch may have to run again.
func (s *joinState) leaving(side int) heap {
	var out heap
	for _, from := range []*heap{&s.base[side], &s.fresh[side]} {
		for i := range from.list {
			if part, ok := s.part(side, &from.list[i], true); ok {
				out.push(part)
			}
		}
		for _, d := range from.disk {
			if s.leaves(d.first) {
				out.refer(d)
			}
		}
	}
	return out
}

// part returns the rows of h that leave at the state's marks, or those that stay,
// retained. It is false if there are none.
func (s *joinState) part(side int, h *held, leaving bool) (held, bool) {
	first, last := s.leaves(h.first), s.leaves(h.last)
	switch {
	case first == last && first != leaving || h.rows == 0:
		return held{}, false
	case first == last:
		h.retain()
		return *h, true
	}
	return s.pick(side, h, func(start int64) bool { return s.leaves(start) == leaving })
}

// pick returns the rows of h in windows for which ok is true.
func (s *joinState) pick(side int, h *held, ok func(start int64) bool) (held, bool) {
	var rows []int32
	for i, start := range s.windows(side, h.cols) {
		if ok(start) {
			rows = append(rows, int32(i))
		}
	}
	if len(rows) == 0 {
		return held{}, false
	}
	part := h.take(s.mem, rows)
	return s.hold(side, part.cols, part.rows), true
}

// read reads rows from disk, less those that have left before, and of the others
// those that leave at the state's marks or those that stay.
func (s *joinState) read(side int, d onDisk, leaving bool) (held, bool, error) {
	h, err := d.read(s.mem)
	if err != nil || d.sorted || !s.join.Windowed {
		return h, true, err
	}
	defer releaseAll(h.cols)
	part, ok := s.pick(side, &h, func(start int64) bool {
		return !s.leavesAt(start, s.gone) && s.leaves(start) == leaving
	})
	return part, ok, nil
}

// each hands the rows of a heap of rows that leave to f, lent.
func (s *joinState) each(ctx context.Context, side int, p *heap, f func(*held) error) error {
	for i := range p.list {
		if err := f(&p.list[i]); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	for _, d := range p.disk {
		h, ok, err := s.read(side, d, true)
		if err != nil {
			return err
		}
		if ok {
			err = f(&h)
			releaseAll(h.cols)
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// leaves reports whether rows of the window that begins at start leave at the
// state's marks.
func (s *joinState) leaves(start int64) bool {
	if s.marks.Final || !s.join.Windowed {
		return s.marks.Final
	}
	return s.leavesAt(start, s.marks.Watermark)
}

func (s *joinState) leavesAt(start, watermark int64) bool {
	return watermark != work.NoTime && saturated(saturated(start, s.join.Size), s.join.Lateness) <= watermark
}

// freeze implements keeper: all rows but those that left with the last batch. A
// table is of the side that its first column's name says.
func (s *joinState) freeze() (rdd.BatchID, []arrow.RecordBatch, error) {
	if s.batch == 0 {
		return 0, nil, nil
	}
	var out []arrow.RecordBatch
	keep := func(side int, h held) {
		out = append(out, record(func(int) string { return sideName(side) }, h.cols, h.rows))
		releaseAll(h.cols)
	}
	for side := range s.base {
		for _, from := range []*heap{&s.base[side], &s.fresh[side]} {
			for i := range from.list {
				if part, ok := s.part(side, &from.list[i], false); ok {
					keep(side, part)
				}
			}
			for _, d := range from.disk {
				if s.marks.Final {
					continue
				}
				part, ok, err := s.read(side, d, false)
				if err != nil {
					for _, b := range out {
						b.Release()
					}
					return 0, nil, err
				}
				if ok {
					keep(side, part)
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
		h := s.hold(side, slices.Clone(b.Columns()), int(b.NumRows()))
		h.retain()
		s.base[side].push(h)
		s.account()
		if err := s.shrink(); err != nil {
			return err
		}
	}
	s.batch, s.marks = batch, noMarks()
	return nil
}

// noMarks are those of state that has seen no batch: the zero value would say that
// the time before 1970 has left.
func noMarks() work.Marks { return work.Marks{Closed: work.NoTime, Watermark: work.NoTime} }

func sideName(side int) string { return []string{"left", "right"}[side] }

// forget lets go what the last batch brought.
func (s *joinState) forget() {
	for side := range s.fresh {
		s.fresh[side].release()
	}
}

func (s *joinState) release() {
	s.forget()
	for side := range s.base {
		s.base[side].release()
	}
	s.account()
}
