package executor

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel/agg"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// groupID names the state of a key group of a stage.
type groupID struct{ stage, group int }

// state is the groups of one key group that have not left yet. It is versioned:
// base holds everything up to some batch, delta what the batch after it brought.
// A task for batch n reads n-1 and writes n. That n-1 was accepted is known when
// the task for n comes, so only then is its delta merged and what left in it
// dropped; a second run of n throws the first's delta away and starts over.
type state struct {
	base, delta *agg.Table
	batch       rdd.BatchID // of delta
	marks       planner.Marks
}

// state returns the state of a key group, empty at first.
func (x *Executor) state(id groupID) *state {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.states[id]
	if s == nil {
		s = &state{}
		x.states[id] = s
	}
	return s
}

// begin makes an empty delta for the run's batch over the state of all before.
func (s *state) begin(r *run, g *planner.Grouping) error {
	if s.base == nil {
		s.base = newTable(r.mem, g)
	}
	switch {
	case s.delta == nil:
		s.delta = newTable(r.mem, g)
	case s.batch == r.task.Batch: // this run repeats it
		s.delta.Reset()
	case s.batch > r.task.Batch:
		return fault.New(fault.Bug, "key group %d of stage %d is at batch %d, asked for %d", r.task.Index, r.task.Stage, s.batch, r.task.Batch)
	default:
		if err := s.accept(g); err != nil {
			return err
		}
	}
	s.batch, s.marks = r.task.Batch, r.task.Marks
	return nil
}

// accept merges the delta into the base and drops the groups that left with it.
func (s *state) accept(g *planner.Grouping) error {
	if err := mergeInto(s.base, s.delta, nil); err != nil {
		return err
	}
	s.delta.Reset()
	if stay := s.leaving(s.base, g, false); len(stay) < s.base.Len() {
		s.base.Compact(stay)
	}
	return nil
}

// mergeInto merges groups of one table into another; nil means all.
func mergeInto(dst, src *agg.Table, groups []int32) error {
	n := len(groups)
	if groups == nil {
		n = src.Len()
	}
	if n == 0 {
		return nil
	}
	keys, states := src.Keys(groups), src.States(groups)
	defer releaseAll(keys)
	defer releaseAll(states)
	if err := dst.Merge(keys, states, n); err != nil {
		return fault.New(fault.Bug, "state: %w", err)
	}
	return nil
}

// leaving returns the groups that leave at the state's marks, or those that stay.
func (s *state) leaving(t *agg.Table, g *planner.Grouping, want bool) []int32 {
	out := make([]int32, 0, 16)
	add := func(i int, leaves bool) {
		if leaves == want {
			out = append(out, int32(i))
		}
	}
	if g.Window < 0 || s.marks.Final {
		for i := range t.Len() {
			add(i, s.marks.Final)
		}
		return out
	}
	keys := t.Keys(nil)
	defer releaseAll(keys)
	start, ok := keys[g.Window].(*array.Timestamp)
	if !ok {
		return out
	}
	for i, v := range micros(start) {
		leaves := saturated(saturated(v, g.Size), g.Lateness) <= s.marks.Watermark
		add(i, leaves && s.marks.Watermark != math.MinInt64)
	}
	return out
}

// leave emits the groups that leave in this batch, whole: what base and delta
// know of them together.
func (s *state) leave(g *planner.Grouping, r *run, emit func(keys, results []arrow.Array, rows int) error) error {
	if len(g.Keys) == 0 && r.task.Index != 0 {
		return nil // the one group of an aggregation without keys belongs to key group 0
	}
	if !s.marks.Final && (g.Window < 0 || s.marks.Watermark == math.MinInt64) {
		return nil
	}
	both := r.x.tables.take(r.mem, r.task.Stage, g)
	defer r.x.tables.giveBack(r.task.Stage, both)
	for _, t := range []*agg.Table{s.base, s.delta} {
		if groups := s.leaving(t, g, true); len(groups) > 0 {
			if err := mergeInto(both, t, groups); err != nil {
				return err
			}
		}
	}
	if both.Len() == 0 {
		return nil
	}
	keys, results := both.Keys(nil), both.Results(nil)
	defer releaseAll(keys)
	defer releaseAll(results)
	return emit(keys, results, both.Len())
}

func (s *state) release() {
	for _, t := range []*agg.Table{s.base, s.delta} {
		if t != nil {
			t.Release()
		}
	}
	s.base, s.delta = nil, nil
}

// sliceOf returns rows of a column, retained.
func sliceOf(a arrow.Array, at, n, of int) arrow.Array {
	if n == of {
		a.Retain()
		return a
	}
	return array.NewSlice(a, int64(at), int64(at+n))
}
