package parquet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel/spell"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// row is the values of one row, as Go values; nil is null.
type row []any

// checked returns an allocator that must be empty when the test ends.
func checked(t testing.TB) *memory.CheckedAllocator {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() {
		mem.AssertSize(t.(interface {
			Errorf(string, ...any)
			Helper()
		}), 0)
	})
	return mem
}

// valueAt returns the value of row i.
func valueAt(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Int64:
		return a.Value(i)
	case *array.Float64:
		if v := a.Value(i); !math.IsNaN(v) {
			return v
		}
		return "NaN"
	case *array.Timestamp:
		return a.Value(i)
	case *array.Date32:
		return a.Value(i)
	case *array.String:
		return strings.Clone(a.Value(i))
	case *array.Dictionary:
		return valueAt(a.Dictionary(), a.GetValueIndex(i))
	}
	return string(spell.JSON(nil, a, i))
}

func rowsOf(b arrow.RecordBatch) []row {
	out := make([]row, b.NumRows())
	for i := range out {
		for _, c := range b.Columns() {
			out[i] = append(out[i], valueAt(c, i))
		}
	}
	return out
}

// open opens a source, closed with the test.
func open(t testing.TB, o rdd.Options, env connectors.Env) *source {
	t.Helper()
	s, err := openSource(context.Background(), o, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// cutAll cuts a source to its end.
func cutAll(s *source, wish rdd.Size) ([]rdd.Split, error) {
	var all []rdd.Split
	from := rdd.Offset("")
	for {
		splits, next, err := s.Cut(context.Background(), from, wish)
		all = append(all, splits...)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		from = next
	}
}

// readAll reads all rows of a source: the named columns, or all.
func readAll(s *source, mem memory.Allocator, frame int, columns ...string) ([]row, error) {
	schema, err := s.Schema(context.Background())
	if err != nil {
		return nil, err
	}
	if columns == nil {
		for _, f := range schema.Fields() {
			columns = append(columns, f.Name)
		}
	}
	splits, err := cutAll(s, rdd.Size{})
	if err != nil {
		return nil, err
	}
	var out []row
	for _, split := range splits {
		rows, err := readSplit(s, split, rdd.Projection{Columns: columns, Rows: frame, Mem: mem})
		if err != nil {
			return out, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

func readSplit(s *source, split rdd.Split, want rdd.Projection) ([]row, error) {
	var out []row
	for f, err := range s.Read(context.Background(), split, want) {
		if err != nil {
			return out, err
		}
		if f.Header.Origin.First != split.First+int64(len(out)) {
			return out, fmt.Errorf("frame starts at %d after %d rows from %d", f.Header.Origin.First, len(out), split.First)
		}
		out = append(out, rowsOf(f.Batch)...)
	}
	if int64(len(out)) != split.Rows {
		return out, fmt.Errorf("split of %d rows has %d", split.Rows, len(out))
	}
	return out, nil
}

// batchOf makes a batch of rows of the given types.
func batchOf(mem memory.Allocator, schema *arrow.Schema, rows []row) arrow.RecordBatch {
	b := array.NewRecordBuilder(mem, schema)
	defer b.Release()
	for _, r := range rows {
		for i, v := range r {
			appendValue(b.Field(i), v)
		}
	}
	return b.NewRecordBatch()
}

func appendValue(b array.Builder, v any) {
	if v == nil {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(v.(bool))
	case *array.Int64Builder:
		b.Append(v.(int64))
	case *array.Float64Builder:
		if v == "NaN" {
			v = math.NaN()
		}
		b.Append(v.(float64))
	case *array.TimestampBuilder:
		b.Append(v.(arrow.Timestamp))
	case *array.Date32Builder:
		b.Append(v.(arrow.Date32))
	case *array.StringBuilder:
		b.Append(v.(string))
	case *array.BinaryDictionaryBuilder:
		if err := b.AppendString(v.(string)); err != nil {
			panic(err)
		}
	}
}

// encode writes batches as a file.
func encode(t testing.TB, schema *arrow.Schema, o WriterOptions, batches ...arrow.RecordBatch) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, schema, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// save writes rows as a file, in directories that it makes.
func save(t testing.TB, path string, schema *arrow.Schema, o WriterOptions, rows ...row) string {
	t.Helper()
	b := batchOf(memory.DefaultAllocator, schema, rows)
	defer b.Release()
	return saveBytes(t, path, encode(t, schema, o, b))
}

func saveBytes(t testing.TB, path string, b []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// schemaOf makes a schema of nullable fields from name, type pairs.
func schemaOf(pairs ...any) *arrow.Schema {
	var fields []arrow.Field
	for i := 0; i < len(pairs); i += 2 {
		fields = append(fields, arrow.Field{Name: pairs[i].(string), Type: pairs[i+1].(arrow.DataType), Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

func dictType() arrow.DataType {
	return &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
}

// wantInvalid checks that err is the author's mistake and says all of words.
func wantInvalid(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if fault.Of(err) != fault.Invalid {
		t.Errorf("%v is %s", err, fault.Of(err))
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

func readBytes(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
