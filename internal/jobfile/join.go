package jobfile

import (
	"strconv"
	"strings"

	"github.com/idag/idag/rdd"
)

// join reads a join, and returns the parents that it names besides the dataset
// that it is a step of.
func (p *parser) join(d *dataset, s step, marks rdd.Marks) (rdd.Operation, []*rdd.Dataset) {
	a := s.args
	if !p.keys(a, "join", "right", "from", "with", "as", "kind", "on", "where", "within", "prefix") {
		return rdd.Join{}, nil
	}
	p.need(s, "on")
	j := rdd.Join{
		From:   p.labelSet(a.get("from"), marks, "from"),
		With:   p.labelSet(a.get("with"), marks, "with"),
		How:    p.joinKind(a.get("kind"), marks),
		On:     p.joinKeys(a.get("on"), marks),
		Where:  p.expr(a.get("where"), marks, "where"),
		Within: p.joinTime(a.get("within"), marks),
		Prefix: p.marked(a.get("prefix"), "a prefix for the names of the right columns", marks, "prefix"),
	}
	as := a.get("as")
	if as == nil {
		as = &node{at: s.at, text: d.name}
	}
	marks["as"] = as.at
	j.As = p.label(as)
	d.as = j.As
	if n := a.get("right"); n != nil {
		return j, []*rdd.Dataset{p.source(n)}
	}
	if a.get("with") == nil {
		p.fail(s.at, `join needs "with", the labels of the right side, or "right", another dataset`)
	}
	return j, nil
}

func (p *parser) joinKind(n *node, marks rdd.Marks) rdd.JoinKind {
	kind := p.marked(n, "a kind of join", marks, "kind")
	if kind == "" {
		return ""
	}
	var known []string
	for _, k := range rdd.JoinKind("").All() {
		if string(k) == kind {
			return k
		}
		known = append(known, string(k))
	}
	hint := nearest(kind, known)
	if hint == "" {
		hint = "; there are " + strings.Join(known, ", ")
	}
	p.fail(n.at, "unknown kind of join %q%s", kind, hint)
	return ""
}

// joinKeys reads a list of keys: a column that both sides have, "a = b", or {left:
// a, right: b}. The word tag, not in a list, stands for the hash of the tag.
func (p *parser) joinKeys(n *node, marks rdd.Marks) []rdd.JoinKey {
	if n == nil {
		return nil
	}
	marks["on"] = n.at
	if n.form != list && n.form != mapping && n.text == "tag" {
		marks["on.0"] = n.at
		return []rdd.JoinKey{{Left: rdd.ColHash, Right: rdd.ColHash}}
	}
	items := n.items
	if n.form != list {
		items = []*node{n}
	}
	if len(items) == 0 {
		p.fail(n.at, `expected columns that are equal, such as [meter, "a = b"]`)
	}
	var out []rdd.JoinKey
	for i, item := range items {
		marks["on."+strconv.Itoa(i)] = item.at
		if k := p.joinKey(item); k != (rdd.JoinKey{}) {
			out = append(out, k)
		}
	}
	return out
}

func (p *parser) joinKey(n *node) rdd.JoinKey {
	if n.form == mapping {
		if !p.keys(n, "a key", "left", "right") {
			return rdd.JoinKey{}
		}
		k := rdd.JoinKey{Left: p.str(n.get("left"), "a column of the left side"), Right: p.str(n.get("right"), "a column of the right side")}
		if k.Left == "" || k.Right == "" {
			p.fail(n.at, "a key has a column on the left and one on the right")
		}
		return k
	}
	text := p.str(n, `a column of both sides, or two as in "a = b"`)
	l, r, two := strings.Cut(text, "=")
	if !two {
		return rdd.JoinKey{Left: text, Right: text}
	}
	k := rdd.JoinKey{Left: strings.TrimSpace(l), Right: strings.TrimSpace(r)}
	if k.Left == "" || k.Right == "" || strings.Contains(r, "=") {
		p.fail(n.at, `expected two columns as in "a = b", got %q`, text)
	}
	return k
}

func (p *parser) joinTime(n *node, marks rdd.Marks) (w rdd.JoinTime) {
	if n == nil {
		return w
	}
	marks["within"] = n.at
	if !p.keys(n, "within", "time", "left", "right", "before", "after") {
		return w
	}
	w = rdd.JoinTime{Left: p.str(n.get("left"), "a timestamp column of the left side"),
		Right:  p.str(n.get("right"), "a timestamp column of the right side"),
		Before: p.duration(n.get("before")), After: p.duration(n.get("after"))}
	if t := n.get("time"); t != nil {
		if w.Left != "" || w.Right != "" {
			p.fail(t.at, `"time" stands for "left" and "right" of the same name`)
		}
		w.Left = p.str(t, "a timestamp column of both sides")
		w.Right = w.Left
	}
	if w.Left == "" || w.Right == "" {
		p.fail(n.at, `within needs "time", or "left" and "right"`)
	}
	return w
}

// join writes a join; right is the name of its second parent, if it has one.
func (f *formatter) join(j rdd.Join, right string) entries {
	e := entries{}.and("right", right)
	e = append(e, f.labels("from", j.From)...)
	if j.With == 0 && right == "" {
		e = append(e, entry{"with", all})
	}
	e = append(e, f.labels("with", j.With)...).and("kind", string(j.How))
	var keys []entries
	var plain []string
	for _, k := range j.On {
		keys = append(keys, entries{{"left", k.Left}, {"right", k.Right}})
		if k.Left == k.Right && !strings.Contains(k.Left, "=") {
			plain = append(plain, k.Left)
		}
	}
	if len(plain) == 1 && len(keys) == 1 && plain[0] == rdd.ColHash {
		e = e.and("on", "tag")
	} else if len(plain) == len(keys) {
		e = e.and("on", plain)
	} else {
		e = append(e, entry{"on", keys})
	}
	e = e.and("where", j.Where)
	if w := j.Within; w.Left != "" {
		e = e.and("within", entries{{"left", w.Left}, {"right", w.Right}}.and("before", spell(w.Before)).and("after", spell(w.After)))
	}
	return append(e.and("prefix", j.Prefix), f.labels("as", j.As)...)
}
