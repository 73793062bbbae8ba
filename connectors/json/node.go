package json

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// kind is how values of a type are read and written.
type kind uint8

const (
	_ kind = iota
	kindBool
	kindInt
	kindFloat
	kindDecimal
	kindText
	kindBinary
	kindTime
	kindDate
	kindSpan
	kindStruct
	kindList
	kindMap
)

// node is a column, or a column within a nested one, as it is being read. Its
// values are written by number; what is written again counts, so that a row is
// taken back by not counting it.
type node struct {
	kind  kind
	typ   arrow.DataType
	path  string // for people: a.b
	drop  bool   // values are checked and not kept
	width int    // how many values one value makes, all columns of it together
	mem   memory.Allocator

	fields []*node // of a struct; the element of a list; key and value of a map
	keys   *keys   // of a struct
	times  *clock  // of times
	unit   int64   // of numbers that are times: nanoseconds, or 0

	valid   vec[byte] // bits; empty while there is no null
	nulls   bool
	bits    vec[byte]
	words   vec[int64] // bigint, timestamp, interval; bits of double
	days    vec[int32]
	nums    vec[decimal128.Num]
	offsets vec[int32]
	bytes   vec[byte]
	terms   *terms // of a column that is still dictionary-encoded
	spare   []byte // for what is decoded and dropped
}

// vec is a buffer that grows, as values.
type vec[T any] struct {
	buf *memory.Buffer
	v   []T
}

// room makes v hold at least n values; those there are kept, others are
// whatever the allocator left.
func (x *vec[T]) room(mem memory.Allocator, n int) {
	if n <= len(x.v) {
		return
	}
	var z T
	size := int(unsafe.Sizeof(z))
	if x.buf == nil {
		x.buf = memory.NewResizableBuffer(mem)
	}
	n = max(n, 2*len(x.v), 256/size)
	x.buf.Resize(n * size)
	x.v = unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(x.buf.Bytes()))), n)
}

// take returns the first n values as a buffer, which the caller owns.
func (x *vec[T]) take(mem memory.Allocator, n int) *memory.Buffer {
	x.room(mem, max(n, 1))
	var z T
	buf := x.buf
	buf.Resize(n * int(unsafe.Sizeof(z)))
	x.buf, x.v = nil, nil
	return buf
}

func (x *vec[T]) release() {
	if x.buf != nil {
		x.buf.Release()
	}
	x.buf, x.v = nil, nil
}

// mark notes that value at is not null.
func (n *node) mark(at int) {
	if n.nulls {
		n.valid.room(n.mem, at>>3+1)
		n.valid.v[at>>3] |= 1 << (at & 7)
	}
}

// null makes value at null.
func (n *node) null(at int) {
	if n.drop {
		return
	}
	if !n.nulls {
		n.nulls = true
		n.valid.room(n.mem, at>>3+1)
		for i := range at>>3 + 1 {
			n.valid.v[i] = 0xff
		}
	}
	n.blank(at) // which marks it
	n.valid.room(n.mem, at>>3+1)
	n.valid.v[at>>3] &^= 1 << (at & 7)
}

// blank writes something where value at is null.
func (n *node) blank(at int) {
	switch n.kind {
	case kindInt, kindFloat, kindTime, kindSpan:
		n.words.room(n.mem, at+1)
		n.words.v[at] = 0
	case kindBool:
		n.bits.room(n.mem, at>>3+1)
	case kindDate:
		n.days.room(n.mem, at+1)
		n.days.v[at] = 0
	case kindDecimal:
		n.nums.room(n.mem, at+1)
		n.nums.v[at] = decimal128.Num{}
	case kindText, kindBinary:
		if n.terms != nil {
			n.days.room(n.mem, at+1)
			n.days.v[at] = 0
			return
		}
		n.end(at, n.begin(at))
	case kindList, kindMap:
		n.end(at, n.begin(at))
	case kindStruct:
		for _, f := range n.fields {
			f.null(at)
		}
	}
}

// begin returns the number of the first element of value at of a list, or the
// place of the first byte of a string.
func (n *node) begin(at int) int {
	if n.drop {
		return 0
	}
	n.offsets.room(n.mem, at+2)
	if at == 0 {
		n.offsets.v[0] = 0
	}
	return int(n.offsets.v[at])
}

// end ends value at of a list or string before element or byte to.
func (n *node) end(at, to int) {
	if n.drop {
		return
	}
	n.offsets.v[at+1] = int32(to)
	n.mark(at)
}

// missing ends an object: its fields that it has not named are null.
func (n *node) missing(at int, stamp uint64, seen int) {
	if n.drop {
		return
	}
	n.mark(at)
	if seen == n.keys.fields {
		return
	}
	for i, f := range n.fields {
		if n.keys.list[i].stamp != stamp {
			f.null(at)
		}
	}
}
