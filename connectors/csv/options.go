package csv

import (
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/kernel/parse"
	"github.com/idag/idag/rdd"
)

// Words of options.
const (
	headerAuto   = "auto"
	headerTrue   = "true"
	headerFalse  = "false"
	raggedNull   = "null"
	namesSnake   = "snake"
	encodingUTF8 = "utf-8"
)

// settings are the options of reading, checked.
type settings struct {
	dialect
	auto     bool // the delimiter is found
	header   string
	columns  []string
	skip     int
	snake    bool
	union    bool
	encoding charset
	decimal  byte
	group    int // thousands, or none

	schema *arrow.Schema             // declared, or nil
	types  map[string]arrow.DataType // declared, by column

	date, stamp *parse.Layout  // nil: ISO 8601
	zone        *time.Location // of timestamps without one
}

func optionError(option, format string, args ...any) error {
	return &connectors.OptionError{Kind: "csv", Option: option, Text: fmt.Sprintf(format, args...)}
}

func readSettings(o rdd.Options) (*settings, error) {
	s := &settings{header: word(o, "header"), snake: word(o, "names") == namesSnake}
	s.columns, _ = o["columns"].([]string)
	s.union, _ = o["union_by_name"].(bool)
	s.multiline, _ = o["multiline"].(bool)
	s.trim, _ = o["trim"].(bool)
	s.pad = word(o, "ragged") == raggedNull
	skip, _ := o["skip"].(int64)
	s.skip = int(skip)
	if s.skip < 0 {
		return nil, optionError("skip", "must not be negative")
	}
	for _, step := range []func(rdd.Options) error{s.readBytes, s.readNumbers, s.readTimes, s.readTypes} {
		if err := step(o); err != nil {
			return nil, err
		}
	}
	nulls, _ := o["null"].([]string)
	for _, n := range nulls {
		if n == "" {
			s.blank = true
		} else {
			s.nulls = append(s.nulls, n)
		}
	}
	if name := duplicate(s.columns); name != "" {
		return nil, optionError("columns", "%q stands there twice", name)
	}
	var err error
	s.encoding, err = charsetOf(word(o, "encoding"))
	return s, err
}

func word(o rdd.Options, name string) string {
	s, _ := o[name].(string)
	return s
}

// readBytes reads the options that are one byte.
func (s *settings) readBytes(o rdd.Options) error {
	s.auto = word(o, "delimiter") == headerAuto
	d, err := oneByte("delimiter", word(o, "delimiter"))
	if !s.auto && (err != nil || d == none || d == '\n' || d == '\r') {
		return optionError("delimiter", "is auto or one character of ASCII, not %q", word(o, "delimiter"))
	}
	s.delimiter = ','
	if !s.auto {
		s.delimiter = byte(d)
	}
	if s.quote, err = oneByte("quote", word(o, "quote")); err != nil {
		return err
	}
	if s.escape, err = oneByte("escape", word(o, "escape")); err != nil {
		return err
	}
	if s.escape == none {
		s.escape = s.quote
	}
	if s.comment, err = oneByte("comment", word(o, "comment")); err != nil {
		return err
	}
	if s.quote != none && (s.quote == int(s.delimiter) || s.quote == s.comment) {
		return optionError("quote", "is also the delimiter or begins a comment")
	}
	return nil
}

// oneByte reads an option that is a character of ASCII, or none. A tab may be
// spelled.
func oneByte(option, v string) (int, error) {
	switch {
	case v == "":
		return none, nil
	case v == `\t` || v == "tab":
		return '\t', nil
	case len(v) == 1 && v[0] < 0x80 && v[0] != '\n' && v[0] != '\r':
		return int(v[0]), nil
	}
	return none, optionError(option, "is one character of ASCII, not %q", v)
}

func (s *settings) readNumbers(o rdd.Options) error {
	d, err := oneByte("decimal", word(o, "decimal"))
	if err != nil || d == none {
		return optionError("decimal", "is one character, such as a comma")
	}
	if s.decimal = byte(d); !s.auto && s.decimal == s.delimiter {
		return optionError("decimal", "is also the delimiter")
	}
	if s.group, err = oneByte("thousands", word(o, "thousands")); err == nil && s.group == d {
		return optionError("thousands", "is also the decimal separator")
	}
	return err
}

func (s *settings) readTimes(o rdd.Options) (err error) {
	for _, x := range []struct {
		option string
		to     **parse.Layout
	}{{"date_format", &s.date}, {"timestamp_format", &s.stamp}} {
		if p := word(o, x.option); p != "" {
			if *x.to, err = parse.NewLayout(p); err != nil {
				return optionError(x.option, "%v", err)
			}
		}
	}
	s.zone = time.UTC
	if z := word(o, "timezone"); z != "" {
		if s.zone, err = time.LoadLocation(z); err != nil {
			return optionError("timezone", "%q is no time zone such as Europe/Berlin", z)
		}
	}
	return nil
}

func duplicate(names []string) string {
	seen := map[string]bool{}
	for _, n := range names {
		if seen[n] {
			return n
		}
		seen[n] = true
	}
	return ""
}
