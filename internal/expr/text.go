package expr

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is the longest string, in bytes, that concat, concat_ws, lpad, rpad,
// repeat and replace make; what would be longer fails.
const maxText = 1 << 20

const textLimit = " What would be longer than 1 MiB fails."

// textRows makes a string of every row without a null argument. f returns what
// it made, which may lie in scratch or be borrowed from an argument, and false
// if it failed.
func textRows(prepare func(c *call) func(scratch []byte, i int) ([]byte, bool)) impl {
	return func(c *call) error {
		f := prepare(c)
		out := c.x.textOut(c.n, 8*c.n)
		var scratch []byte
		for i := range c.n {
			if c.skip(i) {
				out.add("")
				continue
			}
			s, ok := f(scratch[:0], i)
			if !ok {
				c.failAt(i)
				s = s[:0]
			}
			out.addBytes(s)
			if cap(s) > cap(scratch) && cap(s) <= maxText {
				scratch = s
			}
		}
		return out.finish(&c.out)
	}
}

// cutRows is textRows for functions of one string that give a part of it.
func cutRows(f func(s string) string) impl {
	return func(c *call) error {
		a := c.a[0].texts()
		out := c.x.textOut(c.n, 8*c.n)
		for i := range c.n {
			if c.skip(i) {
				out.add("")
				continue
			}
			out.add(f(a.at(i)))
		}
		return out.finish(&c.out)
	}
}

// cutByInts is cutRows with one or two integers.
func cutByInts(f func(s string, a, b int64) string) impl {
	return func(c *call) error {
		s, a := c.a[0].texts(), rowsOf(&c.a[1], c.a[1].ints())
		b := a
		if len(c.a) > 2 {
			b = rowsOf(&c.a[2], c.a[2].ints())
		}
		out := c.x.textOut(c.n, 8*c.n)
		for i := range c.n {
			if c.skip(i) {
				out.add("")
				continue
			}
			out.add(f(s.at(i), a.at(i), b.at(i)))
		}
		return out.finish(&c.out)
	}
}

// textInts makes an integer of two strings; of one, if only one is there.
func textInts(f func(a, b string) int64) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kInt, c.n)
		a := c.a[0].texts()
		b := a
		if len(c.a) > 1 {
			b = c.a[1].texts()
		}
		for i, dst := 0, c.out.ints(); i < c.n; i++ {
			if c.skip(i) {
				dst[i] = 0
				continue
			}
			dst[i] = f(a.at(i), b.at(i))
		}
		return nil
	}
}

