package expr

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/idag/idag/internal/fault"
)

// Limits of Parse: they keep hostile input from using much time or stack.
const (
	maxSource = 64 << 10
	maxDepth  = 200
	maxNodes  = 20_000
)

// Binding strength of the operators, loosest first.
const (
	levelOr = iota + 1
	levelAnd
	levelNot
	levelCompare
	levelBitOr
	levelBitXor
	levelBitAnd
	levelConcat
	levelAdd
	levelMul
	levelUnary
	levelPrimary
)

// Parse reads one expression. Its error is a fault.Invalid around an *Error.
func Parse(src string) (Node, error) {
	n, err := parseSource(src)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err)
	}
	return n, nil
}

func parseSource(src string) (Node, *Error) {
	start := Pos{Line: 1, Column: 1}
	if len(src) > maxSource {
		return nil, errorAt(start, "expression of %d bytes is too long (at most %d)", len(src), maxSource)
	}
	if !utf8.ValidString(src) {
		return nil, errorAt(start, "expression is not valid UTF-8")
	}
	p := &parser{lex: lexer{src: src, pos: start}}
	p.advance()
	n := p.expr()
	if p.tok.kind != tokEnd {
		p.unexpected("an operator or the end")
	}
	if p.err != nil {
		return nil, p.err
	}
	return n, nil
}

// parser is a precedence climber. The first error is kept and turns the rest
// of the source into its end, so that every loop stops by itself; nodes made
// after it are never seen.
type parser struct {
	lex   lexer
	tok   token
	err   *Error
	depth int
	nodes int
}

func (p *parser) fail(at Pos, format string, args ...any) Node {
	if p.err == nil {
		p.err = errorAt(at, format, args...)
	}
	p.tok = token{kind: tokEnd, pos: p.tok.pos}
	return &Literal{Pos: at}
}

func (p *parser) unexpected(want string) Node {
	return p.fail(p.tok.pos, "unexpected %s; expected %s", p.tok, want)
}

func (p *parser) advance() {
	if p.err != nil {
		return
	}
	t, err := p.lex.next()
	if err != nil {
		p.fail(Pos{Line: err.Line, Column: err.Column}, "%s", err.Msg)
		return
	}
	p.tok = t
}

func (p *parser) isWord(word string) bool { return p.tok.kind == tokName && p.tok.word == word }

func (p *parser) isSymbol(s string) bool { return p.tok.kind == tokSymbol && p.tok.text == s }

// accept moves over the given keyword or symbol if it is next.
func (p *parser) accept(s string) bool {
	if p.isWord(s) || p.isSymbol(s) {
		p.advance()
		return true
	}
	return false
}

func (p *parser) expect(s string) {
	if !p.accept(s) {
		p.unexpected(quote(strings.ToUpper(s), '"'))
	}
}

// enter guards a recursion; the caller must leave when it reports true.
func (p *parser) enter() bool {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.tok.pos, "expression is nested too deeply (at most %d levels)", maxDepth)
	}
	return p.err == nil
}

func (p *parser) leave() { p.depth-- }

func (p *parser) call(at Pos, name string, args ...Node) Node {
	if p.nodes++; p.nodes > maxNodes {
		return p.fail(at, "expression is too large (at most %d operations)", maxNodes)
	}
	return &Call{Pos: at, Name: name, Args: args}
}

func (p *parser) expr() Node { return p.binary(levelOr) }

// binary parses operators that bind at least as tightly as level.
func (p *parser) binary(level int) Node {
	defer p.leave()
	if !p.enter() {
		return &Literal{}
	}
	var left Node
	if at := p.tok.pos; p.isWord("not") {
		if level > levelNot {
			return p.fail(at, "NOT needs parentheses here")
		}
		p.advance()
		left = p.call(at, "not", p.binary(levelNot))
	} else {
		left = p.unary()
	}
	for p.err == nil {
		name, bind := p.operator()
		if bind == 0 || bind < level {
			return left
		}
		if name == "" {
			left = p.predicate(left)
			continue
		}
		p.advance()
		left = p.call(left.At(), name, left, p.binary(bind+1))
	}
	return left
}

// operator is the name and the binding of the binary operator that is next; a
// binding of 0 is none, and an empty name a predicate of keywords.
func (p *parser) operator() (name string, bind int) {
	switch {
	case p.tok.kind == tokName:
		switch p.tok.word {
		case "or":
			return "or", levelOr
		case "and":
			return "and", levelAnd
		case "div":
			return "div", levelMul
		case "is", "in", "between", "like", "ilike", "not":
			return "", levelCompare
		}
	case p.tok.kind == tokSymbol:
		switch s := p.tok.text; s {
		case "=", "==":
			return "=", levelCompare
		case "<>", "!=":
			return "<>", levelCompare
		case "<", "<=", ">", ">=", "<=>":
			return s, levelCompare
		case "|":
			return s, levelBitOr
		case "^":
			return s, levelBitXor
		case "&":
			return s, levelBitAnd
		case "||":
			return "concat", levelConcat
		case "+", "-":
			return s, levelAdd
		case "*", "/", "%":
			return s, levelMul
		}
	}
	return "", 0
}

