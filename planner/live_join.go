package planner

import (
	"maps"

	"github.com/idag/idag/rdd"
)

// actsOn returns the labels of an input that an operation is for.
func (n *node) actsOn(inlet int) rdd.LabelSet {
	if n.join == nil {
		return n.acts
	}
	var out rdd.LabelSet
	for _, s := range n.join.sides {
		if inlet == s.inlet || inlet == anyInlet {
			out |= s.labels
		}
	}
	return out
}

// sidesOf returns the sides of a join that label l is on, nil for other operations.
func (n *node) sidesOf(l int) []bool {
	if n.join == nil {
		return nil
	}
	return []bool{n.join.sides[left].labels.Has(l), n.join.sides[right].labels.Has(l)}
}

// takenBy returns, by label, the columns of one of its inputs that an operation or
// somebody behind it reads.
func (n *node) takenBy(inlet int) map[int]map[string]bool {
	if n.join == nil {
		return n.takes
	}
	out := map[int]map[string]bool{}
	for l := range n.takes {
		out[l] = n.takenByJoin(inlet, l)
	}
	return out
}

// takenByJoin returns what is read of label l of an input: of what goes past, what
// is read behind, and of what enters, what its side needs.
func (n *node) takenByJoin(inlet, l int) map[string]bool {
	out := map[string]bool{}
	if _, past := n.Schemas[l]; past && (inlet == anyInlet || !n.actsOn(inlet).Has(l)) {
		maps.Copy(out, n.need[l])
	}
	for side, s := range n.join.sides {
		if s.labels.Has(l) && (inlet == anyInlet || inlet == s.inlet) {
			maps.Copy(out, n.sideNeeds(side))
		}
	}
	return out
}

// sideNeeds returns the columns of a side that its join reads, or somebody behind.
func (n *node) sideNeeds(side int) map[string]bool {
	op, _ := n.op.(rdd.Join)
	j := n.join
	s := j.sides[side].schema
	out := map[string]bool{}
	for _, k := range op.On {
		out[[]string{k.Left, k.Right}[side]] = true
	}
	if w := op.Within; w.Left != "" {
		out[[]string{w.Left, w.Right}[side]] = true
	}
	pair, lefts := j.pairSchema(), j.sides[left].schema.NumFields()
	for c := range reads(map[string]bool{}, n.exprs["where"]) {
		if at := indexOf(pair, c); (at >= lefts) == (side == right) && at >= 0 {
			out[s.Field(at-side*lefts).Name] = true
		}
	}
	need := n.need[op.As.First()]
	for _, c := range j.columns {
		if need[c.name] && c.from[side] >= 0 {
			out[s.Field(c.from[side]).Name] = true
		}
	}
	return out
}
