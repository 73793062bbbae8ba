package types

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/decimal256"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func checked(t testing.TB) memory.Allocator {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}

func field(name string, dt arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: dt, Nullable: true}
}

// TestWiden: foreign types on the left, the engine's, as Arrow spells it, or why
// there is none, on the right. What comes out is one of the engine's.
func TestWiden(t *testing.T) {
	p, deep := arrow.PrimitiveTypes, arrow.DataType(arrow.BinaryTypes.String)
	for range MaxDepth + 1 {
		deep = arrow.ListOf(deep)
	}
	for _, c := range []struct {
		dt   arrow.DataType
		want string
	}{
		{p.Int8, "int64"}, {p.Uint64, "int64"}, {p.Float32, "float64"}, {arrow.FixedWidthTypes.Float16, "float64"},
		{arrow.BinaryTypes.LargeString, "utf8"}, {arrow.BinaryTypes.StringView, "utf8"}, {&arrow.FixedSizeBinaryType{ByteWidth: 16}, "binary"},
		{extensions.NewUUIDType(), "binary"}, {&arrow.TimestampType{Unit: arrow.Second}, "timestamp[us, tz=UTC]"},
		{&arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "Europe/Athens"}, "timestamp[us, tz=UTC]"}, {arrow.FixedWidthTypes.Date64, "date32"},
		{arrow.FixedWidthTypes.Time32s, "duration[us]"}, {arrow.FixedWidthTypes.Duration_ns, "duration[us]"},
		{&arrow.Decimal32Type{Precision: 4, Scale: 4}, "decimal(4, 4)"}, {&arrow.Decimal256Type{Precision: 38, Scale: 0}, "decimal(38, 0)"},
		{&arrow.Decimal256Type{Precision: 39, Scale: 0}, "up to 38 digits"}, {&arrow.Decimal128Type{Precision: 5, Scale: -1}, "up to 38 digits"},
		{&arrow.DictionaryType{IndexType: p.Uint8, ValueType: arrow.BinaryTypes.LargeString}, "utf8"},
		{arrow.LargeListOf(p.Int8), "list<item: int64, nullable>"}, {arrow.FixedSizeListOfNonNullable(3, p.Float32), "list<item: float64, nullable>"},
		{arrow.ListViewOf(arrow.ListOfField(arrow.Field{Name: "element", Type: p.Int64})), "list<item: list<item: int64, nullable>, nullable>"},
		{arrow.StructOf(arrow.Field{Name: "a", Type: p.Int16}), "struct<a: int64 nullable>"}, {arrow.MapOf(p.Int8, p.Int8), "map<int64, int64, items_nullable>"},
		{arrow.StructOf(), "without fields"}, {arrow.StructOf(field("a", p.Int8), field("a", p.Int8)), `two fields "a"`},
		{arrow.Null, "null is not supported"}, {arrow.FixedWidthTypes.MonthInterval, "is not supported"}, {deep, "nested more than 32"},
		{arrow.StructOf(field("u", arrow.Null)), "null is not supported"}, {arrow.ListOf(arrow.Null), "null"}, {arrow.MapOf(p.Int8, arrow.Null), "null"},
	} {
		got, err := Widen(c.dt)
		if err != nil {
			if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.dt, err, c.want)
			}
			continue
		}
		if got.String() != c.want && strings.ReplaceAll(got.String(), " ", "") != strings.ReplaceAll(c.want, " ", "") {
			t.Errorf("%s becomes %s, want %s", c.dt, got, c.want)
		}
		if !Supported(got) || Supported(c.dt) {
			t.Errorf("%s is supported: %t, %s: %t", got, Supported(got), c.dt, Supported(c.dt))
		}
	}
	if !Supported(kernel.StringDict()) || Supported(arrow.ListOf(kernel.StringDict())) {
		t.Error("strings are dictionaries outermost, plain within")
	}
	for want, dt := range map[string]arrow.DataType{
		"string": kernel.StringDict(), "decimal(10,2)": &arrow.Decimal128Type{Precision: 10, Scale: 2}, "interval": Duration(), "binary": arrow.BinaryTypes.Binary,
		"map<bigint, array<double>>":    arrow.MapOf(p.Int64, arrow.ListOf(p.Float64)),
		"struct<a: date, b: timestamp>": arrow.StructOf(field("a", arrow.FixedWidthTypes.Date32), field("b", Timestamp())),
	} {
		if got := Name(dt); got != want {
			t.Errorf("%s is called %s, want %s", dt, got, want)
		}
	}
	for _, dt := range []arrow.DataType{
		&arrow.DictionaryType{IndexType: p.Int32, ValueType: arrow.BinaryTypes.String, Ordered: true},
		&arrow.DictionaryType{IndexType: p.Int8, ValueType: arrow.BinaryTypes.String}, &arrow.DictionaryType{IndexType: p.Int32, ValueType: p.Int64},
		arrow.BinaryTypes.Binary, arrow.BinaryTypes.LargeString,
	} {
		if IsString(dt) || Same(dt, arrow.BinaryTypes.String) || Same(kernel.StringDict(), dt) || !Same(dt, dt) {
			t.Errorf("%s is not a string of the engine", dt)
		}
	}
	if !Same(kernel.StringDict(), arrow.BinaryTypes.String) || Same(p.Int64, p.Float64) || !Nested(arrow.StructOf()) || Nested(p.Int64) {
		t.Error("Same or Nested")
	}
}

