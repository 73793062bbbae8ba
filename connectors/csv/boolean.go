package csv

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel/parse"
)

// booleans is a column of bits.
type booleans struct {
	mem   memory.Allocator
	dry   bool
	n     int
	vals  *memory.Buffer
	valid validity
}

func (c *booleans) take(t *tokens, j int) {
	rows := t.rows()
	c.vals = room(c.mem, c.vals, (c.n+rows+63)/64*8)
	c.valid.grow(c.mem, c.n, c.n+rows)
	b := c.vals.Buf()
	for r := range rows {
		i := c.n + r
		b[i>>3] &^= 1 << (i & 7)
		v, ok := t.typed(r, j)
		if !ok {
			c.valid.null(i)
			continue
		}
		is, ok := parse.Bool(v)
		if !ok {
			t.fail(r, j)
		}
		if is {
			b[i>>3] |= 1 << (i & 7)
		}
	}
	c.n += rows
	if c.dry {
		c.cut(0)
	}
}

func (c *booleans) cut(n int) {
	c.n = n
	c.valid.cut(n)
}

func (c *booleans) array() arrow.Array {
	if c.vals == nil {
		c.vals = room(c.mem, nil, 8)
	}
	valid, nulls := c.valid.done(c.n)
	c.vals.ResizeNoShrink((c.n + 7) / 8)
	a := wrap(arrow.FixedWidthTypes.Boolean, c.n, nulls, valid, c.vals)
	c.n, c.vals = 0, nil
	return a
}

func (c *booleans) release() {
	if c.vals != nil {
		c.vals.Release()
		c.vals = nil
	}
	c.valid.release()
}
