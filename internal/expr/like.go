package expr

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// pattern is a LIKE pattern taken apart: what lies between the % of it. In a
// part, wild marks the characters that stand for any one.
type pattern struct {
	parts []part
	fold  bool // ILIKE
}

type part struct {
	text  string // characters; those that are wild are any
	wild  []bool // by character; nil: none
	exact bool
}

// likePattern takes a pattern apart. escape is the character that takes the
// meaning from the next one; 0 is none.
func likePattern(p string, escape rune, fold bool) pattern {
	if fold {
		p, escape = lowerText(p), unicode.ToLower(escape)
	}
	out := pattern{fold: fold}
	var text []byte
	var wild []bool
	anyWild := false
	flush := func() {
		q := part{text: string(text), exact: !anyWild}
		if anyWild {
			q.wild = wild
		}
		out.parts = append(out.parts, q)
		text, wild, anyWild = nil, nil, false
	}
	for p != "" {
		r, size := utf8.DecodeRuneInString(p)
		raw := p[:size]
		p = p[size:]
		switch {
		case escape != 0 && r == escape && p != "":
			_, size = utf8.DecodeRuneInString(p)
			raw, p = p[:size], p[size:]
		case r == '%':
			flush()
			continue
		case r == '_':
			anyWild = true
			text, wild = append(text, raw...), append(wild, true)
			continue
		}
		text, wild = append(text, raw...), append(wild, false)
	}
	flush()
	return out
}

// match tells whether all of s fits. It is greedy from the left, which is
// enough as % takes anything: no backtracking.
func (p *pattern) match(s string) bool {
	if p.fold {
		s = lowerText(s)
	}
	first, last := &p.parts[0], &p.parts[len(p.parts)-1]
	n, ok := first.prefix(s)
	if !ok || len(p.parts) == 1 {
		return ok && n == len(s)
	}
	s = s[n:]
	for i := 1; i < len(p.parts)-1; i++ {
		if s, ok = p.parts[i].skip(s); !ok {
			return false
		}
	}
	return last.suffix(s)
}

// prefix is the length of the start of s that fits.
func (q *part) prefix(s string) (int, bool) {
	if q.exact {
		return len(q.text), strings.HasPrefix(s, q.text)
	}
	at, text := 0, q.text
	for _, wild := range q.wild {
		if at == len(s) {
			return 0, false
		}
		_, size := utf8.DecodeRuneInString(s[at:])
		_, own := utf8.DecodeRuneInString(text)
		if !wild && s[at:at+size] != text[:own] {
			return 0, false
		}
		at, text = at+size, text[own:]
	}
	return at, true
}

// skip moves past the first place that fits.
func (q *part) skip(s string) (rest string, ok bool) {
	if q.exact {
		at := strings.Index(s, q.text)
		if at < 0 {
			return s, false
		}
		return s[at+len(q.text):], true
	}
	for {
		if n, ok := q.prefix(s); ok {
			return s[n:], true
		}
		if s == "" {
			return s, false
		}
		_, size := utf8.DecodeRuneInString(s)
		s = s[size:]
	}
}

func (q *part) suffix(s string) bool {
	if q.exact {
		return strings.HasSuffix(s, q.text)
	}
	at := len(s)
	for range q.wild {
		if at == 0 {
			return false
		}
		_, size := utf8.DecodeLastRuneInString(s[:at])
		at -= size
	}
	n, ok := q.prefix(s[at:])
	return ok && at+n == len(s)
}

// lowerText is lower(s) outside of a column.
func lowerText(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return string(appendMapped(nil, s, unicode.ToLower))
		}
	}
	return s
}

// like is LIKE with a pattern for every row.
func like(escape rune, fold bool) impl {
	return textBools(func(s, p string) bool {
		q := likePattern(p, escape, fold)
		return q.match(s)
	})
}

// likeConst is LIKE with one pattern. What fits starts with prefix.
func likeConst(p string, escape rune, fold bool) (run impl, prefix string, tail tail) {
	q := likePattern(p, escape, fold)
	if first := q.parts[0]; !fold && first.exact {
		prefix, tail = first.text, tailSome
		switch {
		case len(q.parts) == 1:
			tail = tailNone
		case len(q.parts) == 2 && q.parts[1].text == "":
			tail = tailAny
		}
	}
	return func(c *call) error {
		a := c.a[0].texts()
		return c.bools(func(i int) bool { return !c.skip(i) && q.match(a.at(i)) })
	}, prefix, tail
}

// tail is what a pattern has behind its constant beginning.
type tail byte

const (
	tailUnknown tail = iota // there is no such beginning
	tailNone                // nothing: the string is the beginning
	tailAny                 // one %, which takes anything
	tailSome                // something else
)
