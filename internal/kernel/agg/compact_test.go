package agg

import (
	"math/rand/v2"
	"testing"

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
