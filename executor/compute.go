package executor

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
)

// compute is Map, and the arguments of aggregates.
type compute struct {
	run  *run
	node *physical.Node
	act  physical.Compute
	sel  []int32
}

func (o *compute) apply(_ context.Context, c *chunk, emit func(*chunk) error) error {
	out, err := o.change(c)
	if err != nil {
		return err
	}
	defer out.release()
	return emit(out)
}

// change evaluates the programs over c and returns the chunk behind the map,
// less the rows in which strict() failed.
func (o *compute) change(c *chunk) (*chunk, error) {
	out := &chunk{rows: c.rows, labels: c.labels, counts: c.counts, origin: c.origin,
		label: labelColumn(o.node.Out, c.labels)}
	out.cols = make([]arrow.Array, o.node.Out.NumFields())
	done := false
	defer func() {
		if !done {
			out.release()
		}
	}()
	var failed failures
	values := make([]arrow.Array, len(o.act.Programs))
	defer releaseAll(values)
	for i, p := range o.act.Programs {
		v, err := o.value(c, p, &failed)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	for i := range out.cols {
		out.cols[i] = o.column(c, i, values)
	}
	for _, i := range o.act.Clear {
		cleared := o.clear(c, out.cols[i])
		out.cols[i].Release()
		out.cols[i] = cleared
	}
	if len(failed.rows) > 0 {
		rest := failed.drop(o.run, o.node, c, out)
		out.release()
		out = rest
	}
	done = true
	return out, nil
}

// value evaluates one program for the rows of For. In selection form the result
// is scattered over all rows at once, in masked form it is for all rows and is
// blended later.
func (o *compute) value(c *chunk, p *expr.Program, failed *failures) (arrow.Array, error) {
	if o.act.Mask != physical.Scattered {
		res, err := p.Eval(o.run.env, c.cols, c.rows)
		if err != nil {
			return nil, err
		}
		var within *array.Boolean
		if o.act.Mask != physical.Whole {
			within = c.mask(o.run.mem, o.act.For)
		}
		o.run.note(o.node.Op, c, res, within, nil, failed)
		res.Values.Retain()
		defer res.Release()
		return res.Values, nil
	}
	o.sel = c.rowsOf(o.sel[:0], o.act.For)
	cols := make([]arrow.Array, len(c.cols))
	defer releaseAll(cols)
	for _, i := range p.Columns() {
		cols[i] = kernel.Take(o.run.mem, c.cols[i], o.sel)
	}
	res, err := p.Eval(o.run.env, cols, len(o.sel))
	if err != nil {
		return nil, err
	}
	o.run.note(o.node.Op, c, res, nil, o.sel, failed)
	res.Values.Retain()
	defer res.Release()
	return res.Values, nil
}

// column is one column of the result.
func (o *compute) column(c *chunk, i int, values []arrow.Array) arrow.Array {
	from, program := o.act.From[i], o.act.Program[i]
	if program < 0 {
		if from == physical.FromNull {
			return kernel.Nulls(o.run.mem, o.node.Out.Field(i).Type, c.rows)
		}
		c.cols[from].Retain()
		return c.cols[from]
	}
	var old arrow.Array
	if from != physical.FromNull {
		old = c.cols[from]
	}
	switch o.act.Mask {
	case physical.Scattered:
		return kernel.Scatter(o.run.mem, old, values[program], o.sel, c.rows)
	case physical.Whole:
		values[program].Retain()
		return values[program]
	default:
		return blend(o.run.mem, c.mask(o.run.mem, o.act.For), values[program], old)
	}
}

// clear makes a column null for the rows of For.
func (o *compute) clear(c *chunk, col arrow.Array) arrow.Array {
	nulls := kernel.Nulls(o.run.mem, col.DataType(), c.rows)
	defer nulls.Release()
	return kernel.Blend(o.run.mem, c.mask(o.run.mem, o.act.For), nulls, col)
}

func releaseAll(list []arrow.Array) {
	for _, a := range list {
		if a != nil {
			a.Release()
		}
	}
}

// failures are the rows of a chunk in which strict() failed, ascending, each
// with what failed first.
type failures struct {
	rows []int32
	why  map[int32]string
}

// note counts the results that failed and gave null, and keeps the rows that
// strict() drops. Rows outside within do not count: they are of other labels.
// With at, row i of the result is row at[i] of the chunk.
func (r *run) note(op int, c *chunk, res expr.Result, within *array.Boolean, at []int32, failed *failures) {
	if res.Nulled == nil && res.Failed == nil {
		return
	}
	if res.Nulled != nil {
		r.countNulled(op, c, trueRows(nil, res.Nulled, within), at)
	}
	if res.Failed == nil {
		return
	}
	if failed.why == nil {
		failed.why = map[int32]string{}
	}
	for _, row := range trueRows(nil, res.Failed, within) {
		row = place(at, row)
		if _, ok := failed.why[row]; !ok {
			failed.why[row] = res.Why
			failed.rows = append(failed.rows, row)
		}
	}
}

// countNulled counts results that failed and gave null, by label.
func (r *run) countNulled(op int, c *chunk, rows, at []int32) {
	if c.label < 0 {
		r.tally.nulled(op, c.labels.First(), int64(len(rows)))
		return
	}
	codes, counts := c.codes(), make([]int64, r.labels())
	for _, row := range rows {
		counts[codes[place(at, row)]]++
	}
	for label, n := range counts {
		r.tally.nulled(op, label, n)
	}
}

// place is where row i of a result is in the chunk it was computed for.
func place(at []int32, row int32) int32 {
	if at == nil {
		return row
	}
	return at[row]
}

// drop dead-letters the failed rows of in and returns out without them.
func (f *failures) drop(r *run, n *physical.Node, in, out *chunk) *chunk {
	keep := make([]int32, 0, in.rows-len(f.rows))
	for i := range int32(in.rows) {
		if why, ok := f.why[i]; ok {
			r.dead.add(in, n.In, int(i), n.Op, work.StrictFailed, why)
			continue
		}
		keep = append(keep, i)
	}
	return r.some(out, keep, all(len(out.cols)), n.Out, out.labels)
}
