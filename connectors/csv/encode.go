package csv

import (
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

// encoder writes CSV as RFC 4180 has it, but that lines end with \n.
type encoder struct {
	delimiter, quote byte
	header           bool
	null             string
	odd              [256]bool // bytes for which a text is quoted
}

var _ files.Encoder = (*encoder)(nil)

func newEncoder(o rdd.Options) (*encoder, error) {
	s := &settings{}
	if err := s.readBytes(o); err != nil {
		return nil, err
	}
	e := &encoder{delimiter: s.delimiter, quote: byte(s.quote), header: word(o, "header") != headerFalse}
	if s.quote == none {
		return nil, optionError("quote", "is needed for writing")
	}
	if nulls, _ := o["null"].([]string); len(nulls) > 0 {
		e.null = nulls[0]
	}
	for _, c := range []byte{e.delimiter, e.quote, '\n', '\r'} {
		e.odd[c] = true
	}
	if strings.ContainsFunc(e.null, func(r rune) bool { return r < 256 && e.odd[r] }) {
		return nil, optionError("null", "%q holds a delimiter, a quote or a line end", e.null)
	}
	return e, nil
}

// Extension implements files.Encoder.
func (e *encoder) Extension() string {
	if e.delimiter == '\t' {
		return ".tsv"
	}
	return ".csv"
}

// Open implements files.Encoder.
func (e *encoder) Open(w io.Writer, _ string, schema *arrow.Schema) (files.RowWriter, error) {
	out := &rowWriter{encoder: e, w: w}
	if !e.header {
		return out, nil
	}
	for i, f := range schema.Fields() {
		if i > 0 {
			out.buf = append(out.buf, e.delimiter)
		}
		out.buf = e.text(out.buf, []byte(f.Name))
	}
	out.buf = append(out.buf, '\n')
	return out, out.flush()
}

// text writes a text, in quotes if it would be read as another one without.
func (e *encoder) text(dst, v []byte) []byte {
	if len(v) > 0 && string(v) != e.null && !e.needsQuotes(v) {
		return append(dst, v...)
	}
	dst = append(dst, e.quote)
	for _, c := range v {
		if c == e.quote {
			dst = append(dst, c)
		}
		dst = append(dst, c)
	}
	return append(dst, e.quote)
}

func (e *encoder) needsQuotes(v []byte) bool {
	for _, c := range v {
		if e.odd[c] {
			return true
		}
	}
	return v[0] == 0xef // what might be a byte order mark
}

// rowWriter writes one file.
type rowWriter struct {
	*encoder
	w   io.Writer
	buf []byte
}

// cell writes the value of one column in row i.
type cell func(dst []byte, i int) []byte

const writeBytes = 64 << 10

// Write implements files.RowWriter.
func (w *rowWriter) Write(b arrow.RecordBatch) error {
	cells := make([]cell, b.NumCols())
	for i, a := range b.Columns() {
		cells[i] = w.cells(a)
	}
	for i := range int(b.NumRows()) {
		for j, c := range cells {
			if j > 0 {
				w.buf = append(w.buf, w.delimiter)
			}
			w.buf = c(w.buf, i)
		}
		w.buf = append(w.buf, '\n')
		if len(w.buf) >= writeBytes {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return w.flush()
}

func (w *rowWriter) flush() error {
	_, err := w.w.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// Close implements files.RowWriter.
func (w *rowWriter) Close() error { return w.flush() }
