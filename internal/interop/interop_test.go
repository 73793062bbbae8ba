package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/idag/idag/connectors"
	ours "github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/rdd"
	"github.com/xitongsys/parquet-go-source/local"
	xparquet "github.com/xitongsys/parquet-go/parquet"
	xreader "github.com/xitongsys/parquet-go/reader"
	xwriter "github.com/xitongsys/parquet-go/writer"
)

const rows = 5000

// valuesOf are the values of a row of the test data, by column; nil is null.
func valuesOf(i int) []any {
	v := []any{int64(i) * 7, float64(i) / 3, fmt.Sprintf("few-%d", i%13), fmt.Sprintf("unique-%d", i), i%3 == 0,
		arrow.Timestamp(int64(i) * 1e6)}
	if i%11 == 0 {
		v[i/11%len(v)] = nil
	}
	return v
}

func testSchema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "few", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "unique", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "t", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, Nullable: true},
	}, nil)
}

func testBatch(mem memory.Allocator) arrow.RecordBatch {
	b := array.NewRecordBuilder(mem, testSchema())
	defer b.Release()
	for i := range rows {
		for c, v := range valuesOf(i) {
			switch v := v.(type) {
			case nil:
				b.Field(c).AppendNull()
			case int64:
				b.Field(c).(*array.Int64Builder).Append(v)
			case float64:
				b.Field(c).(*array.Float64Builder).Append(v)
			case string:
				b.Field(c).(*array.StringBuilder).Append(v)
			case bool:
				b.Field(c).(*array.BooleanBuilder).Append(v)
			case arrow.Timestamp:
				b.Field(c).(*array.TimestampBuilder).Append(v)
			}
		}
	}
	return b.NewRecordBatch()
}

func valueAt(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Int64:
		return a.Value(i)
	case *array.Float64:
		return a.Value(i)
	case *array.String:
		return a.Value(i)
	case *array.Boolean:
		return a.Value(i)
	case *array.Timestamp:
		return a.Value(i)
	case *array.Dictionary:
		return valueAt(a.Dictionary(), a.GetValueIndex(i))
	}
	panic(fmt.Sprint("no values of ", a.DataType()))
}

// checkOurs reads a file with our source and compares every value with want.
func checkOurs(t *testing.T, path string, want func(i int) []any) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
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
	var names []string
	for _, f := range schema.Fields() {
		names = append(names, f.Name)
	}
	splits, _, err := src.Cut(ctx, "", rdd.Size{})
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	at := 0
	for _, s := range splits {
		for f, err := range src.Read(ctx, s, rdd.Projection{Columns: names, Rows: 777, Mem: mem}) {
			if err != nil {
				t.Fatal(err)
			}
			for i := range int(f.Batch.NumRows()) {
				var got []any
				for _, c := range f.Batch.Columns() {
					got = append(got, valueAt(c, i))
				}
				if w := want(at); !reflect.DeepEqual(got, w) {
					t.Fatalf("row %d is %v, not %v", at, got, w)
				}
				at++
			}
		}
	}
	if at != rows {
		t.Fatalf("read %d rows of %d", at, rows)
	}
}

// TestReadArrow proves that what Arrow writes is read right: both versions of
// pages, dictionaries on and off, every codec, several row groups, checksums.
func TestReadArrow(t *testing.T) {
	codecs := []compress.Compression{compress.Codecs.Uncompressed, compress.Codecs.Snappy, compress.Codecs.Gzip,
		compress.Codecs.Brotli, compress.Codecs.Zstd, compress.Codecs.Lz4Raw}
	batch := testBatch(memory.DefaultAllocator)
	defer batch.Release()
	for _, codec := range codecs {
		for _, version := range []parquet.DataPageVersion{parquet.DataPageV1, parquet.DataPageV2} {
			for _, dict := range []bool{true, false} {
				t.Run(fmt.Sprintf("%v/%v/%v", codec, version, dict), func(t *testing.T) {
					path := filepath.Join(t.TempDir(), "arrow.parquet")
					f, err := os.Create(path)
					if err != nil {
						t.Fatal(err)
					}
					w, err := pqarrow.NewFileWriter(testSchema(), f, parquet.NewWriterProperties(
						parquet.WithCompression(codec), parquet.WithDataPageVersion(version), parquet.WithDictionaryDefault(dict),
						parquet.WithMaxRowGroupLength(1900), parquet.WithDataPageSize(3000), parquet.WithStats(true)),
						pqarrow.DefaultWriterProps())
					if err != nil {
						t.Fatal(err)
					}
					if err := errors.Join(w.Write(batch), w.Close()); err != nil {
						t.Fatal(err)
					}
					checkOurs(t, path, valuesOf)
				})
			}
		}
	}
}

