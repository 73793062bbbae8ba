package twin

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/idag/idag/rdd"
)

// renamed is put before the names of right columns that the left side has as
// well. It does not change their trait.
const renamed = "r_"

// side is what a draw knows of one side of a join.
type side struct {
	node   *node
	labels []int
	set    rdd.LabelSet
	shared []string // columns that all labels have
	all    []string // columns that any has
	size   time.Duration
	grown  bool
}

func (g *drawer) side(n *node) side {
	s := side{node: n}
	s.set, s.labels, s.shared = g.choose(n, slices.Sorted(maps.Keys(n.labels)))
	s.size = n.labels[s.labels[0]].size
	for _, l := range s.labels {
		lab := n.labels[l]
		if lab.size != s.size {
			s.size = 0
		}
		s.grown = s.grown || lab.grown
		for _, c := range lab.cols {
			if !slices.Contains(s.all, c) {
				s.all = append(s.all, c)
			}
		}
	}
	return s
}

// join draws a Join of labels of one dataset, or of two.
func (g *drawer) join(n *node) *node {
	other, parents := n, []*node{n}
	if coin(g.t, 1, "two datasets") {
		other = one(g.t, "right", g.nodes...)
		parents = append(parents, other)
	}
	l, r := g.side(n), g.side(other)
	as := g.as(n)
	if as >= 0 && as != g.as(other) {
		as = max(as, g.as(other))
	}
	if _, here := n.labels[as]; as < 0 || here || g.as(other) < 0 || l.grown && r.grown {
		return nil
	}
	if _, here := other.labels[as]; here {
		return nil
	}
	m, fits := passBy(parents, l, r)
	if !fits {
		return nil
	}
	op := rdd.Join{From: l.set, With: r.set, As: 1 << as, Prefix: prefix(l, r),
		How: one(g.t, "kind", append(rdd.JoinKind("").All(), "")...)}
	windowed := g.keys(&op, l, r)
	if len(op.On) == 0 {
		return nil
	}
	g.within(&op, l, r)
	names := rightNames(op, l, r)
	if coin(g.t, 1, "where") {
		x := &sentences{t: g.t, cols: slices.Clone(l.shared)}
		for _, c := range r.shared {
			if !slices.Contains(x.cols, names[c]) && names[c] != "" {
				x.cols = append(x.cols, names[c])
			}
		}
		x.cols = slices.DeleteFunc(x.cols, func(c string) bool { return !slices.Contains(l.shared, c) && slices.Contains(l.all, c) })
		op.Where = x.draw('b', small(g.t, 1, 3, "depth"))
	}
	made := lab{cols: slices.Clone(l.all), source: ofGroups, grown: true}
	if windowed {
		made.size = l.size
	}
	if op.How != "semi" && op.How != "anti" {
		for _, c := range r.all {
			if names[c] != "" {
				made.add(names[c])
			}
		}
	}
	m.labels[as] = made
	sets := []*rdd.Dataset{n.set}
	if len(parents) > 1 {
		sets = append(sets, other.set)
	}
	m.set = rdd.Extend(op, rdd.Pos{}, nil, sets...)
	return m
}

// passBy is what goes on past a join. It does not fit if a label comes from both
// parents with different windows.
func passBy(parents []*node, l, r side) (*node, bool) {
	m := &node{labels: map[int]lab{}}
	for i, p := range parents {
		for label, have := range p.labels {
			if i == 0 && slices.Contains(l.labels, label) || i == len(parents)-1 && slices.Contains(r.labels, label) {
				continue
			}
			was, both := m.labels[label]
			if both && was.size != have.size {
				return nil, false
			}
			if both {
				cols := slices.Clone(was.cols)
				was.cols, was.source, was.grown = cols, shared(was.source, have.source), was.grown || have.grown
				for _, c := range have.cols {
					was.add(c)
				}
				have = was
			}
			m.labels[label] = have
		}
	}
	return m, true
}

