package executor

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

func plainJob(ev *rdd.Dataset) *rdd.Job { return written(ev.Filter(0, "code > 3")) }

// A task of another plan is refused before anything is read.
func TestWrongPlan(t *testing.T) {
	r := newRig(t, planner.IDAG, "kind code", rdd.Tag{Column: "kind"}, plainJob, []string{`"kind":"error","code":5`})
	task := r.scan(1, 0, 1)
	task.Plan = "0123456789abcdef"
	_, err := r.x.Run(t.Context(), task)
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), task.Plan) || !strings.Contains(err.Error(), r.plan.Digest) {
		t.Errorf("the error is %v", err)
	}
	if len(r.src.read) > 0 {
		t.Error("the source was read")
	}
	for _, stage := range []int{-1, 7} {
		if _, err := r.x.Run(t.Context(), r.task(1, stage, 0)); fault.Of(err) != fault.Bug || err == nil {
			t.Errorf("stage %d: %v", stage, err)
		}
	}
}

// A panic below is a bug with the stack of the place where it happened, and the
// task can be run again.
func TestPanics(t *testing.T) {
	r := newRig(t, planner.IDAG, "kind code", rdd.Tag{Column: "kind"}, plainJob, []string{`"kind":"error","code":5`})
	r.src.fail = func(int64) error { panic("the source is broken") }
	_, err := r.x.Run(t.Context(), r.scan(1, 0, 1))
	if fault.Of(err) != fault.Bug || !strings.Contains(err.Error(), "the source is broken") || !strings.Contains(fault.Stack(err), "run_test.go") {
		t.Errorf("the error is %v\n%s", err, fault.Stack(err))
	}
	r.src.fail = nil
	r.run(r.scan(1, 0, 1))
	sameRows(t, "run again", r.out.rows[len(r.out.rows)-1:], "error kind=error code=5")
}

