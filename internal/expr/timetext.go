package expr

import (
	"math"
	"strconv"
	"strings"
)

// Microseconds of the units of time.
const (
	usSecond = int64(1_000_000)
	usMinute = 60 * usSecond
	usHour   = 60 * usMinute
	usDay    = 24 * usHour
)

// civil is the proleptic Gregorian date of a day counted from 1970-01-01, by
// multiplications in 32 bits where the day allows it, which all timestamps do
// (Neri and Schneider, "Euclidean affine functions and their application to
// calendar algorithms", figure 12).
func civil(days int64) (year, month, day int64) {
	const cycles = 800 // of 400 years, that make the day positive
	n := days + 719468 + cycles*146097
	if uint64(n) >= 1<<30 {
		return civilFar(days)
	}
	n1 := 4*uint32(n) + 3
	century, ofCentury := n1/146097, n1%146097/4
	p := 2939745 * uint64(4*ofCentury+3)
	ofYear := uint32(p) / 2939745 / 4
	m := 2141*ofYear + 197913
	year = int64(100*century) + int64(p>>32) - cycles*400
	month, day = int64(m>>16), int64(m&0xffff/2141)+1
	if ofYear >= 306 { // January and February end the year that starts in March
		return year + 1, month - 12, day
	}
	return year, month, day
}

