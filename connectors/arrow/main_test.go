package arrow

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
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a source of one path.
func open(t testing.TB, o rdd.Options) connectors.Source {
	t.Helper()
	checked, err := Kind().Check(connectors.Reading, o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Kind().Source(context.Background(), checked, connectors.Env{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// rowsOf reads a whole source and returns a line a row.
func rowsOf(t testing.TB, s connectors.Source, mem memory.Allocator, frame int, columns ...string) (lines []string, splits int, err error) {
	schema, err := s.Schema(t.Context())
	if err != nil {
		return nil, 0, err
	}
	if columns == nil {
		for _, f := range schema.Fields() {
			columns = append(columns, f.Name)
		}
	}
	from := rdd.Offset("")
	for {
		list, next, err := s.Cut(t.Context(), from, rdd.Size{Rows: 10})
		if err != nil && !errors.Is(err, io.EOF) {
			return lines, splits, err
		}
		splits += len(list)
		for _, split := range list {
			got, err := readSplit(t.Context(), s, split, rdd.Projection{Columns: columns, Rows: frame, Mem: mem})
			if err != nil {
				return lines, splits, err
			}
			if int64(len(got)) != split.Rows {
				t.Errorf("%d rows of %d", len(got), split.Rows)
			}
			lines = append(lines, got...)
		}
		if err != nil {
			return lines, splits, nil
		}
		from = next
	}
}

func readSplit(ctx context.Context, s connectors.Source, split rdd.Split, want rdd.Projection) (lines []string, err error) {
	for f, err := range s.Read(ctx, split, want) {
		if err != nil {
			return lines, err
		}
		for i := range int(f.Batch.NumRows()) {
			line := fmt.Sprintf("%d/%d:", f.Header.Origin.Partition, f.Header.Origin.Seq(i))
			for j, c := range f.Batch.Columns() {
				v := "null"
				if !c.IsNull(i) {
					v = c.ValueStr(i)
				}
				line += " " + f.Batch.ColumnName(j) + "=" + v
			}
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// batchOf makes a batch from JSON rows.
func batchOf(t testing.TB, mem memory.Allocator, schema *arrow.Schema, rows string) arrow.RecordBatch {
	t.Helper()
	b, _, err := array.RecordFromJSON(mem, schema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// write writes batches into a file of a temporary directory.
func write(t testing.TB, form string, batches []arrow.RecordBatch, opts ...ipc.Option) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a."+form)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	opts = append(opts, ipc.WithSchema(batches[0].Schema()))
	var w interface {
		Write(arrow.RecordBatch) error
		Close() error
	} = ipc.NewWriter(f, opts...)
	if form == "file" {
		if w, err = ipc.NewFileWriter(f, opts...); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range batches {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}
