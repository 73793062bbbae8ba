package jobfile

import (
	"bytes"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
)

// A reference ${name} would end a plain YAML text inside braces, so before
// YAML is parsed its three special characters become private-use ones, which
// leaves every column where it is.
const (
	dollar  = "\uE000"
	open    = "\uE001"
	closing = "\uE002"
)

// identifier is how variables may be called.
const identifier = `^[A-Za-z_][A-Za-z0-9_]*$`

// variable is one variable of a job file.
type variable struct {
	text string
	set  bool // false: it has no value yet
}

func mask(src []byte) []byte {
	var out bytes.Buffer
	for {
		i := bytes.Index(src, []byte("${"))
		if i < 0 {
			break
		}
		j := bytes.IndexAny(src[i+2:], "{}\n")
		if j < 0 || src[i+2+j] != '}' {
			out.Write(src[:i+2])
			src = src[i+2:]
			continue
		}
		out.Write(src[:i])
		out.WriteString(dollar + open)
		out.Write(src[i+2 : i+2+j])
		out.WriteString(closing)
		src = src[i+2+j+1:]
	}
	out.Write(src)
	return out.Bytes()
}

func unmask(s string) string {
	return strings.NewReplacer(dollar, "$", open, "{", closing, "}").Replace(s)
}

// variables reads the file's vars and puts the given values over them.
func (p *parser) variables(root *node, given map[string]string) map[string]variable {
	out := map[string]variable{}
	if vars := root.get("vars"); vars != nil {
		p.defaults(vars, out)
	}
	names := slices.Sorted(maps.Keys(out))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := out[name]; !ok {
			p.fail(rdd.Pos{File: p.file}, "the job has no variable %q%s", name, nearest(name, names))
			continue
		}
		out[name] = variable{text: given[name], set: true}
	}
	return out
}

func (p *parser) defaults(vars *node, out map[string]variable) {
	if vars.form != mapping {
		p.fail(vars.at, `expected variables with their defaults, such as {window: 1 day}`)
		return
	}
	name := regexp.MustCompile(identifier)
	for _, q := range vars.pairs {
		switch {
		case !name.MatchString(q.key):
			p.fail(q.at, "%q cannot be a variable; expected letters, digits and underscores", unmask(q.key))
		case q.value.form != scalar:
			p.fail(q.value.at, "expected one value for the variable %q", q.key)
		default:
			text, found := p.environment(vars, q.value)
			out[q.key] = variable{text: text, set: found && !q.value.null}
		}
	}
}

// environment replaces, in the default of a variable, ${NAME} by what the
// environment has under that name, and ${NAME:-text} by text where it has nothing. It
// reports false if there is nothing for one of them.
func (p *parser) environment(vars, n *node) (text string, found bool) {
	found = true
	var b strings.Builder
	for s := n.text; ; {
		before, rest, ok := strings.Cut(s, dollar+open)
		ref, after, closed := strings.Cut(rest, closing)
		if !ok || !closed {
			b.WriteString(unmask(s))
			return b.String(), found
		}
		s = after
		if literal, escaped := strings.CutSuffix(before, "$"); escaped {
			b.WriteString(literal + "${" + ref + "}")
			continue
		}
		b.WriteString(before)
		name, otherwise, has := strings.Cut(ref, ":-")
		if !regexp.MustCompile(identifier).MatchString(name) {
			p.fail(n.at, "%q cannot be a variable of the environment; expected ${NAME} or ${NAME:-default}", unmask(name))
		}
		switch v := os.Getenv(name); {
		case v != "":
			b.WriteString(v)
		case has:
			b.WriteString(otherwise)
		case vars.get(name) != nil:
			p.fail(n.at, "the default of a variable cannot refer to another")
		default:
			found = false
		}
	}
}

