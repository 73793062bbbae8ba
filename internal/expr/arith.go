package expr

import (
	"math"

	"github.com/idag/idag/internal/kernel/scalar"
)

// floatArith is + - * on doubles.
func floatArith(op byte) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kFloat, c.n)
		scalar.Float(op, c.out.floats(), c.a[0].floats(), c.a[1].floats())
		return nil
	}
}

// intArith is + - * on integers and on times with intervals. Overflow fails.
func intArith(op byte) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kInt, c.n)
		a, b := c.a[0].ints(), c.a[1].ints()
		if scalar.Int(op, c.out.ints(), a, b) {
			buf, bits := c.x.rawBitmap(c.n)
			scalar.Overflow(op, bits, a, b, c.n)
			c.bad = buf
		}
		return nil
	}
}

// divide is / on doubles; dividing by zero fails.
func divide(c *call) error {
	c.out = c.x.fixed(kFloat, c.n)
	if scalar.Divide(c.out.floats(), c.a[0].floats(), c.a[1].floats()) {
		c.zeros(c.a[1].floats())
	}
	return nil
}

// zeros fails the rows in which the divisor is 0.
func (c *call) zeros(divisor []float64) {
	if len(divisor) == 1 && c.n != 1 {
		c.bad = c.x.bitmap(c.n, divisor[0] == 0)
		return
	}
	buf, bits := c.x.rawBitmap(c.n)
	scalar.Compare(scalar.Eq, bits, divisor, []float64{0}, c.n)
	c.bad = buf
}

func floatMod(c *call) error {
	c.out = c.x.fixed(kFloat, c.n)
	a, b, dst := rowsOf(&c.a[0], c.a[0].floats()), rowsOf(&c.a[1], c.a[1].floats()), c.out.floats()
	for i := range dst {
		y := b.at(i)
		if y == 0 {
			c.failAt(i)
		}
		dst[i] = math.Mod(a.at(i), y)
	}
	return nil
}

// intDivide is div and %: the quotient is cut towards zero, the remainder has
// the sign of the dividend.
func intDivide(remainder bool) impl {
	return intPairs(func(a, b int64) (int64, bool) {
		switch {
		case b == 0:
			return 0, false
		case remainder:
			return a % b, true
		}
		return a / b, a != math.MinInt64 || b != -1
	})
}

// intPairs applies f, which reports success, to two columns of 8 bytes.
func intPairs(f func(a, b int64) (int64, bool)) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kInt, c.n)
		a, b, dst := rowsOf(&c.a[0], c.a[0].ints()), rowsOf(&c.a[1], c.a[1].ints()), c.out.ints()
		for i := range dst {
			v, ok := f(a.at(i), b.at(i))
			if !ok {
				c.failAt(i)
			}
			dst[i] = v
		}
		return nil
	}
}

// intRows applies f, which reports success, to a column of 8 bytes.
func intRows(f func(v int64) (int64, bool)) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kInt, c.n)
		a, dst := c.a[0].ints(), c.out.ints()
		for i, v := range a {
			v, ok := f(v)
			if !ok {
				c.failAt(i)
			}
			dst[i] = v
		}
		return nil
	}
}

// floatRows applies f, which reports success, to doubles.
func floatRows(f func(v float64) (float64, bool)) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kFloat, c.n)
		a, dst := c.a[0].floats(), c.out.floats()
		for i, v := range a {
			v, ok := f(v)
			if !ok {
				c.failAt(i)
			}
			dst[i] = v
		}
		return nil
	}
}

// floats applies f, which cannot fail, to doubles.
func floats(f func(v float64) float64) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kFloat, c.n)
		a, dst := c.a[0].floats(), c.out.floats()
		for i, v := range a {
			dst[i] = f(v)
		}
		return nil
	}
}

// floatPairs applies f, which cannot fail, to pairs of doubles.
func floatPairs(f func(a, b float64) float64) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kFloat, c.n)
		a, b, dst := rowsOf(&c.a[0], c.a[0].floats()), rowsOf(&c.a[1], c.a[1].floats()), c.out.floats()
		for i := range dst {
			dst[i] = f(a.at(i), b.at(i))
		}
		return nil
	}
}

// toInteger applies f to doubles and keeps the whole part as an integer; what
// does not fit fails.
func toInteger(f func(v float64) float64) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kInt, c.n)
		a, dst := c.a[0].floats(), c.out.ints()
		for i, v := range a {
			v = f(v)
			if v >= -1<<63 && v < 1<<63 {
				dst[i] = int64(v)
				continue
			}
			dst[i] = 0
			c.failAt(i)
		}
		return nil
	}
}

// positive makes a logarithm fail outside its domain; NaN stays NaN.
func positive(f func(v float64) float64) impl {
	return floatRows(func(v float64) (float64, bool) { return f(v), !(v <= 0) })
}

func absFloat(c *call) error {
	c.out = c.x.fixed(kFloat, c.n)
	a, dst := c.a[0].floats(), c.out.floats()
	for i, v := range a {
		dst[i] = math.Abs(v)
	}
	return nil
}

func signFloat(v float64) float64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return v // 0 and NaN
}

func signInt(v int64) (int64, bool) {
	switch {
	case v > 0:
		return 1, true
	case v < 0:
		return -1, true
	}
	return 0, true
}

func negFloat(c *call) error {
	c.out = c.x.fixed(kFloat, c.n)
	a, dst := c.a[0].floats(), c.out.floats()
	for i, v := range a {
		dst[i] = -v
	}
	return nil
}

func isNaN(c *call) error {
	c.out = c.x.fixed(kBool, c.n)
	scalar.Compare(scalar.Eq, c.out.bits(), c.a[0].floats(), []float64{math.NaN()}, c.n)
	return nil
}
