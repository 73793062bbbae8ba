package expr

import (
	"crypto/md5"  //nolint:gosec // Spark has these functions; they protect nothing.
	"crypto/sha1" //nolint:gosec // As above.
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash/crc32"
	"math"
	"math/bits"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// textMaker makes the body of a function that writes a string for every row;
// false is a failure.
type textMaker = func(c *call) func(dst []byte, i int) ([]byte, bool)

// textMap is the maker of a function of one string or binary.
func textMap(f func(dst []byte, s string) ([]byte, bool)) textMaker {
	return func(c *call) func([]byte, int) ([]byte, bool) {
		a := c.a[0].texts()
		return func(dst []byte, i int) ([]byte, bool) { return f(dst, a.at(i)) }
	}
}

// sure is f that cannot fail but by length.
func sure(f func(dst []byte, s string) []byte) func(dst []byte, s string) ([]byte, bool) {
	return func(dst []byte, s string) ([]byte, bool) {
		dst = f(dst, s)
		return dst, len(dst) <= maxText
	}
}

// textBytes views a string as bytes, which must not be written to.
func textBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func appendMD5(dst []byte, s string) []byte {
	sum := md5.Sum(textBytes(s)) //nolint:gosec // As above.
	return hex.AppendEncode(dst, sum[:])
}

func appendSHA1(dst []byte, s string) []byte {
	sum := sha1.Sum(textBytes(s)) //nolint:gosec // As above.
	return hex.AppendEncode(dst, sum[:])
}

// sha2 is the digest of the given length in bits; 0 is 256.
func sha2(c *call) func([]byte, int) ([]byte, bool) {
	a, size := c.a[0].texts(), rowsOf(&c.a[1], c.a[1].ints())
	return func(dst []byte, i int) ([]byte, bool) {
		s := textBytes(a.at(i))
		switch size.at(i) {
		case 224:
			sum := sha256.Sum224(s)
			return hex.AppendEncode(dst, sum[:]), true
		case 0, 256:
			sum := sha256.Sum256(s)
			return hex.AppendEncode(dst, sum[:]), true
		case 384:
			sum := sha512.Sum384(s)
			return hex.AppendEncode(dst, sum[:]), true
		case 512:
			sum := sha512.Sum512(s)
			return hex.AppendEncode(dst, sum[:]), true
		}
		return dst, false
	}
}

func crc32Of(s, _ string) int64 { return int64(crc32.ChecksumIEEE(textBytes(s))) }

func appendHex(dst []byte, s string) []byte {
	for i := range len(s) {
		dst = append(dst, upperASCII("0123456789abcdef"[s[i]>>4]), upperASCII("0123456789abcdef"[s[i]&15]))
	}
	return dst
}

func hexInt(c *call) func([]byte, int) ([]byte, bool) {
	a := rowsOf(&c.a[0], c.a[0].ints())
	return func(dst []byte, i int) ([]byte, bool) {
		n := len(dst)
		dst = strconv.AppendUint(dst, uint64(a.at(i)), 16)
		for j := n; j < len(dst); j++ {
			dst[j] = upperASCII(dst[j])
		}
		return dst, true
	}
}

func binInt(c *call) func([]byte, int) ([]byte, bool) {
	a := rowsOf(&c.a[0], c.a[0].ints())
	return func(dst []byte, i int) ([]byte, bool) { return strconv.AppendUint(dst, uint64(a.at(i)), 2), true }
}

// unhex reads pairs of digits; an odd first one stands alone.
func unhex(dst []byte, s string) ([]byte, bool) {
	for i := 0; i < len(s); {
		n := 2 - (len(s)-i)%2
		v, err := strconv.ParseUint(s[i:i+n], 16, 8)
		if err != nil || s[i] == '+' || s[i] == '-' {
			return dst, false
		}
		dst, i = append(dst, byte(v)), i+n
	}
	return dst, true
}

func appendBase64(dst []byte, s string) []byte {
	return base64.StdEncoding.AppendEncode(dst, textBytes(s))
}

func unbase64(dst []byte, s string) ([]byte, bool) {
	out, err := base64.StdEncoding.AppendDecode(dst, textBytes(s))
	if err != nil {
		out, err = base64.RawStdEncoding.AppendDecode(dst, textBytes(s))
	}
	return out, err == nil
}

// ascii is the code point of the first character, 0 for none.
func ascii(s, _ string) int64 {
	if s == "" {
		return 0
	}
	r, _ := utf8.DecodeRuneInString(s)
	return int64(r)
}

// chr is the character of the code n % 256, none below 0.
func chr(c *call) func([]byte, int) ([]byte, bool) {
	a := rowsOf(&c.a[0], c.a[0].ints())
	return func(dst []byte, i int) ([]byte, bool) {
		if n := a.at(i); n >= 0 {
			dst = utf8.AppendRune(dst, rune(n&255))
		}
		return dst, true
	}
}

func space(c *call) func([]byte, int) ([]byte, bool) {
	a := rowsOf(&c.a[0], c.a[0].ints())
	return func(dst []byte, i int) ([]byte, bool) {
		n := a.at(i)
		if n > maxText {
			return dst, false
		}
		return appendRepeated(dst, " ", max(n, 0)), true
	}
}

// translate replaces each character of from by the one at its place in to, and
// drops it if there is none.
func translate(c *call) func([]byte, int) ([]byte, bool) {
	a, from, to := c.a[0].texts(), c.a[1].texts(), c.a[2].texts()
	var olds, fresh []rune
	last, lastTo := "", ""
	return func(dst []byte, i int) ([]byte, bool) {
		if f, t := from.at(i), to.at(i); f != last || t != lastTo {
			olds, fresh, last, lastTo = []rune(f), []rune(t), f, t
		}
		for _, r := range a.at(i) {
			at := 0
			for at < len(olds) && olds[at] != r {
				at++
			}
			switch {
			case at == len(olds):
				dst = utf8.AppendRune(dst, r)
			case at < len(fresh):
				dst = utf8.AppendRune(dst, fresh[at])
			}
		}
		return dst, len(dst) <= maxText
	}
}

// substringIndex is what stands before the n-th delimiter, or behind the n-th
// from the end.
func substringIndex(c *call) func([]byte, int) ([]byte, bool) {
	a, by, nth := c.a[0].texts(), c.a[1].texts(), rowsOf(&c.a[2], c.a[2].ints())
	return func(dst []byte, i int) ([]byte, bool) {
		s, sep, n := a.at(i), by.at(i), nth.at(i)
		if n == 0 || sep == "" {
			return dst, true
		}
		at := 0
		for ; n > 0; n-- {
			j := strings.Index(s[at:], sep)
			if j < 0 {
				return append(dst, s...), true
			}
			if n == 1 {
				return append(dst, s[:at+j]...), true
			}
			at += j + len(sep)
		}
		end := len(s)
		for ; n < 0; n++ {
			j := strings.LastIndex(s[:end], sep)
			if j < 0 {
				return append(dst, s...), true
			}
			end = j
		}
		return append(dst, s[end+len(sep):]...), true
	}
}

// locate is where sub first occurs in s from a position on, in characters
// from 1; 0 is nowhere.
func locate(c *call) error {
	c.out = c.x.fixed(kInt, c.n)
	sub, s, from := c.a[0].texts(), c.a[1].texts(), rowsOf(&c.a[2], c.a[2].ints())
	for i, dst := 0, c.out.ints(); i < c.n; i++ {
		if dst[i] = 0; c.skip(i) || from.at(i) < 1 {
			continue
		}
		text, skipped := s.at(i), from.at(i)-1
		rest := cutRunes(text, skipped, math.MaxInt64)
		if rest == "" && skipped > 0 && skipped > runes(text) {
			continue
		}
		if at := position(rest, sub.at(i)); at > 0 {
			dst[i] = at + skipped
		}
	}
	return nil
}

// levenshtein is the number of characters to insert, drop or replace.
func levenshtein(c *call) error {
	c.out = c.x.fixed(kInt, c.n)
	at, bt, dst := c.a[0].texts(), c.a[1].texts(), c.out.ints()
	var a, b []rune
	var row []int
	for i := range dst {
		if dst[i] = 0; c.skip(i) {
			continue
		}
		a, b = appendRunes(a[:0], at.at(i)), appendRunes(b[:0], bt.at(i))
		if len(a)*len(b) > 1<<22 { // it would take too long
			c.failAt(i)
			continue
		}
		row = row[:0]
		for j := range len(b) + 1 {
			row = append(row, j)
		}
		for j, r := range a {
			diagonal := row[0]
			row[0] = j + 1
			for k, q := range b {
				cost := diagonal
				if r != q {
					cost++
				}
				diagonal = row[k+1]
				row[k+1] = min(cost, row[k]+1, diagonal+1)
			}
		}
		dst[i] = int64(row[len(b)])
	}
	return nil
}

func appendRunes(dst []rune, s string) []rune {
	for _, r := range s {
		dst = append(dst, r)
	}
	return dst
}

// soundex is the American code of four characters; what does not start with a
// letter is given back as it is.
func soundex(dst []byte, s string) []byte {
	const codes = "01230120022455012623010202" // of A to Z; 0 says nothing
	if s == "" || upperASCII(s[0]) < 'A' || upperASCII(s[0]) > 'Z' {
		return append(dst, s...)
	}
	first := upperASCII(s[0])
	dst = append(dst, first)
	last, n := codes[first-'A'], 1
	for i := 1; i < len(s) && n < 4; i++ {
		c := upperASCII(s[i])
		if c < 'A' || c > 'Z' {
			last = '0'
			continue
		}
		code := codes[c-'A']
		if code != '0' && code != last {
			dst = append(dst, code)
			n++
		}
		if c != 'H' && c != 'W' {
			last = code
		}
	}
	for ; n < 4; n++ {
		dst = append(dst, '0')
	}
	return dst
}

// formatNumber writes 12,345.68, halves rounded to the even digit of the
// decimal that prints the double.
func formatNumber(c *call) func([]byte, int) ([]byte, bool) {
	a, places := rowsOf(&c.a[0], c.a[0].floats()), rowsOf(&c.a[1], c.a[1].ints())
	var buf []byte
	return func(dst []byte, i int) ([]byte, bool) {
		v, n := a.at(i), places.at(i)
		if n < 0 || n > 300 {
			return dst, false
		}
		if v-v != 0 {
			return appendFloat(dst, v), true
		}
		buf = strconv.AppendFloat(buf[:0], math.Abs(v), 'f', int(n), 64)
		whole, frac, _ := strings.Cut(bytesText(buf), ".")
		if v < 0 && strings.Trim(bytesText(buf), "0.") != "" {
			dst = append(dst, '-')
		}
		for j := range len(whole) {
			if j > 0 && (len(whole)-j)%3 == 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, whole[j])
		}
		if n > 0 {
			dst = append(append(dst, '.'), frac...)
		}
		return dst, true
	}
}

