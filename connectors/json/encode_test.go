package json

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// drawType draws a type of the engine.
func drawType(t *rapid.T, depth int) arrow.DataType {
	most := 12
	if depth == 0 {
		most = 8
	}
	switch rapid.IntRange(0, most).Draw(t, "type") {
	case 0:
		return arrow.FixedWidthTypes.Boolean
	case 1:
		return arrow.PrimitiveTypes.Float64
	case 2:
		return arrow.BinaryTypes.String
	case 3:
		return arrow.BinaryTypes.Binary
	case 4:
		return arrow.FixedWidthTypes.Timestamp_us
	case 5:
		return arrow.FixedWidthTypes.Date32
	case 6:
		return arrow.FixedWidthTypes.Duration_us
	case 7:
		p := rapid.Int32Range(1, 38).Draw(t, "precision")
		return &arrow.Decimal128Type{Precision: p, Scale: rapid.Int32Range(0, p).Draw(t, "scale")}
	case 9, 10:
		return arrow.ListOf(drawType(t, depth-1))
	case 11:
		return arrow.MapOf(drawType(t, 0), drawType(t, depth-1))
	case 12:
		var fields []arrow.Field
		for i := range rapid.IntRange(1, 3).Draw(t, "fields") {
			fields = append(fields, arrow.Field{Name: drawName(t, i), Type: drawType(t, depth-1), Nullable: true})
		}
		return arrow.StructOf(fields...)
	}
	return arrow.PrimitiveTypes.Int64
}

