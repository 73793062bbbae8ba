// Package part cuts the rows of a frame into parts by a code that each row bears,
// and gathers columns for a part: how events leave for the routes of their labels.
//
// # Use
//
//	cutter := part.NewCutter(of, parts)     // the part of each code, once
//	for each frame {
//		parts := cutter.Cut(codes, sizes) // the rows of each part; or CutBy
//		col := parts[p].Take(mem, a)      // a column, for the rows of part p
//	}
//
// A gather takes a row number, a bound check, a load and a store for each row.
// Where the processor has AVX-512 the rows of a part are a bit mask instead, and
// eight rows are moved with one compress instruction (D. Lemire and others, "Roaring
// Bitmaps: Implementation of an Optimized Software Library", 2018, section 4.1, do
// so with sets); elsewhere [kernel.Take] does it. Both give the same arrays.
//
// # Memory
//
// Parts are lent until the next Cut or CutBy. Arrays come from the allocator given, and are
// the caller's. A Cutter is for one goroutine.
package part

import (
	"math/bits"
	"slices"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel"
)

// Codes is how many codes there are at the most: they are 0 to Codes-1.
const Codes = 64

// mostMarks is how many codes a part may have for masks to be made, in a pass over
// the frame each.
const mostMarks = 8

// Part is rows of a frame.
type Part struct {
	// Rows are the rows of the part, ascending; nil if it has all rows.
	Rows kernel.Sel
	all  bool
	mask []uint64 // the same as bits, or nil
}

// Cutter cuts frames. The codes of one part may be many.
type Cutter struct {
	of    [Codes]uint8 // part by code
	codes [][]int32    // by part
	parts []Part
	sizes []int    // by part, of CutBy
	flat  []int32  // all rows, part by part
	masks []uint64 // of all parts, and one more
	plain bool     // no masks
}

// NewCutter returns a Cutter for n parts, of at most 64 codes: of holds the part of
// each code, n or more for a code that is in none.
func NewCutter(of [Codes]uint8, n int) *Cutter {
	c := &Cutter{of: of, codes: make([][]int32, n), parts: make([]Part, n), sizes: make([]int, n)}
	for code, p := range of {
		if int(p) < n {
			c.codes[p] = append(c.codes[p], int32(code))
			c.plain = c.plain || len(c.codes[p]) > mostMarks
		}
	}
	return c
}

// Cut cuts a frame whose row i bears codes[i], negative if it is in no part. sizes
// says how many rows each part has.
func (c *Cutter) Cut(codes []int32, sizes []int) []Part {
	rows, from := len(codes), 0
	if len(c.flat) < rows+slack/4 {
		c.flat = make([]int32, rows+slack/4)
	}
	for p, n := range sizes {
		c.parts[p] = Part{Rows: c.flat[from : from+n : from+n]}
		from += n
		if n == rows {
			c.parts[p] = Part{all: true}
		}
	}
	switch {
	case rows == 0 || slices.ContainsFunc(c.parts, func(p Part) bool { return p.all }):
	case !c.plain && vectors():
		c.cutMasks(codes)
	default:
		c.cutRows(codes)
	}
	return c.parts
}

// cutRows looks at one row after the other.
func (c *Cutter) cutRows(codes []int32) {
	var at [256]int32 // where the next row of a part goes
	from := int32(0)
	for p := range c.parts {
		at[p] = from
		from += int32(len(c.parts[p].Rows))
	}
	flat, none := c.flat, uint8(len(c.parts))
	for i, code := range codes {
		if uint32(code) >= Codes {
			continue
		}
		if p := c.of[code]; p < none {
			flat[at[p]] = int32(i)
			at[p]++
		}
	}
}

// cutMasks makes the mask of each part and its rows from that. What number writes
// too much the next part writes over.
func (c *Cutter) cutMasks(codes []int32) {
	words := (len(codes) + 63) / 64
	c.clear(words * len(c.parts))
	from := 0
	for p := range c.parts {
		part := &c.parts[p]
		if len(part.Rows) == 0 {
			continue
		}
		part.mask = c.masks[p*words : (p+1)*words]
		for _, code := range c.codes[p] {
			markRows(part.mask, codes, code)
		}
		number(&c.flat[from], &part.mask[0], words)
		from += len(part.Rows)
	}
}

