package codec_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/codec"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wide is rows of every kind of type, from JSON.
func wide(t testing.TB, mem memory.Allocator, text string) arrow.RecordBatch {
	t.Helper()
	field := func(name string, dt arrow.DataType) arrow.Field {
		return arrow.Field{Name: name, Type: dt, Nullable: true}
	}
	s := arrow.NewSchema([]arrow.Field{
		field("window_start", arrow.FixedWidthTypes.Timestamp_us), field("b", arrow.FixedWidthTypes.Boolean),
		field("n", arrow.PrimitiveTypes.Int64), field("f", arrow.PrimitiveTypes.Float64), field("s", arrow.BinaryTypes.String),
		field("d", arrow.FixedWidthTypes.Date32), field("bin", arrow.BinaryTypes.Binary),
		field("dec", &arrow.Decimal128Type{Precision: 10, Scale: 2}),
		field("l", arrow.ListOf(arrow.BinaryTypes.String)), field("m", arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64)),
		field("st", arrow.StructOf(field("x", arrow.PrimitiveTypes.Int64), field("y", arrow.ListOf(arrow.PrimitiveTypes.Float64)))),
	}, nil)
	b, _, err := array.RecordFromJSON(mem, s, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const full = `{"window_start":"2026-01-01T00:00:00Z","b":true,"n":7,"f":0.5,"s":"a state","d":"2026-01-01","bin":"AAEC","dec":"1.25","l":["a",null],"m":[{"key":"k","value":1}],"st":{"x":1,"y":[1.5,null]}}`

func encoded(t testing.TB, text string) []byte {
	t.Helper()
	b := wide(t, memory.DefaultAllocator, text)
	defer b.Release()
	raw, err := codec.EncodeRow(b)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestRow proves that a row of any type comes back as it was, also one that is a slice,
// and that its memory is the allocator's.
func TestRow(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	all := wide(t, mem, `[{"n":1,"s":"before","l":["x"]},`+full+`,{},{"s":"","l":[],"m":[],"st":{"y":[]}}]`)
	defer all.Release()
	for i := range all.NumRows() {
		row := all.NewSlice(i, i+1)
		raw, err := codec.EncodeRow(row)
		if err != nil {
			t.Fatal(err)
		}
		back, err := codec.DecodeRow(raw, mem)
		if err != nil {
			t.Fatalf("row %d: %v", i, err)
		}
		if !array.RecordEqual(row, back) || !back.Schema().Equal(row.Schema()) {
			t.Errorf("row %d is %v, was %v", i, back, row)
		}
		back.Release()
		row.Release()
	}
}

// TestRowLimits proves that what is no row, or too large a one, is said to be.
func TestRowLimits(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	two := wide(t, mem, "[{},{}]")
	defer two.Release()
	if _, err := codec.EncodeRow(two); fault.Of(err) != fault.Bug {
		t.Errorf("two rows: %v", err)
	}
	for size, ok := range map[int]bool{codec.MaxRow - 8<<10: true, codec.MaxRow: false} {
		large := wide(t, mem, `[{"s":"`+strings.Repeat("x", size)+`"}]`)
		raw, err := codec.EncodeRow(large)
		if (err == nil) != ok || !ok && (fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "more than 16 MiB")) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if ok {
			back, err := codec.DecodeRow(raw, mem)
			if err != nil {
				t.Fatal(err)
			}
			back.Release()
		}
		large.Release()
	}
}

// TestStrangers proves that streams which are sound Arrow, but no row of ours, are refused.
func TestStrangers(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	stream := func(batches []arrow.RecordBatch, o ...ipc.Option) []byte {
		var b bytes.Buffer
		w := ipc.NewWriter(&b, append(o, ipc.WithSchema(batches[0].Schema()), ipc.WithAllocator(mem))...)
		for _, batch := range batches {
			if err := w.Write(batch); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	one, two, none := wide(t, mem, "["+full+"]"), wide(t, mem, "[{},{}]"), wide(t, mem, "[]")
	codes, _, err := array.FromJSON(mem, kernel.StringDict(), strings.NewReader(`["a"]`))
	if err != nil {
		t.Fatal(err)
	}
	dict := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "s", Type: codes.DataType()}}, nil), []arrow.Array{codes}, 1)
	for _, r := range []interface{ Release() }{one, two, none, codes, dict} {
		defer r.Release()
	}
	good := stream([]arrow.RecordBatch{one})
	for name, raw := range map[string][]byte{
		"nothing": nil, "two rows": stream([]arrow.RecordBatch{two}), "no rows": stream([]arrow.RecordBatch{none}),
		"two batches": stream([]arrow.RecordBatch{one, one}), "a dictionary": stream([]arrow.RecordBatch{dict}),
		"compressed":    stream([]arrow.RecordBatch{one}, ipc.WithLZ4()),
		"bytes behind":  append(bytes.Clone(good), 0),
		"without batch": good[:len(stream([]arrow.RecordBatch{none}))/2],
		"too large":     make([]byte, codec.MaxRow+1),
	} {
		if b, err := codec.DecodeRow(raw, mem); err == nil || fault.Of(err) != fault.Lost {
			t.Errorf("%s: %v, %v", name, b, err)
		}
	}
	for i := range good {
		if b, err := codec.DecodeRow(good[:i], mem); err == nil || fault.Of(err) != fault.Lost {
			t.Fatalf("%d of %d bytes: %v, %v", i, len(good), b, err)
		}
	}
}

// FuzzDecodeRow holds decoding to what the package says: no byte is trusted, nothing
// panics, all memory is given back, and what comes out can be looked at.
func FuzzDecodeRow(f *testing.F) {
	for _, text := range []string{"[" + full + "]", "[{}]", `[{"s":"","l":[],"m":[],"st":{"y":[]}}]`} {
		f.Add(encoded(f, text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		b, err := codec.DecodeRow(raw, mem)
		if err != nil {
			if fault.Of(err) != fault.Lost {
				t.Fatal(err)
			}
			return
		}
		defer b.Release()
		for _, c := range b.Columns() {
			_ = c.ValueStr(0)
			got := kernel.Take(mem, c, []int32{0, 0})
			_ = got.ValueStr(1)
			got.Release()
		}
	})
}
