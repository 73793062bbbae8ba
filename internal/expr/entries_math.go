package expr

import "math"

func mathEntries() []entry {
	float := func(name, doc, example string, f func(float64) float64) entry {
		return simple(name, doc, example, sig(kFloat, floats(f), kFloat))
	}
	logarithm := func(name, doc, example string, f func(float64) float64) entry {
		return simple(name, doc+" Zero and negative numbers fail.", example, sig(kFloat, positive(f), kFloat))
	}
	return []entry{
		simple("abs", "Absolute value; the least integer fails.", "abs(-2) = 2",
			sig(kInt, intRows(func(v int64) (int64, bool) {
				if v < 0 {
					v = -v
				}
				return v, v >= 0
			}), kInt), sig(kFloat, absFloat, kFloat)),
		simple("sign", "-1, 0 or 1 of the same type; signum too.", "sign(-2.5) = -1",
			sig(kInt, intRows(signInt), kInt), sig(kFloat, floats(signFloat), kFloat)),
		float("sqrt", "Square root; NaN for negative numbers.", "sqrt(9) = 3", math.Sqrt),
		float("exp", "e to the power x.", "exp(0) = 1", math.Exp),
		logarithm("ln", "Natural logarithm; log too.", "ln(1) = 0", math.Log),
		logarithm("log10", "Logarithm to base 10.", "log10(1000) = 3", math.Log10),
		logarithm("log2", "Logarithm to base 2.", "log2(8) = 3", math.Log2),
		float("sin", "Sine of an angle in radians.", "sin(0) = 0", math.Sin),
		float("cos", "Cosine of an angle in radians.", "cos(0) = 1", math.Cos),
		float("tan", "Tangent of an angle in radians.", "tan(0) = 0", math.Tan),
		simple("atan2", "The angle of the point (x, y), in radians, for atan2(y, x).", "atan2(0, 1) = 0",
			sig(kFloat, floatPairs(math.Atan2), kFloat, kFloat)),
		simple("power", "x to the power y as IEEE 754 has it; pow too.", "power(2, 10) = 1024",
			sig(kFloat, floatPairs(math.Pow), kFloat, kFloat)),
		simple("isnan", "Whether x is NaN; null for null.", "isnan(sqrt(-1))", sig(kBool, isNaN, kFloat)),
		simple("nanvl", "a unless it is NaN, then b.", "nanvl(sqrt(-1), 0) = 0",
			sig(kFloat, floatPairs(func(a, b float64) float64 {
				if math.IsNaN(a) {
					return b
				}
				return a
			}), kFloat, kFloat)),
		{doc: funcDoc{"pi", "pi()", "The number pi.", "round(pi(), 2) = 3.14"},
			special: func(*compiler, *Call, []typed) (typed, *Error) {
				return typed{op: literal(math.Pi), kind: kFloat}, nil
			}},
	}
}

func roundingEntries() []entry {
	same := intRows(func(v int64) (int64, bool) { return v, true })
	return []entry{
		simple("ceil", "The least integer not below x, a bigint; ceiling too. What does not fit fails.", "ceil(1.2) = 2",
			sig(kInt, same, kInt), sig(kInt, toInteger(math.Ceil), kFloat)),
		simple("floor", "The largest integer not above x, a bigint. What does not fit fails.", "floor(-1.2) = -2",
			sig(kInt, same, kInt), sig(kInt, toInteger(math.Floor), kFloat)),
		simple("round", "x rounded to n decimal places (0 if not given, negative for tens), halves away from zero. "+
			"Doubles are rounded as they are printed. Integers that overflow fail.", "round(2.675, 2) = 2.68",
			sig(kInt, same, kInt),
			sig(kFloat, floats(func(v float64) float64 { return roundFloat(v, 0) }), kFloat),
			sig(kInt, intPairs(roundInt), kInt, kInt), sig(kFloat, roundPlaces, kFloat, kInt)),
	}
}
