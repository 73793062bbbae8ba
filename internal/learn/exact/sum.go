// Package exact adds floating-point numbers without rounding.
//
// A [Sum] is a fixed-point number wide enough for every float64 and for 2^63 of
// them (a superaccumulator, after U. Kulisch, "Computer Arithmetic and Validity",
// 2008). Adding is associative and commutative, so what it holds depends on what
// was added and not on the order, on how the addends were spread over sums that
// were merged, or on which node did it. It is rounded once, when it is read.
//
// An Add costs a few nanoseconds; a Sum takes 560 bytes and no memory besides.
// It is a plain value: copying it copies the sum. It is for one goroutine.
package exact

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/idag/idag/internal/fault"
)

const (
	// The lowest bit of the lowest limb is worth 2^-1074, the smallest number.
	lowest = -1074
	// The largest number is below 2^1024, and 63 bits are for the carries of
	// 2^63 of them: 2161 bits in limbs of 32.
	limbs = 68
	mask  = 1<<32 - 1
	// A limb takes in less than 2^32 an addition, so this many cannot overflow it.
	lazily = 1 << 30
)

// Sum is a sum of float64. The zero value is 0.
type Sum struct {
	limb    [limbs]int64 // each worth 2^32 times the one before; the last bears the sign
	pending int32        // additions since the carries were last seen to
	bad     bool         // something was NaN or infinite
}

// Add adds x. After a NaN or an infinity the sum is NaN for good.
func (s *Sum) Add(x float64) {
	b := math.Float64bits(x)
	exp := int(b >> 52 & 0x7ff)
	m := b & (1<<52 - 1)
	switch exp {
	case 0x7ff:
		s.bad = true
		return
	case 0:
		exp = 1 // subnormal
	default:
		m |= 1 << 52
	}
	if s.pending == lazily {
		s.carry()
	}
	s.pending++
	at, off := (exp-1)>>5, uint(exp-1)&31
	p0, p1, p2 := int64(m<<off&mask), int64(m>>(32-off)&mask), int64(m>>(64-off))
	l := s.limb[at : at+3 : at+3]
	if b>>63 != 0 {
		p0, p1, p2 = -p0, -p1, -p2
	}
	l[0] += p0
	l[1] += p1
	l[2] += p2
}

// AddProduct adds x·y without rounding the product, unless it falls below
// 2^-1022, where it is rounded as a float64 is, or overflows, which makes the
// sum NaN.
func (s *Sum) AddProduct(x, y float64) {
	hi := x * y
	s.Add(hi)
	s.Add(math.FMA(x, y, -hi))
}

// Merge adds the sum o, which it leaves as it is.
func (s *Sum) Merge(o *Sum) {
	c := *o // its carries may be pending
	c.carry()
	s.carry()
	for i, v := range c.limb {
		s.limb[i] += v
	}
	s.pending = 1
	s.bad = s.bad || c.bad
}

// carry brings all limbs but the last into 0 to 2^32-1.
func (s *Sum) carry() {
	if s.pending == 0 {
		return
	}
	c := int64(0)
	for i := range limbs - 1 {
		v := s.limb[i] + c
		s.limb[i] = v & mask
		c = v >> 32
	}
	s.limb[limbs-1] += c
	s.pending = 0
}

// magnitude is the sum without its sign, in limbs of 0 to 2^32-1.
func (s *Sum) magnitude() (limb [limbs]int64, negative bool) {
	c := *s
	c.carry()
	if c.limb[limbs-1] >= 0 {
		return c.limb, false
	}
	for i := range c.limb {
		c.limb[i] = -c.limb[i]
	}
	c.pending = 1
	c.carry()
	return c.limb, true
}

