package driver

import (
	"context"
	"iter"
	"reflect"
	"slices"
	"testing"

	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// told is a ledger that says what a world has logged.
type told []Entry

func (t told) Append(context.Context, ...Entry) error  { return nil }
func (t told) Trim(context.Context, rdd.BatchID) error { return nil }
func (t told) Replay(context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, e := range t {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// takeUp lets a world go on with the ledger and the files of another, whatever that
// was doing when it ended. It reports false where there is nothing left to do.
func (w *world) takeUp(t *rapid.T, from *world) bool {
	past, err := Recall(context.Background(), told(from.entries))
	if err != nil {
		t.Fatal(err)
	}
	w.entries, w.files, w.trims = slices.Clip(from.entries), from.files, from.trims
	w.planned, w.committed, w.checkpoints = slices.Clip(from.planned), from.committed, slices.Clip(from.checkpoints)
	if past.over() {
		return false
	}
	if past.Committed != from.committed {
		t.Fatalf("the ledger says that %d are committed, of %d", past.Committed, from.committed)
	}
	w.released = -1 // the first batch to be run again depends on the checkpoint
	w.past = &started{nodes: w.nodes, epoch: past.Epoch, saves: true, history: past.planned, tallies: past.tallies,
		committed: past.Committed, rows: past.Tally.RowsIn, checkpoints: past.checkpoints}
	if past.Started != nil {
		w.past.story = *past.Started
	}
	return true
}

// Whatever a run was doing when it crashed, and whatever the one that took it up
// was doing: the batches and watermarks are those of one run, every batch is
// committed once, state is restored only from what was saved of just that batch,
// and the totals are those of all rows.
func TestCrashAndResume(t *testing.T) {
	crashes, restored := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.plan.Job.Settings.CheckpointEvery = 1
		whole := w.fresh(t, false)
		if err := whole.play(); err != nil {
			t.Fatal(err)
		}
		last := w.fresh(t, rapid.Bool().Draw(t, "hostile"))
		last.past = &started{nodes: last.nodes, epoch: 1, story: Started{Run: 1}, saves: true}
		last.trims = rapid.Bool().Draw(t, "trims")
		for n := 0; ; n++ {
			if n < 4 {
				if at := rapid.IntRange(1, 120).Draw(t, "at"); rapid.IntRange(0, 3).Draw(t, "stops") == 0 {
					last.stopAt = at
				} else {
					last.crashAt = at
				}
			}
			if err := last.play(); err != nil {
				t.Fatal(err)
			}
			if last.stateGone() {
				return
			}
			if end, ok := last.ending.(finish); ok && end.outcome.Final {
				if end.outcome.Tally.RowsIn != rowsOf(w.sources) || end.outcome.Batches != int64(len(whole.planned)) {
					t.Fatalf("came to %+v of %d rows in %d batches", end.outcome, rowsOf(w.sources), len(whole.planned))
				}
				break
			}
			next := w.fresh(t, last.hostile)
			if !next.takeUp(t, last) {
				break
			}
			if crashes++; len(next.past.checkpoints) > 0 {
				restored++
			}
			last = next
		}
		for i := range whole.planned {
			whole.planned[i].Now, last.planned[i].Now = 0, 0
		}
		if !reflect.DeepEqual(last.planned, whole.planned) {
			t.Fatalf("planned\n%+v\nnot\n%+v", last.planned, whole.planned)
		}
	})
	t.Logf("%d crashes and stops, %d of them with a checkpoint", crashes, restored)
	if restored*10 < crashes {
		t.Errorf("only %d of %d runs had a checkpoint to begin with", restored, crashes)
	}
}

func rowsOf(sources [][]rdd.Split) int64 {
	var n int64
	for _, splits := range sources {
		for _, s := range splits {
			n += s.Rows
		}
	}
	return n
}

var _ = work.NoTime
