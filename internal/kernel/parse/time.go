package parse

// Microseconds of the units of time.
const (
	second = int64(1_000_000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// Date reads YYYY-MM-DD as days since 1970, years 0001 to 9999.
func Date(b []byte) (int32, bool) {
	if len(b) != 10 {
		return 0, false
	}
	return dateAt(b)
}

// dateAt reads the date that the first ten bytes of b hold.
func dateAt(b []byte) (int32, bool) {
	_ = b[9]
	y1, y2, m, d := two(b[0], b[1]), two(b[2], b[3]), two(b[5], b[6]), two(b[8], b[9])
	if b[4] != '-' || b[7] != '-' || y1 > 99 || y2 > 99 {
		return 0, false
	}
	return civil(int(y1*100+y2), int(m), int(d))
}

// two returns the number of two digits, over 99 if they are none.
func two(a, b byte) uint32 {
	a, b = a-'0', b-'0'
	if a > 9 || b > 9 {
		return 1000
	}
	return uint32(a)*10 + uint32(b)
}

// civil counts the days from 1970-01-01 to a date of the proleptic Gregorian
// calendar, years 1 to 9999 (Howard Hinnant, "chrono-compatible low-level date
// algorithms").
func civil(y, m, d int) (int32, bool) {
	if y < 1 || y > 9999 || m < 1 || m > 12 || d < 1 || d > 28 && d > monthDays(y, m) {
		return 0, false
	}
	if m <= 2 {
		y--
		m += 12
	}
	era := uint32(y) / 400
	yoe := uint32(y) - era*400
	doy := (153*uint32(m-3)+2)/5 + uint32(d) - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int32(era*146097+doe) - 719468, true
}

func monthDays(y, m int) int {
	switch m {
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// Timestamp reads YYYY-MM-DD[(T| )HH:MM[:SS[.fraction]][zone]] as microseconds
// since 1970; the zone is Z, UTC or ±HH[[:]MM], maybe after spaces. Zoned says
// whether there is one; without it us is the time of day in UTC. Digits of the
// fraction after the sixth are cut off.
func Timestamp(b []byte) (us int64, zoned, ok bool) {
	if len(b) < 10 {
		return 0, false, false
	}
	d, ok := dateAt(b)
	us = int64(d) * day
	if !ok || len(b) == 10 {
		return us, false, ok
	}
	if b[10] != 'T' && b[10] != ' ' {
		return 0, false, false
	}
	c, n := clock(b[11:])
	if n == 0 {
		return 0, false, false
	}
	us += c
	b = b[11+n:]
	if len(b) == 0 {
		return us, false, true
	}
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	off, ok := zone(b)
	return us - off, len(b) > 0, ok
}

// clock reads HH:MM[:SS[.fraction]] from the head of b and returns its length,
// 0 if there is none.
func clock(b []byte) (us int64, n int) {
	if len(b) < 5 || b[2] != ':' {
		return 0, 0
	}
	h, m := two(b[0], b[1]), two(b[3], b[4])
	if h > 23 || m > 59 {
		return 0, 0
	}
	us = int64(h*60+m) * minute
	if len(b) == 5 || b[5] != ':' {
		return us, 5
	}
	if len(b) < 8 {
		return 0, 0
	}
	s := two(b[6], b[7])
	if s > 59 {
		return 0, 0
	}
	us += int64(s) * second
	if len(b) == 8 || b[8] != '.' {
		return us, 8
	}
	f, n := fraction(b[9:])
	if n == 0 {
		return 0, 0
	}
	return us + f, 9 + n
}

// fraction reads digits behind the point as microseconds.
func fraction(b []byte) (us int64, n int) {
	unit := second
	for n < len(b) && b[n]-'0' <= 9 {
		unit /= 10
		us += int64(b[n]-'0') * unit
		n++
	}
	return us, n
}

// zone reads an offset from UTC.
func zone(b []byte) (us int64, ok bool) {
	switch string(b) {
	case "", "Z", "UTC":
		return 0, true
	}
	h, m := two('x', 0), uint32(0)
	switch {
	case len(b) == 3:
		h = two(b[1], b[2])
	case len(b) == 5:
		h, m = two(b[1], b[2]), two(b[3], b[4])
	case len(b) == 6 && b[3] == ':':
		h, m = two(b[1], b[2]), two(b[4], b[5])
	}
	if h > 18 || m > 59 || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	us = int64(h)*hour + int64(m)*minute
	if b[0] == '-' {
		us = -us
	}
	return us, true
}