// civilFar is civil for days within ±2^40 (Howard Hinnant, "chrono-compatible
// low-level date algorithms").
func civilFar(days int64) (year, month, day int64) {
	z := days + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	month = mp + 3
	if month > 12 {
		month -= 12
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

// daysOf is the inverse of civil.
func daysOf(year, month, day int64) int64 {
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yoe := year - era*400
	doy := (153*((month+9)%12)+2)/5 + day - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 {
	m := a % b
	if m < 0 {
		m += b
	}
	return m
}

// parseDate reads YYYY-MM-DD, years 0001 to 9999.
func parseDate(s string) (int32, bool) {
	s = strings.TrimSpace(s)
	if len(s) != 10 {
		return 0, false
	}
	return dateAt(s)
}

// dateAt reads the date that the first ten bytes of s hold.
func dateAt(s string) (int32, bool) {
	if s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	y, ok1 := fixedInt(s[:4])
	m, ok2 := fixedInt(s[5:7])
	d, ok3 := fixedInt(s[8:10])
	if !ok1 || !ok2 || !ok3 || y < 1 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	return int32(daysOf(y, m, d)), true
}

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// fixedInt reads s, which must be all digits.
func fixedInt(s string) (int64, bool) {
	v := int64(0)
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		v = v*10 + int64(s[i]-'0')
	}
	return v, len(s) > 0
}

// parseTimestamp reads YYYY-MM-DD[(T| )HH:MM[:SS[.fraction]][zone]] as
// microseconds; the zone is Z, UTC or ±HH[[:]MM], UTC when absent. Digits of
// the fraction after the sixth are cut off.
func parseTimestamp(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 10 {
		return 0, false
	}
	d, ok := dateAt(s)
	us := int64(d) * usDay
	if !ok || len(s) == 10 {
		return us, ok
	}
	if s[10] != 'T' && s[10] != ' ' {
		return 0, false
	}
	clock, s, ok := parseClock(s[11:])
	if !ok {
		return 0, false
	}
	zone, ok := parseZone(strings.TrimSpace(s))
	return us + clock - zone, ok
}

// parseClock reads HH:MM[:SS[.fraction]] and returns what follows.
func parseClock(s string) (us int64, rest string, ok bool) {
	if len(s) < 5 || s[2] != ':' {
		return 0, "", false
	}
	h, ok1 := fixedInt(s[:2])
	m, ok2 := fixedInt(s[3:5])
	if !ok1 || !ok2 || h > 23 || m > 59 {
		return 0, "", false
	}
	us, s = h*usHour+m*usMinute, s[5:]
	if s == "" || s[0] != ':' {
		return us, s, true
	}
	if len(s) < 3 {
		return 0, "", false
	}
	sec, ok := fixedInt(s[1:3])
	if !ok || sec > 59 {
		return 0, "", false
	}
	us, s = us+sec*usSecond, s[3:]
	if s == "" || s[0] != '.' {
		return us, s, true
	}
	end := digits(s, 1)
	unit := usSecond
	for i := 1; i < end && unit > 1; i++ {
		unit /= 10
		us += int64(s[i]-'0') * unit
	}
	return us, s[end:], end > 1
}

// parseZone reads an offset from UTC.
func parseZone(s string) (us int64, ok bool) {
	if s == "" || s == "Z" || s == "UTC" {
		return 0, true
	}
	sign := int64(1)
	switch s[0] {
	case '+':
	case '-':
		sign = -1
	default:
		return 0, false
	}
	digits := strings.Replace(s[1:], ":", "", 1)
	if len(s) != 1+len(digits) && (len(s) != 6 || s[3] != ':') {
		return 0, false
	}
	if len(digits) == 2 {
		digits += "00"
	}
	v, ok := fixedInt(digits)
	if !ok || len(digits) != 4 || v%100 > 59 || v/100 > 18 {
		return 0, false
	}
	return sign * (v/100*usHour + v%100*usMinute), true
}

// appendDate writes YYYY-MM-DD; years outside 0 to 9999 have a sign.
func appendDate(dst []byte, days int64) []byte {
	y, m, d := civil(days)
	if y < 0 || y > 9999 {
		sign := byte('+')
		if y < 0 {
			y, sign = -y, '-'
		}
		dst = append(dst, sign)
	}
	dst = appendPadded(dst, y, 4)
	dst = appendPadded(append(dst, '-'), m, 2)
	return appendPadded(append(dst, '-'), d, 2)
}

// appendTimestamp writes YYYY-MM-DD HH:MM:SS and as many of six digits of a
// fraction as it takes.
func appendTimestamp(dst []byte, us int64) []byte {
	day := floorDiv(us, usDay)
	us -= day * usDay
	dst = appendDate(dst, day)
	dst = appendPadded(append(dst, ' '), us/usHour, 2)
	dst = appendPadded(append(dst, ':'), us/usMinute%60, 2)
	dst = appendPadded(append(dst, ':'), us/usSecond%60, 2)
	if frac := us % usSecond; frac != 0 {
		dst = appendPadded(append(dst, '.'), frac, 6)
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return dst
}

func appendPadded(dst []byte, v int64, width int) []byte {
	for ; width > 1 && v < pow10(width-1); width-- {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, v, 10)
}

func pow10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// appendFloat writes the shortest digits that read back as f: 1.0, 0.25,
// 1e+21, NaN, Infinity. Negative zero is written as 0.0, for they are equal.
func appendFloat(dst []byte, f float64) []byte {
	switch a := math.Abs(f); {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	case a == 0:
		return append(dst, "0.0"...)
	case a < 1e-6 || a >= 1e21:
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	n := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	for _, c := range dst[n:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

// parseInterval reads "1 day 2 hours"; msg tells what is wrong.
func parseInterval(s string) (us int64, msg string) {
	words := strings.Fields(strings.ToLower(s))
	if len(words) == 0 || len(words)%2 != 0 {
		return 0, "an interval is numbers with units, like '1 day 2 hours'"
	}
	for i := 0; i < len(words); i += 2 {
		n, err := strconv.ParseInt(words[i], 10, 64)
		if err != nil {
			return 0, "an interval takes whole numbers, not " + words[i]
		}
		unit, msg := intervalUnit(words[i+1])
		if msg != "" {
			return 0, msg
		}
		if n > math.MaxInt64/unit || n < -math.MaxInt64/unit {
			return 0, "interval is out of range"
		}
		n *= unit
		if n > 0 && us > math.MaxInt64-n || n < 0 && us < -math.MaxInt64-n {
			return 0, "interval is out of range"
		}
		us += n
	}
	return us, ""
}

func intervalUnit(word string) (us int64, msg string) {
	switch strings.TrimSuffix(word, "s") {
	case "microsecond":
		return 1, ""
	case "millisecond":
		return 1000, ""
	case "second":
		return usSecond, ""
	case "minute":
		return usMinute, ""
	case "hour":
		return usHour, ""
	case "day":
		return usDay, ""
	case "week":
		return 7 * usDay, ""
	case "month", "quarter", "year":
		return 0, "an interval cannot have " + word + ": its length varies; use days"
	}
	return 0, "unknown unit of time " + quote(word, '"')
}

// intervalText writes an interval with the largest unit that divides it.
func intervalText(us int64) string {
	for _, u := range [...]struct {
		us   int64
		name string
	}{{usDay, " day"}, {usHour, " hour"}, {usMinute, " minute"}, {usSecond, " second"}, {1000, " millisecond"}} {
		if us%u.us == 0 && us != 0 {
			return plural(us/u.us, u.name)
		}
	}
	return plural(us, " microsecond")
}

func plural(n int64, unit string) string {
	s := strconv.FormatInt(n, 10) + unit
	if n != 1 {
		s += "s"
	}
	return s
}