func drawName(t *rapid.T, i int) string {
	return rapid.SampledFrom([]string{"f", "long_name_of_", `"q\`, "é", "", "a b"}).Draw(t, "name") + string(rune('0'+i))
}

// draw appends a value; one that is a key is not null and differs from others.
func draw(t *rapid.T, b array.Builder, key int) {
	if key < 0 && rapid.IntRange(0, 3).Draw(t, "null") == 0 {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(rapid.Bool().Draw(t, "bool") && key < 0 || key == 1)
	case *array.Int64Builder:
		b.Append(rapid.Int64().Draw(t, "int")>>3<<3 + int64(max(key, 0)))
	case *array.Float64Builder:
		if key >= 0 {
			b.Append(float64(key) + 0.25)
			return
		}
		b.Append(rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 0, 5e-324,
			math.MaxFloat64, 1e15, 1e21, 0.1, 1.0 / 3})).Draw(t, "float"))
	case *array.StringBuilder:
		b.Append(strings.ToValidUTF8(rapid.String().Draw(t, "string"), "?") + strings.Repeat("k", max(key, 0)*40))
		if key > 0 {
			return
		}
	case *array.BinaryBuilder:
		b.Append(append(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"), make([]byte, max(key, 0)*40)...))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(rapid.Int64().Draw(t, "time")>>3<<3 + int64(max(key, 0))))
	case *array.Date32Builder:
		b.Append(arrow.Date32(rapid.Int32().Draw(t, "date")>>3<<3 + int32(max(key, 0))))
	case *array.DurationBuilder:
		b.Append(arrow.Duration(rapid.Int64().Draw(t, "span")>>3<<3 + int64(max(key, 0))))
	case *array.Decimal128Builder:
		drawDecimal(t, b, key)
	default:
		drawNested(t, b)
	}
}

func drawDecimal(t *rapid.T, b *array.Decimal128Builder, key int) {
	if key >= 0 {
		b.Append(decimal128.FromI64(int64(key)))
		return
	}
	dt := b.Type().(*arrow.Decimal128Type)
	n := decimal128.FromU64(rapid.Uint64().Draw(t, "low")).Mul(decimal128.FromU64(rapid.Uint64().Draw(t, "high")))
	for !n.FitsInPrecision(dt.Precision) {
		n, _ = n.Div(decimal128.FromI64(10))
	}
	b.Append(n)
}

func drawNested(t *rapid.T, b array.Builder) {
	switch b := b.(type) {
	case *array.ListBuilder:
		b.Append(true)
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			draw(t, b.ValueBuilder(), -1)
		}
	case *array.MapBuilder:
		b.Append(true)
		for i := range rapid.IntRange(0, 2).Draw(t, "length") {
			draw(t, b.KeyBuilder(), i)
			draw(t, b.ItemBuilder(), -1)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			draw(t, b.FieldBuilder(i), -1)
		}
	default:
		t.Fatalf("no values of %T", b)
	}
}

// drawBatch draws some rows, perhaps a slice of more.
func drawBatch(t *rapid.T, mem memory.Allocator) arrow.RecordBatch {
	var fields []arrow.Field
	for i := range rapid.IntRange(1, 4).Draw(t, "columns") {
		fields = append(fields, arrow.Field{Name: drawName(t, i), Type: drawType(t, 3), Nullable: true})
	}
	b := array.NewRecordBuilder(mem, arrow.NewSchema(fields, nil))
	defer b.Release()
	rows := rapid.IntRange(0, 5).Draw(t, "rows")
	for range rows {
		for i := range fields {
			draw(t, b.Field(i), -1)
		}
	}
	whole := b.NewRecordBatch()
	defer whole.Release()
	from := rapid.IntRange(0, rows).Draw(t, "from")
	return whole.NewSlice(int64(from), int64(rows))
}

// What is written reads back as what it was, whatever the types, with nulls
// written and without, packed and not.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		b := drawBatch(t, mem)
		e := encoder{nulls: rapid.Bool().Draw(t, "nulls")}
		text := encode(t, e, b)
		got := readAll(t, newFormat(options(t, nil)), files.Input{R: bytes.NewReader(text)}, b.Schema(), rdd.Projection{})
		if len(got.bad) > 0 {
			t.Fatalf("%v\n%s", got.bad, text)
		}
		if len(got.seqs) != int(b.NumRows()) {
			t.Fatalf("%d rows of %d\n%s", len(got.seqs), b.NumRows(), text)
		}
		for i, seq := range got.seqs {
			if want := rowText(b, i); got.rows[seq] != want {
				t.Fatalf("row %d is\n%s, was\n%s, written as\n%s", i, got.rows[seq], want, text)
			}
		}
		b.Release()
		if n := mem.CurrentAlloc(); n != 0 {
			t.Fatalf("%d bytes were not released", n)
		}
	})
}

func encode(t fataler, e encoder, batches ...arrow.RecordBatch) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := e.Open(&out, "label", batches[0].Schema())
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, b := range batches {
		if err := w.Write(b); err != nil {
			t.Fatalf("%v", err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatalf("%v", err)
	}
	return out.Bytes()
}

// How values are spelled.
func TestSpelling(t *testing.T) {
	for _, c := range []struct{ ddl, line, want string }{
		{"a bigint, b string", `{"b":"x","a":1,"c":0}`, `{"a":1,"b":"x"}`},
		{"a double", `{"a":3}`, `{"a":3.0}`},
		{"a double", `{"a":-0.0}`, `{"a":-0.0}`},
		{"a double", `{"a":1e21}`, `{"a":1e+21}`},
		{"a double", `{"a":1e20}`, `{"a":100000000000000000000.0}`},
		{"a double", `{"a":-Infinity}`, `{"a":"-Infinity"}`},
		{"a double", `{"a":NaN}`, `{"a":"NaN"}`},
		{"a decimal(10,2)", `{"a":-0.5}`, `{"a":-0.50}`},
		{"a timestamp", `{"a":"2026-01-02 03:04:05.10"}`, `{"a":"2026-01-02T03:04:05.1Z"}`},
		{"a date", `{"a":"2026-01-02"}`, `{"a":"2026-01-02"}`},
		{"a interval", `{"a":"PT1H0.5S"}`, `{"a":"PT3600.5S"}`},
		{"a binary", `{"a":"AAEC"}`, `{"a":"AAEC"}`},
		{"a string", `{"a":"<\u0000\"é\\\n>"}`, `{"a":"<\u0000\"é\\\n>"}`},
		{"a map<bigint, boolean>", `{"a":{"1":true,"2":null}}`, `{"a":{"1":true,"2":null}}`},
		{"a struct<b: bigint, c: bigint>", `{"a":{"c":1}}`, `{"a":{"c":1}}`},
		{"a bigint", `{}`, `{}`},
	} {
		f := newFormat(options(t, nil))
		s := schemaOf(t, c.ddl)
		for fr, err := range f.Read(t.Context(), files.Input{R: strings.NewReader(c.line)}, s, rdd.Projection{Columns: names(s)}) {
			if err != nil || fr.Batch == nil {
				t.Fatalf("%s: %v %v", c.line, err, fr.Header.Bad)
			}
			if got := string(encode(t, encoder{}, fr.Batch)); got != c.want+"\n" {
				t.Errorf("%s is written as %s", c.line, got)
			}
		}
	}
	if got := string(appendQuoted(nil, []byte("a\xffb\xe2\x82"))); got != "\"a\uFFFDb\uFFFD\uFFFD\"" {
		t.Errorf("broken UTF-8 is written as %s", got)
	}
	for n := range 40 { // control characters at every place of a word
		s := strings.Repeat("x", n) + "\x1f" + strings.Repeat("y", 40-n)
		if got, want := string(appendQuoted(nil, []byte(s))), fmt.Sprintf(`"%s"`, strings.ReplaceAll(s, "\x1f", `\u001f`)); got != want {
			t.Errorf("%q is written as %s", s, got)
		}
	}
}
