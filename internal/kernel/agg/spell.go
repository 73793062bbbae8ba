package agg

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/idag/idag/internal/kernel/canon"
)

// Values that are neither words nor text are spelled as bytes and treated like
// text from there on, until they leave the table: decimals as 16 bytes in the
// order of their values, Binary as it is, and nested values as package canon spells
// them. Equal values have equal bytes, so grouping and counting need no more.

// isSpelled says whether values of dt are.
func isSpelled(dt arrow.DataType) bool {
	switch dt.ID() {
	case arrow.DECIMAL128, arrow.BINARY, arrow.LIST, arrow.STRUCT, arrow.MAP:
		return true
	}
	return false
}

// ordered says whether values of dt can be compared; spelled ones then compare
// like their bytes.
func ordered(dt arrow.DataType) bool {
	id := dt.ID()
	return id != arrow.LIST && id != arrow.STRUCT && id != arrow.MAP
}

// spell returns the spellings of all rows; those of nulls are empty.
func spell(a arrow.Array) []string {
	out := make([]string, a.Len())
	if b, ok := a.(*array.Binary); ok {
		for i := range out {
			out[i] = b.ValueString(i) // borrowed
		}
		return out
	}
	if d, ok := a.(*array.Decimal128); ok {
		flat := make([]byte, 0, 16*len(out))
		for i, v := range d.Values() {
			flat = binary.BigEndian.AppendUint64(flat, uint64(v.HighBits())^1<<63)
			flat = binary.BigEndian.AppendUint64(flat, v.LowBits())
			out[i] = text8(flat[16*i:])
		}
		return out
	}
	enc := canon.Of(a)
	ends := make([]int, len(out))
	var flat []byte
	for i := range out {
		if !enc.Null(i) {
			flat = enc.Append(flat, i)
		}
		ends[i] = len(flat)
	}
	from := 0
	for i, end := range ends {
		out[i] = text8(flat[from:end])
		from = end
	}
	return out
}

// text8 views bytes that do not change any more as a string.
func text8(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// unspell appends the value that is spelled s.
func unspell(b array.Builder, s []byte) {
	switch b := b.(type) {
	case *array.StringBuilder:
		b.BinaryBuilder.Append(s)
	case *array.BinaryBuilder:
		b.Append(s)
	case *array.Decimal128Builder:
		b.Append(decimal128.New(int64(binary.BigEndian.Uint64(s)^1<<63), binary.BigEndian.Uint64(s[8:])))
	default:
		if _, err := canon.Append(b, s); err != nil {
			panic("agg: " + err.Error()) // we have spelled it ourselves
		}
	}
}

// unspelled makes a column of the values that get spells for each group.
func (e *emitter) unspelled(dt arrow.DataType, get func(g int32) (s []byte, null bool)) arrow.Array {
	b := array.NewBuilder(e.t.mem, dt)
	defer b.Release()
	b.Reserve(len(e.sel))
	for _, g := range e.sel {
		s, null := get(g)
		if null {
			b.AppendNull()
			continue
		}
		unspell(b, s)
	}
	return b.NewArray()
}

// spelledKey is the column of a key that is spelled, or of strings that share
// their numbers with such keys: they have no dictionary that others could read.
func (t *Table) spelledKey(e *emitter, dt arrow.DataType) arrow.Array {
	return e.unspelled(plain(dt), func(g int32) ([]byte, bool) {
		w := e.st.at(g)[0]
		if w == 0 {
			return nil, true
		}
		s := t.text.in.Value(int32(w) - 1)
		return unsafe.Slice(unsafe.StringData(s), len(s)), false
	})
}

// fitsIn says whether n has at most the given number of digits.
func fitsIn(n decimal128.Num, precision int32) bool {
	return n.HighBits() != math.MinInt64 && n.FitsInPrecision(precision)
}