// keys draws pairs of columns of one type. It reports whether rows leave with
// their windows.
func (g *drawer) keys(op *rdd.Join, l, r side) (windowed bool) {
	windows := slices.Contains(l.shared, rdd.WindowStart) && slices.Contains(r.shared, rdd.WindowStart)
	if windows && l.size != 0 && l.size == r.size && !coin(g.t, 2, "not by window") {
		op.On, windowed = []rdd.JoinKey{{Left: rdd.WindowStart, Right: rdd.WindowStart}}, true
	}
	lefts, rights := g.matching(l, r)
	var pairs []rdd.JoinKey
	number := func(c string) byte {
		if k := trait(c); k != 'w' {
			return k
		}
		return 'f'
	}
	for _, a := range lefts {
		for _, b := range rights {
			nested := strings.ContainsRune("lrkq", rune(trait(a)))
			if number(a) == number(b) && !nested && (a != rdd.WindowStart || b != rdd.WindowStart) {
				pairs = append(pairs, rdd.JoinKey{Left: a, Right: b})
			}
		}
	}
	if len(pairs) == 0 {
		return windowed
	}
	own := len(g.by) > 0
	for _, c := range g.by {
		own = own && slices.Contains(pairs, rdd.JoinKey{Left: c, Right: c})
	}
	if own {
		for _, c := range g.by {
			op.On = append(op.On, rdd.JoinKey{Left: c, Right: c})
		}
		return windowed
	}
	for range small(g.t, 0, 2, "keys") {
		k := one(g.t, "key", pairs...)
		same := rdd.JoinKey{Left: k.Left, Right: k.Left}
		if coin(g.t, 1, "of one name") && slices.Contains(pairs, same) {
			k = same
		}
		if !slices.Contains(op.On, k) {
			op.On = append(op.On, k)
		}
	}
	return windowed
}

// matching is the columns of both sides that rows can be matched by. Events are by their
// tags as well; the hashes of two sources may be of different types.
func (g *drawer) matching(l, r side) (lefts, rights []string) {
	lefts, rights = withoutLoose(l.shared), withoutLoose(r.shared)
	if l.events() {
		lefts = append(lefts, g.system()...)
	}
	if r.events() {
		rights = append(rights, g.system()...)
	}
	if !l.events() || !r.events() || l.source() != r.source() {
		other := func(c string) bool { return c == rdd.ColHash }
		lefts, rights = slices.DeleteFunc(lefts, other), slices.DeleteFunc(rights, other)
	}
	return lefts, rights
}

// events reports whether all rows of a side are events of one source.
func (s side) events() bool { return s.source() >= 0 }

// source is that of all rows of a side, or negative.
func (s side) source() int {
	source := s.node.labels[s.labels[0]].source
	for _, l := range s.labels {
		if s.node.labels[l].source != source {
			return notOne
		}
	}
	return source
}

func (g *drawer) within(op *rdd.Join, l, r side) {
	times := func(s side) []string {
		cols := slices.Clone(s.shared)
		if s.events() && !g.oneTime {
			cols = append(cols, rdd.ColTime)
		}
		return slices.DeleteFunc(cols, func(c string) bool { return trait(c) != 't' })
	}
	a, b := times(l), times(r)
	if len(a) == 0 || len(b) == 0 || !coin(g.t, 1, "within") {
		return
	}
	op.Within = rdd.JoinTime{Left: one(g.t, "left time", a...), Right: one(g.t, "right time", b...),
		Before: one(g.t, "before", 0, time.Minute, 24*time.Hour), After: one(g.t, "after", 0, time.Hour, time.Microsecond)}
}

// prefix is one with which no right column has the name of another.
func prefix(l, r side) string {
	p := renamed
	for slices.ContainsFunc(r.all, func(c string) bool { return slices.Contains(l.all, p+c) || slices.Contains(r.all, p+c) }) {
		p += renamed
	}
	return p
}

// rightNames is what right columns are called in the result, "" for those that are
// one with a left column.
func rightNames(op rdd.Join, l, r side) map[string]string {
	out := map[string]string{}
	for _, c := range r.all {
		key := strings.ReplaceAll(c, rdd.WindowEnd, rdd.WindowStart)
		switch {
		case !slices.Contains(l.all, c):
			out[c] = c
		case slices.Contains(op.On, rdd.JoinKey{Left: c, Right: c}), key != c && slices.Contains(op.On, rdd.JoinKey{Left: key, Right: key}):
			out[c] = ""
		default:
			out[c] = op.Prefix + c
		}
	}
	return out
}
