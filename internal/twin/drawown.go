package twin

import (
	"maps"
	"slices"

	"github.com/idag/idag/rdd"
)

// apply draws an Apply of one of the functions whose columns some labels have.
func (g *drawer) apply(n *node) *node {
	return g.applyTo(n, slices.Sorted(maps.Keys(n.labels)), "own_weighed", "own_positive", "own_repeated")
}

func (g *drawer) applyTo(n *node, from []int, functions ...string) *node {
	set, labels, cols := g.choose(n, from)
	name := one(g.t, "function", functions...)
	op := rdd.Apply{For: set, Func: name, Columns: map[string]string{}}
	reads := map[string]byte{"own_weighed": 'i', "own_positive": 'f', "own_repeated": 'i'}
	read := map[byte]string{'i': "x", 'f': "f"}[reads[name]]
	with := func(k byte) []string {
		return slices.DeleteFunc(slices.Clone(cols), func(c string) bool { return trait(c) != k })
	}
	if len(with(reads[name])) == 0 || name == "own_weighed" && len(with('s')) == 0 {
		return nil
	}
	op.Columns[read] = one(g.t, read, with(reads[name])...)
	switch name {
	case "own_weighed":
		op.Columns["s"], op.Columns["y"] = one(g.t, "s", with('s')...), column(g.t, 'i')
	case "own_positive":
		op.Columns["is"] = column(g.t, 'b')
	case "own_repeated":
		op.Columns["k"], op.Columns["s"] = column(g.t, 'i'), column(g.t, 's')
	}
	return n.next(op, labels, func(l *lab) {
		for _, c := range slices.Sorted(maps.Keys(ownTypes(name))) { // one seed is one job
			l.add(op.Columns[c])
		}
	})
}
