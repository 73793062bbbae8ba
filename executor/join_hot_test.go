package executor

import (
	"context"
	"fmt"
	"math/rand/v2"
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
	const room, batches = 32 << 10, 12
	for _, c := range []struct {
		how         rdd.JoinKind
		left, right int
		rows        int
	}{
		{"inner", 9, 9, 90}, {"full", 9, 9, 90}, // the hot rows have pairs
		{"semi", 9, 9, 300}, {"anti", 9, 9, 300}, {"diff", 9, 9, 300},
		{"full", 9, 0, 300}, {"right", 0, 9, 300}, {"diff", 3, 3, 300}, {"anti", 1, 1, 300},
	} {
		var rows [][]string
		for i := range batches {
			rows = append(rows, skewed(i, c.rows, c.left, c.right))
		}
		run := func(memory int64) (result string, most, spilled int64, hot bool) {
			r := joinRig(t, rdd.Join{How: c.how}, rdd.Settings{Memory: memory, FrameRows: 200}, rows...)
			p, sum := &peak{Allocator: r.mem}, r.counted()
			r.x.Mem = p
			r.all(batches, func(int) int64 { hot = hot || r.putAside(t); return work.NoTime })
			spilled = r.x.room.spilled.Load()
			r.free()
			return sum(), p.most.Load(), spilled, hot
		}
		limit := room * int64(c.rows) / 300
		want, plenty, none, _ := run(1 << 40)
		got, most, spilled, hot := run(limit)
		if got != want {
			t.Errorf("%s join of %d and %d in ten: %s, want %s", c.how, c.left, c.right, got, want)
		}
		if none != 0 || spilled == 0 {
			t.Errorf("%s join of %d and %d in ten wrote %d bytes to disk, with plenty of room %d", c.how, c.left, c.right, spilled, none)
		}
		if bound := 3*limit + 16<<10; plenty < 3*bound/2 || most > bound { // frames and batches under way come on top
			t.Errorf("%s join of %d and %d in ten: %d bytes at once, %d with plenty of room", c.how, c.left, c.right, most, plenty)
		}
		if !hot {
			t.Errorf("%s join of %d and %d in ten: no key was put aside on its way to disk", c.how, c.left, c.right)
		}
	}
}

// putAside reports whether the rig's join has rows of one key by themselves on disk.
func (r *rig) putAside(t *testing.T) bool {
	k, err := r.x.keeper(stateID{stage: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range k.(*joinState).base {
		for _, d := range p.disk {
			if d.one {
				return true
			}
		}
	}
	return false
}

// What is said of hot keys is true of the keys of many rows, whatever the order; a set
// finds what is in it and nothing else.
func TestHotKeysAreFound(t *testing.T) {
	var k hotKeys
	if got := k.over([2]uint64{}); len(got.list) != 0 {
		t.Errorf("of no rows %v are hot", got.list)
	}
	var hashes []uint64
	for i := range 20_000 {
		hash := rand.Uint64()
		if i%4 == 0 {
			hash = uint64(1 + i%16/4) // four keys of one row in sixteen each
		}
		hashes = append(hashes, hash)
	}
	rand.Shuffle(len(hashes), func(i, j int) { hashes[i], hashes[j] = hashes[j], hashes[i] })
	for at := 0; at < len(hashes); at += 100 {
		if err := k.note(right, hashes[at:at+100]); err != nil {
			t.Fatal(err)
		}
	}
	twin, err := k.copy()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.note(left, hashes[:50]); err != nil || k.rows() != 20_050 || twin.rows() != 20_000 {
		t.Errorf("%d and %d rows, %v", k.rows(), twin.rows(), err)
	}
	for _, k := range []hotKeys{k, twin} {
		got := k.over([2]uint64{1000, 1000})
		for hash := range uint64(300) {
			if in := got.find(hash) >= 0; in != (hash >= 1 && hash <= 4) {
				t.Errorf("key %d is hot: %t", hash, in)
			}
		}
		if len(got.list) != 4 {
			t.Errorf("%d keys are hot", len(got.list))
		}
	}
	if got := k.over([2]uint64{1000, 1500}); len(got.list) != 0 {
		t.Errorf("%v are hot, with no more than 1250 rows", got.list)
	}
	if got := k.over([2]uint64{}); len(got.list) > hotMost {
		t.Errorf("%d keys are hot at once", len(got.list))
	}
}
