package interop

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/idag/idag/connectors"
	ours "github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/rdd"
	"github.com/xitongsys/parquet-go-source/local"
	xparquet "github.com/xitongsys/parquet-go/parquet"
	xwriter "github.com/xitongsys/parquet-go/writer"
)

// halfDone writes the test data with a done-list, and returns the footer's keys as
// other tools see them.
func halfDone(t *testing.T, path string) metadata.KeyValueMetadata {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := ours.NewWriter(f, testSchema(), ours.WriterOptions{Metadata: map[string]string{"idag.label": "error"}})
	if err != nil {
		t.Fatal(err)
	}
	batch := testBatch(memory.DefaultAllocator)
	defer batch.Release()
	if err := errors.Join(w.Done([]string{"tag:1", "map:2"}), w.Write(batch), w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	keys := r.MetaData().KeyValueMetadata()
	if keys.FindValue("idag.done") == nil || keys.FindValue("idag.label") == nil {
		t.Fatal("the keys are not there: the test shows nothing")
	}
	return keys
}

// copyByXitongsys writes n rows, the first of them with number from, under keys.
func copyByXitongsys(t *testing.T, path string, from, n int, keys metadata.KeyValueMetadata) {
	t.Helper()
	f, err := local.NewLocalFileWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := xwriter.NewParquetWriter(f, new(xrow), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys.Keys() {
		w.Footer.KeyValueMetadata = append(w.Footer.KeyValueMetadata, &xparquet.KeyValue{Key: key, Value: keys.FindValue(key)})
	}
	for i := from; i < from+n; i++ {
		if err := w.Write(xrowOf(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.WriteStop(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// copyByArrow writes the rows of the test data under keys.
func copyByArrow(t *testing.T, path string, keys metadata.KeyValueMetadata) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(testSchema(), f, parquet.NewWriterProperties(parquet.WithStats(true)), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys.Keys() {
		if err := w.AppendKeyValueMetadata(key, *keys.FindValue(key)); err != nil {
			t.Fatal(err)
		}
	}
	batch := testBatch(memory.DefaultAllocator)
	defer batch.Release()
	if err := errors.Join(w.Write(batch), w.Close()); err != nil {
		t.Fatal(err)
	}
}

// entered reads a file as a job does that wants to enter wherever it may, and
// returns its rows, whether it was asked, and what the frames say of the header.
func entered(t *testing.T, path string) (got [][]any, asked, done bool, unbound string) {
	t.Helper()
	ctx := context.Background()
	src, err := ours.Kind().Source(ctx, rdd.Options{"path": path}, connectors.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	splits, _, err := src.Cut(ctx, "", rdd.Size{})
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	names := []string{"i", "f", "few", "unique", "b", "t"}
	want := rdd.Projection{Columns: names, Bounds: names, Mem: memory.DefaultAllocator, Enter: func(*rdd.Header) []string {
		asked = true
		return names
	}}
	for _, s := range splits {
		for f, err := range src.Read(ctx, s, want) {
			if err != nil {
				t.Fatal(err)
			}
			done, unbound = done || f.Header.Done != nil, f.Header.Unbound
			for i := range int(f.Batch.NumRows()) {
				var row []any
				for _, c := range f.Batch.Columns() {
					row = append(row, valueAt(c, i))
				}
				got = append(got, row)
			}
		}
	}
	return got, asked, done, unbound
}

// TestCopiedKeys proves that the header of other rows is not believed, whoever copied
// it: xitongsys/parquet-go or Arrow, onto as many rows, more, fewer, or the very same
// ones. The rows are those of the file without it.
func TestCopiedKeys(t *testing.T) {
	dir := t.TempDir()
	keys := halfDone(t, filepath.Join(dir, "ours.parquet"))
	if _, asked, done, unbound := entered(t, filepath.Join(dir, "ours.parquet")); !asked || !done || unbound != "" {
		t.Fatalf("asked %v, done %v, unbound %q: the test shows nothing", asked, done, unbound)
	}
	for name, c := range map[string]struct{ from, n int }{
		"other rows": {7, rows}, "more": {0, rows + 1}, "fewer": {0, rows - 1}, "the same": {0, rows}, "by Arrow": {0, rows},
	} {
		path := filepath.Join(t.TempDir(), "copy.parquet")
		if name == "by Arrow" {
			copyByArrow(t, path, keys)
		} else {
			copyByXitongsys(t, path, c.from, c.n, keys)
		}
		got, asked, done, unbound := entered(t, path)
		if asked || done || unbound == "" {
			t.Errorf("%s: asked %v, done %v, unbound %q", name, asked, done, unbound)
		}
		if len(got) != c.n {
			t.Fatalf("%s: %d rows of %d", name, len(got), c.n)
		}
		for i, row := range got {
			if want := valuesOf(c.from + i); !reflect.DeepEqual(row, want) {
				t.Fatalf("%s: row %d is %v, not %v", name, i, row, want)
			}
		}
	}
}

// TestVerifyOthers proves that nothing is found wrong with what others write, but for
// a header that they copied, and for the nulls that xitongsys/parquet-go counts wrong:
// its counts are not believed by readers either.
func TestVerifyOthers(t *testing.T) {
	dir := t.TempDir()
	keys := halfDone(t, filepath.Join(dir, "ours.parquet"))
	copyByXitongsys(t, filepath.Join(dir, "x.parquet"), 0, rows, nil)
	copyByArrow(t, filepath.Join(dir, "arrow.parquet"), nil)
	copyByArrow(t, filepath.Join(dir, "copy.parquet"), keys)
	lies := map[string]int{}
	if err := ours.Verify(context.Background(), []string{dir}, "", func(l ours.Lie) {
		if name := filepath.Base(l.Path); name != "x.parquet" {
			lies[name]++
		} else if !strings.Contains(l.What, "nulls") {
			t.Errorf("%+v", l)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(lies, map[string]int{"copy.parquet": 1}) {
		t.Errorf("lies by file: %v", lies)
	}
}
