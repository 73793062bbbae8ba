package executor

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/agg"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// state is the keeper of an aggregation: the groups of a task's key groups that have not left yet. It is
// versioned: base holds everything up to some batch, fresh what the batch after
// it brought, as it came through the shuffle. A task for batch n reads n-1 and
// writes n. That n-1 was accepted is known when the task for n comes, so only then
// is what n-1 brought merged and what left with it dropped; a second run of n lets
// what the first one brought go and starts over. So every partial group is merged
// once, into the base if it stays or into what is emitted if it leaves.
type state struct {
	mem   memory.Allocator
	g     *physical.Grouping
	base  *agg.Table
	fresh rdd.Frames  // keys and states
	batch rdd.BatchID // of fresh
	marks work.Marks
	// earliest is not after any window start in base and fresh.
	earliest int64
}

var _ grouped = (*state)(nil)

func newState(mem memory.Allocator, g *physical.Grouping) *state {
	return &state{mem: mem, g: g, base: newTable(mem, g), marks: noMarks(), earliest: math.MaxInt64}
}

// begin makes the state ready for what the run's batch brings.
func (s *state) begin(r *run) error {
	switch {
	case s.batch == r.task.Batch: // this run repeats it
		s.forget()
	case s.batch > r.task.Batch:
		return fault.New(fault.Bug, "task %d of stage %d is at batch %d, asked for %d", r.task.Index, r.task.Stage, s.batch, r.task.Batch)
	default:
		if err := s.accept(); err != nil {
			return err
		}
	}
	s.batch, s.marks = r.task.Batch, r.task.Marks
	return nil
}

// add takes in partial groups.
func (s *state) add(f *rdd.Frame) {
	s.fresh.Keep(f)
	s.note(f.Batch.Columns())
}

// note notes the window starts of partial groups.
func (s *state) note(cols []arrow.Array) {
	if s.g.Window < 0 {
		return
	}
	for _, start := range windowsOf(cols, s.g) {
		s.earliest = min(s.earliest, start)
	}
}

// windowsOf returns the window start of every group.
func windowsOf(cols []arrow.Array, g *physical.Grouping) []int64 {
	ts, ok := cols[g.Window].(*array.Timestamp)
	if !ok {
		return nil
	}
	return micros(ts)
}

// accept merges what the last batch brought into the base, and drops the groups
// that left with it.
func (s *state) accept() error {
	for _, f := range s.fresh.List() {
		if err := s.mergeRows(s.base, f.Batch, false); err != nil {
			return err
		}
	}
	s.forget()
	if !s.anyLeaves() {
		return nil
	}
	keys := s.base.Keys(nil)
	defer releaseAll(keys)
	starts := windowsOf(keys, s.g)
	stay := s.pick(starts, false)
	s.earliest = math.MaxInt64
	for _, i := range stay {
		s.earliest = min(s.earliest, starts[i])
	}
	if len(stay) < s.base.Len() {
		s.base.Compact(stay)
	}
	return nil
}

// anyLeaves reports whether a group may leave at the state's marks.
func (s *state) anyLeaves() bool {
	if s.marks.Final {
		return true
	}
	return s.g.Window >= 0 && s.windowLeaves()
}

// leaves reports whether the window that begins at start leaves at a watermark, or
// the last window that shares the pane.
func leaves(start int64, g *physical.Grouping, watermark int64) bool {
	return watermark != work.NoTime && saturated(saturated(lastWindow(g, start), g.Size), g.Lateness) <= watermark
}

// pick returns the groups that leave at the state's marks, or those that stay.
func (s *state) pick(starts []int64, leaving bool) []int32 {
	out := make([]int32, 0, len(starts))
	for i, v := range starts {
		if leaves(v, s.g, s.marks.Watermark) == leaving {
			out = append(out, int32(i))
		}
	}
	return out
}

// mergeRows merges partial groups into a table: those that leave at the state's
// marks, or those that stay.
func (s *state) mergeRows(t *agg.Table, b arrow.RecordBatch, leaving bool) error {
	part := s.rows(b, leaving)
	defer part.Release()
	return s.merge(t, part)
}

// rows returns the partial groups that leave at the state's marks, or those that
// stay. The caller releases them.
func (s *state) rows(b arrow.RecordBatch, leaving bool) arrow.RecordBatch {
	n := int(b.NumRows())
	var rows []int32
	switch {
	case s.marks.Final != leaving && (s.marks.Final || s.g.Window < 0): // none
	case s.marks.Final || s.g.Window < 0:
		b.Retain()
		return b
	default:
		if rows = s.pick(windowsOf(b.Columns(), s.g), leaving); len(rows) == n {
			b.Retain()
			return b
		}
	}
	cols := make([]arrow.Array, b.NumCols())
	for i, c := range b.Columns() {
		cols[i] = kernel.Take(s.mem, c, rows)
	}
	defer releaseAll(cols)
	return array.NewRecordBatch(b.Schema(), cols, int64(len(rows)))
}

