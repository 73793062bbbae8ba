package files

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// life is one process of a run.
type life struct {
	t    *testing.T
	sink *Sink
	run  int64
}

// begin opens the sink of a run at root, a new one or one that goes on.
func begin(t *testing.T, root, mode string, run int64, resume bool) life {
	t.Helper()
	k, err := tryBegin(root, mode, run, resume)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return life{t, k, run}
}

func tryBegin(root, mode string, run int64, resume bool) (*Sink, error) {
	env := sinkEnv()
	env.Run, env.Resume, env.Ledger = run, resume, "--ledger"
	return openSink(rdd.Options{"path": root, "mode": mode}, env)
}

// publish publishes a batch with a row for each value, or without parts.
func (l life) publish(batch rdd.BatchID, values ...int64) error {
	l.t.Helper()
	var parts []rdd.Staged
	if len(values) > 0 {
		parts = append(parts, stageNumbers(l.t, l.sink, rdd.Block{Batch: batch}, map[int][]int64{0: values}))
	}
	return l.sink.Publish(l.t.Context(), commit(batch, l.run), parts)
}

func (l life) mustPublish(batch rdd.BatchID, values ...int64) {
	l.t.Helper()
	if err := l.publish(batch, values...); err != nil {
		l.t.Fatal(err)
	}
}

// die ends the process as a kill would: the lock goes, what is staged stays.
func (l life) die() {
	l.t.Helper()
	if err := l.sink.lock.Close(); err != nil {
		l.t.Fatal(err)
	}
}

// batches lists what readers see, a batch a word.
func batches(t *testing.T, root string) string {
	t.Helper()
	seen, _ := tree(t, root)
	for i := range seen {
		seen[i], _, _ = strings.Cut(seen[i], "/label=")
	}
	return strings.Join(seen, " ")
}

func wantBatches(t *testing.T, root, want string) {
	t.Helper()
	if got := batches(t, root); got != want {
		t.Errorf("readers see %q, want %q", got, want)
	}
}

// TestRerunError proves that in mode error a new run refuses what an earlier
// run of the job has published, and says what can be done, and that a resumed
// run takes its own and only that.
func TestRerunError(t *testing.T) {
	root := t.TempDir()
	first := begin(t, root, modeError, 10, false)
	first.mustPublish(1, 1)
	first.die()
	_, err := tryBegin(root, modeError, 20, false)
	wantInvalid(t, err, root, "earlier run", "mode: overwrite", "mode: append", "another path", "--ledger")
	env := sinkEnv()
	env.Run = 20 // as on a cluster, where nobody chooses a ledger
	_, err = openSink(rdd.Options{"path": root, "mode": modeError}, env)
	wantInvalid(t, err, root, "earlier run", "mode: overwrite", "mode: append", "another path leaves it)")
	_, err = tryBegin(root, modeError, 20, true)
	wantInvalid(t, err, root, "batch=000001", "ledger")
	again := begin(t, root, modeError, 10, true)
	again.mustPublish(1, 7) // it stays as it was
	again.mustPublish(2, 2)
	wantBatches(t, root, "batch=000001 batch=000002")
	if _, hidden := tree(t, root); len(hidden) > 0 {
		t.Errorf("left behind: %v", hidden)
	}
	// A run that published nothing leaves nothing that could be in the way.
	empty := t.TempDir()
	begin(t, empty, modeError, 10, false).die()
	begin(t, empty, modeError, 20, false).mustPublish(1, 1)
}

