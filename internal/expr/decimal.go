package expr

import (
	"math/big"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// decimalImpl is the body of + - * / % on decimals of the given types, and the
// type of the result, which is Spark's: as many digits as it takes; if that is
// more than 38, digits behind the point go first, down to 6.
func decimalImpl(op string, a, b kind) (impl, kind) {
	p1, s1 := a.decimalDigits()
	p2, s2 := b.decimalDigits()
	p, s := 0, max(s1, s2)
	switch op {
	case "+", "-":
		p = max(p1-s1, p2-s2) + s + 1
	case "*":
		p, s = p1+p2+1, s1+s2
	case "/":
		s = max(6, s1+p2+1)
		p = p1 - s1 + s2 + s
	default:
		p = min(p1-s1, p2-s2) + s
	}
	exact := p <= maxDigits
	if !exact {
		whole := p - s
		p, s = maxDigits, max(maxDigits-whole, min(s, 6))
	}
	d := &decimalOp{op: op[0], scales: [3]int{s1, s2, s}, limit: decimal128.GetMaxValue(int32(p))}
	if exact && (op == "+" || op == "-" || op == "*") {
		return decimalRows(decimalKind(p, s), d.exact), decimalKind(p, s)
	}
	return decimalRows(decimalKind(p, s), d.any), decimalKind(p, s)
}

// decimalRows applies f, which reports success, to pairs of decimals. f is
// made anew for each batch, with scratch of its own.
func decimalRows(k kind, prepare func() func(a, b decimal128.Num) (decimal128.Num, bool)) impl {
	return func(c *call) error {
		f := prepare()
		c.out = c.x.fixed(k, c.n)
		a, b, dst := rowsOf(&c.a[0], c.a[0].decimals()), rowsOf(&c.a[1], c.a[1].decimals()), c.out.decimals()
		for i := range dst {
			if c.skip(i) {
				continue
			}
			v, ok := f(a.at(i), b.at(i))
			if !ok {
				c.failAt(i)
			}
			dst[i] = v
		}
		return nil
	}
}

// decimalOp is one operation on decimals of fixed scales.
type decimalOp struct {
	op     byte
	scales [3]int // of both sides and the result
	limit  decimal128.Num
}

// exact is + - * where every result has its place.
func (d *decimalOp) exact() func(a, b decimal128.Num) (decimal128.Num, bool) {
	up, vp := powerOfTen(d.scales[2]-d.scales[0]), powerOfTen(d.scales[2]-d.scales[1])
	switch d.op {
	case '+':
		return func(a, b decimal128.Num) (decimal128.Num, bool) { return a.Mul(up).Add(b.Mul(vp)), true }
	case '-':
		return func(a, b decimal128.Num) (decimal128.Num, bool) { return a.Mul(up).Sub(b.Mul(vp)), true }
	}
	return func(a, b decimal128.Num) (decimal128.Num, bool) { return a.Mul(b), true }
}

// any goes by way of integers of any size; quotients of short numbers do not.
func (d *decimalOp) any() func(a, b decimal128.Num) (decimal128.Num, bool) {
	var x, y, z, rest, low big.Int
	e := d.scales[2] - d.scales[0] + d.scales[1]
	at := max(d.scales[0], d.scales[1]) // the scale before rounding
	switch d.op {
	case '*':
		at = d.scales[0] + d.scales[1]
	case '/':
		at = d.scales[2]
	}
	scale := [...]*big.Int{bigPower(max(d.scales[1]-d.scales[0], 0)), bigPower(max(d.scales[0]-d.scales[1], 0)), bigPower(max(e, 0)), bigPower(max(at-d.scales[2], 0))}
	return func(a, b decimal128.Num) (decimal128.Num, bool) {
		if b.Sign() == 0 && (d.op == '/' || d.op == '%') {
			return decimal128.Num{}, false
		}
		if d.op == '/' && e <= 19 {
			if q, ok := shortQuotient(a, b, e); ok {
				return q, within(q, d.limit)
			}
		}
		setBig(&x, &low, a)
		setBig(&y, &low, b)
		switch d.op {
		case '*':
			z.Mul(&x, &y)
		case '/':
			x.Mul(&x, scale[2])
			roundedQuotient(&z, &x, &y, &rest)
		default:
			x.Mul(&x, scale[0])
			y.Mul(&y, scale[1])
			switch d.op {
			case '+':
				z.Add(&x, &y)
			case '-':
				z.Sub(&x, &y)
			default:
				z.Rem(&x, &y)
			}
		}
		if at > d.scales[2] {
			x.Set(&z)
			roundedQuotient(&z, &x, scale[3], &rest)
		}
		return getBig(&z, d.limit)
	}
}

// shortQuotient is a * 10^e / b, rounded half away from zero, of numbers within
// 64 bits; e is at most 19.
func shortQuotient(a, b decimal128.Num, e int) (decimal128.Num, bool) {
	x, y := a.Abs(), b.Abs()
	if x.HighBits() != 0 || y.HighBits() != 0 {
		return decimal128.Num{}, false
	}
	hi, lo := bits.Mul64(x.LowBits(), uint64Power(e))
	q1, r := hi/y.LowBits(), hi%y.LowBits()
	q0, r := bits.Div64(r, lo, y.LowBits())
	q := decimal128.New(int64(q1), q0)
	if int64(q1) < 0 {
		return q, false
	}
	if r >= y.LowBits()-r {
		q = q.Add(decimal128.FromI64(1))
	}
	if (a.Sign() < 0) != (b.Sign() < 0) {
		q = q.Negate()
	}
	return q, true
}

func uint64Power(e int) uint64 {
	p := uint64(1)
	for range e {
		p *= 10
	}
	return p
}

func powerOfTen(n int) decimal128.Num { return decimal128.GetScaleMultiplier(n) }

func bigPower(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// roundedQuotient sets z to x / y, rounded half away from zero. x and rest are
// scratch.
func roundedQuotient(z, x, y, rest *big.Int) {
	z.QuoRem(x, y, rest)
	sign := int64(x.Sign() * y.Sign())
	rest.Abs(rest)
	rest.Lsh(rest, 1)
	if rest.CmpAbs(y) >= 0 {
		x.SetInt64(sign)
		z.Add(z, x)
	}
}

// setBig sets z to v, in the memory that z has. low is scratch.
func setBig(z, low *big.Int, v decimal128.Num) {
	abs := v.Abs()
	z.SetUint64(uint64(abs.HighBits()))
	z.Lsh(z, 64)
	z.Or(z, low.SetUint64(abs.LowBits()))
	if v.Sign() < 0 {
		z.Neg(z)
	}
}

// getBig is z as a decimal, if it lies within the limit.
func getBig(z *big.Int, limit decimal128.Num) (decimal128.Num, bool) {
	if z.BitLen() > 127 {
		return decimal128.Num{}, false
	}
	v := decimal128.FromBigInt(z)
	return v, within(v, limit)
}

// within tells whether v lies from -limit to limit.
func within(v, limit decimal128.Num) bool { return v.Abs().Cmp(limit) <= 0 }

// rescale brings v from one scale to another, rounding half away from zero; it
// reports whether the result lies within the limit, 10^p - 1 for p digits.
func rescale(v decimal128.Num, from, to int, limit decimal128.Num) (decimal128.Num, bool) {
	switch {
	case to > from:
		up := powerOfTen(to - from)
		w := v.Mul(up)
		// The product is right if v is not longer than what is left of 38 digits.
		if !within(v, decimal128.GetMaxValue(int32(maxDigits-(to-from)))) {
			return w, v == decimal128.Num{}
		}
		return w, within(w, limit)
	case to < from:
		v = roundDigits(v, from-to, halfUp)
	}
	return v, within(v, limit)
}

type rounding uint8

const (
	halfUp   rounding = iota // away from zero
	halfEven                 // to the even neighbour
	downward                 // to the next integer below
	upward
	towardsZero
)

// roundDigits is v / 10^n as a whole number.
func roundDigits(v decimal128.Num, n int, how rounding) decimal128.Num {
	if n > maxDigits {
		n, v = 1, decimal128.FromI64(int64(v.Sign())) // less than a half
	}
	abs, negative := v.Abs(), v.Sign() < 0
	hi, lo := uint64(abs.HighBits()), abs.LowBits()
	sticky := false // something is left behind the last digit
	last := uint64(0)
	for left := n; left > 0; {
		step := min(left, 18)
		if left == step && step > 1 {
			step-- // the last digit alone tells where to round
		}
		by := uint64Power(step)
		var r uint64
		hi, r = hi/by, hi%by
		lo, r = bits.Div64(r, lo, by)
		if left -= step; left > 0 {
			sticky = sticky || r != 0
		} else {
			last = r
		}
	}
	q := decimal128.New(int64(hi), lo)
	if roundsUp(how, last, sticky, lo&1 == 1, negative) {
		q = q.Add(decimal128.FromI64(1))
	}
	if negative {
		q = q.Negate()
	}
	return q
}

// roundsUp tells whether a magnitude with the next digit last, and more if
// sticky, becomes the one above.
func roundsUp(how rounding, last uint64, sticky, odd, negative bool) bool {
	some := last != 0 || sticky
	switch how {
	case halfUp:
		return last >= 5
	case halfEven:
		return last > 5 || last == 5 && (sticky || odd)
	case downward:
		return some && negative
	case upward:
		return some && !negative
	case towardsZero:
	}
	return false
}
