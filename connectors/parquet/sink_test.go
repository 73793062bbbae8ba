package parquet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

func sinkEnv() connectors.Env {
	return connectors.Env{Job: "job", Labels: []string{"error", "back/up", "information"}, Mem: memory.DefaultAllocator}
}

func openTestSink(t testing.TB, root string, o rdd.Options) *files.Sink {
	t.Helper()
	all := rdd.Options{"path": root}
	for k, v := range o {
		all[k] = v
	}
	k, err := openSink(t.Context(), all, sinkEnv())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

func numbers() *arrow.Schema { return schemaOf("n", arrow.PrimitiveTypes.Int64) }

// frames streams one frame a label, of which each holds the numbers given.
func frames(mem memory.Allocator, values map[int][]int64) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		for label := range 3 {
			var rows []row
			for _, v := range values[label] {
				rows = append(rows, row{v})
			}
			b := batchOf(mem, numbers(), rows)
			more := yield(&rdd.Frame{Header: rdd.Header{Labels: 1 << label}, Batch: b}, nil)
			b.Release()
			if !more {
				return
			}
		}
	}
}

func stageNumbers(t testing.TB, k *files.Sink, at rdd.Block, values map[int][]int64) rdd.Staged {
	t.Helper()
	p, err := k.Stage(context.Background(), at, frames(memory.DefaultAllocator, values))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func commit(batch rdd.BatchID, epoch int64) rdd.Commit {
	return rdd.Commit{Job: "job", Batch: batch, Epoch: epoch}
}

// TestPublish proves that what is published is read again: rows, batch and label,
// one label a file, which says so in its footer.
func TestPublish(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out")
	k := openTestSink(t, root, nil)
	first := stageNumbers(t, k, rdd.Block{Batch: 1, Task: 0}, map[int][]int64{0: {1, 2}, 1: {3}})
	second := stageNumbers(t, k, rdd.Block{Batch: 1, Task: 1}, map[int][]int64{0: {4}})
	if err := k.Publish(t.Context(), commit(1, 1), []rdd.Staged{first, second}); err != nil {
		t.Fatal(err)
	}
	rows, err := readAll(open(t, rdd.Options{"path": root}, connectors.Env{}), checked(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	compareRows(t, rows, []row{{int64(3), int64(1), "back/up"}, {int64(1), int64(1), "error"}, {int64(2), int64(1), "error"}, {int64(4), int64(1), "error"}})
	f, err := openFile(context.Background(), new(files.Places), filepath.Join(root, "batch=000001", "label=back%2Fup", "part-0-0-00000-00000.parquet"), false)
	if err != nil || !f.meta.ours() {
		t.Fatalf("%v", err)
	}
	_ = f.f.Close()
}

// TestDoneIsStaged proves that the list of a frame for a sink comes back with its rows.
func TestDoneIsStaged(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out")
	k := openTestSink(t, root, nil)
	in := func(yield func(*rdd.Frame, error) bool) {
		for i, list := range [][]string{{"tag:1"}, {"tag:1", "map:2"}} {
			b := batchOf(memory.DefaultAllocator, numbers(), []row{{int64(i)}})
			more := yield(&rdd.Frame{Header: rdd.Header{Labels: 2, Done: list}, Batch: b}, nil)
			b.Release()
			if !more {
				return
			}
		}
	}
	p, err := k.Stage(t.Context(), rdd.Block{Batch: 1}, in)
	if err == nil {
		err = k.Publish(t.Context(), commit(1, 1), []rdd.Staged{p})
	}
	if err != nil {
		t.Fatal(err)
	}
	splits, err := cutAll(open(t, rdd.Options{"path": root}, connectors.Env{}), rdd.Size{})
	if err != nil || len(splits) != 2 || splits[0].Done != "tag:1" || splits[1].Done != "map:2" || splits[0].Labels["back/up"] != 1 {
		t.Errorf("%+v, %v", splits, err)
	}
}

// TestDiskFull proves that a writer hands on what the disk says.
func TestDiskFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full")
	}
	defer func() { _ = full.Close() }()
	if _, err = NewWriter(full, numbers(), WriterOptions{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
}

// TestSchemaOfLabel proves that a file has the schema announced for its label:
// columns in that order, nulls for those a frame lacks, strings either way.
func TestSchemaOfLabel(t *testing.T) {
	mem := checked(t)
	env := sinkEnv()
	env.Mem = mem
	env.Schemas = map[int]*arrow.Schema{0: schemaOf("s", arrow.BinaryTypes.String, "missing", dictType(), "n", arrow.PrimitiveTypes.Int64)}
	root := t.TempDir()
	k, err := openSink(t.Context(), rdd.Options{"path": root, "compression": "zstd"}, env)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	in := func(yield func(*rdd.Frame, error) bool) {
		for _, dt := range []arrow.DataType{dictType(), arrow.BinaryTypes.String} {
			b := batchOf(mem, schemaOf("n", arrow.PrimitiveTypes.Int64, "s", dt, "extra", arrow.PrimitiveTypes.Float64), []row{{int64(1), "x", 0.5}, {nil, "y", 1.5}})
			yield(&rdd.Frame{Header: rdd.Header{Labels: 1}, Batch: b}, nil)
			b.Release()
		}
	}
	p, err := k.Stage(t.Context(), rdd.Block{Batch: 1}, in)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Publish(t.Context(), commit(1, 1), []rdd.Staged{p}); err != nil {
		t.Fatal(err)
	}
	rows, err := readAll(open(t, rdd.Options{"path": root, "columns": []string{"s", "missing", "n"}}, connectors.Env{}), mem, 0)
	if err != nil {
		t.Fatal(err)
	}
	compareRows(t, rows, []row{{"x", nil, int64(1)}, {"y", nil, nil}, {"x", nil, int64(1)}, {"y", nil, nil}})
}

// TestKind proves that the description is whole: its examples name options it
// has, and both ends open.
func TestKind(t *testing.T) {
	k := Kind()
	for _, f := range k.Fields {
		if f.Doc == "" || !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("option %s is described by %q", f.Name, f.Doc)
		}
	}
	src, err := k.Source(t.Context(), rdd.Options{"path": "nowhere"}, connectors.Env{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = src.Schema(t.Context())
	wantInvalid(t, err, "nowhere")
	if err := src.Close(); err != nil {
		t.Error(err)
	}
	if _, err := k.Sink(t.Context(), rdd.Options{}, sinkEnv()); err == nil {
		t.Error("a sink without a path was opened")
	}
	if src, err := k.Source(t.Context(), rdd.Options{"path": ""}, connectors.Env{}); err == nil || src != nil {
		t.Errorf("a failed open returned %v", src)
	}
}
