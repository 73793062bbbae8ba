package twin

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/idag/idag/rdd"
)

// reduce draws a Reduce.
func (g *drawer) reduce(n *node) *node {
	from, labels, cols := g.choose(n, slices.Sorted(maps.Keys(n.labels)))
	return g.reduceOf(n, from, labels, cols)
}

// sessions draws a window of sessions and the Reduce that makes them.
func (g *drawer) sessions(n *node) *node {
	m := g.windowOf(n, func(size time.Duration) rdd.Window { return rdd.Window{Gap: size} })
	if m == nil {
		return nil
	}
	op := m.set.Op().(rdd.Window)
	labels := op.For.Each()
	if op.For == 0 {
		labels = slices.Sorted(maps.Keys(n.labels))
		labels = slices.DeleteFunc(labels, func(l int) bool { return !slices.Contains(n.labels[l].cols, op.Time) })
	}
	set, cols := rdd.LabelSet(0), slices.Clone(n.labels[labels[0]].cols)
	for _, l := range labels {
		set |= 1 << l
		cols = slices.DeleteFunc(cols, func(c string) bool { return !slices.Contains(n.labels[l].cols, c) })
	}
	r := g.reduceOf(m, set, labels, slices.DeleteFunc(cols, func(c string) bool { return strings.HasPrefix(c, "window") }))
	if r == nil {
		return nil
	}
	reduce := r.set.Op().(rdd.Reduce)
	reduce.By = append(reduce.By, rdd.WindowStart)
	if coin(g.t, 1, "end of session") {
		reduce.By = append(reduce.By, rdd.WindowEnd)
	}
	made := r.labels[reduce.As.First()]
	made.cols = append(made.cols, reduce.By[slices.Index(reduce.By, rdd.WindowStart):]...)
	r.set = rdd.Extend(reduce, rdd.Pos{}, nil, m.set)
	r.labels[reduce.As.First()] = made
	return r
}

// reduceOf draws a Reduce of some labels that share columns, by the columns given or
// by some.
func (g *drawer) reduceOf(n *node, from rdd.LabelSet, labels []int, cols []string, by ...string) *node {
	as := g.as(n)
	if as < 0 {
		return nil
	}
	first := n.labels[labels[0]]
	made := lab{source: ofGroups}
	ordered := first.source >= 0
	sameSize := first.size != 0
	for _, l := range labels {
		ordered = ordered && n.labels[l].source == first.source
		sameSize = sameSize && n.labels[l].size == first.size
	}
	op := rdd.Reduce{From: from, As: 1 << as, By: slices.Clone(by)}
	keys := slices.DeleteFunc(withoutLoose(cols), func(c string) bool { return c == rdd.WindowStart })
	if len(keys) > 0 && len(by) == 0 {
		for range small(g.t, 0, 2, "keys") {
			if c := one(g.t, "key", keys...); !slices.Contains(op.By, c) {
				op.By = append(op.By, c)
			}
		}
	}
	if slices.Contains(by, rdd.WindowStart) {
		made.size = first.size
	} else if sameSize && slices.Contains(cols, rdd.WindowStart) && !coin(g.t, 2, "not by window") {
		op.By = append(op.By, rdd.WindowStart)
		made.size = first.size
	}
	made.cols = slices.Clone(op.By)
	for range small(g.t, 1, 4, "aggregates") {
		a := g.aggregate(cols, ordered)
		if !slices.Contains(made.cols, a.Column) {
			op.Get = append(op.Get, a)
			made.add(a.Column)
		}
	}
	if len(op.Get) == 0 {
		return nil
	}
	m := n.next(op, nil, nil)
	for _, l := range labels {
		delete(m.labels, l)
	}
	m.labels[as] = made
	return m
}

// as draws the label of a result, or -1 where there is none to have: a label
// that is there already cannot be it.
func (g *drawer) as(n *node) int {
	for i := range g.result {
		if _, ok := n.labels[len(g.base)+i]; !ok {
			return len(g.base) + i
		}
	}
	return -1
}

