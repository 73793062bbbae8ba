package twin

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// toldResult is a result that a drawn job reads of itself.
type toldResult struct {
	name string
	cols []string // that may be read
}

// results draws which results the job reads of itself, most often none.
func (g *drawer) results() {
	if !coin(g.t, 2, "reads its own results") {
		return
	}
	for _, name := range []string{"last", "other"}[:1+b2i(coin(g.t, 2, "two results"))] {
		r := toldResult{name: name}
		for range small(g.t, 1, 3, "columns told") {
			if c := column(g.t, one(g.t, "trait", []byte("isfwbtd"+rich)...)); !slices.Contains(r.cols, c) {
				r.cols = append(r.cols, c)
			}
		}
		g.told = append(g.told, r)
	}
	if len(g.result) == 0 {
		g.result = []string{"R"}
	}
}

// recall draws a Broadcast for rows of any kind: which of them see what depends on how
// the input is cut.
func (g *drawer) recall(n *node) *node {
	g.cutsMatter = true
	return g.recallFor(n, slices.Sorted(maps.Keys(n.labels)), one(g.t, "of", g.told...))
}

// recallFor draws a Broadcast for some of the labels from.
func (g *drawer) recallFor(n *node, from []int, of toldResult) *node {
	set, labels, _ := g.choose(n, from)
	op := rdd.Broadcast{For: set, Of: of.name}
	for _, c := range some(g.t, "recalled", 1, of.cols) {
		op.Columns = append(op.Columns, fn.Column{Name: c, Type: flatType(trait(c))})
	}
	return n.next(op, labels, func(l *lab) {
		for _, c := range op.Columns {
			l.add(c.Name)
		}
	})
}

// tell draws the Reduce of a result that the job reads, what follows it, and its Write.
func (g *drawer) tell(r toldResult) {
	n, labels := g.tumbling()
	set, cols := rdd.LabelSet(0), slices.Clone(n.labels[labels[0]].cols)
	for _, l := range labels {
		set |= 1 << l
		cols = slices.DeleteFunc(cols, func(c string) bool { return !slices.Contains(n.labels[l].cols, c) })
	}
	by := []string{rdd.WindowStart}
	if coin(g.t, 1, "end of window") {
		by = append(by, rdd.WindowEnd)
	}
	as := g.as(n)
	m := g.reduceOf(n, set, labels, cols, by...)
	if m == nil {
		return
	}
	if !coin(g.t, 2, "does not go on from the last one") {
		m = g.recallFor(m, []int{as}, r)
	}
	for range small(g.t, 0, 2, "behind the result") {
		m = g.behind(m, as, r)
	}
	op := rdd.Map{For: 1 << as}
	x := g.sentences(m, []int{as}, m.labels[as].cols)
	for _, c := range r.cols {
		switch on := goesOn(c); {
		case !slices.Contains(m.labels[as].cols, c):
			op.Set = append(op.Set, rdd.Assign{Column: c, Expr: g.toTell(x, trait(c))})
		case on != "" && !coin(g.t, 2, "told as it is"):
			op.Set = append(op.Set, rdd.Assign{Column: c, Expr: on})
		}
	}
	if op.Set != nil {
		m = m.next(op, []int{as}, func(l *lab) {
			for _, a := range op.Set {
				l.add(a.Column)
			}
		})
	}
	w := rdd.Write{From: 1 << as, Connector: "broadcast", Options: rdd.Options{"name": r.name}}
	if coin(g.t, 1, "columns") {
		w.Columns = append([]string{rdd.WindowStart}, r.cols...)
	}
	g.writes = append(g.writes, m.set.Write(w).Named(r.name))
	if !coin(g.t, 2, "not looked at") {
		look := rdd.Write{From: 1 << as, Connector: "memory", Options: rdd.Options{"name": "told " + r.name}}
		g.writes = append(g.writes, m.set.Write(look).Named("told "+r.name))
	}
	g.push(m)
}

