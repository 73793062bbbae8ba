package executor

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// trunk is a job whose operations bounds of code decide: 2 and 3 for good, 4 not.
func trunk(ev *rdd.Dataset) *rdd.Job {
	return written(ev.Map(Err, "code", "coalesce(code, 0)").Filter(Err, "code > 3").Map(Err, "n", "code * 2"))
}

// TestRowsPassByWhatBoundsDecide: each row group by itself, with the same rows as the
// linear plan, which proves nothing; and the counts say where the rows went.
func TestRowsPassByWhatBoundsDecide(t *testing.T) {
	for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection} {
		r := newRig(t, mode, "kind code", rdd.Tag{Column: "kind"}, trunk,
			[]string{`"kind":"error","code":5`, `"kind":"error","code":9`, `"kind":"info","code":7`}, // all pass
			[]string{`"kind":"error","code":1`, `"kind":"info","code":2`, `"kind":"info","code":3`},  // none does
			[]string{`"kind":"error","code":1`, `"kind":"error","code":9`},                           // some do
			[]string{`"kind":"error"`, `"kind":"error","code":9`})                                    // a null: coalesce changes it
		r.src.bounds = []expr.Bounds{
			{"code": {Min: int64(5), Max: int64(9)}}, {"code": {Min: int64(0), Max: int64(3)}},
			{"code": {Min: int64(1), Max: int64(9)}}, {"code": {Min: int64(9), Max: int64(9), Nulls: true}},
		}
		tally := r.run(r.scan(1, 0, 4)).Tally
		sameRows(t, string(mode), r.out.take(), "error kind=error code=5 n=10", "error kind=error code=9 n=18", "error kind=error code=9 n=18",
			"error kind=error code=9 n=18", "info kind=info code=7", "info kind=info code=2", "info kind=info code=3")
		if mode != planner.IDAG {
			if len(tally.Bypassed) > 0 {
				t.Errorf("%s: bypassed %v", mode, tally.Bypassed)
			}
			continue
		}
		want := map[physical.Bypass]int64{
			{Op: 2, Label: 0, Reason: bypass.Identity}: 4, {Op: 3, Label: 0, Reason: bypass.Identity}: 2,
			{Op: 2, Label: 0, Reason: bypass.Empty}: 1, {Op: 3, Label: 0, Reason: bypass.Empty}: 1,
			{Op: 2, Label: 1, Reason: bypass.Label}: 3, {Op: 3, Label: 1, Reason: bypass.Label}: 3, {Op: 4, Label: 1, Reason: bypass.Label}: 3,
		}
		for k, n := range want {
			if tally.Bypassed[k] != n {
				t.Errorf("%v: %d rows, want %d", k, tally.Bypassed[k], n)
			}
		}
		if len(tally.Bypassed) != len(want) {
			t.Errorf("bypassed %v", tally.Bypassed)
		}
		for op, count := range map[int]work.OpCount{1: {In: 7, Out: 7}, 2: {In: 2, Out: 2}, 3: {In: 4, Out: 2}, 4: {In: 4, Out: 4}} {
			if got := tally.Ops[work.OpLabel{Op: op}]; got.In != count.In || got.Out != count.Out {
				t.Errorf("operation %d did %+v to errors, want %+v", op, got, count)
			}
		}
	}
}

// TestBoundsAreBelieved: with bounds that lie the rows are others, so the operations
// are really left out, and only those that the bounds are about.
func TestBoundsAreBelieved(t *testing.T) {
	r := newRig(t, planner.IDAG, "kind code", rdd.Tag{Column: "kind"}, trunk, []string{`"kind":"error","code":1`, `"kind":"error","code":9`})
	r.src.bounds = []expr.Bounds{{"code": {Min: int64(5), Max: int64(5)}}}
	r.run(r.scan(1, 0, 1))
	sameRows(t, "as if all were 5", r.out.take(), "error kind=error code=1 n=2", "error kind=error code=9 n=18")
}

// TestWhatActsIsNotLeftOut: a strict expression makes its dead letters, and a window
// sees its rows, though nothing comes of them behind; a null event time is one.
func TestWhatActsIsNotLeftOut(t *testing.T) {
	strict := func(ev *rdd.Dataset) *rdd.Job {
		return written(ev.Map(Err, "n", "strict(10 / (code - 1))").Filter(Err, "code > 3"))
	}
	r := newRig(t, planner.IDAG, "kind code ts", rdd.Tag{Column: "kind"}, strict, []string{`"kind":"error","code":1,"ts":1`, `"kind":"error","code":2,"ts":1`})
	r.src.bounds = []expr.Bounds{{"code": {Min: int64(1), Max: int64(2)}}}
	tally := r.run(r.scan(1, 0, 1)).Tally
	if tally.DeadLetters != 1 || tally.Bypassed[physical.Bypass{Op: 3, Reason: bypass.Empty}] != 1 || len(tally.Bypassed) != 1 {
		t.Errorf("%d dead letters, bypassed %v", tally.DeadLetters, tally.Bypassed)
	}
	window := func(ev *rdd.Dataset) *rdd.Job {
		w := rdd.Tumbling("ts", 60_000_000_000)
		w.For = Err
		return written(ev.Window(w).Filter(Err, "code > 3"))
	}
	r = newRig(t, planner.IDAG, "kind code ts", rdd.Tag{Column: "kind", Time: "ts"}, window, []string{`"kind":"error","code":1,"ts":1`, `"kind":"error","code":2`})
	r.src.bounds = []expr.Bounds{{"code": {Min: int64(1), Max: int64(2)}, "ts": {Min: arrow.Timestamp(1), Nulls: true}}}
	tally = r.run(r.scan(1, 0, 1)).Tally
	if tally.Dead[work.Death{Op: 2, Reason: work.NoEventTime}] != 1 || tally.Bypassed[physical.Bypass{Op: 3, Reason: bypass.Empty}] != 1 {
		t.Errorf("dead letters %v, bypassed %v", tally.Dead, tally.Bypassed)
	}
}

// TestForksAreJudgedOneByOne: a branch of which nothing comes is left out, and the
// other is not.
func TestForksAreJudgedOneByOne(t *testing.T) {
	fork := func(ev *rdd.Dataset) *rdd.Job {
		m := ev.Map(Err, "code", "code + 1")
		return written(m.Filter(Err, "code > 9"), m.Filter(Err, "code > 1"))
	}
	r := newRig(t, planner.IDAG, "kind code", rdd.Tag{Column: "kind"}, fork, []string{`"kind":"error","code":1`, `"kind":"error","code":2`})
	r.src.bounds = []expr.Bounds{{"code": {Min: int64(1), Max: int64(2)}}}
	tally := r.run(r.scan(1, 0, 1)).Tally
	if n := tally.Ops[work.OpLabel{Op: 2}].In; n != 2 {
		t.Errorf("%d rows came to the map that one branch needs", n)
	}
	var empty, identity int64
	for k, n := range tally.Bypassed {
		switch k.Reason {
		case bypass.Empty:
			empty += n
		case bypass.Identity:
			identity += n
		default:
		}
	}
	if empty != 2 || identity != 2 {
		t.Errorf("bypassed %v", tally.Bypassed)
	}
	sameRows(t, "the first branch", r.out.take())
}
