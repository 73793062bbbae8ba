package twin

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// drawer draws the operations of a job.
type drawer struct {
	t       *rapid.T
	hash    Hash
	base    []string // labels that tags give
	result  []string // labels that only Reduce gives
	oneTime bool     // the event time is t0, and all windows take it
	inputs  map[string]Input
	nodes   []*node
	by      []string // keys that the next Join takes, if its sides have them

	told       []toldResult   // that the job reads of itself
	writes     []*rdd.Dataset // of told
	root       *node          // the events of the first source, before anything else
	cutsMatter bool

	sourceNames []string // columns of the first source, without those of its tag
}

// node is a dataset with what is known of its rows.
type node struct {
	set    *rdd.Dataset
	labels map[int]lab
}

// lab is what a label's rows are like.
type lab struct {
	cols    []string
	size    time.Duration // of their windows
	tumbles bool          // and they begin at multiples of it
	source  int           // within which their origins are unique, or one of the below
	grown   bool          // a Join may have made many rows of few
}

const (
	ofGroups = -1 // some rows were made by a Reduce: they have no origin
	notOne   = -2 // all are of events, but a Union may have brought them twice
)

func (g *drawer) labels() {
	n := 1 + even(g.t, 4, "labels")
	g.base = []string{"E", "B", "I", "été"}[:n]
	g.result = []string{"R", "S"}[:min(2, even(g.t, 4, "result labels"))]
	g.inputs = map[string]Input{}
}

// trait is what a column may hold, told from its name, so that one name has
// one type: b bool, i int64, f float64 of moderate size, w any float64, s
// string, t timestamp, d date, z float64 that only compares loosely; see rich for
// the others.
func trait(name string) byte {
	for strings.HasPrefix(name, renamed) {
		name = name[len(renamed):]
	}
	switch name {
	case rdd.WindowStart, rdd.WindowEnd, rdd.ColTime:
		return 't'
	case rdd.ColSeq, rdd.ColPart, rdd.ColHash:
		return 'i'
	case rdd.ColLabel, "kind":
		return 's'
	}
	return name[0]
}

// column draws a name for a column of trait k; the last one needs quotes.
func column(t *rapid.T, k byte) string {
	return string(k) + one(t, "column", "0", "1", "2", ` "é`)
}

// source draws a source and its Tag.
func (g *drawer) source(i int) {
	in := Input{Name: fmt.Sprintf("in%d", i)}
	names := g.names()
	labels := some(g.t, "label of source", 1, seq(len(g.base)))
	tag := rdd.Tag{Identity: some(g.t, "identity", 1, names)}
	possible := rdd.LabelSet(0)
	if coin(g.t, 1, "rules") {
		possible = g.rules(&tag, labels, names)
	} else {
		names = append(names, "kind")
		possible = g.kinds(&tag, &in, labels)
	}
	if coin(g.t, 1, "otherwise") {
		tag.Otherwise = 1 << one(g.t, "otherwise", labels...)
		possible |= tag.Otherwise
	}
	tag.Time = "t0"
	if !g.oneTime {
		tag.Time = one(g.t, "time", "t0", "t0", "t0 + INTERVAL '1 hour'")
	}
	if g.hash != nil && coin(g.t, 2, "brings tags") {
		tag.HashColumn, tag.SeqColumn = "ihash", "iseq"
		names = append(names, "ihash", "iseq")
	}
	in.schema(g.t, names)
	in.tag = tag
	g.inputs[in.Name] = in
	read := rdd.Read{Connector: "memory", Options: rdd.Options{"name": in.Name, "split_rows": int64(small(g.t, 1, 100, "split rows"))}, Schema: in.logical()}
	n := &node{set: rdd.Extend(read, rdd.Pos{}, nil).Tag(tag), labels: map[int]lab{}}
	for _, l := range possible.Each() {
		n.labels[l] = lab{cols: names, source: i}
	}
	if i == 0 {
		g.root = n
	}
	if coin(g.t, 1, "trunk") {
		n = g.trunk(n)
	}
	g.part(g.kept(n))
	if i > 0 && coin(g.t, 1, "union of sources") {
		g.push(g.union(n, g.nodes[0]))
	}
}

// trunk draws operations that take rows one by one and that no branch leaves from.
func (g *drawer) trunk(n *node) *node {
	ops := []func(*node) *node{g.assign, g.filter, g.expand, g.apply, g.assign, g.filter}
	for range 1 + even(g.t, 4, "trunk") {
		if m := ops[even(g.t, len(ops), "operation")](n); m != nil {
			n = m
		}
	}
	return n
}

