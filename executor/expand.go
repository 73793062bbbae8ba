package executor

import (
	"context"

	"github.com/idag/idag/planner/physical"
)

// expand is FlatMap: one chunk an element of Rows, and the rows of other labels
// as they are.
type expand struct {
	run  *run
	node *physical.Node
	act  physical.Expand
	sel  []int32
	rest []int32
}

func (o *expand) apply(_ context.Context, c *chunk, emit func(*chunk) error) error {
	in := c
	if o.act.Mask != physical.Whole {
		o.rest = c.rowsOf(o.rest[:0], c.labels&^o.act.For)
		if len(o.rest) > 0 {
			others := o.run.some(c, o.rest, o.act.From, o.node.Out, c.labels)
			err := emit(others)
			others.release()
			if err != nil {
				return err
			}
		}
		o.sel = c.rowsOf(o.sel[:0], o.act.For)
		in = o.run.some(c, o.sel, all(len(c.cols)), o.node.In, c.labels)
		defer in.release()
	}
	for i := range o.act.Rows {
		if err := o.element(in, i, emit); err != nil {
			return err
		}
	}
	return nil
}

// element makes the i-th child of every row.
func (o *expand) element(in *chunk, i int, emit func(*chunk) error) error {
	act := o.act.Rows[i]
	act.Mask = physical.Whole // only rows of For are here
	lent := *in
	lent.origin.Child = children(in, i, len(o.act.Rows))
	lent.masks = nil
	out, err := (&compute{run: o.run, node: o.node, act: act}).change(&lent)
	if err != nil {
		return err
	}
	defer out.release()
	return emit(out)
}

// children numbers the i-th child of every row among all rows that came of the
// same event.
func children(in *chunk, i, of int) []int64 {
	if in.origin.Source < 0 {
		return nil
	}
	out := make([]int64, in.rows)
	for r := range out {
		if in.origin.Child != nil {
			out[r] = in.origin.Child[r] * int64(of)
		}
		out[r] += int64(i)
	}
	return out
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
