package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// apply applies a function of the program to the rows of For, and to no others: in every
// form of the linear plan they are picked out first, for the function need not know
// what to do with rows of another label.
type apply struct {
	run  *run
	node *physical.Node
	act  physical.Apply
	sel  []int32
	rest []int32
}

func (o *apply) apply(ctx context.Context, c *chunk, emit func(*chunk) error) error {
	if o.act.Mask == physical.Whole {
		return o.whole(ctx, c, emit)
	}
	o.sel = c.rowsOf(o.sel[:0], o.act.For)
	if o.act.Func.Rows == fn.Keeps {
		return o.scattered(ctx, c, emit)
	}
	o.rest = c.rowsOf(o.rest[:0], c.labels&^o.act.For)
	others := o.run.some(c, o.rest, o.act.From, o.node.Out, c.labels)
	err := emit(others)
	others.release()
	if err != nil || len(o.sel) == 0 {
		return err
	}
	in := o.run.some(c, o.sel, all(len(c.cols)), o.node.In, c.labels)
	defer in.release()
	return o.whole(ctx, in, emit)
}

// whole applies the function to all rows of a chunk, and emits frames of the usual size.
func (o *apply) whole(ctx context.Context, c *chunk, emit func(*chunk) error) error {
	made, err := o.call(ctx, c.cols, c.rows)
	if err != nil {
		return err
	}
	defer releaseAll(made.Columns)
	if made.From == nil {
		out := &chunk{rows: c.rows, labels: c.labels, counts: c.counts, origin: c.origin, label: labelColumn(o.node.Out, c.labels)}
		out.cols = c.project(o.run.mem, o.act.From, o.node.Out)
		defer out.release()
		o.put(out, made.Columns)
		return emit(out)
	}
	limit := o.run.x.Plan.Job.Settings.FrameRows
	for from := 0; from < len(made.From); from += limit {
		if err := o.part(c, made, from, min(from+limit, len(made.From)), emit); err != nil {
			return err
		}
	}
	return nil
}

// part emits some of the rows that the function has made.
func (o *apply) part(c *chunk, made fn.Output, from, to int, emit func(*chunk) error) error {
	rows := made.From[from:to]
	out := &chunk{rows: len(rows), labels: c.labels, label: labelColumn(o.node.Out, c.labels), origin: c.origin.At(rows)}
	out.cols = c.take(o.run.mem, rows, o.act.From, o.node.Out)
	defer out.release()
	cols := make([]arrow.Array, len(made.Columns))
	for i, a := range made.Columns {
		cols[i] = array.NewSlice(a, int64(from), int64(to))
	}
	defer releaseAll(cols)
	o.put(out, cols)
	if o.act.Func.Rows == fn.Multiplies && c.origin.Source >= 0 {
		out.origin.Child = childrenOf(made.From, from, to, out.origin.Child)
	}
	out.recount(o.run.labels())
	return emit(out)
}

// childrenOf numbers the rows from to to by their place among those of one row, behind the
// child ordinals of these.
func childrenOf(of []int32, from, to int, child []int64) []int64 {
	out, at := make([]int64, to-from), int64(0)
	for k := from; k > 0 && of[k-1] == of[from]; k-- {
		at++
	}
	for k := range out {
		if k > 0 {
			if at++; of[from+k] != of[from+k-1] {
				at = 0
			}
		}
		if out[k] = at; child != nil {
			out[k] += child[k] << placeBits
		}
	}
	return out
}

// put sets the columns that the function writes.
func (o *apply) put(out *chunk, cols []arrow.Array) {
	for i, at := range o.act.Writes {
		if at >= 0 {
			out.cols[at].Release()
			cols[i].Retain()
			out.cols[at] = cols[i]
		}
	}
}