// findInSet is the place of s, from 1, in a list with commas; 0 is nowhere.
func findInSet(s, list string) int64 {
	if strings.Contains(s, ",") {
		return 0
	}
	for n := int64(1); ; n++ {
		part, rest, more := strings.Cut(list, ",")
		switch {
		case part == s:
			return n
		case !more:
			return 0
		}
		list = rest
	}
}

func appendURL(dst []byte, s string) []byte { return append(dst, url.QueryEscape(s)...) }

func unescapeURL(dst []byte, s string) ([]byte, bool) {
	text, err := url.QueryUnescape(s)
	return append(dst, text...), err == nil && utf8.ValidString(text)
}

// conv writes a number of one base in another, from 2 to 36; to a negative one
// with a sign.
func conv(c *call) func([]byte, int) ([]byte, bool) {
	a, from, to := c.a[0].texts(), rowsOf(&c.a[1], c.a[1].ints()), rowsOf(&c.a[2], c.a[2].ints())
	return func(dst []byte, i int) ([]byte, bool) {
		s, base, target := strings.TrimSpace(a.at(i)), from.at(i), to.at(i)
		signed := target < 0
		if signed {
			target = -target
		}
		if base < 2 || base > 36 || target < 2 || target > 36 || s == "" {
			return dst, false
		}
		digits, negative := strings.CutPrefix(s, "-")
		v, ok := leadingDigits(digits, uint64(base))
		if !ok {
			return dst, false
		}
		if negative {
			v = -v
		}
		n := len(dst)
		if signed {
			dst = strconv.AppendInt(dst, int64(v), int(target))
		} else {
			dst = strconv.AppendUint(dst, v, int(target))
		}
		for j := n; j < len(dst); j++ {
			dst[j] = upperASCII(dst[j])
		}
		return dst, true
	}
}

