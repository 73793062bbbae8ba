package json

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// number is a JSON number taken apart: ±mant·10^exp10 where exact says that
// all its digits are in mant.
type number struct {
	raw   []byte
	mant  uint64
	exp10 int
	neg   bool
	exact bool
	whole bool // digits only: neither a fraction nor an exponent
}

// maxExponent bounds exponents: beyond it only their sign matters.
const maxExponent = 1 << 20

// scanNumber reads the number at p, which has a digit or a minus there.
func scanNumber(b []byte, p int) (x number, end int, ok bool) {
	start := p
	if b[p] == '-' {
		x.neg = true
		p++
	}
	first := p
	for b[p]-'0' < 10 {
		x.mant = x.mant*10 + uint64(b[p]-'0')
		p++
	}
	n := p - first
	if n == 0 || n > 1 && b[first] == '0' {
		return x, min(first+1, p), false
	}
	x.whole, x.exact = true, n <= 19
	if b[p] == '.' {
		x.whole = false
		p++
		point := p
		for b[p]-'0' < 10 {
			x.mant = x.mant*10 + uint64(b[p]-'0')
			p++
		}
		if p == point {
			return x, p, false
		}
		x.exp10 = point - p
		x.exact = n+p-point <= 19
	}
	if b[p]|0x20 == 'e' {
		x.whole = false
		exp, q, ok := scanExponent(b, p+1)
		if !ok {
			return x, q, false
		}
		x.exp10 += exp
		p = q
	}
	x.raw = b[start:p:p]
	return x, p, true
}

func scanExponent(b []byte, p int) (exp, end int, ok bool) {
	neg := b[p] == '-'
	if neg || b[p] == '+' {
		p++
	}
	first := p
	for b[p]-'0' < 10 {
		if exp < maxExponent {
			exp = exp*10 + int(b[p]-'0')
		}
		p++
	}
	if neg {
		exp = -exp
	}
	return exp, p, p > first
}

// int64 returns the whole number that x is, however it is spelled.
func (x *number) int64() (int64, bool) {
	mant, exp := x.mant, x.exp10
	if !x.exact {
		return x.longInt64()
	}
	for ; exp < 0 && mant != 0; exp++ {
		if mant%10 != 0 {
			return 0, false
		}
		mant /= 10
	}
	for ; exp > 0 && mant != 0; exp-- {
		hi, lo := bits.Mul64(mant, 10)
		if hi != 0 {
			return 0, false
		}
		mant = lo
	}
	switch {
	case x.neg && mant <= 1<<63:
		return -int64(mant), true
	case mant < 1<<63:
		return int64(mant), true
	}
	return 0, false
}

// longInt64 is int64 of a number with many digits, most of which must be zeros.
func (x *number) longInt64() (int64, bool) {
	d, ok := x.decimal(38, 0)
	if !ok {
		return 0, false
	}
	v := int64(d.LowBits())
	return v, d.HighBits() == v>>63
}

// float64 returns the double nearest to x.
func (x *number) float64() (float64, bool) {
	if x.exact && x.mant < 1<<53 && x.exp10 >= -22 && x.exp10 <= 22 {
		f := float64(x.mant) // both exact, so one rounding (Clinger, 1990)
		if x.exp10 < 0 {
			f /= tenTo(-x.exp10)
		} else {
			f *= tenTo(x.exp10)
		}
		if x.neg {
			f = -f
		}
		return f, true
	}
	f, err := strconv.ParseFloat(view(x.raw), 64)
	return f, err == nil
}

func tenTo(n int) float64 {
	tens := [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
		1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}
	return tens[n]
}

// decimal returns x as a decimal with the given precision and scale, if it is one
// exactly.
func (x *number) decimal(precision, scale int32) (decimal128.Num, bool) {
	if x.exact {
		return x.shortDecimal(int(precision), int(scale))
	}
	var zero decimal128.Num
	var room [64]byte
	digits, exp := x.significant(room[:0])
	if len(digits) == 0 {
		return zero, true
	}
	shift := exp + int(scale) // zeros to append, or digits too many
	if shift < 0 || len(digits)+shift > int(precision) {
		return zero, false
	}
	var hi, lo uint64
	for i := range len(digits) + shift {
		d := uint64(0)
		if i < len(digits) {
			d = uint64(digits[i] - '0')
		}
		h, l := bits.Mul64(lo, 10)
		var carry uint64
		lo, carry = bits.Add64(l, d, 0)
		hi = hi*10 + h + carry
	}
	n := decimal128.New(int64(hi), lo)
	if x.neg {
		n = n.Negate()
	}
	return n, true
}

// shortDecimal is decimal of a number whose digits are all in mant.
func (x *number) shortDecimal(precision, scale int) (decimal128.Num, bool) {
	mant, shift := x.mant, x.exp10+scale
	for ; shift < 0 && mant != 0; shift++ {
		if mant%10 != 0 {
			return decimal128.Num{}, false
		}
		mant /= 10
	}
	if mant == 0 {
		return decimal128.Num{}, true
	}
	digits := shift
	for m := mant; m > 0; m /= 10 {
		digits++
	}
	if digits > precision {
		return decimal128.Num{}, false
	}
	hi, lo := uint64(0), mant
	for range shift {
		h, l := bits.Mul64(lo, 10)
		hi, lo = hi*10+h, l
	}
	n := decimal128.New(int64(hi), lo)
	if x.neg {
		n = n.Negate()
	}
	return n, true
}

// significant appends to room, which is empty, the digits of x without zeros at
// either end, and returns them and the exponent of the last.
func (x *number) significant(room []byte) (digits []byte, exp int) {
	raw := x.raw
	if x.neg {
		raw = raw[1:]
	}
	digits, point := room, -1
	for i, c := range raw {
		if c == '.' {
			point = i
			continue
		}
		if c|0x20 == 'e' {
			e, _, _ := scanExponent(append(raw[i+1:len(raw):len(raw)], '\n'), 0)
			exp = e
			raw = raw[:i]
			break
		}
		if len(digits) > 0 || c != '0' {
			digits = append(digits, c)
		}
	}
	if point >= 0 {
		exp -= len(raw) - point - 1
	}
	for len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
		exp++
	}
	return digits, exp
}

// special reads NaN, Infinity and -Infinity.
func special(s string) (float64, bool) {
	switch s {
	case "NaN":
		return math.NaN(), true
	case "Infinity", "+Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	return 0, false
}
