package json

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// Everything here reads one line, which ends with a \n that is part of the
// slice and occurs nowhere else in it: a loop that stops at what it does not
// expect stops there. Behind the line the slice has capacity for eight bytes
// more, so that words can be loaded up to its end.

// slack is how many bytes there must be behind a line.
const slack = 8

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

func load(b []byte, p int) uint64 { return binary.LittleEndian.Uint64(b[p : p+8]) }

// space skips white space within a line.
func space(b []byte, p int) int {
	if c := b[p]; c > ' ' || c == '\n' {
		return p
	}
	for b[p] == ' ' || b[p] == '\t' || b[p] == '\r' {
		p++
	}
	return p
}

// stops marks the bytes of w that end a plain run of a string: a quote, a
// backslash or a control character. The lowest mark is exact.
func stops(w uint64) uint64 {
	q := w ^ lows*'"'
	e := w ^ lows*'\\'
	return ((q-lows)&^q | (e-lows)&^e | (w-lows*0x20)&^w) & highs
}

// textSpan is a string's content between its quotes, borrowed from the line.
type textSpan struct {
	raw     []byte
	escaped bool
}

// scanString reads the string whose opening quote is before p, and returns the
// place behind its closing quote, or a fault.
func scanString(b []byte, p int) (s textSpan, end int, f flaw) {
	start, beyond := p, uint64(0) // bits of bytes that are not ASCII
	for {
		w := load(b, p)
		m := stops(w)
		if m == 0 {
			beyond |= w
			p += 8
			continue
		}
		n := bits.TrailingZeros64(m) >> 3
		beyond |= w & (1<<(8*n) - 1)
		p += n
		switch b[p] {
		case '"':
			s.raw = b[start:p:p]
			if beyond&highs != 0 && !utf8.Valid(s.raw) {
				return s, p, badUTF8
			}
			return s, p + 1, 0
		case '\\':
			s.escaped = true
			if p++; b[p] == '\n' {
				return s, p, openString
			}
			if b[p] >= utf8.RuneSelf {
				return s, p, badEscape
			}
			p++
		case '\n':
			return s, p, openString
		default:
			return s, p, control
		}
	}
}

// unescape appends the characters that an escaped string stands for.
func unescape(dst, raw []byte) ([]byte, bool) {
	for p := 0; p < len(raw); {
		c := raw[p]
		if c != '\\' {
			dst = append(dst, c)
			p++
			continue
		}
		if p++; p == len(raw) {
			return dst, false
		}
		if raw[p] == 'u' {
			r, n := escapedRune(raw[p-1:])
			if n == 0 {
				return dst, false
			}
			dst = utf8.AppendRune(dst, r)
			p += n - 1
			continue
		}
		plain := escapes(raw[p])
		if plain == 0 {
			return dst, false
		}
		dst = append(dst, plain)
		p++
	}
	return dst, true
}

// escapes returns the character that \c stands for, or 0.
func escapes(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

// escapedRune reads \uXXXX, or two of them that are a surrogate pair, and
// returns how many bytes they take; 0 for a lone surrogate.
func escapedRune(b []byte) (r rune, n int) {
	u, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(u) {
		return u, 6
	}
	low, ok := hex4(b[6:])
	if !ok {
		return 0, 0
	}
	if r = utf16.DecodeRune(u, low); r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		switch {
		case c-'0' < 10:
			r = r<<4 | rune(c-'0')
		case (c|0x20)-'a' < 6:
			r = r<<4 | rune((c|0x20)-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// hasLiteral reports whether word stands at p.
func hasLiteral(b []byte, p int, word string) bool {
	return len(b)-p >= len(word) && string(b[p:p+len(word)]) == word
}

// view is b as a string, borrowed.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
