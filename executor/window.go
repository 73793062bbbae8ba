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
)

// assignment is Window: it assigns tumbling windows, and dead-letters the rows
// whose window has left and those without an event time.
type assignment struct {
	run  *run
	node *physical.Node
	act  physical.Assignment
	sel  []int32
}

func (o *assignment) apply(_ context.Context, c *chunk, emit func(*chunk) error) error {
	ts, ok := c.cols[o.act.Time].(*array.Timestamp)
	if !ok {
		return fault.New(fault.Bug, "window over %s", c.cols[o.act.Time].DataType())
	}
	var within *array.Boolean
	if o.act.Mask != physical.Whole {
		within = c.mask(o.run.mem, o.act.For)
	}
	starts, done := kernel.NewFixed[int64](o.run.mem, timestamp(), c.rows)
	earliest := windowStarts(starts, micros(ts), o.act.Size)
	out := &chunk{rows: c.rows, labels: c.labels, counts: c.counts, origin: c.origin, label: labelColumn(o.node.Out, c.labels)}
	defer func() { out.release() }()
	late := o.closes(earliest) <= o.run.task.Closed
	clean := !late && ts.NullN() == 0
	start := done(nil)
	defer start.Release()
	out.cols = o.columns(c, start, starts, within)
	if clean {
		return emit(out)
	}
	rows := o.onTime(c, ts, starts, within)
	if len(rows) == c.rows {
		return emit(out)
	}
	rest := o.run.some(out, rows, all(len(out.cols)), o.node.Out, out.labels)
	out.release()
	out = rest
	return emit(out)
}

// closes returns the watermark at which the window that begins at start leaves.
func (o *assignment) closes(start int64) int64 {
	return saturated(saturated(start, o.act.Size), o.act.Lateness)
}

// columns are those of c with the windows set, for rows of For.
func (o *assignment) columns(c *chunk, start arrow.Array, starts []int64, within *array.Boolean) []arrow.Array {
	from := append([]int(nil), o.act.From...)
	for _, at := range []int{o.act.Start, o.act.End} {
		if at >= 0 && within == nil {
			from[at] = physical.FromNull // set below: nothing of the input stays
		}
	}
	cols := make([]arrow.Array, len(from))
	for i, at := range from {
		switch {
		case i == o.act.Start:
			cols[i] = o.set(c, start, o.act.From[i], within)
		case i == o.act.End:
			ends, done := kernel.NewFixed[int64](o.run.mem, timestamp(), c.rows)
			for r, s := range starts {
				ends[r] = saturated(s, o.act.Size)
			}
			end := done(nil)
			cols[i] = o.set(c, end, o.act.From[i], within)
			end.Release()
		case at == physical.FromNull:
			cols[i] = kernel.Nulls(o.run.mem, o.node.Out.Field(i).Type, c.rows)
		default:
			cols[i] = c.cols[at]
			cols[i].Retain()
		}
	}
	return cols
}

// set is a window column: value for the rows of For, what was there for others.
func (o *assignment) set(c *chunk, value arrow.Array, from int, within *array.Boolean) arrow.Array {
	if within == nil {
		value.Retain()
		return value
	}
	var old arrow.Array
	if from != physical.FromNull {
		old = c.cols[from]
	}
	return blend(o.run.mem, within, value, old)
}

// onTime finds the rows that stay; the others become dead letters.
func (o *assignment) onTime(c *chunk, ts *array.Timestamp, starts []int64, within *array.Boolean) []int32 {
	o.sel = o.sel[:0]
	for i := range c.rows {
		switch {
		case within != nil && !within.Value(i):
		case ts.IsNull(i):
			o.run.dead.add(c, o.node.In, i, o.node.Op, work.NoEventTime, "")
			continue
		case o.closes(starts[i]) <= o.run.task.Closed:
			o.run.tally.Late++
			o.run.dead.add(c, o.node.In, i, o.node.Op, work.LateRow, "")
			continue
		}
		o.sel = append(o.sel, int32(i))
	}
	return o.sel
}

// windowStarts floors every time to its window and returns the earliest start.
// Event time mostly stays in one window from row to row, so the division is
// done only where it does not.
func windowStarts(dst, ts []int64, size int64) int64 {
	earliest := int64(math.MaxInt64)
	start, end := int64(0), int64(0) // an empty window: the first row leaves it
	for i, t := range ts {
		if t < start || t >= end {
			start = floorTo(t, size)
			end = saturated(start, size)
			if start == math.MinInt64 {
				end = start // cut off below: the next row's window may begin within its size
			}
			earliest = min(earliest, start)
		}
		dst[i] = start
	}
	return earliest
}

// floorTo returns the largest multiple of size that is not after t; it
// saturates where that is out of range.
func floorTo(t, size int64) int64 {
	m := t % size
	if m < 0 {
		m += size
	}
	if t < math.MinInt64+m {
		return math.MinInt64
	}
	return t - m
}

// saturated adds without overflow; the second argument is not negative.
func saturated(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// micros returns the values of a timestamp array.
func micros(a *array.Timestamp) []int64 {
	vals := a.TimestampValues()
	return arrow.Int64Traits.CastFromBytes(arrow.TimestampTraits.CastToBytes(vals))
}

func timestamp() arrow.DataType {
	return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
}
