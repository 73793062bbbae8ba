package parquet

import (
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// TestRoundTrip proves that whatever is written is read: any types, nulls,
// offset slices, dictionaries that change from batch to batch, row groups and
// frames of any size, and every compression.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	file := 0
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		schema, options := drawSchema(rt), drawOptions(rt)
		var batches []arrow.RecordBatch
		var want []row
		for range rapid.IntRange(0, 4).Draw(rt, "batches") {
			b := drawBatch(rt, mem, schema)
			defer b.Release()
			batches = append(batches, b)
			want = append(want, rowsOf(b)...)
		}
		file++
		path := saveBytes(t, filepath.Join(dir, fmt.Sprint(file)+".parquet"), encode(t, schema, options, batches...))
		s, err := openSource(t.Context(), rdd.Options{"path": path}, connectors.Env{})
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		got, err := readAll(s, mem, rapid.SampledFrom([]int{1, 7, 64, 1000, 1 << 14}).Draw(rt, "frame"))
		if err != nil {
			rt.Fatal(err)
		}
		compareRows(rt, got, want)
	})
}

func compareRows(t interface{ Fatalf(string, ...any) }, got, want []row) {
	if len(got) != len(want) {
		t.Fatalf("read %d rows of %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("row %d is %v, not %v", i, got[i], want[i])
		}
	}
}

func drawOptions(t *rapid.T) WriterOptions {
	return WriterOptions{
		Compression:  rapid.SampledFrom([]string{"", "snappy", "zstd", "gzip", "none"}).Draw(t, "compression"),
		RowGroupRows: rapid.SampledFrom([]int{0, 1, 10, 64, 999}).Draw(t, "group rows"),
	}
}

func drawSchema(t *rapid.T) *arrow.Schema {
	types := []arrow.DataType{
		arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64,
		arrow.BinaryTypes.String, dictType(), timestampType(), arrow.FixedWidthTypes.Date32,
		&arrow.Decimal128Type{Precision: 9, Scale: 2}, &arrow.Decimal128Type{Precision: 18, Scale: 18}, &arrow.Decimal128Type{Precision: 38},
		arrow.FixedWidthTypes.Duration_us, arrow.BinaryTypes.Binary,
	}
	point := arrow.StructOf(arrow.Field{Name: "x", Type: types[1], Nullable: true}, arrow.Field{Name: "d", Type: types[7], Nullable: true})
	types = append(types, point, arrow.ListOf(types[3]), arrow.ListOf(arrow.ListOf(types[0])), arrow.MapOf(types[3], types[10]),
		arrow.ListOf(point), arrow.MapOf(types[6], arrow.ListOf(point)),
		arrow.StructOf(arrow.Field{Name: "l", Type: arrow.ListOf(types[11]), Nullable: true}, arrow.Field{Name: "p", Type: point, Nullable: true}))
	var fields []arrow.Field
	for i := range rapid.IntRange(1, 5).Draw(t, "columns") {
		fields = append(fields, arrow.Field{
			Name:     fmt.Sprintf("c%d", i),
			Type:     rapid.SampledFrom(types).Draw(t, "type"),
			Nullable: rapid.Bool().Draw(t, "nullable"),
		})
	}
	return arrow.NewSchema(fields, nil)
}

// drawBatch draws a batch, which may be a slice of a larger one. A string
// column comes as a dictionary or plain, whatever the schema says.
func drawBatch(t *rapid.T, mem memory.Allocator, schema *arrow.Schema) arrow.RecordBatch {
	n := rapid.SampledFrom([]int{0, 1, 8, 63, 64, 65, 700}).Draw(t, "rows")
	off := rapid.IntRange(0, 9).Draw(t, "offset")
	fields := make([]arrow.Field, schema.NumFields())
	columns := make([]arrow.Array, len(fields))
	for i, f := range schema.Fields() {
		if id := f.Type.ID(); id == arrow.STRING || id == arrow.DICTIONARY {
			f.Type = rapid.SampledFrom([]arrow.DataType{arrow.BinaryTypes.String, dictType()}).Draw(t, "spelling")
		}
		nulls := 0
		if f.Nullable {
			nulls = rapid.SampledFrom([]int{0, 0, 1, 10}).Draw(t, "nulls")
		}
		b := array.NewBuilder(mem, f.Type)
		seed := rapid.Uint64().Draw(t, "seed")
		for j := range n + off {
			seed = seed*6364136223846793005 + 1442695040888963407
			r := seed >> 20
			if nulls > 0 && int(r>>8%10) < nulls {
				b.AppendNull()
				continue
			}
			appendAny(b, r, j)
		}
		a := b.NewArray()
		b.Release()
		fields[i], columns[i] = f, array.NewSlice(a, int64(off), int64(off+n))
		a.Release()
		defer columns[i].Release()
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, int64(n))
}

