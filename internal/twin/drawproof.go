package twin

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// What is drawn here is what rows often pass by for a reason: filters and maps that
// the bounds of a batch decide, shuffles of rows that are where they bring them, and
// steps of which what comes is kept.

// kept draws a Cache right behind a source, where it has an effect: nothing else goes
// on from before it. Behind what depends on more than the split it must have none.
func (g *drawer) kept(n *node) *node {
	if !coin(g.t, 2, "cached source") {
		return n
	}
	before := []func(*node) *node{g.assign, g.window}
	if len(g.told) > 0 {
		before = append(before, g.recall)
	}
	if coin(g.t, 1, "something before") {
		if m := one(g.t, "before", before...)(n); m != nil {
			n = m
		}
	}
	return g.cache(n)
}

// part goes on from a source by one way, or by two with filters of their own, which
// bounds may decide one so and the other so.
func (g *drawer) part(n *node) {
	if coin(g.t, 2, "two ways") {
		if a, b := g.judged(n), g.judged(n); a != nil && b != nil {
			g.push(a)
			n = b
		}
	}
	g.push(n)
}

// judged draws a filter that keeps all rows of many a batch, or none.
func (g *drawer) judged(n *node) *node {
	set, labels, cols := g.choose(n, slices.Sorted(maps.Keys(n.labels)))
	if cols = bounded(cols); len(cols) == 0 {
		return nil
	}
	if coin(g.t, 2, "set before") { // what is known of the column is known no more
		c := one(g.t, "set", cols...)
		n = n.next(rdd.Map{For: set, Set: []rdd.Assign{{Column: c, Expr: g.other(c, cols)}}}, labels, func(*lab) {})
		cols = []string{c}
	}
	where := make([]string, 1+even(g.t, 2, "conditions"))
	for i := range where {
		c := one(g.t, "judged", cols...)
		where[i] = one(g.t, "condition", name(c)+" IS NOT NULL", name(c)+" IS NULL",
			fmt.Sprintf("%s %s %s", name(c), one(g.t, "comparison", "<=", "<", ">=", ">", "<>"), far(g.t, trait(c))),
			fmt.Sprintf("NOT %s BETWEEN %s AND %s", name(c), far(g.t, trait(c)), far(g.t, trait(c))),
			fmt.Sprintf("coalesce(%s %s %s, %s)", name(c), one(g.t, "comparison", "<=", ">"), far(g.t, trait(c)), one(g.t, "else", "TRUE", "FALSE")))
	}
	return n.next(rdd.Filter{For: set, Where: strings.Join(where, one(g.t, "logic", " AND ", " OR "))}, nil, nil)
}

// other draws an expression for a column that has not the bounds of the column.
func (g *drawer) other(c string, cols []string) string {
	if like := sameTrait(c, cols); len(like) > 1 && coin(g.t, 1, "another column") {
		return name(one(g.t, "other", like...))
	}
	return one(g.t, "other", far(g.t, trait(c)), fmt.Sprintf("nullif(%s, %s)", name(c), far(g.t, trait(c))))
}

// sameTrait is the columns that have the type of c.
func sameTrait(c string, cols []string) []string {
	return slices.DeleteFunc(slices.Clone(cols), func(o string) bool { return trait(o) != trait(c) })
}

// moved draws a map by which rows of some labels are no longer where a shuffle by keys has
// brought them, but have one of the keys in common.
func (g *drawer) moved(n *node, labels []int, keys []string) *node {
	op, k := rdd.Map{}, one(g.t, "key", bounded(keys)...)
	for _, l := range labels {
		op.For |= 1 << l
	}
	op.Set = []rdd.Assign{{Column: k, Expr: far(g.t, trait(k))}}
	return n.next(op, labels, func(*lab) {})
}

// alike draws keys of the types of others, or the same in another order: by them rows are
// together that were not.
func (g *drawer) alike(keys, cols []string) []string {
	out := slices.Clone(keys)
	slices.Reverse(out)
	for i, k := range out {
		if c := one(g.t, "key", sameTrait(k, cols)...); !slices.Contains(out, c) {
			out[i] = c
		}
	}
	return out
}