// TestWidenArray: foreign arrays on the left, as JSON, and what they are widened
// to; rows that do not fit are null and say why.
func TestWidenArray(t *testing.T) {
	p := arrow.PrimitiveTypes
	for _, c := range []struct {
		dt        arrow.DataType
		in, want  string
		unfit     []int
		widenedTo arrow.DataType
	}{
		{dt: p.Int8, in: `[1,null,-128]`, want: `[1,null,-128]`},
		{dt: p.Uint64, in: `[1,18446744073709551615,9223372036854775807]`, want: `[1,null,9223372036854775807]`, unfit: []int{1}},
		{dt: p.Float32, in: `[0.5,null]`, want: `[0.5,null]`},
		{dt: arrow.BinaryTypes.LargeString, in: `["ä",null,""]`, want: `["ä",null,""]`},
		{dt: arrow.BinaryTypes.StringView, in: `["a longer one than twelve",null]`, want: `["a longer one than twelve",null]`},
		{dt: arrow.BinaryTypes.LargeBinary, in: `["/w==",null]`, want: `["/w==",null]`},
		{dt: &arrow.FixedSizeBinaryType{ByteWidth: 2}, in: `["AAE=",null]`, want: `["AAE=",null]`},
		{dt: &arrow.TimestampType{Unit: arrow.Nanosecond}, in: `["1969-12-31 23:59:59.999999999"]`, want: `["1969-12-31T23:59:59.999999Z"]`},
		{dt: &arrow.TimestampType{Unit: arrow.Second}, in: `[1,null,9223372036855]`, want: `["1970-01-01T00:00:01Z",null,null]`, unfit: []int{2}},
		{dt: arrow.FixedWidthTypes.Date64, in: `["1969-12-31",null]`, want: `["1969-12-31",null]`},
		{dt: arrow.FixedWidthTypes.Time32ms, in: `["01:00:00.001"]`, want: `["3600001000us"]`},
		{dt: arrow.FixedWidthTypes.Duration_ns, in: `["-1ns","1999ns"]`, want: `["-1us","1us"]`},
		{dt: &arrow.Decimal64Type{Precision: 5, Scale: 2}, in: `["1.25",null]`, want: `["1.25",null]`},
		{dt: arrow.LargeListOf(p.Int16), in: `[[1,null],null,[],[2]]`, want: `[[1,null],null,[],[2]]`},
		{dt: arrow.FixedSizeListOf(2, p.Uint64), in: `[[1,2],null,[3,18446744073709551615],[4,5]]`, want: `[[1,2],null,null,[4,5]]`, unfit: []int{2}},
		{dt: arrow.ListOf(p.Uint64), in: `[[18446744073709551615,18446744073709551615],[7],[18446744073709551615]]`, want: `[null,[7],null]`, unfit: []int{0, 2}},
		{dt: arrow.StructOf(field("a", p.Int8), field("b", arrow.ListOf(p.Uint64))), in: `[{"a":1,"b":[2]},null,{"a":3,"b":[18446744073709551615]}]`, want: `[{"a":1,"b":[2]},null,{"a":3,"b":null}]`, unfit: []int{2}},
		{dt: arrow.MapOf(p.Uint64, arrow.BinaryTypes.LargeString), in: `[[{"key":1,"value":"x"}],null,[{"key":18446744073709551615,"value":"y"}]]`, want: `[[{"key":1,"value":"x"}],null,null]`, unfit: []int{2}},
	} {
		for _, slice := range []bool{false, true} {
			mem := checked(t)
			a, _, err := array.FromJSON(mem, c.dt, strings.NewReader(c.in))
			if err != nil {
				t.Fatal(c.dt, err)
			}
			if slice {
				doubled, err := array.Concatenate([]arrow.Array{a, a}, mem)
				if err != nil {
					t.Fatal(err)
				}
				n := int64(a.Len())
				a.Release()
				a = array.NewSlice(doubled, n, 2*n)
				doubled.Release()
			}
			got, unfit, err := WidenArray(mem, a)
			if err != nil {
				t.Fatal(c.dt, err)
			}
			to, _ := Widen(c.dt)
			if !arrow.TypeEqual(got.DataType(), to) {
				t.Errorf("%s becomes %s", c.dt, got.DataType())
			}
			text, err := got.MarshalJSON()
			want, _, _ := array.FromJSON(mem, to, strings.NewReader(c.want))
			if err != nil || !array.Equal(got, want) {
				t.Errorf("%s %s (slice %t) becomes %s, want %s", c.dt, c.in, slice, text, c.want)
			}
			var rows []int
			for _, u := range unfit {
				rows = append(rows, u.Row)
			}
			if fmt.Sprint(rows) != fmt.Sprint(c.unfit) {
				t.Errorf("%s: unfit are %v, want %v", c.dt, unfit, c.unfit)
			}
			got.Release()
			want.Release()
			a.Release()
		}
	}
}

