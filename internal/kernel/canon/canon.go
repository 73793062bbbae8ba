// Package canon spells a value as bytes, so that two values of one type are
// equal if and only if their bytes are. Checksums, hashes and keys of nested
// values are made of it, and [Append] makes values of it again.
//
// A value is a tag and what follows it; lengths and counts are 4 bytes, and all
// numbers are little endian:
//
//	n  null
//	b  Boolean    1 byte, 0 or 1
//	i  Int64      8 bytes
//	f  Float64    8 bytes of IEEE 754, -0 as 0 and every NaN as 0x7ff8000000000000
//	s  String     length, the UTF-8 bytes; plain and dictionary are alike
//	t  Timestamp  8 bytes of microseconds since 1970 UTC
//	d  Date32     4 bytes of days since 1970
//	m  Decimal128 1 byte of scale, 16 bytes of the unscaled value, two's complement
//	u  Duration   8 bytes of microseconds
//	x  Binary     length, the bytes
//	l  List       number of items, the value of each
//	r  Struct     number of fields, of each its name (length, bytes) and its value
//	k  Map        number of entries, of each the key's value and the value's, in the
//	              order that they have: maps with other orders are other values
//
// The encoding is part of what the engine promises to keep.
package canon

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// nan is the one NaN of the engine.
const nan = 0x7ff8000000000000

// Encoder spells the rows of one array, which it borrows.
type Encoder struct {
	tag   byte
	scale byte
	bits  []byte // validity; nil where no row is null
	off   int
	bools *array.Boolean
	ints  []int64
	days  []int32
	f64   []float64
	dec   []decimal128.Num
	text  *array.String
	codes []int32 // of a dictionary, whose values text are
	bytes *array.Binary
	list  array.ListLike
	kids  []Encoder
	names []string // of the fields, with their lengths
}

// Of returns an encoder of a, whose type is one of the engine's; another panics.
func Of(a arrow.Array) Encoder {
	e := Encoder{off: a.Data().Offset()}
	if a.NullN() > 0 {
		e.bits = a.NullBitmapBytes()
	}
	switch a := a.(type) {
	case *array.Boolean:
		e.tag, e.bools = 'b', a
	case *array.Int64:
		e.tag, e.ints = 'i', a.Int64Values()
	case *array.Float64:
		e.tag, e.f64 = 'f', a.Float64Values()
	case *array.String:
		e.tag, e.text = 's', a
	case *array.Dictionary:
		e.ofDictionary(a)
	case *array.Timestamp:
		e.tag, e.ints = 't', arrow.GetData[int64](arrow.GetBytes(a.TimestampValues()))
	case *array.Date32:
		e.tag, e.days = 'd', arrow.GetData[int32](arrow.GetBytes(a.Date32Values()))
	case *array.Decimal128:
		e.tag, e.dec = 'm', a.Values()
		if dt, ok := a.DataType().(*arrow.Decimal128Type); ok {
			e.scale = byte(dt.Scale)
		}
	case *array.Duration:
		e.tag, e.ints = 'u', arrow.GetData[int64](arrow.GetBytes(a.DurationValues()))
	case *array.Binary:
		e.tag, e.bytes = 'x', a
	default:
		e.ofNested(a)
	}
	return e
}

func (e *Encoder) ofDictionary(a *array.Dictionary) {
	text, isText := a.Dictionary().(*array.String)
	codes, isInt32 := a.Indices().(*array.Int32)
	if !isText || !isInt32 {
		panic(fmt.Sprintf("canon: %s is not a type of the engine", a.DataType()))
	}
	e.tag, e.text, e.codes = 's', text, codes.Int32Values()
}

func (e *Encoder) ofNested(a arrow.Array) {
	switch a := a.(type) {
	case *array.Map:
		// Keys and Items would pass over an offset of the entries.
		entries, _ := a.ListValues().(*array.Struct)
		e.tag, e.list, e.kids = 'k', a, []Encoder{Of(entries.Field(0)), Of(entries.Field(1))}
	case *array.List:
		e.tag, e.list, e.kids = 'l', a, []Encoder{Of(a.ListValues())}
	case *array.Struct:
		e.tag = 'r'
		dt, _ := a.DataType().(*arrow.StructType)
		for i := range a.NumField() {
			e.kids = append(e.kids, Of(a.Field(i)))
			e.names = append(e.names, string(appendText(nil, dt.Field(i).Name)))
		}
	default:
		panic(fmt.Sprintf("canon: %s is not a type of the engine", a.DataType()))
	}
}

// Null says whether row i is null.
func (e *Encoder) Null(i int) bool {
	if e.bits != nil {
		if p := uint(e.off + i); e.bits[p>>3]>>(p&7)&1 == 0 {
			return true
		}
	}
	return e.codes != nil && e.text.IsNull(int(e.codes[i]))
}

// Append appends the value of row i to b.
func (e *Encoder) Append(b []byte, i int) []byte {
	if e.Null(i) {
		return append(b, 'n')
	}
	b = append(b, e.tag)
	switch e.tag {
	case 'b':
		if e.bools.Value(i) {
			return append(b, 1)
		}
		return append(b, 0)
	case 'f':
		return binary.LittleEndian.AppendUint64(b, floatBits(e.f64[i]))
	case 's':
		if e.codes != nil {
			i = int(e.codes[i])
		}
		return appendText(b, e.text.Value(i))
	case 'd':
		return binary.LittleEndian.AppendUint32(b, uint32(e.days[i]))
	case 'i', 't', 'u':
		return binary.LittleEndian.AppendUint64(b, uint64(e.ints[i]))
	case 'm':
		b = binary.LittleEndian.AppendUint64(append(b, e.scale), e.dec[i].LowBits())
		return binary.LittleEndian.AppendUint64(b, uint64(e.dec[i].HighBits()))
	case 'x':
		v := e.bytes.Value(i)
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(v))), v...)
	case 'r':
		b = binary.LittleEndian.AppendUint32(b, uint32(len(e.kids)))
		for k := range e.kids {
			b = e.kids[k].Append(append(b, e.names[k]...), i)
		}
		return b
	}
	from, to := e.list.ValueOffsets(i)
	b = binary.LittleEndian.AppendUint32(b, uint32(to-from))
	for ; from < to; from++ {
		for k := range e.kids {
			b = e.kids[k].Append(b, int(from))
		}
	}
	return b
}

// floatBits returns the bits of the canonical form of f.
func floatBits(f float64) uint64 {
	if f != f {
		return nan
	}
	return math.Float64bits(f + 0) // -0 + 0 is +0
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}
