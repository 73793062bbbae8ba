package kernel

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// isNested says whether rows of dt are made of rows of other arrays.
func isNested(dt arrow.DataType) bool {
	id := dt.ID()
	return id == arrow.LIST || id == arrow.MAP || id == arrow.STRUCT
}

// lists are the rows of a List or a Map, whose items are its entries.
type lists struct {
	valid   bitmap
	offsets []int32 // n+1 of them, nil when n is 0
	items   arrow.Array
	n       int
}

func listsOf(a arrow.Array) lists {
	l := lists{n: a.Len(), valid: validity(a)}
	if as, ok := a.(array.ListLike); ok {
		l.items = as.ListValues()
	}
	d := a.Data()
	if l.n > 0 {
		l.offsets = view[int32](d.Buffers()[1].Bytes())[d.Offset() : d.Offset()+l.n+1]
	}
	return l
}

// span returns the items of row i; a null has none.
func (l *lists) span(i int) (from, to int32) {
	if !l.valid.get(i) {
		return 0, 0
	}
	return l.offsets[i], l.offsets[i+1]
}

// fieldsOf returns the fields of a Struct, borrowed, each with the rows of a.
func fieldsOf(a arrow.Array) []arrow.Array {
	s, ok := a.(*array.Struct)
	if !ok {
		panic(badType("fields", a.DataType()))
	}
	out := make([]arrow.Array, s.NumField())
	for i := range out {
		out[i] = s.Field(i)
	}
	return out
}

// wrapNested is [wrap] for an array over other arrays, whose references it
// takes over as well.
func wrapNested(dt arrow.DataType, n int, valid *memory.Buffer, kids []arrow.Array, bufs ...*memory.Buffer) arrow.Array {
	data := make([]arrow.ArrayData, len(kids))
	for i, k := range kids {
		data[i] = k.Data()
	}
	out := assemble(dt, n, valid, nil, data, bufs)
	release(kids)
	return out
}

// takeNested gathers rows of a List, Map or Struct; a null takes no items.
func takeNested(mem memory.Allocator, a arrow.Array, rows Sel) arrow.Array {
	dt := a.DataType()
	if dt.ID() == arrow.STRUCT {
		kids := fieldsOf(a)
		for i, k := range kids {
			kids[i] = Take(mem, k, rows)
		}
		return wrapNested(dt, len(rows), takeValid(mem, validity(a), rows), kids)
	}
	l := listsOf(a)
	offsets, offBuf := newValues[int32](mem, len(rows)+1)
	total := int64(0)
	offsets[0] = 0
	for i, r := range rows {
		from, to := l.span(int(r))
		total += int64(to - from)
		offsets[i+1] = int32(total)
	}
	mustFit(total)
	items, scratch := newValues[int32](mem, int(total))
	defer scratch.Release()
	for i, r := range rows {
		from, _ := l.span(int(r))
		for k := range items[offsets[i]:offsets[i+1]] {
			items[int(offsets[i])+k] = from + int32(k)
		}
	}
	kid := Take(mem, l.items, items[:total])
	return wrapNested(dt, len(rows), takeValid(mem, l.valid, rows), []arrow.Array{kid}, offBuf)
}

// pickRows builds an array of rows of a (0 to its length-1), rows of b (from
// there on) and nulls (-1). a may be nil, and stands for no rows. Neither is a
// dictionary.
func pickRows(mem memory.Allocator, a, b arrow.Array, from []int32) arrow.Array {
	dt := b.DataType()
	switch {
	case isPlain(b):
		var as strs
		if a != nil {
			as = stringsOf(a)
		}
		return pickStrings(mem, dt, as, stringsOf(b), from)
	case dt.ID() == arrow.STRUCT:
		return pickStructs(mem, a, b, from)
	case isNested(dt):
		return pickLists(mem, a, b, from)
	}
	return pickFixed(mem, a, columnOf(b), from)
}

func pickStructs(mem memory.Allocator, a, b arrow.Array, from []int32) arrow.Array {
	kids := fieldsOf(b)
	as := make([]arrow.Array, len(kids))
	if a != nil {
		as = fieldsOf(a)
	}
	for i := range kids {
		kids[i] = pickRows(mem, as[i], kids[i], from)
	}
	return wrapNested(b.DataType(), len(from), pickValid(mem, a, validity(b), from), kids)
}

