package planner

import (
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
)

// usedOfTag returns the system's columns that a side of a join is matched by.
func usedOfTag(op rdd.Join, side int) map[string]bool {
	out := map[string]bool{}
	for _, k := range op.On {
		out[[]string{k.Left, k.Right}[side]] = true
	}
	out[[]string{op.Within.Left, op.Within.Right}[side]] = true
	maps.DeleteFunc(out, func(name string, _ bool) bool { return !system(name) })
	return out
}

// tagsLast leaves of the system's columns those that are used, behind all others.
func (s *joinSide) tagsLast(used map[string]bool) {
	var fields, tags []arrow.Field
	for _, f := range s.schema.Fields() {
		switch {
		case !system(f.Name):
			fields = append(fields, f)
		case used[f.Name]:
			tags = append(tags, f)
		}
	}
	s.plain = len(fields)
	s.schema = arrow.NewSchema(append(fields, tags...), nil)
}

// identities checks a join by the hashes of tags: hashes of columns whose types differ
// are not equal but by chance.
func (a *analysis) identities(n *node, mark string) {
	var found [2]map[string]bool
	for side, s := range n.join.sides {
		found[side] = map[string]bool{}
		for _, l := range s.labels.Each() {
			a.identity(a.nodes[n.Parents[s.inlet]], l, found[side])
		}
	}
	for types := range found[left] {
		if found[right][types] {
			return
		}
	}
	spelt := func(side int) string { return strings.Join(slices.Sorted(maps.Keys(found[side])), " or ") }
	a.fail(n.Dataset.At(mark), "join: the identity of rows on the left is %s, on the right %s: tags of different types are never equal", spelt(left), spelt(right))
}

// identity spells the types of the columns that the hashes of label l at n are of.
func (a *analysis) identity(n *node, l int, found map[string]bool) {
	if op, ok := n.op.(rdd.Tag); ok {
		var types []string
		for _, c := range op.Identity {
			if f := field(a.nodes[n.Parents[0]].Schemas[raw], c); f != nil {
				types = append(types, typeName(f.Type))
			}
		}
		found["("+strings.Join(types, ", ")+")"] = true
		return
	}
	for i, p := range n.Parents {
		if n.join != nil && n.actsOn(i).Has(l) {
			continue
		}
		if s := a.nodes[p].Schemas[l]; s != nil && field(s, rdd.ColHash) != nil {
			a.identity(a.nodes[p], l, found)
		}
	}
}