// scattered sets the columns of the rows of For and leaves other rows as they are.
func (o *apply) scattered(ctx context.Context, c *chunk, emit func(*chunk) error) error {
	out := &chunk{rows: c.rows, labels: c.labels, counts: c.counts, origin: c.origin, label: labelColumn(o.node.Out, c.labels)}
	out.cols = c.project(o.run.mem, o.act.From, o.node.Out)
	defer out.release()
	if len(o.sel) == 0 {
		return emit(out)
	}
	in := make([]arrow.Array, len(c.cols))
	defer releaseAll(in)
	for _, i := range o.act.Reads {
		if in[i] == nil {
			in[i] = kernel.Take(o.run.mem, c.cols[i], o.sel)
		}
	}
	made, err := o.call(ctx, in, len(o.sel))
	if err != nil {
		return err
	}
	defer releaseAll(made.Columns)
	cols := make([]arrow.Array, len(made.Columns))
	defer releaseAll(cols)
	for i, at := range o.act.Writes {
		if at < 0 {
			continue
		}
		var old arrow.Array
		if o.act.From[at] != physical.FromNull {
			old = out.cols[at]
		}
		cols[i] = kernel.Scatter(o.run.mem, old, made.Columns[i], o.sel, c.rows)
	}
	o.put(out, cols)
	return emit(out)
}

// call calls the function over columns by In. What it returns is as it is declared.
func (o *apply) call(ctx context.Context, cols []arrow.Array, rows int) (fn.Output, error) {
	f := o.act.Func
	if o.act.Last {
		return o.last(rows)
	}
	in := fn.Input{Mem: o.run.mem, Rows: rows, Columns: make([]arrow.Array, len(o.act.Reads))}
	defer releaseAll(in.Columns)
	for i, at := range o.act.Reads {
		in.Columns[i] = o.given(cols[at], f.Reads[i])
	}
	out, err := f.Run(ctx, in)
	if err == nil {
		if err = fits(f, out, rows); err == nil {
			return out, nil
		}
		releaseAll(out.Columns)
		return fn.Output{}, err
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return fn.Output{}, err
	}
	return fn.Output{}, fault.Wrap(fault.Invalid, &rdd.Error{At: o.run.x.Plan.Ops[o.node.Op].Dataset.At("func"),
		Text: fmt.Sprintf("apply: the function %s %s: %v", f.Name, f.Version, err)})
}

// fits reports where what a function has returned is not what it declares.
func fits(f *fn.Func, out fn.Output, rows int) error {
	wrong := func(format string, args ...any) error {
		return fault.New(fault.Bug, "the function %s %s "+format, slices.Concat([]any{f.Name, f.Version}, args)...)
	}
	if len(out.Columns) != len(f.Writes) {
		return wrong("has returned %d columns and declares %d", len(out.Columns), len(f.Writes))
	}
	want := len(out.From)
	switch {
	case out.From == nil:
		want = rows
	case f.Rows == fn.Keeps:
		return wrong("keeps all rows, and has returned From")
	}
	for i, a := range out.Columns {
		switch {
		case a == nil:
			return wrong("has returned no column %q", f.Writes[i].Name)
		case !types.Same(f.Writes[i].Type, a.DataType()):
			return wrong("has returned the column %q as %s and declares %s", f.Writes[i].Name, a.DataType(), f.Writes[i].Type)
		case a.Len() != want:
			return wrong("has returned %d values of the column %q for %d rows", a.Len(), f.Writes[i].Name, want)
		}
	}
	return placed(f, out.From, rows, wrong)
}

// placed checks of which rows those that come out are said to come.
func placed(f *fn.Func, from []int32, rows int, wrong func(string, ...any) error) error {
	last, at := int32(-1), 0
	for _, i := range from {
		switch {
		case i < 0 || int(i) >= rows:
			return wrong("says that a row comes of row %d of %d", i, rows)
		case i < last, i == last && f.Rows == fn.Drops:
			return wrong("names row %d behind row %d", i, last)
		case i > last:
			at = 0
		}
		if at++; at > 1<<placeBits {
			return wrong("has made more than %d rows of one", 1<<placeBits)
		}
		last = i
	}
	return nil
}

// plain spells strings out that are a dictionary; other columns are as they are. The
// caller releases what it gets.
func plain(mem memory.Allocator, a arrow.Array) arrow.Array {
	d, ok := a.(*array.Dictionary)
	if !ok {
		a.Retain()
		return a
	}
	b := array.NewStringBuilder(mem)
	defer b.Release()
	b.Reserve(d.Len())
	values, _ := d.Dictionary().(*array.String)
	for i := range d.Len() {
		if d.IsNull(i) || values.IsNull(d.GetValueIndex(i)) {
			b.AppendNull()
			continue
		}
		b.Append(values.Value(d.GetValueIndex(i)))
	}
	return b.NewArray()
}
