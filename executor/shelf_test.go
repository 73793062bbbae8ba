package executor

import (
	"fmt"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// drawFrames draws the frames of a block, with all that headers of blocks have.
func drawFrames(t *rapid.T, tb testing.TB, mem memory.Allocator) *rdd.Frames {
	out := new(rdd.Frames)
	for range rapid.IntRange(1, 3).Draw(t, "frames") {
		n := rapid.IntRange(0, 5).Draw(t, "rows")
		rows := make([]string, n+2)
		for i := range rows {
			rows[i] = rapid.SampledFrom([]string{`"code":1`, `"code":-7`, ``, `"kind":"x"`, `"kind":"ö","code":3`}).Draw(t, "row")
		}
		whole := batch(tb, mem, schemaOf("code kind"), rows...)
		b := whole.NewSlice(1, int64(n+1)) // at an offset
		whole.Release()
		h := rdd.Header{Labels: Err, Done: []string{"tag:1", "map:2"}, Origin: rdd.Origin{Source: rapid.IntRange(-1, 1).Draw(t, "source"),
			Partition: 3, First: 1 << 40, Split: &rdd.Split{Name: "s"}}}
		if rapid.Bool().Draw(t, "row numbers") {
			h.Origin.Rows = rapid.SliceOfN(rapid.Int32Min(0), n, n).Draw(t, "numbers")
		}
		if rapid.Bool().Draw(t, "ordinals") {
			h.Origin.Child = rapid.SliceOfN(rapid.Int64(), n, n).Draw(t, "children")
		}
		out.Keep(&rdd.Frame{Header: h, Batch: b})
		b.Release()
	}
	return out
}

// framesText spells frames whole.
func framesText(t *rapid.T, f *rdd.Frames, err error) string {
	if err != nil {
		return fault.Of(err).String()
	}
	defer f.Release()
	text := ""
	for _, one := range f.List() {
		o := one.Header.Origin
		if o.Split == nil || o.Split.Name != "s" || o.Rows != nil && len(o.Rows) != int(one.Batch.NumRows()) {
			t.Fatalf("origin %+v of %d rows", o, one.Batch.NumRows())
		}
		o.Split, one.Header.Origin = nil, rdd.Origin{}
		text += fmt.Sprintf("%+v %+v %v %v\n", one.Header, o, one.Batch.Schema(), one.Batch)
	}
	return text
}

// TestBlocksWithin proves that a store whose budget is small, or nothing, gives what one
// without a budget does, whatever is put, replaced, read and dropped; that it keeps to its
// budget; and that neither memory, budget nor a file is left.
func TestBlocksWithin(t *testing.T) {
	dir := t.TempDir()
	spilled := false
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		budget := NewBudget(rapid.SampledFrom([]int64{0, 200, 1000, 1 << 30}).Draw(rt, "budget"))
		twin, s := NewBlocks(), NewBlocksWithin(budget, dir, mem)
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			at := rdd.Block{Batch: rdd.BatchID(rapid.IntRange(1, 3).Draw(rt, "batch")), Task: rapid.IntRange(0, 2).Draw(rt, "task")}
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0, 1, 2:
				f := drawFrames(rt, t, mem)
				same := new(rdd.Frames)
				for i := range f.List() {
					at.Bytes += sizeOf(f.List()[i].Batch)
					same.Keep(&f.List()[i])
				}
				if err := twin.Put(at, same); err != nil {
					rt.Fatal(err)
				}
				if err := s.Put(at, f); err != nil {
					rt.Fatal(err)
				}
			case 3, 4:
				a, errA := twin.Get(at)
				b, errB := s.Get(at)
				if want, got := framesText(rt, a, errA), framesText(rt, b, errB); got != want {
					rt.Fatalf("got\n%s\nwant\n%s", got, want)
				}
			case 5:
				twin.Drop(at.Batch)
				s.Drop(at.Batch)
			}
			if used := budget.Used(); used < 0 || used > max(budget.limit, 0) {
				rt.Fatalf("%d bytes of a budget of %d", used, budget.limit)
			}
			spilled = spilled || s.Spilled() > 0
		}
		twin.Close()
		s.Close()
		if n := mem.CurrentAlloc(); n != 0 || budget.Used() != 0 || s.Spilled() != 0 {
			rt.Fatalf("%d bytes of memory, %d of the budget, %d on disk are left", n, budget.Used(), s.Spilled())
		}
	})
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 || !spilled {
		t.Errorf("%d files are left, %v; spilled is %v", len(files), err, spilled)
	}
}

// TestFairBudget proves that a store which puts all it can leaves another its part: without a
// disk, where what finds no room is a fault, the greedy one fails and the other does not. The
// budget holds whatever comes and goes.
func TestFairBudget(t *testing.T) {
	const part = 1000
	mem := checked(t)
	budget := NewBudget(2 * part)
	put := func(s *Blocks, batch rdd.BatchID, bytes int64) error {
		t.Helper()
		err := s.Put(rdd.Block{Batch: batch, Bytes: bytes}, frames(t, mem, 2))
		if used := budget.Used(); used > 2*part || used < 0 {
			t.Errorf("%d bytes of a budget of %d", used, 2*part)
		}
		return err
	}
	took := func(s *Blocks) (n int) {
		for batch := rdd.BatchID(1); put(s, batch, 100) == nil; batch++ {
			n++
		}
		return n
	}
	greedy, other := NewBlocksWithin(budget, "/dev/null/nowhere", mem), NewBlocksWithin(budget, "/dev/null/nowhere", mem)
	if n := took(greedy); n == 0 || n > part/100 {
		t.Errorf("the greedy store has %d blocks of 100 bytes", n)
	}
	for batch := rdd.BatchID(1); batch <= 8; batch++ {
		if err := put(other, batch, 100); err != nil {
			t.Errorf("block %d of the other: %v", batch, err)
		}
	}
	other.Close()
	other.Close()
	if n := took(greedy); n <= part/100/2 {
		t.Errorf("alone, the greedy store has %d blocks more", n)
	}
	// One that comes late waits for no more than the blocks that were there before.
	late := NewBlocksWithin(budget, "/dev/null/nowhere", mem)
	if err := put(late, 1, part/2); err == nil {
		t.Error("there was room beyond the budget")
	}
	for batch := rdd.BatchID(1); batch <= 5; batch++ {
		greedy.Drop(batch)
	}
	if err := put(greedy, 1, 100); err == nil {
		t.Error("the greedy store takes more than its part")
	}
	if err := put(late, 1, part/2); err != nil {
		t.Error(err)
	}
	greedy.Close()
	late.Close()
	if budget.Used() != 0 {
		t.Errorf("%d bytes are left", budget.Used())
	}
}

// TestFullDisk: a block that can be put nowhere is a fault, and is given up.
func TestFullDisk(t *testing.T) {
	mem := checked(t)
	s := NewBlocksWithin(NewBudget(0), "/dev/null/nowhere", mem)
	defer s.Close()
	if err := s.Put(rdd.Block{Batch: 1, Bytes: 1}, frames(t, mem, 2)); err == nil {
		t.Error("a block was put where there is no place")
	}
	if _, err := s.Get(rdd.Block{Batch: 1}); fault.Of(err) != fault.Lost {
		t.Error(err)
	}
}