// expandRoot replaces the references in the part of a job file under a key. In
// the options of connectors names of the environment stay: ${NAME} means a
// variable of the job or, if it has none of that name, of the environment,
// which a connector looks up when it is opened.
func (p *parser) expandRoot(key string, n *node) {
	switch key {
	case "dead_letters":
		p.expand(n, true)
	case "datasets":
		for i := range n.pairs {
			q := &n.pairs[i]
			q.key = p.replace(q.key, q.at)
			p.expandSteps(q.value)
		}
	default:
		p.expand(n, false)
	}
}

func (p *parser) expandSteps(n *node) {
	if n.form != list {
		p.expand(n, false)
		return
	}
	for _, step := range n.items {
		step.text = p.replace(step.text, step.at)
		for i := range step.pairs {
			q := &step.pairs[i]
			q.key = p.replace(q.key, q.at)
			p.expand(q.value, q.key == "read" || q.key == "write")
		}
		for _, item := range step.items {
			p.expand(item, false)
		}
	}
}

// expand replaces the references in every text and key of n.
func (p *parser) expand(n *node, env bool) {
	n.text, n.shifts = p.replaced(n.text, n.at, env)
	for _, item := range n.items {
		p.expand(item, env)
	}
	for i := range n.pairs {
		q := &n.pairs[i]
		q.key = p.replace(q.key, q.at)
		p.expand(q.value, env)
	}
}

// replace is replaced for a text in which nobody looks for mistakes.
func (p *parser) replace(s string, at rdd.Pos) string {
	s, _ = p.replaced(s, at, false)
	return s
}

// replaced replaces the references in a text that stands at a place, and tells
// where what follows them stood. $${x} is the text ${x}. With env, those to the
// environment stay as they are.
func (p *parser) replaced(s string, at rdd.Pos, env bool) (text string, shifts []shift) {
	if !strings.Contains(s, dollar) {
		return s, nil
	}
	var b strings.Builder
	whole, bad := s, false
	for {
		before, rest, ok := strings.Cut(s, dollar+open)
		name, after, closed := strings.Cut(rest, closing)
		if !ok || !closed {
			if bad {
				p.spoilt[at] = true
			}
			return b.String() + unmask(s), shifts
		}
		literal, escaped := strings.CutSuffix(before, "$")
		_, known := p.vars[name]
		switch {
		case env && !known && connectors.IsEnv(name):
			b.WriteString(before + "${" + name + "}")
		case escaped:
			b.WriteString(literal + "${" + name + "}")
		default:
			here := at
			here.Column += utf8.RuneCountInString(whole[:len(whole)-len(s)+len(before)])
			b.WriteString(before + p.value(name, here))
			bad = bad || !p.vars[name].set
		}
		s = after
		_, source := lastLine(whole[:len(whole)-len(s)])
		line, column := lastLine(b.String())
		shifts = append(shifts, shift{line, column, source})
	}
}

// lastLine is the line and the column, from 1, behind a text.
func lastLine(text string) (line, column int) {
	start := strings.LastIndexByte(text, '\n') + 1
	return strings.Count(text[:start], "\n") + 1, utf8.RuneCountInString(text[start:]) + 1
}

// value returns the value of the variable that is referred to at a place.
func (p *parser) value(name string, at rdd.Pos) string {
	v, ok := p.vars[name]
	switch {
	case !ok:
		hint := ""
		if connectors.IsEnv(name) {
			hint = " (variables of the environment stand in options of connectors and in defaults of variables)"
		}
		p.fail(at, "unknown variable %q%s%s", name, nearest(name, slices.Sorted(maps.Keys(p.vars))), hint)
	case !v.set:
		p.fail(at, "the variable %q has no default: set it with --set %s=VALUE", name, name)
	}
	return v.text
}

// nearest is the tail of a message about an unknown name.
func nearest(name string, names []string) string {
	if n := connectors.Nearest(name, names); n != "" {
		return "; did you mean \"" + n + "\"?"
	}
	return ""
}