// TestWidenStrings: strings that are not UTF-8 are found wherever they are, and
// what needs no change is not copied.
func TestWidenStrings(t *testing.T) {
	mem := checked(t)
	good, bad := array.NewStringBuilder(mem), array.NewStringBuilder(mem)
	good.AppendValues([]string{"a", "ä"}, nil)
	bad.AppendValues([]string{"a", "\xff", "b"}, nil)
	a, b := good.NewArray(), bad.NewArray()
	good.Release()
	bad.Release()
	same, unfit, err := WidenArray(mem, a)
	if same != a || unfit != nil || err != nil {
		t.Error("a string array was copied")
	}
	null, unfit, _ := WidenArray(mem, b)
	if len(unfit) != 1 || unfit[0] != (Unfit{1, "a string is not UTF-8"}) || !null.IsNull(1) || null.(*array.String).Value(2) != "b" {
		t.Errorf("%v %v", null, unfit)
	}
	codes := array.NewInt8Builder(mem)
	codes.AppendValues([]int8{0, 2, 1, 0, 100}, []bool{true, true, true, false, true})
	idx := codes.NewArray()
	codes.Release()
	dict := array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, idx, b)
	wide, unfit, err := WidenArray(mem, dict)
	if err != nil || len(unfit) != 2 || unfit[0].Row != 2 || unfit[1].Row != 4 || !arrow.TypeEqual(wide.DataType(), kernel.StringDict()) {
		t.Errorf("%v %v %v", wide, unfit, err)
	}
	for _, x := range []arrow.Array{a, b, same, null, idx, dict, wide} {
		x.Release()
	}
}

// TestWidenByBits: floats of 16 bits, decimals of 256 and dictionaries of
// numbers.
func TestWidenByBits(t *testing.T) {
	mem := checked(t)
	halves := array.NewFloat16Builder(mem)
	for _, f := range []float64{0, math.Inf(1), math.Inf(-1), 0.5, -2} {
		if err := halves.AppendValueFromString(fmt.Sprint(f)); err != nil {
			t.Fatal(err)
		}
	}
	big := array.NewDecimal256Builder(mem, &arrow.Decimal256Type{Precision: 30, Scale: 2})
	big.Append(decimal256.FromI64(-7))
	big.Append(decimal256.New(0, 1, 0, 0))
	big.Append(decimal256.New(1<<63, 0, 0, 0))
	ints := array.NewInt16Builder(mem)
	ints.AppendValues([]int16{5, 6}, nil)
	codes := array.NewInt32Builder(mem)
	codes.AppendValues([]int32{1, 0, 1}, []bool{true, false, true})
	values, idx := ints.NewArray(), codes.NewArray()
	dict := array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.PrimitiveTypes.Int16}, idx, values)
	h, d := halves.NewArray(), big.NewArray()
	for _, c := range []struct {
		in    arrow.Array
		check func(out arrow.Array, unfit []Unfit) bool
	}{
		{h, func(out arrow.Array, _ []Unfit) bool {
			v := out.(*array.Float64).Float64Values()
			return v[0] == 0 && math.IsInf(v[1], 1) && math.IsInf(v[2], -1) && v[3] == 0.5 && v[4] == -2
		}},
		{d, func(out arrow.Array, unfit []Unfit) bool {
			v := out.(*array.Decimal128)
			return v.Value(0) == decimal128.FromI64(-7) && v.IsNull(1) && v.IsNull(2) && len(unfit) == 2
		}},
		{dict, func(out arrow.Array, _ []Unfit) bool {
			v := out.(*array.Int64)
			return v.Value(0) == 6 && v.IsNull(1) && v.Value(2) == 6
		}},
	} {
		out, unfit, err := WidenArray(mem, c.in)
		if err != nil || !c.check(out, unfit) {
			t.Errorf("%v becomes %v, unfit %v, %v", c.in, out, unfit, err)
		}
		out.Release()
	}
	for _, x := range []interface{ Release() }{halves, big, ints, codes, values, idx, dict, h, d} {
		x.Release()
	}
	if _, _, err := WidenArray(mem, array.NewNull(3)); fault.Of(err) != fault.Invalid {
		t.Errorf("a column of nulls: %v", err)
	}
}
