package expr

import (
	"math"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"github.com/idag/idag/internal/kernel/parse"
)

// addMonths moves a day by months; a day that the month does not have becomes
// its last.
func addMonths(day, n int64) (int64, bool) {
	if n > 1<<24 || n < -1<<24 {
		return 0, false
	}
	y, m, d := civil(day)
	m += n - 1
	y, m = y+floorDiv(m, 12), floorMod(m, 12)+1
	return daysOf(y, m, min(d, daysIn(y, m))), true
}

func lastDay(day int64) (int64, bool) {
	y, m, _ := civil(day)
	return daysOf(y, m, daysIn(y, m)), true
}

// dayRows makes a date of a date and maybe an integer.
func dayRows(f func(day, n int64) (int64, bool)) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kDate, c.n)
		a, dst := rowsOf(&c.a[0], c.a[0].days()), c.out.days()
		b := rows[int64]{v: []int64{0}}
		if len(c.a) > 1 {
			b = rowsOf(&c.a[1], c.a[1].ints())
		}
		for i := range dst {
			day, ok := f(int64(a.at(i)), b.at(i))
			if !ok || day != int64(int32(day)) {
				c.failAt(i)
			}
			dst[i] = int32(day)
		}
		return nil
	}
}

// nextDay is the first day later than a day that has the name; an unknown name
// fails.
func nextDay(c *call) error {
	c.out = c.x.fixed(kDate, c.n)
	a, name, dst := rowsOf(&c.a[0], c.a[0].days()), c.a[1].texts(), c.out.days()
	for i := range dst {
		if dst[i] = 0; c.skip(i) {
			continue
		}
		want := weekdayNamed(name.at(i))
		if want == 0 {
			c.failAt(i)
			continue
		}
		day := int64(a.at(i)) + 1
		day += floorMod(want-weekdayOf(day*usDay), 7)
		if dst[i] = int32(day); day > math.MaxInt32 {
			c.failAt(i)
		}
	}
	return nil
}

// weekdayNamed is 1 for Sunday to 7 for Saturday, 0 for other text.
func weekdayNamed(s string) int64 {
	s = strings.ToLower(strings.TrimSpace(s))
	for i, name := range [...]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"} {
		if s == name || len(s) >= 2 && len(s) <= 3 && strings.HasPrefix(name, s) {
			return int64(i) + 1
		}
	}
	return 0
}

// monthsBetween is the months from b to a: whole ones if both are the same day
// of the month or the last, else with a fraction of months of 31 days, rounded
// to 8 digits.
func monthsBetween(c *call) error {
	c.out = c.x.fixed(kFloat, c.n)
	a, b, dst := rowsOf(&c.a[0], c.a[0].ints()), rowsOf(&c.a[1], c.a[1].ints()), c.out.floats()
	for i := range dst {
		dst[i] = 0
		if !c.skip(i) {
			dst[i] = monthsOf(a.at(i), b.at(i))
		}
	}
	return nil
}

func monthsOf(a, b int64) float64 {
	dayA, dayB := floorDiv(a, usDay), floorDiv(b, usDay)
	y1, m1, d1 := civil(dayA)
	y2, m2, d2 := civil(dayB)
	months := float64((y1-y2)*12 + m1 - m2)
	if d1 == d2 || d1 == daysIn(y1, m1) && d2 == daysIn(y2, m2) {
		return months
	}
	seconds := (d1-d2)*86400 + (floorMod(a, usDay)-floorMod(b, usDay))/usSecond
	return roundFloat(months+float64(seconds)/(31*86400), 8)
}

// unitSize is the microseconds of a unit of time, or the months of one.
func unitSize(unit string) (us, months int64) {
	switch u := strings.TrimSuffix(strings.ToLower(unit), "s"); u {
	case "microsecond":
		return 1, 0
	case "millisecond":
		return 1000, 0
	case "second":
		return usSecond, 0
	case "minute":
		return usMinute, 0
	case "hour":
		return usHour, 0
	case "day", "dayofyear":
		return usDay, 0
	case "week":
		return 7 * usDay, 0
	case "month":
		return 0, 1
	case "quarter":
		return 0, 3
	case "year":
		return 0, 12
	}
	return 0, 0
}

// timestampAdd moves a timestamp by n units.
func timestampAdd(us, months int64) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kTime, c.n)
		n, a, dst := rowsOf(&c.a[0], c.a[0].ints()), rowsOf(&c.a[1], c.a[1].ints()), c.out.ints()
		for i := range dst {
			if dst[i] = 0; c.skip(i) {
				continue
			}
			v, ok := moved(a.at(i), n.at(i), us, months)
			if !ok {
				c.failAt(i)
			}
			dst[i] = v
		}
		return nil
	}
}