// appendAny appends a value that is not null made of a number.
func appendAny(b array.Builder, r uint64, i int) {
	some := func(kid array.Builder, k uint64) {
		r := (r + k + 1) * 6364136223846793005 >> 7
		if r%5 == 0 {
			kid.AppendNull()
			return
		}
		appendAny(kid, r, i)
	}
	switch b := b.(type) {
	case *array.StructBuilder:
		b.Append(true)
		for k := range b.NumField() {
			some(b.FieldBuilder(k), uint64(k))
		}
	case *array.MapBuilder:
		b.Append(true)
		for k := range r % 3 {
			appendAny(b.KeyBuilder(), r>>3+k, i)
			some(b.ItemBuilder(), k)
		}
	case *array.ListBuilder:
		b.Append(true)
		for k := range r % 4 {
			some(b.ValueBuilder(), k)
		}
	case *array.Decimal128Builder:
		v := int64(r % 1_000_000_000)
		if r>>40&1 == 0 {
			v = -v
		}
		b.Append(decimal128.FromI64(v))
	case *array.DurationBuilder:
		b.Append(arrow.Duration(int64(r) - 1<<40))
	case *array.BinaryBuilder:
		b.AppendString([]string{"", "\xff\x00", "abc"}[r%3])
	default:
		appendValue(b, pick(b.Type(), r, i))
	}
}

// pick makes a value of the type out of a number.
func pick(dt arrow.DataType, r uint64, i int) any {
	switch dt.ID() {
	case arrow.BOOL:
		return r%3 == 0
	case arrow.INT64:
		return []int64{0, -1, math.MinInt64, math.MaxInt64, int64(r), int64(i)}[r%6]
	case arrow.FLOAT64:
		return []any{0.0, math.Copysign(0, -1), "NaN", math.Inf(1), math.Inf(-1), float64(r) / 7}[r%6]
	case arrow.TIMESTAMP:
		return arrow.Timestamp(int64(r) - 1<<40)
	case arrow.DATE32:
		return arrow.Date32(int32(r))
	}
	switch r % 4 {
	case 0:
		return ""
	case 1:
		return strings.Repeat("é", int(r%50))
	case 2:
		return fmt.Sprintf("unique-%d-%d", r, i)
	}
	return fmt.Sprintf("v%d", r%5)
}

// TestDictionaryIsShared proves that all frames of a chunk share one values
// array, and that a chunk that turns plain midway yields frames that are wholly
// one or the other.
func TestDictionaryIsShared(t *testing.T) {
	mem := checked(t)
	schema := schemaOf("s", arrow.BinaryTypes.String)
	var rows []row
	for i := range 40_000 { // few values, then unique ones until the dictionary is full
		v := fmt.Sprintf("few-%d", i%10)
		if i > 20_000 {
			v = fmt.Sprintf("many-%d-%s", i, strings.Repeat("x", 200))
		}
		rows = append(rows, row{v})
	}
	path := save(t, filepath.Join(t.TempDir(), "a.parquet"), schema, WriterOptions{}, rows...)
	s := open(t, rdd.Options{"path": path}, connectors.Env{})
	splits, err := cutAll(s, rdd.Size{})
	if err != nil {
		t.Fatal(err)
	}
	var shared arrow.ArrayData
	var kinds []string
	at := 0
	for f, err := range s.Read(t.Context(), splits[0], rdd.Projection{Columns: []string{"s"}, Rows: 5000, Mem: mem}) {
		if err != nil {
			t.Fatal(err)
		}
		a := f.Batch.Column(0)
		kinds = append(kinds, a.DataType().ID().String())
		if d, ok := a.(*array.Dictionary); ok {
			if shared == nil {
				shared = d.Dictionary().Data()
			}
			if d.Dictionary().Data() != shared {
				t.Error("a frame has a dictionary of its own")
			}
		}
		for i := range a.Len() {
			if got := valueAt(a, i); got != rows[at][0] {
				t.Fatalf("row %d is %.20q", at, got)
			}
			at++
		}
	}
	text := strings.Join(kinds, " ")
	if !strings.HasPrefix(text, "DICTIONARY DICTIONARY") || !strings.HasSuffix(text, "STRING") {
		t.Errorf("frames are %s", text)
	}
}

// TestWriterRefuses proves that misuse is an error and no memory is kept.
func TestWriterRefuses(t *testing.T) {
	mem := checked(t)
	i64 := arrow.PrimitiveTypes.Int64
	if _, err := NewWriter(nil, schemaOf("l", arrow.ListOf(arrow.PrimitiveTypes.Int8)), WriterOptions{}); err == nil {
		t.Error("a list of bytes was taken")
	}
	required := arrow.NewSchema([]arrow.Field{{Name: "a", Type: i64}, {Name: "s", Type: dictType()}}, nil)
	w, err := NewWriter(discard{}, required, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	good := batchOf(mem, required, []row{{int64(1), "x"}})
	defer good.Release()
	if err := w.Write(good); err != nil {
		t.Fatal(err)
	}
	bad := batchOf(mem, required, []row{{nil, "x"}})
	defer bad.Release()
	wantInvalid(t, w.Write(bad), `column "a"`, "null")
	if w.Close() == nil {
		t.Error("a broken file was closed as if it were whole")
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
