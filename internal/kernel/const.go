package kernel

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/fault"
)

// Nulls returns n nulls of type dt.
func Nulls(mem memory.Allocator, dt arrow.DataType, n int) arrow.Array {
	ws, valid := NewBitmap(mem, n)
	clear(ws)
	switch dt := dt.(type) {
	case *arrow.BooleanType:
		bits, done := NewBool(mem, n)
		clear(bits)
		return done(valid)
	case *arrow.StringType, *arrow.BinaryType:
		offsets, buf := newValues[int32](mem, n+1)
		clear(offsets)
		_, data := newValues[uint8](mem, 0)
		return wrap(dt, n, valid, nil, buf, data)
	case *arrow.DictionaryType:
		return constDict(mem, dt, "", n, valid)
	case *arrow.ListType:
		return nullLists(mem, dt, dt.Elem(), n, valid)
	case *arrow.MapType:
		return nullLists(mem, dt, dt.Elem(), n, valid)
	case *arrow.StructType:
		kids := make([]arrow.Array, dt.NumFields())
		for i := range kids {
			kids[i] = Nulls(mem, dt.Field(i).Type, n)
		}
		return wrapNested(dt, n, valid, kids)
	}
	if bitWidth(dt) == 0 {
		panic(badType("Nulls", dt))
	}
	vals, buf := newValues[uint8](mem, n*bitWidth(dt)/8)
	clear(vals)
	return wrap(dt, n, valid, nil, buf)
}

func nullLists(mem memory.Allocator, dt, item arrow.DataType, n int, valid *memory.Buffer) arrow.Array {
	offsets, buf := newValues[int32](mem, n+1)
	clear(offsets)
	return wrapNested(dt, n, valid, []arrow.Array{Nulls(mem, item, 0)}, buf)
}

// Const returns n times v, a bool, int64, float64, string, []byte for Binary,
// decimal128.Num (unscaled), arrow.Timestamp, arrow.Duration (both microseconds),
// arrow.Date32 or nil for null, which must be of type dt. Strings come as a
// dictionary of one entry, whichever spelling dt is. A mismatch is fault.Invalid.
func Const(mem memory.Allocator, dt arrow.DataType, v any, n int) (arrow.Array, error) {
	if v == nil {
		return Nulls(mem, dt, n), nil
	}
	switch x := v.(type) {
	case bool:
		if dt.ID() == arrow.BOOL {
			return constBool(mem, x, n), nil
		}
	case int64:
		if dt.ID() == arrow.INT64 {
			return constFixed(mem, dt, x, n), nil
		}
	case float64:
		if dt.ID() == arrow.FLOAT64 {
			return constFixed(mem, dt, x, n), nil
		}
	case arrow.Timestamp:
		if dt.ID() == arrow.TIMESTAMP {
			return constFixed(mem, dt, x, n), nil
		}
	case arrow.Date32:
		if dt.ID() == arrow.DATE32 {
			return constFixed(mem, dt, x, n), nil
		}
	case arrow.Duration:
		if dt.ID() == arrow.DURATION {
			return constFixed(mem, dt, x, n), nil
		}
	case decimal128.Num:
		if dt.ID() == arrow.DECIMAL128 {
			return constFixed(mem, dt, x, n), nil
		}
	case []byte:
		if dt.ID() == arrow.BINARY {
			return constBinary(mem, x, n)
		}
	case string:
		if isText(dt) {
			if len(x) > math.MaxInt32 {
				return nil, fault.New(fault.Invalid, "a string constant of %d bytes is too long", len(x))
			}
			return constDict(mem, StringDict(), x, n, nil), nil
		}
	}
	return nil, fault.New(fault.Invalid, "a constant of Go type %T is no %s", v, dt)
}

func constBool(mem memory.Allocator, v bool, n int) arrow.Array {
	ws, done := NewBool(mem, n)
	clear(ws)
	if v {
		bitmap{}.copyTo(ws, n)
	}
	return done(nil)
}

func constFixed[T Fixed](mem memory.Allocator, dt arrow.DataType, v T, n int) arrow.Array {
	vals, done := NewFixed[T](mem, dt, n)
	for i := range vals {
		vals[i] = v
	}
	return done(nil)
}

func constBinary(mem memory.Allocator, v []byte, n int) (arrow.Array, error) {
	if int64(len(v))*int64(n) > math.MaxInt32 {
		return nil, fault.New(fault.Invalid, "a constant of %d bytes is too long", len(v))
	}
	offsets, offBuf := newValues[int32](mem, n+1)
	data, buf := newValues[uint8](mem, n*len(v))
	offsets[0] = 0
	for i := range n {
		copy(data[i*len(v):], v)
		offsets[i+1] = int32((i + 1) * len(v))
	}
	return wrap(arrow.BinaryTypes.Binary, n, nil, nil, offBuf, buf), nil
}

// constDict returns n rows of the one entry v. Nulls have an entry too: a code
// of 0 then is in range for readers that map codes before they look at nulls.
func constDict(mem memory.Allocator, dt *arrow.DictionaryType, v string, n int, valid *memory.Buffer) arrow.Array {
	var in Interner
	in.Intern(v)
	dict := in.Values(mem)
	defer dict.Release()
	codes, buf := newValues[uint8](mem, n*bitWidth(dt)/8)
	clear(codes)
	return wrap(dt, n, valid, dict.Data().(*array.Data), buf)
}
