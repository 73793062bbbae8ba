package json

import (
	"math"
	"strconv"
)

// parseSpan reads an ISO 8601 duration of weeks, days, hours, minutes and
// seconds, P1DT2H3M4.5S, as microseconds. A minus may stand before the P.
func parseSpan(s []byte) (us int64, ok bool) {
	neg := len(s) > 0 && s[0] == '-'
	if neg {
		s = s[1:]
	}
	if len(s) < 3 || s[0] != 'P' {
		return 0, false
	}
	var room [64]byte
	line := append(append(room[:0], s...), '\n')
	clock, some := false, false
	total := uint64(0)
	for p := 1; p < len(s); {
		if line[p] == 'T' && !clock {
			clock, some = true, false
			p++
			continue
		}
		whole, part, end, ok := scanPlain(line, p)
		unit := uint64(spanUnit(line[end], clock))
		if !ok || unit == 0 || part > 0 && unit != uint64(usSecond) || whole > 1<<63/unit {
			return 0, false
		}
		if total += whole*unit + part; total > 1<<63 {
			return 0, false
		}
		p, some = end+1, true
	}
	if !some || total == 1<<63 && !neg {
		return 0, false
	}
	if neg {
		return -int64(total), true
	}
	return int64(total), true
}

// scanPlain reads digits, with a fraction perhaps, which is in millionths; what
// is finer is cut off.
func scanPlain(b []byte, p int) (whole, part uint64, end int, ok bool) {
	start := p
	for ; b[p]-'0' < 10; p++ {
		if whole > math.MaxInt64/10 {
			return 0, 0, p, false
		}
		whole = whole*10 + uint64(b[p]-'0')
	}
	if b[p] != '.' || p == start {
		return whole, 0, p, p > start
	}
	point := p
	unit := uint64(usSecond)
	for p++; b[p]-'0' < 10; p++ {
		unit /= 10
		part += uint64(b[p]-'0') * unit
	}
	return whole, part, p, p > point+1
}

func spanUnit(c byte, clock bool) int64 {
	switch {
	case c == 'W' && !clock:
		return 7 * usDay
	case c == 'D' && !clock:
		return usDay
	case c == 'H' && clock:
		return usHour
	case c == 'M' && clock:
		return usMinute
	case c == 'S' && clock:
		return usSecond
	}
	return 0
}

// appendSpan writes microseconds as a duration in seconds.
func appendSpan(dst []byte, us int64) []byte {
	u := uint64(us)
	if us < 0 {
		dst, u = append(dst, '-'), -u
	}
	dst = append(dst, "PT"...)
	dst = strconv.AppendUint(dst, u/uint64(usSecond), 10)
	dst = appendFraction(dst, int64(u%uint64(usSecond)))
	return append(dst, 'S')
}
