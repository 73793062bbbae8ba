package kernel

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/zeebo/xxh3"
)

// Checksum is an order-independent checksum of rows in which duplicates count:
// the sum modulo 2^128 of the xxh3-128 of every row's canonical bytes. The zero
// Checksum is that of no rows.
//
// The canonical bytes of a row are, in this order, with all lengths 4 bytes
// and all numbers little endian:
//
//	length of the label's name, the name
//	for each column that is not null in this row, by ascending bytes of its name:
//	    length of the column's name, the name
//	    tag: 'b' Boolean, 'i' Int64, 'f' Float64, 's' String, 't' Timestamp, 'd' Date32
//	    value: 'b' 1 byte 0 or 1; 'i' 8 bytes; 'f' 8 bytes of IEEE 754, -0 as 0 and
//	    NaN as 0x7ff8000000000000; 's' 4 bytes length, the UTF-8 bytes; 't' 8 bytes
//	    of microseconds since 1970 UTC; 'd' 4 bytes of days since 1970
//
// Plain and dictionary Strings are alike, and a column that is absent is like
// one that is null.
type Checksum struct{ Hi, Lo uint64 }

// AddBatch adds the rows of b under the name of their label.
func (c *Checksum) AddBatch(label string, b arrow.RecordBatch) {
	cols := make([]rowWriter, b.NumCols())
	for i := range cols {
		cols[i] = writerOf(b.ColumnName(i), b.Column(i))
	}
	sort.SliceStable(cols, func(i, j int) bool { return cols[i].name < cols[j].name })
	head := appendText(nil, label)
	row := make([]byte, 0, 512)
	for r := range int(b.NumRows()) {
		row = append(row[:0], head...)
		for k := range cols {
			row = cols[k].append(row, r)
		}
		h := xxh3.Hash128(row)
		c.Merge(Checksum{Hi: h.Hi, Lo: h.Lo})
	}
}

// Merge adds the rows of o.
func (c *Checksum) Merge(o Checksum) {
	var carry uint64
	c.Lo, carry = bits.Add64(c.Lo, o.Lo, 0)
	c.Hi, _ = bits.Add64(c.Hi, o.Hi, carry)
}

// String returns 32 hexadecimal digits.
func (c Checksum) String() string { return fmt.Sprintf("%016x%016x", c.Hi, c.Lo) }

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// rowWriter appends one column's part of the canonical bytes.
type rowWriter struct {
	name  string
	head  []byte // length of the name, name, tag
	valid bitmap
	tag   byte
	ints  []int64
	days  []int32
	f64   []float64
	bools bitmap
	codes []int32 // nil: row is its own code
	text  strs
}

func writerOf(name string, a arrow.Array) rowWriter {
	c := columnOf(a)
	w := rowWriter{name: name, valid: c.valid}
	switch c.dt.ID() {
	case arrow.BOOL:
		w.tag, w.bools = 'b', bitmap{c.raw, c.off}
	case arrow.INT64:
		w.tag, w.ints = 'i', values[int64](c)
	case arrow.FLOAT64:
		w.tag, w.f64 = 'f', values[float64](c)
	case arrow.STRING:
		w.tag, w.text = 's', stringsOf(a)
	case arrow.DICTIONARY:
		w.tag, w.text, w.codes = 's', dictStrings(c.dict), values[int32](c)
		w.valid = rowsValid(c, w.text)
	case arrow.TIMESTAMP:
		w.tag, w.ints = 't', values[int64](c)
	case arrow.DATE32:
		w.tag, w.days = 'd', values[int32](c)
	default:
		panic(badType("Checksum", c.dt))
	}
	w.head = append(appendText(nil, name), w.tag)
	return w
}

func (w *rowWriter) append(b []byte, r int) []byte {
	if !w.valid.get(r) {
		return b
	}
	b = append(b, w.head...)
	switch w.tag {
	case 'b':
		return append(b, byte(w.bools.bit(r)))
	case 'f':
		return binary.LittleEndian.AppendUint64(b, floatBits(w.f64[r]))
	case 's':
		if w.codes != nil {
			r = int(w.codes[r])
		}
		v := w.text.at(r)
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(v))), v...)
	case 'd':
		return binary.LittleEndian.AppendUint32(b, uint32(w.days[r]))
	}
	return binary.LittleEndian.AppendUint64(b, uint64(w.ints[r]))
}
