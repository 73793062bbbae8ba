package expr

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/scalar"
)

// vec is a column on its way through an evaluation. It owns one reference to
// each of its buffers, which others may share: only the one who has just made a
// buffer writes to it. All bitmaps start at bit 0, whatever the offset of the
// array they came from.
type vec struct {
	kind  kind
	n     int  // values held: the rows, or 1 when konst
	konst bool // the one value stands for every row

	vals *memory.Buffer // fixed width: values; boolean: bitmap; coded strings: int32 codes

	// Strings: n values, or with coded the size values of a dictionary, which
	// has no nulls. Codes of null rows may hold anything.
	offs, data *memory.Buffer
	coded      bool
	size       int

	// Nested values: those of a struct are its fields, of n rows each, whose own
	// nulls do not tell of the struct's; those of a list its elements, of a map
	// its keys and values, which offs delimits.
	kids []arrow.Array

	valid *memory.Buffer // nil: no nulls
	fail  *memory.Buffer // rows that failed and count as nulled; nil: none
	hard  *memory.Buffer // rows that failed under strict(); nil: none
}

func (v *vec) release() {
	for _, b := range [...]**memory.Buffer{&v.vals, &v.offs, &v.data, &v.valid, &v.fail, &v.hard} {
		if *b != nil {
			(*b).Release()
			*b = nil
		}
	}
	for _, k := range v.kids {
		k.Release()
	}
	v.kids = nil
}

// retain adds a reference for a second owner of the same buffers.
func (v *vec) retain() vec {
	for _, b := range [...]*memory.Buffer{v.vals, v.offs, v.data, v.valid, v.fail, v.hard} {
		if b != nil {
			b.Retain()
		}
	}
	for _, k := range v.kids {
		k.Retain()
	}
	return *v
}

func releaseAll(vs []vec) {
	for i := range vs {
		vs[i].release()
	}
}

func view[T int32 | int64 | float64 | uint64 | decimal128.Num](b *memory.Buffer, n int) []T {
	if n == 0 {
		return nil
	}
	raw := b.Bytes()
	var z T
	_ = raw[n*int(unsafe.Sizeof(z))-1]
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(raw))), n)
}

// bitsOf is the bitmap in b, nil for nil.
func bitsOf(b *memory.Buffer, n int) scalar.Bits {
	if b == nil {
		return nil
	}
	return view[uint64](b, scalar.Words(n))
}

func (v *vec) ints() []int64              { return view[int64](v.vals, v.n) }
func (v *vec) floats() []float64          { return view[float64](v.vals, v.n) }
func (v *vec) days() []int32              { return view[int32](v.vals, v.n) }
func (v *vec) codes() []int32             { return view[int32](v.vals, v.n) }
func (v *vec) decimals() []decimal128.Num { return view[decimal128.Num](v.vals, v.n) }
func (v *vec) bits() scalar.Bits          { return bitsOf(v.vals, v.n) }

// isNull tells whether a constant is null.
func (v *vec) isNull() bool { return v.valid != nil && !bitsOf(v.valid, v.n).Get(0) }

// rows reads fixed-width values, constants included, by row number.
type rows[T any] struct {
	v    []T
	mask int
}

func (r rows[T]) at(i int) T { return r.v[i&r.mask] }

func rowsOf[T any](v *vec, vals []T) rows[T] {
	if v.konst {
		return rows[T]{vals, 0}
	}
	return rows[T]{vals, -1}
}

// texts reads strings of any form by row number.
type texts struct {
	off   []int32
	data  string
	codes []int32
	mask  int
}

func (v *vec) texts() texts {
	t := texts{mask: -1}
	size := v.n
	if v.coded {
		size, t.codes = v.size, v.codes()
	}
	if v.konst {
		t.mask = 0
	}
	if size > 0 {
		t.off = view[int32](v.offs, size+1)
	}
	if v.data != nil {
		raw := v.data.Bytes()
		t.data = unsafe.String(unsafe.SliceData(raw), len(raw))
	}
	return t
}