// TestRerunOverwrite proves that a new run replaces everything at its first
// publication, with or without rows, and nothing before; that a resumed one
// keeps its own; and that of a run that died before it had replaced anything
// the next process does it.
func TestRerunOverwrite(t *testing.T) {
	root := t.TempDir()
	begin(t, root, modeAppend, 5, false).mustPublish(1, 1)
	first := begin(t, root, modeOverwrite, 10, false)
	first.mustPublish(2, 1)
	first.mustPublish(3, 1)
	wantBatches(t, root, "batch=000002 batch=000003")
	first.die()

	second := begin(t, root, modeOverwrite, 20, false)
	stageNumbers(t, second.sink, rdd.Block{Batch: 1}, map[int][]int64{0: {1}})
	second.die() // before it published
	wantBatches(t, root, "batch=000002 batch=000003")
	second = begin(t, root, modeOverwrite, 20, true)
	second.mustPublish(2, 2)
	wantBatches(t, root, "batch=000002")
	second.die()
	second = begin(t, root, modeOverwrite, 20, true)
	second.mustPublish(2, 2)
	second.mustPublish(3, 2)
	second.mustPublish(3)
	wantBatches(t, root, "batch=000002 batch=000003")
	if err := second.sink.Close(); err != nil {
		t.Fatal(err)
	}

	third := begin(t, root, modeOverwrite, 30, false)
	third.mustPublish(4) // the end of a run without a row
	wantBatches(t, root, "")
	third.die()
	third = begin(t, root, modeOverwrite, 30, true)
	third.mustPublish(5, 3)
	wantBatches(t, root, "batch=000005")

	_, err := tryBegin(root, modeOverwrite, 20, true)
	wantInvalid(t, err, root, "later run")
}

// TestSweepInterrupted proves that a process that dies while it replaces leaves
// what the next one of its run replaces, and never a mix.
func TestSweepInterrupted(t *testing.T) {
	root := t.TempDir()
	first := begin(t, root, modeOverwrite, 10, false)
	first.mustPublish(1, 1)
	first.mustPublish(2, 1)
	first.die()
	second := begin(t, root, modeOverwrite, 20, false)
	if err := os.Rename(filepath.Join(root, "batch=000001"), filepath.Join(second.sink.own, "batch=000001")); err != nil {
		t.Fatal(err)
	}
	second.die() // half of the old is gone, the marker is the old one
	second = begin(t, root, modeOverwrite, 20, true)
	second.mustPublish(1, 2)
	wantBatches(t, root, "batch=000001")
	if _, hidden := tree(t, root); len(hidden) > 0 {
		t.Errorf("left behind: %v", hidden)
	}
}

// TestRerunAppend proves that runs of one job and of others keep apart, that
// the first publication wins within a run, and that a resumed run goes on in
// its own place.
func TestRerunAppend(t *testing.T) {
	root := t.TempDir()
	saveBytes(t, filepath.Join(root, "other.txt"), []byte("x"))
	begin(t, root, modeAppend, 10, false).mustPublish(1, 1)
	second := begin(t, root, modeAppend, 20, false)
	second.mustPublish(1, 2)
	second.mustPublish(1, 2)
	second.die()
	begin(t, root, modeAppend, 30, false).mustPublish(3) // no row came: nothing is made
	second = begin(t, root, modeAppend, 20, true)
	second.mustPublish(1, 2)
	second.mustPublish(2, 2)
	wantBatches(t, root, "job=job/run=10/batch=000001 job=job/run=20/batch=000001 job=job/run=20/batch=000002 other.txt")
	env := sinkEnv()
	env.Job = "a/b"
	k, err := openSink(rdd.Options{"path": root, "mode": "append"}, env)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	p := stageNumbers(t, k, rdd.Block{Batch: 1}, map[int][]int64{0: {1}})
	if err := k.Publish(t.Context(), rdd.Commit{Job: "a/b", Batch: 1, Epoch: 1}, []rdd.Staged{p}); err != nil {
		t.Fatal(err)
	}
	if got := batches(t, root); !strings.HasPrefix(got, "job=a%2Fb/run=0/batch=000001 ") {
		t.Errorf("readers see %s", got)
	}
	// What was appended is what a plain run must not be mixed with.
	_, err = tryBegin(root, modeError, 40, false)
	wantInvalid(t, err, root)
}

