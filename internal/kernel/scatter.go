package kernel

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Scatter returns n rows: row rows[i] is dense[i], every other row that of
// base, which has n rows and the type of dense, or null where base is nil.
// rows is in any order; of duplicates the last wins. Two plain String arrays
// give a plain one, otherwise Strings give a dictionary.
func Scatter(mem memory.Allocator, base, dense arrow.Array, rows Sel, n int) arrow.Array {
	sameLen(len(rows), dense)
	if base == nil {
		if isPlain(dense) || isNested(dense.DataType()) {
			return scatterPicked(mem, nil, dense, rows, n)
		}
		return scatterFixed(mem, nil, columnOf(dense), rows, n)
	}
	sameLen(n, base)
	if isText(base.DataType()) && isText(dense.DataType()) {
		if isPlain(base) && isPlain(dense) {
			return scatterPicked(mem, base, dense, rows, n)
		}
		both := unify(mem, base, dense)
		defer release(both)
		c := columnOf(both[0])
		return scatterFixed(mem, &c, columnOf(both[1]), rows, n)
	}
	sameType("Scatter", base.DataType(), dense.DataType())
	if isPlain(base) || isNested(base.DataType()) {
		return scatterPicked(mem, base, dense, rows, n)
	}
	c := columnOf(base)
	return scatterFixed(mem, &c, columnOf(dense), rows, n)
}

// isPlain says whether a is a plain String or Binary.
func isPlain(a arrow.Array) bool {
	id := a.DataType().ID()
	return id == arrow.STRING || id == arrow.BINARY
}

func scatterFixed(mem memory.Allocator, base *column, dense column, rows Sel, n int) arrow.Array {
	valid := scatterValid(mem, base, dense.valid, rows, n)
	switch bitWidth(dense.dt) {
	case 1:
		ws, done := NewBool(mem, n)
		clear(ws)
		if base != nil && n > 0 {
			bitmap{base.raw, base.off}.copyTo(ws, n)
		}
		scatterBits(ws, bitmap{dense.raw, dense.off}, rows, n)
		return done(valid)
	case 8:
		return scatterWidth[uint8](mem, base, dense, rows, n, valid)
	case 16:
		return scatterWidth[uint16](mem, base, dense, rows, n, valid)
	case 32:
		return scatterWidth[uint32](mem, base, dense, rows, n, valid)
	case 64:
		return scatterWidth[uint64](mem, base, dense, rows, n, valid)
	case 128:
		return scatterWidth[decimal128.Num](mem, base, dense, rows, n, valid)
	}
	panic(badType("Scatter", dense.dt))
}

func scatterValid(mem memory.Allocator, base *column, dense bitmap, rows Sel, n int) *memory.Buffer {
	if base != nil && base.valid.all() && dense.all() {
		return nil
	}
	ws, buf := NewBitmap(mem, n)
	if base == nil {
		clear(ws)
	} else {
		base.valid.copyTo(ws, n)
	}
	scatterBits(ws, dense, rows, n)
	return buf
}

func scatterBits(ws []uint64, dense bitmap, rows Sel, n int) {
	for i, r := range rows {
		checkRow(r, n)
		bit := uint64(1) << uint(r&63)
		if dense.get(i) {
			ws[r>>6] |= bit
		} else {
			ws[r>>6] &^= bit
		}
	}
}

// checkRow keeps a row number of the last word, but past n, from setting a bit
// that nobody would miss.
func checkRow(r int32, n int) {
	if uint(r) >= uint(n) {
		panic(fmt.Sprintf("kernel: row %d of %d", r, n))
	}
}

func scatterWidth[T Fixed](mem memory.Allocator, base *column, dense column, rows Sel, n int, valid *memory.Buffer) arrow.Array {
	out, buf := newValues[T](mem, n)
	out = out[:n]
	if base == nil {
		clear(out)
	} else {
		copy(out, values[T](*base))
	}
	in := values[T](dense)
	for i, r := range rows {
		out[r] = in[i]
	}
	return wrap(dense.dt, n, valid, dense.dict, buf)
}

// scatterPicked is for types that are of no fixed width.
func scatterPicked(mem memory.Allocator, base, dense arrow.Array, rows Sel, n int) arrow.Array {
	from, buf := newValues[int32](mem, n)
	defer buf.Release()
	from = from[:n]
	second := 0
	for i := range from {
		from[i] = -1
	}
	if base != nil {
		second = n
		for i := range from {
			from[i] = int32(i)
		}
	}
	for i, r := range rows {
		from[r] = int32(second + i)
	}
	return pickRows(mem, base, dense, from)
}
