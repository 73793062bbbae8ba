package executor

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
)

// explode is FlatMap over the items of a list or a map: a row an item, in frames
// of the usual size, and the rows of other labels as they are.
type explode struct {
	run  *run
	node *physical.Node
	act  physical.Explode
	sel  []int32
	made exploded
}

// exploded are the rows made of a chunk: of which row each comes, and its place
// among the items of that row and of all; -1 where the row has no items.
type exploded struct {
	rows  []int32
	at    []int64
	items []int32
}

// placeBits is how far the child ordinals of two rows that are exploded lie apart.
const placeBits = 20

func (o *explode) apply(_ context.Context, c *chunk, emit func(*chunk) error) error {
	in := c
	if o.act.Mask != physical.Whole {
		rest := c.rowsOf(nil, c.labels&^o.act.For)
		others := o.run.some(c, rest, o.act.From, o.node.Out, c.labels)
		err := emit(others)
		others.release()
		if err != nil {
			return err
		}
		o.sel = c.rowsOf(o.sel[:0], o.act.For)
		in = o.run.some(c, o.sel, all(len(c.cols)), o.node.In, c.labels)
		defer in.release()
	}
	res, err := o.act.List.Eval(o.run.env, in.cols, in.rows)
	if err != nil {
		return err
	}
	defer res.Release()
	var failed failures
	o.run.note(o.node.Op, in, res, nil, nil, &failed)
	for _, i := range failed.rows {
		o.run.dead.add(in, o.node.In, int(i), o.node.Op, work.StrictFailed, failed.why[i])
	}
	list, ok := res.Values.(array.ListLike)
	if !ok {
		return fault.New(fault.Bug, "explode over %s", res.Values.DataType())
	}
	o.spread(list, &failed)
	limit := o.run.x.Plan.Job.Settings.FrameRows
	for from := 0; from < len(o.made.rows); from += limit {
		to := min(from+limit, len(o.made.rows))
		if err := o.emit(in, list, exploded{o.made.rows[from:to], o.made.at[from:to], o.made.items[from:to]}, emit); err != nil {
			return err
		}
	}
	return nil
}

// spread finds the rows to make.
func (o *explode) spread(list array.ListLike, failed *failures) {
	o.made = exploded{o.made.rows[:0], o.made.at[:0], o.made.items[:0]}
	put := func(row int, at int64, item int32) {
		o.made.rows, o.made.at, o.made.items = append(o.made.rows, int32(row)), append(o.made.at, at), append(o.made.items, item)
	}
	for i := range list.Len() {
		if _, dead := failed.why[int32(i)]; dead {
			continue
		}
		from, to := int64(0), int64(0)
		if list.IsValid(i) {
			from, to = list.ValueOffsets(i)
		}
		for k := from; k < to; k++ {
			put(i, k-from, int32(k))
		}
		if from == to && o.act.Outer {
			put(i, -1, -1)
		}
	}
}

// emit makes a chunk of some of the rows.
func (o *explode) emit(in *chunk, list array.ListLike, made exploded, emit func(*chunk) error) error {
	out := &chunk{rows: len(made.rows), labels: in.labels, label: labelColumn(o.node.Out, in.labels), cols: make([]arrow.Array, len(o.act.From))}
	defer out.release()
	values := itemColumns(list)
	for i, from := range o.act.From {
		item := slices.Index(o.act.Items, i)
		switch {
		case i == o.act.Position:
			out.cols[i] = o.positions(made.at)
		case item >= 0:
			out.cols[i] = o.pick(values[item], made.items)
		case from == physical.FromNull:
			out.cols[i] = kernel.Nulls(o.run.mem, o.node.Out.Field(i).Type, len(made.rows))
		default:
			out.cols[i] = kernel.Take(o.run.mem, in.cols[from], made.rows)
		}
	}
	out.origin = in.origin.At(made.rows)
	if in.origin.Source >= 0 {
		child := make([]int64, len(made.rows))
		for j := range child {
			if out.origin.Child != nil {
				child[j] = out.origin.Child[j] << placeBits
			}
			child[j] += max(made.at[j], 0)
		}
		out.origin.Child = child
	}
	out.recount(o.run.labels())
	return emit(out)
}

// itemColumns are the elements of a list, or the keys and values of a map, lent.
func itemColumns(list array.ListLike) []arrow.Array {
	if m, ok := list.(*array.Map); ok {
		return []arrow.Array{m.Keys(), m.Items()}
	}
	return []arrow.Array{list.ListValues()}
}

// pick gathers items; those that are not there are null.
func (o *explode) pick(values arrow.Array, items []int32) arrow.Array {
	if !slices.Contains(items, -1) {
		return kernel.Take(o.run.mem, values, items)
	}
	var there, rows []int32
	for i, k := range items {
		if k >= 0 {
			there, rows = append(there, k), append(rows, int32(i))
		}
	}
	dense := kernel.Take(o.run.mem, values, there)
	defer dense.Release()
	return kernel.Scatter(o.run.mem, nil, dense, rows, len(items))
}

// positions are the places of items; those that are not there are null.
func (o *explode) positions(at []int64) arrow.Array {
	vals, done := kernel.NewFixed[int64](o.run.mem, arrow.PrimitiveTypes.Int64, len(at))
	ws, valid := kernel.NewBitmap(o.run.mem, len(at))
	clear(ws)
	for i, p := range at {
		if vals[i] = max(p, 0); p >= 0 {
			ws[i>>6] |= 1 << (i & 63)
		}
	}
	return done(valid)
}
