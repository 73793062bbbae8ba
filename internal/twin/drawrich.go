package twin

import (
	"encoding/json"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"
)

// rich are the traits of the further types that sources have: m decimal(10,2),
// u duration, x binary, l a list, r a struct, k a map. Sums and averages of m are
// of the traits n and o. Expressions only pass such columns on.
const rich = "muxlrk"

// typeOfTrait is the type of a trait that is none of the flat ones.
func typeOfTrait(k byte) arrow.DataType {
	switch k {
	case 'm':
		return &arrow.Decimal128Type{Precision: 10, Scale: 2}
	case 'u':
		return arrow.FixedWidthTypes.Duration_us
	case 'x':
		return arrow.BinaryTypes.Binary
	case 'l':
		return arrow.ListOf(arrow.BinaryTypes.String)
	case 'k':
		return arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64)
	}
	return arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		arrow.Field{Name: "b", Type: arrow.ListOf(typeOfTrait('m')), Nullable: true})
}

// richValue draws a value of a further type: few, so that they repeat.
func richValue(t *rapid.T, k byte) any {
	switch k {
	case 'm':
		return one(t, "decimal", json.Number("0.00"), "1.00", "-0.05", "12.34", "99999999.99", "-99999999.99")
	case 'u':
		return one(t, "duration", arrow.Duration(0), 1, -1, 90_000_000, math.MaxInt64, math.MinInt64)
	case 'x':
		return one(t, "binary", []byte{}, []byte("a"), []byte{0xff, 0}, []byte{0xff})
	case 'l':
		return one(t, "list", []any{}, []any{nil}, []any{"a"}, []any{"a", "日本", nil}, []any{"", "a"})
	case 'k':
		return one(t, "map", [][2]any{}, [][2]any{{"a", int64(1)}}, [][2]any{{"a", nil}}, [][2]any{{"a", int64(1)}, {"a", int64(1)}},
			[][2]any{{"b", int64(2)}, {"a", int64(1)}})
	}
	return map[string]any{
		"a": one[any](t, "a", nil, 0.0, math.Copysign(0, -1), math.NaN(), 1.5),
		"b": one[any](t, "b", nil, []any{}, []any{json.Number("1.00"), nil}),
	}
}

// appendRich appends a value that is not null.
func appendRich(b array.Builder, v any) {
	switch b := b.(type) {
	case *array.Decimal128Builder:
		dt, _ := b.Type().(*arrow.Decimal128Type)
		n, err := decimal128.FromString(string(v.(json.Number)), dt.Precision, dt.Scale)
		if err != nil {
			panic(err)
		}
		b.Append(n)
	case *array.DurationBuilder:
		b.Append(v.(arrow.Duration))
	case *array.BinaryBuilder:
		b.Append(v.([]byte))
	case *array.ListBuilder:
		b.Append(true)
		appendAll(b.ValueBuilder(), v.([]any))
	case *array.MapBuilder:
		b.Append(true)
		for _, e := range v.([][2]any) {
			appendAll(b.KeyBuilder(), e[:1])
			appendAll(b.ItemBuilder(), e[1:])
		}
	case *array.StructBuilder:
		b.Append(true)
		dt, _ := b.Type().(*arrow.StructType)
		for i := range b.NumField() {
			appendAll(b.FieldBuilder(i), []any{v.(map[string]any)[dt.Field(i).Name]})
		}
	}
}

// Array makes an array of values, strings plain, for whoever hashes them.
func Array(mem memory.Allocator, dt arrow.DataType, values []any) arrow.Array {
	b := array.NewBuilder(mem, dt)
	defer b.Release()
	appendAll(b, values)
	return b.NewArray()
}
