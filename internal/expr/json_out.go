package expr

import (
	"encoding/base64"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// jsonWriter appends row i of an array as JSON.
type jsonWriter func(dst []byte, i int) []byte

// toJSON is to_json.
func toJSON(c *call) error {
	a := c.x.plain(&c.a[0])
	defer a.Release()
	write := writerOf(a)
	run := textRows(func(*call) func([]byte, int) ([]byte, bool) {
		return func(dst []byte, i int) ([]byte, bool) {
			dst = write(dst, i)
			return dst, len(dst) <= maxText
		}
	})
	return run(c)
}

// writerOf is the writer of an array; its nulls are "null".
func writerOf(a arrow.Array) jsonWriter {
	write := valueWriter(a)
	return func(dst []byte, i int) []byte {
		if a.IsNull(i) {
			return append(dst, "null"...)
		}
		return write(dst, i)
	}
}

func valueWriter(a arrow.Array) jsonWriter {
	switch a := a.(type) {
	case *array.Struct:
		return structWriter(a)
	case *array.Map:
		return mapWriter(a)
	case *array.List:
		element := writerOf(a.ListValues())
		return func(dst []byte, i int) []byte {
			from, to := a.ValueOffsets(i)
			dst = append(dst, '[')
			for j := from; j < to; j++ {
				if j > from {
					dst = append(dst, ',')
				}
				dst = element(dst, int(j))
			}
			return append(dst, ']')
		}
	case *array.Float64:
		return func(dst []byte, i int) []byte {
			if v := a.Value(i); v-v != 0 { // NaN and infinities
				return append(appendFloat(append(dst, '"'), v), '"')
			}
			return appendFloat(dst, a.Value(i))
		}
	case *array.Boolean, *array.Int64, *array.Decimal128:
		return textWriter(a)
	}
	text := textWriter(a)
	var buf []byte
	return func(dst []byte, i int) []byte {
		buf = text(buf[:0], i)
		return appendJSONText(dst, bytesText(buf))
	}
}

// textWriter appends a value of a type without parts, without quotes.
func textWriter(a arrow.Array) jsonWriter {
	switch a := a.(type) {
	case *array.Boolean:
		return func(dst []byte, i int) []byte { return strconv.AppendBool(dst, a.Value(i)) }
	case *array.Int64:
		return func(dst []byte, i int) []byte { return strconv.AppendInt(dst, a.Value(i), 10) }
	case *array.Float64:
		return func(dst []byte, i int) []byte { return appendFloat(dst, a.Value(i)) }
	case *array.Decimal128:
		dt, _ := a.DataType().(*arrow.Decimal128Type)
		return func(dst []byte, i int) []byte { return appendDecimal(dst, a.Value(i), int(dt.Scale)) }
	case *array.Binary:
		return func(dst []byte, i int) []byte { return base64.StdEncoding.AppendEncode(dst, a.Value(i)) }
	case *array.Timestamp:
		return func(dst []byte, i int) []byte { return appendISO(dst, int64(a.Value(i))) }
	case *array.Date32:
		return func(dst []byte, i int) []byte { return appendDate(dst, int64(a.Value(i))) }
	case *array.Duration:
		return func(dst []byte, i int) []byte { return appendInterval(dst, int64(a.Value(i))) }
	}
	if text := textAt(a); text != nil {
		return func(dst []byte, i int) []byte { return append(dst, text(i)...) }
	}
	return valueWriter(a) // of a nested key
}

// appendISO writes a timestamp as JSON does: 2026-01-31T12:30:00.000Z, with
// six digits of a fraction where it takes them.
func appendISO(dst []byte, us int64) []byte {
	n := len(dst)
	dst = appendTimestamp(dst, us)
	frac := -1
	for i := n; i < len(dst); i++ {
		switch dst[i] {
		case ' ':
			dst[i] = 'T'
		case '.':
			frac = len(dst) - i - 1
		}
	}
	if frac < 0 {
		dst, frac = append(dst, '.'), 0
	}
	for want := 3 + 3*((max(frac, 1)-1)/3); frac < want; frac++ {
		dst = append(dst, '0')
	}
	return append(dst, 'Z')
}

// structWriter leaves out the fields that are null.
func structWriter(a *array.Struct) jsonWriter {
	dt, _ := a.DataType().(*arrow.StructType)
	names, writers := make([][]byte, a.NumField()), make([]jsonWriter, a.NumField())
	for k := range names {
		names[k] = append(appendJSONText(nil, dt.Field(k).Name), ':')
		writers[k] = writerOf(a.Field(k))
	}
	return func(dst []byte, i int) []byte {
		dst = append(dst, '{')
		some := false
		for k, write := range writers {
			if a.Field(k).IsNull(i) {
				continue
			}
			if some {
				dst = append(dst, ',')
			}
			some = true
			dst = write(append(dst, names[k]...), i)
		}
		return append(dst, '}')
	}
}

func mapWriter(a *array.Map) jsonWriter {
	key, value := textWriter(a.Keys()), writerOf(a.Items())
	var buf []byte
	return func(dst []byte, i int) []byte {
		from, to := a.ValueOffsets(i)
		dst = append(dst, '{')
		for j := from; j < to; j++ {
			if j > from {
				dst = append(dst, ',')
			}
			buf = key(buf[:0], int(j))
			dst = value(append(appendJSONText(dst, bytesText(buf)), ':'), int(j))
		}
		return append(dst, '}')
	}
}
