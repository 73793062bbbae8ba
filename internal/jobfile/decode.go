package jobfile

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
)

// The decoders below take a node that may be nil (the key is absent), report
// what is wrong with it and return the zero value then.

// keys checks that n is a mapping with no keys but the known ones.
func (p *parser) keys(n *node, what string, known ...string) bool {
	if n.form != mapping {
		p.fail(n.at, "expected %s with the keys %s", what, strings.Join(known, ", "))
		return false
	}
	for _, q := range n.pairs {
		if slices.Contains(known, q.key) {
			continue
		}
		hint := nearest(q.key, known)
		if hint == "" {
			hint = "; expected " + strings.Join(known, ", ")
		}
		p.fail(q.at, "unknown key %q in %s%s", q.key, what, hint)
	}
	return true
}

// str returns a text that must not be empty.
func (p *parser) str(n *node, what string) string {
	if n == nil {
		return ""
	}
	if n.form != scalar || n.text == "" {
		p.fail(n.at, "expected %s", what)
		return ""
	}
	return n.text
}

// strs returns a list of texts, of which one may stand alone, and marks them.
func (p *parser) strs(n *node, what string, marks rdd.Marks, mark string) []string {
	if n == nil {
		return nil
	}
	items := n.items
	if n.form == scalar {
		items = []*node{n}
	}
	if n.form == mapping || len(items) == 0 {
		p.fail(n.at, "expected %s", what)
		return nil
	}
	var out []string
	for i, item := range items {
		marks[mark+"."+strconv.Itoa(i)] = item.at
		if s := p.str(item, what); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// expr returns the text of an expression. Numbers and booleans are taken as
// they are written.
func (p *parser) expr(n *node, marks rdd.Marks, mark string) string {
	if n == nil {
		return ""
	}
	marks[mark] = n.at
	for _, s := range n.shifts {
		marks.Moved(mark, s.line, s.column, rdd.Pos{File: n.at.File, Line: n.at.Line + s.line - 1, Column: n.at.Column + s.source - 1})
	}
	if n.form != scalar || n.null || strings.TrimSpace(n.text) == "" {
		hint := ""
		if n.form != scalar {
			hint = "; quote one that begins with a bracket"
		}
		p.fail(n.at, "expected an expression%s", hint)
		return ""
	}
	return n.text
}

// assigns returns the entries of a mapping from column to expression, in order.
func (p *parser) assigns(n *node, what string, marks rdd.Marks, mark string) []rdd.Assign {
	if n == nil {
		return nil
	}
	if n.form != mapping || len(n.pairs) == 0 {
		p.fail(n.at, "expected columns with their %ss, such as {%s}", what, example(what))
		return nil
	}
	out := make([]rdd.Assign, 0, len(n.pairs))
	for _, q := range n.pairs {
		switch {
		case q.key == "":
			p.fail(q.at, "expected the name of a column")
		case q.value.form == scalar && q.value.null && q.value.inBrace:
			p.fail(q.at, "%q has no %s; inside { } quote a text that holds a comma", q.key, what)
		default:
			out = append(out, rdd.Assign{Column: q.key, Expr: p.expr(q.value, marks, mark+q.key)})
		}
	}
	return out
}

func example(what string) string {
	if what == "aggregate" {
		return "wh: sum(net), n: count()"
	}
	return "net: wh - back"
}

// all is the spelling of the empty label set, which means all labels.
const all = "all"

// labelSet returns a set of labels; "all", or no node, is the empty one.
func (p *parser) labelSet(n *node, marks rdd.Marks, mark string) rdd.LabelSet {
	if n == nil {
		return 0
	}
	marks[mark] = n.at
	if n.form == scalar && n.text == all {
		return 0
	}
	items := n.items
	if n.form == scalar {
		items = []*node{n}
	}
	if n.form == mapping || len(items) == 0 {
		p.fail(n.at, `expected a label, a list of labels, or "all"`)
		return 0
	}
	var out rdd.LabelSet
	for _, item := range items {
		out |= p.label(item)
	}
	return out
}

// label returns one label's bit.
func (p *parser) label(n *node) rdd.LabelSet {
	if n == nil {
		return 0
	}
	if n.form != scalar || n.text == "" {
		p.fail(n.at, "expected a label")
		return 0
	}
	i := slices.Index(p.labels, n.text)
	if i < 0 {
		hint := nearest(n.text, p.labels)
		if hint == "" {
			hint = "; expected " + strings.Join(p.labels, ", ")
		}
		p.fail(n.at, "unknown label %q%s", n.text, hint)
		return 0
	}
	return 1 << uint(i)
}

func (p *parser) boolean(n *node) bool {
	if n == nil {
		return false
	}
	v, err := connectors.Bool.Convert(n.value())
	if err != nil {
		p.fail(n.at, "%s", err)
		return false
	}
	return v.(bool)
}

// count returns a whole number from 1 to most.
func (p *parser) count(n *node, most int64) int64 {
	if n == nil {
		return 0
	}
	v, err := connectors.Int.Convert(n.value())
	if err != nil {
		p.fail(n.at, "%s", err)
		return 0
	}
	if i := v.(int64); i < 1 || i > most {
		p.fail(n.at, "expected a whole number from 1 to %d, got %d", most, i)
	}
	return v.(int64)
}

func (p *parser) duration(n *node) time.Duration {
	if n == nil {
		return 0
	}
	v, err := connectors.Duration.Convert(n.value())
	if err != nil {
		p.fail(n.at, "%s", err)
		return 0
	}
	if v.(time.Duration) < 0 {
		p.fail(n.at, "expected a duration of 0 or more, got %q", n.text)
	}
	return v.(time.Duration)
}

// size returns a number of bytes: 64MB, 1.5 GiB, 1000.
func (p *parser) size(n *node) int64 {
	if n == nil {
		return 0
	}
	text := strings.TrimSpace(n.text)
	i := strings.LastIndexAny(text, "0123456789.") + 1
	unit := int64(0)
	switch strings.ToLower(strings.TrimSpace(text[i:])) {
	case "", "b":
		unit = 1
	case "kb", "k":
		unit = 1e3
	case "mb", "m":
		unit = 1e6
	case "gb", "g":
		unit = 1e9
	case "kib":
		unit = 1 << 10
	case "mib":
		unit = 1 << 20
	case "gib":
		unit = 1 << 30
	}
	if v, err := strconv.ParseInt(text[:i], 10, 64); err == nil && unit > 0 && v > 0 && v <= math.MaxInt64/unit {
		return v * unit
	}
	v, err := strconv.ParseFloat(text[:i], 64)
	if v *= float64(unit); n.form != scalar || err != nil || !(v >= 1) || v >= math.MaxInt64 {
		p.fail(n.at, "expected a size such as 64MB or 1 GiB, got %q", n.text)
		return 0
	}
	return int64(v)
}

// value returns n as a value of Go: text, list, mapping or nil.
func (n *node) value() any {
	switch {
	case n.form == list:
		out := make([]any, len(n.items))
		for i, item := range n.items {
			out[i] = item.value()
		}
		return out
	case n.form == mapping:
		out := make(map[string]any, len(n.pairs))
		for _, p := range n.pairs {
			out[p.key] = p.value.value()
		}
		return out
	case n.null:
		return nil
	}
	return n.text
}
