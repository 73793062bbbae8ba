package json

import (
	"math"
	"math/bits"
	"time"

	"github.com/idag/idag/internal/kernel/parse"
)

// Microseconds of the units of time.
const (
	usSecond = int64(1_000_000)
	usMinute = 60 * usSecond
	usHour   = 60 * usMinute
	usDay    = 24 * usHour
)

// clock reads the texts of dates and times.
type clock struct {
	dates, stamps *parse.Layout  // nil: ISO 8601
	zone          *time.Location // of timestamps that name none; nil is UTC
}

// date reads a date as days since 1970.
func (c *clock) date(s []byte) (day int32, ok bool) {
	if c.dates != nil {
		us, _, ok := c.dates.Parse(s)
		d := floorDiv(us, usDay)
		return int32(d), ok && d == int64(int32(d))
	}
	if day, ok = parse.Date(s); ok {
		return day, true
	}
	d, rest, ok := farDay(s)
	return int32(d), ok && len(rest) == 0 && d == int64(int32(d))
}

// timestamp reads a time as microseconds since 1970. Digits of the fraction
// after the sixth are cut off.
func (c *clock) timestamp(s []byte) (us int64, ok bool) {
	var zoned bool
	if c.stamps != nil {
		us, zoned, ok = c.stamps.Parse(s)
	} else if us, zoned, ok = parse.Timestamp(s); !ok {
		return c.farTime(s)
	}
	if ok && !zoned && c.zone != nil {
		us = c.instant(us)
	}
	return us, ok
}

// instant returns when it is, in the zone, the time that us is in UTC.
func (c *clock) instant(us int64) int64 {
	t := time.UnixMicro(us).UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), c.zone).UnixMicro()
}

// farTime reads a timestamp whose year has a sign.
func (c *clock) farTime(s []byte) (us int64, ok bool) {
	day, rest, ok := farDay(s)
	if !ok {
		return 0, false
	}
	var room [64]byte
	us, zoned, ok := parse.Timestamp(append(append(room[:0], "1970-01-01"...), rest...))
	if !ok || !zoned && c.zone != nil {
		return 0, false
	}
	return join(day, us)
}

// farDay reads a date whose year has a sign, and returns what follows it.
func farDay(s []byte) (day int64, rest []byte, ok bool) {
	if len(s) < 11 || s[0] != '+' && s[0] != '-' {
		return 0, nil, false
	}
	p, y := 1, int64(0)
	for ; p < len(s) && p < 10 && s[p]-'0' < 10; p++ {
		y = y*10 + int64(s[p]-'0')
	}
	if s[0] == '-' {
		y = -y
	}
	if len(s)-p < 6 || p < 5 || s[p] != '-' {
		return 0, nil, false
	}
	// The calendar repeats after 400 years: the rest is that of a near year.
	var near [10]byte
	copy(near[4:], s[p:p+6])
	cycle := y % 400
	if cycle < 0 {
		cycle += 400
	}
	cycle += 2000
	for i := 3; i >= 0; i-- {
		near[i] = byte('0' + cycle%10)
		cycle /= 10
	}
	d, ok := parse.Date(near[:])
	return int64(d) + (floorDiv(y, 400)-5)*146097, s[p+6:], ok
}

// join adds days and microseconds; it fails where no timestamp is that far.
func join(day, us int64) (int64, bool) {
	if day < 0 { // the first day that has timestamps has them from its middle on
		day++
		us -= usDay
	}
	if day > math.MaxInt64/usDay || day < math.MinInt64/usDay {
		return 0, false
	}
	v := day * usDay
	sum := v + us
	return sum, (sum > v) == (us > 0)
}

// micros returns x, counted in a unit of ns nanoseconds, as whole microseconds:
// what is finer is cut off towards the past.
func (x *number) micros(ns int64) (us int64, ok bool) {
	if !x.exact {
		return 0, false
	}
	mant, exp := x.mant, x.exp10-3
	for ; ns > 1; ns /= 10 {
		exp++
	}
	for ; exp > 0 && mant != 0; exp-- {
		hi, lo := bits.Mul64(mant, 10)
		if hi != 0 {
			return 0, false
		}
		mant = lo
	}
	cut := false
	for ; exp < 0 && mant != 0; exp++ {
		cut = cut || mant%10 != 0
		mant /= 10
	}
	if mant >= math.MaxInt64 {
		return 0, false
	}
	us = int64(mant)
	if x.neg {
		us = -us
		if cut {
			us--
		}
	}
	return us, true
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// appendFraction writes microseconds of a second as a fraction, without zeros
// at its end.
func appendFraction(dst []byte, us int64) []byte {
	if us == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := usSecond / 10; us > 0; unit /= 10 {
		dst = append(dst, byte('0'+us/unit))
		us %= unit
	}
	return dst
}
