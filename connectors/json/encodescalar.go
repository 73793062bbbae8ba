package json

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// scalar writes value i of the types that are rarer.
func (c *cell) scalar(dst []byte, i int) []byte {
	switch a := c.a.(type) {
	case *array.Boolean:
		return strconv.AppendBool(dst, a.Value(i))
	case *array.Timestamp:
		return append(appendTime(append(dst, '"'), int64(a.Value(i))), '"')
	case *array.Date32:
		return append(appendDate(append(dst, '"'), int64(a.Value(i))), '"')
	case *array.Duration:
		return append(appendSpan(append(dst, '"'), int64(a.Value(i))), '"')
	case *array.Decimal128:
		if dt, ok := c.typ.(*arrow.Decimal128Type); ok {
			return appendDecimal(dst, a.Value(i), int(dt.Scale))
		}
	case *array.Binary:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), a.Value(i)), '"')
	}
	return append(dst, "null"...)
}

func appendInt(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) }

// appendFloat writes the shortest digits that read back as f, with a point or
// an exponent, so that they are seen to be a double's.
func appendFloat(dst []byte, f float64) []byte {
	switch a := math.Abs(f); {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	case a != 0 && (a < 1e-6 || a >= 1e21):
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	case a < 1e15 && a == math.Trunc(a):
		if f == 0 && math.Signbit(f) {
			dst = append(dst, '-')
		}
		return append(appendInt(dst, int64(f)), ".0"...)
	}
	n := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	for _, c := range dst[n:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

// appendDecimal writes a decimal with all digits of its scale.
func appendDecimal(dst []byte, v decimal128.Num, scale int) []byte {
	if scale < 0 {
		return append(append(dst, v.BigInt().String()...), "e"+strconv.Itoa(-scale)...)
	}
	return append(dst, v.ToString(int32(scale))...)
}

// appendTime writes microseconds since 1970 as RFC 3339, in UTC.
func appendTime(dst []byte, us int64) []byte {
	day := floorDiv(us, usDay)
	us -= day * usDay
	dst = appendDate(dst, day)
	dst = append(dst, 'T')
	dst = appendTwo(dst, us/usHour)
	dst = appendTwo(append(dst, ':'), us/usMinute%60)
	dst = appendTwo(append(dst, ':'), us/usSecond%60)
	return append(appendFraction(dst, us%usSecond), 'Z')
}

func appendTwo(dst []byte, v int64) []byte {
	return append(dst, byte('0'+v/10), byte('0'+v%10))
}

// appendDate writes YYYY-MM-DD; years outside 1 to 9999 have a sign.
func appendDate(dst []byte, day int64) []byte {
	// The calendar repeats after 146097 days, which are 400 years.
	cycle := floorDiv(day, 146097)
	t := time.Unix((day-cycle*146097)*86400, 0).UTC()
	year, month, date := t.Date()
	y := int64(year) + cycle*400
	if y < 1 || y > 9999 {
		sign := byte('+')
		if y < 0 {
			y, sign = -y, '-'
		}
		dst = append(dst, sign)
	}
	for width := int64(1000); width > y && width > 1; width /= 10 {
		dst = append(dst, '0')
	}
	dst = appendInt(dst, y)
	dst = appendTwo(append(dst, '-'), int64(month))
	return appendTwo(append(dst, '-'), int64(date))
}

// appendQuoted writes a string. What is not UTF-8 in it becomes U+FFFD.
func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for p := 0; p < len(s); {
		for len(s)-p >= 8 && stops(load(s, p)) == 0 {
			p += 8
		}
		for p < len(s) && s[p] >= ' ' && s[p] != '"' && s[p] != '\\' {
			p++
			if p&7 == 0 {
				break
			}
		}
		if p < len(s) && (s[p] < ' ' || s[p] == '"' || s[p] == '\\') {
			dst = append(appendValid(dst, s[from:p]), '\\')
			dst = appendEscape(dst, s[p])
			p++
			from = p
		}
	}
	return append(appendValid(dst, s[from:]), '"')
}

func appendValid(dst, s []byte) []byte {
	if utf8.Valid(s) {
		return append(dst, s...)
	}
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		dst = utf8.AppendRune(dst, r)
		s = s[n:]
	}
	return dst
}

// appendEscape writes what stands behind the backslash for c.
func appendEscape(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, c)
	case '\n':
		return append(dst, 'n')
	case '\r':
		return append(dst, 'r')
	case '\t':
		return append(dst, 't')
	}
	return append(dst, 'u', '0', '0', hex[c>>4], hex[c&15])
}

// bytesOf views a string as bytes, not to be written.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
