package executor

import (
	"math"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// drawTime draws times near zero, near a window's edge, and at the ends.
func drawTime(t *rapid.T) int64 {
	return rapid.OneOf(rapid.Int64Range(-50, 50), rapid.Int64(), rapid.Int64Range(math.MinInt64, math.MinInt64+200),
		rapid.Int64Range(math.MaxInt64-200, math.MaxInt64)).Draw(t, "time")
}

func drawSize(t *rapid.T) int64 {
	return rapid.OneOf(rapid.Int64Range(1, 20), rapid.Int64Range(1, math.MaxInt64)).Draw(t, "size")
}

func clamp(x *big.Int) int64 {
	switch {
	case x.Cmp(big.NewInt(math.MinInt64)) < 0:
		return math.MinInt64
	case x.Cmp(big.NewInt(math.MaxInt64)) > 0:
		return math.MaxInt64
	}
	return x.Int64()
}

// A window begins at the last multiple of its size that is not after the time,
// of negative times too, cut off where that is out of range.
func TestFloorTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at, size := drawTime(t), drawSize(t)
		n := new(big.Int).Div(big.NewInt(at), big.NewInt(size)) // Euclidean: rounds down for a positive size
		want := clamp(n.Mul(n, big.NewInt(size)))
		if got := floorTo(at, size); got != want {
			t.Fatalf("the window of %d and size %d begins at %d, want %d", at, size, got, want)
		}
	})
}

func TestSaturated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawTime(t), rapid.Int64Range(0, math.MaxInt64).Draw(t, "b")
		want := clamp(new(big.Int).Add(big.NewInt(a), big.NewInt(b)))
		if got := saturated(a, b); got != want {
			t.Fatalf("%d + %d is %d, want %d", a, b, got, want)
		}
	})
}

// The window of a row does not depend on the rows before it.
func TestWindowStartsAreIndependent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := drawSize(t)
		ts := make([]int64, rapid.IntRange(0, 20).Draw(t, "rows"))
		want, least := make([]int64, len(ts)), int64(math.MaxInt64)
		for i := range ts {
			ts[i] = drawTime(t)
			want[i] = floorTo(ts[i], size)
			least = min(least, want[i])
		}
		got := make([]int64, len(ts))
		if earliest := windowStarts(got, ts, size); !slices.Equal(got, want) || earliest != least {
			t.Fatalf("times %v, size %d: windows %v from %d, want %v from %d", ts, size, got, earliest, want, least)
		}
	})
}

// The first window of all is cut off; the row behind it is in the next one,
// though the first would reach there if it were whole.
func TestWindowStartsAtTheBeginningOfTime(t *testing.T) {
	ts := []int64{math.MinInt64, math.MinInt64 + 9, math.MinInt64 + 7}
	got := make([]int64, 3)
	windowStarts(got, ts, 10)
	if want := []int64{math.MinInt64, math.MinInt64 + 8, math.MinInt64}; !slices.Equal(got, want) {
		t.Errorf("the windows begin at %d, want %d", got, want)
	}
}

// windowJob counts events by window of 10 µs, late ones 5 µs after its end.
func windowJob(ev *rdd.Dataset) *rdd.Job {
	w := ev.Window(rdd.Tumbling("ts", 10*time.Microsecond)).
		Reduce(rdd.Reduce{From: Err, As: Sums, By: []string{"window_start"}, Get: []rdd.Assign{{Column: "n", Expr: "count()"}}})
	return written(w).With(rdd.Settings{Lateness: 5 * time.Microsecond, KeyGroups: 1})
}

// A row is late as soon as its window has left: when the watermark of the
// batch before has reached the window's end and the lateness. Rows without a
// time are in no window. Rows of other labels are neither.
func TestLateRows(t *testing.T) {
	for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged} {
		r := newRig(t, mode, "kind ts", rdd.Tag{Column: "kind"}, func(ev *rdd.Dataset) *rdd.Job {
			return written(ev.Window(rdd.Window{For: Err, Time: "ts", Size: 10 * time.Microsecond})).With(rdd.Settings{Lateness: 5 * time.Microsecond})
		}, []string{
			`"kind":"error","ts":9`,
			`"kind":"error","ts":10`,
			`"kind":"error","ts":-1`,
			`"kind":"error"`,
			`"kind":"info","ts":-315619200000000`,
			`"kind":"info"`,
		})
		zero, ten, minus := "error kind=error ts=9 window_start=0 window_end=10", "error kind=error ts=10 window_start=10 window_end=20",
			"error kind=error ts=-1 window_start=-10 window_end=0"
		others := []string{"info kind=info ts=-315619200000000", "info kind=info"}
		for _, c := range []struct {
			closed, late int64
			want         []string
		}{
			{work.NoTime, 0, []string{zero, ten, minus}},
			{4, 0, []string{zero, ten, minus}},
			{5, 1, []string{zero, ten}},
			{14, 1, []string{zero, ten}},
			{15, 2, []string{ten}},
			{24, 2, []string{ten}},
			{25, 3, nil},
			{math.MaxInt64, 3, nil},
		} {
			task := r.scan(1, 0, 1)
			task.Closed = c.closed
			got := runAll(r, task)
			sameRows(t, string(mode), r.out.take(), append(c.want, others...)...)
			if got.Late != c.late || got.DeadLetters != c.late+1 {
				t.Errorf("%s closed at %d: %d late of %d dead letters, want %d of %d", mode, c.closed, got.Late, got.DeadLetters, c.late, c.late+1)
			}
		}
	}
}

// runAll runs a reading task and, one behind another, the stages that take its
// blocks task by task, and adds the tallies up.
func runAll(r *rig, task work.Task) work.Tally {
	r.t.Helper()
	got := r.run(task)
	sum := got.Tally
	for stage := 1; stage < len(r.plan.Stages); stage++ {
		next := r.task(task.Batch, stage, 0)
		next.Marks, next.Blocks = task.Marks, got.Blocks
		got = r.run(next)
		sum.Add(got.Tally)
	}
	return sum
}
