package fuse

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/scalar"
)

// Rows of a block, a multiple of 64, and what a block takes of scratch for a value,
// in words: its values, which rows are not null, and which failed.
const (
	blockRows  = 1024
	blockWords = blockRows / 64
	slotWords  = blockRows + 2*blockWords
)

// Result is the outcome of a Fusion. The caller owns it and must call Release once.
type Result struct {
	Values []arrow.Array // by Place.Value
	Nulled []Nulled
}

// Nulled marks the rows in which an operation of one term failed and gave null.
type Nulled struct {
	Step int // ordinal of its assignment
	Rows *array.Boolean
}

// Release gives up the arrays.
func (r Result) Release() {
	for _, a := range r.Values {
		a.Release()
	}
	for _, n := range r.Nulled {
		n.Rows.Release()
	}
}

// cell is a value for the rows of a block.
type cell struct {
	words       []uint64    // 64 bits a row, or one; a constant number has one word
	valid, fail scalar.Bits // nil: all, none
	own         []uint64    // its scratch
}

func (c *cell) floats() []float64 {
	return unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(c.words))), len(c.words))
}

func (c *cell) ints() []int64 {
	return unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(c.words))), len(c.words))
}

// whole is a column of all rows, that is read or made: a cell for all blocks.
type whole struct {
	value int
	bits  bool
	words []uint64
	valid scalar.Bits // nil: all
	room  *memory.Buffer
	done  func(valid *memory.Buffer) arrow.Array // of one that is made
}

// evaluation is one of a Fusion.
type evaluation struct {
	*Fusion
	mem    memory.Allocator
	rows   int
	masks  []scalar.Bits
	cells  []cell
	in     []whole
	out    []whole // by result
	nulled []whole // by count
	lent   []*memory.Buffer
	lo, n  int // the block
}

// Eval carries the assignments out over rows rows of columns, of which only the
// Inputs are read. Masks are of all rows, without nulls or offset, and borrowed as the
// columns are. An error is fault.Bug, for columns that are others than those compiled for.
func (f *Fusion) Eval(mem memory.Allocator, columns []arrow.Array, masks []*array.Boolean, rows int) (r Result, err error) {
	e := &evaluation{Fusion: f, mem: mem, rows: rows, cells: make([]cell, len(f.values))}
	defer e.release()
	if err := e.load(columns, masks); err != nil {
		return r, err
	}
	e.prepare()
	for e.lo = 0; e.lo < rows; e.lo += blockRows {
		e.n = min(blockRows, rows-e.lo)
		e.block()
	}
	for i := range e.out {
		o := &e.out[i]
		if o.bits {
			trim(o.words, rows)
		}
		trim(o.valid, rows)
		r.Values = append(r.Values, o.done(o.room))
	}
	for i := range e.nulled {
		if n := &e.nulled[i]; n.done != nil {
			trim(n.words, rows)
			rows, _ := n.done(nil).(*array.Boolean)
			r.Nulled = append(r.Nulled, Nulled{f.counts[i], rows})
		}
	}
	return r, nil
}

// trim clears the bits behind those of all rows.
func trim(bits []uint64, rows int) {
	if rest := rows % 64; rest != 0 && len(bits) > 0 {
		bits[len(bits)-1] &= 1<<rest - 1
	}
}

func (e *evaluation) release() {
	for _, b := range e.lent {
		b.Release()
	}
}

// scratch allocates words that live as long as the evaluation.
func (e *evaluation) scratch(words int) []uint64 {
	vals, b := kernel.NewBitmap(e.mem, 64*words)
	e.lent = append(e.lent, b)
	return vals
}

