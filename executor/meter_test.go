package executor

import (
	"fmt"
	"testing"
	"time"

	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// meteredRig reads 3,000 errors and 1,000 infos, maps and filters the errors, and
// counts both by meter.
func meteredRig(t *testing.T, mode planner.Mode) *rig {
	var rows []string
	for i := range 4000 {
		kind := "error"
		if i%4 == 3 {
			kind = "info"
		}
		rows = append(rows, fmt.Sprintf(`"kind":%q,"meter":"m%d","code":%d`, kind, i%50, i))
	}
	return newRig(t, mode, "kind meter code", rdd.Tag{Column: "kind"}, func(ev *rdd.Dataset) *rdd.Job {
		return written(ev.Map(Err, "x", "code * 2").Filter(Err, "x > 10").
			Reduce(rdd.Reduce{From: Err | Info, As: Sums, By: []string{"meter"}, Get: []rdd.Assign{{Column: "n", Expr: "count()"}}}))
	}, rows)
}

// TestMeasuredTimesAddUp proves that the times of a task's operations are parts of
// the task's, and together nearly all of it.
func TestMeasuredTimesAddUp(t *testing.T) {
	for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection} {
		most := 0.0
		for range 5 { // a busy machine may stop the task between two looks at the clock
			r := meteredRig(t, mode)
			task := r.scan(1, 0, 1)
			task.Measure = true
			first := r.run(task)
			merge := r.task(1, 1, 0)
			merge.Blocks, merge.Measure, merge.Final = blocksOf(first, 0), true, true
			for _, got := range []work.Receipt{first, r.run(merge)} {
				var sum time.Duration
				for k, c := range got.Tally.Ops {
					if c.Time < 0 || c.Bytes < 0 {
						t.Errorf("%s: operation %d took %v for label %d and made %d bytes", mode, k.Op, c.Time, k.Label, c.Bytes)
					}
					sum += c.Time
				}
				if sum > got.Wall {
					t.Errorf("%s: operations took %v of a task's %v", mode, sum, got.Wall)
				}
				most = max(most, float64(sum)/float64(got.Wall))
			}
		}
		if most < 0.8 {
			t.Errorf("%s: no more than %.2f of a task's time is accounted for", mode, most)
		}
	}
}

// TestMeasuringChangesNothing proves that what is counted is the same with and
// without, and that nothing is measured unless it is asked for.
func TestMeasuringChangesNothing(t *testing.T) {
	r := meteredRig(t, planner.IDAG)
	plain := r.run(r.scan(1, 0, 1))
	for k, c := range plain.Tally.Ops {
		if c.Time != 0 || c.Bytes != 0 {
			t.Errorf("operation %d: %v, %d bytes", k.Op, c.Time, c.Bytes)
		}
	}
	task := r.scan(1, 0, 1)
	task.Measure = true
	measured := r.run(task)
	for k, c := range measured.Tally.Ops {
		c.Time, c.Bytes = 0, 0
		if c == (work.OpCount{}) {
			delete(measured.Tally.Ops, k) // the source, of which no rows are counted by label
			continue
		}
		measured.Tally.Ops[k] = c
	}
	if timeless(plain) != timeless(measured) {
		t.Errorf("%s\n%s", timeless(plain), timeless(measured))
	}
}

// TestMeasuredBytes proves what counts as made: of the map the one column it
// computes; of the tag the columns that are gathered by label; of the filter, which
// drops a few rows, what is left; of the reduce the groups sent on.
func TestMeasuredBytes(t *testing.T) {
	r := meteredRig(t, planner.IDAG)
	task := r.scan(1, 0, 1)
	task.Measure = true
	ops := r.run(task).Tally.Ops
	bytes := func(op, label int) int64 { return ops[work.OpLabel{Op: op, Label: label}].Bytes }
	if got := bytes(2, 0); got != 3000*8 {
		t.Errorf("the map made %d bytes for errors, want a column of 3,000 numbers", got)
	}
	if got := bytes(2, 1); got != 0 {
		t.Errorf("the map made %d bytes for infos", got)
	}
	if read := bytes(0, 0) + bytes(0, 1); read <= 4000*8 || bytes(0, 0) < 2*bytes(0, 1) {
		t.Errorf("%d bytes were read for errors, %d for infos; three times as many rows are errors", bytes(0, 0), bytes(0, 1))
	}
	for _, k := range []work.OpLabel{{Op: 1}, {Op: 1, Label: 1}, {Op: 3}, {Op: 4}, {Op: 4, Label: 1}} {
		if ops[k].Bytes <= 0 || ops[k].Time <= 0 {
			t.Errorf("operation %d made %d bytes for label %d in %v", k.Op, ops[k].Bytes, k.Label, ops[k].Time)
		}
	}
}
