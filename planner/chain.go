package planner

import (
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/rdd"
)

// chain is what is done to the rows of a label one by one, from their Tag on: the
// operations that act on them, and the digests that a header's done-list has of them.
type chain struct {
	nodes   []*node
	digests []string
}

// add appends an operation that acts on rows of label l. It is false if the
// operation may come to other rows elsewhere: such a one is in no chain.
func (c *chain) add(a *analysis, tag, n *node, l int) bool {
	if !n.steady() {
		return false
	}
	var parts []string
	if n == tag {
		op, _ := tag.op.(rdd.Tag)
		parts = a.labelParts(tag, op, l)
	} else {
		parts = append(a.ownParameters(n), a.readParts(tag, n, l)...)
	}
	before := ""
	if len(c.digests) > 0 {
		before = c.digests[len(c.digests)-1]
	}
	c.nodes = append(c.nodes, n)
	c.digests = append(c.digests, bypass.Link(before, n.op.Kind(), parts...))
	return true
}

// steady reports whether what an operation makes of a row depends on the row alone.
func (n *node) steady() bool {
	switch n.op.(type) {
	case rdd.Tag, rdd.Map, rdd.Filter, rdd.FlatMap, rdd.Apply:
	default:
		return false
	}
	for mark, e := range n.exprs {
		_, tag := n.op.(rdd.Tag)
		if tag && mark == "time" {
			continue // it labels nothing, and is computed again
		}
		if strict(e) || volatile(e) {
			return false
		}
	}
	return true
}

// volatile reports whether e asks for the time of the batch.
func volatile(e expr.Node) bool {
	return calls(e, func(c *expr.Call) bool { return c.Name == "now" || c.Name == "unix_timestamp" && len(c.Args) == 0 })
}

// trunk is the chain of label l that rows may enter: it follows the one way that
// rows of the label take behind their Tag, and ends where there are several.
// Operations that rows of the label pass by are not in it.
func (a *analysis) trunk(tag *node, l int) chain {
	var c chain
	if !tag.acts.Has(l) || !c.add(a, tag, tag, l) {
		return c
	}
	for n := a.next(tag, l); n != nil; n = a.next(n, l) {
		if n.acts.Has(l) && !c.add(a, tag, n, l) || len(n.Parents) > 1 {
			return c
		}
	}
	return c
}

// next is the operation that rows of label l come to behind n, or nil if there is not
// just one. Those for which the rows do not matter do not count, unless the rows matter
// nowhere.
func (a *analysis) next(n *node, l int) *node {
	var all, matter []*node
	for i, id := range n.consumers {
		c := a.nodes[id]
		if _, here := c.input[l]; !here {
			continue
		}
		all = append(all, c)
		if a.matters(c, n.inlets[i], l) {
			matter = append(matter, c)
		}
	}
	switch {
	case len(matter) == 1:
		return matter[0]
	case len(matter) == 0 && len(all) == 1:
		return all[0]
	}
	return nil
}

// written is the done-list of rows of label l that n writes: the operations applied to
// them, and then the columns that n leaves out.
func (a *analysis) written(n *node, l int) []string {
	out := a.applied(n, l)
	if out == nil {
		return nil
	}
	for _, f := range n.input[l].Fields() {
		if !system(f.Name) && field(n.Schemas[l], f.Name) == nil {
			out = append(out, bypass.Without(f.Name))
		}
	}
	return out
}

// applied are the digests of what was applied to rows of label l that come to n, or nil
// if they are not the whole story of how they came there.
func (a *analysis) applied(n *node, l int) []string {
	var way []*node // back to the Tag
	for {
		if len(n.Parents) != 1 {
			return nil
		}
		n = a.nodes[n.Parents[0]]
		if n.Dataset.Result().Has(l) {
			return nil // rows of this label were made here
		}
		if n.acts.Has(l) {
			way = append(way, n)
		}
		if _, tag := n.op.(rdd.Tag); tag {
			break
		}
	}
	var c chain
	for i := len(way) - 1; i >= 0; i-- {
		if !c.add(a, n, way[i], l) {
			return nil
		}
	}
	return c.digests
}

// labelParts spells what decides whether a row gets the label l, and is no dead
// letter: nothing of the labels that other values of the column stand for.
func (a *analysis) labelParts(n *node, op rdd.Tag, l int) []string {
	name, rest := a.job.Labels[l], op.Otherwise.First() == l
	s := []string{"label", name, "otherwise", fmt.Sprint(rest), "hash", op.HashColumn, "seq", op.SeqColumn}
	columns := []string{op.Column, op.HashColumn, op.SeqColumn}
	if op.HashColumn != "" {
		s = append(s, "identity", list(op.Identity))
		columns = append(columns, op.Identity...)
	}
	if op.Column != "" {
		values := a.labelValues(op)
		for _, v := range slices.Sorted(maps.Keys(values)) {
			if mine := values[v] == l; mine || rest {
				s = append(s, "value", v, fmt.Sprint(mine))
			}
		}
	}
	if len(op.Rules) > 0 {
		s = append(s, "exclusive", fmt.Sprint(op.Exclusive))
	}
	for i, r := range op.Rules {
		e := n.exprs[ruleMark(i)]
		s = append(s, "rule", a.names(r.Label), canonical(e))
		columns = append(columns, expr.Columns(e)...)
	}
	return append(s, columnParts(columns, n.input[raw])...)
}

// labelValues are the values of a Tag's column with the labels they stand for.
func (a *analysis) labelValues(op rdd.Tag) map[string]int {
	out := map[string]int{}
	for v, l := range op.Values {
		out[v] = l.First()
	}
	if len(op.Values) == 0 {
		for _, l := range a.events.Each() {
			out[a.job.Labels[l]] = l
		}
	}
	return out
}

// readParts spells the columns that an operation reads of rows of label l, with
// their types, and what the Tag makes of its own columns.
func (a *analysis) readParts(tag, n *node, l int) []string {
	var s, columns []string
	for _, e := range n.exprs {
		columns = append(columns, expr.Columns(e)...)
	}
	if apply, ok := n.op.(rdd.Apply); ok {
		columns = append(columns, apply.Names(n.fn.Reads)...)
	}
	op, _ := tag.op.(rdd.Tag)
	if slices.Contains(columns, rdd.ColTime) {
		e := tag.exprs["time"]
		s = append(append(s, "time", canonical(e)), columnParts(expr.Columns(e), tag.input[raw])...)
	}
	if slices.Contains(columns, rdd.ColHash) {
		s = append(append(s, "identity", list(op.Identity)), columnParts(op.Identity, tag.input[raw])...)
	}
	return append(s, columnParts(columns, n.input[l])...)
}

// columnParts spells columns with their types, each once.
func columnParts(columns []string, in *arrow.Schema) []string {
	var s []string
	for _, c := range slices.Compact(slices.Sorted(slices.Values(columns))) {
		if f := field(in, c); f != nil {
			s = append(s, "column", c, f.Type.String())
		}
	}
	return s
}
