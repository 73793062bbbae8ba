package csv

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
)

// shape is what the first row of a file tells about the rest.
type shape struct {
	dialect
	cols   int
	at     []int // by column of the file: that of the schema, or -1
	header bool  // the first row names the columns
}

// firstRow finds the first row of a file, behind a byte order mark, lines to
// skip and comments. It returns where the row begins and where the next one
// does; next is 0 where b does not hold all of it.
func (s *settings) firstRow(b []byte) (row []byte, at, next int) {
	if at = bom(b); at > 0 && len(b) <= at+1 { // nothing, and the line end that it is given
		return nil, at, 0
	}
	for skip := s.skip; at < len(b); {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 {
			return nil, at, 0
		}
		if skip == 0 && (s.comment == none || int(b[at]) != s.comment) {
			end := s.rowEnd(b, at)
			if end < 0 {
				return nil, at, 0
			}
			return b[at:lineStop(b, at, end)], at, end
		}
		skip = max(skip-1, 0)
		at += n + 1
	}
	return nil, at, 0
}

// bom returns the length of the byte order mark that b begins with.
func bom(b []byte) int {
	if bytes.HasPrefix(b, []byte("\ufeff")) {
		return len("\ufeff")
	}
	return 0
}

// rowEnd returns where the row behind the one at at begins, or -1.
func (s *settings) rowEnd(b []byte, at int) int {
	inside := false
	for i := at; i < len(b); i++ {
		switch {
		case s.multiline && int(b[i]) == s.quote:
			inside = !inside
		case b[i] == '\n' && !inside:
			return i + 1
		}
	}
	return -1
}

// split takes a row apart, plainly.
func (s *settings) split(row []byte, delimiter byte) []string {
	var out []string
	for {
		var field []byte
		if len(row) > 0 && int(row[0]) == s.quote {
			i := 1
			for ; i < len(row) && int(row[i]) != s.quote || i+1 < len(row) && int(row[i+1]) == s.quote; i++ {
				if int(row[i]) == s.quote {
					i++
				}
				field = append(field, row[i])
			}
			row = row[min(i+1, len(row)):]
		}
		n := bytes.IndexByte(row, delimiter)
		if n < 0 {
			return append(out, s.encoding.text(append(field, row...)))
		}
		out = append(out, s.encoding.text(append(field, row[:n]...)))
		row = row[n+1:]
	}
}

// delimiters are what is tried where the delimiter is to be found.
func (s *settings) delimiters() []byte {
	all := []byte{',', ';', '\t', '|'}
	if s.decimal == ',' {
		return all[1:]
	}
	return all
}

// detect finds the delimiter of rows that should have cols fields, or as many
// as they agree on.
func (s *settings) detect(rows [][]byte, cols int) byte {
	if !s.auto || len(rows) == 0 {
		return s.delimiter
	}
	best, most := s.delimiters()[0], 0
	for _, d := range s.delimiters() {
		n, score := len(s.split(rows[0], d)), 0
		for _, r := range rows {
			if n > 1 && len(s.split(r, d)) == n {
				score++
			}
		}
		if score == len(rows) {
			score *= 2 // all agree
		}
		if n == cols && cols > 0 {
			score += 1000
		}
		if score = score*1000 + min(n, 999); n > 1 && score > most {
			best, most = d, score
		}
	}
	return best
}

// names returns what the columns of a file are called whose header is row.
func (s *settings) names(row []byte, delimiter byte) []string {
	names := s.split(row, delimiter)
	for i, n := range names {
		n = strings.ToValidUTF8(strings.TrimSpace(n), "\ufffd")
		if s.snake {
			n = snake(n)
		}
		if n == "" {
			n = "column" + strconv.Itoa(i)
		}
		names[i] = n
	}
	return names
}

// snake spells a name in lower case with words joined by _: "GpsSpeed (km/h)"
// is gps_speed_km_h.
func snake(name string) string {
	var b strings.Builder
	rs := []rune(name)
	gap := false
	for i, r := range rs {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			gap = true
			continue
		}
		if i > 0 && unicode.IsUpper(r) && (unicode.IsLower(rs[i-1]) || unicode.IsDigit(rs[i-1]) ||
			unicode.IsUpper(rs[i-1]) && i+1 < len(rs) && unicode.IsLower(rs[i+1])) {
			gap = true
		}
		if gap && b.Len() > 0 || b.Len() == 0 && unicode.IsDigit(r) {
			b.WriteByte('_')
		}
		gap = false
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// shapeOf tells how to read a file whose first row is given into schema.
func (f *format) shapeOf(path string, row []byte, schema *arrow.Schema) (*shape, error) {
	sh := &shape{dialect: f.dialect}
	sh.delimiter = f.detect([][]byte{row}, schema.NumFields())
	if err := f.emptyHead(path, row); err != nil {
		return nil, err
	}
	names := f.names(row, sh.delimiter)
	sh.header = f.header == headerTrue || f.header == headerAuto && f.hasHeader(names, schema)
	if err := f.legible(path, row, sh.header); err != nil {
		return nil, err
	}
	if !sh.header {
		for i := range schema.NumFields() {
			sh.at = append(sh.at, i)
		}
		sh.cols = len(sh.at)
		return sh, nil
	}
	if len(f.columns) > 0 {
		if len(f.columns) != len(names) {
			return nil, fault.New(fault.Invalid, "%s: the header has %d columns, the option columns names %d", path, len(names), len(f.columns))
		}
		names = f.columns
	}
	if err := uniqueNames(path, names); err != nil {
		return nil, err
	}
	sh.cols = len(names)
	return sh, f.match(path, names, schema, sh)
}

// emptyHead refuses a file that has nothing where its header should be.
func (s *settings) emptyHead(path string, row []byte) error {
	if len(row) == 0 && s.header != headerFalse {
		return fault.New(fault.Invalid, "%s: its first line is empty and cannot be a header (skip: 1 passes over it, header: false takes it for no header)", path)
	}
	return nil
}

func uniqueNames(path string, names []string) error {
	if n := duplicate(names); n != "" {
		return fault.New(fault.Invalid, "%s: two columns are called %q (header: true with columns: [...] gives them other names)", path, n)
	}
	return nil
}

// named reports whether half of the names or more are columns of the schema.
func named(names []string, schema *arrow.Schema) bool {
	n := 0
	for _, name := range names {
		if schema.HasField(name) {
			n++
		}
	}
	return 2*n >= len(names)
}

// match finds the columns of a file in the schema, by name.
func (s *settings) match(path string, names []string, schema *arrow.Schema, sh *shape) error {
	here := map[string]bool{}
	for _, n := range names {
		here[n] = true
		at := schema.FieldIndices(n)
		if len(at) == 0 {
			if !s.union && s.schema == nil {
				return fault.New(fault.Invalid, "%s: its column %q is not in the other files (union_by_name: true leaves out what the first files lack)", path, n)
			}
			at = []int{-1}
		}
		sh.at = append(sh.at, at[0])
	}
	for _, f := range schema.Fields() {
		if !here[f.Name] && !s.union {
			return fault.New(fault.Invalid, "%s: it has no column %q (its columns are %s; union_by_name: true takes it for null)", path, f.Name, listed(names))
		}
	}
	return nil
}

func listed(names []string) string {
	const most = 30
	if len(names) > most {
		return fmt.Sprintf("%q and %d more", names[:most], len(names)-most)
	}
	return fmt.Sprintf("%q", names)
}
