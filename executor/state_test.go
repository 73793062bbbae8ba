package executor

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// times makes a batch of events at times in microseconds.
func times(ts ...int64) []string {
	out := make([]string, len(ts))
	for i, t := range ts {
		out[i] = fmt.Sprintf(`"kind":"error","ts":%d`, t)
	}
	return out
}

// windowRig counts events in windows of 10 µs that leave 5 µs after their end.
func windowRig(t testing.TB, batches ...[]string) *rig {
	return newRig(t, planner.IDAG, "kind ts", rdd.Tag{Column: "kind"}, windowJob, batches...)
}

// merge is the task that takes in what a scan of some batches of the source
// gave, if any.
func (r *rig) merge(batch rdd.BatchID, watermark int64, from, to int) work.Task {
	r.t.Helper()
	t := r.task(batch, 1, 0)
	t.Watermark = watermark
	if to > from {
		t.Blocks = r.run(r.scan(batch, from, to)).Blocks
	}
	return t
}

// A window leaves in the batch whose watermark reaches its end and the
// lateness, not a microsecond before, and once.
func TestWindowsLeave(t *testing.T) {
	r := windowRig(t, times(0, 9, 10, -1))
	for i, c := range []struct {
		watermark int64
		want      []string
	}{
		{work.NoTime, nil},
		{4, nil},
		{5, []string{"sums window_start=-10 n=1"}},
		{5, nil},
		{14, nil},
		{15, []string{"sums window_start=0 n=2"}},
		{24, nil},
		{1000, []string{"sums window_start=10 n=1"}},
		{2000, nil},
	} {
		n := 0
		if i == 0 {
			n = 1 // all events come in the first batch
		}
		r.run(r.merge(rdd.BatchID(i+1), c.watermark, 0, n))
		sameRows(t, fmt.Sprint("at watermark ", c.watermark), r.out.take(), c.want...)
	}
}

// At the end of the input everything leaves, whatever the watermark.
func TestFinalBatch(t *testing.T) {
	r := windowRig(t, times(0, 1), times(1, 100))
	r.run(r.merge(1, 5, 0, 1))
	last := r.merge(2, 5, 1, 2)
	last.Final = true
	for range 2 {
		r.run(last)
		sameRows(t, "at the end", r.out.take(), "sums window_start=0 n=3", "sums window_start=100 n=1")
	}
}

// Groups without a window wait for the end of the input, and a group that
// several batches brought leaves whole.
func TestGroupsWithoutWindow(t *testing.T) {
	r := newRig(t, planner.IDAG, "kind meter code", rdd.Tag{Column: "kind"}, func(ev *rdd.Dataset) *rdd.Job {
		return written(ev.Reduce(rdd.Reduce{From: Err, As: Sums, By: []string{"meter"}, Get: []rdd.Assign{{Column: "s", Expr: "sum(code)"}}})).
			With(rdd.Settings{KeyGroups: 1})
	}, []string{`"kind":"error","meter":"a","code":1`, `"kind":"error","code":10`}, []string{`"kind":"error","meter":"a","code":2`})
	r.run(r.merge(1, math.MaxInt64, 0, 1))
	sameRows(t, "before the end", r.out.take())
	last := r.merge(2, math.MaxInt64, 1, 2)
	last.Final = true
	r.run(last)
	sameRows(t, "at the end", r.out.take(), "sums meter=a s=3", "sums s=10")
}

// A task for batch n that runs again starts from n-1 again: the same receipt,
// the same rows, and the same state for n+1.
func TestRunningABatchAgain(t *testing.T) {
	r := windowRig(t, times(0, 10), times(1, 11), times(12))
	for i, c := range []struct {
		watermark int64
		want      []string
	}{
		{5, nil},
		{15, []string{"sums window_start=0 n=2"}},
		{25, []string{"sums window_start=10 n=3"}},
	} {
		task := r.merge(rdd.BatchID(i+1), c.watermark, i, i+1)
		first := timeless(r.run(task))
		sameRows(t, "the first run", r.out.take(), c.want...)
		for range 3 {
			if again := timeless(r.run(task)); again != first {
				t.Errorf("run again batch %d gives\n%s\nnot\n%s", task.Batch, again, first)
			}
			sameRows(t, "run again", r.out.take(), c.want...)
		}
	}
}