// A source's error is the task's, as it is, and so is a cancelled context.
func TestFailures(t *testing.T) {
	r := newRig(t, planner.IDAG, "kind code", rdd.Tag{Column: "kind"}, plainJob, []string{`"kind":"error","code":5`}, []string{`"kind":"error","code":5`})
	mine := fault.New(fault.Retry, "the network is down")
	r.src.fail = func(i int64) error {
		if i == 1 {
			return mine
		}
		return nil
	}
	if _, err := r.x.Run(t.Context(), r.scan(1, 0, 2)); !errors.Is(err, mine) || fault.Of(err) != fault.Retry {
		t.Errorf("the error is %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	r.src.fail = func(int64) error { stop(); return nil }
	if _, err := r.x.Run(ctx, r.scan(1, 0, 2)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A split that has not the rows it is said to have is the source's fault: every
// plan would give something else.
func TestSourceThatChanged(t *testing.T) {
	r := newRig(t, planner.IDAG, "kind code", rdd.Tag{Column: "kind"}, plainJob, []string{`"kind":"error","code":5`})
	task := r.scan(1, 0, 1)
	task.Splits[0].Rows = 2
	if _, err := r.x.Run(t.Context(), task); fault.Of(err) != fault.Invalid || err == nil {
		t.Errorf("the error is %v", err)
	}
	task.Splits[0].Rows = -1 // not known before reading
	r.run(task)
}

// Rows in are the tagged, the pruned and the dead-lettered ones, whatever was
// left out; pruned rows count for the watermark.
func TestPrunedRowsAreCounted(t *testing.T) {
	for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged} {
		r := newRig(t, mode, "kind code ts", rdd.Tag{Column: "kind", Time: "ts"}, plainJob,
			[]string{`"kind":"error","code":5,"ts":10`, `"kind":"nothing","code":5,"ts":30`, `"kind":"info","code":1,"ts":20`},
			[]string{`"kind":"error","code":1,"ts":99`, `"kind":"error","code":2,"ts":40`})
		r.src.bounds = []expr.Bounds{
			{"code": {Min: int64(1), Max: int64(5)}, "ts": {Min: arrow.Timestamp(10), Max: arrow.Timestamp(30)}},
			{"kind": {Min: "error", Max: "error"}, "code": {Min: int64(1), Max: int64(2)}, "ts": {Min: arrow.Timestamp(40), Max: arrow.Timestamp(99)}}}
		got := r.run(r.scan(1, 0, 2))
		tally := got.Tally
		if tally.RowsIn != 5 || tally.Tagged != 2 || tally.Pruned != 2 || tally.DeadLetters != 1 {
			t.Errorf("%s: rows in %d = tagged %d + pruned %d + dead letters %d", mode, tally.RowsIn, tally.Tagged, tally.Pruned, tally.DeadLetters)
		}
		if len(got.Times) != 1 || got.Times[0].Max != 99 {
			t.Errorf("%s: the latest times are %+v, want 99", mode, got.Times)
		}
		sameRows(t, string(mode), r.out.take(), "error kind=error code=5 ts=10")
	}
}

// Every operation balances: what came in left, was dropped, or is a dead letter.
func TestTallyBalances(t *testing.T) {
	r := newRig(t, planner.IDAG, "kind meter code", rdd.Tag{Column: "kind"}, func(ev *rdd.Dataset) *rdd.Job {
		return written(ev.Map(Err, "n", "strict(CAST(meter AS bigint))", "bad", "CAST(meter AS bigint)").Filter(Err, "code > 3"))
	}, []string{`"kind":"error","meter":"1","code":5`, `"kind":"error","meter":"x","code":5`, `"kind":"error","meter":"2","code":1`, `"kind":"info","meter":"y"`})
	tally := r.run(r.scan(1, 0, 1)).Tally
	for op, want := range map[int]work.OpCount{1: {In: 3, Out: 3}, 2: {In: 3, Out: 2, Nulled: 1}, 3: {In: 2, Out: 1}} {
		if got := tally.Ops[work.OpLabel{Op: op}]; got != want {
			t.Errorf("operation %d did %+v to errors, want %+v", op, got, want)
		}
	}
	if n := tally.Dead[work.Death{Op: 2, Reason: work.StrictFailed}]; n != 1 {
		t.Errorf("%d dead letters of strict, want 1", n)
	}
	for op := 2; op <= 3; op++ {
		if n := tally.Bypassed[physical.Bypass{Op: op, Label: 1, Reason: bypass.Label}]; n != 1 {
			t.Errorf("%d infos passed by operation %d, want 1", n, op)
		}
	}
}

// The check for leaks in these tests is not vacuous: the arrays that operators
// make come from the executor's allocator, so one that is kept is seen.
func TestALeakWouldBeSeen(t *testing.T) {
	r := newRig(t, planner.Masked, "kind meter code", rdd.Tag{Column: "kind"}, func(ev *rdd.Dataset) *rdd.Job {
		return written(ev.Map(Err, "n", "code + 1"))
	}, []string{`"kind":"error","code":5`, `"kind":"info","code":5`})
	mem := r.mem.(*memory.CheckedAllocator)
	before := mem.CurrentAlloc()
	var kept []arrow.Array
	r.out.stage = func(_ context.Context, in rdd.Stream) (rdd.Staged, error) {
		for f, err := range in {
			if err != nil {
				return rdd.Staged{}, err
			}
			for _, c := range f.Batch.Columns() {
				c.Retain() // a leak, until it is mended below
				kept = append(kept, c)
			}
		}
		return rdd.Staged{}, nil
	}
	r.run(r.scan(1, 0, 1))
	if leaked := mem.CurrentAlloc() - before; leaked <= 0 {
		t.Errorf("%d arrays are kept, and the check sees %d bytes", len(kept), leaked)
	}
	releaseAll(kept)
	if left := mem.CurrentAlloc() - before; left != 0 {
		t.Errorf("%d bytes are left after a task", left)
	}
}

// A failing task leaves no memory behind, wherever it fails: at the n-th row
// that a sink sees, of every plan.
func TestFailingTasksLeaveNoMemory(t *testing.T) {
	build := func(ev *rdd.Dataset) *rdd.Job {
		return written(ev.Map(Err, "n", "code + 1").Shuffle(rdd.Shuffle{Keys: []string{"code"}}).Map(Info, "m", "code + 2").Filter(Err, "n > 0"))
	}
	for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged} {
		r := newRig(t, mode, "kind meter code", rdd.Tag{Column: "kind"}, build, keyed(20))
		mem := r.mem.(*memory.CheckedAllocator)
		r.out.stage = func(_ context.Context, in rdd.Stream) (rdd.Staged, error) {
			in(func(*rdd.Frame, error) bool { return false })
			return rdd.Staged{}, fault.New(fault.Retry, "full")
		}
		blocks := r.run(r.scan(1, 0, 1)).Blocks
		failed := false
		for stage := 1; stage < len(r.plan.Stages); stage++ {
			var made []rdd.Block
			for g := range 8 {
				task := r.task(1, stage, g)
				for _, b := range blocks {
					if b.Partition == g {
						task.Blocks = append(task.Blocks, b)
					}
				}
				before := mem.CurrentAlloc()
				got, err := r.x.Run(t.Context(), task)
				if made = append(made, got.Blocks...); err == nil {
					continue
				}
				failed = true
				if left := mem.CurrentAlloc() - before; left != 0 {
					t.Errorf("%s: a failed task of stage %d left %d bytes", mode, stage, left)
				}
			}
			blocks = made
		}
		if !failed {
			t.Errorf("%s: no task failed", mode)
		}
	}
}
