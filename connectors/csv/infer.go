package csv

import (
	"bytes"
	"context"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/internal/kernel/parse"
)

// guess is a set of types that all values seen of a column have.
type guess uint8

const (
	isBool guess = 1 << iota
	isInt
	isFloat
	isDate
	isTime
	anything = isBool | isInt | isFloat | isDate | isTime
)

// inferred is what the heads of files tell about a column.
type inferred struct {
	name   string
	guess  guess
	values int
}

// Infer implements files.Format. A column is the narrowest of boolean, bigint,
// double, date and timestamp that all its values fit, else a string; numbers
// that begin with more zeros than one are names, not numbers.
func (f *format) Infer(ctx context.Context, heads []files.Head) (*arrow.Schema, error) {
	if f.schema != nil {
		schema, err := f.typed(f.schema.Fields())
		if err == nil {
			f.decide(heads, schema)
		}
		return schema, err
	}
	var cols []inferred
	first := ""
	for _, h := range heads {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found, err := f.inferOne(h)
		if err != nil {
			return nil, err
		}
		if found == nil {
			continue
		}
		if cols == nil {
			cols, first = found, h.Path
			continue
		}
		if cols, err = f.merge(cols, found, first, h.Path); err != nil {
			return nil, err
		}
	}
	if cols == nil {
		return nil, fault.New(fault.Invalid, "csv: the files are empty: their columns are not known (option schema declares them)")
	}
	fields := make([]arrow.Field, len(cols))
	for i, c := range cols {
		fields[i] = arrow.Field{Name: c.name, Type: c.typ(), Nullable: true}
	}
	return f.typed(fields)
}

// typed gives columns the types that the option types declares.
func (f *format) typed(fields []arrow.Field) (*arrow.Schema, error) {
	schema := arrow.NewSchema(fields, nil)
	for name := range f.types {
		if !schema.HasField(name) {
			return nil, fault.Wrap(fault.Invalid, optionError("types", "there is no column %q; there are %s", name, listed(namesOf(schema))))
		}
	}
	for i := range fields {
		if dt, ok := f.types[fields[i].Name]; ok {
			fields[i].Type = dt
		}
	}
	return arrow.NewSchema(fields, nil), nil
}

func namesOf(s *arrow.Schema) []string {
	var names []string
	for _, f := range s.Fields() {
		names = append(names, f.Name)
	}
	return names
}

func (c *inferred) typ() arrow.DataType {
	switch g := c.guess; {
	case c.values == 0:
	case g&isBool != 0:
		return arrow.FixedWidthTypes.Boolean
	case g&isInt != 0:
		return arrow.PrimitiveTypes.Int64
	case g&isFloat != 0:
		return arrow.PrimitiveTypes.Float64
	case g&isDate != 0:
		return arrow.FixedWidthTypes.Date32
	case g&isTime != 0:
		return timestampType()
	}
	return arrow.BinaryTypes.String
}

// merge joins what two files tell.
func (f *format) merge(a, b []inferred, pathA, pathB string) ([]inferred, error) {
	at := map[string]int{}
	for i, c := range a {
		at[c.name] = i
	}
	common := 0
	for _, c := range b {
		i, ok := at[c.name]
		switch {
		case ok:
			common++
			a[i].guess &= c.guess
			a[i].values += c.values
		case f.union:
			a = append(a, c)
		default:
			return nil, fault.New(fault.Invalid, "%s: its column %q is not in %s (union_by_name: true takes it for null there)", pathB, c.name, pathA)
		}
	}
	if common < len(at) && !f.union {
		for _, c := range a {
			if !has(b, c.name) {
				return nil, fault.New(fault.Invalid, "%s: the column %q of %s is not in it (union_by_name: true takes it for null)", pathB, c.name, pathA)
			}
		}
	}
	return a, nil
}

func has(cols []inferred, name string) bool {
	for _, c := range cols {
		if c.name == name {
			return true
		}
	}
	return false
}

