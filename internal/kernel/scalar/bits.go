package scalar

import "math/bits"

// Number is the Go type of a fixed-width column.
type Number interface {
	~int32 | ~int64 | ~float64
}

// Bits is a bitmap, 64 rows a word, row 0 in the lowest bit. What the bits
// past the last row hold is unspecified. In the methods that combine bitmaps
// the receiver is the destination, all have its length, and it may be one of
// the operands.
type Bits []uint64

// Words is the number of words that n bits take.
func Words(n int) int { return (n + 63) >> 6 }

// Get is bit i.
func (b Bits) Get(i int) bool { return b[uint(i)>>6]>>(uint(i)&63)&1 != 0 }

// Set sets bit i.
func (b Bits) Set(i int) { b[uint(i)>>6] |= 1 << (uint(i) & 63) }

// Unset clears bit i.
func (b Bits) Unset(i int) { b[uint(i)>>6] &^= 1 << (uint(i) & 63) }

// Fill sets all bits to v.
func (b Bits) Fill(v bool) {
	w := uint64(0)
	if v {
		w = ^w
	}
	for i := range b {
		b[i] = w
	}
}

// And writes x AND y.
func (b Bits) And(x, y Bits) {
	x, y = x[:len(b)], y[:len(b)]
	for i := range b {
		b[i] = x[i] & y[i]
	}
}

// AndNot writes x AND NOT y.
func (b Bits) AndNot(x, y Bits) {
	x, y = x[:len(b)], y[:len(b)]
	for i := range b {
		b[i] = x[i] &^ y[i]
	}
}

// Or writes x OR y.
func (b Bits) Or(x, y Bits) {
	x, y = x[:len(b)], y[:len(b)]
	for i := range b {
		b[i] = x[i] | y[i]
	}
}

// Xnor writes x = y.
func (b Bits) Xnor(x, y Bits) {
	x, y = x[:len(b)], y[:len(b)]
	for i := range b {
		b[i] = ^(x[i] ^ y[i])
	}
}

// Not writes NOT x.
func (b Bits) Not(x Bits) {
	x = x[:len(b)]
	for i := range b {
		b[i] = ^x[i]
	}
}

// Count is the number of set bits among the first n.
func (b Bits) Count(n int) int {
	c, full := 0, n>>6
	for _, w := range b[:full] {
		c += bits.OnesCount64(w)
	}
	if r := uint(n) & 63; r != 0 {
		c += bits.OnesCount64(b[full] << (64 - r))
	}
	return c
}

// Any tells whether one of the first n bits is set.
func (b Bits) Any(n int) bool {
	full := n >> 6
	for _, w := range b[:full] {
		if w != 0 {
			return true
		}
	}
	r := uint(n) & 63
	return r != 0 && b[full]<<(64-r) != 0
}

// Load fills b with n bits of raw starting at bit off: an Arrow bitmap of an
// array that is a slice.
func (b Bits) Load(raw []byte, off, n int) {
	raw = raw[off>>3:]
	shift := uint(off) & 7
	for w := range Words(n) {
		var v uint64
		rest := raw[w*8:]
		if len(rest) >= 9 {
			v = word(rest) >> shift
			if shift != 0 {
				v |= uint64(rest[8]) << (64 - shift)
			}
		} else {
			for i, x := range rest {
				if i < 8 {
					v |= uint64(x) << (8 * uint(i)) >> shift
				} else if shift != 0 {
					v |= uint64(x) << (64 - shift)
				}
			}
		}
		b[w] = v
	}
}

func word(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// bit is 1 for true, without a branch.
func bit(b bool) uint64 {
	var v uint64
	if b {
		v = 1
	}
	return v
}
