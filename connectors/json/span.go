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
	line := append(append(make([]byte, 0, 64), s...), '\n')
	clock, some := false, false
	total := uint64(0)
	for p := 1; p < len(s); {
		if line[p] == 'T' && !clock {
			clock, some = true, false
			p++
			continue
		}
		if line[p]-'0' >= 10 {
			return 0, false
		}
		x, end, ok := scanPlain(line, p)
		unit := spanUnit(line[end], clock)
		if !ok || unit == 0 || x.exp10 < 0 && unit != usSecond {
			return 0, false
		}
		part, ok := x.micros(1000)
		if !ok || uint64(part) > math.MaxUint64/2/uint64(unit) {
			return 0, false
		}
		if x.exp10 < 0 || unit == usSecond {
			part, ok = x.micros(1e9)
			total += uint64(part)
		} else {
			total += uint64(part) * uint64(unit)
		}
		if !ok || total > 1<<63 {
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

// scanPlain reads digits with a fraction perhaps, in which zeros may lead.
func scanPlain(b []byte, p int) (x number, end int, ok bool) {
	for b[p] == '0' && b[p+1]-'0' < 10 {
		p++
	}
	start := p
	for b[p]-'0' < 10 {
		x.mant = x.mant*10 + uint64(b[p]-'0')
		p++
	}
	whole := p
	if b[p] == '.' {
		for p++; b[p]-'0' < 10; p++ {
			x.mant = x.mant*10 + uint64(b[p]-'0')
			x.exp10--
		}
		if p == whole+1 {
			return x, p, false
		}
	}
	x.exact = p-start <= 19
	return x, p, x.exact
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