// aggregate draws one aggregate, and a name with the trait of its result.
func (g *drawer) aggregate(cols []string, ordered bool) rdd.Assign {
	x := &sentences{t: g.t, cols: withoutLoose(cols)}
	arg := func(of string) (byte, string) {
		k := one(g.t, "trait", []byte(of)...)
		if coin(g.t, 1, "expression") {
			return k, x.draw(k, 1)
		}
		return k, x.leaf(k)
	}
	funcs := []string{"sum", "count", "min", "max", "avg", "count_distinct", "stddev", "approx", "own"}
	if ordered {
		funcs = append(funcs, "first", "last", "first", "last", "sample")
	}
	f := funcs[even(g.t, len(funcs), "aggregate")]
	switch f {
	case "count":
		_, e := arg("isfwbtd" + x.rich(rich))
		return rdd.Assign{Column: column(g.t, 'i'), Expr: one(g.t, "count", "count()", "count(*)", "count("+e+")")}
	case "count_distinct":
		_, e := arg("isfwbtd" + x.rich(rich))
		return rdd.Assign{Column: column(g.t, 'i'), Expr: "count(distinct " + e + ")"}
	case "sum":
		k, e := arg("if" + x.rich("mu"))
		if k == 'm' {
			k = 'n'
		}
		return rdd.Assign{Column: column(g.t, k), Expr: "sum(" + e + ")"}
	case "avg":
		k, e := arg("if" + x.rich("mu"))
		switch k {
		case 'm':
			k = 'o'
		case 'i', 'f':
			k = 'w'
		}
		return rdd.Assign{Column: column(g.t, k), Expr: "avg(" + e + ")"}
	case "stddev":
		k, e := arg("fi")
		if k == 'i' {
			e += " % 1000" // an engine may take integers beyond 2^53 as floats
		}
		return rdd.Assign{Column: column(g.t, 'z'), Expr: "stddev(" + e + ")"}
	}
	if f == "own" {
		return rdd.Assign{Column: column(g.t, 'i'), Expr: "own_spread(" + x.draw('i', 1) + ", " + x.leaf('s') + ")"}
	}
	if f == "approx" || f == "sample" {
		return g.approx(f, x, arg)
	}
	of := "isfwbtd" + x.rich("muxno")
	if f == "first" || f == "last" {
		of += x.rich("lrk")
	}
	k, e := arg(of)
	return rdd.Assign{Column: column(g.t, k), Expr: f + "(" + e + ")"}
}

// approx draws an aggregate that the engine takes from a sketch. The result of a sample
// is a list of strings like any other, that of approx_top nothing else takes.
func (g *drawer) approx(f string, x *sentences, arg func(of string) (byte, string)) rdd.Assign {
	if f == "sample" {
		_, e := arg("s")
		return rdd.Assign{Column: column(g.t, 'l'), Expr: "sample(" + e + one(g.t, "k", ", 1)", ", 3)", ", 100)")}
	}
	switch even(g.t, 4, "approx") {
	case 0:
		_, e := arg("isfwbtd" + x.rich(rich))
		return rdd.Assign{Column: column(g.t, 'i'), Expr: "approx_distinct(" + e + one(g.t, "error", "", ", 0.04") + ")"}
	case 1:
		k, e := arg("is")
		value := one(g.t, "value", "0", "1", "2", "-1")
		if k == 's' {
			value = one(g.t, "value", "''", "'a'", "'b'")
		}
		return rdd.Assign{Column: column(g.t, 'i'), Expr: "approx_count(" + e + ", " + value + ")"}
	case 2:
		_, e := arg("is")
		return rdd.Assign{Column: column(g.t, 'q'), Expr: "approx_top(" + e + one(g.t, "k", ", 1)", ", 3)", ", 20, 0.02)")}
	}
	_, e := arg("isbtd" + x.rich(rich))
	return rdd.Assign{Column: column(g.t, 'w'), Expr: "approx_moment2(" + e + ")"}
}
