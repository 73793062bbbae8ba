package expr

import (
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// toDecimal is CAST to a decimal; what has too many digits before the point
// fails, digits behind it are rounded half away from zero.
func toDecimal(from, to kind) impl {
	p, scale := to.digits()
	limit := decimal128.GetMaxValue(int32(p))
	one := powerOfTen(scale)
	switch from {
	case kBool:
		return decimalsOf(to, func(c *call) func(i int) (decimal128.Num, bool) {
			a := c.a[0].bits()
			return func(i int) (decimal128.Num, bool) {
				if a.Get(i) {
					return one, within(one, limit)
				}
				return decimal128.Num{}, true
			}
		})
	case kInt:
		return decimalsOf(to, func(c *call) func(i int) (decimal128.Num, bool) {
			a := rowsOf(&c.a[0], c.a[0].ints())
			return func(i int) (decimal128.Num, bool) { return rescale(decimal128.FromI64(a.at(i)), 0, scale, limit) }
		})
	case kFloat:
		return decimalsOf(to, func(c *call) func(i int) (decimal128.Num, bool) {
			a := rowsOf(&c.a[0], c.a[0].floats())
			var buf []byte
			return func(i int) (decimal128.Num, bool) {
				buf = strconv.AppendFloat(buf[:0], a.at(i), 'e', -1, 64)
				return parseDecimal(bytesText(buf), scale, limit)
			}
		})
	case kString:
		return decimalsOf(to, func(c *call) func(i int) (decimal128.Num, bool) {
			a := c.a[0].texts()
			return func(i int) (decimal128.Num, bool) { return parseDecimal(a.at(i), scale, limit) }
		})
	case kBinary, kTime, kDate, kInterval, kNull:
		return nil
	}
	if !from.isDecimal() {
		return nil
	}
	_, own := from.digits()
	return decimalsOf(to, func(c *call) func(i int) (decimal128.Num, bool) {
		a := rowsOf(&c.a[0], c.a[0].decimals())
		return func(i int) (decimal128.Num, bool) { return rescale(a.at(i), own, scale, limit) }
	})
}

// decimalsOf makes a decimal of every row without a null argument.
func decimalsOf(to kind, prepare func(c *call) func(i int) (decimal128.Num, bool)) impl {
	return func(c *call) error {
		f := prepare(c)
		c.out = c.x.fixed(to, c.n)
		dst := c.out.decimals()
		for i := range dst {
			if c.skip(i) {
				continue
			}
			v, ok := f(i)
			if !ok {
				c.failAt(i)
			}
			dst[i] = v
		}
		return nil
	}
}

// parseDecimal reads a decimal number of any length, with or without exponent.
func parseDecimal(s string, scale int, limit decimal128.Num) (decimal128.Num, bool) {
	s = strings.TrimSpace(s)
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	exp, mantissa := 0, s
	if at := strings.IndexAny(s, "eE"); at >= 0 {
		var err error
		if exp, err = strconv.Atoi(s[at+1:]); err != nil {
			return decimal128.Num{}, false
		}
		mantissa = s[:at]
	}
	whole, frac, _ := strings.Cut(mantissa, ".")
	if !allDigits(whole) || !allDigits(frac) || whole+frac == "" || exp > 1e6 || exp < -1e6 {
		return decimal128.Num{}, false
	}
	keep := len(whole) + exp + scale // digits of the result, of which some may lie behind the text
	v, seen, ten := decimal128.Num{}, 0, decimal128.FromI64(10)
	up := false
	for i := range len(whole) + len(frac) {
		d := digitAt(whole, frac, i)
		if i >= keep {
			up = i == keep && d >= 5
			break
		}
		if seen > 0 || d != 0 {
			seen++
		}
		if seen > maxDigits {
			return decimal128.Num{}, false
		}
		v = v.Mul(ten).Add(decimal128.FromI64(int64(d)))
	}
	for i := len(whole) + len(frac); i < keep && seen > 0; i++ {
		if seen++; seen > maxDigits {
			return decimal128.Num{}, false
		}
		v = v.Mul(ten)
	}
	if up {
		v = v.Add(decimal128.FromI64(1))
	}
	if negative {
		v = v.Negate()
	}
	return v, within(v, limit)
}

func digitAt(whole, frac string, i int) byte {
	if i < len(whole) {
		return whole[i] - '0'
	}
	return frac[i-len(whole)] - '0'
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

// fromDecimal is CAST of a decimal to another type, nil if there is none.
func fromDecimal(from, to kind) impl {
	_, scale := from.digits()
	switch to {
	case kBool:
		return func(c *call) error {
			a := c.a[0].decimals()
			return c.bools(func(i int) bool { return a[i].Sign() != 0 })
		}
	case kInt:
		return decimalInts(scale, towardsZero)
	case kFloat:
		return func(c *call) error {
			c.out = c.x.fixed(kFloat, c.n)
			a, dst := c.a[0].decimals(), c.out.floats()
			var buf []byte
			for i := range dst {
				if dst[i] = 0; c.skip(i) {
					continue
				}
				buf = appendDecimal(buf[:0], a[i], scale)
				dst[i], _ = strconv.ParseFloat(bytesText(buf), 64)
			}
			return nil
		}
	case kString:
		return textRows(func(c *call) func([]byte, int) ([]byte, bool) {
			a := rowsOf(&c.a[0], c.a[0].decimals())
			return func(dst []byte, i int) ([]byte, bool) { return appendDecimal(dst, a.at(i), scale), true }
		})
	case kBinary, kTime, kDate, kInterval, kNull:
	}
	return nil
}

// decimalInts rounds decimals to integers; what does not fit fails.
func decimalInts(scale int, how rounding) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kInt, c.n)
		a, dst := c.a[0].decimals(), c.out.ints()
		for i := range dst {
			if dst[i] = 0; c.skip(i) {
				continue
			}
			v := roundDigits(a[i], scale, how)
			if dst[i] = int64(v.LowBits()); v != decimal128.FromI64(dst[i]) {
				c.failAt(i)
			}
		}
		return nil
	}
}

