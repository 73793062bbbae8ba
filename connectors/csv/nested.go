package csv

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// bytesOf views a string as bytes, lent.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// appendJSON writes value i of an array as JSON. Times, binary and numbers that
// JSON lacks are strings; the keys of maps are texts.
func appendJSON(dst []byte, a arrow.Array, i int) []byte {
	if a.IsNull(i) {
		return append(dst, "null"...)
	}
	switch a := a.(type) {
	case *array.String:
		return appendJSONText(dst, a.Value(i))
	case *array.Dictionary:
		return appendJSON(dst, a.Dictionary(), a.GetValueIndex(i))
	case *array.Float64:
		if f := a.Value(i); math.IsNaN(f) || math.IsInf(f, 0) {
			return append(appendFloat(append(dst, '"'), f), '"')
		}
	case *array.Binary:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), a.Value(i)), '"')
	case *array.Struct:
		return appendJSONStruct(dst, a, i)
	case *array.Map:
		return appendJSONMap(dst, a, i)
	case *array.List:
		from, to := a.ValueOffsets(i)
		dst = append(dst, '[')
		for k := from; k < to; k++ {
			if k > from {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, a.ListValues(), int(k))
		}
		return append(dst, ']')
	}
	write := plainCell(a)
	switch a.DataType().ID() {
	case arrow.BOOL, arrow.INT64, arrow.FLOAT64, arrow.DECIMAL128:
		return write(dst, i)
	}
	return append(write(append(dst, '"'), i), '"')
}

func appendJSONText(dst []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return append(dst, "null"...)
	}
	return append(dst, b...)
}

func appendJSONStruct(dst []byte, a *array.Struct, i int) []byte {
	dst = append(dst, '{')
	for j, f := range a.DataType().(*arrow.StructType).Fields() {
		if j > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONText(dst, f.Name), ':')
		dst = appendJSON(dst, a.Field(j), i)
	}
	return append(dst, '}')
}

func appendJSONMap(dst []byte, a *array.Map, i int) []byte {
	from, to := a.ValueOffsets(i)
	dst = append(dst, '{')
	for k := from; k < to; k++ {
		if k > from {
			dst = append(dst, ',')
		}
		at := len(dst)
		dst = appendJSON(dst, a.Keys(), int(k))
		if dst[at] != '"' {
			key := string(dst[at:])
			dst = appendJSONText(dst[:at], key)
		}
		dst = appendJSON(append(dst, ':'), a.Items(), int(k))
	}
	return append(dst, '}')
}
