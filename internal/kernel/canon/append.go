package canon

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/idag/idag/internal/fault"
)

// Append appends the value at the beginning of data to b and returns the bytes
// after it. Strings go to plain builders. What was not spelled by an [Encoder]
// of the builder's type is fault.Invalid; b then is of no more use.
func Append(b array.Builder, data []byte) ([]byte, error) {
	d := decoder{data: data}
	d.value(b)
	if d.bad {
		return nil, fault.New(fault.Invalid, "these bytes are no value of %s", b.Type())
	}
	return d.data, nil
}

// decoder cuts values off data until something does not fit.
type decoder struct {
	data []byte
	bad  bool
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.data) {
		d.bad = true
		return make([]byte, min(max(n, 0), 16))
	}
	out := d.data[:n]
	d.data = d.data[n:]
	return out
}

func (d *decoder) u32() uint32 { return binary.LittleEndian.Uint32(d.take(4)) }
func (d *decoder) u64() uint64 { return binary.LittleEndian.Uint64(d.take(8)) }

// bytes is a length and that many bytes.
func (d *decoder) bytes() []byte {
	n := int(d.u32())
	if n > len(d.data) {
		d.bad = true
		return nil
	}
	return d.take(n)
}

func (d *decoder) value(b array.Builder) {
	tag := d.take(1)[0]
	if d.bad {
		return
	}
	if tag == 'n' {
		b.AppendNull()
		return
	}
	want := byte(0)
	switch b := b.(type) {
	case *array.BooleanBuilder:
		want = 'b'
		b.Append(d.take(1)[0] != 0)
	case *array.Int64Builder:
		want = 'i'
		b.Append(int64(d.u64()))
	case *array.Float64Builder:
		want = 'f'
		b.Append(math.Float64frombits(d.u64()))
	case *array.StringBuilder:
		want = 's'
		b.BinaryBuilder.Append(d.bytes())
	case *array.TimestampBuilder:
		want = 't'
		b.Append(arrow.Timestamp(d.u64()))
	case *array.Date32Builder:
		want = 'd'
		b.Append(arrow.Date32(d.u32()))
	case *array.Decimal128Builder:
		want = 'm'
		d.take(1)
		lo := d.u64()
		b.Append(decimal128.New(int64(d.u64()), lo))
	case *array.DurationBuilder:
		want = 'u'
		b.Append(arrow.Duration(d.u64()))
	case *array.BinaryBuilder:
		want = 'x'
		b.Append(d.bytes())
	default:
		d.nested(b, tag)
		return
	}
	d.bad = d.bad || tag != want
}

func (d *decoder) nested(b array.Builder, tag byte) {
	n := int(d.u32())
	switch b := b.(type) {
	case *array.ListBuilder:
		d.bad = d.bad || tag != 'l' || n > len(d.data)
		b.Append(true)
		for i := 0; i < n && !d.bad; i++ {
			d.value(b.ValueBuilder())
		}
	case *array.MapBuilder:
		d.bad = d.bad || tag != 'k' || n > len(d.data)
		b.Append(true)
		for i := 0; i < n && !d.bad; i++ {
			if d.bad = len(d.data) == 0 || d.data[0] == 'n'; d.bad {
				return
			}
			d.value(b.KeyBuilder())
			d.value(b.ItemBuilder())
		}
	case *array.StructBuilder:
		d.bad = d.bad || tag != 'r' || n != b.NumField()
		b.Append(true)
		for i := 0; i < n && !d.bad; i++ {
			d.bytes()
			d.value(b.FieldBuilder(i))
		}
	default:
		d.bad = true
	}
}
