package expr

import (
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow"
)

// String prints the name, in double quotes where it needs them.
func (c *Column) String() string { return textOf(c) }

// String prints the literal as SQL.
func (l *Literal) String() string { return textOf(l) }

// String prints the call, operators in their own notation.
func (c *Call) String() string { return textOf(c) }

// String prints CAST or TRY_CAST.
func (c *Cast) String() string { return textOf(c) }

// String prints CASE ... END.
func (c *Case) String() string { return textOf(c) }

func textOf(n Node) string {
	var p printer
	p.node(n, levelOr)
	return p.String()
}

type printer struct{ strings.Builder }

func (p *printer) words(s ...string) {
	for _, w := range s {
		p.WriteString(w)
	}
}

// node prints n, in parentheses if it binds less tightly than level.
func (p *printer) node(n Node, level int) {
	switch n := n.(type) {
	case *Column:
		p.WriteString(columnText(n.Name))
	case *Literal:
		p.WriteString(literalText(n.Value))
	case *Cast:
		p.words(map[bool]string{false: "CAST(", true: "TRY_CAST("}[n.Try])
		p.node(n.X, levelOr)
		p.words(" AS ", typeText(n.To), ")")
	case *Case:
		p.caseWhen(n)
	case *Call:
		own := callLevel(n)
		if own < level {
			p.WriteByte('(')
		}
		p.call(n, own)
		if own < level {
			p.WriteByte(')')
		}
	}
}

func (p *printer) caseWhen(c *Case) {
	p.WriteString("CASE")
	if c.Operand != nil {
		p.WriteByte(' ')
		p.node(c.Operand, levelOr)
	}
	for _, w := range c.Whens {
		p.WriteString(" WHEN ")
		p.node(w.If, levelOr)
		p.WriteString(" THEN ")
		p.node(w.Then, levelOr)
	}
	if c.Else != nil {
		p.WriteString(" ELSE ")
		p.node(c.Else, levelOr)
	}
	p.WriteString(" END")
}

// callLevel is how tightly the notation of c binds.
func callLevel(c *Call) int {
	if len(c.Args) == 2 {
		switch c.Name {
		case "or":
			return levelOr
		case "and":
			return levelAnd
		case "=", "<>", "<", "<=", ">", ">=", "<=>":
			return levelCompare
		case "|":
			return levelBitOr
		case "^":
			return levelBitXor
		case "&":
			return levelBitAnd
		case "+", "-":
			return levelAdd
		case "*", "/", "%", "div":
			return levelMul
		}
	}
	switch {
	case isPredicate(c):
		return levelCompare
	case c.Name == "not" && len(c.Args) == 1:
		if x, ok := c.Args[0].(*Call); ok && isPredicate(x) {
			return levelCompare
		}
		return levelNot
	case (c.Name == "neg" || c.Name == "~") && len(c.Args) == 1:
		return levelUnary
	}
	return levelPrimary
}

// isPredicate tells the operators made of keywords, which have a NOT inside.
func isPredicate(c *Call) bool {
	switch c.Name {
	case "in":
		return len(c.Args) >= 2
	case "between":
		return len(c.Args) == 3
	case "like", "ilike":
		return len(c.Args) == 2 || len(c.Args) == 3
	case "is_null", "is_true", "is_false":
		return len(c.Args) == 1
	}
	return false
}

func (p *printer) call(c *Call, level int) {
	switch {
	case isField(c):
		p.primary(c.Args[0])
		name, _ := c.Args[1].(*Literal)
		p.words(".", columnText(name.Value.(string))) //nolint:forcetypeassert // isField says so.
	case c.Name == "get" && len(c.Args) == 2:
		p.primary(c.Args[0])
		p.WriteByte('[')
		p.node(c.Args[1], levelOr)
		p.WriteByte(']')
	case level == levelPrimary:
		p.WriteString(c.Name)
		p.list(c.Args)
	case isPredicate(c):
		p.predicate(c, "")
	case c.Name == "not" && level == levelCompare:
		x, _ := c.Args[0].(*Call)
		p.predicate(x, "NOT ")
	case c.Name == "not":
		p.WriteString("NOT ")
		p.node(c.Args[0], levelNot)
	case c.Name == "neg":
		p.WriteByte('-')
		p.negated(c.Args[0])
	case c.Name == "~" && len(c.Args) == 1:
		p.WriteByte('~')
		p.node(c.Args[0], levelUnary)
	default:
		p.node(c.Args[0], level)
		p.words(" ", strings.ToUpper(c.Name), " ")
		p.node(c.Args[1], level+1)
	}
}

// isField tells x.name.
func isField(c *Call) bool {
	if c.Name != "field" || len(c.Args) != 2 {
		return false
	}
	lit, ok := c.Args[1].(*Literal)
	if !ok {
		return false
	}
	_, ok = lit.Value.(string)
	return ok
}

// primary prints what a field or an element is taken of.
func (p *printer) primary(n Node) {
	c, isCall := n.(*Call)
	_, isLiteral := n.(*Literal)
	if isLiteral || isCall && callLevel(c) < levelPrimary {
		p.words("(", textOf(n), ")")
		return
	}
	p.node(n, levelPrimary)
}

// negated prints the operand of a unary minus so that it neither becomes part
// of a number nor starts a comment.
func (p *printer) negated(n Node) {
	text := textOf(n)
	c, ok := n.(*Call)
	if text[0] == '-' || isDigit(text[0]) || ok && callLevel(c) < levelUnary {
		p.words("(", text, ")")
		return
	}
	p.WriteString(text)
}

func (p *printer) predicate(c *Call, not string) {
	p.node(c.Args[0], levelCompare)
	switch c.Name {
	case "is_null", "is_true", "is_false":
		p.words(" IS ", not, strings.ToUpper(strings.TrimPrefix(c.Name, "is_")))
	case "in":
		p.words(" ", not, "IN ")
		p.list(c.Args[1:])
	case "between":
		p.words(" ", not, "BETWEEN ")
		p.node(c.Args[1], levelBitOr)
		p.WriteString(" AND ")
		p.node(c.Args[2], levelBitOr)
	default:
		p.words(" ", not, strings.ToUpper(c.Name), " ")
		p.node(c.Args[1], levelBitOr)
		if len(c.Args) == 3 {
			p.WriteString(" ESCAPE ")
			p.node(c.Args[2], levelBitOr)
		}
	}
}

func (p *printer) list(nodes []Node) {
	p.WriteByte('(')
	for i, n := range nodes {
		if i > 0 {
			p.WriteString(", ")
		}
		p.node(n, levelOr)
	}
	p.WriteByte(')')
}

func columnText(name string) string {
	for i, r := range name {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !isNameRune(r)) {
			return quote(name, '"')
		}
	}
	if name == "" || isReserved(strings.ToLower(name)) {
		return quote(name, '"')
	}
	return name
}

func literalText(v any) string {
	switch v := v.(type) {
	case bool:
		return strings.ToUpper(strconv.FormatBool(v))
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "CAST(" + quote(string(appendFloat(nil, v)), '\'') + " AS double)"
		}
		if v == 0 && math.Signbit(v) {
			return "-0.0"
		}
		return string(appendFloat(nil, v))
	case string:
		return quote(v, '\'')
	case arrow.Timestamp:
		return "TIMESTAMP '" + string(appendTimestamp(nil, int64(v))) + "'"
	case arrow.Date32:
		return "DATE '" + string(appendDate(nil, int64(v))) + "'"
	case Interval:
		return "INTERVAL '" + intervalText(int64(v)) + "'"
	}
	return "NULL"
}
