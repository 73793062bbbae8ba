package executor

import (
	"fmt"
	"math"
	"testing"

	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// A receipt says when the next of the windows that are kept leaves, where the plan reads
// its own results: a driver that goes as far, and no further, lets each leave alone. It
// never says a later one than there is, also if a batch runs again.
func TestNextWindow(t *testing.T) {
	if r := windowRig(t, times(0)); r.run(r.merge(1, work.NoTime, 0, 1)).Next != nil {
		t.Error("a plan without results asks for nothing")
	}
	rapid.Check(t, func(rt *rapid.T) {
		starts := rapid.SliceOfN(rapid.Int64Range(-50, 50), 1, 5).Draw(rt, "starts")
		late := rapid.SliceOfN(rapid.Int64Range(-50, 50), 1, 3).Draw(rt, "later")
		var all [2][]int64
		for i, list := range [][]int64{starts, late} {
			for _, s := range list {
				all[i] = append(all[i], 10*s)
			}
		}
		r := windowRig(t, times(all[0]...), times(all[1]...))
		r.plan.Results = []planner.Result{{Stage: 1}}
		kept := map[int64]bool{} // ends and lateness
		take := func(batch, from int, watermark int64) int64 {
			for _, s := range all[from] {
				kept[s+15] = true
			}
			task := r.merge(rdd.BatchID(batch), watermark, from, from+1)
			if rapid.Bool().Draw(rt, "again") {
				r.run(task)
			}
			return *r.run(task).Next
		}
		check := func(batch int, watermark, got int64) int64 {
			want, left := int64(math.MaxInt64), 0
			for end := range kept {
				if end <= watermark {
					delete(kept, end)
					left++
				} else {
					want = min(want, end)
				}
			}
			if got > want || left > 0 && got != want {
				rt.Fatalf("batch %d: the next window leaves at %d, said to at %d", batch, want, got)
			}
			r.out.take()
			return got
		}
		mark := rapid.Int64Range(-500, 500).Draw(rt, "watermark")
		check(1, mark, take(1, 0, mark))
		next := check(2, mark, take(2, 1, mark))
		for batch := 3; next != math.MaxInt64; batch++ {
			if batch > 20 {
				rt.Fatal("windows do not end")
			}
			mark, next = next, check(batch, next, *r.run(r.merge(rdd.BatchID(batch), next, 0, 0)).Next)
		}
		if len(kept) > 0 {
			rt.Fatal(fmt.Sprint("never left: ", kept))
		}
	})
}
