package csv

import (
	"math"
	"math/bits"
)

// parseSpan reads a duration of ISO 8601 without months and years as
// microseconds: P1DT2H, PT12.5S, -PT0.001S. Digits of a fraction after the sixth
// are cut off, and only seconds have one.
func parseSpan(v []byte) (int64, bool) {
	negative := v[0] == '-'
	if negative {
		v = v[1:]
	}
	if len(v) < 3 || v[0] != 'P' {
		return 0, false
	}
	total, clock, last := uint64(0), false, uint64(math.MaxUint64)
	for v = v[1:]; len(v) > 0; {
		if v[0] == 'T' {
			if v = v[1:]; clock || len(v) == 0 {
				return 0, false
			}
			clock = true
			continue
		}
		us, unit, n := spanTerm(v, clock)
		if n == 0 || unit >= last || us > math.MaxUint64-total {
			return 0, false
		}
		total, last, v = total+us, unit, v[n:]
	}
	if negative {
		return int64(-total), total <= 1<<63
	}
	return int64(total), total <= math.MaxInt64
}

// spanTerm reads a number with its unit, whose length is 0 if there is none.
func spanTerm(v []byte, clock bool) (us, unit uint64, n int) {
	whole, fraction := uint64(0), uint64(0)
	for ; n < len(v) && v[n]-'0' <= 9; n++ {
		hi, lo := bits.Mul64(whole, 10)
		if hi != 0 || lo > math.MaxUint64-9 {
			return 0, 0, 0
		}
		whole = lo + uint64(v[n]-'0')
	}
	digits := n
	if n > 0 && n < len(v) && v[n] == '.' {
		n++
		for scale := uint64(100_000); n < len(v) && v[n]-'0' <= 9; n++ {
			fraction += scale * uint64(v[n]-'0')
			scale /= 10
		}
		digits = n - digits - 1 // of the fraction
	}
	if digits == 0 || n == len(v) {
		return 0, 0, 0
	}
	unit = spanUnit(v[n], clock)
	hi, lo := bits.Mul64(whole, unit)
	if unit == 0 || hi != 0 || lo > math.MaxUint64-fraction || v[n] != 'S' && v[n-1]-'0' <= 9 && fraction > 0 {
		return 0, 0, 0
	}
	return lo + fraction, unit, n + 1
}

func spanUnit(c byte, clock bool) uint64 {
	switch {
	case clock && c == 'S':
		return 1_000_000
	case clock && c == 'M':
		return 60_000_000
	case clock && c == 'H':
		return 3_600_000_000
	case !clock && c == 'D':
		return usDay
	case !clock && c == 'W':
		return 7 * usDay
	}
	return 0
}
