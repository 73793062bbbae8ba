package json

import (
	"fmt"
	"strconv"
)

// flaw says what is wrong with a row; zero is nothing.
type flaw uint8

const (
	_ flaw = iota
	badSyntax
	badUTF8
	badEscape
	openString
	control
	wrongType
	inexact // a value of the right kind that the column's type cannot hold
	trailing
	tooDeep
	tooWide
	twice
	unknownKey
	tooLong
)

// complaint is what is wrong with the row under way, and where.
type complaint struct {
	flaw flaw
	node *node // whose value it is; nil where it is of no column
	at   int   // offset in the line
	key  string
}

// text tells a person what is wrong with line b, which begins at offset off.
func (c *complaint) text(b []byte, off int64) string {
	head := "offset " + strconv.FormatInt(off+int64(c.at), 10)
	if c.node != nil && c.node.path != "" {
		head += ", field " + c.node.path
	}
	return head + ": " + c.what(b)
}

func (c *complaint) what(b []byte) string {
	switch c.flaw {
	case badUTF8:
		return "a string is not UTF-8"
	case badEscape:
		return "a string has an escape that JSON lacks, or a lone surrogate"
	case openString:
		return "the line ends in a string"
	case control:
		return fmt.Sprintf("a string has a control character, 0x%02x", b[c.at])
	case wrongType:
		return "want " + c.node.want() + ", got " + got(b, c.at)
	case inexact:
		return "want " + c.node.want() + ", got " + excerpt(b, c.at)
	case trailing:
		return "data after the object"
	case tooDeep:
		return fmt.Sprintf("nested deeper than %d levels", maxDepth)
	case tooWide:
		return "more nested values than a row may have"
	case twice:
		return "the map has a key twice"
	case unknownKey:
		return "unknown key " + strconv.QuoteToGraphic(c.key)
	case tooLong:
		return "the line is longer than max_line"
	default:
		if b[c.at] == '\n' {
			return "the line ends early"
		}
		return "not JSON: unexpected " + strconv.QuoteToGraphic(string(b[c.at:c.at+1]))
	}
}

// got names the value that begins at p.
func got(b []byte, p int) string {
	switch c := b[p]; {
	case c == '"':
		return "string"
	case c == '{':
		return "object"
	case c == '[':
		return "array"
	case c == 't' || c == 'f':
		return "boolean"
	case c == '-' || c-'0' < 10:
		return "number"
	case hasLiteral(b, p, "null"):
		return "null"
	case c == '\n':
		return "the end of the line"
	}
	return "something that is not JSON"
}

// excerpt returns the value that begins at p, or its beginning.
func excerpt(b []byte, p int) string {
	const most = 40
	end := p
	if b[p] == '"' {
		if _, q, f := scanString(b, p+1); f == 0 {
			end = q
		}
	}
	for end == p || end < len(b)-1 && b[p] != '"' && b[end] != ',' && b[end] != '}' && b[end] != ']' && b[end] > ' ' {
		end++
	}
	if end-p > most {
		return strconv.QuoteToGraphic(string(b[p:p+most])) + "…"
	}
	return string(b[p:end])
}
