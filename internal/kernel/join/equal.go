package join

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// valid returns the rows in which no key is null, or nil if that is all of them.
func valid(keys []arrow.Array, n int) []bool {
	var ok []bool
	for _, a := range keys {
		entries, _ := a.(*array.Dictionary)
		holes := entries != nil && entries.Dictionary().NullN() > 0
		if a.NullN() == 0 && !holes {
			continue
		}
		if ok == nil {
			ok = make([]bool, n)
			for i := range ok {
				ok[i] = true
			}
		}
		for i := range ok {
			if a.IsNull(i) || holes && entries.Dictionary().IsNull(entries.GetValueIndex(i)) {
				ok[i] = false
			}
		}
	}
	return ok
}

// equal compares rows of two lists of key columns whose hashes are equal and in
// which nothing is null. It is nil where equal hashes already say that the keys are:
// the hash of a single value of 64 bits or less can be undone.
func equal(as, bs []arrow.Array) func(i, j int) bool {
	if len(as) == 1 && narrow(as[0].DataType()) {
		return nil
	}
	list := make([]func(i, j int) bool, len(as))
	for k := range as {
		list[k] = equalColumn(as[k], bs[k])
	}
	switch len(list) {
	case 1:
		return list[0]
	case 2:
		return func(i, j int) bool { return list[0](i, j) && list[1](i, j) }
	}
	return func(i, j int) bool {
		for _, same := range list {
			if !same(i, j) {
				return false
			}
		}
		return true
	}
}

func narrow(dt arrow.DataType) bool {
	switch dt.ID() {
	case arrow.BOOL, arrow.INT64, arrow.FLOAT64, arrow.TIMESTAMP, arrow.DATE32, arrow.DURATION:
		return true
	default:
		return false
	}
}

func equalColumn(a, b arrow.Array) func(i, j int) bool {
	switch a := a.(type) {
	case *array.Boolean:
		b, _ := b.(*array.Boolean)
		return func(i, j int) bool { return a.Value(i) == b.Value(j) }
	case *array.Int64:
		return same(a.Int64Values(), b.(*array.Int64).Int64Values())
	case *array.Timestamp:
		return same(a.TimestampValues(), b.(*array.Timestamp).TimestampValues())
	case *array.Duration:
		return same(a.DurationValues(), b.(*array.Duration).DurationValues())
	case *array.Date32:
		return same(a.Date32Values(), b.(*array.Date32).Date32Values())
	case *array.Decimal128:
		return same(a.Values(), b.(*array.Decimal128).Values())
	case *array.Float64:
		as, bs := a.Float64Values(), b.(*array.Float64).Float64Values()
		return func(i, j int) bool {
			return as[i] == bs[j] || math.IsNaN(as[i]) && math.IsNaN(bs[j])
		}
	}
	as, bs := textOf(a), textOf(b)
	if as.codes == nil && bs.codes == nil {
		return func(i, j int) bool { return string(as.plain(i)) == string(bs.plain(j)) }
	}
	return func(i, j int) bool { return string(as.at(i)) == string(bs.at(j)) }
}

func same[T comparable](as, bs []T) func(i, j int) bool {
	return func(i, j int) bool { return as[i] == bs[j] }
}

// text is the values of a column of text, in either spelling, or of binary.
type text struct {
	codes   []int32 // of a dictionary, else nil
	offsets []int32
	data    []byte
}

func textOf(a arrow.Array) text {
	switch a := a.(type) {
	case *array.String:
		if a.Len() > 0 {
			return text{offsets: a.ValueOffsets(), data: bytesOf(a)}
		}
		return text{}
	case *array.Binary:
		if a.Len() > 0 {
			return text{offsets: a.ValueOffsets(), data: bytesOf(a)}
		}
		return text{}
	case *array.Dictionary:
		t := textOf(a.Dictionary())
		t.codes = a.Indices().(*array.Int32).Int32Values()
		return t
	}
	panic(fmt.Sprintf("join: no keys of type %s", a.DataType()))
}

// bytesOf returns the buffer that offsets are into; there may be none for empty values.
func bytesOf(a arrow.Array) []byte {
	if b := a.Data().Buffers()[2]; b != nil {
		return b.Bytes()
	}
	return nil
}

// plain returns the bytes of entry i, borrowed.
func (t *text) plain(i int) []byte { return t.data[t.offsets[i]:t.offsets[i+1]] }

// at returns the bytes of row i, borrowed.
func (t *text) at(i int) []byte {
	if t.codes != nil {
		i = int(t.codes[i])
	}
	return t.plain(i)
}
