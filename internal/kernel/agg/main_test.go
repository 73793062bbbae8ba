package agg

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"github.com/idag/idag/internal/kernel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// checked returns an allocator that fails the test if anything is not released.
func checked(t testing.TB) memory.Allocator {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() {
		if n := mem.CurrentAlloc(); n != 0 {
			t.Errorf("%d bytes of Arrow memory were not released", n)
		}
	})
	return mem
}

func allTypes() []arrow.DataType {
	return []arrow.DataType{
		arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64, eventTime(),
		arrow.FixedWidthTypes.Date32, arrow.BinaryTypes.String, kernel.StringDict(), money(), arrow.FixedWidthTypes.Duration_us,
		arrow.BinaryTypes.Binary, arrow.ListOf(arrow.BinaryTypes.String),
		arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true}, arrow.Field{Name: "d", Type: money(), Nullable: true}),
		arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64),
	}
}

func money() arrow.DataType { return &arrow.Decimal128Type{Precision: 30, Scale: 3} }

// drawNested draws the JSON of a value.
func drawNested(r *rand.Rand, dt arrow.DataType) any {
	of := map[arrow.Type][]string{
		arrow.LIST: {`[]`, `[null]`, `["a"]`, `["a","b"]`, `["ab"]`, `[null,null]`}, arrow.STRUCT: {`{"x":1,"d":"0.001"}`, `{"x":null,"d":"-1"}`, `{"x":1,"d":null}`},
		arrow.MAP: {`[]`, `[{"key":"a","value":1}]`, `[{"key":"a","value":null}]`, `[{"key":"a","value":1},{"key":"b","value":2}]`, `[{"key":"b","value":2},{"key":"a","value":1}]`},
	}[dt.ID()]
	return nested(of[r.IntN(len(of))])
}

// nested is a nested value as JSON.
type nested string

// drawValue draws one of few values of dt, often an awkward one, or nil.
func drawValue(r *rand.Rand, dt arrow.DataType, nulls float64) any {
	if r.Float64() < nulls {
		return nil
	}
	switch dt.ID() {
	case arrow.LIST, arrow.STRUCT, arrow.MAP:
		return drawNested(r, dt)
	case arrow.BINARY:
		return []string{"", "\x00", "\xff", "\xff\x00", "a"}[r.IntN(5)]
	case arrow.DECIMAL128:
		odd := []decimal128.Num{decimal128.New(math.MaxInt64, math.MaxUint64), decimal128.New(math.MinInt64+1, 0), decimal128.New(1, 0), decimal128.FromI64(-1)}
		if k := r.IntN(40); k < len(odd) {
			return odd[k]
		}
		return decimal128.FromI64(int64(r.IntN(20000) - 10000))
	case arrow.BOOL:
		return r.IntN(2) == 0
	case arrow.FLOAT64:
		odd := []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), 1e15, -1e-3}
		if k := r.IntN(60); k < len(odd) {
			return odd[k]
		}
		return float64(r.IntN(2000)-1000) / 100
	case arrow.STRING, arrow.DICTIONARY:
		return []string{"", "a", "b", "ab", "ünï", "a longer string than sixteen", fmt.Sprint(r.IntN(30))}[r.IntN(7)]
	case arrow.DATE32:
		return int64(r.IntN(7) - 3)
	default:
		odd := []int64{0, 1, -1, math.MinInt64, math.MaxInt64, math.MinInt64 + 1}
		if k := r.IntN(30); k < len(odd) {
			return odd[k]
		}
		return int64(r.IntN(20))
	}
}

// build makes an array of rows, sliced out of a longer one; text in a random
// spelling.
func build(mem memory.Allocator, r *rand.Rand, dt arrow.DataType, rows []any) arrow.Array {
	offset := r.IntN(3) * r.IntN(10)
	all := make([]any, 0, offset+len(rows)+2)
	for range offset {
		all = append(all, drawValue(r, dt, 0.5))
	}
	all = append(append(all, rows...), drawValue(r, dt, 0.5))
	whole := buildWhole(mem, dt, all)
	if whole.DataType().ID() == arrow.STRING && r.IntN(2) == 0 {
		dict := spellDict(mem, r, all)
		whole.Release()
		whole = dict
	}
	defer whole.Release()
	return array.NewSlice(whole, int64(offset), int64(offset+len(rows)))
}

