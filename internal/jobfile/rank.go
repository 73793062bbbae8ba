package jobfile

import (
	"math"
	"strconv"

	"github.com/idag/idag/rdd"
)

// ranked reads the steps that keep some rows of several: distinct, sort, limit and
// sample. Without "as" rows keep their label.
func (p *parser) ranked(d *dataset, s step, marks rdd.Marks) rdd.Operation {
	var from, as rdd.LabelSet
	if s.args.form == mapping {
		from = p.labelSet(s.args.get("from"), marks, "from")
		if n := s.args.get("as"); n != nil {
			marks["as"] = n.at
			as = p.label(n)
			d.as = as
		}
	}
	switch s.name {
	case "distinct":
		return p.distinct(s, marks, rdd.Distinct{From: from, As: as})
	case "sort":
		return p.sort(s, marks, rdd.Sort{From: from, As: as})
	case "limit":
		return p.limited(s, marks, rdd.Limit{From: from, As: as})
	default:
		return p.sample(s, marks, rdd.Sample{From: from, As: as})
	}
}

// distinct takes nothing at all, too.
func (p *parser) distinct(s step, marks rdd.Marks, op rdd.Distinct) rdd.Operation {
	if s.args.form == scalar && s.args.null {
		return op
	}
	if p.keys(s.args, "distinct", "from", "by", "as") {
		op.By = p.strs(s.args.get("by"), "the columns to compare", marks, "by")
	}
	return op
}

func (p *parser) sort(s step, marks rdd.Marks, op rdd.Sort) rdd.Operation {
	if !p.keys(s.args, "sort", "from", "by", "as") {
		return op
	}
	p.need(s, "by")
	by := s.args.get("by")
	if by == nil {
		return op
	}
	marks["by"] = by.at
	items := by.items
	if by.form != list {
		items = []*node{by}
	}
	for i, item := range items {
		op.By = append(op.By, p.expr(item, marks, "by."+strconv.Itoa(i)))
	}
	if len(items) == 0 {
		p.fail(by.at, `expected what to sort by, such as [meter, "ts desc"]`)
	}
	return op
}

// limited takes the number alone, too.
func (p *parser) limited(s step, marks rdd.Marks, op rdd.Limit) rdd.Operation {
	n := s.args
	if n.form != scalar || n.null {
		if !p.keys(s.args, "limit", "from", "n", "as") {
			return op
		}
		p.need(s, "n")
		n = s.args.get("n")
	}
	op.N = p.rows(n, marks)
	return op
}

func (p *parser) sample(s step, marks rdd.Marks, op rdd.Sample) rdd.Operation {
	if !p.keys(s.args, "sample", "from", "n", "fraction", "seed", "as") {
		return op
	}
	op.N = p.rows(s.args.get("n"), marks)
	if n := s.args.get("fraction"); n != nil {
		marks["fraction"] = n.at
		f, err := strconv.ParseFloat(n.text, 64)
		if err != nil || !(f > 0 && f <= 1) {
			p.fail(n.at, "expected a fraction over 0 and at most 1, got %q", n.text)
		}
		op.Fraction = f
	}
	if n := s.args.get("seed"); n != nil {
		seed, err := strconv.ParseInt(n.text, 10, 64)
		if err != nil {
			p.fail(n.at, "expected a whole number for the seed, got %q", n.text)
		}
		op.Seed = seed
	}
	if (s.args.get("n") == nil) == (s.args.get("fraction") == nil) {
		p.fail(s.at, `sample needs "n", a number of rows, or "fraction"`)
	}
	return op
}

// rows reads a number of rows, and marks its place.
func (p *parser) rows(n *node, marks rdd.Marks) int64 {
	if n == nil {
		return 0
	}
	marks["n"] = n.at
	return p.count(n, math.MaxInt64)
}

// ranked spells a step that keeps some rows of several.
func (f *formatter) ranked(op rdd.Operation) entries {
	var e entries
	var as rdd.LabelSet
	switch op := op.(type) {
	case rdd.Distinct:
		e, as = f.labels("from", op.From).and("by", op.By), op.As
	case rdd.Sort:
		e, as = append(f.labels("from", op.From), entry{"by", op.By}), op.As
	case rdd.Limit:
		e, as = append(f.labels("from", op.From), entry{"n", strconv.FormatInt(op.N, 10)}), op.As
	case rdd.Sample:
		e, as = f.labels("from", op.From), op.As
		if op.N != 0 {
			e = append(e, entry{"n", strconv.FormatInt(op.N, 10)})
		} else {
			e = append(e, entry{"fraction", strconv.FormatFloat(op.Fraction, 'g', -1, 64)})
		}
		if op.Seed != 0 {
			e = append(e, entry{"seed", strconv.FormatInt(op.Seed, 10)})
		}
	default:
	}
	return append(e, f.labels("as", as)...)
}
