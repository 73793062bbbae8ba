package csv

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// none is no byte: what dialect's bytes are where there is none.
const none = -1

// dialect says which bytes of a file mean something.
type dialect struct {
	delimiter byte
	quote     int // or none
	escape    int // or none; the quote itself where it is doubled
	comment   int // or none
	multiline bool
	pad       bool // a row that ends early has nulls
	trim      bool // spaces around unquoted texts go
	blank     bool // an empty text is null, unless it is quoted
	nulls     []string
}

// tokens is the index of a block: where its rows and fields lie. Field j of row
// r ends at ends[r*cols+j] and begins behind the end of the field before it; a
// field that begins behind its own end is missing. A row is indexed without
// looking at more than its delimiters: what a field says is read by column.
type tokens struct {
	dialect
	cols   int
	max    int    // rows of a block
	data   []byte // of the block
	starts []uint32
	ends   []uint32
	odd    []oddRow
	failed []uint16 // by row, column+1 whose value was not understood; or nil
	buf    []byte   // an unquoted value
}

// oddRow is a row that has no values.
type oddRow struct {
	start, end int
	text       string
}

func newTokens(d dialect, cols int) *tokens {
	rows := min(max(blockFields/cols, 16), 1024)
	return &tokens{dialect: d, cols: cols, starts: make([]uint32, 0, rows), ends: make([]uint32, rows*cols+2), max: rows}
}

// blockFields is about how many fields a block has: the index of a block stays
// in the second-level cache.
const blockFields = 16 << 10

// index finds the rows of b, at most limit of them, and returns where the first
// row begins that it has not reached or that b does not hold whole. Behind b
// must be eight more bytes of any content. Final says that nothing follows b,
// which then ends with a line end.
//
// Eight bytes are looked at together: subtracting within each byte marks those
// that are a delimiter or a line end. Quotes are only looked for where a field
// begins.
func (t *tokens) index(b []byte, limit int, final bool) (used int) {
	t.data, t.starts, t.odd, t.failed = b, t.starts[:0], t.odd[:0], nil
	limit = min(limit, t.max)
	delims, n, p := repeat(t.delimiter), len(b), b[:len(b)+8]
	row := t.begin(0)
	e, full, i := 0, t.cols, row
	opening := i < n && int(p[i]) == t.quote
outer:
	for i < n {
		if opening {
			end, text := t.closing(i)
			switch {
			case text != "" && end < 0 && !final:
				return row
			case text != "":
				i = t.oddRow(row, end, text)
				row, e, opening = i, full-t.cols, i < n && int(p[i]) == t.quote
				if len(t.starts)+len(t.odd) >= limit {
					return row
				}
				continue
			}
			i, opening = end, false
		}
		for ; i < n; i += 8 {
			w := binary.LittleEndian.Uint64(p[i:])
			m := hits(w^delims) | hits(w^newlines)
			if i+8 > n {
				m &= 1<<(8*(n-i)) - 1
			}
			for m != 0 {
				k := i + bits.TrailingZeros64(m)>>3
				m &= m - 1
				t.ends[e] = uint32(k)
				e = min(e+1, full+1)
				if p[k] == '\n' {
					if e, row = t.endRow(row, k, e, full); e == full {
						full += t.cols
					}
					if len(t.starts)+len(t.odd) >= limit {
						return row
					}
					if row != k+1 {
						i, opening = row, row < n && int(p[row]) == t.quote
						continue outer
					}
				}
				if int(p[k+1]) == t.quote && k+1 < n {
					i, opening = k+1, true
					continue outer
				}
			}
		}
	}
	return row
}

const (
	ones     = 0x0101010101010101
	low7     = 0x7f7f7f7f7f7f7f7f
	newlines = '\n' * ones
)

func repeat(c byte) uint64 { return uint64(c) * ones }

// hits marks the zero bytes of x in their highest bits.
func hits(x uint64) uint64 { return ^((x&low7 + low7) | x | low7) }

