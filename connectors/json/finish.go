package json

import (
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel"
)

// take returns the first rows values as an array, which the caller owns, and
// makes n empty. Strings whose dictionary does not pay become plain.
func (n *node) take(rows int) arrow.Array {
	data := n.data(rows)
	defer data.Release()
	return array.MakeFromData(data)
}

func (n *node) data(rows int) *array.Data {
	bufs := []*memory.Buffer{n.validity(rows)}
	defer func() {
		for _, b := range bufs {
			if b != nil {
				b.Release()
			}
		}
	}()
	nulls := 0
	if bufs[0] != nil {
		nulls = rows - ones(bufs[0].Bytes(), rows)
	}
	var children []arrow.ArrayData
	defer func() {
		for _, c := range children {
			c.Release()
		}
	}()
	switch n.kind {
	case kindBool:
		bufs = append(bufs, takeBits(&n.bits, n.mem, rows))
	case kindInt, kindFloat, kindTime, kindSpan:
		bufs = append(bufs, n.words.take(n.mem, rows))
	case kindDate:
		bufs = append(bufs, n.days.take(n.mem, rows))
	case kindDecimal:
		bufs = append(bufs, n.nums.take(n.mem, rows))
	case kindText, kindBinary:
		if n.terms != nil && n.terms.pays() {
			bufs = append(bufs, n.days.take(n.mem, rows))
			dict, _ := n.terms.values(n.mem).Data().(*array.Data)
			return array.NewDataWithDictionary(kernel.StringDict(), rows, bufs, nulls, 0, dict)
		}
		if n.terms != nil {
			n.plain(rows, bufs[0])
		}
		size := n.begin(rows)
		bufs = append(bufs, n.offsets.take(n.mem, rows+1), n.bytes.take(n.mem, size))
	case kindList:
		size := n.begin(rows)
		bufs = append(bufs, n.offsets.take(n.mem, rows+1))
		children = append(children, n.fields[0].data(size))
	case kindMap:
		size := n.begin(rows)
		bufs = append(bufs, n.offsets.take(n.mem, rows+1))
		children = append(children, n.entries(size))
	case kindStruct:
		for _, f := range n.fields {
			children = append(children, f.data(rows))
		}
	}
	return array.NewData(n.typ, rows, bufs, children, nulls, 0)
}

// entries are the keys and values of a map, as the struct that Arrow wants.
func (n *node) entries(size int) *array.Data {
	keys, values := n.fields[0].data(size), n.fields[1].data(size)
	defer keys.Release()
	defer values.Release()
	mt, _ := n.typ.(*arrow.MapType)
	return array.NewData(mt.Elem(), size, []*memory.Buffer{nil}, []arrow.ArrayData{keys, values}, 0, 0)
}

// plain turns codes into strings, for good.
func (n *node) plain(rows int, valid *memory.Buffer) {
	t, codes := n.terms, n.days
	t.release()
	n.terms, n.days, n.nulls = nil, vec[int32]{}, false
	defer codes.release()
	for i := range rows {
		if valid != nil && valid.Bytes()[i>>3]>>(i&7)&1 == 0 {
			n.end(i, n.begin(i))
			continue
		}
		n.setText(i, []byte(t.all.Value(codes.v[i])))
	}
}

// validity returns the bitmap of the first rows values, or nil if none is null.
func (n *node) validity(rows int) *memory.Buffer {
	nulls := n.nulls
	n.nulls = false
	if !nulls || rows == 0 {
		n.valid.release()
		return nil
	}
	buf := takeBits(&n.valid, n.mem, rows)
	if ones(buf.Bytes(), rows) == rows {
		buf.Release()
		return nil
	}
	return buf
}

// takeBits returns the first rows bits, padded with zeros to whole words.
func takeBits(x *vec[byte], mem memory.Allocator, rows int) *memory.Buffer {
	size := (rows + 63) / 64 * 8
	x.room(mem, size)
	clear(x.v[(rows+7)/8 : size])
	if rows%8 != 0 {
		x.v[rows/8] &= 1<<(rows%8) - 1
	}
	return x.take(mem, size)
}

// ones counts the bits of the first rows.
func ones(b []byte, rows int) int {
	n := 0
	for _, c := range b[:(rows+7)/8] {
		n += bits.OnesCount8(c)
	}
	return n
}

// release frees what a node still holds.
func (n *node) release() {
	for _, f := range n.fields {
		f.release()
	}
	n.valid.release()
	n.bits.release()
	n.words.release()
	n.days.release()
	n.nums.release()
	n.offsets.release()
	n.bytes.release()
	if n.terms != nil {
		n.terms.release()
	}
}
