package kernel

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/zeebo/xxh3"

	"github.com/idag/idag/internal/kernel/canon"
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
//	    the value as package canon spells it: a tag and its bytes
//
// Plain and dictionary Strings are alike, and a column that is absent is like
// one that is null.
type Checksum struct{ Hi, Lo uint64 }

// named is a column under its name.
type named struct {
	name   string
	head   []byte // length of the name, name
	values canon.Encoder
}

// AddBatch adds the rows of b under the name of their label.
func (c *Checksum) AddBatch(label string, b arrow.RecordBatch) {
	cols := make([]named, b.NumCols())
	for i := range cols {
		name := b.ColumnName(i)
		cols[i] = named{name: name, head: appendText(nil, name), values: canon.Of(b.Column(i))}
	}
	sort.SliceStable(cols, func(i, j int) bool { return cols[i].name < cols[j].name })
	head := appendText(nil, label)
	row := make([]byte, 0, 512)
	for r := range int(b.NumRows()) {
		row = append(row[:0], head...)
		for k := range cols {
			if c := &cols[k]; !c.values.Null(r) {
				row = c.values.Append(append(row, c.head...), r)
			}
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
