package console

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/fault"
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
			row[c] = value(b.Column(c), i)
		}
		r.Rows = append(r.Rows, row)
	}
}

// value is row i of a as JSON. Floats that JSON has no number for are texts;
// times are as in RFC 3339, with as many digits as they need.
func value(a arrow.Array, i int) json.RawMessage {
	if a.IsNull(i) {
		return json.RawMessage("null")
	}
	switch a := a.(type) {
	case *array.Boolean:
		return strconv.AppendBool(nil, a.Value(i))
	case *array.Int64:
		return strconv.AppendInt(nil, a.Value(i), 10)
	case *array.Float64:
		f := a.Value(i)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return text(strconv.FormatFloat(f, 'g', -1, 64))
		}
		return strconv.AppendFloat(nil, f, format(f), -1, 64)
	case *array.String:
		return text(a.Value(i))
	case *array.Timestamp:
		return text(time.UnixMicro(int64(a.Value(i))).UTC().Format("2006-01-02T15:04:05.999999Z"))
	case *array.Date32:
		return text(a.Value(i).FormattedString())
	case *array.Dictionary:
		return value(a.Dictionary(), a.GetValueIndex(i))
	}
	return text(a.ValueStr(i))
}

// format spells very large and very small numbers with an exponent.
func format(f float64) byte {
	if m := math.Abs(f); m != 0 && (m < 1e-6 || m >= 1e15) {
		return 'e'
	}
	return 'f'
}

// text is a string as JSON. It always encodes.
func text(s string) json.RawMessage {
	raw, _ := encode(s)
	return raw
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
			b.Write(text(r.Label))
			sep = ","
		}
		for c, v := range row {
			if string(v) == "null" {
				continue
			}
			b.WriteString(sep)
			b.Write(text(r.Columns[c]))
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
