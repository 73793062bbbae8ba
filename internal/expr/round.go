package expr

import (
	"math"
	"strconv"
)

// roundFloat rounds the shortest decimal that reads back as v to the given
// number of places, halves away from zero: what one sees is what is rounded,
// so that round(2.675, 2) is 2.68.
func roundFloat(v float64, places int64) float64 {
	a := math.Abs(v)
	switch {
	case v == 0 || math.IsNaN(v) || math.IsInf(v, 0):
		return v
	case places > 330:
		return v
	case places < -330:
		return math.Copysign(0, v)
	}
	if places >= 0 && places <= 15 {
		scale := math.Pow10(int(places))
		scaled := a * scale
		whole := math.Floor(scaled)
		// Further from a half than all errors, the decimal and the binary value
		// round alike, and the quotient of two exact integers is the double
		// nearest to the result.
		frac := scaled - whole
		isHalf := frac == 0.5 && scaled < 1e14 && math.FMA(a, scale, -scaled) == 0 // and so has few digits
		if isHalf || scaled < 1<<50 && math.Abs(frac-0.5) > 4e-15*(1+scaled) {
			if frac >= 0.5 {
				whole++
			}
			return math.Copysign(whole/scale, v)
		}
	}
	return roundDecimal(v, places)
}

// roundDecimal is roundFloat by way of the digits.
func roundDecimal(v float64, places int64) float64 {
	var buf [32]byte
	text := strconv.AppendFloat(buf[:0], math.Abs(v), 'e', -1, 64)
	digits, exp := make([]byte, 1, 32), 0
	for i, b := range text {
		if b == 'e' {
			exp, _ = strconv.Atoi(string(text[i+1:]))
			break
		}
		if b != '.' {
			digits = append(digits, b)
		}
	}
	digits[0] = '0'                      // room for a carry; the value is 0ddd * 10^(exp+1-len)
	keep := 2 + exp + int(places)        // digits that stay, the leading 0 among them
	if keep >= len(digits) || keep < 1 { // nothing to round, or all of it
		if keep < 1 {
			return math.Copysign(0, v)
		}
		return v
	}
	up := digits[keep] >= '5'
	digits = digits[:keep]
	for i := keep - 1; up; i-- {
		if digits[i]++; digits[i] > '9' {
			digits[i] = '0'
			continue
		}
		up = false
	}
	digits = strconv.AppendInt(append(digits, 'e'), -places, 10)
	r, err := strconv.ParseFloat(string(digits), 64)
	if err != nil {
		return v // rounded past the largest double
	}
	return math.Copysign(r, v)
}

// roundInt rounds to tens, hundreds, ... for negative places.
func roundInt(v, places int64) (int64, bool) {
	switch {
	case places >= 0:
		return v, true
	case places < -19:
		return 0, true
	case places == -19: // half of 10^19 lies within the integers
		return 0, v < 5_000_000_000_000_000_000 && v > -5_000_000_000_000_000_000
	}
	unit := pow10(int(-places))
	rest := v % unit
	base := v - rest
	switch {
	case rest >= unit-rest:
		return base + unit, base <= math.MaxInt64-unit
	case -rest >= unit+rest:
		return base - unit, base >= math.MinInt64+unit
	}
	return base, true
}

func roundPlaces(c *call) error {
	c.out = c.x.fixed(kFloat, c.n)
	a, places, dst := rowsOf(&c.a[0], c.a[0].floats()), rowsOf(&c.a[1], c.a[1].ints()), c.out.floats()
	for i := range dst {
		dst[i] = roundFloat(a.at(i), places.at(i))
	}
	return nil
}
