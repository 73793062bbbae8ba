package jobfile

import (
	"time"

	"github.com/idag/idag/rdd"
)

// window takes one of "tumbling", "size" with "slide", and "session".
func (p *parser) window(s step, marks rdd.Marks) rdd.Operation {
	a := s.args
	if !p.keys(a, "window", "for", "time", "tumbling", "size", "slide", "session") {
		return rdd.Window{}
	}
	p.need(s, "time")
	w := rdd.Window{
		For:   p.labelSet(a.get("for"), marks, "for"),
		Time:  p.marked(a.get("time"), "the column of the event time", marks, "time"),
		Size:  p.span(a.get("size"), marks, "size"),
		Slide: p.span(a.get("slide"), marks, "slide"),
		Gap:   p.span(a.get("session"), marks, "session"),
	}
	var given []*node
	for _, key := range []string{"tumbling", "size", "session"} {
		if n := a.get(key); n != nil {
			given = append(given, n)
		}
	}
	switch {
	case len(given) == 0:
		p.fail(s.at, `window needs "tumbling", "session", or "size" and "slide"`)
	case len(given) > 1:
		p.fail(given[1].at, `window takes one of "tumbling", "session", and "size" with "slide"`)
	case a.get("size") != nil && a.get("slide") == nil:
		p.fail(s.at, `window needs "slide" beside "size"; windows that do not slide are "tumbling"`)
	case a.get("size") == nil && a.get("slide") != nil:
		p.fail(a.get("slide").at, `windows that slide have a "size"`)
	}
	if n := a.get("tumbling"); n != nil {
		w.Size = p.span(n, marks, "size")
	}
	return w
}

// span reads a duration that is not zero, and marks its place.
func (p *parser) span(n *node, marks rdd.Marks, mark string) time.Duration {
	if n == nil {
		return 0
	}
	marks[mark] = n.at
	d := p.duration(n)
	if d == 0 {
		p.fail(n.at, `expected a duration such as "10 minutes", got %q`, n.text)
	}
	return d
}
