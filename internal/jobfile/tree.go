package jobfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	yamlparser "github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"github.com/idag/idag/rdd"
)

// Limits that keep hostile files cheap; no honest one comes near.
const (
	maxSize  = 256 << 10
	maxDepth = 64
	maxNodes = 100_000
)

// form is what a node of a job file is.
type form uint8

const (
	scalar form = iota
	list
	mapping
)

// node is a YAML node as a job file means it: aliases followed, all scalars
// texts, with the place of the first character of the text.
type node struct {
	form    form
	at      rdd.Pos
	text    string // of a scalar, as it was written
	null    bool   // a scalar that is not there, or is ~ or null
	items   []*node
	pairs   []pair
	inBrace bool // the scalar is in a flow mapping or list
	shifts  []shift
}

// shift says that the text from a line and column on, from 1, was written at a
// column of the source text, counted alike: a variable before it was replaced.
type shift struct{ line, column, source int }

// pair is one entry of a mapping.
type pair struct {
	key   string
	at    rdd.Pos
	value *node
}

// get returns the value of a key, or nil.
func (n *node) get(key string) *node {
	for _, q := range n.pairs {
		if q.key == key {
			return q.value
		}
	}
	return nil
}

func (p *parser) fail(at rdd.Pos, format string, args ...any) {
	if p.spoilt[at] {
		return
	}
	p.errs = append(p.errs, &rdd.Error{At: at, Text: fmt.Sprintf(format, args...)})
}

// tree parses src, or reports why it cannot and returns nil.
func (p *parser) tree(src []byte) *node {
	if why := unreadable(src); why != "" {
		p.fail(rdd.Pos{File: p.file, Line: 1}, "%s", why)
		return nil
	}
	file, err := yamlparser.ParseBytes(mask(src), 0)
	if err != nil {
		p.syntax(err)
		return nil
	}
	var body ast.Node
	for _, d := range file.Docs {
		if d.Body == nil {
			continue
		}
		if body != nil {
			p.fail(p.pos(d.Body.GetToken()), "a job file holds one document; a second begins here")
			return nil
		}
		body = d.Body
	}
	if body == nil {
		p.fail(rdd.Pos{File: p.file, Line: 1}, `the job file is empty; expected "job: NAME" and "datasets:"`)
		return nil
	}
	t := &converter{parser: p, lines: strings.Split(string(src), "\n"), anchors: map[string]ast.Node{}}
	n := t.convert(body, 0, false)
	if p.errs != nil {
		return nil
	}
	return n
}

func unreadable(src []byte) string {
	switch {
	case len(src) > maxSize:
		return fmt.Sprintf("a job file of %d bytes is too large; the limit is %d", len(src), maxSize)
	case !utf8.Valid(src):
		return "a job file is UTF-8 text; this is not"
	case bytes.ContainsAny(src, dollar+open+closing):
		return "a job file cannot hold the private-use characters U+E000 to U+E002"
	}
	depth, deepest := 0, 0
	for _, c := range src {
		switch c {
		case '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ']', '}':
			depth--
		}
	}
	if deepest > 8*maxDepth {
		return fmt.Sprintf("brackets are nested %d deep", deepest)
	}
	return ""
}

// syntax reports an error of the YAML parser in our own form.
func (p *parser) syntax(err error) {
	at := rdd.Pos{File: p.file, Line: 1}
	text := err.Error()
	var ye yaml.Error
	if errors.As(err, &ye) {
		text = ye.GetMessage()
		if t := ye.GetToken(); t != nil {
			at = p.pos(t)
		}
	}
	p.fail(at, "not YAML: %s", unmask(text))
}

func (p *parser) pos(t *token.Token) rdd.Pos {
	if t == nil || t.Position == nil {
		return rdd.Pos{File: p.file}
	}
	return rdd.Pos{File: p.file, Line: t.Position.Line, Column: t.Position.Column}
}

// converter makes nodes of the YAML parser's.
type converter struct {
	*parser
	lines   []string
	anchors map[string]ast.Node
	nodes   int
}

func (t *converter) convert(n ast.Node, depth int, inBrace bool) *node {
	out := &node{at: t.pos(n.GetToken()), inBrace: inBrace}
	t.nodes++
	if depth > maxDepth || t.nodes > maxNodes {
		if t.errs == nil {
			t.fail(out.at, "the job file is nested too deeply, or aliases make it too large")
		}
		return out
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		t.mapping(out, n.Values, n.IsFlowStyle, depth)
	case *ast.MappingValueNode:
		t.mapping(out, []*ast.MappingValueNode{n}, n.IsFlowStyle, depth)
	case *ast.SequenceNode:
		out.form = list
		for _, v := range n.Values {
			out.items = append(out.items, t.convert(v, depth+1, n.IsFlowStyle))
		}
	case *ast.AnchorNode:
		t.anchors[n.Name.GetToken().Value] = n.Value
		return t.convert(n.Value, depth+1, inBrace)
	case *ast.AliasNode:
		name := n.Value.GetToken().Value
		if to, ok := t.anchors[name]; ok {
			return t.convert(to, depth+1, inBrace)
		}
		t.fail(out.at, "no anchor &%s comes before *%s", name, name)
	default:
		t.scalar(out, n)
	}
	return out
}

func (t *converter) mapping(out *node, values []*ast.MappingValueNode, flow bool, depth int) {
	out.form = mapping
	for _, v := range values {
		key, ok := v.Key.(ast.ScalarNode)
		if _, merge := v.Key.(*ast.MergeKeyNode); !ok || merge {
			t.fail(t.pos(v.Key.GetToken()), "expected a simple key")
			continue
		}
		k := t.convert(key, depth+1, flow)
		out.pairs = append(out.pairs, pair{key: k.text, at: t.pos(key.GetToken()), value: t.convert(v.Value, depth+1, flow)})
	}
	if !flow && len(out.pairs) > 0 {
		out.at = out.pairs[0].at
	}
}

func (t *converter) scalar(out *node, n ast.Node) {
	switch n := n.(type) {
	case *ast.NullNode:
		out.null = true
	case *ast.StringNode:
		out.text = n.Value
		if ty := n.GetToken().Type; ty == token.DoubleQuoteType || ty == token.SingleQuoteType {
			out.at.Column++
		}
	case *ast.LiteralNode:
		out.text = strings.TrimRight(n.Value.Value, "\n")
		out.at = t.block(out.at, out.text)
	case *ast.TagNode:
		t.fail(out.at, "YAML tags such as %s are not used here", n.GetToken().Value)
	case ast.ScalarNode:
		out.text = strings.TrimSpace(n.GetToken().Value)
	default:
		t.fail(out.at, "expected a text, a list or a mapping")
	}
}

// block finds where the text of a block scalar begins: on the line below its
// header at, behind the indentation that YAML takes away.
func (t *converter) block(at rdd.Pos, text string) rdd.Pos {
	at.Line, at.Column = at.Line+1, 1
	first := strings.TrimLeft(text, "\n")
	for i := at.Line - 1; i < len(t.lines); i++ {
		line := strings.TrimRight(t.lines[i], "\r")
		if body := strings.TrimLeft(line, " "); body != "" {
			at.Column += max(0, len(line)-len(body)-(len(first)-len(strings.TrimLeft(first, " "))))
			break
		}
	}
	return at
}
