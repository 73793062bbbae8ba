package interop

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/idag/idag/connectors"
	ours "github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/rdd"
	local "github.com/xitongsys/parquet-go-source/local"
	xwriter "github.com/xitongsys/parquet-go/writer"
)

// nestedSchema is of everything that has parts, and of further flat types.
func nestedSchema() *arrow.Schema {
	f := func(name string, dt arrow.DataType) arrow.Field {
		return arrow.Field{Name: name, Type: dt, Nullable: true}
	}
	i64, str := arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String
	point := arrow.StructOf(f("x", arrow.PrimitiveTypes.Float64), f("tags", arrow.ListOf(str)))
	return arrow.NewSchema([]arrow.Field{
		f("id", i64), f("d9", &arrow.Decimal128Type{Precision: 9, Scale: 2}), f("d18", &arrow.Decimal128Type{Precision: 18, Scale: 3}),
		f("d38", &arrow.Decimal128Type{Precision: 38, Scale: 10}), f("raw", arrow.BinaryTypes.Binary), f("point", point), f("many", arrow.ListOf(point)),
		f("lists", arrow.ListOf(arrow.ListOf(i64))), f("map", arrow.MapOf(str, arrow.ListOf(i64))),
	}, nil)
}

// nestedRows are rows as Arrow's JSON.
func nestedRows(n int) string {
	var b strings.Builder
	b.WriteByte('[')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, `{"id":%d,"d9":"%d.25","d18":"-0.00%d","d38":"12345678901234567890.%d","raw":"/wA=","point":{"x":1.5,"tags":["a",null,"b%d"]},
				"many":[{"x":null,"tags":[]},null,{"x":%d,"tags":null}],"lists":[[1,null],[],null,[%d]],"map":[{"key":"k","value":[1]},{"key":"l","value":null}]}`, i, i, i%10, i, i, i, i)
		case 1:
			fmt.Fprintf(&b, `{"id":null,"d9":null,"d18":null,"d38":null,"raw":null,"point":null,"many":null,"lists":null,"map":null}`)
		case 2:
			fmt.Fprintf(&b, `{"id":%d,"d9":"0","d18":"0","d38":"-1","raw":"","point":{"x":null,"tags":null},"many":[],"lists":[],"map":[]}`, i)
		default:
			fmt.Fprintf(&b, `{"id":%d,"d9":"-9.99","d18":"1","d38":"1","raw":"YQ==","point":{"x":2,"tags":["%s"]},"many":[{"x":1,"tags":["z"]}],"lists":[[]],"map":[{"key":"","value":[]}]}`, i, strings.Repeat("é", i%50))
		}
	}
	b.WriteByte(']')
	return b.String()
}

func nestedBatch(t *testing.T, mem memory.Allocator, n int) arrow.RecordBatch {
	t.Helper()
	b, _, err := array.RecordFromJSON(mem, nestedSchema(), strings.NewReader(nestedRows(n)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readNested reads all rows of a file as one JSON text a row.
func readNested(t *testing.T, path string) []string {
	t.Helper()
	ctx := context.Background()
	src, err := ours.Kind().Source(ctx, rdd.Options{"path": path}, connectors.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	schema, err := src.Schema(ctx)
	if err != nil {
		t.Fatal(err)
	}
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	want := rdd.Projection{Rows: 777, Mem: mem}
	for _, f := range schema.Fields() {
		want.Columns = append(want.Columns, f.Name)
	}
	splits, _, _ := src.Cut(ctx, "", rdd.Size{})
	var out []string
	for _, s := range splits {
		for f, err := range src.Read(ctx, s, want) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, texts(f.Batch.Columns())...)
		}
	}
	return out
}

func texts(cols []arrow.Array) []string {
	out := make([]string, cols[0].Len())
	for i := range out {
		for _, c := range cols {
			out[i] += c.ValueStr(i) + "; "
		}
	}
	return out
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("row %d is\n%s, want\n%s", i, got[i], want[i])
		}
	}
}