// saveOurs writes the test data with our writer.
func saveOurs(t *testing.T, o ours.WriterOptions) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ours.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := ours.NewWriter(f, testSchema(), o)
	if err != nil {
		t.Fatal(err)
	}
	batch := testBatch(memory.DefaultAllocator)
	defer batch.Release()
	if err := errors.Join(w.Write(batch), w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func writerOptions() []ours.WriterOptions {
	return []ours.WriterOptions{{}, {RowGroupRows: 1024}, {Compression: "zstd"}, {Compression: "gzip"}, {Compression: "none"}}
}

// TestArrowReads proves that Arrow reads what our writer writes, by its values
// and by its statistics.
func TestArrowReads(t *testing.T) {
	for _, o := range writerOptions() {
		path := saveOurs(t, o)
		f, err := file.OpenParquetFile(path, false)
		if err != nil {
			t.Fatal(err)
		}
		r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 1000}, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		table, err := r.ReadTable(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		tr := array.NewTableReader(table, 500)
		at := 0
		for tr.Next() {
			b := tr.RecordBatch()
			for i := range int(b.NumRows()) {
				var got []any
				for _, c := range b.Columns() {
					got = append(got, valueAt(c, i))
				}
				if w := valuesOf(at); !reflect.DeepEqual(got, w) {
					t.Fatalf("%+v: row %d is %v, not %v", o, at, got, w)
				}
				at++
			}
		}
		tr.Release()
		table.Release()
		if at != rows {
			t.Errorf("%+v: %d rows", o, at)
		}
		checkStatistics(t, f)
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// checkStatistics compares the statistics of the columns i and f, as Arrow
// reads them, with the values of each row group.
func checkStatistics(t *testing.T, f *file.Reader) {
	t.Helper()
	at := 0
	for g := range f.NumRowGroups() {
		meta := f.MetaData().RowGroup(g)
		n := int(meta.NumRows())
		for c := range 2 {
			chunk, err := meta.ColumnChunk(c)
			if err != nil {
				t.Fatal(err)
			}
			stats, err := chunk.Statistics()
			if err != nil || stats == nil || !stats.HasMinMax() {
				t.Fatalf("row group %d, column %d has no statistics: %v", g, c, err)
			}
			lo, hi, nulls := math.Inf(1), math.Inf(-1), int64(0)
			for i := at; i < at+n; i++ {
				switch v := valuesOf(i)[c].(type) {
				case nil:
					nulls++
				case int64:
					lo, hi = min(lo, float64(v)), max(hi, float64(v))
				case float64:
					lo, hi = min(lo, v), max(hi, v)
				}
			}
			var gotLo, gotHi float64
			switch s := stats.(type) {
			case interface {
				Min() int64
				Max() int64
			}:
				gotLo, gotHi = float64(s.Min()), float64(s.Max())
			case interface {
				Min() float64
				Max() float64
			}:
				gotLo, gotHi = s.Min(), s.Max()
			}
			if gotLo != lo && !(lo == 0 && gotLo == 0) || gotHi != hi || stats.NullCount() != nulls {
				t.Errorf("row group %d, column %d: [%v %v] with %d nulls, not [%v %v] with %d", g, c, gotLo, gotHi, stats.NullCount(), lo, hi, nulls)
			}
		}
		at += n
	}
}

// xrow is the test data as users of xitongsys/parquet-go declare it.
type xrow struct {
	I      *int64   `parquet:"name=i, type=INT64, repetitiontype=OPTIONAL"`
	F      *float64 `parquet:"name=f, type=DOUBLE, repetitiontype=OPTIONAL"`
	Few    *string  `parquet:"name=few, type=BYTE_ARRAY, convertedtype=UTF8, encoding=PLAIN_DICTIONARY, repetitiontype=OPTIONAL"`
	Unique *string  `parquet:"name=unique, type=BYTE_ARRAY, convertedtype=UTF8, repetitiontype=OPTIONAL"`
	B      *bool    `parquet:"name=b, type=BOOLEAN, repetitiontype=OPTIONAL"`
	T      *int64   `parquet:"name=t, type=INT64, convertedtype=TIMESTAMP_MICROS, repetitiontype=OPTIONAL"`
}

func pointer[T any](v any) *T {
	if v == nil {
		return nil
	}
	t := v.(T)
	return &t
}

func xrowOf(i int) xrow {
	v := valuesOf(i)
	r := xrow{I: pointer[int64](v[0]), F: pointer[float64](v[1]), Few: pointer[string](v[2]), Unique: pointer[string](v[3]), B: pointer[bool](v[4])}
	if v[5] != nil {
		us := int64(v[5].(arrow.Timestamp))
		r.T = &us
	}
	return r
}

// TestReadXitongsys proves that data sets written by xitongsys/parquet-go are
// replayed right.
func TestReadXitongsys(t *testing.T) {
	for _, codec := range []xparquet.CompressionCodec{xparquet.CompressionCodec_UNCOMPRESSED, xparquet.CompressionCodec_SNAPPY,
		xparquet.CompressionCodec_GZIP, xparquet.CompressionCodec_ZSTD} {
		path := filepath.Join(t.TempDir(), "x.parquet")
		f, err := local.NewLocalFileWriter(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := xwriter.NewParquetWriter(f, new(xrow), 1)
		if err != nil {
			t.Fatal(err)
		}
		w.CompressionType, w.RowGroupSize, w.PageSize = codec, 64<<10, 4<<10
		for i := range rows {
			if err := w.Write(xrowOf(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.WriteStop(), f.Close()); err != nil {
			t.Fatal(err)
		}
		t.Run(codec.String(), func(t *testing.T) { checkOurs(t, path, valuesOf) })
	}
}

// TestXitongsysReads proves that xitongsys/parquet-go reads what our writer
// writes.
func TestXitongsysReads(t *testing.T) {
	for _, o := range writerOptions() {
		f, err := local.NewLocalFileReader(saveOurs(t, o))
		if err != nil {
			t.Fatal(err)
		}
		r, err := xreader.NewParquetReader(f, new(xrow), 1)
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		if r.GetNumRows() != rows {
			t.Errorf("%+v: %d rows", o, r.GetNumRows())
		}
		got := make([]xrow, rows)
		if err := r.Read(&got); err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		r.ReadStop()
		_ = f.Close()
		if len(got) != rows {
			t.Fatalf("%+v: read %d rows", o, len(got))
		}
		for i := range got {
			if !reflect.DeepEqual(got[i], xrowOf(i)) {
				t.Fatalf("%+v: row %d differs", o, i)
			}
		}
	}
}