// A run that breaks off halfway leaves nothing behind: the next starts over.
func TestRunningABatchAfterAFailure(t *testing.T) {
	r := windowRig(t, times(0, 1), times(2))
	r.run(r.merge(1, work.NoTime, 0, 1))
	task := r.merge(2, 15, 1, 2)
	whole := task.Blocks
	gone := whole[0]
	gone.Task = 99
	task.Blocks = append(slices.Clone(whole), gone)
	if _, err := r.x.Run(t.Context(), task); fault.Of(err) != fault.Lost {
		t.Fatalf("with a block that is gone: %v", err)
	}
	task.Blocks = whole
	r.out.stage = func(context.Context, rdd.Stream) (rdd.Staged, error) { panic("the sink is broken") }
	if _, err := r.x.Run(t.Context(), task); fault.Of(err) != fault.Bug {
		t.Fatalf("with a sink that panics: %v", err)
	}
	r.out.stage = nil
	r.run(task)
	sameRows(t, "after two failures", r.out.take(), "sums window_start=0 n=3")
}

// State does not go back: a task of an older batch would see the future.
func TestBatchesDoNotGoBack(t *testing.T) {
	r := windowRig(t, times(0))
	r.run(r.merge(2, work.NoTime, 0, 1))
	if _, err := r.x.Run(t.Context(), r.merge(1, work.NoTime, 0, 0)); fault.Of(err) != fault.Bug {
		t.Errorf("an older batch: %v, want %s", err, fault.Bug)
	}
	last := r.merge(3, work.NoTime, 0, 0)
	last.Final = true
	r.run(last)
	sameRows(t, "the state after it", r.out.take(), "sums window_start=0 n=1")
}

// Batches may come with gaps: a key group that nothing happens to is not run.
func TestGapsBetweenBatches(t *testing.T) {
	r := windowRig(t, times(0), times(0))
	r.run(r.merge(1, work.NoTime, 0, 1))
	r.run(r.merge(7, 15, 1, 2))
	sameRows(t, "with a gap", r.out.take(), "sums window_start=0 n=2")
}

// On any batches, watermarks and repetitions every event is counted once, in
// the batch in which its window leaves.
func TestStateCountsOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var batches [][]string
		var at [][]int64
		for range rapid.IntRange(1, 6).Draw(rt, "batches") {
			ts := rapid.SliceOfN(rapid.Int64Range(-30, 60), 1, 6).Draw(rt, "times")
			at, batches = append(at, ts), append(batches, times(ts...))
		}
		r := windowRig(t, batches...)
		defer r.free()
		open, watermark := map[int64]int{}, int64(work.NoTime)
		for i := range batches {
			closed := watermark
			if rapid.Bool().Draw(rt, "moves") {
				watermark = max(watermark, rapid.Int64Range(-30, 70).Draw(rt, "watermark"))
			}
			for _, ts := range at[i] {
				if start := floorTo(ts, 10); start+15 > closed {
					open[start]++
				}
			}
			scan := r.scan(rdd.BatchID(i+1), i, i+1)
			scan.Closed = closed
			task := r.task(rdd.BatchID(i+1), 1, 0)
			task.Blocks, task.Watermark, task.Final = r.run(scan).Blocks, watermark, i+1 == len(batches)
			var want []string
			for start := range maps.Clone(open) {
				if task.Final || start+15 <= watermark {
					want = append(want, fmt.Sprintf("sums window_start=%d n=%d", start, open[start]))
					delete(open, start)
				}
			}
			slices.Sort(want)
			for range rapid.IntRange(1, 3).Draw(rt, "runs") {
				r.run(task)
				if got := r.out.take(); !slices.Equal(got, want) {
					rt.Fatalf("batch %d at watermark %d gives %v, want %v", i+1, watermark, got, want)
				}
			}
		}
	})
}
