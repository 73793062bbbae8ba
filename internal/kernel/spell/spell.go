// Package spell writes single values as JSON, for people and for dead letters.
//
//	boolean    true, false
//	integer    digits
//	float      the shortest digits that read back the same, with an exponent below
//	           1e-6 and from 1e15 on; "NaN", "+Inf" and "-Inf" are strings
//	decimal    digits, as many behind the point as its scale says
//	string     a string; what is not UTF-8 becomes U+FFFD
//	instant    "2026-01-31T12:30:00.5Z", with as many digits as it needs
//	date       "2026-01-31"
//	duration   "INTERVAL '1 02:03:04.5' DAY TO SECOND", as CAST spells it
//	binary     base64
//	list       an array
//	struct     an object, without the fields that are null
//	map        an object, the keys as texts, in the order of the entries
//
// Values are written one at a time, at the price of a type switch each: formats
// that write many rows do better with loops of their own.
package spell

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// JSON appends row i of a, null if it is null.
func JSON(dst []byte, a arrow.Array, i int) []byte {
	if a.IsNull(i) {
		return append(dst, "null"...)
	}
	switch a := a.(type) {
	case *array.Boolean:
		return strconv.AppendBool(dst, a.Value(i))
	case *array.Int64:
		return strconv.AppendInt(dst, a.Value(i), 10)
	case *array.Float64:
		return float(dst, a.Value(i))
	case *array.Decimal128:
		dt, _ := a.DataType().(*arrow.Decimal128Type)
		return append(dst, a.Value(i).ToString(dt.Scale)...)
	case *array.String:
		return Text(dst, a.Value(i))
	case *array.Dictionary:
		return JSON(dst, a.Dictionary(), a.GetValueIndex(i))
	case *array.Timestamp:
		return time.UnixMicro(int64(a.Value(i))).UTC().AppendFormat(dst, `"2006-01-02T15:04:05.999999Z"`)
	case *array.Date32:
		return time.Unix(int64(a.Value(i))*86400, 0).UTC().AppendFormat(dst, `"2006-01-02"`)
	case *array.Duration:
		return append(interval(append(dst, '"'), int64(a.Value(i))), '"')
	case *array.Binary:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), a.Value(i)), '"')
	case *array.Struct:
		return object(dst, a, i)
	case *array.Map:
		return mapping(dst, a, i)
	case array.ListLike:
		from, to := a.ValueOffsets(i)
		dst = append(dst, '[')
		for k := from; k < to; k++ {
			if k > from {
				dst = append(dst, ',')
			}
			dst = JSON(dst, a.ListValues(), int(k))
		}
		return append(dst, ']')
	}
	return Text(dst, a.ValueStr(i))
}

func float(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(strconv.AppendFloat(append(dst, '"'), f, 'g', -1, 64), '"')
	}
	format := byte('f')
	if m := math.Abs(f); m != 0 && (m < 1e-6 || m >= 1e15) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64)
}

// interval is days, hours, minutes and seconds.
func interval(dst []byte, us int64) []byte {
	dst = append(dst, "INTERVAL '"...)
	rest := uint64(us)
	if us < 0 {
		dst, rest = append(dst, '-'), -rest
	}
	two := func(sep byte, v uint64) { dst = append(dst, sep, byte('0'+v/10), byte('0'+v%10)) }
	dst = strconv.AppendUint(dst, rest/86_400_000_000, 10)
	two(' ', rest/3_600_000_000%24)
	two(':', rest/60_000_000%60)
	two(':', rest/1_000_000%60)
	if frac := rest % 1_000_000; frac != 0 {
		digits := strconv.AppendUint(nil, 1_000_000+frac, 10) // the 1 keeps the zeros
		for digits[len(digits)-1] == '0' {
			digits = digits[:len(digits)-1]
		}
		dst = append(append(dst, '.'), digits[1:]...)
	}
	return append(dst, "' DAY TO SECOND"...)
}

func object(dst []byte, a *array.Struct, i int) []byte {
	dt, _ := a.DataType().(*arrow.StructType)
	dst = append(dst, '{')
	some := false
	for k := range a.NumField() {
		if a.Field(k).IsNull(i) {
			continue
		}
		if some {
			dst = append(dst, ',')
		}
		some = true
		dst = JSON(append(Text(dst, dt.Field(k).Name), ':'), a.Field(k), i)
	}
	return append(dst, '}')
}

func mapping(dst []byte, a *array.Map, i int) []byte {
	entries, ok := a.ListValues().(*array.Struct) // Keys would pass over an offset of theirs
	if !ok {
		return append(dst, "null"...)
	}
	from, to := a.ValueOffsets(i)
	dst = append(dst, '{')
	var key []byte
	for k := from; k < to; k++ {
		if k > from {
			dst = append(dst, ',')
		}
		if key = JSON(key[:0], entries.Field(0), int(k)); len(key) > 0 && key[0] == '"' {
			dst = append(dst, key...)
		} else {
			dst = Text(dst, string(key))
		}
		dst = JSON(append(dst, ':'), entries.Field(1), int(k))
	}
	return append(dst, '}')
}

// Text appends s as a JSON string. Only what JSON asks for is escaped.
func Text(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		i++
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