// names draws the columns of a source. A second source may have those of the
// first, so that its rows go with them.
func (g *drawer) names() []string {
	names := []string{"t0"}
	if len(g.nodes) > 0 && coin(g.t, 1, "same columns") {
		return slices.Clone(g.sourceNames)
	}
	for _, k := range "iswfbtd" + rich {
		for range even(g.t, 3, "columns") {
			if c := column(g.t, byte(k)); !slices.Contains(names, c) {
				names = append(names, c)
			}
		}
	}
	g.sourceNames = names
	return names
}

// rules labels by rules, each with a label of its own.
func (g *drawer) rules(tag *rdd.Tag, labels []int, names []string) (possible rdd.LabelSet) {
	x := &sentences{t: g.t, cols: names}
	for _, l := range labels {
		tag.Rules = append(tag.Rules, rdd.Rule{Label: 1 << l, When: x.draw('b', 1)})
		possible |= 1 << l
	}
	tag.Exclusive = coin(g.t, 2, "exclusive")
	return possible
}

// kinds labels by the column kind, whose values are the labels' names or are
// mapped to them.
func (g *drawer) kinds(tag *rdd.Tag, in *Input, labels []int) (possible rdd.LabelSet) {
	tag.Column = "kind"
	if coin(g.t, 1, "kinds are names") {
		for l, name := range g.base {
			in.kinds = append(in.kinds, name)
			possible |= 1 << l
		}
		return possible
	}
	tag.Values = map[string]rdd.LabelSet{}
	for _, l := range labels {
		possible |= 1 << l
		for _, v := range []string{g.base[l], "v" + g.base[l]} {
			tag.Values[v] = 1 << l
			in.kinds = append(in.kinds, v)
		}
	}
	return possible
}

// operation draws one operation over a dataset drawn before, most often the
// last. It may find nothing to do.
func (g *drawer) operation() {
	n := g.nodes[len(g.nodes)-1]
	if coin(g.t, 2, "branch") {
		n = one(g.t, "from", g.nodes...)
	}
	ops := []func(*node) *node{
		g.assign, g.filter, g.window, g.reduce, g.flatmap, g.meet, g.shuffle, g.join, g.join, g.windowed, g.windowed, g.assign, g.reduce, g.flatmap,
		g.sessions, g.rank, g.rank, g.judged, g.judged, g.unchanged, g.again, g.again, g.again, g.again, g.again, g.again, g.cache, g.apply, g.apply,
	}
	if len(g.told) > 0 {
		ops = append(ops, g.recall, g.recall)
	}
	g.push(ops[even(g.t, len(ops), "operation")](n))
}

func (g *drawer) push(n *node) {
	if n != nil {
		g.nodes = append(g.nodes, n)
	}
}

// windowed draws what most jobs do with windows, a Reduce behind them.
func (g *drawer) windowed(n *node) *node {
	m := g.window(n)
	if m == nil {
		return g.reduce(n)
	}
	g.push(m)
	return g.reduce(m)
}

// choose draws labels of n, as a set for For or From (0 where it is all) and
// one by one, and gives the columns that they share.
func (g *drawer) choose(n *node, from []int) (set rdd.LabelSet, labels []int, cols []string) {
	labels = some(g.t, "labels", 1, from)
	for _, l := range labels {
		set |= 1 << l
	}
	if len(labels) == len(n.labels) && coin(g.t, 1, "all") {
		set = 0
	}
	for _, c := range n.labels[labels[0]].cols {
		if !slices.ContainsFunc(labels, func(l int) bool { return !slices.Contains(n.labels[l].cols, c) }) {
			cols = append(cols, c)
		}
	}
	return set, labels, cols
}

// next is the node of op over n, in which change has changed some labels.
func (n *node) next(op rdd.Operation, labels []int, change func(*lab)) *node {
	m := &node{set: rdd.Extend(op, rdd.Pos{}, nil, n.set), labels: maps.Clone(n.labels)}
	for _, i := range labels {
		l := m.labels[i]
		l.cols = slices.Clone(l.cols)
		change(&l)
		m.labels[i] = l
	}
	return m
}

func (l *lab) add(name string) {
	if !slices.Contains(l.cols, name) {
		l.cols = append(l.cols, name)
	}
}

// sentences draws expressions over the columns of labels; the underscore ones are there
// if all of them come from events.
func (g *drawer) sentences(n *node, labels []int, cols []string) *sentences {
	x := &sentences{t: g.t, cols: slices.Clone(cols), strict: true}
	if !slices.ContainsFunc(labels, func(l int) bool { return n.labels[l].source < 0 }) {
		x.cols = append(x.cols, g.system()...)
	}
	return x
}

// system is the columns that events have without being asked. That there is an
// event time is not sure where it is left to the windows.
func (g *drawer) system() []string {
	cols := []string{rdd.ColLabel, rdd.ColSeq, rdd.ColPart}
	if !g.oneTime {
		cols = append(cols, rdd.ColTime)
	}
	if g.hash != nil {
		cols = append(cols, rdd.ColHash)
	}
	return cols
}