func moved(at, n, us, months int64) (int64, bool) {
	if months == 0 {
		by := n * us
		to := at + by
		return to, (n == 0 || by/n == us) && (by >= 0) == (to >= at) && n != math.MinInt64
	}
	if n > 1<<24 || n < -1<<24 {
		return 0, false
	}
	day, ok := addMonths(floorDiv(at, usDay), n*months)
	to := day*usDay + floorMod(at, usDay)
	return to, ok && day > math.MinInt64/usDay && day < math.MaxInt64/usDay
}

// timestampDiff is the whole units from a to b, cut towards zero.
func timestampDiff(us, months int64) impl {
	return intPairs(func(a, b int64) (int64, bool) {
		if months == 0 {
			d := b - a
			return d / us, (d >= 0) == (b >= a)
		}
		y1, m1, _ := civil(floorDiv(a, usDay))
		y2, m2, _ := civil(floorDiv(b, usDay))
		n := (y2-y1)*12 + m2 - m1
		// The last month counts if a moved by it is not beyond b.
		switch to, ok := moved(a, n, 0, 1); {
		case !ok:
		case n > 0 && to > b:
			n--
		case n < 0 && to < b:
			n++
		}
		return n / months, true
	})
}

func makeDate(c *call) error {
	c.out = c.x.fixed(kDate, c.n)
	y, m, d := rowsOf(&c.a[0], c.a[0].ints()), rowsOf(&c.a[1], c.a[1].ints()), rowsOf(&c.a[2], c.a[2].ints())
	for i, dst := 0, c.out.days(); i < c.n; i++ {
		day, ok := dayOfFields(y.at(i), m.at(i), d.at(i))
		if dst[i] = int32(day); !ok {
			c.failAt(i)
		}
	}
	return nil
}

func dayOfFields(y, m, d int64) (int64, bool) {
	if y < 1 || y > 9999 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	return daysOf(y, m, d), true
}

// makeTimestamp takes the seconds as a decimal(18,6); 60 is the next minute.
func makeTimestamp(c *call) error {
	c.out = c.x.fixed(kTime, c.n)
	var in [5]rows[int64]
	for k := range in {
		in[k] = rowsOf(&c.a[k], c.a[k].ints())
	}
	sec, dst := rowsOf(&c.a[5], c.a[5].decimals()), c.out.ints()
	zone := func(int) *time.Location { return nil }
	if len(c.a) > 6 {
		zone = zones(c, 6)
	}
	minute := decimal128.FromI64(usMinute)
	for i := range dst {
		if dst[i] = 0; c.skip(i) {
			continue
		}
		day, ok := dayOfFields(in[0].at(i), in[1].at(i), in[2].at(i))
		h, m, s := in[3].at(i), in[4].at(i), sec.at(i)
		ok = ok && h >= 0 && h < 24 && m >= 0 && m < 60 && s.Sign() >= 0 && s.LessEqual(minute)
		us := day*usDay + h*usHour + m*usMinute + int64(s.LowBits())
		if ok && len(c.a) > 6 {
			if z := zone(i); z != nil {
				us, ok = fromWall(z, us)
			} else {
				ok = false
			}
		}
		if dst[i] = us; !ok {
			c.failAt(i)
		}
	}
	return nil
}

// parsePattern reads times by a pattern; what does not fit fails.
func parsePattern(l *parse.Layout, unit int64) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kTime, c.n)
		a, dst := c.a[0].texts(), c.out.ints()
		for i := range dst {
			if dst[i] = 0; c.skip(i) {
				continue
			}
			us, _, ok := l.Parse(textBytes(a.at(i)))
			if !ok {
				c.failAt(i)
			}
			dst[i] = floorDiv(us, unit)
		}
		return nil
	}
}

// parsePatternDate is parsePattern for dates.
func parsePatternDate(l *parse.Layout) impl {
	return func(c *call) error {
		if err := parsePattern(l, usDay)(c); err != nil {
			return err
		}
		days := c.out
		defer days.release()
		c.out = c.x.fixed(kDate, c.n)
		for i, d := range days.ints() {
			c.out.days()[i] = int32(d)
		}
		return nil
	}
}

// formatPattern writes times by a pattern.
func formatPattern(p timePattern, unit int64) impl {
	return textRows(func(c *call) func([]byte, int) ([]byte, bool) {
		a := rowsOf(&c.a[0], c.a[0].ints())
		return func(dst []byte, i int) ([]byte, bool) {
			v := a.at(i)
			return p.append(dst, v*unit), v <= math.MaxInt64/unit && v >= math.MinInt64/unit
		}
	})
}