func buildWhole(mem memory.Allocator, dt arrow.DataType, rows []any) arrow.Array {
	b := array.NewBuilder(mem, plain(dt))
	defer b.Release()
	for _, v := range rows {
		if v == nil {
			b.AppendNull()
			continue
		}
		switch b := b.(type) {
		case *array.ListBuilder, *array.StructBuilder, *array.MapBuilder:
			if err := b.AppendValueFromString(string(v.(nested))); err != nil {
				panic(err)
			}
		case *array.BinaryBuilder:
			b.AppendString(v.(string))
		case *array.Decimal128Builder:
			b.Append(v.(decimal128.Num))
		case *array.DurationBuilder:
			b.Append(arrow.Duration(v.(int64)))
		case *array.BooleanBuilder:
			b.Append(v.(bool))
		case *array.Int64Builder:
			b.Append(v.(int64))
		case *array.Float64Builder:
			b.Append(v.(float64))
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(v.(int64)))
		case *array.Date32Builder:
			b.Append(arrow.Date32(v.(int64)))
		case *array.StringBuilder:
			b.Append(v.(string))
		}
	}
	return b.NewArray()
}

// spellDict makes a dictionary with duplicate, unused and null entries.
func spellDict(mem memory.Allocator, r *rand.Rand, rows []any) arrow.Array {
	values, codes := array.NewStringBuilder(mem), array.NewInt32Builder(mem)
	defer values.Release()
	defer codes.Release()
	values.Append("unused")
	values.AppendNull()
	at := map[string]int32{}
	for _, v := range rows {
		s, ok := v.(string)
		code, known := at[s]
		switch {
		case !ok && r.IntN(2) == 0:
			codes.Append(1)
		case !ok:
			codes.AppendNull()
		case known && r.IntN(3) > 0:
			codes.Append(code)
		default:
			at[s] = int32(values.Len())
			codes.Append(at[s])
			values.Append(s)
		}
	}
	dict, idx := values.NewArray(), codes.NewArray()
	defer dict.Release()
	defer idx.Release()
	return array.NewDictionaryArray(kernel.StringDict(), idx, dict)
}

// show prints row i of a so that equal values, and only they, print alike.
func show(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "null"
	}
	switch a := a.(type) {
	case *array.Boolean:
		return showValue(a.Value(i))
	case *array.Int64:
		return showValue(a.Value(i))
	case *array.Float64:
		return showValue(a.Value(i))
	case *array.Timestamp:
		return showValue(int64(a.Value(i)))
	case *array.Date32:
		return showValue(int64(a.Value(i)))
	case *array.String:
		return showValue(a.Value(i))
	case *array.Dictionary:
		return show(a.Dictionary(), a.GetValueIndex(i))
	case *array.Binary:
		return showValue(a.ValueString(i))
	case *array.Duration:
		return showValue(int64(a.Value(i)))
	case *array.Decimal128:
		return showValue(a.Value(i))
	}
	return showValue(nested(a.ValueStr(i)))
}

func showValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("%q", v)
	case nested:
		var x any
		if err := json.Unmarshal([]byte(v), &x); err != nil {
			panic(err)
		}
		return fmt.Sprint(x)
	case decimal128.Num:
		return v.BigInt().String()
	case float64:
		if v == 0 {
			v = 0
		}
		if v != v {
			return "NaN"
		}
		return fmt.Sprintf("%x (%v)", math.Float64bits(v+0), v)
	}
	return fmt.Sprint(v)
}

func release(as []arrow.Array) {
	for _, a := range as {
		if a != nil {
			a.Release()
		}
	}
}
