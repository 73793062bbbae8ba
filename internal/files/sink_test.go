package files

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

func sinkEnv() Env {
	return Env{Job: "job", Labels: []string{"error", "back/up", "information"}, Mem: memory.DefaultAllocator}
}

func openSink(o rdd.Options, env Env) (*Sink, error) {
	all := rdd.Options{"mode": modeError}
	for k, v := range o {
		all[k] = v
	}
	if p, ok := all["path"].(string); ok {
		all["path"] = []string{p}
	}
	return NewSink(context.Background(), "text", all, env, textEncoder{})
}

func openTestSink(t testing.TB, root string, o rdd.Options) *Sink {
	t.Helper()
	all := rdd.Options{"path": root}
	for k, v := range o {
		all[k] = v
	}
	k, err := openSink(all, sinkEnv())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

// frames streams one frame a label, of which each holds the numbers given.
func frames(mem memory.Allocator, values map[int][]int64) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		for label := range 3 {
			b := batchOf(mem, values[label])
			more := yield(&rdd.Frame{Header: rdd.Header{Labels: 1 << label}, Batch: b}, nil)
			b.Release()
			if !more {
				return
			}
		}
	}
}

func stageNumbers(t testing.TB, k *Sink, at rdd.Block, values map[int][]int64) rdd.Staged {
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
	want := "batch=000001/label=back%2Fup/part-0-0-00000-00000.txt batch=000001/label=error/part-0-0-00000-00000.txt " +
		"batch=000001/label=error/part-0-0-00001-00000.txt"
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
	rows, err := readAll(open(t, rdd.Options{"path": root}, lines{}), checked(t), rdd.Size{}, "line", "batch", "label")
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows, "back/up n|1|back/up", "3|1|back/up", "error n|1|error", "1|1|error", "2|1|error", "error n|1|error", "4|1|error")
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
	saveBytes(t, filepath.Join(root, "other.txt"), []byte("x"))
	_, err := openSink(rdd.Options{"path": root}, sinkEnv())
	wantInvalid(t, err, root, "other.txt", "mode: overwrite")

	k := openTestSink(t, root, rdd.Options{"mode": "append"})
	p := stageNumbers(t, k, rdd.Block{Batch: 1}, map[int][]int64{0: {1}})
	if err := k.Publish(t.Context(), commit(1, 1), []rdd.Staged{p}); err != nil {
		t.Fatal(err)
	}
	if seen, _ := tree(t, root); len(seen) != 2 || !strings.HasPrefix(seen[0], "job=job/run=0/batch=000001/label=error/") {
		t.Errorf("append: readers see %v", seen)
	}

	_, err = openSink(rdd.Options{"path": root, "mode": "overwrite"}, sinkEnv())
	wantInvalid(t, err, root, "other.txt")
	if err := os.Remove(filepath.Join(root, "other.txt")); err != nil {
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
	for _, k := range []*Sink{alive, third} {
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
		b := batchOf(mem, []int64{1})
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
	_, err := openSink(rdd.Options{"path": filepath.Join(blocker, "out")}, sinkEnv())
	wantInvalid(t, err, blocker)
	if os.Geteuid() != 0 {
		locked := filepath.Join(root, "locked")
		if err := os.Mkdir(locked, 0o500); err != nil {
			t.Fatal(err)
		}
		_, err := openSink(rdd.Options{"path": locked}, sinkEnv())
		wantInvalid(t, err, locked)
	}
}

// TestDiskFull proves that a disk that is full is told as such, whenever it
// shows, that it may be tried again, and that nothing is left behind.
func TestDiskFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	for _, rows := range []int{1, 100_000} { // when the file is ended; while it is written
		k := openTestSink(t, t.TempDir(), nil)
		k.encoder = fullEncoder{}
		_, err := k.Stage(t.Context(), rdd.Block{Batch: 1}, frames(memory.DefaultAllocator, map[int][]int64{0: make([]int64, rows)}))
		if fault.Of(err) != fault.Retry || !strings.Contains(err.Error(), "the disk is full") {
			t.Errorf("%v", err)
		}
		if entries, err := os.ReadDir(k.own); err != nil || len(entries) > 0 {
			t.Errorf("left behind: %v, %v", entries, err)
		}
	}
}

// fullEncoder writes to a disk that is full.
type fullEncoder struct{ textEncoder }

func (fullEncoder) Open(io.Writer, string, *arrow.Schema) (RowWriter, error) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	b := bufio.NewWriter(f)
	return &fullWriter{textWriter{b}, b, f}, nil
}

type fullWriter struct {
	textWriter
	b *bufio.Writer
	f *os.File
}

func (f *fullWriter) Close() error { return errors.Join(f.b.Flush(), f.f.Close()) }

// TestAtomic proves that a reader that looks all the time sees whole batches or
// none: each batch holds its number, four files of it.
func TestAtomic(t *testing.T) {
	root := t.TempDir()
	k := openTestSink(t, root, nil)
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
				files, _ := filepath.Glob(filepath.Join(b, "label=*", "*.txt"))
				if len(files) != 4 {
					t.Errorf("%s has %d files", b, len(files))
				}
				for _, path := range files {
					if b, err := os.ReadFile(path); err != nil || !bytes.HasSuffix(b, []byte("\n")) {
						t.Errorf("%s: %q, %v", path, b, err)
						return
					}
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

// TestTwoPublishers proves that of two sinks that publish the same batch at
// once one wins whole, and that nothing of the other is left.
func TestTwoPublishers(t *testing.T) {
	root := t.TempDir()
	sinks := []*Sink{openTestSink(t, root, nil), openTestSink(t, root, nil)}
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
