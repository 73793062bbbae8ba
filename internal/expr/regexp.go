package expr

import (
	"math"
	"regexp"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

func regexpEntries() []entry {
	re := func(name, signature, doc, example string, low, high int, result kind, f func(find patterns) impl) entry {
		return entry{doc: funcDoc{name, signature, doc + " The pattern is an RE2 regular expression, which has no look-around and no back-references; a bad one of a row fails.", example}, min: low, max: high,
			special: func(_ *compiler, n *Call, args []typed) (typed, *Error) { return compilePattern(n, args, result, f) }}
	}
	return []entry{
		re("regexp_like", "regexp_like(s, pattern)", "Whether a part of s fits; s RLIKE pattern too.", "regexp_like('meter-17', '^meter-[0-9]+$')", 2, 2, kBool, regexpLike),
		re("regexp_extract", "regexp_extract(s, pattern[, group])", "What the group (1 if not given, 0 for all) takes of the first part of s that fits; '' if none does, and a group that is not there fails.",
			"regexp_extract('100-200', '([0-9]+)-([0-9]+)', 2) = '200'", 2, 3, kString, regexpExtract),
		re("regexp_extract_all", "regexp_extract_all(s, pattern[, group])", "What the group takes of every part of s that fits, as an array.",
			"regexp_extract_all('a1b2', '([a-z])[0-9]')[1] = 'b'", 2, 3, listOf(kString), regexpExtractAll),
		re("regexp_replace", "regexp_replace(s, pattern, u)", "s with every part that fits replaced by u, in which $1 is what the first group took."+textLimit,
			"regexp_replace('100-200', '([0-9]+)', '<$1>') = '<100>-<200>'", 3, 3, kString, regexpReplace),
		re("regexp_substr", "regexp_substr(s, pattern)", "The first part of s that fits; null if none does.", "regexp_substr('ab12', '[0-9]+') = '12'", 2, 2, kString, regexpSubstr),
		re("regexp_count", "regexp_count(s, pattern)", "How many parts of s fit.", "regexp_count('a1b22', '[0-9]+') = 2", 2, 2, kInt, regexpCount),
		re("split", "split(s, pattern[, limit])", "s cut at every part that fits, as an array of at most limit strings if that is positive.",
			"split('a1b22c', '[0-9]+')[2] = 'c'", 2, 3, listOf(kString), regexpSplit),
	}
}

// patterns gives the pattern, the second argument, of each row of a call; nil
// if it is not one.
type patterns func(c *call) func(i int) *regexp.Regexp

func compilePattern(n *Call, args []typed, result kind, f func(patterns) impl) (typed, *Error) {
	kinds := []kind{kString, kString, kInt}
	if n.Name == "regexp_replace" {
		kinds[2] = kString
	}
	var ops []op
	for i, a := range args {
		o, err := coerceAll([]typed{a}, kinds[i], n.Name)
		if err != nil {
			return typed{}, err
		}
		ops = append(ops, o[0])
	}
	find := rowPatterns
	if text, ok := constantText(args[1]); ok {
		re, bad := regexp.Compile(text)
		if bad != nil {
			return typed{}, errorAt(n.Args[1].At(), "bad pattern: %v", bad)
		}
		find = func(*call) func(int) *regexp.Regexp { return func(int) *regexp.Regexp { return re } }
	}
	return typed{op: &callOp{name: n.Name, fn: function{run: f(find), kind: result}, args: ops}, kind: result}, nil
}

// rowPatterns compiles the pattern of each row, the same one in a row once.
func rowPatterns(c *call) func(i int) *regexp.Regexp {
	t := c.a[1].texts()
	known := map[string]*regexp.Regexp{}
	return func(i int) *regexp.Regexp {
		s := t.at(i)
		re, ok := known[s]
		if !ok {
			re, _ = regexp.Compile(s)
			if len(known) < 1000 {
				known[strings.Clone(s)] = re
			}
		}
		return re
	}
}

func regexpLike(find patterns) impl {
	return func(c *call) error {
		a, re := c.a[0].texts(), find(c)
		return c.bools(func(i int) bool {
			if c.skip(i) {
				return false
			}
			r := re(i)
			if r == nil {
				c.failAt(i)
			}
			return r != nil && r.MatchString(a.at(i))
		})
	}
}

// groupOf is the group that a call asks for in row i: its third argument, else
// 1 if the pattern has a group.
func groupOf(c *call, re *regexp.Regexp, i int) (int, bool) {
	if re == nil {
		return 0, false
	}
	if len(c.a) < 3 {
		return min(1, re.NumSubexp()), true
	}
	g := rowsOf(&c.a[2], c.a[2].ints()).at(i)
	return int(g), g >= 0 && g <= int64(re.NumSubexp())
}

func regexpExtract(find patterns) impl {
	return textRows(func(c *call) func([]byte, int) ([]byte, bool) {
		a, re := c.a[0].texts(), find(c)
		return func(dst []byte, i int) ([]byte, bool) {
			r := re(i)
			g, ok := groupOf(c, r, i)
			if !ok {
				return dst, false
			}
			s := a.at(i)
			if m := r.FindStringSubmatchIndex(s); m != nil && m[2*g] >= 0 {
				dst = append(dst, s[m[2*g]:m[2*g+1]]...)
			}
			return dst, true
		}
	})
}

// regexpReplace has $1 for the first group and \$ for a dollar, as Java has.
func regexpReplace(find patterns) impl {
	return textRows(func(c *call) func([]byte, int) ([]byte, bool) {
		a, with, re := c.a[0].texts(), c.a[2].texts(), find(c)
		last, template := "", ""
		return func(dst []byte, i int) ([]byte, bool) {
			r, s := re(i), a.at(i)
			if r == nil {
				return dst, false
			}
			if t := with.at(i); t != last {
				last, template = t, goTemplate(t)
			}
			from := 0
			for _, m := range r.FindAllStringSubmatchIndex(s, -1) {
				dst = append(dst, s[from:m[0]]...)
				if dst = r.ExpandString(dst, template, s, m); len(dst) > maxText {
					return dst, false
				}
				from = m[1]
			}
			dst = append(dst, s[from:]...)
			return dst, len(dst) <= maxText
		}
	})
}

// goTemplate writes a replacement of Java's for package regexp.
func goTemplate(t string) string {
	var out strings.Builder
	for i := 0; i < len(t); i++ {
		switch {
		case t[i] == '\\' && i+1 < len(t):
			i++
			if t[i] == '$' {
				out.WriteByte('$')
			}
			out.WriteByte(t[i])
		case t[i] == '$' && i+1 < len(t) && isDigit(t[i+1]):
			out.WriteString("${" + t[i+1:i+2] + "}")
			i++
		case t[i] == '$':
			out.WriteString("$$")
		default:
			out.WriteByte(t[i])
		}
	}
	return out.String()
}

func regexpSubstr(find patterns) impl {
	return func(c *call) error {
		a, re, out := c.a[0].texts(), find(c), c.x.textOut(c.n, 8*c.n)
		null, found := c.x.rawBitmap(c.n)
		found.Fill(false)
		c.null = null
		for i := range c.n {
			s := ""
			if !c.skip(i) {
				r := re(i)
				if r == nil {
					c.failAt(i)
				} else if m := r.FindStringIndex(a.at(i)); m != nil {
					found.Set(i)
					s = a.at(i)[m[0]:m[1]]
				}
			}
			out.add(s)
		}
		return out.finish(&c.out)
	}
}

func regexpCount(find patterns) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kInt, c.n)
		a, re, dst := c.a[0].texts(), find(c), c.out.ints()
		for i := range dst {
			if dst[i] = 0; c.skip(i) {
				continue
			}
			r := re(i)
			if r == nil {
				c.failAt(i)
				continue
			}
			dst[i] = int64(len(r.FindAllStringIndex(a.at(i), -1)))
		}
		return nil
	}
}

