package parse

import (
	"math"
	"strconv"
	"unsafe"
)

// Int reads a decimal whole number with an optional sign. It fails on what does
// not fit into 64 bits.
func Int(b []byte) (int64, bool) {
	i := sign(b)
	n := len(b) - i
	if n == 0 || n > 18 {
		return intSlow(b)
	}
	v := int64(0)
	for _, c := range b[i:] {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		v = v*10 + int64(d)
	}
	if b[0] == '-' {
		v = -v
	}
	return v, true
}

func intSlow(b []byte) (int64, bool) {
	v, err := strconv.ParseInt(text(b), 10, 64)
	return v, err == nil
}

// sign returns the length of the sign that b begins with.
func sign(b []byte) int {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		return 1
	}
	return 0
}

// Float reads a decimal number, inf, infinity or nan in upper or lower case,
// correctly rounded. It fails on what is too large for a double.
//
// Most numbers of files have at most 15 digits and a small exponent; those are
// the quotient or product of two doubles without error, which one operation
// rounds correctly (Clinger, "How to read floating point numbers accurately").
func Float(b []byte) (float64, bool) {
	i := sign(b)
	start, point := i, -1
	m := uint64(0)
	for ; i < len(b); i++ {
		d := b[i] - '0'
		if d <= 9 {
			m = m*10 + uint64(d)
			continue
		}
		if b[i] != '.' || point >= 0 {
			break
		}
		point = i
	}
	digits, exp := i-start, 0
	if point >= 0 {
		digits--
		exp = point + 1 - i
	}
	if digits == 0 || digits > 19 || m > 1<<53 || i < len(b) && !exponent(b[i:], &exp) || exp < -22 || exp > 22 {
		return floatSlow(b)
	}
	f := float64(m)
	if exp < 0 {
		f /= math.Pow10(-exp)
	} else if exp > 0 {
		f *= math.Pow10(exp)
	}
	if b[0] == '-' {
		f = -f
	}
	return f, true
}

// exponent adds the exponent that b is to exp, if it is a short one.
func exponent(b []byte, exp *int) bool {
	if b[0]|0x20 != 'e' || len(b) > 5 {
		return false
	}
	v, ok := Int(b[1:])
	*exp += int(v)
	return ok
}

func floatSlow(b []byte) (float64, bool) {
	for _, c := range b {
		if c == 'x' || c == 'X' || c == '_' {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(text(b), 64)
	return v, err == nil
}

// Bool reads true, t, yes, y, 1 and their opposites in upper or lower case.
func Bool(b []byte) (v, ok bool) {
	var low [5]byte
	if len(b) > len(low) {
		return false, false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		low[i] = c
	}
	switch string(low[:len(b)]) {
	case "true", "t", "yes", "y", "1":
		return true, true
	case "false", "f", "no", "n", "0":
		return false, true
	}
	return false, false
}

// text views bytes as a string, borrowed.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
