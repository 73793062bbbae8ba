package planner

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/rdd"
)

// Prune says when a row group may be left out: if every row of it is proven to
// be taggable and then to be removed. Dead letters are part of the result, so a
// row that might become one keeps its group.
type Prune struct {
	// Column is the source column that holds the label, or "" where rules give it.
	Column string
	Values map[string]int
	// Total says that every row gets a label whatever it holds.
	Total bool
	// Time is the source column of the event time, which the watermark must
	// know even of rows left out; "" where the job has none.
	Time string
	// Removed gives, per label, the filters that stand on each of its ways: a
	// row is removed if on every way one of them cannot be true. A label that is
	// not here cannot be proven removed; one with no ways always is.
	Removed map[int][][]*expr.Program
}

// Skips reports whether a row group with these bounds may be left out.
func (p *Prune) Skips(bounds expr.Bounds) bool {
	if p.Time != "" && !maxKnown(bounds, p.Time) {
		return false
	}
	if p.Column != "" {
		if v, ok := constant(bounds, p.Column); ok {
			label, known := p.Values[v]
			return known && p.removes(label, bounds)
		}
	}
	if !p.Total {
		return false
	}
	for l := range p.Removed {
		if !p.removes(l, bounds) {
			return false
		}
	}
	return true
}

// LatestTime returns the largest event time within bounds.
func (p *Prune) LatestTime(bounds expr.Bounds) (int64, bool) {
	if p.Time == "" {
		return 0, false
	}
	return largest(bounds, p.Time)
}

func (p *Prune) removes(label int, bounds expr.Bounds) bool {
	ways, ok := p.Removed[label]
	if !ok {
		return false
	}
	for _, filters := range ways {
		gone := false
		for _, f := range filters {
			gone = gone || !f.CanBeTrue(bounds)
		}
		if !gone {
			return false
		}
	}
	return true
}

// prune finds what a reader may leave out, or nil.
func (b *builder) prune(tag *node, op rdd.Tag, in *arrow.Schema) *Prune {
	if op.HashColumn != "" || op.SeqColumn != "" {
		return nil // whether a tag is right is only known from the row
	}
	p := &Prune{Column: op.Column, Removed: map[int][][]*expr.Program{}}
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
	for _, id := range n.consumers {
		c := b.nodes[id]
		if _, here := c.input[l]; !here {
			continue
		}
		filters, touched := passed, changed
		if c.acts.Has(l) {
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
	switch op := c.op.(type) {
	case rdd.Map:
		for _, s := range op.Set {
			touched[s.Column] = true
		}
	case rdd.FlatMap:
		for _, s := range op.Rows[0] {
			touched[s.Column] = true
		}
	case rdd.Filter:
		for _, col := range expr.Columns(c.exprs["where"]) {
			if changed[col] || system(col) || field(in, col) == nil {
				return passed, changed
			}
		}
		return append(passed[:len(passed):len(passed)], b.program(c.exprs["where"], in)), changed
	default:
	}
	return passed, touched
}

// constant returns the value of a column that is the same in every row.
func constant(b expr.Bounds, column string) (string, bool) {
	r, ok := b[column]
	if !ok || r.Nulls || r.Min == nil || r.Max == nil {
		return "", false
	}
	lo, isText := r.Min.(string)
	hi, _ := r.Max.(string)
	return lo, isText && lo == hi
}

func maxKnown(b expr.Bounds, column string) bool {
	_, ok := largest(b, column)
	return ok
}

// largest returns the largest value of a timestamp column.
func largest(b expr.Bounds, column string) (int64, bool) {
	t, ok := b[column].Max.(arrow.Timestamp)
	return int64(t), ok
}
