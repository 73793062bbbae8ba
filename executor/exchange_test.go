package executor

import (
	"fmt"
	"slices"
	"testing"

	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// Key groups are a permutation of the rows, ordered by key group and then as
// they came, and rows of one hash share one.
func TestKeyGroups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.IntRange(1, 40).Draw(t, "parts")
		hashes := rapid.SliceOf(rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 3), rapid.Just(^uint64(0)))).Draw(t, "hashes")
		rows, ends := keyGroups(hashes, parts)
		if len(ends) != parts || ends[parts-1] != len(hashes) || !slices.IsSorted(ends) {
			t.Fatalf("%d rows in %d parts end at %v", len(hashes), parts, ends)
		}
		seen := make([]bool, len(hashes))
		from := 0
		for p, to := range ends {
			if !slices.IsSorted(rows[from:to]) {
				t.Fatalf("the rows of part %d are out of order: %v", p, rows[from:to])
			}
			for _, row := range rows[from:to] {
				if seen[row] || keyGroup(hashes[row], parts) != p {
					t.Fatalf("row %d with hash %x is in part %d, or twice", row, hashes[row], p)
				}
				seen[row] = true
			}
			from = to
		}
	})
}

// A hash has one key group out of all, and even hashes spread evenly.
func TestKeyGroupSpreads(t *testing.T) {
	const parts = 7
	var count [parts]int
	for i := range 7000 {
		count[keyGroup(uint64(i)*0x9E3779B97F4A7C15, parts)]++
	}
	for p, n := range count {
		if n < 900 || n > 1100 {
			t.Errorf("key group %d has %d of 7000 rows", p, n)
		}
	}
	if a, b := keyGroup(0, parts), keyGroup(^uint64(0), parts); a != 0 || b != parts-1 {
		t.Errorf("the first and last hash are in key groups %d and %d", a, b)
	}
}

// keyed makes rows of many keys.
func keyed(n int) []string {
	var rows []string
	for i := range n {
		rows = append(rows, fmt.Sprintf(`"kind":%q,"meter":"m%d","code":%d`, []string{"error", "info"}[i%2], i%5, i))
	}
	return append(rows, `"kind":"error","code":1000`) // a null key
}

// After a shuffle all rows of one key are in one block, and no row is lost.
func TestExchangeByKey(t *testing.T) {
	for _, mode := range []planner.Mode{planner.IDAG, planner.Masked} {
		r := newRig(t, mode, "kind meter code", rdd.Tag{Column: "kind"}, func(ev *rdd.Dataset) *rdd.Job {
			return rdd.NewJob("j", labels(), ev.Shuffle(rdd.Shuffle{Keys: []string{"meter"}}).
				Write(rdd.Write{Connector: "collect", Columns: []string{"meter", "code"}}))
		}, keyed(20), keyed(3))
		got := r.run(r.scan(1, 0, 2))
		home, rows, total := map[string]int{}, 0, int64(0)
		for _, b := range got.Blocks {
			if b.Node != "n1" || b.Batch != 1 || b.Stage != 0 || b.Bytes <= 0 {
				t.Errorf("the block is %+v", b)
			}
			total += b.Rows
			task := r.task(1, 1, b.Partition)
			task.Blocks = []rdd.Block{b}
			r.run(task)
			for _, row := range r.out.take() {
				rows++
				var label, meter string
				if n, _ := fmt.Sscanf(row, "%s meter=%s", &label, &meter); n < 2 {
					meter = "null"
				}
				if was, ok := home[meter]; ok && was != b.Partition {
					t.Errorf("%s: rows of %s are in key groups %d and %d", mode, meter, was, b.Partition)
				}
				home[meter] = b.Partition
			}
		}
		if rows != 25 || total != 25 || len(home) != 6 {
			t.Errorf("%s: %d rows of %d keys arrived, the blocks say %d", mode, rows, len(home), total)
		}
	}
}

// Two routes that meet in one reduce share a table: each group is sent once.
func TestOutletsShareATable(t *testing.T) {
	r := newRig(t, planner.IDAG, "kind meter code", rdd.Tag{Column: "kind"}, func(ev *rdd.Dataset) *rdd.Job {
		return written(ev.Map(Err, "code", "code + 1000").Reduce(rdd.Reduce{From: Err | Info, As: Sums, By: []string{"meter"},
			Get: []rdd.Assign{{Column: "n", Expr: "count()"}, {Column: "top", Expr: "max(code)"}}})).With(rdd.Settings{KeyGroups: 3})
	}, keyed(20))
	if n := len(r.plan.Stages[0].Root.Next); n != 2 {
		t.Fatalf("the plan has %d routes, the test needs 2", n)
	}
	got := r.run(r.scan(1, 0, 1))
	groups := int64(0)
	for _, b := range got.Blocks {
		groups += b.Rows
	}
	if groups != 6 {
		t.Errorf("%d groups are sent, want 6", groups)
	}
	var rows []string
	for g := range 3 {
		task := r.task(1, 1, g)
		task.Blocks, task.Final = blocksOf(got, g), true
		r.run(task)
		rows = append(rows, r.out.take()...)
	}
	sameRows(t, "the groups", rows, "sums n=1 top=2000", "sums meter=m0 n=4 top=1010", "sums meter=m1 n=4 top=1016",
		"sums meter=m2 n=4 top=1012", "sums meter=m3 n=4 top=1018", "sums meter=m4 n=4 top=1014")
}

// An aggregation without keys has one group, in the first key group.
func TestReduceWithoutKeys(t *testing.T) {
	r := newRig(t, planner.IDAG, "kind meter code", rdd.Tag{Column: "kind"}, func(ev *rdd.Dataset) *rdd.Job {
		return written(ev.Reduce(rdd.Reduce{From: Err | Info, As: Sums, Get: []rdd.Assign{{Column: "n", Expr: "count()"}}}))
	}, keyed(9), keyed(4))
	var blocks []rdd.Block
	for i := range 2 {
		task := r.scan(1, i, i+1)
		task.Index = i
		blocks = append(blocks, r.run(task).Blocks...)
	}
	for _, b := range blocks {
		if b.Partition != 0 {
			t.Errorf("a block of key group %d", b.Partition)
		}
	}
	last := r.task(1, 1, 0)
	last.Blocks, last.Final = blocks, true
	r.run(last)
	sameRows(t, "the group", r.out.take(), "sums n=15")
}
