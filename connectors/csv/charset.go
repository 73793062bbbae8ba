package csv

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/idag/idag/internal/fault"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// charset is how the characters of a file are encoded.
type charset struct {
	bytes *charmap.Charmap  // one byte a character
	whole encoding.Encoding // decoded before it is read
}

// charsets are the names of the encodings that files may have.
func charsets() []string {
	return []string{encodingUTF8, "latin1", "windows-1252", "latin9", "utf-16", "utf-16le", "utf-16be"}
}

func charsetOf(name string) (charset, error) {
	switch name {
	case encodingUTF8, "":
		return charset{}, nil
	case "latin1":
		return charset{bytes: charmap.ISO8859_1}, nil
	case "windows-1252":
		return charset{bytes: charmap.Windows1252}, nil
	case "latin9":
		return charset{bytes: charmap.ISO8859_15}, nil
	case "utf-16":
		return charset{whole: unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)}, nil
	case "utf-16le":
		return charset{whole: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)}, nil
	case "utf-16be":
		return charset{whole: unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)}, nil
	}
	return charset{}, optionError("encoding", "%q is not one of %s", name, strings.Join(charsets(), ", "))
}

// reader returns r in UTF-8, if the whole of it is to be decoded.
func (c charset) reader(r io.Reader) io.Reader {
	if c.whole == nil {
		return r
	}
	return c.whole.NewDecoder().Reader(r)
}

// decoder returns what decodes single texts, nil where they are UTF-8.
func (c charset) decoder() func(dst, src []byte) []byte {
	if c.bytes == nil {
		return nil
	}
	return func(dst, src []byte) []byte {
		for _, b := range src {
			dst = utf8.AppendRune(dst, c.bytes.DecodeByte(b))
		}
		return dst
	}
}

// text returns v in UTF-8.
func (c charset) text(v []byte) string {
	if d := c.decoder(); d != nil {
		v = d(nil, v)
	}
	return string(v)
}

// head returns the beginning of a file in UTF-8, as far as it is to be decoded
// as a whole.
func (c charset) head(b []byte) []byte {
	if c.whole == nil {
		return b
	}
	out, _ := c.whole.NewDecoder().Bytes(b[:len(b)&^1]) // a character cut in two ends it
	return out
}

// legible refuses a first row that shows that the file is not encoded as the
// options say. Without a header the row is a bad one, unless all rows are.
func (s *settings) legible(path string, row []byte, header bool) error {
	if s.encoding.bytes != nil || s.encoding.whole != nil {
		return nil
	}
	if bytes.HasPrefix(row, []byte{0xff, 0xfe}) || bytes.HasPrefix(row, []byte{0xfe, 0xff}) {
		return fault.New(fault.Invalid, "%s: it begins with the byte order mark of UTF-16 (encoding: utf-16 reads it)", path)
	}
	if header && !utf8.Valid(row) {
		return fault.New(fault.Invalid, "%s: its header is not UTF-8 (option encoding tells what it is, such as encoding: windows-1252 or latin1)", path)
	}
	return nil
}
