package executor

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// restart saves the state of part 0 of stage 1 after a batch and goes on with an
// executor that has nothing but the file.
func (r *rig) restart(batch rdd.BatchID) {
	r.t.Helper()
	saved, err := r.x.Save(r.t.Context(), work.State{Epoch: 1, Batch: batch, Stage: 1})
	if err != nil {
		r.t.Fatal(err)
	}
	next := New(r.x.Config)
	r.x.Close()
	r.x = next
	if err := r.x.Restore(r.t.Context(), []work.State{saved}); err != nil {
		r.t.Fatal(err)
	}
}

// move takes part 0 of stage 1 away as it is after a batch, lets another part of
// the stage be, and brings it back.
func (r *rig) move(batch rdd.BatchID) {
	r.t.Helper()
	part := work.State{Batch: batch, Stage: 1}
	saved, err := r.x.Save(r.t.Context(), part)
	if err != nil {
		r.t.Fatal(err)
	}
	beside, err := r.x.keeper(stateID{1, 1})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.x.Adopt(r.t.Context(), []work.State{part}); err != nil || r.x.states[stateID{1, 0}] != nil {
		r.t.Fatalf("a part that has left is still there, %v", err)
	}
	if err := r.x.Adopt(r.t.Context(), []work.State{saved}); err != nil || r.x.states[stateID{1, 1}] != beside {
		r.t.Fatalf("a part has come and another has gone, %v", err)
	}
}

// saving gives the rig a directory for its checkpoints.
func (r *rig) saving(dir string) *rig {
	r.x.States = dir
	return r
}

// On any batches, watermarks, repetitions and restarts every event is counted
// once, in the batch in which its window leaves: a restored state is the one
// that was saved, whether it was frozen before the next batch began or saved
// before there was one.
func TestRestoredStateCountsOnce(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		var batches [][]string
		var at [][]int64
		for range rapid.IntRange(2, 6).Draw(rt, "batches") {
			ts := rapid.SliceOfN(rapid.Int64Range(-30, 60), 1, 6).Draw(rt, "times")
			at, batches = append(at, ts), append(batches, times(ts...))
		}
		r := windowRig(t, batches...).saving(dir)
		defer r.free()
		open, watermark := map[int64]int{}, int64(work.NoTime)
		back := 0 // the batch to come back to, after the next one has run
		kept, mark := map[int64]int{}, watermark
		for i := 0; i < len(batches); i++ {
			closed, batch := watermark, rdd.BatchID(i+1)
			if rapid.Bool().Draw(rt, "moves") {
				watermark = max(watermark, rapid.Int64Range(-30, 70).Draw(rt, "watermark"))
			}
			scan := r.scan(batch, i, i+1)
			scan.Closed = closed
			task := r.task(batch, 1, 0)
			task.Blocks, task.Watermark, task.Final = r.run(scan).Blocks, watermark, i+1 == len(batches)
			task.Freeze = back == 0 && rapid.Bool().Draw(rt, "freezes")
			want := count(open, at[i], closed, watermark, task.Final)
			for range rapid.IntRange(1, 2).Draw(rt, "runs") {
				r.run(task)
				if got := r.out.take(); !slices.Equal(got, want) {
					rt.Fatalf("batch %d at watermark %d gives %v, want %v", batch, watermark, got, want)
				}
			}
			switch {
			case back > 0:
				r.restart(rdd.BatchID(back))
				open, watermark, i, back = kept, mark, back-1, -1
			case task.Freeze:
				back, kept, mark = i+1, maps.Clone(open), watermark
			case rapid.Bool().Draw(rt, "stops"):
				r.restart(batch)
			case rapid.Bool().Draw(rt, "leaves and comes back"):
				r.move(batch)
			}
		}
	})
}

// count is what a batch of events brings into the windows that are open, and
// what leaves of them.
func count(open map[int64]int, at []int64, closed, watermark int64, final bool) []string {
	for _, ts := range at {
		if start := floorTo(ts, 10); start+15 > closed {
			open[start]++
		}
	}
	var out []string
	for start := range maps.Clone(open) {
		if final || start+15 <= watermark {
			out = append(out, fmt.Sprintf("sums window_start=%d n=%d", start, open[start]))
			delete(open, start)
		}
	}
	slices.Sort(out)
	return out
}