// TestTwoRuns proves that of two runs that found a directory free, or one to
// replace, the one that publishes first has it and the other is told, at once
// or when it was overtaken; nothing of a run disappears in silence.
func TestTwoRuns(t *testing.T) {
	for _, mode := range []string{modeError, modeOverwrite} {
		root := t.TempDir()
		runs := []life{begin(t, root, mode, 10, false), begin(t, root, mode, 20, false)}
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i, l := range runs {
			wg.Go(func() { errs[i] = l.publish(1, int64(i)) })
		}
		wg.Wait()
		won := 0
		if errs[0] != nil {
			won = 1
		}
		if errs[won] != nil || fault.Of(errs[1-won]) != fault.Invalid || !strings.Contains(errs[1-won].Error(), "another run") {
			t.Fatalf("mode %s: %v", mode, errs)
		}
		runs[won].mustPublish(2, 1)
		wantBatches(t, root, "batch=000001 batch=000002")
	}
	root := t.TempDir()
	old := begin(t, root, modeOverwrite, 10, false)
	old.mustPublish(1, 1)
	begin(t, root, modeOverwrite, 20, false).mustPublish(1, 2)
	wantInvalid(t, old.publish(2, 1), "another run")
	wantBatches(t, root, "batch=000001")
}

// TestKilledAnywhere proves, for every mode, that a process that is killed
// after any step of its publications leaves what the next one of its run
// finishes: the same batches as without a kill, nothing hidden.
func TestKilledAnywhere(t *testing.T) {
	for _, mode := range []string{modeError, modeOverwrite, modeAppend} {
		for dies := range 7 {
			root := t.TempDir()
			if mode == modeOverwrite {
				begin(t, root, modeOverwrite, 5, false).mustPublish(9, 9)
			}
			l := begin(t, root, mode, 10, false)
			for step := range 6 {
				if step == dies {
					l.die()
					l = begin(t, root, mode, 10, true)
				}
				if step%2 == 0 { // staged, and lost if the process dies now
					stageNumbers(t, l.sink, rdd.Block{Batch: 1}, map[int][]int64{0: {1}})
				} else {
					l.mustPublish(rdd.BatchID(step/2+1), 1)
				}
			}
			want := "batch=000001 batch=000002 batch=000003"
			if mode == modeAppend {
				want = "job=job/run=10/" + strings.ReplaceAll(want, " ", " job=job/run=10/")
			}
			wantBatches(t, root, want)
			if err := l.sink.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(root, stagingDir)); mode != modeOverwrite && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("mode %s, killed at %d: %v", mode, dies, err)
			}
		}
	}
}

// TestSameName proves that parts that would have one name are all kept.
func TestSameName(t *testing.T) {
	root := t.TempDir()
	k := openTestSink(t, root, nil)
	at := rdd.Block{Batch: 1}
	parts := []rdd.Staged{stageNumbers(t, k, at, map[int][]int64{0: {1}}), stageNumbers(t, k, at, map[int][]int64{0: {2}})}
	if err := k.Publish(t.Context(), commit(1, 1), parts); err != nil {
		t.Fatal(err)
	}
	rows, err := readAll(open(t, rdd.Options{"path": root}, lines{}), checked(t), rdd.Size{}, "line")
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows, "error n", "2", "error n", "1") // by name, where a hyphen comes before the dot
}

// TestOutputGone proves, in every mode, that a run whose rows are gone is not
// taken up again as if they were there, but is if it had published none here.
func TestOutputGone(t *testing.T) {
	for _, mode := range []string{modeError, modeOverwrite, modeAppend} {
		root := filepath.Join(t.TempDir(), "out")
		l := begin(t, root, mode, 10, false)
		l.mustPublish(1, 1)
		if err := l.sink.Close(); err != nil {
			t.Fatal(err)
		}
		env := sinkEnv()
		env.Run, env.Resume, env.Published = 10, true, true
		o := rdd.Options{"path": root, "mode": mode}
		there, err := openSink(o, env)
		if err != nil {
			t.Fatalf("mode %s, nothing is gone: %v", mode, err)
		}
		if err := errors.Join(there.Close(), os.RemoveAll(root)); err != nil {
			t.Fatal(err)
		}
		_, err = openSink(o, env)
		wantInvalid(t, err, root, "gone", "ledger")
		begin(t, root, mode, 10, true).mustPublish(2, 2)
	}
}