// unchanged draws a map that changes no row of many a batch.
func (g *drawer) unchanged(n *node) *node {
	set, labels, cols := g.choose(n, slices.Sorted(maps.Keys(n.labels)))
	if cols = bounded(cols); len(cols) == 0 {
		return nil
	}
	op := rdd.Map{For: set}
	for _, c := range some(g.t, "unchanged", 1, cols) {
		x, v := name(c), far(g.t, trait(c))
		forms := []string{"coalesce(%[1]s, %[2]s)", "CASE WHEN %[1]s < %[2]s THEN %[2]s ELSE %[1]s END", "greatest(%[1]s, %[2]s)", "least(%[2]s, %[1]s)", "nullif(%[1]s, %[2]s)"}
		if trait(c) == 'i' {
			forms = append(forms, "%[1]s + 0", "abs(%[1]s)")
		}
		if trait(c) == 'f' || trait(c) == 'w' {
			forms = append(forms, "%[1]s + 0", "abs(%[1]s)")
		}
		text := one(g.t, "form", forms...)
		if strings.Contains(text, "[2]") {
			text = fmt.Sprintf(text, x, v)
		} else {
			text = fmt.Sprintf(text, x)
		}
		op.Set = append(op.Set, rdd.Assign{Column: c, Expr: text})
		if len(op.Set) == 2 {
			break
		}
	}
	return n.next(op, labels, func(*lab) {})
}

// bounded is the columns of which sources give bounds.
func bounded(cols []string) []string {
	return slices.DeleteFunc(slices.Clone(cols), func(c string) bool {
		return strings.HasPrefix(c, "window") || strings.IndexByte("iwfstd", trait(c)) < 0
	})
}

// far is a literal that is mostly beyond what a batch has, or at its edge.
func far(t *rapid.T, k byte) string {
	of := map[byte][]string{
		'i': {"0", "(-1)", "100", "1000", "9223372036854775807", "(-9223372036854775808)"},
		'f': {"0.0", "(-0.0)", "(-1e6)", "1e6", "1e7", "(-1e7)"},
		'w': {"0.0", "1e300", "(-1e300)", "1e308", "CAST('nan' AS double)"},
		's': {"''", "'a'", "'e'", "'日本'", "'𐀀'"},
		't': {"TIMESTAMP '2024-01-01 00:00:00'", "TIMESTAMP '1000-01-01 00:00:00'", "TIMESTAMP '9999-12-31 23:59:59.999999'", "TIMESTAMP '2023-12-01 00:00:00'"},
		'd': {"DATE '2024-01-01'", "DATE '1969-12-31'", "DATE '9999-12-31'"},
	}
	return one(t, "far", of[k]...)
}

// again draws a shuffle, maybe something between, and then what would shuffle by the
// same keys.
func (g *drawer) again(n *node) *node {
	set, labels, cols := g.choose(n, slices.Sorted(maps.Keys(n.labels)))
	cols = slices.DeleteFunc(withoutLoose(cols), func(c string) bool { return strings.HasPrefix(c, "window") })
	if len(cols) == 0 {
		return nil
	}
	keys := some(g.t, "keys", 1, cols)
	keys = keys[:min(len(keys), 2)]
	m := n.next(rdd.Shuffle{From: set, Keys: keys}, nil, nil)
	stay := len(labels) > 1 && len(bounded(keys)) > 0 && coin(g.t, 1, "some stay")
	switch {
	case stay:
		g.push(m)
		m = g.moved(m, labels[1+even(g.t, len(labels)-1, "stay"):], keys)
	case coin(g.t, 1, "between"):
		g.push(m)
		if m = one(g.t, "operation", g.assign, g.filter, g.expand, g.unchanged)(m); m == nil {
			return nil
		}
	}
	var shared []string
	for _, c := range m.labels[labels[0]].cols {
		if !slices.ContainsFunc(labels, func(l int) bool { return !slices.Contains(m.labels[l].cols, c) }) {
			shared = append(shared, c)
		}
	}
	if slices.ContainsFunc(keys, func(k string) bool { return !slices.Contains(shared, k) }) {
		return m
	}
	g.push(m)
	if stay {
		return g.reduceOf(m, set, labels, shared, keys...)
	}
	if coin(g.t, 1, "other keys") {
		keys = g.alike(keys, slices.DeleteFunc(slices.Clone(shared), func(c string) bool { return strings.HasPrefix(c, "window") }))
	}
	switch again := []string{"shuffle", "reduce", "join", "distinct", "distinct"}; again[even(g.t, len(again), "again")] {
	case "reduce":
		return g.reduceOf(m, set, labels, shared, keys...)
	case "join":
		g.by = keys
		defer func() { g.by = nil }()
		return g.join(m)
	case "distinct":
		as := g.as(m)
		if as < 0 || slices.ContainsFunc(labels, func(l int) bool { return m.labels[l].source < 0 || m.labels[l].size != m.labels[labels[0]].size }) {
			return nil
		}
		return g.keeps(m, rdd.Distinct{From: set, As: 1 << as, By: keys}, labels, []int{as}, keys)
	}
	return m.next(rdd.Shuffle{From: set, Keys: keys}, nil, nil)
}