// goesOn is an expression by which a column differs in every result from the one before,
// or "".
func goesOn(c string) string {
	form := map[byte]string{
		'i': "coalesce(%s, 0) + 1", 'f': "coalesce(%s, 0.5) / 2", 'w': "coalesce(%s, 0.5) * 3", 's': "concat(coalesce(%s, ''), 'x')", 'b': "NOT coalesce(%s, FALSE)",
		't': "coalesce(%s, TIMESTAMP '2024-01-01 00:00:00') + INTERVAL '1 minute'", 'd': "date_add(coalesce(%s, DATE '2024-01-01'), 1)",
	}[trait(c)]
	if form == "" {
		return ""
	}
	return fmt.Sprintf(form, name(c))
}

// toTell draws an expression of any trait: of the further types there are no literals.
func (g *drawer) toTell(x *sentences, k byte) string {
	if strings.IndexByte(rich, k) >= 0 && !slices.ContainsFunc(x.cols, func(c string) bool { return trait(c) == k }) {
		return map[byte]string{'m': "CAST(NULL AS decimal(10,2))", 'u': "CAST(NULL AS interval)", 'x': "CAST(NULL AS binary)", 'l': "CAST(NULL AS array<string>)",
			'k': "CAST(NULL AS map<string, bigint>)", 'r': "CAST(NULL AS struct<a: double, b: array<decimal(10,2)>>)"}[k]
	}
	return x.draw(k, small(g.t, 0, 3, "depth"))
}

// behind draws one operation between the Reduce of a result and its Write.
func (g *drawer) behind(n *node, as int, r toldResult) *node {
	of := []int{as}
	switch even(g.t, 6, "behind") {
	case 0:
		return g.assignTo(n, of)
	case 1:
		return g.filterTo(n, of)
	case 2:
		if m := g.applyTo(n, of, "own_weighed", "own_positive"); m != nil {
			return m
		}
	case 3:
		if other := one(g.t, "of", g.told...); other.name != r.name {
			g.cutsMatter = true
			return g.recallFor(n, of, other)
		}
	}
	return g.recallFor(n, of, r)
}

// tumbling is a dataset, and labels of it whose windows tumble and are of one size.
func (g *drawer) tumbling() (*node, []int) {
	type found struct {
		n      *node
		labels []int
	}
	var all []found
	for _, n := range g.nodes {
		var labels []int
		for _, l := range slices.Sorted(maps.Keys(n.labels)) {
			have := n.labels[l]
			if have.tumbles && slices.Contains(have.cols, rdd.WindowStart) && slices.Contains(have.cols, rdd.WindowEnd) && (len(labels) == 0 || n.labels[labels[0]].size == have.size) {
				labels = append(labels, l)
			}
		}
		if len(labels) > 0 && g.as(n) >= 0 {
			all = append(all, found{n, labels})
		}
	}
	if len(all) == 0 {
		set, labels, _ := g.choose(g.root, slices.Sorted(maps.Keys(g.root.labels)))
		op := rdd.Window{For: set, Time: "t0", Size: one(g.t, "size", sizes()...)}
		n := g.root.next(op, labels, func(l *lab) { l.within(op) })
		g.push(n)
		all = append(all, found{n, labels})
	}
	f := one(g.t, "made a result of", all...)
	if coin(g.t, 1, "all labels") {
		return f.n, f.labels
	}
	return f.n, some(g.t, "labels", 1, f.labels)
}

// within gives a label the windows of op.
func (l *lab) within(op rdd.Window) {
	l.add(rdd.WindowStart)
	l.add(rdd.WindowEnd)
	l.size, l.tumbles = max(op.Size, op.Gap), op.Slide == 0 && op.Gap == 0
}

// flatType is the type of any trait.
func flatType(k byte) arrow.DataType {
	switch k {
	case 'b':
		return arrow.FixedWidthTypes.Boolean
	case 'i':
		return arrow.PrimitiveTypes.Int64
	case 'f', 'w':
		return arrow.PrimitiveTypes.Float64
	case 's':
		return arrow.BinaryTypes.String
	case 't':
		return arrow.FixedWidthTypes.Timestamp_us
	case 'd':
		return arrow.FixedWidthTypes.Date32
	}
	return typeOfTrait(k)
}