// targets draws the columns of a Map or a FlatMap.
func (g *drawer) targets(x *sentences, most int) []string {
	var out []string
	for range small(g.t, 1, most, "columns") {
		if c := column(g.t, one(g.t, "trait", []byte("ifswbtd"+x.rich(rich+"no"))...)); !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

func (g *drawer) assign(n *node) *node { return g.assignTo(n, slices.Sorted(maps.Keys(n.labels))) }

func (g *drawer) assignTo(n *node, from []int) *node {
	set, labels, cols := g.choose(n, from)
	x := g.sentences(n, labels, cols)
	op := rdd.Map{For: set}
	for _, c := range g.targets(x, 3) {
		op.Set = append(op.Set, rdd.Assign{Column: c, Expr: x.draw(trait(c), small(g.t, 0, 3, "depth"))})
	}
	if coin(g.t, 2, "drop") && len(cols) > 2 {
		c := one(g.t, "drop", cols...)
		if !strings.HasPrefix(c, "window") && !slices.ContainsFunc(op.Set, func(a rdd.Assign) bool { return a.Column == c }) {
			op.Drop = []string{c}
		}
	}
	return n.next(op, labels, func(l *lab) {
		for _, a := range op.Set {
			l.add(a.Column)
		}
		l.cols = slices.DeleteFunc(l.cols, func(c string) bool { return slices.Contains(op.Drop, c) })
	})
}

func (g *drawer) filter(n *node) *node { return g.filterTo(n, slices.Sorted(maps.Keys(n.labels))) }

func (g *drawer) filterTo(n *node, from []int) *node {
	set, labels, cols := g.choose(n, from)
	x := g.sentences(n, labels, cols)
	return n.next(rdd.Filter{For: set, Where: x.draw('b', small(g.t, 1, 3, "depth"))}, nil, nil)
}

// flatmap draws one FlatMap or two, the second over the children of the first.
func (g *drawer) flatmap(n *node) *node {
	m := g.expand(n)
	if coin(g.t, 1, "children of children") {
		g.push(m)
		return g.expand(m)
	}
	return m
}

func (g *drawer) expand(n *node) *node {
	set, labels, cols := g.choose(n, slices.Sorted(maps.Keys(n.labels)))
	x := g.sentences(n, labels, cols)
	x.strict = false
	op := rdd.FlatMap{For: set}
	targets := g.targets(x, 2)
	for range small(g.t, 1, 3, "elements") {
		var row []rdd.Assign
		for _, c := range targets {
			row = append(row, rdd.Assign{Column: c, Expr: x.draw(trait(c), small(g.t, 0, 2, "depth"))})
		}
		op.Rows = append(op.Rows, row)
	}
	return n.next(op, labels, func(l *lab) {
		for _, c := range targets {
			l.add(c)
		}
	})
}

func (g *drawer) window(n *node) *node {
	return g.windowOf(n, func(size time.Duration) rdd.Window {
		op := rdd.Window{Size: size}
		if coin(g.t, 1, "sliding") {
			op.Slide = one(g.t, "slide", size/2, size/3, size, 2*size, size/4*3, size+time.Second)
		}
		return op
	})
}

// windowOf draws labels and a time for a window that is made of a drawn size.
func (g *drawer) windowOf(n *node, draw func(size time.Duration) rdd.Window) *node {
	var free []int
	for _, l := range slices.Sorted(maps.Keys(n.labels)) {
		if l < len(g.base) && n.labels[l].source != ofGroups && !slices.Contains(n.labels[l].cols, rdd.WindowStart) { // groups are windowed in tests of their own
			free = append(free, l)
		}
	}
	if len(free) == 0 {
		return nil
	}
	set, labels, cols := g.choose(n, free)
	cols = slices.DeleteFunc(cols, func(c string) bool { return c[0] != 't' || g.oneTime && c != "t0" })
	if len(cols) == 0 {
		return nil
	}
	op := draw(one(g.t, "size", sizes()...))
	op.For, op.Time = set, one(g.t, "time", cols...)
	return n.next(op, labels, func(l *lab) {
		l.within(op)
	})
}

func (g *drawer) shuffle(n *node) *node {
	set, _, cols := g.choose(n, slices.Sorted(maps.Keys(n.labels)))
	cols = withoutLoose(cols)
	if len(cols) == 0 {
		return nil
	}
	return n.next(rdd.Shuffle{From: set, Keys: some(g.t, "keys", 1, cols)}, nil, nil)
}

// cache draws a Cache, which changes nothing.
func (g *drawer) cache(n *node) *node { return n.next(rdd.Cache{}, nil, nil) }

func withoutLoose(cols []string) []string {
	return slices.DeleteFunc(slices.Clone(cols), func(c string) bool { return trait(c) == 'z' })
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// name spells a column in an expression.
func name(c string) string { return (&expr.Column{Name: c}).String() }
