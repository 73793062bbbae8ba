package executor

import (
	"bytes"
	"math"
	"slices"

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

// sessions is the keeper of an aggregation by sessions. A group is part of a session:
// its key Window is the time of its first row, the last of its aggregates that of
// its last one. Like a state it is versioned: base holds the sessions up to some
// batch, fresh what the batch after it brought.
type sessions struct {
	mem      memory.Allocator
	g        *physical.Grouping
	base     *agg.Table
	fresh    rdd.Frames
	batch    rdd.BatchID // of fresh
	marks    work.Marks
	earliest int64 // not after the first row of any session
}

var _ grouped = (*sessions)(nil)

func newSessions(mem memory.Allocator, g *physical.Grouping) *sessions {
	return &sessions{mem: mem, g: g, base: newTable(mem, g), marks: noMarks(), earliest: math.MaxInt64}
}

func (s *sessions) begin(r *run) error {
	switch {
	case s.batch == r.task.Batch:
		s.fresh.Release()
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

func (s *sessions) add(f *rdd.Frame) {
	s.fresh.Keep(f)
	for _, t := range windowsOf(f.Batch.Columns(), s.g) {
		s.earliest = min(s.earliest, t)
	}
}

// accept joins what the last batch brought to the sessions, and drops those that
// left with it.
func (s *sessions) accept() error {
	if s.fresh.Rows() == 0 && !s.anyLeaves() {
		return nil
	}
	t, err := s.joined()
	if err != nil {
		return err
	}
	s.fresh.Release()
	s.base.Release()
	s.base = t
	if stay := s.pick(t, false); len(stay) < t.Len() {
		t.Compact(stay)
	}
	keys := t.Keys(nil)
	defer releaseAll(keys)
	s.earliest = math.MaxInt64
	for _, start := range windowsOf(keys, s.g) {
		s.earliest = min(s.earliest, start)
	}
	return nil
}

// joined returns a new table of the sessions of base and fresh.
func (s *sessions) joined() (*agg.Table, error) {
	all := newTable(s.mem, s.g)
	if s.base.Len() > 0 {
		cols := append(s.base.Keys(nil), s.base.States(nil)...)
		defer releaseAll(cols)
		if err := s.merge(all, cols, s.base.Len()); err != nil {
			return nil, err
		}
	}
	for _, f := range s.fresh.List() {
		if err := s.merge(all, f.Batch.Columns(), int(f.Batch.NumRows())); err != nil {
			return nil, err
		}
	}
	t, err := joinSessions(s.mem, s.g, all)
	if t != all {
		all.Release()
	}
	return t, err
}

func (s *sessions) merge(t *agg.Table, cols []arrow.Array, rows int) error {
	err := t.Merge(cols[:len(s.g.Keys)], cols[len(s.g.Keys):], rows)
	if err != nil {
		t.Release()
		return fault.New(fault.Bug, "sessions: %w", err)
	}
	return nil
}

// anyLeaves reports whether a session may leave at the keeper's marks.
func (s *sessions) anyLeaves() bool { return s.left(s.earliest) }

// left reports whether a session leaves whose last row is of the given time.
func (s *sessions) left(last int64) bool {
	return s.marks.Final || s.marks.Watermark != work.NoTime && saturated(saturated(last, s.g.Gap), s.g.Lateness) <= s.marks.Watermark
}

// pick returns the sessions that leave at the keeper's marks, or those that stay.
func (s *sessions) pick(t *agg.Table, leaving bool) []int32 {
	results := t.Results(nil)
	defer releaseAll(results)
	out := make([]int32, 0, t.Len())
	for i, last := range lastTimes(results) {
		if s.left(last) == leaving {
			out = append(out, int32(i))
		}
	}
	return out
}

// lastTimes are the times of the last rows of sessions.
func lastTimes(results []arrow.Array) []int64 {
	ts, ok := results[len(results)-1].(*array.Timestamp)
	if !ok {
		return nil
	}
	return micros(ts)
}

func (s *sessions) leave(_ *run, emit func(keys, results []arrow.Array, rows int) error) error {
	if !s.anyLeaves() {
		return nil
	}
	t, err := s.joined()
	if err != nil {
		return err
	}
	defer t.Release()
	rows := s.pick(t, true)
	if len(rows) == 0 {
		return nil
	}
	keys, results := t.Keys(rows), t.Results(rows)
	defer releaseAll(keys)
	defer releaseAll(results)
	return emit(keys, results, len(rows))
}

// freeze implements keeper.
func (s *sessions) freeze() (rdd.BatchID, []arrow.RecordBatch, error) {
	if s.batch == 0 {
		return 0, nil, nil
	}
	t, err := s.joined()
	if err != nil {
		return 0, nil, err
	}
	defer t.Release()
	rows := s.pick(t, false)
	cols := append(t.Keys(rows), t.States(rows)...)
	defer releaseAll(cols)
	return s.batch, []arrow.RecordBatch{record(func(int) string { return "" }, cols, len(rows))}, nil
}

// restore implements keeper.
func (s *sessions) restore(batch rdd.BatchID, frozen []arrow.RecordBatch) error {
	for _, b := range frozen {
		if want := len(s.g.Keys); int(b.NumCols()) < want {
			return fault.New(fault.Invalid, "a state of %d columns, of sessions with %d keys", b.NumCols(), want)
		}
		if err := s.base.Merge(b.Columns()[:len(s.g.Keys)], b.Columns()[len(s.g.Keys):], int(b.NumRows())); err != nil {
			return fault.New(fault.Bug, "sessions: %w", err)
		}
		for _, t := range windowsOf(b.Columns(), s.g) {
			s.earliest = min(s.earliest, t)
		}
	}
	s.batch, s.marks = batch, noMarks()
	return nil
}

func (s *sessions) release() {
	s.fresh.Release()
	s.base.Release()
}

// joinSessions puts parts of sessions together: those with the same other keys, of
// which one begins within the gap after the other's last row. It returns the table
// itself where there is nothing to join, else a new one.
func joinSessions(mem memory.Allocator, g *physical.Grouping, t *agg.Table) (*agg.Table, error) {
	if t.Len() < 2 {
		return t, nil
	}
	cols := append(t.Keys(nil), t.States(nil)...)
	defer releaseAll(cols)
	results := t.Results(nil)
	defer releaseAll(results)
	starts := slices.Clone(windowsOf(cols, g))
	if !sessionStarts(cols[:len(g.Keys)], g, starts, lastTimes(results)) {
		return t, nil
	}
	cols[g.Window].Release()
	vals, done := kernel.NewFixed[int64](mem, timestamp(), len(starts))
	copy(vals, starts)
	cols[g.Window] = done(nil)
	out := newTable(mem, g)
	if err := out.Merge(cols[:len(g.Keys)], cols[len(g.Keys):], t.Len()); err != nil {
		out.Release()
		return nil, fault.New(fault.Bug, "sessions: %w", err)
	}
	return out, nil
}

// sessionStarts replaces the start of every group by that of its session, and
// reports whether any changed.
func sessionStarts(keys []arrow.Array, g *physical.Grouping, starts, lasts []int64) bool {
	others := slices.Concat(keys[:g.Window], keys[g.Window+1:])
	by := append(others, keys[g.Window])
	order := kernel.Sort(by, make([]bool, len(by)), make([]bool, len(by)))
	same := sameKeys(others)
	changed := false
	var start, last int64
	for i, row := range order {
		if i > 0 && same(order[i-1], row) && starts[row] < saturated(last, g.Gap) {
			last = max(last, lasts[row])
			changed = changed || starts[row] != start
			starts[row] = start
			continue
		}
		start, last = starts[row], lasts[row]
	}
	return changed
}

// sameKeys returns whether two groups of a table are equal in some of its keys. A
// table's keys are canonical: equal values have equal bits, equal texts one code.
func sameKeys(keys []arrow.Array) func(a, b int32) bool {
	same := make([]func(a, b int) bool, len(keys))
	for k, col := range keys {
		same[k] = sameValues(col)
	}
	return func(a, b int32) bool {
		for k, col := range keys {
			i, j := int(a), int(b)
			if col.IsNull(i) != col.IsNull(j) || col.IsValid(i) && !same[k](i, j) {
				return false
			}
		}
		return true
	}
}

func sameValues(col arrow.Array) func(a, b int) bool {
	switch col := col.(type) {
	case *array.Boolean:
		return func(a, b int) bool { return col.Value(a) == col.Value(b) }
	case *array.Dictionary:
		return func(a, b int) bool { return col.GetValueIndex(a) == col.GetValueIndex(b) }
	}
	if dt, ok := col.DataType().(arrow.FixedWidthDataType); ok {
		width, off := dt.BitWidth()/8, col.Data().Offset()
		raw := col.Data().Buffers()[1].Bytes()
		at := func(i int) []byte { return raw[(off+i)*width : (off+i+1)*width] }
		return func(a, b int) bool { return bytes.Equal(at(a), at(b)) }
	}
	return func(a, b int) bool { return col.ValueStr(a) == col.ValueStr(b) }
}
