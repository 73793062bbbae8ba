package kernel

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
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
	}
	if bitWidth(dt) == 0 {
		panic(badType("Nulls", dt))
	}
	vals, buf := newValues[uint8](mem, n*bitWidth(dt)/8)
	clear(vals)
	return wrap(dt, n, valid, nil, buf)
}

// Const returns n times v, a bool, int64, float64, string, arrow.Timestamp
// (microseconds), arrow.Date32 or nil for null, which must be of type dt.
// Strings come as a dictionary of one entry, whichever spelling dt is. A
// mismatch is fault.Invalid.
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
