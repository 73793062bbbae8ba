package agg

import (
	"math"
	"math/big"
	"math/bits"
	"unsafe"
)

// asWords and asFloats view 64-bit values as each other.
func asWords[T ~int64 | ~float64](v []T) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}

func asFloats(v []uint64) []float64 {
	return unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}

// twoSum returns a+b rounded, and what the rounding lost, exactly (Knuth, The Art
// of Computer Programming 2, 4.2.2, theorem B). Both are finite or the error is
// rubbish.
func twoSum(a, b float64) (s, e float64) {
	s = a + b
	t := s - a
	return s, (a - (s - t)) + (b - t)
}

// twoProd returns a*b rounded, and what the rounding lost.
func twoProd(a, b float64) (p, e float64) {
	p = float64(a * b)
	return p, math.FMA(a, b, -p)
}

// finite says whether x is neither infinite nor NaN.
func finite(x float64) bool { return x-x == 0 }

// add2 adds x to the sum s[0]+s[1]. Once s[0] is infinite or NaN it stays so, as a
// plain sum would; s[1] is rubbish then, and round2 does not look at it.
func add2(s *[2]float64, x float64) {
	var e float64
	s[0], e = twoSum(s[0], x)
	s[1] += e
}

// add3 adds x to the sum s[0]+s[1]+s[2], of which the same is true.
func add3(s *[3]float64, x float64) {
	var e float64
	s[0], e = twoSum(s[0], x)
	s[1], e = twoSum(s[1], e)
	s[2] += e
}

// addSquare adds x*x.
func addSquare(s *[3]float64, x float64) {
	p, e := twoProd(x, x)
	add3(s, p)
	add3(s, e)
}

// round2 is the value of a sum, rounded once.
func round2(hi, lo float64) float64 {
	if !finite(hi) {
		return hi
	}
	return hi + lo
}

// add128 adds v to the 128-bit integer whose low half is s[0] and high s[1].
func add128(s *[2]uint64, v int64) {
	var carry uint64
	s[0], carry = bits.Add64(s[0], uint64(v), 0)
	s[1], _ = bits.Add64(s[1], uint64(v>>63), carry)
}

// float128 rounds a 128-bit integer to the nearest float.
func float128(lo, hi uint64) float64 {
	if hi == uint64(int64(lo)>>63) {
		return float64(int64(lo))
	}
	neg := int64(hi) < 0
	if neg {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	// The top 64 bits, with whatever is below them folded into the last: a
	// float needs only 53, so that bit breaks ties as the true value would.
	shift := uint(bits.LeadingZeros64(hi))
	top := hi<<shift | lo>>(64-shift)
	if lo<<shift != 0 {
		top |= 1
	}
	f := math.Ldexp(float64(top), 64-int(shift))
	if neg {
		return -f
	}
	return f
}

// deviation returns the sample standard deviation of n values from their sum
// and the sum of their squares, each in three parts. n is at least 2.
func deviation(s, q [3]float64, n int64) float64 {
	if !finite(s[0]) {
		return math.NaN()
	}
	if !finite(q[0]) {
		return math.Inf(1)
	}
	// m = q - s*s/n in two parts each. The difference is taken exactly instead
	// where little is left of q, or where what the parts lack could decide how m
	// is rounded.
	s0, s1 := normal(s)
	q0, q1 := normal(q)
	p0, p1 := twoProd(s0, s0)
	p1 += 2 * s0 * s1
	d0 := p0 / float64(n)
	r0, r1 := twoProd(d0, float64(n))
	d1 := ((p0 - r0) - r1 + p1) / float64(n)
	m0, e := twoSum(q0, -d0)
	m1, slack := e+(q1-d1), q0*0x1p-100
	m := m0 + m1
	if !(m > q0*0x1p-30) || m0+(m1-slack) != m0+(m1+slack) {
		m = exactDeviation(s, q, n)
	}
	return math.Sqrt(m / float64(n-1))
}

// normal returns the sum of three parts as two, the first of them rounded.
func normal(s [3]float64) (hi, lo float64) {
	mid, e := twoSum(s[1], s[2])
	hi, lo = twoSum(s[0], mid)
	return twoSum(hi, lo+e)
}

// exactDeviation is the sum of squared deviations, q - s*s/n.
func exactDeviation(s, q [3]float64, n int64) float64 {
	const prec = 4400 // the widest sum of products of floats
	total := func(parts [3]float64) *big.Float {
		t := new(big.Float).SetPrec(prec)
		for _, p := range parts {
			t.Add(t, new(big.Float).SetFloat64(p))
		}
		return t
	}
	m := total(s)
	m.Mul(m, m)
	m.Quo(m, new(big.Float).SetInt64(n))
	m.Sub(total(q), m)
	f, _ := m.Float64()
	return max(f, 0)
}
