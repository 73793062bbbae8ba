package expr

import (
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// primary parses what operators stand between: a literal, a column, a call, a
// CASE, or an expression in parentheses.
func (p *parser) primary() Node {
	t := p.tok
	switch t.kind {
	case tokNumber:
		return p.number(t.pos, "")
	case tokString:
		p.advance()
		return &Literal{Pos: t.pos, Value: t.text}
	case tokQuoted:
		p.advance()
		return &Column{Pos: t.pos, Name: t.text}
	case tokSymbol:
		if p.accept("(") {
			n := p.expr()
			p.expect(")")
			return n
		}
	case tokName:
		return p.named()
	case tokEnd:
	}
	return p.unexpected("a value")
}

// named parses what starts with a bare word.
func (p *parser) named() Node {
	t := p.tok
	switch t.word {
	case "null":
		p.advance()
		return &Literal{Pos: t.pos}
	case "true", "false":
		p.advance()
		return &Literal{Pos: t.pos, Value: t.word == "true"}
	case "case":
		return p.caseWhen()
	case "cast", "try_cast":
		return p.cast()
	case "current_timestamp", "current_date":
		p.advance()
		if p.accept("(") {
			p.expect(")")
		}
		return canonical(p.call(t.pos, t.word))
	}
	if isReserved(t.word) {
		return p.unexpected("a value")
	}
	p.advance()
	switch {
	case p.isSymbol("("):
		return p.callNamed(t)
	case p.tok.kind == tokString && (t.word == "timestamp" || t.word == "date"):
		return p.timeLiteral(t)
	case t.word == "interval" && (p.tok.kind == tokString || p.tok.kind == tokNumber || p.isSymbol("-")):
		return p.interval(t.pos)
	}
	return &Column{Pos: t.pos, Name: t.text}
}

func (p *parser) callNamed(name token) Node {
	p.expect("(")
	switch {
	case name.word == "extract":
		return p.extract(name.pos)
	case p.accept(")"):
		return canonical(p.call(name.pos, name.word))
	case name.word == "count" && p.accept("*"):
		p.expect(")")
		return p.call(name.pos, "count")
	case p.isWord("distinct"):
		if name.word != "count" {
			return p.fail(p.tok.pos, "DISTINCT is only for count")
		}
		p.advance()
		x := p.expr()
		p.expect(")")
		return p.call(name.pos, "count_distinct", x)
	}
	return canonical(p.call(name.pos, name.word, p.list()...))
}

// canonical maps the other spellings of a function to one.
func canonical(n Node) Node {
	c, ok := n.(*Call)
	if !ok {
		return n
	}
	switch c.Name {
	case "to_timestamp", "to_date":
		if len(c.Args) == 1 {
			return &Cast{Pos: c.Pos, X: c.Args[0], To: typeNamed(strings.TrimPrefix(c.Name, "to_"))}
		}
	case "mod":
		if len(c.Args) == 2 {
			c.Name = "%"
		}
	case "timestampadd", "timestampdiff", "date_add", "dateadd", "datediff", "date_diff":
		return unitCall(c)
	case "date_part", "datepart":
		if len(c.Args) == 2 {
			if lit, ok := c.Args[0].(*Literal); ok {
				if word, ok := lit.Value.(string); ok && extractField(strings.ToLower(word)) != "" {
					return &Call{Pos: c.Pos, Name: extractField(strings.ToLower(word)), Args: c.Args[1:]}
				}
			}
		}
	case "isnotnull":
		if len(c.Args) == 1 {
			return &Call{Pos: c.Pos, Name: "not", Args: []Node{&Call{Pos: c.Pos, Name: "is_null", Args: c.Args}}}
		}
	case "positive":
		if len(c.Args) == 1 {
			return c.Args[0]
		}
	case "curdate":
		c.Name = "current_date"
		return canonical(c)
	case "current_date":
		return &Cast{Pos: c.Pos, X: &Call{Pos: c.Pos, Name: "now"}, To: kDate.arrow()}
	}
	c.Name = canonicalName(c.Name)
	return c
}

// unitCall is a function whose first argument is a unit of time, if there are
// three: a bare word, which is not a column.
func unitCall(c *Call) Node {
	c.Name = canonicalName(c.Name)
	if len(c.Args) != 3 {
		return c
	}
	switch c.Name {
	case "date_add":
		c.Name = "timestampadd"
	case "datediff":
		c.Name = "timestampdiff"
	}
	if unit, ok := c.Args[0].(*Column); ok {
		c.Args[0] = &Literal{Pos: unit.Pos, Value: strings.ToLower(unit.Name)}
	}
	return c
}

// canonicalName is the one name of a function with several.
func canonicalName(name string) string {
	for _, a := range aliases() {
		if a[0] == name {
			return a[1]
		}
	}
	return name
}

// aliases are the other names of functions, each with its canonical one.
func aliases() [][2]string {
	return [][2]string{
		{"current_timestamp", "now"}, {"localtimestamp", "now"},
		{"ceiling", "ceil"}, {"pow", "power"}, {"signum", "sign"}, {"negative", "neg"},
		{"substr", "substring"}, {"char_length", "length"}, {"character_length", "length"}, {"len", "length"},
		{"lcase", "lower"}, {"ucase", "upper"}, {"startswith", "starts_with"}, {"endswith", "ends_with"},
		{"rlike", "regexp_like"}, {"regexp", "regexp_like"}, {"char", "chr"}, {"charindex", "locate"}, {"sha", "sha1"},
		{"ifnull", "coalesce"}, {"nvl", "coalesce"}, {"isnull", "is_null"}, {"equal_null", "<=>"},
		{"dayofmonth", "day"}, {"weekofyear", "week"}, {"dateadd", "date_add"}, {"date_diff", "datediff"},
		{"cardinality", "size"}, {"array_size", "size"}, {"parse_json", "from_json"}, {"bit_get", "getbit"},
		{"mean", "avg"}, {"stddev_samp", "stddev"}, {"approx_count_distinct", "approx_distinct"}, {"approx_top_k", "approx_top"},
	}
}

// extractField is the function of a field of a timestamp, "" for none.
func extractField(word string) string {
	switch word {
	case "year", "month", "day", "quarter", "week", "hour", "minute", "second", "dayofweek", "dayofyear", "weekday":
		return word
	case "dayofmonth", "weekofyear":
		return canonicalName(word)
	case "dow":
		return "dayofweek"
	case "doy":
		return "dayofyear"
	case "epoch":
		return "unix_seconds"
	}
	return ""
}

// extract parses extract(field FROM x) into the function of that field.
func (p *parser) extract(at Pos) Node {
	t := p.tok
	name := extractField(t.word)
	if name == "" {
		return p.unexpected("a field: year, quarter, month, week, day, dayofweek, dayofyear, hour, minute, second or epoch")
	}
	p.advance()
	p.expect("from")
	x := p.expr()
	p.expect(")")
	return p.call(at, name, x)
}

func (p *parser) cast() Node {
	t := p.tok
	p.advance()
	p.expect("(")
	x := p.expr()
	p.expect("as")
	to := p.typeName()
	p.expect(")")
	return &Cast{Pos: t.pos, X: x, To: to, Try: t.word == "try_cast"}
}

func (p *parser) caseWhen() Node {
	c := &Case{Pos: p.tok.pos}
	p.advance()
	if !p.isWord("when") {
		c.Operand = p.expr()
	}
	for p.accept("when") {
		cond := p.expr()
		p.expect("then")
		c.Whens = append(c.Whens, When{If: cond, Then: p.expr()})
	}
	if len(c.Whens) == 0 {
		return p.unexpected("WHEN")
	}
	if p.accept("else") {
		c.Else = p.expr()
	}
	p.expect("end")
	return c
}

func (p *parser) timeLiteral(t token) Node {
	text, at := p.tok.text, p.tok.pos
	p.advance()
	if t.word == "date" {
		d, ok := parseDate(text)
		if !ok {
			return p.fail(at, "%s is not a date like '2026-01-31'", quote(text, '\''))
		}
		return &Literal{Pos: t.pos, Value: arrow.Date32(d)}
	}
	us, ok := parseTimestamp(text)
	if !ok {
		return p.fail(at, "%s is not a timestamp like '2026-01-31 12:30:00'", quote(text, '\''))
	}
	return &Literal{Pos: t.pos, Value: arrow.Timestamp(us)}
}

// interval parses what follows INTERVAL: '1 day 2 hours', '5' minutes, 5 minutes.
func (p *parser) interval(at Pos) Node {
	text, where := p.tok.text, p.tok.pos
	isText := p.tok.kind == tokString
	if p.accept("-") {
		text += p.tok.text
		isText = p.tok.kind == tokString
		if p.tok.kind != tokNumber {
			return p.unexpected("a number")
		}
	}
	p.advance()
	if _, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64); err == nil || !isText {
		if p.tok.kind != tokName {
			return p.unexpected("a unit of time")
		}
		text += " " + p.tok.word
		p.advance()
	}
	us, msg := parseInterval(text)
	if msg != "" {
		return p.fail(where, "%s", msg)
	}
	return &Literal{Pos: at, Value: Interval(us)}
}
