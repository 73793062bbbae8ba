package expr

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSON is how deep JSON may be nested.
const maxJSON = 200

// jsonValid is the one value that s is, without the space around it.
func jsonValid(s string) (raw string, ok bool) {
	from := jsonSpace(s, 0)
	end := jsonValue(s, from, 0)
	if end < 0 || jsonSpace(s, end) != len(s) {
		return "", false
	}
	return s[from:end], true
}

func jsonSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') {
		i++
	}
	return i
}

// jsonValue is where the value at i ends, -1 if there is none.
func jsonValue(s string, i, depth int) int {
	if i >= len(s) || depth > maxJSON {
		return -1
	}
	switch c := s[i]; {
	case c == '"':
		return jsonString(s, i)
	case c == '{' || c == '[':
		return jsonMembers(s, i, depth)
	case c == '-' || isDigit(c):
		return jsonNumber(s, i)
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(s[i:], word) {
			return i + len(word)
		}
	}
	return -1
}

// jsonMembers is where the object or array at i ends.
func jsonMembers(s string, i, depth int) int {
	it := jsonIter{s: s, i: i + 1, object: s[i] == '{', depth: depth}
	for it.next() {
	}
	return it.end
}

// jsonIter goes over the members of an object or array. end is where it ends
// once next is false, -1 if it is broken.
type jsonIter struct {
	s      string
	i      int
	object bool
	depth  int
	some   bool

	key, value string // as they stand in the text; no key in an array
	end        int
}

// jsonOver goes over a value that starts with { or [.
func jsonOver(raw string) jsonIter { return jsonIter{s: raw, i: 1, object: raw[0] == '{'} }

func (it *jsonIter) next() bool {
	it.end = -1
	i := jsonSpace(it.s, it.i)
	if i >= len(it.s) {
		return false
	}
	if c := it.s[i]; c == '}' && it.object || c == ']' && !it.object {
		it.end = i + 1
		return false
	}
	if it.some {
		if it.s[i] != ',' {
			return false
		}
		i = jsonSpace(it.s, i+1)
	}
	it.some = true
	if it.object {
		end := -1
		if i < len(it.s) && it.s[i] == '"' {
			end = jsonString(it.s, i)
		}
		if end < 0 {
			return false
		}
		it.key = it.s[i:end]
		if i = jsonSpace(it.s, end); i >= len(it.s) || it.s[i] != ':' {
			return false
		}
		i = jsonSpace(it.s, i+1)
	}
	end := jsonValue(it.s, i, it.depth+1)
	if end < 0 {
		return false
	}
	it.value, it.i = it.s[i:end], end
	return true
}

// jsonString is where the string at i ends.
func jsonString(s string, i int) int {
	for i++; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return -1
		case c == '\\':
			i++
			if i == len(s) || strings.IndexByte(`"\/bfnrtu`, s[i]) < 0 {
				return -1
			}
			if s[i] == 'u' {
				if _, ok := jsonHex(s, i+1); !ok {
					return -1
				}
			}
		}
	}
	return -1
}

// jsonHex reads the four digits at i.
func jsonHex(s string, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	v, err := strconv.ParseUint(s[i:i+4], 16, 32)
	return rune(v), err == nil && s[i] != '+' && s[i] != '-'
}

func jsonNumber(s string, i int) int {
	if s[i] == '-' {
		i++
	}
	first := i
	i = digits(s, i)
	if i == first || s[first] == '0' && i > first+1 {
		return -1
	}
	if i < len(s) && s[i] == '.' {
		if first = i + 1; digits(s, first) == first {
			return -1
		}
		i = digits(s, first)
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if first = i; digits(s, first) == first {
			return -1
		}
		i = digits(s, first)
	}
	return i
}

// jsonUnquote appends the text of a string that stands in quotes.
func jsonUnquote(dst []byte, raw string) []byte {
	raw = raw[1 : len(raw)-1]
	for raw != "" {
		at := strings.IndexByte(raw, '\\')
		if at < 0 {
			return append(dst, raw...)
		}
		dst, raw = append(dst, raw[:at]...), raw[at+1:]
		c := raw[0]
		raw = raw[1:]
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r, _ := jsonHex(raw, 0)
			raw = raw[4:]
			if utf16.IsSurrogate(r) {
				low := rune(utf8.RuneError)
				if strings.HasPrefix(raw, `\u`) {
					low, _ = jsonHex(raw, 2)
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					raw = raw[6:]
				}
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// jsonSame tells whether the key, in quotes, is the name.
func jsonSame(key, name string, scratch *[]byte) bool {
	if strings.IndexByte(key, '\\') < 0 {
		return key[1:len(key)-1] == name
	}
	*scratch = jsonUnquote((*scratch)[:0], key)
	return string(*scratch) == name
}

// appendJSONText appends s in quotes.
func appendJSONText(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			if c < ' ' {
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
				continue
			}
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
