package kernel

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/fault"
)

// Concat appends arrays of one type, at least one of them. If any String is a
// dictionary the result is one, over the values they share or else over their
// union. Types that differ are fault.Invalid.
func Concat(mem memory.Allocator, as []arrow.Array) (arrow.Array, error) {
	if len(as) == 0 {
		return nil, fault.New(fault.Invalid, "nothing to concatenate")
	}
	dt, plain := as[0].DataType(), true
	for _, a := range as {
		plain = plain && a.DataType().ID() != arrow.DICTIONARY
		if !arrow.TypeEqual(dt, a.DataType()) && (!isText(dt) || !isText(a.DataType())) {
			return nil, fault.New(fault.Invalid, "cannot concatenate %s and %s", dt, a.DataType())
		}
	}
	if len(as) == 1 {
		as[0].Retain()
		return as[0], nil
	}
	switch {
	case plain:
		return concatPlain(mem, as), nil
	case !isText(dt):
		return nil, fault.New(fault.Invalid, "cannot concatenate %s", dt)
	}
	dicts := unify(mem, as...)
	defer release(dicts)
	return concatFixed(mem, dicts), nil
}

// concatPlain is [Concat] of arrays that are not dictionaries.
func concatPlain(mem memory.Allocator, as []arrow.Array) arrow.Array {
	switch {
	case isPlain(as[0]):
		return concatStrings(mem, as)
	case isNested(as[0].DataType()):
		return concatNested(mem, as)
	}
	return concatFixed(mem, as)
}

func concatFixed(mem memory.Allocator, as []arrow.Array) arrow.Array {
	n := totalLen(as)
	valid := concatValid(mem, as, n)
	first := columnOf(as[0])
	width := bitWidth(first.dt)
	if width == 1 {
		ws, done := NewBool(mem, n)
		clear(ws)
		at := 0
		for _, a := range as {
			if c := columnOf(a); c.n > 0 {
				bitmap{c.raw, c.off}.appendTo(ws, at, c.n)
				at += c.n
			}
		}
		return done(valid)
	}
	if width == 0 {
		panic(badType("Concat", first.dt))
	}
	size := width / 8
	out, buf := newValues[uint8](mem, n*size)
	at := 0
	for _, a := range as {
		if c := columnOf(a); c.n > 0 {
			at += copy(out[at:], c.raw[c.off*size:(c.off+c.n)*size])
		}
	}
	return wrap(first.dt, n, valid, first.dict, buf)
}

func concatValid(mem memory.Allocator, as []arrow.Array, n int) *memory.Buffer {
	all := true
	for _, a := range as {
		all = all && a.NullN() == 0
	}
	if all {
		return nil
	}
	ws, buf := NewBitmap(mem, n)
	clear(ws)
	at := 0
	for _, a := range as {
		validity(a).appendTo(ws, at, a.Len())
		at += a.Len()
	}
	return buf
}

func concatStrings(mem memory.Allocator, as []arrow.Array) arrow.Array {
	n, total := totalLen(as), int64(0)
	for _, a := range as {
		if s := stringsOf(a); s.offsets != nil {
			total += int64(s.offsets[s.n] - s.offsets[0])
		}
	}
	mustFit(total)
	offsets, offBuf := newValues[int32](mem, n+1)
	data, buf := newValues[uint8](mem, int(total))
	offsets[0] = 0
	at, end := 1, int32(0)
	for _, a := range as {
		s := stringsOf(a)
		if s.offsets == nil {
			continue
		}
		shift := end - s.offsets[0]
		copy(data[end:], s.data[s.offsets[0]:s.offsets[s.n]])
		for _, o := range s.offsets[1:] {
			offsets[at] = o + shift
			at++
		}
		end = offsets[at-1]
	}
	return wrap(as[0].DataType(), n, concatValid(mem, as, n), nil, offBuf, buf)
}

func totalLen(as []arrow.Array) int {
	n := 0
	for _, a := range as {
		n += a.Len()
	}
	return n
}
