package executor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// skewed makes rows of both sides, one in three on the left, of which so many in ten have
// the same key on the left and on the right; the others have keys of their own.
func skewed(batch, n, left, right int) []string {
	var out []string
	for i := range n {
		kind, hot := "error", left
		if i%3 > 0 {
			kind, hot = "info", right
		}
		key := batch*n + i - i%3
		if (i*7+batch)/3%10 < hot {
			key = -1
		}
		out = append(out, fmt.Sprintf(`"kind":%q,"ts":%d,"code":%d,"wh":%d.5,"meter":"meter number %d"`, kind, 1+batch*5+i%10, i, i*batch, key))
	}
	return out
}

// counted throws rows away and counts them and their checksum.
func (r *rig) counted() func() string {
	sum, rows := kernel.Checksum{}, int64(0)
	r.out.stage = func(_ context.Context, in rdd.Stream) (st rdd.Staged, err error) {
		for f, err := range in {
			if err != nil {
				return st, err
			}
			st.Rows += f.Batch.NumRows()
			sum.AddBatch("", f.Batch)
		}
		rows += st.Rows
		return st, nil
	}
	return func() string { return fmt.Sprint(rows, " ", sum) }
}

// One key has nine rows in ten of both sides, or of one, and there is room for a few of
// them: the result is the one of plenty of room, and what rows take stays within bounds.
func TestHotKeyWithLittleRoom(t *testing.T) {
	const room, batches = 16 << 10, 20
	for _, shares := range [][2]int{{9, 9}, {3, 3}, {1, 1}} {
		for _, how := range []rdd.JoinKind{"anti", "diff"} {
			n := 600
			if shares == [2]int{9, 9} && slices.Contains([]rdd.JoinKind{"inner", "left", "right", "full"}, how) {
				n = 120 // there are pairs of the hot rows
			}
			var rows [][]string
			for i := range batches {
				rows = append(rows, skewed(i, n, shares[left], shares[right]))
			}
			run := func(memory int64) (string, int64, int64) {
				r := joinRig(t, rdd.Join{How: how}, rdd.Settings{Memory: memory * int64(n) / 600, FrameRows: 200}, rows...)
				p, result := &peak{Allocator: r.mem}, r.counted()
				r.x.Mem = p
				r.all(batches, never)
				spilled := r.x.room.spilled.Load()
				r.free()
				return result(), p.most.Load(), spilled
			}
			want, plenty, _ := run(1 << 40)
			got, little, spilled := run(room)
			if got != want {
				t.Errorf("%s join of %v: %s, want %s", how, shares, got, want)
			}
			t.Log(how, shares, plenty, little, spilled, got)
		}
	}
}

var _ = rand.N[int]
var _ = work.NoTime
