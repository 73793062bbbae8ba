package fuse

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/kernel/affine"
	"github.com/idag/idag/internal/kernel/scalar"
)

// run makes the value of one instruction for a block. The memory of c may be that of
// an operand, row by row, where value.inPlace says so.
func (e *evaluation) run(v *value, c *cell, words int) {
	var a, b *cell
	if a = &e.cells[v.a]; v.b >= 0 {
		b = &e.cells[v.b]
	}
	switch v.op {
	case float, divide, integer, negate, toFloat, floats, ints, not, chained:
		c.gather(a, b, words)
		e.apply(v, c, a, b)
	case and, or:
		kleene(c, a, b, v.op == or, words)
	case isNull:
		if bits := scalar.Bits(c.words); a.valid == nil {
			bits.Fill(false)
		} else {
			bits.Not(a.valid)
		}
	case within:
		mask := e.mask(v.at, words)
		if c.valid = mask; a.valid != nil {
			c.valid = c.own[blockRows:][:words]
			c.valid.And(mask, a.valid)
		}
	case blend:
		e.blended(v, c, a, b, words)
	case clone:
		if a.valid != nil {
			c.valid = c.own[blockRows:][:words]
			copy(c.valid, a.valid)
		}
		if len(a.words) == 1 && len(c.words) > 1 {
			spread(c.words, a.words[0])
		} else {
			copy(c.words, a.words)
		}
	case settled:
		c.valid = a.valid
		e.count(v.at, a.fail)
	case input, konst:
	}
}

func (e *evaluation) mask(at, words int) scalar.Bits { return e.masks[at][e.lo/64:][:words] }

// gather finds where a value is null, or failed, because its operands are, or did.
// b may be nil.
func (c *cell) gather(a, b *cell, words int) {
	join := func(at int, x, y scalar.Bits, both bool) scalar.Bits {
		switch to := scalar.Bits(c.own[at:][:words]); {
		case x == nil && y == nil:
			return nil
		case x == nil:
			copy(to, y)
			return to
		case y == nil:
			copy(to, x)
			return to
		case both:
			to.And(x, y)
			return to
		default:
			to.Or(x, y)
			return to
		}
	}
	var valid, fail scalar.Bits
	if b != nil {
		valid, fail = b.valid, b.fail
	}
	if a.valid == nil && a.fail == nil && valid == nil && fail == nil {
		return
	}
	c.valid = join(blockRows, a.valid, valid, true)
	c.fail = join(blockRows+blockWords, a.fail, fail, false)
}

// apply computes the values of a function.
func (e *evaluation) apply(v *value, c, a, b *cell) {
	switch v.op {
	case float:
		scalar.Float(v.sym, c.floats(), a.floats(), b.floats())
	case chained:
		affine.Run(c.floats(), a.floats(), e.steps[v.at])
	case divide:
		if divisor := b.floats(); scalar.Divide(c.floats(), a.floats(), divisor) {
			e.failed(c, func(bits scalar.Bits) {
				if len(divisor) == 1 {
					bits.Fill(divisor[0] == 0)
					return
				}
				scalar.Compare(scalar.Eq, bits, divisor, []float64{0}, e.n)
			})
		}
	case integer:
		if scalar.Int(v.sym, c.ints(), a.ints(), b.ints()) {
			e.failed(c, func(bits scalar.Bits) { scalar.Overflow(v.sym, bits, a.ints(), b.ints(), e.n) })
		}
	case negate:
		to := c.floats()
		for i, x := range a.floats()[:len(to)] {
			to[i] = -x
		}
	case toFloat:
		to := c.floats()
		for i, x := range a.ints()[:len(to)] {
			to[i] = float64(x)
		}
	case floats:
		scalar.Compare(v.cmp, scalar.Bits(c.words), a.floats(), b.floats(), e.n)
	case ints:
		scalar.Compare(v.cmp, scalar.Bits(c.words), a.ints(), b.ints(), e.n)
	case not:
		scalar.Bits(c.words).Not(a.words)
	case input, konst, and, or, isNull, within, blend, clone, settled:
	}
}

// failed makes the rows null that find marks, and notes those that failed.
func (e *evaluation) failed(c *cell, find func(bits scalar.Bits)) {
	words := scalar.Words(e.n)
	var room [blockWords]uint64
	bad := scalar.Bits(room[:words])
	find(bad)
	if c.valid == nil {
		c.valid = c.own[blockRows:][:words]
		c.valid.Fill(true)
	}
	bad.And(bad, c.valid)
	c.valid.AndNot(c.valid, bad)
	if c.fail == nil {
		c.fail = c.own[blockRows+blockWords:][:words]
		c.fail.Fill(false)
	}
	c.fail.Or(c.fail, bad)
}

// kleene is a AND b, or a OR b.
func kleene(c, a, b *cell, either bool, words int) {
	vals := scalar.Bits(c.words)
	if a.valid == nil && b.valid == nil {
		if either {
			vals.Or(a.words, b.words)
		} else {
			vals.And(a.words, b.words)
		}
		return
	}
	flip := uint64(0)
	if either { // a OR b = NOT (NOT a AND NOT b)
		flip = ^flip
	}
	valid := scalar.Bits(c.own[blockRows:][:words])
	for i := range vals {
		known, also := ^uint64(0), ^uint64(0)
		if a.valid != nil {
			known = a.valid[i]
		}
		if b.valid != nil {
			also = b.valid[i]
		}
		x, y := (a.words[i]^flip)&known, (b.words[i]^flip)&also
		vals[i] = (x & y) ^ flip
		valid[i] = x&y | known&^x | also&^y
	}
	c.valid = valid
}

// blended is a where the mask is set, and b elsewhere.
func (e *evaluation) blended(v *value, c, a, b *cell, words int) {
	mask := e.mask(v.at, words)
	if v.kind == arrow.BOOL {
		for i, m := range mask {
			c.words[i] = a.words[i]&m | b.words[i]&^m
		}
	} else {
		if len(b.words) == 1 && len(c.words) > 1 {
			spread(c.words, b.words[0])
		} else {
			copy(c.words, b.words)
		}
		scalar.Assign(c.words, a.words, mask)
	}
	if a.valid == nil && b.valid == nil {
		return
	}
	valid := scalar.Bits(c.own[blockRows:][:words])
	for i, m := range mask {
		x, y := m, ^m
		if a.valid != nil {
			x &= a.valid[i]
		}
		if b.valid != nil {
			y &= b.valid[i]
		}
		valid[i] = x | y
	}
	c.valid = valid
}

func spread(dst []uint64, v uint64) {
	for i := range dst {
		dst[i] = v
	}
}
