package executor

import (
	"context"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// sliding is Window where windows overlap or leave gaps. It makes a chunk for
// the first window of every row, one for the second, and so on; with panes, one
// chunk in which every row has its pane. Rows of other labels come in a chunk of
// their own, as they are.
type sliding struct {
	run    *run
	node   *physical.Node
	act    physical.Assignment
	rest   []int32
	rows   []int32 // in some window that has not left
	last   []int64 // of these: the start of the last window that they are in
	picked []int32
	starts []int64
}

func (o *sliding) apply(_ context.Context, c *chunk, emit func(*chunk) error) error {
	ts, ok := c.cols[o.act.Time].(*array.Timestamp)
	if !ok {
		return fault.New(fault.Bug, "window over %s", c.cols[o.act.Time].DataType())
	}
	of := c.labels
	if o.act.Mask != physical.Whole {
		of = o.act.For
		o.rest = c.rowsOf(o.rest[:0], c.labels&^of)
		others := o.run.some(c, o.rest, o.act.From, o.node.Out, c.labels)
		err := emit(others)
		others.release()
		if err != nil {
			return err
		}
	}
	times := micros(ts)
	o.onTime(c, ts, times, of)
	if o.act.Pane != 0 {
		o.picked, o.starts = o.rows, o.starts[:0]
		for _, i := range o.rows {
			o.starts = append(o.starts, floorTo(times[i], o.act.Pane))
		}
		return o.emit(c, 0, emit)
	}
	for k := range o.act.Copies {
		o.pick(times, o.act.Copies-1-k)
		if err := o.emit(c, k, emit); err != nil {
			return err
		}
	}
	return nil
}

// onTime finds the rows that are in a window that has not left. The others
// become dead letters, but those between windows, which are in none.
func (o *sliding) onTime(c *chunk, ts *array.Timestamp, times []int64, of rdd.LabelSet) {
	o.rows, o.last = o.rows[:0], o.last[:0]
	var codes []int32
	if o.act.Mask != physical.Whole {
		codes = c.codes()
	}
	for i, t := range times {
		if codes != nil && !of.Has(int(codes[i])) {
			continue
		}
		if ts.IsNull(i) {
			o.run.dead.add(c, o.node.In, i, o.node.Op, work.NoEventTime, "")
			continue
		}
		last := floorTo(t, o.act.Slide)
		if saturated(last, o.act.Size) <= t {
			continue
		}
		if !o.left(back(last, (o.act.Copies-1)*o.act.Slide)) { // no window of it has
			o.rows, o.last = append(o.rows, int32(i)), append(o.last, last)
			continue
		}
		o.run.tally.Late += o.lateCopies(t, last)
		if o.left(last) {
			o.run.dead.add(c, o.node.In, i, o.node.Op, work.LateRow, "")
			continue
		}
		o.rows, o.last = append(o.rows, int32(i)), append(o.last, last)
	}
}

// left reports whether the window that begins at start left with an earlier batch.
func (o *sliding) left(start int64) bool {
	return saturated(saturated(start, o.act.Size), o.act.Lateness) <= o.run.task.Closed
}

// lateCopies counts the windows of a row that have left.
func (o *sliding) lateCopies(t, last int64) int64 {
	n := int64(0)
	for k := range o.act.Copies {
		start := back(last, k*o.act.Slide)
		if saturated(start, o.act.Size) > t && o.left(start) {
			n++
		}
	}
	return n
}

// pick finds the rows that are in the window that is k slides before their last
// one, and its start.
func (o *sliding) pick(times []int64, k int64) {
	o.picked, o.starts = o.picked[:0], o.starts[:0]
	for j, i := range o.rows {
		start := back(o.last[j], k*o.act.Slide)
		if saturated(start, o.act.Size) > times[i] && !o.left(start) {
			o.picked, o.starts = append(o.picked, i), append(o.starts, start)
		}
	}
}

// emit makes the chunk of the picked rows with their windows: copy k of each.
func (o *sliding) emit(c *chunk, k int64, emit func(*chunk) error) error {
	out := &chunk{rows: len(o.picked), labels: c.labels, label: labelColumn(o.node.Out, c.labels), cols: make([]arrow.Array, len(o.act.From))}
	defer out.release()
	whole := len(o.picked) == c.rows
	for i, at := range o.act.From {
		switch {
		case i == o.act.Start:
			out.cols[i] = timesOf(o.run, o.starts, 0)
		case i == o.act.End:
			out.cols[i] = timesOf(o.run, o.starts, o.act.Size)
		case at == physical.FromNull:
			out.cols[i] = kernel.Nulls(o.run.mem, o.node.Out.Field(i).Type, len(o.picked))
		case whole:
			out.cols[i] = c.cols[at]
			out.cols[i].Retain()
		default:
			out.cols[i] = kernel.Take(o.run.mem, c.cols[at], o.picked)
		}
	}
	out.origin = c.origin
	if !whole {
		out.origin = c.origin.At(o.picked)
	}
	if o.act.Pane == 0 && o.act.Copies > 1 {
		out.origin.Child = children(out, int(k), int(o.act.Copies))
	}
	out.recount(o.run.labels())
	return emit(out)
}

// timesOf makes a column of times, each shifted.
func timesOf(r *run, times []int64, by int64) arrow.Array {
	vals, done := kernel.NewFixed[int64](r.mem, timestamp(), len(times))
	for i, t := range times {
		vals[i] = saturated(t, by)
	}
	return done(nil)
}

// back returns a - b without overflow; b is not negative.
func back(a, b int64) int64 {
	if a < math.MinInt64+b {
		return math.MinInt64
	}
	return a - b
}