func pickLists(mem memory.Allocator, a, b arrow.Array, from []int32) arrow.Array {
	bs := listsOf(b)
	var as lists
	second := int32(0) // the number that the first item of b goes by
	if a != nil {
		as = listsOf(a)
		second = int32(as.items.Len())
	}
	mustFit(int64(second) + int64(bs.items.Len()))
	offsets, offBuf := newValues[int32](mem, len(from)+1)
	offsets[0] = 0
	total := int64(0)
	for i, f := range from {
		lo, hi := pickSpan(&as, &bs, f, second)
		total += int64(hi - lo)
		offsets[i+1] = int32(total)
	}
	mustFit(total)
	items, scratch := newValues[int32](mem, int(total))
	defer scratch.Release()
	for i, f := range from {
		lo, _ := pickSpan(&as, &bs, f, second)
		for k := range items[offsets[i]:offsets[i+1]] {
			items[int(offsets[i])+k] = lo + int32(k)
		}
	}
	kid := pickRows(mem, as.items, bs.items, items[:total])
	return wrapNested(b.DataType(), len(from), pickValid(mem, a, bs.valid, from), []arrow.Array{kid}, offBuf)
}

func pickSpan(a, b *lists, from, second int32) (lo, hi int32) {
	switch {
	case from < 0:
		return 0, 0
	case int(from) < a.n:
		return a.span(int(from))
	}
	lo, hi = b.span(int(from) - a.n)
	return lo + second, hi + second
}

// pickValid returns which picked rows are not null.
func pickValid(mem memory.Allocator, a arrow.Array, b bitmap, from []int32) *memory.Buffer {
	var av bitmap
	n := 0
	if a != nil {
		av, n = validity(a), a.Len()
	}
	ws, buf := NewBitmap(mem, len(from))
	clear(ws)
	for i, f := range from {
		if f >= 0 && (int(f) < n && av.get(int(f)) || int(f) >= n && b.get(int(f)-n)) {
			ws[i>>6] |= 1 << (i & 63)
		}
	}
	return buf
}

func pickFixed(mem memory.Allocator, a arrow.Array, b column, from []int32) arrow.Array {
	valid := pickValid(mem, a, b.valid, from)
	var ac column
	if a != nil {
		ac = columnOf(a)
	}
	switch bitWidth(b.dt) {
	case 1:
		ws, done := NewBool(mem, len(from))
		clear(ws)
		for i, f := range from {
			switch {
			case f < 0:
			case int(f) < ac.n:
				ws[i>>6] |= bitmap{ac.raw, ac.off}.bit(int(f)) << (i & 63)
			default:
				ws[i>>6] |= bitmap{b.raw, b.off}.bit(int(f)-ac.n) << (i & 63)
			}
		}
		return done(valid)
	case 8:
		return pickWidth[uint8](mem, ac, b, from, valid)
	case 16:
		return pickWidth[uint16](mem, ac, b, from, valid)
	case 32:
		return pickWidth[uint32](mem, ac, b, from, valid)
	case 64:
		return pickWidth[uint64](mem, ac, b, from, valid)
	case 128:
		return pickWidth[decimal128.Num](mem, ac, b, from, valid)
	}
	panic(badType("pick", b.dt))
}

func pickWidth[T Fixed](mem memory.Allocator, a, b column, from []int32, valid *memory.Buffer) arrow.Array {
	out, buf := newValues[T](mem, len(from))
	clear(out)
	av, bv := values[T](a), values[T](b)
	for i, f := range from {
		switch {
		case f < 0:
		case int(f) < a.n:
			out[i] = av[f]
		default:
			out[i] = bv[int(f)-a.n]
		}
	}
	return wrap(b.dt, len(from), valid, nil, buf)
}

// concatNested appends the rows of Lists, Maps or Structs of one type.
func concatNested(mem memory.Allocator, as []arrow.Array) arrow.Array {
	dt, n := as[0].DataType(), totalLen(as)
	valid := concatValid(mem, as, n)
	if dt.ID() == arrow.STRUCT {
		fields := make([][]arrow.Array, len(as))
		for i, a := range as {
			fields[i] = fieldsOf(a)
		}
		kids := make([]arrow.Array, len(fields[0]))
		for k := range kids {
			parts := make([]arrow.Array, len(as))
			for i := range as {
				parts[i] = fields[i][k]
			}
			kids[k] = concatPlain(mem, parts)
		}
		return wrapNested(dt, n, valid, kids)
	}
	offsets, offBuf := newValues[int32](mem, n+1)
	offsets[0] = 0
	at, total := 1, int64(0)
	parts := make([]arrow.Array, len(as))
	for i, a := range as {
		l := listsOf(a)
		lo, hi := int32(0), int32(0)
		if l.n > 0 {
			lo, hi = l.offsets[0], l.offsets[l.n]
			for _, o := range l.offsets[1:] {
				offsets[at] = int32(total) + o - lo
				at++
			}
		}
		parts[i] = array.NewSlice(l.items, int64(lo), int64(hi))
		total += int64(hi - lo)
		mustFit(total)
	}
	defer release(parts)
	return wrapNested(dt, n, valid, []arrow.Array{concatPlain(mem, parts)}, offBuf)
}