// predicate parses what follows x in x [NOT] IN (...) and its like.
func (p *parser) predicate(x Node) Node {
	at := x.At()
	if p.accept("is") {
		return p.is(x)
	}
	not := p.accept("not")
	var n Node
	switch word := p.tok.word; {
	case p.accept("in"):
		p.expect("(")
		n = p.call(at, "in", append([]Node{x}, p.list()...)...)
	case p.accept("between"):
		low := p.binary(levelBitOr)
		p.expect("and")
		n = p.call(at, "between", x, low, p.binary(levelBitOr))
	case p.accept("like"), p.accept("ilike"):
		args := []Node{x, p.binary(levelBitOr)}
		if p.accept("escape") {
			args = append(args, p.binary(levelBitOr))
		}
		n = p.call(at, word, args...)
	default:
		return p.unexpected("IN, BETWEEN, LIKE or ILIKE")
	}
	if not {
		n = p.call(at, "not", n)
	}
	return n
}

func (p *parser) is(x Node) Node {
	at := x.At()
	not := p.accept("not")
	var n Node
	switch {
	case p.accept("null"):
		n = p.call(at, "is_null", x)
	case p.accept("true"):
		n = p.call(at, "is_true", x)
	case p.accept("false"):
		n = p.call(at, "is_false", x)
	case p.accept("distinct"):
		p.expect("from")
		n = p.call(at, "<=>", x, p.binary(levelBitOr))
		not = !not
	default:
		return p.unexpected("NULL, TRUE, FALSE or DISTINCT FROM")
	}
	if not {
		n = p.call(at, "not", n)
	}
	return n
}

// list parses one or more expressions and the closing parenthesis.
func (p *parser) list() []Node {
	list := []Node{p.expr()}
	for p.accept(",") {
		list = append(list, p.expr())
	}
	p.expect(")")
	return list
}

func (p *parser) unary() Node {
	at := p.tok.pos
	if !p.isSymbol("-") && !p.isSymbol("+") && !p.isSymbol("~") {
		return p.postfix(p.primary())
	}
	defer p.leave()
	if !p.enter() {
		return &Literal{}
	}
	minus, tilde := p.isSymbol("-"), p.isSymbol("~")
	p.advance()
	switch {
	case tilde:
		return p.call(at, "~", p.unary())
	case !minus:
		return p.unary()
	case p.tok.kind == tokNumber:
		return p.postfix(p.number(at, "-"))
	}
	return p.call(at, "neg", p.unary())
}

// postfix parses what may follow a primary: casts x::type, fields x.name and
// elements x[i].
func (p *parser) postfix(x Node) Node {
	for first := x.At(); p.err == nil; {
		switch {
		case p.accept("::"):
			if p.nodes++; p.nodes > maxNodes {
				return p.fail(first, "expression is too large (at most %d operations)", maxNodes)
			}
			x = &Cast{Pos: first, X: x, To: p.typeName()}
		case p.accept("."):
			name := p.tok
			if name.kind != tokName && name.kind != tokQuoted {
				return p.unexpected("the name of a field")
			}
			p.advance()
			x = p.call(first, "field", x, &Literal{Pos: name.pos, Value: name.text})
		case p.accept("["):
			x = p.call(first, "get", x, p.expr())
			p.expect("]")
		default:
			return x
		}
		if p.depth+p.chain(x) > maxDepth {
			return p.fail(first, "expression is nested too deeply (at most %d levels)", maxDepth)
		}
	}
	return x
}

// chain counts the levels of casts, fields and elements that x begins with.
func (p *parser) chain(x Node) int {
	for n := 0; ; n++ {
		switch y := x.(type) {
		case *Cast:
			x = y.X
		case *Call:
			if y.Name != "field" && y.Name != "get" {
				return n
			}
			x = y.Args[0]
		default:
			return n
		}
	}
}

func (p *parser) number(at Pos, sign string) Node {
	text := p.tok.text
	if strings.ContainsAny(text, ".eE") {
		f, err := strconv.ParseFloat(sign+text, 64)
		if err != nil || math.IsInf(f, 0) {
			return p.fail(at, "number %s%s is out of range", sign, text)
		}
		p.advance()
		return &Literal{Pos: at, Value: f}
	}
	i, err := strconv.ParseInt(sign+text, 10, 64)
	if err != nil {
		return p.fail(at, "integer %s%s is out of range; write it with a decimal point", sign, text)
	}
	p.advance()
	return &Literal{Pos: at, Value: i}
}
