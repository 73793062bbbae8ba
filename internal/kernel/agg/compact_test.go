package agg

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"pgregory.net/rapid"

	"github.com/idag/idag/internal/kernel"
)

// TestCompact: groups that are kept stay as they are and go on counting, the
// others begin anew.
func TestCompact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 2))
		keyTypes := rapid.SliceOfN(rapid.SampledFrom(allTypes()), 0, 2).Draw(rt, "keys")
		specs := rapid.SliceOfN(rapid.SampledFrom(allSpecs()), 1, 4).Draw(rt, "specs")
		d := drawData(r, keyTypes, specs, 300)
		mem := checked(t)
		table, fresh := NewTable(mem, keyTypes, specs), NewTable(mem, keyTypes, specs)
		defer table.Release()
		defer fresh.Release()

		firstHalf := r.Perm(300)[:150]
		d.feed(t, r, table, firstHalf)
		var keep kernel.Sel
		for _, g := range r.Perm(table.Len()) {
			if r.IntN(2) == 0 {
				keep = append(keep, int32(g))
			}
		}
		kept := results(table, append(kernel.Sel{}, keep...))
		if len(keep) == 0 {
			kept = map[string]string{}
		}
		moveKept(t, fresh, table, keep)
		table.Compact(keep)
		if len(keyTypes) > 0 {
			wantResults(t, &d, results(table, nil), kept)
		}
		again := r.Perm(300)[:100]
		d.feed(t, r, table, again)
		d.feed(t, r, fresh, again)
		wantResults(t, &d, results(table, nil), results(fresh, nil))
	})
}

// moveKept merges some groups of a table into another.
func moveKept(t *testing.T, to, from *Table, keep kernel.Sel) {
	sel := append(kernel.Sel{}, keep...)
	keys, states := from.Keys(sel), from.States(sel)
	defer release(keys)
	defer release(states)
	if err := to.Merge(keys, states, len(sel)); err != nil {
		t.Fatal(err)
	}
}

// TestReset: a table that is used again gives what a new one gives, and rows of
// the first use are gone, with no keys too.
func TestReset(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 3))
		keyTypes := rapid.SliceOfN(rapid.SampledFrom(allTypes()), 0, 3).Draw(rt, "keys")
		specs := rapid.SliceOfN(rapid.SampledFrom(allSpecs()), 1, 4).Draw(rt, "specs")
		d := drawData(r, keyTypes, specs, 300)
		mem := checked(t)
		table := NewTable(mem, keyTypes, specs)
		defer table.Release()
		for range rapid.IntRange(1, 3).Draw(rt, "uses") {
			rows := r.Perm(300)[:rapid.IntRange(0, 300).Draw(rt, "rows")]
			fresh := NewTable(mem, keyTypes, specs)
			d.feed(t, r, table, rows)
			d.feed(t, r, fresh, rows)
			wantResults(t, &d, results(table, nil), results(fresh, nil))
			fresh.Release()
			table.Reset()
			if want := min(1, 1-len(keyTypes)); table.Len() != max(0, want) {
				t.Fatalf("%d groups are left", table.Len())
			}
		}
	})
}

// TestResetKeepsTheDictionary: the second use of a table with the same keys comes
// out with the very dictionary of the first, so that whoever knows it need not read
// it again; strings that are not used any more are forgotten.
func TestResetKeepsTheDictionary(t *testing.T) {
	mem := checked(t)
	table := NewTable(mem, []arrow.DataType{arrow.BinaryTypes.String}, []Spec{{Func: "count"}})
	defer table.Release()
	use := func(from, to int) arrow.ArrayData {
		b := array.NewStringBuilder(mem)
		defer b.Release()
		for i := from; i < to; i++ {
			b.Append(strconv.Itoa(i))
		}
		keys := b.NewArray()
		defer keys.Release()
		if err := table.Update([]arrow.Array{keys}, []arrow.Array{nil}, Order{}, to-from); err != nil {
			t.Fatal(err)
		}
		out := table.Keys(nil)
		defer release(out)
		defer table.Reset()
		return out[0].Data().Dictionary()
	}
	if use(0, 3000) != use(0, 3000) {
		t.Error("the same keys got another dictionary")
	}
	use(0, 10)
	if n := use(0, 10).Len(); n != 10 {
		t.Errorf("%d strings are known where 10 are used", n)
	}
}
