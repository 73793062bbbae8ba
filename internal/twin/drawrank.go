package twin

import (
	"maps"
	"slices"
	"strings"

	"github.com/idag/idag/rdd"
)

// rank draws a Distinct, Sort, Limit or Sample, or a Limit behind a Sort.
func (g *drawer) rank(n *node) *node {
	from, labels, cols := g.choose(n, slices.Sorted(maps.Keys(n.labels)))
	as, kept := rdd.LabelSet(0), labels
	if l := g.as(n); l >= 0 && coin(g.t, 1, "together") {
		as, kept = 1<<l, []int{l}
	}
	events, unique, fits := true, true, true
	for _, l := range labels {
		lab := n.labels[l]
		events, unique = events && lab.source >= 0, unique && lab.source != notOne
		first := n.labels[labels[0]]
		windows := slices.Contains(lab.cols, rdd.WindowStart) == slices.Contains(first.cols, rdd.WindowStart) // a session has no size
		fits = fits && (as == 0 || lab.size == first.size && windows)
	}
	if !unique {
		return nil
	}
	switch ops := []string{"distinct", "sort", "limit", "sample", "fraction", "top"}; ops[even(g.t, len(ops), "rank")] {
	case "distinct":
		return g.distinct(n, rdd.Distinct{From: from, As: as}, labels, kept, cols, events, fits)
	case "sort":
		return g.sort(n, from, as, labels, kept, cols)
	case "top":
		m := g.sort(n, from, as, labels, kept, cols)
		if m == nil {
			return nil
		}
		g.push(m)
		limit := rdd.Limit{N: int64(small(g.t, 1, 6, "limit"))}
		for _, l := range some(g.t, "limited", 1, kept) {
			limit.From |= 1 << l
		}
		return m.next(limit, nil, nil)
	}
	if !events {
		return nil
	}
	count, seed := int64(small(g.t, 1, 6, "rows")), int64(small(g.t, -3, 3, "seed"))
	switch one(g.t, "how", "limit", "sample", "fraction") {
	case "limit":
		return g.keeps(n, rdd.Limit{From: from, As: as, N: count}, labels, kept, nil)
	case "sample":
		return g.keeps(n, rdd.Sample{From: from, As: as, N: count, Seed: seed}, labels, kept, nil)
	}
	return n.next(rdd.Sample{From: from, Fraction: one(g.t, "fraction", 0.5, 0.1, 0.9, 1), Seed: seed}, nil, nil)
}

// keeps is the node of op, which makes groups of rows of some labels.
func (g *drawer) keeps(n *node, op rdd.Operation, labels, kept []int, by []string) *node {
	m := n.next(op, nil, nil)
	for _, l := range labels {
		delete(m.labels, l)
	}
	for _, l := range kept {
		made := lab{source: ofGroups}
		for _, from := range labels {
			if len(kept) > 1 && from != l || len(kept) == 1 && m.set.Result() == 0 && from != l {
				continue
			}
			made.grown = made.grown || n.labels[from].grown
			for _, c := range n.labels[from].cols {
				made.add(c)
			}
			if slices.Contains(by, rdd.WindowStart) || by == nil && op.Kind() == "distinct" && slices.Contains(made.cols, rdd.WindowStart) {
				made.size = n.labels[from].size
			}
		}
		m.labels[l] = made
	}
	return m
}

func (g *drawer) distinct(n *node, op rdd.Distinct, labels, kept []int, cols []string, events, fits bool) *node {
	keys := withoutLoose(cols)
	if events && len(keys) > 0 && coin(g.t, 1, "by") {
		op.By = some(g.t, "by", 1, keys)
		if !fits && slices.Contains(op.By, rdd.WindowStart) {
			return nil
		}
		return g.keeps(n, op, labels, kept, op.By)
	}
	for _, l := range labels {
		all := n.labels[l].cols
		if len(all) == 0 || len(all) > 40 || len(withoutLoose(all)) < len(all) || !fits { // of 63 columns at the most, those of the system included
			return nil
		}
	}
	return g.keeps(n, op, labels, kept, nil)
}

func (g *drawer) sort(n *node, from, as rdd.LabelSet, labels, kept []int, cols []string) *node {
	for _, l := range labels {
		nested := func(c string) bool { return strings.ContainsRune("lrkq", rune(trait(c))) && c != "kind" }
		if slices.ContainsFunc(n.labels[l].cols, nested) {
			return nil // groups that are equal are ordered by all their columns, and these have no order
		}
	}
	x := &sentences{t: g.t, cols: withoutLoose(cols)}
	op := rdd.Sort{From: from, As: as}
	for range small(g.t, 1, 3, "sort keys") {
		k := x.leaf(one(g.t, "trait", []byte("ifwsbtd")...))
		if coin(g.t, 2, "expression") {
			k = x.draw(one(g.t, "trait", []byte("ifwsbtd")...), 2)
		}
		k += one(g.t, "direction", "", " desc", " ASC") + one(g.t, "nulls", "", " nulls first", " NULLS LAST")
		op.By = append(op.By, k)
	}
	return g.keeps(n, op, labels, kept, nil)
}