// leadingDigits reads the digits that s starts with.
func leadingDigits(s string, base uint64) (v uint64, ok bool) {
	for i := range len(s) {
		d := uint64(lowerASCII(s[i]))
		switch {
		case d >= '0' && d <= '9':
			d -= '0'
		case d >= 'a' && d <= 'z':
			d -= 'a' - 10
		default:
			d = base
		}
		if d >= base {
			break
		}
		hi, lo := bits.Mul64(v, base)
		var carry uint64
		if v, carry = bits.Add64(lo, d, 0); hi+carry != 0 {
			return 0, false
		}
	}
	return v, true
}

// overlay replaces n characters of s from a position on; without n, as many as
// the text is long.
func overlay(c *call) func([]byte, int) ([]byte, bool) {
	a, with, pos := c.a[0].texts(), c.a[1].texts(), rowsOf(&c.a[2], c.a[2].ints())
	return func(dst []byte, i int) ([]byte, bool) {
		s, t, p := a.at(i), with.at(i), pos.at(i)
		n := runes(t)
		if len(c.a) > 3 {
			if own := rowsOf(&c.a[3], c.a[3].ints()).at(i); own >= 0 {
				n = own
			}
		}
		dst = append(dst, cutRunes(s, 0, p-1)...)
		dst = append(dst, t...)
		if end := p - 1 + n; end >= p-1 {
			dst = append(dst, cutRunes(s, end, math.MaxInt64)...)
		}
		return dst, len(dst) <= maxText
	}
}

// trimBy cuts characters of a set from the ends of s.
func trimBy(cut func(s, set string) string) textMaker {
	return func(c *call) func([]byte, int) ([]byte, bool) {
		a, set := c.a[0].texts(), c.a[1].texts()
		return func(dst []byte, i int) ([]byte, bool) { return append(dst, cut(a.at(i), set.at(i))...), true }
	}
}
