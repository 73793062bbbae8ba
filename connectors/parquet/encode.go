package parquet

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/parquet-go/parquet-go/format"
)

// fixedEncoder lays out values of 4 or 8 bytes as they are.
type fixedEncoder struct {
	typ    arrow.DataType
	width  int
	values []byte // of the page

	nans           int64 // of the chunk
	pageLo, pageHi bound
	lo, hi         bound
}

// bound is a number as bytes and as what it is compared by.
type bound struct {
	set bool
	i   int64
	f   float64
}

func (e *fixedEncoder) size() (int, int) { return len(e.values), pageRows }

func (e *fixedEncoder) add(a arrow.Array, from, n int, valid []byte, off int) error {
	if a.DataType().ID() != e.typ.ID() {
		return wrongType(a, e.typ)
	}
	start := len(e.values)
	src := a.Data().Buffers()[1].Bytes()[(off+from)*e.width : (off+from+n)*e.width]
	if valid == nil {
		e.values = append(e.values, src...)
	} else {
		for i := range n {
			if bitSet(valid, off+from+i) {
				e.values = append(e.values, src[i*e.width:(i+1)*e.width]...)
			}
		}
	}
	e.measure(e.values[start:])
	return nil
}

func wrongType(a arrow.Array, dt arrow.DataType) error {
	return fmt.Errorf("values of type %s where %s are declared", a.DataType(), dt)
}

// measure widens the page's bounds by the values of b.
func (e *fixedEncoder) measure(b []byte) {
	if len(b) == 0 {
		return
	}
	switch {
	case e.typ.ID() == arrow.FLOAT64:
		e.measureFloats(cast[float64](b))
	case e.width == 8:
		widen(&e.pageLo, &e.pageHi, cast[int64](b))
	default:
		widen(&e.pageLo, &e.pageHi, cast[int32](b))
	}
}

// cast views bytes of a slice that grew from nothing, which Go aligns.
func cast[T int32 | int64 | float64](b []byte) []T {
	var z T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(z)))
}

func widen[T int32 | int64](lo, hi *bound, vs []T) {
	a, b := vs[0], vs[0]
	for _, v := range vs {
		a, b = min(a, v), max(b, v)
	}
	lo.lower(bound{set: true, i: int64(a)})
	hi.raise(bound{set: true, i: int64(b)})
}

// measureFloats leaves NaN out of the bounds and counts it.
func (e *fixedEncoder) measureFloats(vs []float64) {
	a, b := math.Inf(1), math.Inf(-1)
	nans := 0
	for _, v := range vs {
		if v < a {
			a = v
		}
		if v > b {
			b = v
		}
		if v != v {
			nans++
		}
	}
	e.nans += int64(nans)
	if nans < len(vs) {
		e.pageLo.lower(bound{set: true, f: a})
		e.pageHi.raise(bound{set: true, f: b})
	}
}

func (b *bound) lower(o bound) {
	if o.set && (!b.set || cmp.Compare(o.i, b.i) < 0 || o.f < b.f) {
		*b = o
	}
}

func (b *bound) raise(o bound) {
	if o.set && (!b.set || cmp.Compare(o.i, b.i) > 0 || o.f > b.f) {
		*b = o
	}
}

// bytes spells a bound. Zeros get the sign that bounds both of them.
func (e *fixedEncoder) bytes(b bound, zero float64) []byte {
	switch {
	case !b.set:
		return nil
	case e.typ.ID() == arrow.FLOAT64:
		if b.f == 0 {
			b.f = zero
		}
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(b.f))
	case e.width == 4:
		return binary.LittleEndian.AppendUint32(nil, uint32(b.i))
	}
	return binary.LittleEndian.AppendUint64(nil, uint64(b.i))
}

func (e *fixedEncoder) page() encodedPage {
	p := encodedPage{values: e.values, enc: format.Plain,
		lo: e.bytes(e.pageLo, math.Copysign(0, -1)), hi: e.bytes(e.pageHi, 0)}
	e.lo.lower(e.pageLo)
	e.hi.raise(e.pageHi)
	e.values, e.pageLo, e.pageHi = e.values[:0], bound{}, bound{}
	return p
}

func (e *fixedEncoder) chunk() encodedChunk {
	return encodedChunk{lo: e.bytes(e.lo, math.Copysign(0, -1)), hi: e.bytes(e.hi, 0), nans: e.nans}
}

func (e *fixedEncoder) reset() {
	*e = fixedEncoder{typ: e.typ, width: e.width, values: e.values[:0]}
}

// boolEncoder lays out booleans as bits.
type boolEncoder struct {
	bits              []byte
	n                 int
	pageSeen, allSeen [2]bool // false, true
}

func (e *boolEncoder) size() (int, int) { return len(e.bits), pageRows }

func (e *boolEncoder) add(a arrow.Array, from, n int, valid []byte, off int) error {
	b, ok := a.(*array.Boolean)
	if !ok {
		return wrongType(a, arrow.FixedWidthTypes.Boolean)
	}
	for len(e.bits) < (e.n+n+7)/8 {
		e.bits = append(e.bits, 0)
	}
	for i := from; i < from+n; i++ {
		if valid != nil && !bitSet(valid, off+i) {
			continue
		}
		v := b.Value(i)
		bitutil.SetBitTo(e.bits, e.n, v)
		e.n++
		if v {
			e.pageSeen[1] = true
		} else {
			e.pageSeen[0] = true
		}
	}
	return nil
}

func seenBounds(seen [2]bool) (lo, hi []byte) {
	if !seen[0] && !seen[1] {
		return nil, nil
	}
	lo, hi = []byte{0}, []byte{0}
	if !seen[0] {
		lo[0] = 1
	}
	if seen[1] {
		hi[0] = 1
	}
	return lo, hi
}

func (e *boolEncoder) page() encodedPage {
	lo, hi := seenBounds(e.pageSeen)
	p := encodedPage{values: e.bits[:(e.n+7)/8], enc: format.Plain, lo: lo, hi: hi}
	e.allSeen[0] = e.allSeen[0] || e.pageSeen[0]
	e.allSeen[1] = e.allSeen[1] || e.pageSeen[1]
	e.bits, e.n, e.pageSeen = e.bits[:0], 0, [2]bool{}
	return p
}

func (e *boolEncoder) chunk() encodedChunk {
	lo, hi := seenBounds(e.allSeen)
	return encodedChunk{lo: lo, hi: hi}
}

func (e *boolEncoder) reset() { *e = boolEncoder{bits: e.bits[:0]} }
