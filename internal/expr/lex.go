package expr

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokName
	tokQuoted // a quoted identifier
	tokNumber
	tokString
	tokSymbol
)

// token is one word of the source. text is unquoted for names and strings;
// word is the lower-case form of an unquoted name, for keywords.
type token struct {
	kind tokenKind
	text string
	word string
	pos  Pos
}

func (t token) String() string {
	switch t.kind {
	case tokEnd:
		return "the end"
	case tokString:
		return "string " + quote(t.text, '\'')
	case tokName, tokQuoted, tokNumber, tokSymbol:
	}
	return quote(t.text, '"')
}

// lexer cuts the source into tokens and keeps line and column as it goes.
type lexer struct {
	src string
	pos Pos
}

func (l *lexer) rest() string { return l.src[l.pos.Offset:] }

// advance moves over n bytes.
func (l *lexer) advance(n int) {
	for _, r := range l.src[l.pos.Offset : l.pos.Offset+n] {
		if r == '\n' {
			l.pos.Line++
			l.pos.Column = 0
		}
		l.pos.Column++
	}
	l.pos.Offset += n
}

// next is the next token; at the end of the source it is tokEnd, for ever.
func (l *lexer) next() (token, *Error) {
	l.skipSpace()
	t := token{pos: l.pos}
	s := l.rest()
	if s == "" {
		return t, nil
	}
	r, _ := utf8.DecodeRuneInString(s)
	switch {
	case r == '\'':
		return l.quoted(tokString, '\'')
	case r == '"' || r == '`':
		return l.quoted(tokQuoted, byte(r))
	case isDigit(s[0]) || s[0] == '.' && len(s) > 1 && isDigit(s[1]):
		return l.number()
	case r == '_' || unicode.IsLetter(r):
		n := strings.IndexFunc(s, func(r rune) bool { return !isNameRune(r) })
		if n < 0 {
			n = len(s)
		}
		t.kind, t.text, t.word = tokName, s[:n], strings.ToLower(s[:n])
	default:
		n := symbolLen(s)
		if n == 0 {
			return t, errorAt(t.pos, "unexpected character %q", r)
		}
		t.kind, t.text = tokSymbol, s[:n]
	}
	l.advance(len(t.text))
	return t, nil
}

// skipSpace moves over white space and comments (-- to the end of the line).
func (l *lexer) skipSpace() {
	for {
		s := l.rest()
		n := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsSpace(r) })
		if n < 0 {
			n = len(s)
		}
		if strings.HasPrefix(s[n:], "--") {
			end := strings.IndexByte(s[n:], '\n')
			if end < 0 {
				end = len(s) - n
			}
			n += end
		}
		if n == 0 {
			return
		}
		l.advance(n)
	}
}

// quoted reads a string or a quoted identifier; the quote doubled stands for
// itself.
func (l *lexer) quoted(kind tokenKind, q byte) (token, *Error) {
	t := token{kind: kind, pos: l.pos}
	s := l.rest()
	var text strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != q {
			text.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == q {
			text.WriteByte(q)
			i++
			continue
		}
		t.text = text.String()
		l.advance(i + 1)
		if kind == tokQuoted && t.text == "" {
			return t, errorAt(t.pos, "empty column name")
		}
		return t, nil
	}
	return t, errorAt(t.pos, "no closing %c", q)
}

func (l *lexer) number() (token, *Error) {
	t := token{kind: tokNumber, pos: l.pos}
	s := l.rest()
	n := digits(s, 0)
	if n < len(s) && s[n] == '.' {
		n = digits(s, n+1)
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		e := n + 1
		if e < len(s) && (s[e] == '+' || s[e] == '-') {
			e++
		}
		if digits(s, e) > e {
			n = digits(s, e)
		}
	}
	if r, _ := utf8.DecodeRuneInString(s[n:]); n < len(s) && isNameRune(r) {
		return t, errorAt(t.pos, "bad number: %q follows %s", r, s[:n])
	}
	t.text = s[:n]
	l.advance(n)
	return t, nil
}

// digits is where the digits of s that start at i end.
func digits(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isNameRune(r rune) bool {
	return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// symbolLen is the length of the longest operator that s starts with.
func symbolLen(s string) int {
	if strings.HasPrefix(s, "<=>") {
		return 3
	}
	for _, two := range [...]string{"<=", ">=", "<>", "!=", "==", "||", "::"} {
		if strings.HasPrefix(s, two) {
			return 2
		}
	}
	if strings.IndexByte("+-*/%=<>(),:.[]&|^~", s[0]) >= 0 {
		return 1
	}
	return 0
}

// quote puts s in quotes of the kind q and doubles those inside.
func quote(s string, q byte) string {
	qs := string(q)
	return qs + strings.ReplaceAll(s, qs, qs+qs) + qs
}

// isReserved tells the words that cannot be a bare column name.
func isReserved(word string) bool {
	switch word {
	case "and", "or", "not", "in", "between", "like", "ilike", "is", "null", "true", "false",
		"case", "when", "then", "else", "end", "cast", "try_cast", "as", "div", "distinct", "from",
		"escape", "current_timestamp", "current_date":
		return true
	}
	return false
}
