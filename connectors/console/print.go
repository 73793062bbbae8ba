package console

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel/spell"
)

func columns(b arrow.RecordBatch) []string {
	out := make([]string, b.NumCols())
	for i, f := range b.Schema().Fields() {
		out[i] = f.Name
	}
	return out
}

// take appends the first n rows of b.
func (r *rows) take(b arrow.RecordBatch, n int) {
	for i := range n {
		row := make([]json.RawMessage, b.NumCols())
		for c := range row {
			row[c] = spell.JSON(nil, b.Column(c), i)
		}
		r.Rows = append(r.Rows, row)
	}
}

// encode is json.Marshal, but for leaving < and & as they are.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fault.Wrap(fault.Bug, err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// lines prints one JSON object a row, without its nulls.
func (r *rows) lines(b *bytes.Buffer) {
	for _, row := range r.Rows {
		sep := "{"
		if r.Label != "" {
			b.WriteString(`{"_label":`)
			b.Write(spell.Text(nil, r.Label))
			sep = ","
		}
		for c, v := range row {
			if string(v) == "null" {
				continue
			}
			b.WriteString(sep)
			b.Write(spell.Text(nil, r.Columns[c]))
			b.WriteByte(':')
			b.Write(v)
			sep = ","
		}
		if sep == "{" {
			b.WriteByte('{')
		}
		b.WriteString("}\n")
	}
}

// table prints the rows under their columns' names, numbers to the right.
func (r *rows) table(b *bytes.Buffer, title string) {
	cells := make([][]string, len(r.Rows))
	width := make([]int, len(r.Columns))
	right := make([]bool, len(r.Columns))
	for c, name := range r.Columns {
		width[c] = utf8.RuneCountInString(printable(name))
	}
	for i, row := range r.Rows {
		cells[i] = make([]string, len(row))
		for c, v := range row {
			cells[i][c] = cell(v)
			width[c] = max(width[c], utf8.RuneCountInString(cells[i][c]))
			right[c] = right[c] || len(v) > 0 && (v[0] == '-' || v[0] >= '0' && v[0] <= '9')
		}
	}
	b.WriteString(printable(title) + "\n")
	head := make([]string, len(r.Columns))
	for c, name := range r.Columns {
		head[c] = printable(name)
	}
	line(b, head, width, right)
	for _, row := range cells {
		line(b, row, width, right)
	}
	b.WriteByte('\n')
}

func line(b *bytes.Buffer, cells []string, width []int, right []bool) {
	var l strings.Builder
	for c, s := range cells {
		pad := strings.Repeat(" ", width[c]-utf8.RuneCountInString(s))
		if right[c] {
			s = pad + s
		} else {
			s += pad
		}
		l.WriteString("  " + s)
	}
	b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
}

// cell is a value as a table shows it; a null is empty.
func cell(v json.RawMessage) string {
	if string(v) == "null" {
		return ""
	}
	var s string
	if len(v) > 0 && v[0] == '"' && json.Unmarshal(v, &s) == nil {
		return printable(s)
	}
	return string(v)
}

// printable spells what a terminal would act on, and bounds the length.
func printable(s string) string {
	const most = 60
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		s = strings.Trim(strconv.Quote(s), `"`)
	}
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most-1]) + "…"
	}
	return s
}
