package executor

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/codec"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// last gives all rows the columns of the last row that was written to a sink, or null
// where the task was given none. A string is one value, however many rows have it.
func (o *apply) last(rows int) (out fn.Output, err error) {
	row, err := o.run.result(o.act.Sink)
	if err != nil {
		return out, err
	}
	for i, c := range o.act.Func.Writes {
		var from arrow.Array
		if o.act.Writes[i] >= 0 {
			if from, err = valueOf(row, c); err != nil {
				releaseAll(out.Columns)
				return fn.Output{}, err
			}
		}
		if err = o.holds(from, c, rows); err != nil {
			releaseAll(out.Columns)
			return fn.Output{}, err
		}
		out.Columns = append(out.Columns, o.repeated(from, c.Type, rows))
	}
	return out, nil
}

// result is the last row of a sink as the task was given it, decoded once, or nil.
func (r *run) result(sink int) (arrow.RecordBatch, error) {
	raw := r.task.Results[sink]
	if row, ok := r.results[sink]; ok || len(raw) == 0 {
		return row, nil
	}
	row, err := codec.DecodeRow(raw, r.mem)
	if err != nil {
		return nil, err
	}
	if r.results == nil {
		r.results = map[int]arrow.RecordBatch{}
	}
	r.results[sink] = row
	r.closers = append(r.closers, row.Release)
	return row, nil
}

// valueOf is the named column of a row, or nil without a row.
func valueOf(row arrow.RecordBatch, c fn.Column) (arrow.Array, error) {
	if row == nil {
		return nil, nil
	}
	at := row.Schema().FieldIndices(c.Name)
	if len(at) != 1 || !types.Same(row.Column(at[0]).DataType(), c.Type) {
		return nil, fault.New(fault.Lost, "the last row has no column %q of type %s", c.Name, c.Type)
	}
	return row.Column(at[0]), nil
}

// holds reports a value that so many rows cannot each have one of: an array ends at 2 GiB.
func (o *apply) holds(value arrow.Array, c fn.Column, rows int) error {
	if value == nil || types.IsString(value.DataType()) {
		return nil
	}
	if size := bytesOf(value); size > math.MaxInt32/int64(max(rows, 1)) {
		return fault.Wrap(fault.Invalid, &rdd.Error{At: o.run.x.Plan.Ops[o.node.Op].Dataset.At("columns." + c.Name),
			Text: fmt.Sprintf("broadcast: the column %q has %d bytes, and a frame of %d rows would take more than 2 GiB; a string is held once for all rows", c.Name, size, rows)})
	}
	return nil
}

// repeated is the one value of an array, or null without one, as often as there are rows.
func (o *apply) repeated(value arrow.Array, t arrow.DataType, rows int) arrow.Array {
	mem := o.run.mem
	if value == nil || value.IsNull(0) {
		return kernel.Nulls(mem, t, rows)
	}
	if !types.IsString(t) {
		return kernel.Take(mem, value, make(kernel.Sel, rows))
	}
	codes, done := kernel.NewFixed[int32](mem, arrow.PrimitiveTypes.Int32, rows)
	clear(codes)
	idx := done(nil)
	defer idx.Release()
	return array.NewDictionaryArray(kernel.StringDict(), idx, value)
}

// given is a column as a function takes it: strings as codes and values where it says
// so, else spelled out. The caller releases it.
func (o *apply) given(a arrow.Array, c fn.Column) arrow.Array {
	if c.Type == nil || c.Type.ID() != arrow.DICTIONARY {
		return plain(o.run.mem, a)
	}
	if a.DataType().ID() == arrow.DICTIONARY {
		a.Retain()
		return a
	}
	codes, done := kernel.NewFixed[int32](o.run.mem, arrow.PrimitiveTypes.Int32, a.Len())
	var valid *memory.Buffer
	var bits []uint64
	if a.NullN() > 0 {
		bits, valid = kernel.NewBitmap(o.run.mem, a.Len())
		clear(bits)
	}
	for i := range codes {
		if codes[i] = int32(i); bits != nil && a.IsValid(i) {
			bits[i/64] |= 1 << (i % 64)
		}
	}
	idx := done(valid)
	defer idx.Release()
	return array.NewDictionaryArray(kernel.StringDict(), idx, a)
}

// quiet reports whether a part for a sink is not wanted: its batch is committed, and
// nobody but readers of the sink wants it.
func (r *run) quiet(to physical.SinkPart) bool {
	if !r.task.Quiet {
		return false
	}
	for _, read := range r.x.Plan.Results {
		if read.Sink == to.Sink {
			return false
		}
	}
	return true
}