// inferOne looks at the head of one file; nil if there is nothing in it.
func (f *format) inferOne(h files.Head) ([]inferred, error) {
	data := f.encoding.head(h.Data)
	if n := len(data); h.All && n > 0 && data[n-1] != '\n' {
		data = append(bytes.Clone(data), '\n')
	}
	row, at, next := f.firstRow(data)
	if next == 0 {
		if !h.All && len(data) > 0 {
			return nil, fault.New(fault.Invalid, "%s: its first row is longer than %d bytes", h.Path, len(data))
		}
		return nil, nil
	}
	if err := f.emptyHead(h.Path, row); err != nil {
		return nil, err
	}
	delimiter := f.detect(f.sample(row, data[next:]), 0)
	fields := f.split(row, delimiter)
	header := f.header == headerTrue || f.header == headerAuto && f.isHeader(fields)
	if err := f.legible(h.Path, row, header); err != nil {
		return nil, err
	}
	var names []string
	switch {
	case len(f.columns) > 0:
		names = f.columns
	case header:
		names = f.names(row, delimiter)
	default:
		for i := range fields {
			names = append(names, "column"+strconv.Itoa(i))
		}
	}
	if len(names) != len(fields) {
		return nil, fault.New(fault.Invalid, "%s: its first row has %d fields, the option columns names %d", h.Path, len(fields), len(names))
	}
	if err := uniqueNames(h.Path, names); err != nil {
		return nil, err
	}
	cols := make([]inferred, len(names))
	for i := range cols {
		cols[i] = inferred{name: names[i], guess: anything}
	}
	if !header {
		next = at
	}
	f.look(cols, data[next:], delimiter)
	return cols, nil
}

// sample returns the first row and some more.
func (f *format) sample(row, rest []byte) [][]byte {
	rows := [][]byte{row}
	for line := range bytes.Lines(rest) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 || f.comment != none && int(line[0]) == f.comment {
			continue
		}
		if rows = append(rows, line); len(rows) == 16 || f.multiline {
			break
		}
	}
	return rows
}

// isHeader guesses whether a row names columns: all its fields are texts, no
// numbers, times or nulls, and differ.
func (f *format) isHeader(fields []string) bool {
	if len(f.columns) > 0 {
		return len(fields) == len(f.columns) && fields[0] == f.columns[0]
	}
	n := 0
	for _, v := range fields {
		v = strings.TrimSpace(v)
		if v == "" {
			continue
		}
		if f.fits([]byte(v)) != 0 || f.isNull(v) {
			return false
		}
		n++
	}
	return n > 0 && 2*n > len(fields)
}

// fits returns the types that a value may have.
func (f *format) fits(v []byte) (g guess) {
	switch string(bytes.ToLower(v)) {
	case "true", "false":
		return isBool
	}
	digits := bytes.TrimLeft(v, "+-")
	if len(digits) < 2 || digits[0] != '0' || digits[1]-'0' > 9 {
		if _, ok := f.ints(v); ok {
			g |= isInt
		}
		if _, ok := f.floats(v); ok {
			g |= isFloat
		}
	}
	if _, ok := f.dates(v); ok {
		g |= isDate
	}
	if _, ok := f.times(v); ok {
		g |= isTime
	}
	return g
}

// look narrows the types of columns by the rows of data.
func (f *format) look(cols []inferred, data []byte, delimiter byte) {
	d := f.dialect
	d.delimiter = delimiter
	t := newTokens(d, len(cols))
	padded := append(bytes.Clone(data), make([]byte, slack)...)
	for at := 0; at < len(data); {
		n := t.index(padded[at:len(data)], t.max, false)
		if n == 0 {
			return
		}
		at += n
		for r := range t.rows() {
			for j := range cols {
				c := &cols[j]
				v, ok := t.typed(r, j)
				if !ok {
					continue
				}
				c.values++
				if c.guess != 0 {
					c.guess &= f.fits(v)
				}
			}
		}
	}
}

// parsers of values, for guessing.
type parsers struct {
	ints   func([]byte) (int64, bool)
	floats func([]byte) (float64, bool)
	dates  func([]byte) (int32, bool)
	times  func([]byte) (int64, bool)
}

func (s *settings) parsers() parsers {
	p := parsers{ints: s.parseInt(), floats: s.parseFloat(), dates: s.parseDate(), times: s.parseTimestamp()}
	if s.date != nil && s.stamp == nil { // an ISO date is no date then
		p.times = func(v []byte) (int64, bool) {
			us, _, ok := parse.Timestamp(v)
			return us, ok && len(v) > 10
		}
	}
	return p
}
