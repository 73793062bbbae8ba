package kernel

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Blend picks row by row: a where mask is TRUE, b where it is FALSE or null.
// All three have the same length, a and b the same type. Two plain String
// arrays give a plain one, otherwise Strings give a dictionary.
func Blend(mem memory.Allocator, mask *array.Boolean, a, b arrow.Array) arrow.Array {
	sameLen(mask.Len(), a)
	sameLen(mask.Len(), b)
	m := trueWords{truth(mask), validity(mask), mask.Len()}
	if isText(a.DataType()) && isText(b.DataType()) {
		return blendText(mem, m, a, b)
	}
	sameType("Blend", a.DataType(), b.DataType())
	if isPlain(a) || isNested(a.DataType()) {
		return blendPicked(mem, m, a, b)
	}
	return blendFixed(mem, m, columnOf(a), columnOf(b))
}

func blendText(mem memory.Allocator, m trueWords, a, b arrow.Array) arrow.Array {
	if a.DataType().ID() == arrow.STRING && b.DataType().ID() == arrow.STRING {
		return blendPicked(mem, m, a, b)
	}
	ab := unify(mem, a, b)
	defer release(ab)
	return blendFixed(mem, m, columnOf(ab[0]), columnOf(ab[1]))
}

// trueWords yields 64 rows of a mask at a time, with ones where it is TRUE.
type trueWords struct {
	truth, valid bitmap
	n            int
}

func (m trueWords) word(w int) uint64 { return m.truth.word(w) & m.valid.word(w) & lastMask(m.n, w) }

func blendFixed(mem memory.Allocator, m trueWords, a, b column) arrow.Array {
	valid := blendValid(mem, m, a.valid, b.valid)
	switch bitWidth(a.dt) {
	case 1:
		ws, done := NewBool(mem, m.n)
		if m.n > 0 {
			blendBits(ws, m, bitmap{a.raw, a.off}, bitmap{b.raw, b.off})
		}
		return done(valid)
	case 8:
		return blendWidth[uint8](mem, m, a, b, valid)
	case 16:
		return blendWidth[uint16](mem, m, a, b, valid)
	case 32:
		return blendWidth[uint32](mem, m, a, b, valid)
	case 64:
		return blendWidth[uint64](mem, m, a, b, valid)
	case 128:
		return blendWide(mem, m, a, b, valid)
	}
	panic(badType("Blend", a.dt))
}

func blendValid(mem memory.Allocator, m trueWords, a, b bitmap) *memory.Buffer {
	if a.all() && b.all() {
		return nil
	}
	ws, buf := NewBitmap(mem, m.n)
	blendBits(ws, m, a, b)
	return buf
}

func blendBits(ws []uint64, m trueWords, a, b bitmap) {
	for w := range ws {
		x := m.word(w)
		ws[w] = a.word(w)&x | b.word(w)&^x
	}
	clearTail(ws, m.n)
}

// blendWidth has no branch on the mask: b ^ (a^b)&m is a where m is all ones
// and b where it is zero.
func blendWidth[T uint8 | uint16 | uint32 | uint64](mem memory.Allocator, m trueWords, a, b column, valid *memory.Buffer) arrow.Array {
	out, buf := newValues[T](mem, m.n)
	av, bv := values[T](a), values[T](b)
	for w := range words(m.n) {
		lo, hi := w<<6, min(m.n, w<<6+64)
		x := m.word(w)
		o, p, q := out[lo:hi], av[lo:hi], bv[lo:hi]
		p, q = p[:len(o)], q[:len(o)]
		for j := range o {
			o[j] = q[j] ^ (p[j]^q[j])&-T(x&1)
			x >>= 1
		}
	}
	return wrap(a.dt, m.n, valid, a.dict, buf)
}

// blendWide is blendWidth for decimals, two words each.
func blendWide(mem memory.Allocator, m trueWords, a, b column, valid *memory.Buffer) arrow.Array {
	out, buf := newValues[uint64](mem, 2*m.n)
	if m.n > 0 {
		p, q := view[uint64](a.raw)[2*a.off:][:2*m.n], view[uint64](b.raw)[2*b.off:][:2*m.n]
		for i := range m.n {
			x := -(m.word(i>>6) >> uint(i&63) & 1)
			out[2*i] = q[2*i] ^ (p[2*i]^q[2*i])&x
			out[2*i+1] = q[2*i+1] ^ (p[2*i+1]^q[2*i+1])&x
		}
	}
	return wrap(a.dt, m.n, valid, nil, buf)
}

// blendPicked is for types that are of no fixed width.
func blendPicked(mem memory.Allocator, m trueWords, a, b arrow.Array) arrow.Array {
	from, buf := newValues[int32](mem, m.n)
	defer buf.Release()
	second := int32(a.Len())
	for i := range m.n {
		from[i] = second + int32(i)
		if m.truth.get(i) && m.valid.get(i) {
			from[i] = int32(i)
		}
	}
	return pickRows(mem, a, b, from[:m.n])
}

// pickStrings builds an array of rows of a (0 to a.n-1), rows of b (a.n and
// up) and nulls (-1).
func pickStrings(mem memory.Allocator, dt arrow.DataType, a, b strs, from []int32) arrow.Array {
	offsets, offBuf := newValues[int32](mem, len(from)+1)
	ws, valid := NewBitmap(mem, len(from))
	clear(ws)
	total := int64(0)
	offsets[0] = 0
	for i, f := range from {
		if s, r := pick(&a, &b, f); s != nil && s.valid.get(r) {
			ws[i>>6] |= 1 << (i & 63)
			total += int64(s.offsets[r+1] - s.offsets[r])
		}
		offsets[i+1] = int32(total)
	}
	mustFit(total)
	data, buf := newValues[uint8](mem, int(total))
	for i, f := range from {
		if s, r := pick(&a, &b, f); s != nil {
			copy(data[offsets[i]:offsets[i+1]], s.at(r))
		}
	}
	return wrap(dt, len(from), valid, nil, offBuf, buf)
}

func pick(a, b *strs, from int32) (*strs, int) {
	switch {
	case from < 0:
		return nil, 0
	case int(from) < a.n:
		return a, int(from)
	}
	return b, int(from) - a.n
}

func release(as []arrow.Array) {
	for _, a := range as {
		a.Release()
	}
}

func sameLen(n int, a arrow.Array) {
	if a.Len() != n {
		panic(fmt.Sprintf("kernel: array of %d rows where %d are wanted", a.Len(), n))
	}
}

func sameType(kernel string, a, b arrow.DataType) {
	if !arrow.TypeEqual(a, b) {
		panic(fmt.Sprintf("kernel: %s of %s and %s", kernel, a, b))
	}
}