// load finds the columns and the masks.
func (e *evaluation) load(columns []arrow.Array, masks []*array.Boolean) error {
	if len(masks) < e.Fusion.masks {
		return fault.New(fault.Bug, "fuse: %d masks of %d", len(masks), e.Fusion.masks)
	}
	words := scalar.Words(e.rows)
	for _, m := range masks {
		e.masks = append(e.masks, wordsOf(m.Data().Buffers()[1], 0, words))
	}
	for _, i := range e.inputs {
		v := &e.values[i]
		a := columns[v.at]
		if a == nil || a.Len() != e.rows || a.DataType().ID() != v.kind {
			return fault.New(fault.Bug, "fuse: column %d is not of %d rows of %s", v.at, e.rows, v.dt)
		}
		d, w := a.Data(), whole{value: i, bits: v.kind == arrow.BOOL}
		if a.NullN() > 0 {
			w.valid = e.scratch(words)
			w.valid.Load(a.NullBitmapBytes(), d.Offset(), e.rows)
		}
		switch b := d.Buffers()[1]; {
		case e.rows == 0:
		case w.bits:
			w.words = e.scratch(words)
			scalar.Bits(w.words).Load(b.Bytes(), d.Offset(), e.rows)
		default:
			w.words = wordsOf(b, d.Offset(), e.rows)
		}
		e.in = append(e.in, w)
	}
	return nil
}

func wordsOf(b *memory.Buffer, from, n int) []uint64 {
	if n == 0 {
		return nil
	}
	raw := b.Bytes()[8*from:]
	_ = raw[8*n-1]
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(raw))), n)
}

// prepare allocates scratch and results.
func (e *evaluation) prepare() {
	scratch := e.scratch(slotWords * e.slots)
	for i := range e.values {
		v, c := &e.values[i], &e.cells[i]
		if v.slot >= 0 {
			c.own = scratch[v.slot*slotWords : (v.slot+1)*slotWords]
		}
		switch {
		case v.op != konst:
		case v.kind != arrow.BOOL:
			c.words = v.word[:]
		case c.own != nil:
			c.words = c.own[:blockWords]
			scalar.Bits(c.words).Fill(v.word[0] == 1)
		}
	}
	for _, m := range e.made {
		w := whole{value: m.value, bits: m.dt.ID() == arrow.BOOL}
		if w.bits {
			w.words, w.done = kernel.NewBool(e.mem, e.rows)
		} else {
			w.words, w.done = kernel.NewFixed[uint64](e.mem, m.dt, e.rows)
		}
		e.out = append(e.out, w)
	}
	e.nulled = make([]whole, len(e.counts))
}

// block takes one block of rows through all instructions.
func (e *evaluation) block() {
	words := scalar.Words(e.n)
	for i := range e.in {
		in := &e.in[i]
		c := &e.cells[in.value]
		c.words = e.part(in)
		if in.valid != nil {
			c.valid = in.valid[e.lo/64:][:words]
		}
	}
	for _, i := range e.insts {
		v, c := &e.values[i], &e.cells[i]
		c.valid, c.fail = nil, nil
		switch {
		case v.alias():
			c.words = e.cells[v.a].words
		case v.out >= 0:
			c.words = e.part(&e.out[v.out])
		case v.kind == arrow.BOOL:
			c.words = c.own[:words]
		default:
			c.words = c.own[:e.n]
		}
		e.run(v, c, words)
	}
	for i := range e.out {
		e.settle(&e.out[i], words)
	}
}

// part is the values of a column in the block.
func (e *evaluation) part(w *whole) []uint64 {
	if w.bits {
		return w.words[e.lo/64:][:scalar.Words(e.n)]
	}
	return w.words[e.lo:][:e.n]
}

// settle writes the validity of a result, if a row so far is null.
func (e *evaluation) settle(out *whole, words int) {
	valid := e.cells[out.value].valid
	if valid == nil && out.valid == nil {
		return
	}
	if out.valid == nil {
		out.valid, out.room = kernel.NewBitmap(e.mem, e.rows)
		out.valid.Fill(true)
	}
	if valid != nil {
		copy(out.valid[e.lo/64:][:words], valid)
	}
}

// count notes the rows of the block that failed.
func (e *evaluation) count(at int, fail scalar.Bits) {
	if fail == nil || !fail.Any(e.n) {
		return
	}
	n := &e.nulled[at]
	if n.done == nil {
		n.words, n.done = kernel.NewBool(e.mem, e.rows)
		clear(n.words)
	}
	copy(n.words[e.lo/64:], fail)
}
