package expr

import (
	"math"
	"math/bits"
	"strconv"
)

func trigEntries() []entry {
	float := func(name, doc, example string, f func(float64) float64) entry {
		return simple(name, doc, example, sig(kFloat, floats(f), kFloat))
	}
	const radians = " of an angle in radians."
	return []entry{
		float("asin", "The angle with a sine; NaN outside -1 to 1.", "asin(0) = 0", math.Asin),
		float("acos", "The angle with a cosine; NaN outside -1 to 1.", "acos(1) = 0", math.Acos),
		float("atan", "The angle with a tangent.", "atan(0) = 0", math.Atan),
		float("sinh", "Hyperbolic sine.", "sinh(0) = 0", math.Sinh),
		float("cosh", "Hyperbolic cosine.", "cosh(0) = 1", math.Cosh),
		float("tanh", "Hyperbolic tangent.", "tanh(0) = 0", math.Tanh),
		float("asinh", "Inverse hyperbolic sine.", "asinh(0) = 0", math.Asinh),
		float("acosh", "Inverse hyperbolic cosine; NaN below 1.", "acosh(1) = 0", math.Acosh),
		float("atanh", "Inverse hyperbolic tangent; NaN outside -1 to 1.", "atanh(0) = 0", math.Atanh),
		float("cot", "Cotangent"+radians, "round(cot(1), 3) = 0.642", func(x float64) float64 { return 1 / math.Tan(x) }),
		float("sec", "Secant"+radians, "sec(0) = 1", func(x float64) float64 { return 1 / math.Cos(x) }),
		float("csc", "Cosecant"+radians, "round(csc(1), 3) = 1.188", func(x float64) float64 { return 1 / math.Sin(x) }),
		float("degrees", "Radians in degrees.", "degrees(pi()) = 180", func(x float64) float64 { return x * 180 / math.Pi }),
		float("radians", "Degrees in radians.", "radians(180) = pi()", func(x float64) float64 { return x / 180 * math.Pi }),
		float("cbrt", "Cube root.", "cbrt(27) = 3", math.Cbrt),
		float("expm1", "e to the power x, less 1.", "expm1(0) = 0", math.Expm1),
		simple("log1p", "Natural logarithm of 1 + x; -1 and less fail.", "log1p(0) = 0",
			sig(kFloat, floatRows(func(v float64) (float64, bool) { return math.Log1p(v), !(v <= -1) }), kFloat)),
		float("rint", "The nearest whole number, halves to the even one.", "rint(2.5) = 2", math.RoundToEven),
		simple("hypot", "The length of the vector (x, y).", "hypot(3, 4) = 5", sig(kFloat, floatPairs(math.Hypot), kFloat, kFloat)),
		simple("log", "The logarithm of x to base b, for log(b, x), or the natural one, for log(x); what is not positive fails.", "log(2, 8) = 3",
			sig(kFloat, positive(math.Log), kFloat), sig(kFloat, logarithm, kFloat, kFloat)),
		{doc: funcDoc{"e", "e()", "The base of natural logarithms.", "round(e(), 2) = 2.72"},
			special: func(*compiler, *Call, []typed) (typed, *Error) { return typed{op: literal(math.E), kind: kFloat}, nil }},
	}
}

func logarithm(c *call) error {
	c.out = c.x.fixed(kFloat, c.n)
	b, x, dst := rowsOf(&c.a[0], c.a[0].floats()), rowsOf(&c.a[1], c.a[1].floats()), c.out.floats()
	for i := range dst {
		base, v := b.at(i), x.at(i)
		if base <= 0 || v <= 0 {
			c.failAt(i)
		}
		switch base {
		case 2:
			dst[i] = math.Log2(v)
		case 10:
			dst[i] = math.Log10(v)
		default:
			dst[i] = math.Log(v) / math.Log(base)
		}
	}
	return nil
}