// merge merges partial groups into a table.
func (s *state) merge(t *agg.Table, b arrow.RecordBatch) error {
	if b.NumRows() == 0 {
		return nil
	}
	cols := b.Columns()
	if err := t.Merge(cols[:len(s.g.Keys)], cols[len(s.g.Keys):], int(b.NumRows())); err != nil {
		return fault.New(fault.Bug, "state: %w", err)
	}
	return nil
}

// next is the smallest watermark at which a group leaves that is there and does not leave
// in this batch, or an earlier one; MaxInt64 where there is none.
func (s *state) next() int64 {
	if s.g.Window < 0 || s.marks.Final {
		return math.MaxInt64
	}
	earliest := s.earliest
	if s.anyLeaves() {
		earliest = math.MaxInt64
		see := func(starts []int64) {
			for _, start := range starts {
				if !leaves(start, s.g, s.marks.Watermark) {
					earliest = min(earliest, start)
				}
			}
		}
		for _, f := range s.fresh.List() {
			see(windowsOf(f.Batch.Columns(), s.g))
		}
		keys := s.base.Keys(nil)
		defer releaseAll(keys)
		see(windowsOf(keys, s.g))
	}
	return saturated(saturated(earliest, s.g.Size), s.g.Lateness)
}

// leave emits the groups that leave in this batch, whole: what is known of them
// from before and what this batch brought.
func (s *state) leave(r *run, emit func(keys, results []arrow.Array, rows int) error) error {
	if len(s.g.Keys) == 0 && r.task.Index != 0 {
		return nil // the one group of an aggregation without keys belongs to the first task
	}
	if !s.anyLeaves() {
		return nil
	}
	gone := r.x.tables.take(r.mem, r.task.Stage, s.g)
	defer r.x.tables.giveBack(r.task.Stage, gone)
	if err := s.leaveInto(gone); err != nil {
		return err
	}
	if gone.Len() == 0 {
		return nil
	}
	keys, results := gone.Keys(nil), gone.Results(nil)
	defer releaseAll(keys)
	defer releaseAll(results)
	return emit(keys, results, gone.Len())
}

// leaveInto merges what leaves of base and of what the batch brought into a table.
func (s *state) leaveInto(gone *agg.Table) error {
	if s.g.Pane != 0 {
		return s.leavePanes(gone)
	}
	if err := s.leaveBase(gone); err != nil {
		return err
	}
	for _, f := range s.fresh.List() {
		if err := s.mergeRows(gone, f.Batch, true); err != nil {
			return err
		}
	}
	return nil
}

// leaveBase merges the groups of the base that leave into another table. The base
// stays as it is: the batch may have to run again.
func (s *state) leaveBase(gone *agg.Table) error {
	b := s.baseRows(true)
	defer b.Release()
	return s.merge(gone, b)
}

// baseRows returns the groups of the base that leave at the state's marks, or those
// that stay, as partial groups. The caller releases them.
func (s *state) baseRows(leaving bool) arrow.RecordBatch {
	rows := []int32{}
	switch {
	case s.marks.Final || s.g.Window < 0:
		if s.marks.Final == leaving {
			rows = nil // all
		}
	case s.base.Len() > 0:
		keys := s.base.Keys(nil)
		rows = s.pick(windowsOf(keys, s.g), leaving)
		releaseAll(keys)
	}
	n := len(rows)
	if rows == nil {
		n = s.base.Len()
	}
	cols := append(s.base.Keys(rows), s.base.States(rows)...)
	defer releaseAll(cols)
	return record(func(int) string { return "" }, cols, n)
}

// freeze implements keeper: the base and what the last batch brought, without what
// left with it.
func (s *state) freeze() (rdd.BatchID, []arrow.RecordBatch, error) {
	if s.batch == 0 {
		return 0, nil, nil
	}
	out := []arrow.RecordBatch{s.baseRows(false)}
	for _, f := range s.fresh.List() {
		out = append(out, s.rows(f.Batch, false))
	}
	return s.batch, out, nil
}

// restore implements keeper.
func (s *state) restore(batch rdd.BatchID, frozen []arrow.RecordBatch) error {
	for _, b := range frozen {
		if want := len(s.g.Keys); int(b.NumCols()) < want {
			return fault.New(fault.Invalid, "a state of %d columns, of groups with %d keys", b.NumCols(), want)
		}
		if err := s.merge(s.base, b); err != nil {
			return err
		}
		s.note(b.Columns())
	}
	s.batch, s.marks = batch, noMarks()
	return nil
}

// forget lets go what the last batch brought.
func (s *state) forget() {
	s.fresh.Release()
}

func (s *state) release() {
	s.forget()
	s.base.Release()
}

// sliceOf returns rows of a column, retained.
func sliceOf(a arrow.Array, at, n, of int) arrow.Array {
	if n == of {
		a.Retain()
		return a
	}
	return array.NewSlice(a, int64(at), int64(at+n))
}
