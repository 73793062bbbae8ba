package planner

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// prune finds what a reader may leave out, or nil.
func (b *builder) prune(tag *node, op rdd.Tag, in *arrow.Schema) *physical.Prune {
	if op.HashColumn != "" || op.SeqColumn != "" {
		return nil // whether a tag is right is only known from the row
	}
	p := &physical.Prune{Column: op.Column, Removed: map[int][][]*expr.Program{}}
	p.Total = op.Otherwise != 0 && !op.Exclusive
	if e := tag.exprs["time"]; e != nil {
		c, plain := e.(*expr.Column)
		if !plain {
			return nil
		}
		p.Time = c.Name
	}
	if op.Column != "" {
		p.Values = b.tagging(tag, op, in).Values
	}
	complete := true
	for _, l := range tag.acts.Each() {
		if ways, ok := b.ways(tag, l, in, map[string]bool{}, nil); ok {
			p.Removed[l] = ways
		} else {
			complete = false
		}
	}
	if len(p.Removed) == 0 || p.Column == "" && !(p.Total && complete) {
		return nil
	}
	p.Total = p.Total && complete
	return p
}

// ways lists, for every way of label l from n to something that can be seen from
// outside, the filters on it over columns as the source has them. It is false
// if a way has none.
func (b *builder) ways(n *node, l int, in *arrow.Schema, changed map[string]bool, passed []*expr.Program) ([][]*expr.Program, bool) {
	var out [][]*expr.Program
	for i, id := range n.consumers {
		c := b.nodes[id]
		if _, here := c.input[l]; !here || c.Unscheduled {
			continue
		}
		filters, touched := passed, changed
		if c.actsOn(n.inlets[i]).Has(l) {
			if c.effective() {
				if len(passed) == 0 {
					return nil, false
				}
				out = append(out, passed)
				continue
			}
			filters, touched = b.passing(c, in, passed, changed)
		}
		if _, write := c.op.(rdd.Write); write {
			continue
		}
		more, ok := b.ways(c, l, in, touched, filters)
		if !ok {
			return nil, false
		}
		out = append(out, more...)
	}
	return out, true
}

// passing adds what an operation on the way does: a filter that can be judged
// by the source's bounds, or columns that no longer are the source's.
func (b *builder) passing(c *node, in *arrow.Schema, passed []*expr.Program, changed map[string]bool) ([]*expr.Program, map[string]bool) {
	touched := clone(changed)
	if _, ok := c.op.(rdd.Filter); ok {
		for _, col := range expr.Columns(c.exprs["where"]) {
			if changed[col] || system(col) || field(in, col) == nil {
				return passed, changed
			}
		}
		return append(passed[:len(passed):len(passed)], b.program(c.exprs["where"], in)), changed
	}
	for _, col := range c.Dataset.Sets(b.job.Functions) {
		touched[col] = true
	}
	return passed, touched
}
