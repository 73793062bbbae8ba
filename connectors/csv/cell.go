package csv

import (
	"encoding/base64"
	"math"
	"strconv"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel/spell"
)

// cells returns what writes the values of a column. Nested ones are written as
// the text of their JSON.
func (w *rowWriter) cells(a arrow.Array) cell {
	write := w.values(a)
	if a.NullN() == 0 {
		return write
	}
	return func(dst []byte, i int) []byte {
		if a.IsNull(i) {
			return append(dst, w.null...)
		}
		return write(dst, i)
	}
}

func (w *rowWriter) values(a arrow.Array) cell {
	switch a := a.(type) {
	case *array.String:
		return func(dst []byte, i int) []byte { return w.text(dst, bytesOf(a.Value(i))) }
	case *array.Dictionary:
		if values, ok := a.Dictionary().(*array.String); ok {
			return w.coded(a, values)
		}
	}
	if plain := plainCell(a); plain != nil {
		return plain
	}
	var buf []byte
	return func(dst []byte, i int) []byte {
		buf = spell.JSON(buf[:0], a, i)
		return w.text(dst, buf)
	}
}

// coded writes each entry of the dictionary once.
func (w *rowWriter) coded(a *array.Dictionary, values *array.String) cell {
	if values.Len() > 4*a.Len() {
		return func(dst []byte, i int) []byte {
			c := a.GetValueIndex(i)
			if values.IsNull(c) {
				return append(dst, w.null...)
			}
			return w.text(dst, bytesOf(values.Value(c)))
		}
	}
	var all []byte
	ends := make([]int, values.Len()+1)
	for i := range values.Len() {
		if values.IsNull(i) {
			all = append(all, w.null...)
		} else {
			all = w.text(all, bytesOf(values.Value(i)))
		}
		ends[i+1] = len(all)
	}
	return func(dst []byte, i int) []byte {
		c := a.GetValueIndex(i)
		return append(dst, all[ends[c]:ends[c+1]]...)
	}
}

// plainCell writes values that never need quotes; nil for nested ones.
func plainCell(a arrow.Array) cell {
	switch a := a.(type) {
	case *array.Boolean:
		return func(dst []byte, i int) []byte { return strconv.AppendBool(dst, a.Value(i)) }
	case *array.Int64:
		return func(dst []byte, i int) []byte { return strconv.AppendInt(dst, a.Value(i), 10) }
	case *array.Float64:
		return func(dst []byte, i int) []byte { return appendFloat(dst, a.Value(i)) }
	case *array.Date32:
		return func(dst []byte, i int) []byte { return appendDate(dst, int64(a.Value(i))) }
	case *array.Timestamp:
		return func(dst []byte, i int) []byte { return appendTimestamp(dst, int64(a.Value(i))) }
	case *array.Duration:
		return func(dst []byte, i int) []byte { return appendSpan(dst, int64(a.Value(i))) }
	case *array.Decimal128:
		scale := a.DataType().(*arrow.Decimal128Type).Scale
		return func(dst []byte, i int) []byte { return appendDecimal(dst, a.Value(i), int(scale)) }
	case *array.Binary:
		return func(dst []byte, i int) []byte {
			if len(a.Value(i)) == 0 {
				return append(dst, `""`...)
			}
			return base64.StdEncoding.AppendEncode(dst, a.Value(i))
		}
	case *array.List, *array.Struct, *array.Map:
		return nil
	}
	panic(fault.New(fault.Bug, "csv: a column of type %s came to the sink", a.DataType()))
}

// appendFloat writes the shortest digits that read back as f, and always as a
// double: 1.0, 0.25, 1e+21, NaN, Infinity.
func appendFloat(dst []byte, f float64) []byte {
	switch a := math.Abs(f); {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case a != 0 && (a < 1e-6 || a >= 1e21):
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	case f == math.Trunc(f):
		return append(strconv.AppendFloat(dst, f, 'f', -1, 64), '.', '0')
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

// appendDate writes YYYY-MM-DD; years outside 0 to 9999 have a sign.
func appendDate(dst []byte, days int64) []byte {
	z := days + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d, m, y := doy-(153*mp+2)/5+1, mp+3, yoe+era*400
	if m > 12 {
		m, y = m-12, y+1
	}
	if y < 0 || y > 9999 {
		sign := byte('+')
		if y < 0 {
			y, sign = -y, '-'
		}
		dst = append(dst, sign)
	}
	if y > 9999 {
		dst = strconv.AppendInt(dst, y, 10)
	} else {
		dst = two(two(dst, y/100), y%100)
	}
	return two(append(two(append(dst, '-'), m), '-'), d)
}

func two(dst []byte, v int64) []byte { return append(dst, byte('0'+v/10), byte('0'+v%10)) }

// appendTimestamp writes YYYY-MM-DDTHH:MM:SS[.ffffff]Z.
func appendTimestamp(dst []byte, us int64) []byte {
	day := floorDiv(us, usDay)
	us -= day * usDay
	s := us / 1_000_000
	dst = append(appendDate(dst, day), 'T')
	dst = two(append(two(append(two(dst, s/3600), ':'), s/60%60), ':'), s%60)
	return append(appendMicros(dst, us%1_000_000), 'Z')
}

// appendMicros writes a fraction of a second, if there is one.
func appendMicros(dst []byte, us int64) []byte {
	if us == 0 {
		return dst
	}
	dst = two(two(two(append(dst, '.'), us/10000), us/100%100), us%100)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// appendSpan writes a duration as seconds in ISO 8601: PT12.5S.
func appendSpan(dst []byte, us int64) []byte {
	u := uint64(us)
	if us < 0 {
		u = -u
		dst = append(dst, '-')
	}
	dst = strconv.AppendUint(append(dst, "PT"...), u/1_000_000, 10)
	return append(appendMicros(dst, int64(u%1_000_000)), 'S')
}

// appendDecimal writes all digits of the fraction.
func appendDecimal(dst []byte, v decimal128.Num, scale int) []byte {
	if v.Sign() < 0 {
		v, dst = v.Negate(), append(dst, '-')
	}
	var buf [48]byte
	digits := buf[:0]
	if v.HighBits() == 0 {
		digits = strconv.AppendUint(digits, v.LowBits(), 10)
	} else {
		digits = v.BigInt().Append(digits, 10)
	}
	for n := scale + 1 - len(digits); n > 0; n-- {
		dst = append(dst, '0')
		if n == scale+1-len(digits) && scale > 0 {
			dst = append(dst, '.')
		}
	}
	if whole := len(digits) - scale; whole > 0 {
		dst = append(dst, digits[:whole]...)
		digits = digits[whole:]
		if scale > 0 {
			dst = append(dst, '.')
		}
	}
	return append(dst, digits...)
}

// bytesOf views a string as bytes, lent.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
