package planner

import (
	"maps"
	"slices"
	"strconv"

	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// classes cuts the labels behind a Tag into sets that share one route: the
// same operations act on them and the same columns are read. The I-DAG plan
// forks here, and labels whose routes are equal stay together in one frame.
// The linear plan does not fork.
func (b *builder) classes(root *physical.Node, tag *node) []rdd.LabelSet {
	if b.mode.Linear() {
		return []rdd.LabelSet{tag.acts}
	}
	var order []string
	sets, behind := map[string]rdd.LabelSet{}, b.behind(tag)
	for _, l := range tag.acts.Each() {
		if !b.wanted(tag, l) {
			for _, id := range tag.consumers {
				b.skipFrom(root, b.nodes[id], l)
			}
			continue
		}
		sig := b.signature(behind, tag, l)
		if sets[sig] == 0 {
			order = append(order, sig)
		}
		sets[sig] |= 1 << uint(l)
	}
	out := make([]rdd.LabelSet, 0, len(order))
	for _, sig := range order {
		out = append(out, sets[sig])
	}
	return out
}

// signature spells what happens to rows of label l in the operations given.
func (b *builder) signature(behind []int, tag *node, l int) string {
	var s []byte
	for _, id := range behind {
		c := b.nodes[id]
		if _, here := c.input[l]; c.Unscheduled || !here && id != tag.ID {
			continue
		}
		s = strconv.AppendInt(s, int64(id), 10)
		s = strconv.AppendBool(s, c.acts.Has(l) && !c.dead[l])
		for _, in := range c.sidesOf(l) {
			s = strconv.AppendBool(s, in)
		}
		for _, column := range slices.Sorted(maps.Keys(c.need[l])) {
			s = strconv.AppendQuote(s, column)
		}
	}
	return string(s)
}

// behind returns the operations that rows of n can reach, n included.
func (b *builder) behind(n *node) []int {
	seen := map[int]bool{}
	var walk func(id int)
	walk = func(id int) {
		if seen[id] {
			return
		}
		seen[id] = true
		for _, c := range b.nodes[id].consumers {
			walk(c)
		}
	}
	walk(n.ID)
	return ordered(seen)
}

// wanted reports whether rows of label l matter to anything behind n.
func (a *analysis) wanted(n *node, l int) bool {
	for i, id := range n.consumers {
		if _, here := a.nodes[id].input[l]; here && a.matters(a.nodes[id], n.inlets[i], l) {
			return true
		}
	}
	return false
}

// matters reports whether n, or anything behind it, does with rows of label l
// that come by an inlet what can be seen from outside: writes or groups them, or
// may dead-letter some.
func (a *analysis) matters(n *node, inlet, l int) bool {
	if a.found == nil {
		return a.doesMatter(n, inlet, l)
	}
	key := [3]int{n.ID, inlet, l}
	out, known := a.found[key]
	if !known {
		out = a.doesMatter(n, inlet, l)
		a.found[key] = out
	}
	return out
}

func (a *analysis) doesMatter(n *node, inlet, l int) bool {
	if n.Unscheduled {
		return false
	}
	if n.actsOn(inlet).Has(l) && n.effective() {
		return true
	}
	_, write := n.op.(rdd.Write)
	return !write && a.wanted(n, l)
}

// effective reports whether an operation does more to the rows it acts on than
// change, drop or multiply them.
func (n *node) effective() bool {
	switch op := n.op.(type) {
	case rdd.Write, rdd.Reduce, rdd.Join, rdd.Shuffle, rdd.Window, rdd.Distinct, rdd.Sort, rdd.Limit:
		return true
	case rdd.Sample:
		return op.N != 0
	case rdd.Map, rdd.Filter, rdd.FlatMap:
		for _, e := range n.exprs {
			if strict(e) {
				return true
			}
		}
	case rdd.Read, rdd.Tag, rdd.Apply, rdd.Broadcast, rdd.Union, rdd.Cache:
	}
	return false
}

// skip notes that rows of label l that leave at pass by c, and why. In the
// linear plan nothing counts as a bypass.
func (b *builder) skip(at *physical.Node, c *node, l int) {
	reason := bypass.Label
	if c.acts.Has(l) {
		reason = bypass.Unscheduled
	}
	b.skipFor(at, c, l, reason)
}

// skipFor is skip for a reason.
func (b *builder) skipFor(at *physical.Node, c *node, l int, reason bypass.Reason) {
	if b.mode.Linear() {
		return
	}
	s := physical.Bypass{Op: c.ID, Label: l, Reason: reason}
	at.Skipped = append(at.Skipped, s)
	b.note(s)
}

// note adds a bypass to those of the plan.
func (b *builder) note(s physical.Bypass) {
	if !b.seen[s] {
		b.seen[s] = true
		b.plan.Skipped = append(b.plan.Skipped, s)
	}
}

// skipFrom notes that rows of label l that leave at pass by c and everything
// behind it, because nothing that is written comes of them there.
func (b *builder) skipFrom(at *physical.Node, c *node, l int) {
	for _, id := range b.behind(c) {
		n := b.nodes[id]
		if _, here := n.input[l]; !here {
			continue
		}
		if n.changes() || n.Unscheduled && !n.passive() && n.acts.Has(l) {
			b.skip(at, n, l)
		}
	}
}