// Float returns the number nearest to the sum, the even one of two. A sum beyond
// all numbers is an infinity.
func (s *Sum) Float() float64 {
	if s.bad {
		return math.NaN()
	}
	limb, negative := s.magnitude()
	top := limbs - 1
	for top >= 0 && limb[top] == 0 {
		top--
	}
	if top < 0 {
		return 0
	}
	at := func(i int) uint64 {
		if i < 0 {
			return 0
		}
		return uint64(limb[i])
	}
	// 64 bits from the highest one on, and whether anything lies below them.
	shift := uint(bits.LeadingZeros32(uint32(limb[top])))
	word := (at(top)<<32|at(top-1))<<shift | at(top-2)<<shift>>32
	rest := at(top-2) << shift & mask
	for i := top - 3; i >= 0 && rest == 0; i-- {
		rest = at(i)
	}
	exp := lowest + 32*(top-1) - int(shift) // what the lowest bit of word is worth
	// What is not a multiple of 2^-1074 does not occur: small sums are exact.
	keep := uint(11)
	if exp+int(keep) < lowest {
		keep = uint(lowest - exp)
	}
	x := math.Ldexp(float64(round(word, keep, rest != 0)), exp+int(keep))
	if negative {
		return -x
	}
	return x
}

// round drops the lowest bits of word, to the nearest, ties to even; more says
// that something follows them.
func round(word uint64, drop uint, more bool) uint64 {
	if drop >= 64 {
		return 0 // nothing was there: such sums have no bits so low
	}
	q, r := word>>drop, word&(1<<drop-1)
	half := uint64(1) << (drop - 1)
	if r > half || r == half && (more || q&1 == 1) {
		q++
	}
	return q
}

// Over returns s/d. It is a function of the two sums, and right to one unit in
// the last place unless a part of it leaves the range of normal numbers.
func (s *Sum) Over(d *Sum) float64 {
	sh, sl := s.split()
	dh, dl := d.split()
	q := sh / dh
	if math.IsInf(q, 0) || math.IsNaN(q) || dl == 0 && sl == 0 {
		return q
	}
	// One step of Newton's on the quotient of the leading parts.
	rest := math.FMA(-q, dh, sh) + sl - q*dl
	return q + rest/dh
}

// split returns the sum as the two numbers nearest to it and to the rest.
func (s *Sum) split() (hi, lo float64) {
	hi = s.Float()
	if math.IsInf(hi, 0) || math.IsNaN(hi) {
		return hi, 0
	}
	c := *s
	c.Add(-hi)
	return hi, c.Float()
}

// AppendBinary appends the sum's bytes; equal sums have equal bytes.
func (s *Sum) AppendBinary(b []byte) ([]byte, error) {
	limb, negative := s.magnitude()
	lo, hi := 0, limbs
	for lo < hi && limb[lo] == 0 {
		lo++
	}
	for lo < hi && limb[hi-1] == 0 {
		hi--
	}
	sign := byte(0)
	switch {
	case s.bad:
		return append(b, 2, 0, 0), nil
	case negative:
		sign = 1
	case lo == hi:
		lo, hi = 0, 0
	}
	b = append(b, sign, byte(lo), byte(hi-lo))
	for _, v := range limb[lo:hi] {
		// The last limb may hold 63 bits; a sum of that size takes 2^31 of the
		// largest numbers, and is beyond reading anyway.
		b = binary.LittleEndian.AppendUint32(b, uint32(min(v, mask)))
	}
	return b, nil
}

// Read reads a sum from the front of b and returns the rest. Bytes that
// AppendBinary did not write are Invalid.
func (s *Sum) Read(b []byte) ([]byte, error) {
	if len(b) < 3 || b[0] > 2 {
		return nil, fault.New(fault.Invalid, "a sum: cut off or damaged")
	}
	sign, lo, n := b[0], int(b[1]), int(b[2])
	b = b[3:]
	if lo+n > limbs || len(b) < 4*n || n == 0 && (lo != 0 || sign == 1) || sign == 2 && n > 0 {
		return nil, fault.New(fault.Invalid, "a sum: %d limbs from %d in %d bytes", n, lo, len(b))
	}
	*s = Sum{bad: sign == 2}
	for i := range n {
		v := int64(binary.LittleEndian.Uint32(b[4*i:]))
		if v == 0 && (i == 0 || i == n-1) {
			return nil, fault.New(fault.Invalid, "a sum: a limb that is none")
		}
		if sign == 1 {
			v = -v
		}
		s.limb[lo+i] = v
	}
	s.pending = 1
	s.carry()
	return b[4*n:], nil
}
