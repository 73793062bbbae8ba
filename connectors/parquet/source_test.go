package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

// TestHive proves that directories become typed columns, with percent-encoding
// and nulls, and that they prune.
func TestHive(t *testing.T) {
	mem := checked(t)
	root := t.TempDir()
	schema := schemaOf("v", arrow.PrimitiveTypes.Int64, "day", arrow.PrimitiveTypes.Float64)
	save(t, filepath.Join(root, "day=1", "city=S%C3%A3o%20Paulo", "a.parquet"), schema, WriterOptions{}, row{int64(1), 9.5})
	save(t, filepath.Join(root, "day=2", "city="+files.HiveNull, "a.parquet"), schema, WriterOptions{}, row{int64(2), 9.5}, row{int64(3), 9.5})
	s := open(t, rdd.Options{"path": root}, connectors.Env{})
	got, err := readAll(s, mem, 1)
	if err != nil {
		t.Fatal(err)
	}
	compareRows(t, got, []row{{int64(1), int64(1), "São Paulo"}, {int64(2), int64(2), nil}, {int64(3), int64(2), nil}})

	splits, err := cutAll(s, rdd.Size{})
	if err != nil {
		t.Fatal(err)
	}
	pruned := int64(0)
	for _, split := range splits {
		want := rdd.Projection{Columns: []string{"v"}, Mem: mem, Skip: func(b expr.Bounds) bool { return b["day"].Min.(int64) > 1 }}
		for f, err := range s.Read(t.Context(), split, want) {
			if err != nil {
				t.Fatal(err)
			}
			if (f.Batch == nil) != (f.Header.Pruned > 0) {
				t.Error("a pruned frame has a batch, or another has none")
			}
			pruned += f.Header.Pruned
		}
	}
	if pruned != 2 {
		t.Errorf("pruned %d rows, not 2", pruned)
	}

	plain := open(t, rdd.Options{"path": root, "hive_partitioning": false}, connectors.Env{})
	got, err = readAll(plain, mem, 0)
	if err != nil {
		t.Fatal(err)
	}
	compareRows(t, got, []row{{int64(1), 9.5}, {int64(2), 9.5}, {int64(3), 9.5}})
}

