package kernel

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Take gathers: row i of the result is row rows[i] of a, null where that is
// null. A dictionary array stays one and shares its values with a.
func Take(mem memory.Allocator, a arrow.Array, rows Sel) arrow.Array {
	c := columnOf(a)
	if id := c.dt.ID(); id == arrow.STRING || id == arrow.BINARY {
		return takeStrings(mem, c.dt, stringsOf(a), rows)
	}
	if isNested(c.dt) {
		return takeNested(mem, a, rows)
	}
	valid := takeValid(mem, c.valid, rows)
	switch bitWidth(c.dt) {
	case 1:
		ws, done := NewBool(mem, len(rows))
		if len(ws) > 0 {
			bitmap{bits: c.raw, off: c.off}.gather(ws, rows)
		}
		return done(valid)
	case 8:
		return takeFixed[uint8](mem, c, rows, valid)
	case 16:
		return takeFixed[uint16](mem, c, rows, valid)
	case 32:
		return takeFixed[uint32](mem, c, rows, valid)
	case 64:
		return takeFixed[uint64](mem, c, rows, valid)
	case 128:
		return takeFixed[decimal128.Num](mem, c, rows, valid)
	}
	panic(badType("Take", c.dt))
}

// TakeBatch is [Take] on every column of b.
func TakeBatch(mem memory.Allocator, b arrow.RecordBatch, rows Sel) arrow.RecordBatch {
	cols := make([]arrow.Array, b.NumCols())
	for i := range cols {
		cols[i] = Take(mem, b.Column(i), rows)
	}
	out := array.NewRecordBatch(b.Schema(), cols, int64(len(rows)))
	for _, c := range cols {
		c.Release()
	}
	return out
}

func takeFixed[T Fixed](mem memory.Allocator, c column, rows Sel, valid *memory.Buffer) arrow.Array {
	out, buf := newValues[T](mem, len(rows))
	in := values[T](c)
	out = out[:len(rows)]
	for i, r := range rows {
		out[i] = in[r]
	}
	return wrap(c.dt, len(rows), valid, c.dict, buf)
}

func newValues[T Fixed](mem memory.Allocator, n int) ([]T, *memory.Buffer) {
	var z T
	buf := memory.NewResizableBuffer(mem)
	buf.Resize(n * sizeOf(z))
	return view[T](buf.Bytes()), buf
}

func takeValid(mem memory.Allocator, b bitmap, rows Sel) *memory.Buffer {
	if b.all() {
		return nil
	}
	ws, buf := NewBitmap(mem, len(rows))
	b.gather(ws, rows)
	return buf
}

// takeStrings gathers in two passes: lengths become offsets, then bytes are
// copied into a buffer of just the size.
func takeStrings(mem memory.Allocator, dt arrow.DataType, in strs, rows Sel) arrow.Array {
	offsets, offBuf := newValues[int32](mem, len(rows)+1)
	total := int64(0)
	offsets[0] = 0
	for i, r := range rows {
		total += int64(in.offsets[r+1] - in.offsets[r])
		offsets[i+1] = int32(total)
	}
	mustFit(total)
	data, buf := newValues[uint8](mem, int(total))
	for i, r := range rows {
		copy(data[offsets[i]:], in.at(int(r)))
	}
	return wrap(dt, len(rows), takeValid(mem, in.valid, rows), nil, offBuf, buf)
}

// mustFit panics when a string array would outgrow Arrow's 32-bit offsets:
// frames are thousands of rows, so only a fault of the engine gets there.
func mustFit(total int64) {
	if total > math.MaxInt32 {
		panic("kernel: more than 2 GiB of strings in one array")
	}
}
