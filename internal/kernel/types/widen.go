package types

import (
	"math"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
)

// Unfit is a row of which some value has no equal in the engine's type.
type Unfit struct {
	Row int
	Why string // the first reason
}

// WidenArray returns the values of a in the type that [Widen] tells, but that a
// dictionary of strings stays one, and the rows in which a value was replaced by
// null because it does not fit: an unsigned integer of more than 63 bits, an
// instant or duration beyond the range of 64 bits of microseconds, a date beyond
// that of 32 bits of days, a decimal of more than 128 bits, a string that is not
// UTF-8. Nanoseconds are rounded down to microseconds. Rows are in order, each
// once. Types that Widen refuses, and arrays that are too large for the engine's
// types, are fault.Invalid.
func WidenArray(mem memory.Allocator, a arrow.Array) (arrow.Array, []Unfit, error) {
	dt, err := Widen(a.DataType())
	if err != nil {
		return nil, nil, err
	}
	w := widener{mem: mem}
	out := w.array(a, dt, true)
	if w.err != nil {
		out.Release()
		return nil, nil, w.err
	}
	return out, w.unfit, nil
}

// widener widens one array; arrays within are widened by wideners of their own.
type widener struct {
	mem   memory.Allocator
	unfit []Unfit
	err   error
}

func (w *widener) reject(row int, why string) {
	if n := len(w.unfit); n == 0 || w.unfit[n-1].Row != row {
		w.unfit = append(w.unfit, Unfit{row, why})
	}
}

// array widens a to dt. A dictionary is kept only outermost.
func (w *widener) array(a arrow.Array, dt arrow.DataType, outermost bool) arrow.Array {
	switch a := a.(type) {
	case array.ExtensionArray:
		return w.array(a.Storage(), dt, outermost)
	case *array.Dictionary:
		return w.dictionary(a, dt, outermost)
	case array.ListLike:
		return w.list(a, dt)
	case *array.Struct:
		return w.structs(a, dt)
	}
	switch a := a.(type) {
	case *array.String:
		return texts(w, a, dt, a.Value, nil)
	case *array.LargeString:
		return texts(w, a, dt, a.Value, nil)
	case *array.StringView:
		return texts(w, a, dt, a.Value, nil)
	case *array.LargeBinary:
		return texts(w, a, dt, nil, a.Value)
	case *array.BinaryView:
		return texts(w, a, dt, nil, a.Value)
	case *array.FixedSizeBinary:
		return texts(w, a, dt, nil, a.Value)
	}
	if arrow.TypeEqual(a.DataType(), dt) {
		a.Retain()
		return a
	}
	switch dt.ID() {
	case arrow.INT64:
		return w.integers(a, dt)
	case arrow.FLOAT64:
		return w.floats(a, dt)
	case arrow.DECIMAL128:
		return w.decimals(a, dt)
	case arrow.DATE32:
		return w.dates(a, dt)
	}
	return w.micros(a, dt)
}

// convert makes an array of dt of the n values at returns; those for which it
// says false are unfit.
func convert[T kernel.Fixed](w *widener, a arrow.Array, dt arrow.DataType, why string, at func(i int) (T, bool)) arrow.Array {
	vals, done := kernel.NewFixed[T](w.mem, dt, a.Len())
	ws, valid := kernel.NewBitmap(w.mem, a.Len())
	clear(ws)
	for i := range vals {
		var zero T
		vals[i] = zero
		if a.IsNull(i) {
			continue
		}
		v, ok := at(i)
		if !ok {
			w.reject(i, why)
			continue
		}
		vals[i] = v
		ws[i>>6] |= 1 << (i & 63)
	}
	return done(valid)
}

type integer interface {
	~int8 | ~int16 | ~int32 | ~uint8 | ~uint16 | ~uint32
}

func widenInts[T integer](w *widener, a arrow.Array, dt arrow.DataType, in []T) arrow.Array {
	return convert(w, a, dt, "", func(i int) (int64, bool) { return int64(in[i]), true })
}

func (w *widener) integers(a arrow.Array, dt arrow.DataType) arrow.Array {
	switch a := a.(type) {
	case *array.Int8:
		return widenInts(w, a, dt, a.Int8Values())
	case *array.Int16:
		return widenInts(w, a, dt, a.Int16Values())
	case *array.Int32:
		return widenInts(w, a, dt, a.Int32Values())
	case *array.Uint8:
		return widenInts(w, a, dt, a.Uint8Values())
	case *array.Uint16:
		return widenInts(w, a, dt, a.Uint16Values())
	case *array.Uint32:
		return widenInts(w, a, dt, a.Uint32Values())
	case *array.Uint64:
		in := a.Uint64Values()
		return convert(w, a, dt, "an unsigned integer exceeds 9223372036854775807", func(i int) (int64, bool) {
			return int64(in[i]), in[i] <= math.MaxInt64
		})
	}
	return w.none(a, dt)
}

func (w *widener) floats(a arrow.Array, dt arrow.DataType) arrow.Array {
	switch a := a.(type) {
	case *array.Float32:
		in := a.Float32Values()
		return convert(w, a, dt, "", func(i int) (float64, bool) { return float64(in[i]), true })
	case *array.Float16:
		return convert(w, a, dt, "", func(i int) (float64, bool) { return half(a.Value(i)), true })
	}
	return w.none(a, dt)
}