// TestFilenameTaken proves that the column of the path replaces no other, be it of
// the first file or of another, and takes no name that is not free.
func TestFilenameTaken(t *testing.T) {
	root := t.TempDir()
	save(t, filepath.Join(root, "k=1", "a.parquet"), schemaOf("v", arrow.PrimitiveTypes.Int64), WriterOptions{}, row{int64(1)})
	save(t, filepath.Join(root, "k=1", "b.parquet"), schemaOf("v", arrow.PrimitiveTypes.Int64, "w", arrow.PrimitiveTypes.Int64), WriterOptions{}, row{int64(1), int64(2)})
	for name, why := range map[string]string{"v": "a.parquet has a column", "w": "b.parquet has a column", "k": "a column \"k\" already", "_file": "underscore"} {
		_, err := open(t, rdd.Options{"path": root, "filename": name, "union_by_name": true}, connectors.Env{}).Schema(t.Context())
		if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDisagreement proves that files that do not fit together are named, with
// the column and both types, and that union_by_name fills what is missing.
func TestDisagreement(t *testing.T) {
	mem := checked(t)
	root := t.TempDir()
	i64, f64 := arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64
	save(t, filepath.Join(root, "a.parquet"), schemaOf("x", i64, "y", f64), WriterOptions{}, row{int64(1), 0.5})
	save(t, filepath.Join(root, "b.parquet"), schemaOf("z", arrow.BinaryTypes.String, "x", i64), WriterOptions{}, row{"s", int64(2)})
	_, err := open(t, rdd.Options{"path": root}, connectors.Env{}).Schema(t.Context())
	wantInvalid(t, err, "a.parquet", "b.parquet", "missing", "union_by_name")

	s := open(t, rdd.Options{"path": root, "union_by_name": true}, connectors.Env{})
	got, err := readAll(s, mem, 0)
	if err != nil {
		t.Fatal(err)
	}
	compareRows(t, got, []row{{int64(1), 0.5, nil}, {int64(2), nil, "s"}})

	save(t, filepath.Join(root, "c.parquet"), schemaOf("x", f64), WriterOptions{}, row{1.5})
	_, err = open(t, rdd.Options{"path": root, "union_by_name": true}, connectors.Env{}).Schema(t.Context())
	wantInvalid(t, err, `column "x" is bigint in`, "a.parquet", "double in", "c.parquet")

	_, err = open(t, rdd.Options{"path": filepath.Join(root, "a.parquet"), "columns": []any{"y", "q"}}, connectors.Env{}).Schema(t.Context())
	wantInvalid(t, err, "a.parquet", `no column "q"`, "x, y")
}

// TestOptions proves that options are checked.
func TestOptions(t *testing.T) {
	for _, o := range []rdd.Options{{}, {"path": ""}, {"path": "x", "colums": "a"}, {"path": "x", "mode": "error"}, {"path": "x", "union_by_name": "perhaps"}} {
		_, err := openSource(t.Context(), o, connectors.Env{})
		wantInvalid(t, err)
	}
	for _, o := range []rdd.Options{{"path": []string{"a", "b"}}, {"path": t.TempDir(), "mode": "clobber"}, {"path": t.TempDir(), "row_group_rows": -1}} {
		_, err := openSink(t.Context(), o, connectors.Env{})
		wantInvalid(t, err)
	}
}

// TestCut proves the order of splits: by event time across files, in sequence
// within one; offsets resume it, and a data set that changed is refused.
func TestCut(t *testing.T) {
	root := t.TempDir()
	schema := schemaOf("ts", timestampType(), "v", arrow.PrimitiveTypes.Int64)
	for f, start := range map[string]int{"a": 1000, "b": 0, "c": 1005} {
		var rows []row
		for i := range 30 {
			rows = append(rows, row{arrow.Timestamp(start + i), int64(i)})
		}
		save(t, filepath.Join(root, f+".parquet"), schema, WriterOptions{RowGroupRows: 10}, rows...)
	}
	s := open(t, rdd.Options{"path": root}, connectors.Env{Time: "ts"})
	all, err := cutAll(s, rdd.Size{})
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, p := range all {
		text += fmt.Sprintf("%s%d@%d-%d ", strings.TrimSuffix(filepath.Base(p.Name), ".parquet"), p.First, p.Times.Min, p.Times.Max)
		if p.Last != (p.First == 20) || !p.Times.Known || p.Rows != 10 || p.Bytes <= 0 {
			t.Errorf("odd split %+v", p)
		}
	}
	want := "b0@0-9 b10@10-19 b20@20-29 a0@1000-1009 c0@1005-1014 a10@1010-1019 c10@1015-1024 a20@1020-1029 c20@1025-1034 "
	if text != want {
		t.Errorf("splits are\n%s, not\n%s", text, want)
	}
	for _, wish := range []rdd.Size{{Rows: 1}, {Rows: 25}, {Bytes: 1}, {Rows: 1000}} {
		got, err := cutAll(s, wish)
		if err != nil || len(got) != len(all) {
			t.Errorf("%+v: %d splits, %v", wish, len(got), err)
		}
	}
	first, next, err := s.Cut(t.Context(), "", rdd.Size{Rows: 25})
	if err != nil || len(first) != 2 {
		t.Fatalf("%d splits of 10 rows for a wish of 25: %v", len(first), err)
	}
	again := open(t, rdd.Options{"path": root}, connectors.Env{Time: "ts"})
	rest, _, err := again.Cut(t.Context(), next, rdd.Size{})
	if !errors.Is(err, io.EOF) || len(rest) != len(all)-2 || rest[0].Name != all[2].Name {
		t.Errorf("resumed with %d splits, %v", len(rest), err)
	}
	save(t, filepath.Join(root, "d.parquet"), schema, WriterOptions{}, row{arrow.Timestamp(1), nil})
	changed := open(t, rdd.Options{"path": root}, connectors.Env{Time: "ts"})
	_, _, err = changed.Cut(t.Context(), next, rdd.Size{})
	wantInvalid(t, err, "changed")
	_, _, err = changed.Cut(t.Context(), "nonsense", rdd.Size{})
	wantInvalid(t, err, "nonsense")
}

// TestCutWithoutTimes proves that without statistics files are read one after
// the other, and that empty row groups and files are no trouble.
func TestCutWithoutTimes(t *testing.T) {
	root := t.TempDir()
	schema := schemaOf("v", arrow.PrimitiveTypes.Int64)
	save(t, filepath.Join(root, "b.parquet"), schema, WriterOptions{RowGroupRows: 1}, row{int64(1)}, row{int64(2)})
	save(t, filepath.Join(root, "a.parquet"), schema, WriterOptions{})
	s := open(t, rdd.Options{"path": root}, connectors.Env{Time: "ts"})
	all, err := cutAll(s, rdd.Size{})
	if err != nil || len(all) != 2 || all[0].Partition != 1 || all[1].First != 1 || all[0].Times.Known {
		t.Errorf("%+v, %v", all, err)
	}
	empty := open(t, rdd.Options{"path": filepath.Join(root, "a.parquet")}, connectors.Env{})
	splits, _, err := empty.Cut(t.Context(), "", rdd.Size{})
	if len(splits) != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("an empty file has %v, %v", splits, err)
	}
}

// TestLargeGroup proves that a row group of more than a million rows is read
// in slices that start in the middle of pages and of dictionaries.
func TestLargeGroup(t *testing.T) {
	mem := checked(t)
	const n = unitRows + unitRows/2 + 77
	schema := schemaOf("v", arrow.PrimitiveTypes.Int64, "s", arrow.BinaryTypes.String, "b", arrow.FixedWidthTypes.Boolean)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i := range n {
		if i%3 == 0 {
			b.Field(0).AppendNull()
		} else {
			b.Field(0).(*array.Int64Builder).Append(int64(i))
		}
		b.Field(1).(*array.StringBuilder).Append([]string{"x", "y", "z"}[i%3])
		b.Field(2).(*array.BooleanBuilder).Append(i%5 == 0)
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	path := saveBytes(t, filepath.Join(t.TempDir(), "big.parquet"), encode(t, schema, WriterOptions{RowGroupRows: 1 << 30}, batch))
	s := open(t, rdd.Options{"path": path}, connectors.Env{})
	splits, err := cutAll(s, rdd.Size{Rows: 1 << 20})
	if err != nil || len(splits) != 2 {
		t.Fatalf("%d splits, %v", len(splits), err)
	}
	at := int64(0)
	for _, split := range splits {
		for f, err := range s.Read(t.Context(), split, rdd.Projection{Columns: []string{"b", "v", "s"}, Rows: 9999, Mem: mem}) {
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range []int{0, int(f.Batch.NumRows()) - 1, int(f.Batch.NumRows()) / 2} {
				r := at + int64(i)
				want := row{r%5 == 0, any(r), []string{"x", "y", "z"}[r%3]}
				if r%3 == 0 {
					want[1] = nil
				}
				if got := (row{valueAt(f.Batch.Column(0), i), valueAt(f.Batch.Column(1), i), valueAt(f.Batch.Column(2), i)}); !slices.Equal(got, want) {
					t.Fatalf("row %d is %v, not %v", r, got, want)
				}
			}
			at += f.Batch.NumRows()
		}
	}
	if at != n {
		t.Errorf("read %d rows of %d", at, n)
	}
}

// TestManyFiles proves that there may be more files than file handles are kept,
// and that readers may work side by side.
func TestManyFiles(t *testing.T) {
	root := t.TempDir()
	schema := schemaOf("v", arrow.PrimitiveTypes.Int64)
	const n = 3 * idleFiles
	for i := range n {
		save(t, filepath.Join(root, fmt.Sprintf("%04d.parquet", i)), schema, WriterOptions{}, row{int64(i)})
	}
	s := open(t, rdd.Options{"path": root}, connectors.Env{})
	splits, err := cutAll(s, rdd.Size{})
	if err != nil || len(splits) != n {
		t.Fatalf("%d splits, %v", len(splits), err)
	}
	if got := len(s.files.open); got > idleFiles {
		t.Errorf("%d files are open", got)
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := w % 2; i < n; i += 2 {
				rows, err := readSplit(s, splits[i], rdd.Projection{Columns: []string{"v"}, Mem: memory.DefaultAllocator})
				if err != nil || rows[0][0] != int64(i) {
					t.Errorf("split %d: %v, %v", i, rows, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestReadStops proves that a consumer may stop and a context may end, and that
// nothing is kept then.
func TestReadStops(t *testing.T) {
	mem := checked(t)
	path := saveBytes(t, filepath.Join(t.TempDir(), "a.parquet"), smallFile(t, "snappy"))
	s := open(t, rdd.Options{"path": path}, connectors.Env{})
	splits, err := cutAll(s, rdd.Size{})
	if err != nil {
		t.Fatal(err)
	}
	want := rdd.Projection{Columns: []string{"s", "i"}, Rows: 10, Mem: mem}
	for _, err := range s.Read(t.Context(), splits[0], want) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	frames := 0
	for _, err := range s.Read(ctx, splits[0], want) {
		last = err
		frames++
		cancel()
	}
	if !errors.Is(last, context.Canceled) || frames != 2 {
		t.Errorf("%d frames, then %v", frames, last)
	}
	want.Columns = nil
	if rows, err := readSplit(s, splits[0], want); err != nil || len(rows) != 400 {
		t.Errorf("no columns: %d rows, %v", len(rows), err)
	}
	want.Columns = []string{"nope"}
	_, err = readSplit(s, splits[0], want)
	wantInvalid(t, err, path, `no column "nope"`)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := readSplit(s, splits[0], want); err == nil {
		t.Error("a closed source was read")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestBounds proves that bounds hold for what our own writer writes, NaN and
// all, and are careful with what others wrote.
func TestBounds(t *testing.T) {
	schema := schemaOf("i", arrow.PrimitiveTypes.Int64, "f", arrow.PrimitiveTypes.Float64, "s", arrow.BinaryTypes.String,
		"n", arrow.PrimitiveTypes.Int64, "l", arrow.BinaryTypes.String, "b", arrow.FixedWidthTypes.Boolean, "t", timestampType())
	long := strings.Repeat("z", longBound+1)
	path := save(t, filepath.Join(t.TempDir(), "a.parquet"), schema, WriterOptions{},
		row{int64(5), 0.0, "b", nil, long, true, arrow.Timestamp(7)}, row{int64(-3), 2.0, nil, nil, "a", true, arrow.Timestamp(9)})
	f, err := openFile(context.Background(), new(files.Places), path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.f.Close() }()
	got := bounds(f.meta, &f.meta.groups[0], f.columns, nil)
	for name, want := range map[string]expr.Range{
		"i": {Min: int64(-3), Max: int64(5)},
		"f": {Min: 0.0, Max: 2.0},
		"s": {Min: "b", Max: "b", Nulls: true},
		"n": {Nulls: true, AllNull: true},
		"l": {},
		"b": {Min: true, Max: true},
		"t": {Min: arrow.Timestamp(7), Max: arrow.Timestamp(9)},
	} {
		if got[name] != want {
			t.Errorf("%s is within %+v, not %+v", name, got[name], want)
		}
	}
	f.meta.bound = nil
	if !bounds(f.meta, &f.meta.groups[0], f.columns, nil)["f"].NaN {
		t.Error("a count of NaNs that is bound to nothing is believed")
	}
}
