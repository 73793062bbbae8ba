package scalar

// Cmp is a comparison.
type Cmp uint8

// The six comparisons.
const (
	Eq Cmp = iota
	Ne
	Lt
	Le
	Gt
	Ge
)

// Flip is the comparison with its operands exchanged.
func (c Cmp) Flip() Cmp {
	switch c {
	case Lt:
		return Gt
	case Le:
		return Ge
	case Gt:
		return Lt
	case Ge:
		return Le
	case Eq, Ne:
	}
	return c
}

// Holds tells whether the comparison is true of two values that compare as
// order: negative, 0 or positive.
func (c Cmp) Holds(order int) bool {
	switch c {
	case Eq:
		return order == 0
	case Ne:
		return order != 0
	case Lt:
		return order < 0
	case Le:
		return order <= 0
	case Gt:
		return order > 0
	case Ge:
		return order >= 0
	}
	return false
}

// Compare writes a c b for n rows.
func Compare[T Number](c Cmp, dst Bits, a, b []T, n int) {
	if len(a) == 1 && len(b) > 1 {
		a, b, c = b, a, c.Flip()
	}
	if len(b) == 1 {
		compareConst(c, dst, a[:n], b[0])
		return
	}
	a, b = a[:n], b[:n]
	switch c {
	case Eq:
		eqVec(dst, a, b, 0)
	case Ne:
		eqVec(dst, a, b, ^uint64(0))
	case Le:
		leVec(dst, a, b, 0)
	case Gt:
		leVec(dst, a, b, ^uint64(0))
	case Ge:
		leVec(dst, b, a, 0)
	case Lt:
		leVec(dst, b, a, ^uint64(0))
	}
}

// compareConst compares with a constant. Comparisons of Go are false for NaN,
// so those that must be true for it are made of the negation of the others.
func compareConst[T Number](c Cmp, dst Bits, a []T, k T) {
	const all = ^uint64(0)
	if k != k { // NaN: only NaN equals it, and nothing is larger.
		switch c {
		case Eq, Ge:
			isNumber(dst, a, all)
		case Ne, Lt:
			isNumber(dst, a, 0)
		case Le:
			dst.Fill(true)
		case Gt:
			dst.Fill(false)
		}
		return
	}
	switch c {
	case Eq:
		eqConst(dst, a, k, 0)
	case Ne:
		eqConst(dst, a, k, all)
	case Lt:
		ltConst(dst, a, k, 0)
	case Ge:
		ltConst(dst, a, k, all)
	case Le:
		leConst(dst, a, k, 0)
	case Gt:
		leConst(dst, a, k, all)
	}
}

// Each loop below makes 64 results a word, eight at a time so that the shifts
// are constants; flip inverts all of them. The rest of less than 64 rows takes
// the plain way.

func eqConst[T Number](dst Bits, a []T, k T, flip uint64) {
	w := 0
	for ; len(a) >= 64; a = a[64:] {
		var m uint64
		for j := 0; j < 64; j += 8 {
			x := (*[8]T)(a[j : j+8])
			m |= (bit(x[0] == k) | bit(x[1] == k)<<1 | bit(x[2] == k)<<2 | bit(x[3] == k)<<3 |
				bit(x[4] == k)<<4 | bit(x[5] == k)<<5 | bit(x[6] == k)<<6 | bit(x[7] == k)<<7) << uint(j)
		}
		dst[w] = m ^ flip
		w++
	}
	if len(a) > 0 {
		var m uint64
		for j, x := range a {
			m |= bit(x == k) << uint(j)
		}
		dst[w] = m ^ flip
	}
}

func ltConst[T Number](dst Bits, a []T, k T, flip uint64) {
	w := 0
	for ; len(a) >= 64; a = a[64:] {
		var m uint64
		for j := 0; j < 64; j += 8 {
			x := (*[8]T)(a[j : j+8])
			m |= (bit(x[0] < k) | bit(x[1] < k)<<1 | bit(x[2] < k)<<2 | bit(x[3] < k)<<3 |
				bit(x[4] < k)<<4 | bit(x[5] < k)<<5 | bit(x[6] < k)<<6 | bit(x[7] < k)<<7) << uint(j)
		}
		dst[w] = m ^ flip
		w++
	}
	if len(a) > 0 {
		var m uint64
		for j, x := range a {
			m |= bit(x < k) << uint(j)
		}
		dst[w] = m ^ flip
	}
}

func leConst[T Number](dst Bits, a []T, k T, flip uint64) {
	w := 0
	for ; len(a) >= 64; a = a[64:] {
		var m uint64
		for j := 0; j < 64; j += 8 {
			x := (*[8]T)(a[j : j+8])
			m |= (bit(x[0] <= k) | bit(x[1] <= k)<<1 | bit(x[2] <= k)<<2 | bit(x[3] <= k)<<3 |
				bit(x[4] <= k)<<4 | bit(x[5] <= k)<<5 | bit(x[6] <= k)<<6 | bit(x[7] <= k)<<7) << uint(j)
		}
		dst[w] = m ^ flip
		w++
	}
	if len(a) > 0 {
		var m uint64
		for j, x := range a {
			m |= bit(x <= k) << uint(j)
		}
		dst[w] = m ^ flip
	}
}

// isNumber marks the rows that are not NaN.
func isNumber[T Number](dst Bits, a []T, flip uint64) {
	for w := range Words(len(a)) {
		var m uint64
		for j, x := range a[w*64 : min(w*64+64, len(a))] {
			m |= bit(x == x) << uint(j)
		}
		dst[w] = m ^ flip
	}
}

func same[T Number](x, y T) uint64 { return bit(x == y) | bit(x != x)&bit(y != y) }

func eqVec[T Number](dst Bits, a, b []T, flip uint64) {
	w := 0
	for ; len(a) >= 64 && len(b) >= 64; a, b = a[64:], b[64:] {
		var m uint64
		for j := 0; j < 64; j += 4 {
			x, y := (*[4]T)(a[j:j+4]), (*[4]T)(b[j:j+4])
			m |= (same(x[0], y[0]) | same(x[1], y[1])<<1 | same(x[2], y[2])<<2 | same(x[3], y[3])<<3) << uint(j)
		}
		dst[w] = m ^ flip
		w++
	}
	if len(a) > 0 {
		var m uint64
		for j, x := range a {
			m |= same(x, b[j]) << uint(j)
		}
		dst[w] = m ^ flip
	}
}

// atMost is x <= y, NaN the largest.
func atMost[T Number](x, y T) uint64 { return bit(x <= y) | bit(y != y) }

func leVec[T Number](dst Bits, a, b []T, flip uint64) {
	w := 0
	for ; len(a) >= 64 && len(b) >= 64; a, b = a[64:], b[64:] {
		var m uint64
		for j := 0; j < 64; j += 4 {
			x, y := (*[4]T)(a[j:j+4]), (*[4]T)(b[j:j+4])
			m |= (atMost(x[0], y[0]) | atMost(x[1], y[1])<<1 | atMost(x[2], y[2])<<2 | atMost(x[3], y[3])<<3) << uint(j)
		}
		dst[w] = m ^ flip
		w++
	}
	if len(a) > 0 {
		var m uint64
		for j, x := range a {
			m |= atMost(x, b[j]) << uint(j)
		}
		dst[w] = m ^ flip
	}
}