// at is the string of row i, borrowed, and "" for a null row whose code leads
// nowhere.
func (t *texts) at(i int) string {
	i &= t.mask
	if t.codes != nil {
		i = int(uint32(t.codes[i]))
		if i >= len(t.off)-1 {
			return ""
		}
	}
	return t.data[t.off[i]:t.off[i+1]]
}

// exec is one run of a program over one batch.
type exec struct {
	mem  memory.Allocator
	now  int64
	cols []arrow.Array
	rows int

	shared []vec // by slot of sharedOp
}

func (x *exec) alloc(size int) *memory.Buffer {
	b := memory.NewResizableBuffer(x.mem)
	b.Resize(max(size, 8)) // so that views of it have an address
	return b
}

// bitmap allocates n bits, all v.
func (x *exec) bitmap(n int, v bool) *memory.Buffer {
	b := x.alloc(8 * scalar.Words(n))
	bitsOf(b, n).Fill(v)
	return b
}

// rawBitmap allocates n bits that hold anything.
func (x *exec) rawBitmap(n int) (*memory.Buffer, scalar.Bits) {
	b := x.alloc(8 * scalar.Words(n))
	return b, bitsOf(b, n)
}

// spreadBits is a new reference to a bitmap of v with n rows: that of a
// constant is repeated.
func (x *exec) spreadBits(v *vec, b *memory.Buffer, n int) *memory.Buffer {
	if b == nil {
		return nil
	}
	if v.konst && n != 1 {
		return x.bitmap(n, bitsOf(b, 1).Get(0))
	}
	b.Retain()
	return b
}

// fixed allocates n values of the kind.
func (x *exec) fixed(k kind, n int) vec {
	size := n * k.width()
	if k == kBool {
		size = 8 * scalar.Words(n)
	}
	return vec{kind: k, n: n, vals: x.alloc(size)}
}

// null is a constant null.
func (x *exec) null(k kind) vec {
	if k.isNested() {
		a := kernel.Nulls(x.mem, k.arrow(), 1)
		defer a.Release()
		v := x.load(a, k)
		v.konst = true
		return v
	}
	v := x.fixed(k, 1)
	v.konst, v.valid = true, x.bitmap(1, false)
	if k.isText() {
		v.vals.Release()
		v.vals = nil
		v.offs, v.data = x.alloc(8), x.alloc(0)
		off := view[int32](v.offs, 2)
		off[0], off[1] = 0, 0
		return v
	}
	clear(v.vals.Bytes())
	return v
}

// or adds the rows of b to the set *set, both of n rows. It takes over b.
func (x *exec) or(set **memory.Buffer, b *memory.Buffer, n int) {
	if b == nil {
		return
	}
	if *set == nil {
		*set = b
		return
	}
	sum, bits := x.rawBitmap(n)
	bits.Or(bitsOf(*set, n), bitsOf(b, n))
	(*set).Release()
	b.Release()
	*set = sum
}

// and is or for validity: it keeps in *set the rows that are in b too. It
// takes over b.
func (x *exec) and(set **memory.Buffer, b *memory.Buffer, n int) {
	if b == nil {
		return
	}
	if *set == nil {
		*set = b
		return
	}
	both, bits := x.rawBitmap(n)
	bits.And(bitsOf(*set, n), bitsOf(b, n))
	(*set).Release()
	b.Release()
	*set = both
}

// without takes the rows of b out of *set, a validity.
func (x *exec) without(set **memory.Buffer, b *memory.Buffer, n int) {
	if b == nil {
		return
	}
	buf, bits := x.rawBitmap(n)
	if *set == nil {
		bits.Not(bitsOf(b, n))
	} else {
		bits.AndNot(bitsOf(*set, n), bitsOf(b, n))
		(*set).Release()
	}
	*set = buf
}