// half goes by the bits: infinities and NaN stay what they are.
func half(h float16.Num) float64 {
	bits := h.Uint16()
	if bits&0x7c00 != 0x7c00 {
		return float64(h.Float32())
	}
	switch {
	case bits&0x3ff != 0:
		return math.NaN()
	case bits>>15 != 0:
		return math.Inf(-1)
	}
	return math.Inf(1)
}

func (w *widener) decimals(a arrow.Array, dt arrow.DataType) arrow.Array {
	const why = "a decimal has more digits than its type says"
	wide, _ := dt.(*arrow.Decimal128Type)
	fits := func(n decimal128.Num) (decimal128.Num, bool) { return n, n.FitsInPrecision(wide.Precision) }
	switch a := a.(type) {
	case *array.Decimal32:
		return convert(w, a, dt, why, func(i int) (decimal128.Num, bool) { return fits(decimal128.FromI64(int64(a.Value(i)))) })
	case *array.Decimal64:
		return convert(w, a, dt, why, func(i int) (decimal128.Num, bool) { return fits(decimal128.FromI64(int64(a.Value(i)))) })
	case *array.Decimal256:
		return convert(w, a, dt, why, func(i int) (decimal128.Num, bool) {
			n := a.Value(i)
			words := n.Array() // the lowest first
			sign := uint64(int64(words[1]) >> 63)
			low := decimal128.New(int64(words[1]), words[0])
			return low, words[2] == sign && words[3] == sign && low.FitsInPrecision(wide.Precision)
		})
	}
	return w.none(a, dt)
}

func (w *widener) dates(a arrow.Array, dt arrow.DataType) arrow.Array {
	d, ok := a.(*array.Date64)
	if !ok {
		return w.none(a, dt)
	}
	return convert(w, a, dt, "a date is out of range", func(i int) (int32, bool) {
		days := floorDiv(int64(d.Value(i)), 86_400_000)
		return int32(days), int64(int32(days)) == days
	})
}

// micros widens instants, durations and times of day.
func (w *widener) micros(a arrow.Array, dt arrow.DataType) arrow.Array {
	unit, at := arrow.Microsecond, func(int) int64 { return 0 }
	why := "a duration is out of range"
	switch a := a.(type) {
	case *array.Timestamp:
		t, _ := a.DataType().(*arrow.TimestampType)
		unit, at, why = t.Unit, func(i int) int64 { return int64(a.Value(i)) }, "an instant is out of range"
	case *array.Duration:
		t, _ := a.DataType().(*arrow.DurationType)
		unit, at = t.Unit, func(i int) int64 { return int64(a.Value(i)) }
	case *array.Time32:
		t, _ := a.DataType().(*arrow.Time32Type)
		unit, at = t.Unit, func(i int) int64 { return int64(a.Value(i)) }
	case *array.Time64:
		t, _ := a.DataType().(*arrow.Time64Type)
		unit, at = t.Unit, func(i int) int64 { return int64(a.Value(i)) }
	default:
		return w.none(a, dt)
	}
	factor := int64(1)
	switch unit {
	case arrow.Second:
		factor = 1_000_000
	case arrow.Millisecond:
		factor = 1000
	case arrow.Nanosecond:
		return convert(w, a, dt, why, func(i int) (int64, bool) { return floorDiv(at(i), 1000), true })
	case arrow.Microsecond:
	}
	return convert(w, a, dt, why, func(i int) (int64, bool) {
		v := at(i)
		return v * factor, v <= math.MaxInt64/factor && v >= math.MinInt64/factor
	})
}

func floorDiv(v, by int64) int64 {
	q := v / by
	if v%by < 0 {
		q--
	}
	return q
}

// texts widens strings, which must be UTF-8, or binary; one of text and raw
// reads them.
func texts(w *widener, a arrow.Array, dt arrow.DataType, text func(i int) string, raw func(i int) []byte) arrow.Array {
	exact, total := arrow.TypeEqual(a.DataType(), dt), int64(0)
	var bad []bool
	for i := range a.Len() {
		switch {
		case a.IsNull(i):
		case raw != nil:
			total += int64(len(raw(i)))
		case !utf8.ValidString(text(i)):
			if bad == nil {
				bad = make([]bool, a.Len())
			}
			bad[i] = true
			w.reject(i, "a string is not UTF-8")
		default:
			total += int64(len(text(i)))
		}
	}
	if exact && bad == nil {
		a.Retain()
		return a
	}
	if total > math.MaxInt32 {
		w.err = fault.New(fault.Invalid, "an array holds more than 2 GiB of %s", a.DataType())
		return kernel.Nulls(w.mem, dt, a.Len())
	}
	b := array.NewBinaryBuilder(w.mem, arrow.BinaryTypes.Binary)
	defer b.Release()
	b.Reserve(a.Len())
	b.ReserveData(int(total))
	for i := range a.Len() {
		switch {
		case a.IsNull(i) || bad != nil && bad[i]:
			b.AppendNull()
		case raw != nil:
			b.Append(raw(i))
		default:
			b.AppendString(text(i))
		}
	}
	out := b.NewArray()
	defer out.Release()
	data := array.NewData(dt, out.Len(), out.Data().Buffers(), nil, out.NullN(), 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// none is for arrays of types that Widen knows and this file does not.
func (w *widener) none(a arrow.Array, dt arrow.DataType) arrow.Array {
	w.err = fault.New(fault.Bug, "%s is not widened to %s", a.DataType(), dt)
	return kernel.Nulls(w.mem, dt, a.Len())
}
