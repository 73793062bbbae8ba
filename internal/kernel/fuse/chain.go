package fuse

import (
	"math"

	"github.com/idag/idag/internal/kernel/affine"
)

// chain makes one instruction of arithmetic that follows one another, where each
// takes what the one before has made, which nobody else reads, and a constant: rows
// then stay in registers from the first to the last. Those that are in another are
// used no more.
func (f *Fusion) chain(used []bool) {
	readers := make([]int, len(f.values))
	for i := range f.values {
		for _, from := range [...]int{f.values[i].a, f.values[i].b} {
			if used[i] && from >= 0 {
				readers[from]++
			}
		}
	}
	for _, m := range f.made {
		readers[m.value]++
	}
	for i := range f.values {
		v := &f.values[i]
		from, ok := f.link(v)
		if !used[i] || !ok {
			continue
		}
		before := &f.values[from]
		if _, linked := f.link(before); !linked && before.op != chained || before.out >= 0 || readers[from] != 1 {
			continue
		}
		if before.op != chained {
			f.steps = append(f.steps, f.step(nil, before))
			before.at = len(f.steps) - 1
			before.a, _ = f.link(before)
		}
		f.steps[before.at] = f.step(f.steps[before.at], v)
		v.op, v.a, v.b, v.at = chained, before.a, -1, before.at
		used[from] = false
	}
}

// link is the operand of an instruction of floats that is not a constant, if the
// other one is.
func (f *Fusion) link(v *value) (from int, ok bool) {
	if v.op != float {
		return -1, false
	}
	a, b := f.values[v.a].op == konst, f.values[v.b].op == konst
	if b {
		return v.a, !a
	}
	return v.b, a
}

// step appends what an instruction does with its constant.
func (f *Fusion) step(steps []affine.Step, v *value) []affine.Step {
	turned := f.values[v.a].op == konst
	c := &f.values[v.b]
	if turned {
		c = &f.values[v.a]
	}
	return affine.Append(steps, v.sym, math.Float64frombits(c.word[0]), turned)
}
