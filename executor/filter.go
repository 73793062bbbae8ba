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

// keep is Filter.
type keep struct {
	run  *run
	node *physical.Node
	act  physical.Keep
	sel  []int32
	of   []int32
}

func (o *keep) apply(_ context.Context, c *chunk, emit func(*chunk) error) error {
	var failed failures
	rows, err := o.rows(c, &failed)
	if err != nil {
		return err
	}
	for _, i := range failed.rows {
		o.run.dead.add(c, o.node.In, int(i), o.node.Op, work.StrictFailed, failed.why[i])
	}
	if len(failed.rows) > 0 { // the condition may be true all the same
		rows = slices.DeleteFunc(rows, func(i int32) bool { _, dead := failed.why[i]; return dead })
	}
	out := o.run.some(c, rows, o.act.From, o.node.Out, c.labels)
	defer out.release()
	return emit(out)
}

// rows finds the rows that stay: of For those for which the condition is true,
// of others all.
func (o *keep) rows(c *chunk, failed *failures) ([]int32, error) {
	if o.act.Mask == physical.Scattered {
		return o.selected(c, failed)
	}
	res, err := o.act.Where.Eval(o.run.env, c.cols, c.rows)
	if err != nil {
		return nil, err
	}
	defer res.Release()
	is, ok := res.Values.(*array.Boolean)
	if !ok {
		return nil, fault.New(fault.Bug, "filter is not boolean but %s", res.Values.DataType())
	}
	if o.act.Mask == physical.Whole {
		o.run.note(o.node.Op, c, res, nil, nil, failed)
		o.sel = kernel.AppendTrue(o.sel[:0], is)
		return o.sel, nil
	}
	within := c.mask(o.run.mem, o.act.For)
	o.run.note(o.node.Op, c, res, within, nil, failed)
	o.sel = o.sel[:0]
	for i := range c.rows {
		if !within.Value(i) || is.IsValid(i) && is.Value(i) {
			o.sel = append(o.sel, int32(i))
		}
	}
	return o.sel, nil
}

// selected evaluates the condition for the rows of For only.
func (o *keep) selected(c *chunk, failed *failures) ([]int32, error) {
	o.of = c.rowsOf(o.of[:0], o.act.For)
	cols := make([]arrow.Array, len(c.cols))
	defer releaseAll(cols)
	for _, i := range o.act.Where.Columns() {
		cols[i] = kernel.Take(o.run.mem, c.cols[i], o.of)
	}
	res, err := o.act.Where.Eval(o.run.env, cols, len(o.of))
	if err != nil {
		return nil, err
	}
	defer res.Release()
	is, ok := res.Values.(*array.Boolean)
	if !ok {
		return nil, fault.New(fault.Bug, "filter is not boolean but %s", res.Values.DataType())
	}
	o.run.note(o.node.Op, c, res, nil, o.of, failed)
	o.sel = o.sel[:0]
	next := 0
	for i := range int32(c.rows) {
		if next < len(o.of) && o.of[next] == i {
			if is.IsValid(next) && is.Value(next) {
				o.sel = append(o.sel, i)
			}
			next++
			continue
		}
		o.sel = append(o.sel, i)
	}
	return o.sel, nil
}

// only narrows a flow to some labels.
type only struct {
	run  *run
	node *physical.Node
	act  physical.Only
	sel  []int32
}

func (o *only) apply(_ context.Context, c *chunk, emit func(*chunk) error) error {
	if c.label < 0 { // rows of one label: all of For or none
		if c.labels&o.act.For == 0 {
			return nil
		}
		out := &chunk{rows: c.rows, labels: c.labels, origin: c.origin, label: -1,
			cols: c.project(o.run.mem, o.act.From, o.node.Out)}
		defer out.release()
		return emit(out)
	}
	o.sel = c.rowsOf(o.sel[:0], o.act.For)
	if len(o.sel) == 0 {
		return nil
	}
	out := o.run.some(c, o.sel, o.act.From, o.node.Out, c.labels&o.act.For)
	defer out.release()
	return emit(out)
}
