package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

// open opens a source of lines, closed with the test.
func open(t testing.TB, o rdd.Options, f lines) *Source {
	t.Helper()
	all := rdd.Options{"hive_partitioning": true}
	for k, v := range o {
		all[k] = v
	}
	if p, ok := all["path"].(string); ok {
		all["path"] = []string{p}
	}
	s, err := NewSource("text", all, Env{}, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// cutAll cuts a source to its end.
func cutAll(s *Source, wish rdd.Size) ([]rdd.Split, error) {
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
		if len(splits) == 0 {
			return all, errors.New("an empty cut before the end")
		}
		from = next
	}
}

// text is one row that was read: its place and its columns, joined by |.
type text struct {
	partition int32
	seq       int64
	row       string
}

// readSplit reads the rows of a split; rows that could not be parsed begin with !.
func readSplit(s *Source, split rdd.Split, want rdd.Projection) ([]text, error) {
	var out []text
	for f, err := range s.Read(context.Background(), split, want) {
		if err != nil {
			return out, err
		}
		for _, b := range f.Header.Bad {
			out = append(out, text{f.Header.Origin.Partition, b.Seq, "!" + string(b.Raw)})
		}
		for i := range int(f.Batch.NumRows()) {
			var values []string
			for _, c := range f.Batch.Columns() {
				values = append(values, c.ValueStr(i))
			}
			out = append(out, text{f.Header.Origin.Partition, f.Header.Origin.Seq(i), strings.Join(values, "|")})
		}
	}
	return out, nil
}

// readAll reads all rows of a source: the named columns, or all.
func readAll(s *Source, mem memory.Allocator, wish rdd.Size, columns ...string) ([]text, error) {
	schema, err := s.Schema(context.Background())
	if err != nil {
		return nil, err
	}
	if columns == nil {
		for _, f := range schema.Fields() {
			columns = append(columns, f.Name)
		}
	}
	splits, err := cutAll(s, wish)
	if err != nil {
		return nil, err
	}
	var out []text
	for _, split := range splits {
		rows, err := readSplit(s, split, rdd.Projection{Columns: columns, Rows: 3, Mem: mem})
		if err != nil {
			return out, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

func rowsOf(texts []text) []string {
	out := make([]string, len(texts))
	for i := range texts {
		out[i] = texts[i].row
	}
	return out
}

func wantRows(t *testing.T, got []text, want ...string) {
	t.Helper()
	if g, w := strings.Join(rowsOf(got), "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("read\n%s\nwant\n%s", g, w)
	}
}

func save(t testing.TB, path, content string) string {
	t.Helper()
	return saveBytes(t, path, []byte(content))
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

// batchOf makes a batch of one column of numbers.
func batchOf(mem memory.Allocator, values []int64) arrow.RecordBatch {
	b := array.NewRecordBuilder(mem, numbers())
	defer b.Release()
	b.Field(0).(*array.Int64Builder).AppendValues(values, nil)
	return b.NewRecordBatch()
}

func numbers() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil)
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

var _ = fmt.Sprint