// clear makes n words of masks that are 0.
func (c *Cutter) clear(n int) {
	if len(c.masks) < n {
		c.masks = make([]uint64, n)
	}
	clear(c.masks[:n])
}

// markRows sets the bits of the rows that bear a code.
func markRows(mask []uint64, codes []int32, code int32) {
	whole := len(codes) / 64
	if whole > 0 {
		mark(&mask[0], &codes[0], code, whole)
	}
	for i, x := range codes[whole*64:] {
		if x == code {
			mask[whole] |= 1 << i
		}
	}
}

// CutsBy reports whether CutBy is for a table of n codes: where it is not, the codes of
// the rows are to be spelled out for Cut.
func (c *Cutter) CutsBy(n int) bool { return n <= mostMarks && vectors() }

// CutBy is Cut of rows whose codes are table[index[i]], and adds how many rows bear each
// code to counts. It marks the rows of one entry of the table after another; their codes
// are never spelled out.
func (c *Cutter) CutBy(index, table []int32, counts []int64) []Part {
	rows, words := len(index), (len(index)+63)/64
	if len(c.flat) < rows+slack/4 {
		c.flat = make([]int32, rows+slack/4)
	}
	c.clear(words * (len(c.parts) + 1))
	clear(c.sizes)
	one := c.masks[len(c.parts)*words:][:words]
	for at, code := range table {
		if uint32(code) >= Codes {
			continue
		}
		clear(one)
		markRows(one, index, int32(at))
		n, p := 0, int(c.of[code])
		for _, m := range one {
			n += bits.OnesCount64(m)
		}
		counts[code] += int64(n)
		if p < len(c.parts) {
			c.sizes[p] += n
			for i, m := range one {
				c.masks[p*words+i] |= m
			}
		}
	}
	c.number(rows, words)
	return c.parts
}

// number makes the parts of their masks and sizes.
func (c *Cutter) number(rows, words int) {
	from := 0
	for p, n := range c.sizes {
		switch {
		case n == rows:
			c.parts[p] = Part{all: true}
		case n == 0:
			c.parts[p] = Part{Rows: c.flat[:0]}
		default:
			c.parts[p] = Part{Rows: c.flat[from : from+n : from+n], mask: c.masks[p*words : (p+1)*words]}
			number(&c.flat[from], &c.parts[p].mask[0], words)
			from += n
		}
	}
}

// Take gathers the part's rows of a, an array over the rows of the frame, as
// [kernel.Take] does. Of all rows it is a itself.
func (p *Part) Take(mem memory.Allocator, a arrow.Array) arrow.Array {
	width := widthOf(a.DataType())
	switch {
	case p.all:
		a.Retain()
		return a
	case p.mask == nil || width == 0 || a.NullN() > 0:
		return kernel.Take(mem, a, p.Rows)
	}
	d, size := a.Data(), len(p.Rows)*width
	buf := memory.NewResizableBuffer(mem)
	defer buf.Release()
	buf.Reserve(size + slack)
	buf.Resize(size)
	raw := d.Buffers()[1].Bytes()[d.Offset()*width:]
	_ = raw[:a.Len()*width]
	dst, src := unsafe.Pointer(unsafe.SliceData(buf.Buf())), unsafe.Pointer(unsafe.SliceData(raw))
	if width == 8 {
		take64(dst, src, &p.mask[0], len(p.mask))
	} else {
		take32(dst, src, &p.mask[0], len(p.mask))
	}
	bufs := []*memory.Buffer{nil, buf}
	var data *array.Data
	if dict, ok := d.Dictionary().(*array.Data); ok {
		data = array.NewDataWithDictionary(a.DataType(), len(p.Rows), bufs, 0, 0, dict)
	} else {
		data = array.NewData(a.DataType(), len(p.Rows), bufs, nil, 0, 0)
	}
	defer data.Release()
	return array.MakeFromData(data)
}

// widthOf is how many bytes a value has, or a code of a dictionary, if they are 4
// or 8; else 0.
func widthOf(dt arrow.DataType) int {
	switch dt := dt.(type) {
	case *arrow.DictionaryType:
		return widthOf(dt.IndexType)
	case arrow.FixedWidthDataType:
		if bits := dt.BitWidth(); bits == 64 || bits == 32 {
			return bits / 8
		}
	}
	return 0
}