// endRow ends the row that began at row with the line end at k. It returns where
// the next field is to be noted: full, if this row has all of its fields.
func (t *tokens) endRow(row, k, e, full int) (next, begin int) {
	stop := k
	if k > row && t.data[k-1] == '\r' {
		stop--
	}
	switch have := e - (full - t.cols); {
	case have == t.cols:
		t.ends[e-1] = uint32(stop)
	case have == 1 && stop == row: // an empty line
		return full - t.cols, t.begin(k + 1)
	case have < t.cols && t.pad:
		t.ends[e-1] = uint32(stop)
		for ; e < full; e++ {
			t.ends[e] = t.ends[e-1]
		}
	default:
		text := fmt.Sprintf("%d fields instead of %d", have, t.cols)
		if have > t.cols {
			text = fmt.Sprintf("more than %d fields", t.cols)
		}
		return full - t.cols, t.oddRow(row, k, text)
	}
	t.starts = append(t.starts, uint32(row))
	return full, t.begin(k + 1)
}

// begin returns where the next row begins: i, or behind the comments there. A
// comment that is not whole is a row's beginning.
func (t *tokens) begin(i int) int {
	for t.comment != none && i < len(t.data) && int(t.data[i]) == t.comment {
		n := bytes.IndexByte(t.data[i:], '\n')
		if n < 0 {
			break
		}
		i += n + 1
	}
	return i
}

// oddRow notes that the row from start has no values and returns where the next
// begins. The row ends at the line end at or behind end, or with the data.
func (t *tokens) oddRow(start, end int, text string) int {
	if end < 0 {
		end = len(t.data)
	}
	stop := len(t.data)
	if n := bytes.IndexByte(t.data[end:], '\n'); n >= 0 {
		stop = end + n
	}
	t.odd = append(t.odd, oddRow{start, lineStop(t.data, start, stop), text})
	return t.begin(min(stop+1, len(t.data)))
}

// lineStop returns the end of the row without its line end.
func lineStop(b []byte, start, stop int) int {
	for stop > start && (b[stop-1] == '\r' || b[stop-1] == '\n') {
		stop--
	}
	return stop
}

// closing returns where the field ends whose quote opens at i. A text says what
// is wrong with it, and the end is then that of the row, or -1 where the data
// ends before it.
func (t *tokens) closing(i int) (end int, text string) {
	line := len(t.data)
	if !t.multiline {
		n := bytes.IndexByte(t.data[i:], '\n')
		if n < 0 {
			return -1, unclosed
		}
		line = i + n
	}
	for j := i + 1; ; j++ {
		q := bytes.IndexByte(t.data[j:line], byte(t.quote))
		if t.escape != t.quote && t.escape != none {
			q = t.unescaped(t.data[j:line])
		}
		if q < 0 {
			if t.multiline {
				line = -1
			}
			return line, unclosed
		}
		j += q + 1
		if j >= len(t.data) {
			return -1, unclosed
		}
		switch c := t.data[j]; {
		case int(c) == t.quote && t.escape == t.quote:
		case c == t.delimiter || c == '\n':
			return j, ""
		case c == '\r' && j+1 < len(t.data) && t.data[j+1] == '\n':
			return j + 1, ""
		case c == '\r' && j+1 == len(t.data):
			return -1, unclosed
		default:
			return j, "text behind a closing quote"
		}
	}
}

const unclosed = "a quote is not closed"

// unescaped finds the first quote without an escape before it.
func (t *tokens) unescaped(b []byte) int {
	for i := 0; i < len(b); i++ {
		switch int(b[i]) {
		case t.escape:
			i++
		case t.quote:
			return i
		}
	}
	return -1
}

// rows returns the number of rows that have values.
func (t *tokens) rows() int { return len(t.starts) }

// span returns where field j of row r lies.
func (t *tokens) span(r, j int) (start, end int) {
	at := r*t.cols + j
	if j == 0 {
		return int(t.starts[r]), int(t.ends[at])
	}
	return int(t.ends[at-1]) + 1, int(t.ends[at])
}

// line returns the bytes of row r without its line end.
func (t *tokens) line(r int) []byte {
	_, end := t.span(r, t.cols-1)
	return t.data[t.starts[r]:max(end, int(t.starts[r]))]
}

// fail notes that the value of column j in row r was not understood.
func (t *tokens) fail(r, j int) {
	if t.failed == nil {
		t.failed = make([]uint16, t.rows())
	}
	if t.failed[r] == 0 {
		t.failed[r] = uint16(j + 1)
	}
}

// drop removes the rows that have failed.
func (t *tokens) drop() {
	at := 0
	for r, f := range t.failed {
		if f != 0 {
			continue
		}
		t.starts[at] = t.starts[r]
		copy(t.ends[at*t.cols:(at+1)*t.cols], t.ends[r*t.cols:(r+1)*t.cols])
		at++
	}
	t.starts, t.failed = t.starts[:at], nil
}