// textBools makes a boolean of two strings.
func textBools(f func(a, b string) bool) impl {
	return func(c *call) error {
		a, b := c.a[0].texts(), c.a[1].texts()
		return c.bools(func(i int) bool { return !c.skip(i) && f(a.at(i), b.at(i)) })
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// cutRunes is the characters of s from from up to but not to, which may lie
// outside of it. A byte that is not UTF-8 counts as a character.
func cutRunes(s string, from, to int64) string {
	from = max(from, 0)
	if from >= to || from >= int64(len(s)) {
		return ""
	}
	if isASCII(s) {
		return s[from:min(to, int64(len(s)))]
	}
	start, end := len(s), len(s)
	at := int64(0)
	for i := range s {
		if at == from {
			start = i
		}
		if at == to {
			end = i
			break
		}
		at++
	}
	return s[start:end]
}

func runes(s string) int64 { return int64(utf8.RuneCountInString(s)) }

// substring is Spark's: position 1 is the first character, 0 too, and a
// negative one counts from the end.
func substring(s string, pos, count int64) string {
	from := pos
	switch {
	case pos > 0:
		from--
	case pos < 0:
		from += runes(s)
	}
	if count <= 0 {
		return ""
	}
	to := from + count
	if to < from { // overflow
		to = int64(len(s))
	}
	return cutRunes(s, from, to)
}

func right(s string, n int64) string {
	count := runes(s)
	if n >= count {
		return s
	}
	return cutRunes(s, count-max(n, 0), count)
}

// position is where sub first occurs in s, in characters from 1; 0 is nowhere.
func position(s, sub string) int64 {
	at := strings.Index(s, sub)
	if at < 0 {
		return 0
	}
	return runes(s[:at]) + 1
}

func upperLower(mapASCII func(b byte) byte, mapRune func(r rune) rune) impl {
	return textRows(func(c *call) func([]byte, int) ([]byte, bool) {
		a := c.a[0].texts()
		return func(dst []byte, i int) ([]byte, bool) {
			s := a.at(i)
			if isASCII(s) {
				for j := range len(s) {
					dst = append(dst, mapASCII(s[j]))
				}
				return dst, true
			}
			return appendMapped(dst, s, mapRune), true
		}
	})
}

func appendMapped(dst []byte, s string, f func(r rune) rune) []byte {
	for _, r := range s {
		dst = utf8.AppendRune(dst, f(r))
	}
	return dst
}

func upperASCII(b byte) byte {
	if 'a' <= b && b <= 'z' {
		b -= 'a' - 'A'
	}
	return b
}

func lowerASCII(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}

// initcap has the first letter of each word, after white space, in upper case.
func initcap(c *call) func([]byte, int) ([]byte, bool) {
	a := c.a[0].texts()
	return func(dst []byte, i int) ([]byte, bool) {
		start := true
		return appendMapped(dst, a.at(i), func(r rune) rune {
			wasStart := start
			start = unicode.IsSpace(r)
			if wasStart {
				return unicode.ToUpper(r)
			}
			return unicode.ToLower(r)
		}), true
	}
}

func reverse(c *call) func([]byte, int) ([]byte, bool) {
	a := c.a[0].texts()
	return func(dst []byte, i int) ([]byte, bool) {
		for s := a.at(i); s != ""; {
			_, size := utf8.DecodeLastRuneInString(s)
			dst = append(dst, s[len(s)-size:]...)
			s = s[:len(s)-size]
		}
		return dst, true
	}
}

func concat(c *call) func([]byte, int) ([]byte, bool) {
	args := make([]texts, len(c.a))
	for i := range c.a {
		args[i] = c.a[i].texts()
	}
	return func(dst []byte, i int) ([]byte, bool) {
		for j := range args {
			if s := args[j].at(i); len(dst)+len(s) <= maxText {
				dst = append(dst, s...)
				continue
			}
			return dst, false
		}
		return dst, true
	}
}

// replace replaces every occurrence; an empty pattern occurs nowhere.
func replace(c *call) func([]byte, int) ([]byte, bool) {
	a, from, to := c.a[0].texts(), c.a[1].texts(), c.a[2].texts()
	return func(dst []byte, i int) ([]byte, bool) {
		s, old, fresh := a.at(i), from.at(i), to.at(i)
		times := 0
		if old != "" {
			times = strings.Count(s, old)
		}
		if len(s)+times*(len(fresh)-len(old)) > maxText {
			return dst, false
		}
		for range times {
			at := strings.Index(s, old)
			dst = append(append(dst, s[:at]...), fresh...)
			s = s[at+len(old):]
		}
		return append(dst, s...), true
	}
}

func repeat(c *call) func([]byte, int) ([]byte, bool) {
	a, times := c.a[0].texts(), rowsOf(&c.a[1], c.a[1].ints())
	return func(dst []byte, i int) ([]byte, bool) {
		s, n := a.at(i), times.at(i)
		if n <= 0 || s == "" {
			return dst, true
		}
		if n > int64(maxText/len(s)) {
			return dst, false
		}
		for range n {
			dst = append(dst, s...)
		}
		return dst, true
	}
}

// pad cuts s to a length in characters or fills it up with a repeated pad.
func pad(left bool) func(c *call) func([]byte, int) ([]byte, bool) {
	return func(c *call) func([]byte, int) ([]byte, bool) {
		a, to, with := c.a[0].texts(), rowsOf(&c.a[1], c.a[1].ints()), c.a[2].texts()
		return func(dst []byte, i int) ([]byte, bool) {
			s, n, p := a.at(i), to.at(i), with.at(i)
			have := runes(s)
			if n <= have || p == "" {
				dst = append(dst, cutRunes(s, 0, n)...)
				return dst, len(dst) <= maxText
			}
			if n > maxText {
				return dst, false
			}
			if !left {
				dst = append(dst, s...)
			}
			dst = appendRepeated(dst, p, n-have)
			if left {
				dst = append(dst, s...)
			}
			return dst, len(dst) <= maxText
		}
	}
}

// appendRepeated appends count characters of p repeated.
func appendRepeated(dst []byte, p string, count int64) []byte {
	size := runes(p)
	for ; count >= size; count -= size {
		dst = append(dst, p...)
	}
	return append(dst, cutRunes(p, 0, count)...)
}

// splitPart is the n-th part of s, from 1, or from the end if n is negative;
// "" if there is none. n = 0 fails.
func splitPart(c *call) func([]byte, int) ([]byte, bool) {
	a, by, nth := c.a[0].texts(), c.a[1].texts(), rowsOf(&c.a[2], c.a[2].ints())
	return func(dst []byte, i int) ([]byte, bool) {
		s, sep, n := a.at(i), by.at(i), nth.at(i)
		switch {
		case n == 0:
			return dst, false
		case sep == "":
			if n == 1 || n == -1 {
				dst = append(dst, s...)
			}
			return dst, true
		case n < 0:
			n += int64(strings.Count(s, sep)) + 2
			if n <= 0 {
				return dst, true
			}
		}
		for ; n > 1; n-- {
			at := strings.Index(s, sep)
			if at < 0 {
				return dst, true
			}
			s = s[at+len(sep):]
		}
		if at := strings.Index(s, sep); at >= 0 {
			s = s[:at]
		}
		return append(dst, s...), true
	}
}
