package csv

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func (s *settings) decimals(mem memory.Allocator, dt *arrow.Decimal128Type, dry bool) column {
	c := &fixed[decimal128.Num]{mem: mem, typ: dt, view: arrow.Decimal128Traits.CastFromBytes, width: 16, dry: dry}
	var buf []byte
	c.parse = func(v []byte) (decimal128.Num, bool) {
		if s.odd() {
			v = s.plain(&buf, v)
		}
		return parseDecimal(v, dt.Precision, dt.Scale)
	}
	return c
}

// parseDecimal reads a number with a fraction of at most scale digits that do
// not end in zeros, and at most precision digits in all. What would have to be
// rounded is none.
func parseDecimal(v []byte, precision, scale int32) (decimal128.Num, bool) {
	var out decimal128.Num
	i := 0
	if i < len(v) && (v[i] == '-' || v[i] == '+') {
		i++
	}
	point, digits, significant := int32(-1), 0, int32(0)
	ten := decimal128.FromI64(10)
	add := func(d byte) bool {
		if significant > 0 || d > 0 {
			significant++
		}
		out = out.Mul(ten).Add(decimal128.FromU64(uint64(d)))
		return significant <= precision
	}
	for ; i < len(v); i++ {
		d := v[i] - '0'
		switch {
		case d <= 9 && point >= 0 && point == scale:
			if digits++; d != 0 {
				return out, false
			}
		case d <= 9:
			if digits++; !add(d) {
				return out, false
			}
			if point >= 0 {
				point++
			}
		case v[i] == '.' && point < 0:
			point = 0
		default:
			return out, false
		}
	}
	for point = max(point, 0); point < scale; point++ {
		if !add(0) {
			return out, false
		}
	}
	if v[0] == '-' {
		out = out.Negate()
	}
	return out, digits > 0
}

// wrapAs makes an array of another type of the same layout.
func wrapAs(dt arrow.DataType, d arrow.ArrayData) arrow.Array {
	nd := array.NewData(dt, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset())
	defer nd.Release()
	return array.MakeFromData(nd)
}