// partsOut builds a column of arrays of strings.
type partsOut struct {
	off   []int32
	parts []string
	bytes int
}

// finish makes it the result of a call. Parts are borrowed until then.
func (p *partsOut) finish(c *call) error {
	out := c.x.textOut(len(p.parts), p.bytes)
	for _, s := range p.parts {
		out.add(s)
	}
	var v vec
	if err := out.finish(&v); err != nil {
		return err
	}
	defer v.release()
	c.out = vec{n: c.n, offs: c.x.alloc(4 * (c.n + 1)), kids: []arrow.Array{v.array()}}
	off := view[int32](c.out.offs, c.n+1)
	off[0] = 0
	copy(off[1:], p.off)
	return nil
}

func (p *partsOut) add(s string) {
	p.parts = append(p.parts, s)
	p.bytes += len(s)
}

// regexpParts makes an array of strings of every row.
func regexpParts(find patterns, f func(c *call, p *partsOut, re *regexp.Regexp, s string, i int) bool) impl {
	return func(c *call) error {
		a, re, p := c.a[0].texts(), find(c), &partsOut{}
		for i := range c.n {
			if !c.skip(i) {
				if r := re(i); r == nil || !f(c, p, r, a.at(i), i) {
					c.failAt(i)
				}
			}
			p.off = append(p.off, int32(len(p.parts)))
		}
		return p.finish(c)
	}
}

func regexpExtractAll(find patterns) impl {
	return regexpParts(find, func(c *call, p *partsOut, re *regexp.Regexp, s string, i int) bool {
		g, ok := groupOf(c, re, i)
		if !ok {
			return false
		}
		for _, m := range re.FindAllStringSubmatchIndex(s, -1) {
			if m[2*g] >= 0 {
				p.add(s[m[2*g]:m[2*g+1]])
			} else {
				p.add("")
			}
		}
		return true
	})
}

func regexpSplit(find patterns) impl {
	return regexpParts(find, func(c *call, p *partsOut, re *regexp.Regexp, s string, i int) bool {
		limit := int64(-1)
		if len(c.a) > 2 {
			limit = rowsOf(&c.a[2], c.a[2].ints()).at(i)
		}
		if limit <= 0 || limit > math.MaxInt32 {
			limit = -1
		}
		if lit, whole := re.LiteralPrefix(); whole && lit != "" {
			for limit != 1 {
				part, rest, more := strings.Cut(s, lit)
				if !more {
					break
				}
				p.add(part)
				s, limit = rest, limit-1
			}
			p.add(s)
			return true
		}
		for _, part := range re.Split(s, int(limit)) {
			p.add(part)
		}
		return true
	})
}
