package csv

import (
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel"
)

// column collects the values of one column of a file, block by block, until
// they make an array.
type column interface {
	// take appends field j of each row of the block. Values that are none are
	// noted as failed.
	take(t *tokens, j int)
	// cut forgets the rows from n on.
	cut(n int)
	// array returns the rows so far and forgets them.
	array() arrow.Array
	release()
}

// validity is which of a column's rows are not null.
type validity struct {
	buf   *memory.Buffer
	nulls int
}

// grow makes room for rows from n up to m, all valid.
func (v *validity) grow(mem memory.Allocator, n, m int) {
	v.buf = room(mem, v.buf, (m+63)/64*8)
	b := v.buf.Buf()
	for ; n < m && n&7 != 0; n++ {
		b[n>>3] |= 1 << (n & 7)
	}
	for ; n < m; n += 8 {
		b[n>>3] = 0xff
	}
}

func (v *validity) null(i int) {
	v.buf.Buf()[i>>3] &^= 1 << (i & 7)
	v.nulls++
}

// cut counts the nulls of the first n rows.
func (v *validity) cut(n int) {
	if v.nulls == 0 || v.buf == nil {
		return
	}
	b, valid := v.buf.Buf(), 0
	for _, x := range b[:n>>3] {
		valid += bits.OnesCount8(x)
	}
	if n&7 != 0 {
		valid += bits.OnesCount8(b[n>>3] & (1<<(n&7) - 1))
	}
	v.nulls = n - valid
}

// done returns the bitmap of n rows, nil if there are no nulls.
func (v *validity) done(n int) (*memory.Buffer, int) {
	if v.nulls == 0 {
		return nil, 0
	}
	buf, nulls := v.buf, v.nulls
	buf.ResizeNoShrink((n + 7) / 8)
	*v = validity{}
	return buf, nulls
}

func (v *validity) release() {
	if v.buf != nil {
		v.buf.Release()
		v.buf = nil
	}
	v.nulls = 0
}

// room returns a buffer with the content of b, which may be nil, and at least
// size bytes. What is new in it is not set.
func room(mem memory.Allocator, b *memory.Buffer, size int) *memory.Buffer {
	if b == nil {
		b = memory.NewResizableBuffer(mem)
	}
	if b.Len() < size {
		b.ResizeNoShrink(max(size, 2*b.Len()))
	}
	return b
}

// fixed is a column of values of one width. It reads what parse understands.
type fixed[T any] struct {
	mem   memory.Allocator
	typ   arrow.DataType
	parse func(v []byte) (T, bool)
	view  func(b []byte) []T
	width int
	dry   bool // values are only checked
	n     int
	size  int // of the last array
	vals  *memory.Buffer
	valid validity
}

func (c *fixed[T]) take(t *tokens, j int) {
	rows := t.rows()
	c.vals = room(c.mem, c.vals, max(c.n+rows, c.size)*c.width)
	c.valid.grow(c.mem, c.n, c.n+rows)
	dst := c.view(c.vals.Buf())[c.n : c.n+rows]
	for r := range dst {
		v, ok := t.typed(r, j)
		if !ok {
			var zero T
			dst[r] = zero
			c.valid.null(c.n + r)
			continue
		}
		if dst[r], ok = c.parse(v); !ok {
			t.fail(r, j)
		}
	}
	c.n += rows
	if c.dry {
		c.cut(0)
	}
}

func (c *fixed[T]) cut(n int) {
	c.n = n
	c.valid.cut(n)
}

func (c *fixed[T]) array() arrow.Array {
	if c.vals == nil {
		c.vals = room(c.mem, nil, 8)
	}
	valid, nulls := c.valid.done(c.n)
	c.vals.ResizeNoShrink(c.n * c.width)
	a := wrap(c.typ, c.n, nulls, valid, c.vals)
	c.size, c.n, c.vals = max(c.size, c.n), 0, nil
	return a
}

func (c *fixed[T]) release() {
	if c.vals != nil {
		c.vals.Release()
		c.vals = nil
	}
	c.valid.release()
}

// wrap makes an array of buffers, which it takes over.
func wrap(typ arrow.DataType, n, nulls int, bufs ...*memory.Buffer) arrow.Array {
	d := array.NewData(typ, n, bufs, nil, nulls, 0)
	for _, b := range bufs {
		if b != nil {
			b.Release()
		}
	}
	defer d.Release()
	return array.MakeFromData(d)
}

// absent is a column that a file does not have.
type absent struct {
	mem memory.Allocator
	typ arrow.DataType
	n   int
}

func (c *absent) take(t *tokens, _ int) { c.n += t.rows() }
func (c *absent) cut(n int)             { c.n = n }
func (c *absent) release()              {}

func (c *absent) array() arrow.Array {
	a := kernel.Nulls(c.mem, c.typ, c.n)
	c.n = 0
	return a
}
