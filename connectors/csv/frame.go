package csv

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/rdd"
)

// notUTF8 stands for the column of a row that failed as a whole.
const notUTF8 = math.MaxUint16 - 1

// step reads the next block. There is no more where the file ends.
func (r *reader) step() (more bool) {
	b := r.blocks
	if r.tokens == nil {
		return false
	}
	used := r.tokens.index(b.rest(), r.want.Rows-r.n-len(r.bad), b.ended())
	switch {
	case used > 0:
		r.take(used)
		b.from += used
	case b.ended():
		return false
	case len(b.rest()) > maxRow:
		r.badRow(0, len(b.rest()), fmt.Sprintf("the row has more than %d bytes", maxRow))
		b.skipLine()
	default:
		b.fill()
	}
	return true
}

// take reads the values of a block. A row of which one is none is bad as a
// whole, whether that value is wanted or not: then the others are read again
// without it, which is rare.
func (r *reader) take(used int) {
	t := r.tokens
	r.size += used
	for _, o := range t.odd {
		r.badRow(o.start, o.end, o.text)
	}
	if r.encoding.bytes == nil && !utf8.Valid(t.data[:used]) {
		for i := range t.rows() {
			if !utf8.Valid(t.line(i)) {
				t.fail(i, notUTF8)
			}
		}
		r.reject()
	}
	r.values()
	if t.failed != nil {
		for _, s := range r.check {
			if s.kept {
				s.cut(r.n)
			}
		}
		r.reject()
		r.values()
	}
	for _, c := range r.out {
		if a, ok := c.(*absent); ok {
			a.take(t, 0)
		}
	}
	r.note()
}

func (r *reader) values() {
	for _, s := range r.check {
		s.take(r.tokens, s.j)
	}
}

// note notes where the rows of the block stand in the file.
func (r *reader) note() {
	t := r.tokens
	for i, start := range t.starts {
		at := r.blocks.offset() + int64(start)
		if r.rows == nil {
			r.first = at
			r.rows = make([]int32, 0, min(r.want.Rows, 1<<20))
		}
		r.rows = append(r.rows, int32(at-r.first))
		if r.want.Raw {
			r.raw = append(r.raw, bytes.Clone(t.line(i)))
		}
	}
	r.n += t.rows()
}

// reject takes the rows that have failed out of the block.
func (r *reader) reject() {
	t := r.tokens
	if t.failed == nil {
		return
	}
	for i, f := range t.failed {
		if f == 0 {
			continue
		}
		text := "the row is not UTF-8 (option encoding tells what it is)"
		if j := int(f) - 1; j != notUTF8 {
			field := r.schema.Field(r.at[j])
			v, _ := t.typed(i, j)
			text = fmt.Sprintf("column %q: want %s, got %q", field.Name, r.wants(field.Type), v[:min(len(v), 60)])
		}
		start, _ := t.span(i, 0)
		r.badRow(start, start+len(t.line(i)), text)
	}
	t.drop()
}

// badRow notes a row that cannot be parsed; it lies in what is left of the file
// from start to end.
func (r *reader) badRow(start, end int, text string) {
	raw := r.blocks.rest()[start:min(end, start+maxRaw)]
	r.bad = append(r.bad, rdd.BadRow{Seq: r.blocks.offset() + int64(start), Raw: bytes.Clone(raw), Text: text})
}

// frame returns the rows so far, if they are enough or the last, and begins anew.
func (r *reader) frame(last bool) *rdd.Frame {
	all := r.n + len(r.bad)
	if all == 0 || all < r.want.Rows && r.size < frameBytes && !last {
		return nil
	}
	slices.SortFunc(r.bad, func(a, b rdd.BadRow) int { return cmp.Compare(a.Seq, b.Seq) })
	f := &rdd.Frame{Header: rdd.Header{Origin: rdd.Origin{First: r.first, Rows: r.rows}, Bad: r.bad, Raw: r.raw}}
	if r.n > 0 {
		f.Batch = r.batch()
	}
	r.n, r.size, r.rows, r.raw, r.bad = 0, 0, nil, nil, nil
	return f
}

func (r *reader) batch() arrow.RecordBatch {
	arrays := make([]arrow.Array, len(r.out))
	fits := r.made != nil
	for i, c := range r.out {
		arrays[i] = c.array()
		defer arrays[i].Release()
		fits = fits && r.made.Field(i).Type.ID() == arrays[i].DataType().ID()
	}
	if !fits { // strings have changed from dictionary to plain
		fields := make([]arrow.Field, len(arrays))
		for i, a := range arrays {
			fields[i] = arrow.Field{Name: r.want.Columns[i], Type: a.DataType(), Nullable: true}
		}
		r.made = arrow.NewSchema(fields, nil)
	}
	return array.NewRecordBatch(r.made, arrays, int64(r.n))
}

func (r *reader) release() {
	for _, s := range r.check {
		s.release()
	}
	if len(r.blocks.buf) == blockBytes+slack {
		r.buffers.Put(&r.blocks.buf)
	}
}