// Every aggregate over every type survives a file, with groups and without keys.
func TestEveryAggregateIsRestored(t *testing.T) {
	var get []rdd.Assign
	for _, f := range []string{"count()", "count(code)", "sum(code)", "sum(wh)", "avg(code)", "avg(wh)", "stddev(wh)", "min(code)", "max(wh)",
		"min(meter)", "max(ts)", "count_distinct(meter)", "count_distinct(code)", "first(meter)", "last(wh)"} {
		get = append(get, rdd.Assign{Column: fmt.Sprint("c", len(get)), Expr: f})
	}
	for _, by := range [][]string{{"meter"}, {"meter", "ts", "code"}, nil} {
		build := func(ev *rdd.Dataset) *rdd.Job {
			return written(ev.Reduce(rdd.Reduce{From: Err, As: Sums, By: by, Get: get})).With(rdd.Settings{KeyGroups: 1})
		}
		row := func(meter string, n int) string {
			return fmt.Sprintf(`"kind":"error","meter":%q,"ts":%d,"code":%d,"wh":%d.1`, meter, n%3, n%5, n)
		}
		batches := [][]string{{`"kind":"error"`}, nil, nil}
		for n := range 60 {
			batches[n/20] = append(batches[n/20], row(fmt.Sprint("m", n%7), n))
		}
		var got [2][]string
		for i := range got {
			r := newRig(t, planner.IDAG, "kind meter ts code wh", rdd.Tag{Column: "kind", Time: "ts"}, build, batches...).saving(t.TempDir())
			for b := range batches {
				task := r.merge(rdd.BatchID(b+1), work.NoTime, b, b+1)
				task.Final = b+1 == len(batches)
				if r.run(task); i > 0 && !task.Final {
					r.restart(task.Batch)
				}
			}
			got[i] = r.out.take()
		}
		if len(got[0]) == 0 {
			t.Errorf("by %v: no groups", by)
		}
		sameRows(t, fmt.Sprint("by ", by, ", restored"), got[1], got[0]...)
	}
}

// A quiet task makes its state and its counts, and stages nothing.
func TestQuiet(t *testing.T) {
	r := windowRig(t, times(0), times(1))
	task := r.merge(1, 15, 0, 1)
	task.Quiet = true
	if got := r.run(task); len(got.Staged) > 0 || len(r.out.take()) > 0 {
		t.Errorf("a quiet task staged %v", got.Staged)
	}
	scan := r.scan(2, 1, 2)
	scan.Closed, scan.Quiet = 1000, true
	if got := r.run(scan); len(got.Staged) > 0 || got.Tally.Late != 1 || len(r.dead.take()) > 0 {
		t.Errorf("a quiet task staged %v, with %d late rows", got.Staged, got.Tally.Late)
	}
}

// State that has gone on is not saved as an older one, and what is not there or
// belongs to a stage without state is not restored; nothing is left of it then.
func TestWhatCannotBeSaved(t *testing.T) {
	r := windowRig(t, times(0), times(0)).saving(t.TempDir())
	r.run(r.merge(1, work.NoTime, 0, 1))
	saved, err := r.x.Save(t.Context(), work.State{Batch: 1, Stage: 1})
	if err != nil || saved.Rows != 1 {
		t.Fatalf("saved %+v, %v", saved, err)
	}
	r.run(r.merge(2, work.NoTime, 1, 2))
	if _, err := r.x.Save(t.Context(), work.State{Batch: 1, Stage: 1}); fault.Of(err) != fault.Lost {
		t.Errorf("batch 1 saved after batch 2: %v", err)
	}
	for _, stage := range []int{0, 9, -1} {
		if _, err := r.x.Save(t.Context(), work.State{Batch: 1, Stage: stage}); fault.Of(err) != fault.Bug {
			t.Errorf("stage %d saved: %v", stage, err)
		}
	}
	if err := os.Truncate(filepath.Join(r.x.States, saved.File), 10); err != nil {
		t.Fatal(err)
	}
	if err := r.x.Restore(t.Context(), []work.State{saved}); fault.Of(err) != fault.Lost {
		t.Errorf("restored from a damaged file: %v", err)
	}
	if err := r.x.Adopt(t.Context(), []work.State{saved}); fault.Of(err) != fault.Lost {
		t.Errorf("adopted from a damaged file: %v", err)
	}
	last := r.merge(3, work.NoTime, 0, 0)
	last.Final = true
	r.run(last)
	sameRows(t, "after a restore that failed", r.out.take())
}
