package fuse

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
)

// Compile compiles assignments that follow one another, over columns of the given
// types, and says how many of them: the first with a term that cannot be fused is
// left out, and those behind it. If there are none, there is no Fusion.
func Compile(types []arrow.DataType, list []Assignment) (f *Fusion, taken int) {
	if len(list) == 0 {
		return nil, 0
	}
	b := &Builder{types: types, known: map[value]Value{}}
	cols := make([]Value, len(types))
	for i := range cols {
		cols[i] = column(i)
	}
	for step := range list {
		var ok bool
		if cols, ok = b.assign(step, &list[step], cols); !ok {
			return Compile(types, list[:step])
		}
	}
	return b.finish(cols), len(list)
}

// assign takes the columns through one assignment.
func (b *Builder) assign(step int, a *Assignment, cols []Value) ([]Value, bool) {
	results := make([]Value, len(a.Terms))
	for i, t := range a.Terms {
		v, ok := t.Fuse(b, cols)
		if !ok {
			return nil, false
		}
		if v >= 0 && b.Fails(v) {
			b.counts = append(b.counts, step)
			v = b.of(value{op: settled, at: len(b.counts) - 1}, b.Type(v), v)
		}
		results[i] = v
	}
	out := make([]Value, len(a.Term))
	for i, t := range a.Term {
		from := null
		if a.From[i] >= 0 {
			from = cols[a.From[i]]
		}
		switch {
		case t < 0:
			out[i] = from
		case a.Mask < 0:
			out[i] = results[t]
		default:
			var ok bool
			if out[i], ok = b.within(a.Mask, results[t], from); !ok {
				return nil, false
			}
		}
	}
	return out, true
}

// within is a column where a mask is set, and another one elsewhere.
func (b *Builder) within(mask int, c, other Value) (Value, bool) {
	b.masks = max(b.masks, mask+1)
	v, ok := b.Load(c)
	if !ok {
		return null, false
	}
	dt := b.Type(v)
	if b.constant(v) {
		v = b.of(value{op: clone, at: -1}, dt, v)
	}
	if other == null {
		return b.of(value{op: within, at: mask}, dt, v), true
	}
	from, ok := b.Load(other)
	if !ok || b.Type(from).ID() != dt.ID() {
		return null, false
	}
	return b.of(value{op: blend, at: mask}, dt, v, from), true
}

// finish says where the results are, and lays the values out.
func (b *Builder) finish(cols []Value) *Fusion {
	f := &Fusion{out: make([]Place, len(cols)), counts: b.counts, masks: b.masks}
	results := map[Value]int{}
	for i, v := range cols {
		f.out[i] = Place{-1, -1}
		switch {
		case v == null:
		case v < 0:
			f.out[i].Input = int(column(int(v)))
		case b.values[v].op == input:
			f.out[i].Input = b.values[v].at
		default:
			at, ok := results[v]
			if !ok {
				at = b.result(f, v)
				results[v] = at
			}
			f.out[i].Value = at
		}
	}
	f.values = b.values
	used := b.used(f)
	f.chain(used)
	f.layOut(used)
	return f
}

// result makes a value a result: it is made in the memory of the array, unless that
// is another's, or nothing makes it.
func (b *Builder) result(f *Fusion, v Value) int {
	at, base := len(f.made), int(v)
	for b.values[base].alias() {
		base = b.values[base].a
	}
	if x := &b.values[base]; !x.computed() || x.out >= 0 {
		v = b.of(value{op: clone, at: at}, b.Type(v), v)
		base = int(v)
	}
	b.values[base].out = at
	f.made = append(f.made, made{int(v), b.Type(v)})
	return at
}

// used are the values that results and counts are made of.
func (b *Builder) used(f *Fusion) []bool {
	used := make([]bool, len(b.values))
	for i := range b.values {
		used[i] = b.values[i].op == settled
	}
	for _, m := range f.made {
		used[m.value] = true
	}
	for i := len(used) - 1; i >= 0; i-- {
		for _, from := range [...]int{b.values[i].a, b.values[i].b} {
			if used[i] && from >= 0 {
				used[from] = true
			}
		}
	}
	return used
}

// layOut orders the instructions and gives each value a piece of scratch, which
// another one gets when nobody reads it any more.
func (f *Fusion) layOut(used []bool) {
	last := make([]int, len(f.values))
	until := func(v, at int) { // and what shares its memory
		for v >= 0 {
			last[v] = max(last[v], at)
			if !f.values[v].alias() {
				return
			}
			v = f.values[v].a
		}
	}
	for i := range f.values {
		v := &f.values[i]
		if used[i] && v.op == input {
			f.inputs = append(f.inputs, i)
		}
		if used[i] && v.computed() {
			f.insts = append(f.insts, i)
			until(v.a, i)
			until(v.b, i)
		}
	}
	for _, m := range f.made {
		until(m.value, math.MaxInt)
	}
	var free []int
	take := func(v int) {
		if f.values[v].op == settled {
			return // it has nothing of its own
		}
		if len(free) == 0 {
			free = append(free, f.slots)
			f.slots++
		}
		f.values[v].slot, free = free[len(free)-1], free[:len(free)-1]
	}
	for i := range f.values {
		if v := &f.values[i]; used[i] && v.op == konst && v.kind == arrow.BOOL {
			take(i)
			last[i] = math.MaxInt
		}
	}
	for _, i := range f.insts {
		if !f.values[i].inPlace() {
			take(i)
		}
		for j := range i { // few, and compiled once
			if v := &f.values[j]; last[j] == i && v.slot >= 0 {
				free = append(free, v.slot)
			}
		}
		if f.values[i].inPlace() {
			take(i)
		}
	}
}