func integerEntries() []entry {
	pair := func(name, signature, doc, example string, f func(a, b int64) (int64, bool)) entry {
		e := simple(name, doc, example, sig(kInt, intPairs(f), kInt, kInt))
		e.doc.Signature = signature
		return e
	}
	return []entry{
		simple("bround", "x rounded to n decimal places, halves to the even digit, as round else.", "bround(2.5) = 2",
			sig(kInt, intRows(func(v int64) (int64, bool) { return v, true }), kInt),
			sig(kFloat, floats(func(v float64) float64 { return roundEven(v, 0) }), kFloat), sig(kFloat, broundPlaces, kFloat, kInt)),
		simple("pmod", "The remainder that is not negative for a positive divisor; dividing by zero fails.", "pmod(-7, 3) = 2",
			sig(kInt, intPairs(func(a, b int64) (int64, bool) {
				if b == 0 {
					return 0, false
				}
				if a %= b; a < 0 {
					a = int64(uint64(a)+uint64(b)) % b
				}
				return a, true
			}), kInt, kInt), sig(kFloat, floatPmod, kFloat, kFloat)),
		simple("factorial", "n!, for n from 0 to 20; others fail.", "factorial(5) = 120", sig(kInt, intRows(factorial), kInt)),
		pair("&", "a & b", "The bits that are 1 in both.", "6 & 3 = 2", func(a, b int64) (int64, bool) { return a & b, true }),
		pair("|", "a | b", "The bits that are 1 in one of them.", "6 | 3 = 7", func(a, b int64) (int64, bool) { return a | b, true }),
		pair("^", "a ^ b", "The bits that are 1 in just one of them.", "6 ^ 3 = 5", func(a, b int64) (int64, bool) { return a ^ b, true }),
		simple("~", "The bits that are 0.", "~5 = -6", sig(kInt, intRows(func(v int64) (int64, bool) { return ^v, true }), kInt)),
		pair("shiftleft", "shiftleft(a, n)", "The bits moved n % 64 places up.", "shiftleft(2, 1) = 4", func(a, b int64) (int64, bool) { return a << (uint64(b) & 63), true }),
		pair("shiftright", "shiftright(a, n)", "The bits moved n % 64 places down; the sign stays.", "shiftright(-4, 1) = -2", func(a, b int64) (int64, bool) { return a >> (uint64(b) & 63), true }),
		pair("shiftrightunsigned", "shiftrightunsigned(a, n)", "The bits moved n % 64 places down, zeros behind them.", "shiftrightunsigned(-1, 60) = 15",
			func(a, b int64) (int64, bool) { return int64(uint64(a) >> (uint64(b) & 63)), true }),
		pair("getbit", "getbit(a, n)", "Bit n of a, from 0 to 63; others fail. bit_get too.", "getbit(11, 1) = 1",
			func(a, b int64) (int64, bool) { return a >> (uint64(b) & 63) & 1, b >= 0 && b < 64 }),
		simple("bit_count", "How many bits are 1.", "bit_count(7) = 3", sig(kInt, intRows(func(v int64) (int64, bool) { return int64(bits.OnesCount64(uint64(v))), true }), kInt)),
		simple("width_bucket", "In which of n equal buckets between low and high v lies, from 1; 0 below and n + 1 above. n below 1 and equal limits fail.",
			"width_bucket(5.3, 0.2, 10.6, 5) = 3", sig(kInt, widthBucket, kFloat, kFloat, kFloat, kInt)),
	}
}

func factorial(n int64) (int64, bool) {
	if n < 0 || n > 20 {
		return 0, false
	}
	v := int64(1)
	for ; n > 1; n-- {
		v *= n
	}
	return v, true
}

func floatPmod(c *call) error {
	c.out = c.x.fixed(kFloat, c.n)
	a, b, dst := rowsOf(&c.a[0], c.a[0].floats()), rowsOf(&c.a[1], c.a[1].floats()), c.out.floats()
	for i := range dst {
		x, y := a.at(i), b.at(i)
		if y == 0 {
			c.failAt(i)
		}
		r := math.Mod(x, y)
		if r < 0 {
			r = math.Mod(r+y, y)
		}
		dst[i] = r
	}
	return nil
}

// roundEven rounds the decimal that prints v, halves to the even digit.
func roundEven(v float64, places int64) float64 {
	r := roundFloat(v, places)
	if v-v != 0 || places > 300 || places < -300 {
		return r
	}
	// Where v is a half, roundFloat has gone away from zero: the neighbour
	// towards zero is as near, and even if this one is odd.
	unit := math.Pow(10, float64(-places))
	if digits := strconv.FormatFloat(math.Abs(v), 'f', -1, 64); !isHalf(digits, places) {
		return r
	}
	whole := math.Round(math.Abs(r) / unit)
	if math.Mod(whole, 2) == 0 {
		return r
	}
	return math.Copysign(roundFloat((whole-1)*unit, places), v)
}

// isHalf tells whether the digits behind a place are 5 and nothing more.
func isHalf(digits string, places int64) bool {
	point := len(digits)
	for i := range len(digits) {
		if digits[i] == '.' {
			point = i
		}
	}
	at := point + int(places)
	if places >= 0 {
		at++ // behind the point
	}
	for i := max(at, 0); i < len(digits); i++ {
		want := byte('0')
		if i == at {
			want = '5'
		}
		if digits[i] != '.' && digits[i] != want {
			return false
		}
	}
	return at >= 0 && at < len(digits)
}

func broundPlaces(c *call) error {
	c.out = c.x.fixed(kFloat, c.n)
	a, places, dst := rowsOf(&c.a[0], c.a[0].floats()), rowsOf(&c.a[1], c.a[1].ints()), c.out.floats()
	for i := range dst {
		dst[i] = roundEven(a.at(i), places.at(i))
	}
	return nil
}

func widthBucket(c *call) error {
	c.out = c.x.fixed(kInt, c.n)
	v, low, high := rowsOf(&c.a[0], c.a[0].floats()), rowsOf(&c.a[1], c.a[1].floats()), rowsOf(&c.a[2], c.a[2].floats())
	n, dst := rowsOf(&c.a[3], c.a[3].ints()), c.out.ints()
	for i := range dst {
		x, a, b, count := v.at(i), low.at(i), high.at(i), n.at(i)
		if dst[i] = 0; count < 1 || count == math.MaxInt64 || a == b || x != x || a-a != 0 || b-b != 0 {
			c.failAt(i)
			continue
		}
		if a > b { // buckets downwards
			x, a, b = -x, -a, -b
		}
		switch {
		case x < a:
		case x >= b:
			dst[i] = count + 1
		default:
			dst[i] = min(int64((x-a)/(b-a)*float64(count))+1, count)
		}
	}
	return nil
}
