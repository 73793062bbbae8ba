package scalar

import "math/bits"

// Float writes a op b for op '+', '-' or '*', as IEEE 754 has it.
func Float(op byte, dst, a, b []float64) {
	if n := fours(len(dst)); n > 0 {
		byFours(op, dst, a, b, n)
		dst, a, b = dst[n:], rest(a, n), rest(b, n)
	}
	if len(a) == 1 && len(dst) != 1 {
		if op == '-' {
			negAdd(dst, b, a[0])
			return
		}
		a, b = b, a
	}
	if len(b) == 1 {
		switch op {
		case '+':
			addConst(dst, a, b[0])
		case '-':
			addConst(dst, a, -b[0])
		case '*':
			mulConst(dst, a, b[0])
		}
		return
	}
	a, b = a[:len(dst)], b[:len(dst)]
	switch op {
	case '+':
		for i := range dst {
			dst[i] = a[i] + b[i]
		}
	case '-':
		for i := range dst {
			dst[i] = a[i] - b[i]
		}
	case '*':
		for i := range dst {
			dst[i] = a[i] * b[i]
		}
	}
}

func addConst(dst, a []float64, c float64) {
	a = a[:len(dst)]
	for i := range dst {
		dst[i] = a[i] + c
	}
}

func negAdd(dst, a []float64, c float64) {
	a = a[:len(dst)]
	for i := range dst {
		dst[i] = c - a[i]
	}
}

func mulConst(dst, a []float64, c float64) {
	a = a[:len(dst)]
	for i := range dst {
		dst[i] = a[i] * c
	}
}

// Divide writes a / b and tells whether some b is 0 (the row then holds
// nothing useful).
func Divide(dst, a, b []float64) (zeros bool) {
	if n := fours(len(dst)); n > 0 {
		zeros = byFours('/', dst, a, b, n)
		dst, a, b = dst[n:], rest(a, n), rest(b, n)
	}
	switch {
	case len(b) == 1:
		a = spread(a, dst)
		c := b[0]
		for i := range dst {
			dst[i] = a[i] / c
		}
		return zeros || c == 0
	case len(a) == 1:
		c := a[0]
		b = b[:len(dst)]
		for i := range dst {
			x := b[i]
			zeros = zeros || x == 0
			dst[i] = c / x
		}
		return zeros
	}
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		x := b[i]
		zeros = zeros || x == 0
		dst[i] = a[i] / x
	}
	return zeros
}

// spread is a with the length of dst, filled into dst when it is a constant.
func spread[T Number](a, dst []T) []T {
	if len(a) != 1 {
		return a[:len(dst)]
	}
	c := a[0]
	for i := range dst {
		dst[i] = c
	}
	return dst
}

// Int writes a op b for op '+', '-' or '*' modulo 2^64, and tells whether some
// row overflowed; Overflow finds which.
func Int(op byte, dst, a, b []int64) (overflow bool) {
	if len(a) == 1 && len(dst) != 1 && op != '-' {
		a, b = b, a
	}
	if len(b) == 1 && op == '-' && b[0] != -b[0] { // not the least integer, nor 0
		return addIntConst(dst, a, -b[0])
	}
	if len(b) == 1 && op == '+' {
		return addIntConst(dst, a, b[0])
	}
	if op == '*' {
		return mulInt(dst, a, b)
	}
	ma, mb := mask(a), mask(b)
	if ma == -1 && mb == -1 {
		return addInt(dst, a, b, op == '-')
	}
	var bad int64
	for i := range dst {
		x, y := a[i&ma], b[i&mb]
		if op == '-' {
			d := x - y
			bad |= (x ^ y) & (x ^ d)
			dst[i] = d
			continue
		}
		s := x + y
		bad |= (x ^ s) & (y ^ s)
		dst[i] = s
	}
	return bad < 0
}

// mask is what an index into a is ANDed with: nothing is left for a constant.
func mask[T any](a []T) int {
	if len(a) == 1 {
		return 0
	}
	return -1
}

func addIntConst(dst, a []int64, c int64) bool {
	a = a[:len(dst)]
	var bad int64
	for i := range dst {
		x := a[i]
		s := x + c
		bad |= (x ^ s) & (c ^ s)
		dst[i] = s
	}
	return bad < 0
}

func addInt(dst, a, b []int64, minus bool) bool {
	a, b = a[:len(dst)], b[:len(dst)]
	var bad int64
	if minus {
		for i := range dst {
			x, y := a[i], b[i]
			d := x - y
			bad |= (x ^ y) & (x ^ d)
			dst[i] = d
		}
		return bad < 0
	}
	for i := range dst {
		x, y := a[i], b[i]
		s := x + y
		bad |= (x ^ s) & (y ^ s)
		dst[i] = s
	}
	return bad < 0
}

func mulInt(dst, a, b []int64) bool {
	var bad int64
	if len(b) == 1 {
		c := b[0]
		a = a[:len(dst)]
		for i := range dst {
			p, over := mul(a[i], c)
			bad |= over
			dst[i] = p
		}
		return bad != 0
	}
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		p, over := mul(a[i], b[i])
		bad |= over
		dst[i] = p
	}
	return bad != 0
}

// mul is x*y and a number that is not 0 if it overflowed.
func mul(x, y int64) (p, over int64) {
	hi, lo := bits.Mul64(uint64(x), uint64(y))
	high := int64(hi) - (x >> 63 & y) - (y >> 63 & x)
	return int64(lo), high ^ int64(lo)>>63
}

// Overflow marks the rows in which a op b overflowed; see Int.
func Overflow(op byte, dst Bits, a, b []int64, n int) {
	ma, mb := mask(a), mask(b)
	dst.Fill(false)
	for i := range n {
		x, y := a[i&ma], b[i&mb]
		var bad bool
		switch op {
		case '+':
			bad = (x^(x+y))&(y^(x+y)) < 0
		case '-':
			bad = (x^y)&(x^(x-y)) < 0
		case '*':
			_, over := mul(x, y)
			bad = over != 0
		}
		if bad {
			dst.Set(i)
		}
	}
}
