package canon

import (
	"bytes"
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"github.com/idag/idag/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sample is a type of everything.
func sample() *arrow.StructType {
	f := func(name string, dt arrow.DataType) arrow.Field {
		return arrow.Field{Name: name, Type: dt, Nullable: true}
	}
	point := arrow.StructOf(f("x", arrow.PrimitiveTypes.Float64), f("on", arrow.FixedWidthTypes.Date32))
	return arrow.StructOf(f("b", arrow.FixedWidthTypes.Boolean), f("i", arrow.PrimitiveTypes.Int64), f("s", arrow.BinaryTypes.String),
		f("t", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}), f("m", &arrow.Decimal128Type{Precision: 38, Scale: 9}),
		f("u", arrow.FixedWidthTypes.Duration_us), f("x", arrow.BinaryTypes.Binary), f("l", arrow.ListOf(point)),
		f("k", arrow.MapOf(arrow.BinaryTypes.String, arrow.ListOf(arrow.PrimitiveTypes.Int64))))
}

const rows = `[
	{"b": true, "i": -1, "s": "ünï", "t": "2024-05-06T07:08:09.000001Z", "m": "-12345678901234567890.123456789", "u": "5us", "x": "/wA=",
	 "l": [{"x": 1.5, "on": "1969-12-31"}, null, {"x": null, "on": null}], "k": [{"key": "a", "value": [1, null]}, {"key": "a", "value": null}]},
	null,
	{"b": false, "i": null, "s": "", "t": null, "m": null, "u": null, "x": "", "l": [], "k": []},
	{"b": null, "i": 0, "s": null, "t": null, "m": "0", "u": null, "x": null, "l": null, "k": null}
]`

func values(t *testing.T, mem memory.Allocator) arrow.Array {
	b := array.NewStructBuilder(mem, sample())
	defer b.Release()
	if err := b.UnmarshalJSON([]byte(rows)); err != nil {
		t.Fatal(err)
	}
	return b.NewArray()
}

// TestRoundTrip: what Append makes of the bytes of a value is that value, and
// says which bytes come after it.
func TestRoundTrip(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	whole := values(t, mem)
	defer whole.Release()
	for _, from := range []int64{0, 2} {
		a := array.NewSlice(whole, from, int64(whole.Len()))
		enc := Of(a)
		var data []byte
		for i := range a.Len() {
			data = enc.Append(data, i)
		}
		b := array.NewStructBuilder(mem, sample())
		for range a.Len() {
			var err error
			if data, err = Append(b, data); err != nil {
				t.Fatal(err)
			}
		}
		if len(data) != 0 {
			t.Errorf("%d bytes are left", len(data))
		}
		back := b.NewArray()
		if !array.Equal(a, back) {
			t.Errorf("got %v, want %v", back, a)
		}
		b.Release()
		back.Release()
		a.Release()
	}
}

// TestGolden pins the bytes that checksums and keys are made of.
func TestGolden(t *testing.T) {
	mem := memory.NewGoAllocator()
	b := array.NewListBuilder(mem, &arrow.Decimal128Type{Precision: 20, Scale: 3})
	b.Append(true)
	b.ValueBuilder().(*array.Decimal128Builder).Append(decimal128.FromI64(-2))
	b.ValueBuilder().AppendNull()
	enc := Of(b.NewArray())
	want := "l\x02\x00\x00\x00m\x03\xfe" + string(bytes.Repeat([]byte{0xff}, 15)) + "n"
	if got := enc.Append(nil, 0); string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestFloatsAreCanonical: one NaN, one zero.
func TestFloatsAreCanonical(t *testing.T) {
	b := array.NewFloat64Builder(memory.NewGoAllocator())
	b.AppendValues([]float64{math.NaN(), math.Float64frombits(0xfff8000000000001), 0, math.Copysign(0, -1)}, nil)
	enc := Of(b.NewArray())
	at := func(i int) string { return string(enc.Append(nil, i)) }
	if at(0) != at(1) || at(2) != at(3) || at(0) == at(2) {
		t.Error("NaN is one value and zero is another")
	}
}

func TestForeignTypePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Of(array.NewInt8Builder(memory.NewGoAllocator()).NewArray())
}

// FuzzAppend: bytes of any origin give a value or fault.Invalid.
func FuzzAppend(f *testing.F) {
	f.Add([]byte("n"))
	f.Add([]byte("r\x09\x00\x00\x00"))
	f.Add([]byte("l\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		for _, dt := range []arrow.DataType{sample(), arrow.ListOf(arrow.PrimitiveTypes.Int64), arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.Binary)} {
			b := array.NewBuilder(mem, dt)
			if _, err := Append(b, data); err != nil && fault.Of(err) != fault.Invalid {
				t.Errorf("%v", err)
			} else if err == nil {
				b.NewArray().Release()
			}
			b.Release()
		}
	})
}