// appendDecimal writes all digits behind the point that the scale has.
func appendDecimal(dst []byte, v decimal128.Num, scale int) []byte {
	if v.Sign() < 0 {
		dst = append(dst, '-')
	}
	var digits [40]byte
	at := len(digits)
	abs := v.Abs()
	for n := 0; abs != (decimal128.Num{}) || n <= scale; n++ {
		if n == scale && scale > 0 {
			at--
			digits[at] = '.'
		}
		tenth := roundDigits(abs, 1, towardsZero)
		at--
		digits[at] = '0' + byte(abs.LowBits()-tenth.LowBits()*10)
		abs = tenth
	}
	return append(dst, digits[at:]...)
}

// compileDecimal compiles arithmetic on decimals; done is false for what goes
// by way of doubles.
func compileDecimal(n *Call, args []typed) (t typed, done bool, err *Error) {
	for _, a := range args[:min(len(args), 2)] {
		if !a.kind.isDecimal() && a.kind != kInt && a.kind != kNull {
			return typed{}, false, nil
		}
	}
	switch n.Name {
	case "+", "-", "*", "/", "%", "div":
		if len(args) == 2 {
			t, err = decimalPair(n, args)
			return t, true, err
		}
	case "neg", "abs", "ceil", "floor", "round", "bround":
		if args[0].kind.isDecimal() {
			return decimalOne(n, args)
		}
	}
	return typed{}, false, nil
}

func decimalPair(n *Call, args []typed) (typed, *Error) {
	kinds, ops := make([]kind, 2), make([]op, 2)
	for i, a := range args {
		kinds[i] = decimalOf(a)
		if a.kind == kNull {
			kinds[i] = decimalOf(args[1-i])
		}
		var err *Error
		if ops[i], err = coerce(a, kinds[i]); err != nil {
			return typed{}, err
		}
	}
	name := n.Name
	if name == "div" {
		name = "/"
	}
	run, k := decimalImpl(name, kinds[0], kinds[1])
	t := typed{op: &callOp{name: n.Name, fn: function{run: run, kind: k}, args: ops}, kind: k}
	if n.Name == "div" {
		t = typed{op: &callOp{name: n.Name, fn: function{run: fromDecimal(k, kInt), kind: kInt}, args: []op{t.op}}, kind: kInt}
	}
	return t, nil
}

// decimalOf is the decimal type of a value: of an integer literal, one of its
// digits.
func decimalOf(a typed) kind {
	if a.kind.isDecimal() {
		return a.kind
	}
	if lit, ok := a.node.(*Literal); ok {
		if v, ok := lit.Value.(int64); ok {
			return decimalKind(len(strings.TrimPrefix(strconv.FormatInt(v, 10), "-")), 0)
		}
	}
	return decimalKind(20, 0)
}

// decimalOne is unary minus, abs and rounding.
func decimalOne(n *Call, args []typed) (typed, bool, *Error) {
	k := args[0].kind
	p, s := k.digits()
	result, how, to := k, halfUp, 0
	switch n.Name {
	case "ceil":
		how = upward
	case "floor":
		how = downward
	case "bround":
		how = halfEven
	}
	if len(args) == 2 {
		lit, ok := args[1].constant()
		places, isInt := int64(0), false
		if ok {
			places, isInt = lit.value().(int64)
		}
		if !isInt {
			return typed{}, true, errorAt(n.Args[1].At(), "the places of %s of a decimal must be a constant", n.Name)
		}
		to = int(min(max(places, -maxDigits), int64(s)))
	}
	if n.Name != "neg" && n.Name != "abs" {
		result = decimalKind(min(p-s+1+max(to, 0), maxDigits), max(to, 0))
	}
	limit := decimal128.GetMaxValue(int32(maxDigits))
	run := decimalsOf(result, func(c *call) func(i int) (decimal128.Num, bool) {
		a := rowsOf(&c.a[0], c.a[0].decimals())
		return func(i int) (decimal128.Num, bool) {
			v := a.at(i)
			switch {
			case n.Name == "neg":
				return v.Negate(), true
			case n.Name == "abs":
				return v.Abs(), true
			case to == s:
				return v, true
			case to >= 0:
				return roundDigits(v, s-to, how), true
			}
			return rescale(roundDigits(v, s-to, how), to, 0, limit)
		}
	})
	t := typed{op: &callOp{name: n.Name, fn: function{run: run, kind: result}, args: []op{args[0].op}}, kind: result}
	return t, true, nil
}
