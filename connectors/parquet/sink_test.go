package parquet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

func sinkEnv() connectors.Env {
	return connectors.Env{Job: "job", Labels: []string{"error", "back/up", "information"}, Mem: memory.DefaultAllocator}
}

func openTestSink(t testing.TB, root string, o rdd.Options) *sink {
	t.Helper()
	all := rdd.Options{"path": root}
	for k, v := range o {
		all[k] = v
	}
	k, err := openSink(context.Background(), all, sinkEnv())
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

func stageNumbers(t testing.TB, k *sink, at rdd.Block, values map[int][]int64) rdd.Staged {
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

// tree lists what readers see below root, and what they do not.
func tree(t testing.TB, root string) (seen, hidden []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		if d.IsDir() || d.Name() == markerFile {
			return nil
		}
		if strings.HasPrefix(rel, ".") {
			hidden = append(hidden, rel)
		} else {
			seen = append(seen, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return seen, hidden
}

// TestPublish proves the layout: one label a file, several parts, the label in
// the footer, and that a second publication changes nothing and leaves nothing.
func TestPublish(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out")
	k := openTestSink(t, root, nil)
	first := stageNumbers(t, k, rdd.Block{Batch: 1, Task: 0}, map[int][]int64{0: {1, 2}, 1: {3}})
	second := stageNumbers(t, k, rdd.Block{Batch: 1, Task: 1}, map[int][]int64{0: {4}})
	if seen, _ := tree(t, root); len(seen) > 0 {
		t.Fatalf("readers see %v before the publication", seen)
	}
	if first.Rows != 3 || first.Bytes <= 0 {
		t.Errorf("staged %+v", first)
	}
	if err := k.Publish(t.Context(), commit(1, 1), []rdd.Staged{first, second}); err != nil {
		t.Fatal(err)
	}
	want := "batch=000001/label=back%2Fup/part-0-0-00000-00000.parquet batch=000001/label=error/part-0-0-00000-00000.parquet " +
		"batch=000001/label=error/part-0-0-00001-00000.parquet"
	seen, hidden := tree(t, root)
	if strings.Join(seen, " ") != want || len(hidden) > 0 {
		t.Errorf("readers see %v; hidden %v", seen, hidden)
	}
	again := stageNumbers(t, k, rdd.Block{Batch: 1}, map[int][]int64{0: {7}})
	if err := k.Publish(t.Context(), commit(1, 1), []rdd.Staged{again}); err != nil {
		t.Fatal(err)
	}
	seen, hidden = tree(t, root)
	if strings.Join(seen, " ") != want || len(hidden) > 0 {
		t.Errorf("after a second publication: %v, hidden %v", seen, hidden)
	}
	rows, err := readAll(open(t, rdd.Options{"path": root}, connectors.Env{}), checked(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	compareRows(t, rows, []row{{int64(3), int64(1), "back/up"}, {int64(1), int64(1), "error"}, {int64(2), int64(1), "error"}, {int64(4), int64(1), "error"}})
	f, err := openFile(filepath.Join(root, seen[0]), false)
	if err != nil || !f.meta.ours() {
		t.Fatalf("%v", err)
	}
	_ = f.f.Close()
}

// TestEpochs proves that an older driver is refused and a newer one goes on.
func TestEpochs(t *testing.T) {
	root := t.TempDir()
	k := openTestSink(t, root, nil)
	publish := func(c rdd.Commit) error {
		return k.Publish(t.Context(), c, []rdd.Staged{stageNumbers(t, k, rdd.Block{Batch: c.Batch}, map[int][]int64{2: {int64(c.Batch)}})})
	}
	if err := publish(commit(1, 3)); err != nil {
		t.Fatal(err)
	}
	wantInvalid(t, publish(commit(2, 2)), root, "newer driver", "3")
	if err := publish(commit(2, 4)); err != nil {
		t.Fatal(err)
	}
	wantInvalid(t, publish(commit(3, 3)), "newer driver")
	if err := k.Publish(t.Context(), commit(3, 4), nil); err != nil {
		t.Fatal(err)
	}
	if seen, _ := tree(t, root); len(seen) != 2 {
		t.Errorf("readers see %v", seen)
	}
}

// TestModes proves what happens to a directory that holds something.
func TestModes(t *testing.T) {
	root := t.TempDir()
	saveBytes(t, filepath.Join(root, "other.parquet"), []byte("x"))
	_, err := openSink(t.Context(), rdd.Options{"path": root}, sinkEnv())
	wantInvalid(t, err, root, "other.parquet", "mode: overwrite")

	k := openTestSink(t, root, rdd.Options{"mode": "append"})
	p := stageNumbers(t, k, rdd.Block{Batch: 1}, map[int][]int64{0: {1}})
	if err := k.Publish(t.Context(), commit(1, 1), []rdd.Staged{p}); err != nil {
		t.Fatal(err)
	}
	if seen, _ := tree(t, root); len(seen) != 2 || !strings.HasPrefix(seen[0], "job=job/run=0/batch=000001/label=error/") {
		t.Errorf("append: readers see %v", seen)
	}

	_, err = openSink(t.Context(), rdd.Options{"path": root, "mode": "overwrite"}, sinkEnv())
	wantInvalid(t, err, root, "other.parquet")
	if err := os.Remove(filepath.Join(root, "other.parquet")); err != nil {
		t.Fatal(err)
	}
	k = openTestSink(t, root, rdd.Options{"mode": "overwrite"})
	if seen, _ := tree(t, root); len(seen) != 1 {
		t.Errorf("overwrite deletes before there is anything new: %v", seen)
	}
	for b := range 2 {
		id := rdd.BatchID(b + 1)
		p = stageNumbers(t, k, rdd.Block{Batch: id}, map[int][]int64{0: {2}})
		if err := k.Publish(t.Context(), commit(id, 1), []rdd.Staged{p}); err != nil {
			t.Fatal(err)
		}
	}
	if seen, _ := tree(t, root); len(seen) != 2 || !strings.HasPrefix(seen[0], "batch=000001/") {
		t.Errorf("overwrite: readers see %v", seen)
	}
}

// TestCrash proves that what a dead sink has staged is removed by the next one,
// that a living one's is not, and that a part that is gone is Lost.
func TestCrash(t *testing.T) {
	root := t.TempDir()
	dead := openTestSink(t, root, nil)
	gone := stageNumbers(t, dead, rdd.Block{Batch: 1}, map[int][]int64{0: {1}})
	if err := dead.lock.Close(); err != nil { // as the end of the process would
		t.Fatal(err)
	}
	alive := openTestSink(t, root, nil)
	kept := stageNumbers(t, alive, rdd.Block{Batch: 1}, map[int][]int64{0: {1}})
	third := openTestSink(t, root, nil)
	if _, hidden := tree(t, root); len(hidden) != 1 {
		t.Errorf("staged are %v", hidden)
	}
	if err := third.Publish(t.Context(), commit(1, 1), []rdd.Staged{gone}); fault.Of(err) != fault.Lost {
		t.Errorf("a part that is gone: %v", err)
	}
	if seen, _ := tree(t, root); len(seen) > 0 {
		t.Errorf("readers see %v", seen)
	}
	if err := third.Publish(t.Context(), commit(1, 1), []rdd.Staged{kept}); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*sink{alive, third} {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, stagingDir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the last sink closed the staging directory is there: %v", err)
	}
}

// TestStageFails proves that a stream that fails, or a frame that makes no
// sense, leaves nothing behind.
func TestStageFails(t *testing.T) {
	mem := checked(t)
	root := t.TempDir()
	k := openTestSink(t, root, nil)
	broken := errors.New("broken")
	failing := func(yield func(*rdd.Frame, error) bool) {
		for f, err := range frames(mem, map[int][]int64{0: {1}}) {
			if !yield(f, err) {
				return
			}
		}
		yield(nil, broken)
	}
	if _, err := k.Stage(t.Context(), rdd.Block{Batch: 1}, failing); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	mixed := func(yield func(*rdd.Frame, error) bool) {
		b := batchOf(mem, numbers(), []row{{int64(1)}})
		defer b.Release()
		yield(&rdd.Frame{Header: rdd.Header{Labels: 3}, Batch: b}, nil)
	}
	if _, err := k.Stage(t.Context(), rdd.Block{Batch: 1}, mixed); err == nil {
		t.Error("a frame with two labels was written")
	}
	entries, err := os.ReadDir(k.own)
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	empty, err := k.Stage(t.Context(), rdd.Block{Batch: 1}, frames(mem, nil))
	if err != nil || empty.Rows != 0 {
		t.Errorf("%+v, %v", empty, err)
	}
	outside := rdd.Staged{Part: []byte(`{"files":[{"path":"../x","label":"error","name":"x"}]}`)}
	if err := k.Publish(t.Context(), commit(1, 1), []rdd.Staged{outside}); err == nil {
		t.Error("a part outside of the directory was taken")
	}
	climbing := rdd.Staged{Part: []byte(`{"files":[{"path":"x","label":"error","name":"../x"}]}`)}
	if err := k.Publish(t.Context(), commit(1, 1), []rdd.Staged{climbing}); err == nil {
		t.Error("a part that would be published elsewhere was taken")
	}
}

// TestUnwritable proves that errors name the path and who must act.
func TestUnwritable(t *testing.T) {
	root := t.TempDir()
	blocker := saveBytes(t, filepath.Join(root, "file"), nil)
	_, err := openSink(t.Context(), rdd.Options{"path": filepath.Join(blocker, "out")}, sinkEnv())
	wantInvalid(t, err, blocker)
	if os.Geteuid() != 0 {
		locked := filepath.Join(root, "locked")
		if err := os.Mkdir(locked, 0o500); err != nil {
			t.Fatal(err)
		}
		_, err := openSink(t.Context(), rdd.Options{"path": locked}, sinkEnv())
		wantInvalid(t, err, locked)
	}
	if _, err := os.Stat("/dev/full"); err == nil {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = full.Close() }()
		_, err = NewWriter(full, numbers(), WriterOptions{})
		if err = wrapWrite("p", err); fault.Of(err) != fault.Retry || !strings.Contains(err.Error(), "p: the disk is full") {
			t.Errorf("%v", err)
		}
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

// TestAtomic proves that a reader that looks all the time sees whole batches or
// none: each batch holds its number, four files of it.
func TestAtomic(t *testing.T) {
	root := t.TempDir()
	k := openTestSink(t, root, rdd.Options{"compression": "none"})
	done := make(chan struct{})
	var wg sync.WaitGroup
	looks := 0
	wg.Go(func() {
		for {
			batches, err := filepath.Glob(filepath.Join(root, "batch=*"))
			if err != nil {
				t.Error(err)
			}
			for _, b := range batches {
				files, _ := filepath.Glob(filepath.Join(b, "label=*", "*.parquet"))
				if len(files) != 4 {
					t.Errorf("%s has %d files", b, len(files))
				}
				for _, path := range files {
					f, err := openFile(path, false)
					if err != nil {
						t.Error(err)
						return
					}
					_ = f.f.Close()
				}
			}
			looks++
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for b := range rdd.BatchID(12) {
		var parts []rdd.Staged
		for task := range 2 {
			parts = append(parts, stageNumbers(t, k, rdd.Block{Batch: b + 1, Task: task}, map[int][]int64{0: {1}, 2: {2, 3}}))
		}
		if err := k.Publish(t.Context(), commit(b+1, 1), parts); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
	if seen, _ := tree(t, root); len(seen) != 48 || looks == 0 {
		t.Errorf("%d files after %d looks", len(seen), looks)
	}
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

// TestTwoPublishers proves that of two sinks that publish the same batch at
// once one wins whole, and that nothing of the other is left.
func TestTwoPublishers(t *testing.T) {
	root := t.TempDir()
	sinks := []*sink{openTestSink(t, root, nil), openTestSink(t, root, nil)}
	for b := rdd.BatchID(1); b <= 8; b++ {
		var wg sync.WaitGroup
		for i, k := range sinks {
			parts := []rdd.Staged{stageNumbers(t, k, rdd.Block{Batch: b, Task: i}, map[int][]int64{0: {int64(i)}, 1: {int64(i)}})}
			wg.Go(func() {
				if err := k.Publish(context.Background(), commit(b, 1), parts); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	seen, hidden := tree(t, root)
	if len(seen) != 16 || len(hidden) > 0 {
		t.Errorf("readers see %v; hidden %v", seen, hidden)
	}
	for i := 0; i < len(seen); i += 2 {
		if filepath.Base(seen[i]) != filepath.Base(seen[i+1]) {
			t.Errorf("batch %d is of both", i/2+1)
		}
	}
}
