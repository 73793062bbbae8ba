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

// stateID names the state of one task of a stateful stage.
type stateID struct{ stage, index int }

// state is the groups of a task's key groups that have not left yet. It is
// versioned: base holds everything up to some batch, fresh what the batch after
// it brought, as it came through the shuffle. A task for batch n reads n-1 and
// writes n. That n-1 was accepted is known when the task for n comes, so only then
// is what n-1 brought merged and what left with it dropped; a second run of n lets
// what the first one brought go and starts over. So every partial group is merged
// once, into the base if it stays or into what is emitted if it leaves.
type state struct {
	base  *agg.Table
	fresh rdd.Frames  // keys and states
	batch rdd.BatchID // of fresh
	marks work.Marks
	// earliest is not after any window start in base and fresh.
	earliest int64
}

// state returns the state of a task, empty at first.
func (x *Executor) state(id stateID) *state {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.states[id]
	if s == nil {
		s = &state{earliest: math.MaxInt64}
		x.states[id] = s
	}
	return s
}

// begin makes the state ready for what the run's batch brings.
func (s *state) begin(r *run, g *physical.Grouping) error {
	switch {
	case s.base == nil:
		s.base = newTable(r.mem, g)
	case s.batch == r.task.Batch: // this run repeats it
		s.forget()
	case s.batch > r.task.Batch:
		return fault.New(fault.Bug, "task %d of stage %d is at batch %d, asked for %d", r.task.Index, r.task.Stage, s.batch, r.task.Batch)
	default:
		if err := s.accept(r.mem, g); err != nil {
			return err
		}
	}
	s.batch, s.marks = r.task.Batch, r.task.Marks
	return nil
}

// add takes in partial groups.
func (s *state) add(g *physical.Grouping, f *rdd.Frame) {
	s.fresh.Keep(f)
	if g.Window < 0 {
		return
	}
	for _, start := range windowsOf(f.Batch.Columns(), g) {
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
func (s *state) accept(mem memory.Allocator, g *physical.Grouping) error {
	for _, f := range s.fresh.List() {
		if err := s.mergeRows(mem, g, s.base, f.Batch, false); err != nil {
			return err
		}
	}
	s.forget()
	if !s.anyLeaves(g) {
		return nil
	}
	keys := s.base.Keys(nil)
	defer releaseAll(keys)
	starts := windowsOf(keys, g)
	stay := s.pick(g, starts, false)
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
func (s *state) anyLeaves(g *physical.Grouping) bool {
	if s.marks.Final {
		return true
	}
	return g.Window >= 0 && leaves(s.earliest, g, s.marks.Watermark)
}

// leaves reports whether the window that begins at start leaves at a watermark.
func leaves(start int64, g *physical.Grouping, watermark int64) bool {
	return watermark != work.NoTime && saturated(saturated(start, g.Size), g.Lateness) <= watermark
}

// pick returns the groups that leave at the state's marks, or those that stay.
func (s *state) pick(g *physical.Grouping, starts []int64, leaving bool) []int32 {
	out := make([]int32, 0, len(starts))
	for i, v := range starts {
		if leaves(v, g, s.marks.Watermark) == leaving {
			out = append(out, int32(i))
		}
	}
	return out
}

// mergeRows merges partial groups into a table: those that leave at the state's
// marks, or those that stay.
func (s *state) mergeRows(mem memory.Allocator, g *physical.Grouping, t *agg.Table, b arrow.RecordBatch, leaving bool) error {
	cols, n := b.Columns(), int(b.NumRows())
	if !s.marks.Final && g.Window >= 0 {
		rows := s.pick(g, windowsOf(cols, g), leaving)
		if len(rows) < n {
			part := make([]arrow.Array, len(cols))
			for i, c := range cols {
				part[i] = kernel.Take(mem, c, rows)
			}
			defer releaseAll(part)
			cols, n = part, len(rows)
		}
	}
	if n == 0 {
		return nil
	}
	if err := t.Merge(cols[:len(g.Keys)], cols[len(g.Keys):], n); err != nil {
		return fault.New(fault.Bug, "state: %w", err)
	}
	return nil
}

// leave emits the groups that leave in this batch, whole: what is known of them
// from before and what this batch brought.
func (s *state) leave(g *physical.Grouping, r *run, emit func(keys, results []arrow.Array, rows int) error) error {
	if len(g.Keys) == 0 && r.task.Index != 0 {
		return nil // the one group of an aggregation without keys belongs to the first task
	}
	if !s.anyLeaves(g) {
		return nil
	}
	gone := r.x.tables.take(r.mem, r.task.Stage, g)
	defer r.x.tables.giveBack(r.task.Stage, gone)
	if err := s.leaveBase(g, gone); err != nil {
		return err
	}
	for _, f := range s.fresh.List() {
		if err := s.mergeRows(r.mem, g, gone, f.Batch, true); err != nil {
			return err
		}
	}
	if gone.Len() == 0 {
		return nil
	}
	keys, results := gone.Keys(nil), gone.Results(nil)
	defer releaseAll(keys)
	defer releaseAll(results)
	return emit(keys, results, gone.Len())
}

// leaveBase merges the groups of the base that leave into another table. The base
// stays as it is: the batch may have to run again.
func (s *state) leaveBase(g *physical.Grouping, gone *agg.Table) error {
	if s.base.Len() == 0 {
		return nil
	}
	var rows []int32 // all
	if !s.marks.Final {
		keys := s.base.Keys(nil)
		rows = s.pick(g, windowsOf(keys, g), true)
		releaseAll(keys)
		if len(rows) == 0 {
			return nil
		}
	}
	keys, states := s.base.Keys(rows), s.base.States(rows)
	defer releaseAll(keys)
	defer releaseAll(states)
	n := len(rows)
	if rows == nil {
		n = s.base.Len()
	}
	if err := gone.Merge(keys, states, n); err != nil {
		return fault.New(fault.Bug, "state: %w", err)
	}
	return nil
}

// forget lets go what the last batch brought.
func (s *state) forget() {
	s.fresh.Release()
}

func (s *state) release() {
	s.forget()
	if s.base != nil {
		s.base.Release()
	}
}

// sliceOf returns rows of a column, retained.
func sliceOf(a arrow.Array, at, n, of int) arrow.Array {
	if n == of {
		a.Retain()
		return a
	}
	return array.NewSlice(a, int64(at), int64(at+n))
}