// TestNestedOfArrow: what Arrow's writer writes we read, in pages of both
// versions.
func TestNestedOfArrow(t *testing.T) {
	batch := nestedBatch(t, memory.DefaultAllocator, 3000)
	defer batch.Release()
	for _, version := range []parquet.DataPageVersion{parquet.DataPageV1, parquet.DataPageV2} {
		for _, dict := range []bool{false, true} {
			path := filepath.Join(t.TempDir(), "arrow.parquet")
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			w, err := pqarrow.NewFileWriter(nestedSchema(), f, parquet.NewWriterProperties(parquet.WithDataPageVersion(version),
				parquet.WithDictionaryDefault(dict), parquet.WithDataPageSize(2000), parquet.WithMaxRowGroupLength(1000)), pqarrow.DefaultWriterProps())
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(batch); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			same(t, readNested(t, path), texts(batch.Columns()))
		}
	}
}

// TestArrowReadsNested: what we write Arrow's reader reads, and so do we.
func TestArrowReadsNested(t *testing.T) {
	batch := nestedBatch(t, memory.DefaultAllocator, 3000)
	defer batch.Release()
	var b bytes.Buffer
	w, err := ours.NewWriter(&b, nestedSchema(), ours.WriterOptions{RowGroupRows: 1100})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(batch); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ours.parquet")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	same(t, readNested(t, path), texts(batch.Columns()))
	r, err := file.NewParquetReader(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	fr, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{BatchSize: 500}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := fr.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	got := make([]string, batch.NumRows())
	for c := range int(table.NumCols()) {
		at := 0
		for _, chunk := range table.Column(c).Data().Chunks() {
			for i := range chunk.Len() {
				got[at] += chunk.ValueStr(i) + "; "
				at++
			}
		}
	}
	same(t, got, texts(batch.Columns()))
}

// oldRow is as xitongsys/parquet-go writes it.
type oldRow struct {
	ID   int64            `parquet:"name=id, type=INT64"`
	List []int32          `parquet:"name=list, type=LIST, valuetype=INT32"`
	Rep  []int32          `parquet:"name=rep, type=INT32, repetitiontype=REPEATED"`
	Map  map[string]int32 `parquet:"name=map, type=MAP, keytype=BYTE_ARRAY, keyconvertedtype=UTF8, valuetype=INT32"`
	Dec  string           `parquet:"name=dec, type=FIXED_LEN_BYTE_ARRAY, convertedtype=DECIMAL, scale=2, precision=20, length=12"`
	Ms   int32            `parquet:"name=ms, type=INT32, convertedtype=TIME_MILLIS"`
}

// TestNestedOfXitongsys: what xitongsys/parquet-go writes we read.
func TestNestedOfXitongsys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.parquet")
	f, err := local.NewLocalFileWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := xwriter.NewParquetWriter(f, new(oldRow), 1)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 500 {
		r := oldRow{ID: int64(i), Map: map[string]int32{}, Dec: string([]byte{11: byte(i % 100)}), Ms: int32(i)}
		list, entry := []string{}, ""
		for k := range i % 4 {
			r.List, r.Rep = append(r.List, int32(k)), append(r.Rep, int32(k))
			list = append(list, fmt.Sprint(k))
		}
		if i%2 == 0 {
			r.Map["k"] = int32(i)
			entry = fmt.Sprintf(`{"key":"k","value":%d}`, i)
		}
		text := "[" + strings.Join(list, ",") + "]"
		dec := fmt.Sprintf("%d.%02d", i%100/100, i%100)
		want = append(want, fmt.Sprintf("%d; %s; %s; [%s]; %s; %dus; ", i, text, text, entry, strings.TrimSuffix(strings.TrimRight(dec, "0"), "."), i*1000))
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.WriteStop(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, readNested(t, path), want)
}
