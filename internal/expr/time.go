package expr

import "math"

// field makes an integer of every timestamp, the same for all of one unit of time.
func field(unit int64, f func(us int64) int64) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kInt, c.n)
		eachUnit(c.out.ints(), c.a[0].ints(), unit, f)
		return nil
	}
}

func yearOf(us int64) int64 {
	y, _, _ := civil(floorDiv(us, usDay))
	return y
}

func monthOf(us int64) int64 {
	_, m, _ := civil(floorDiv(us, usDay))
	return m
}

func dayOf(us int64) int64 {
	_, _, d := civil(floorDiv(us, usDay))
	return d
}

func quarterOf(us int64) int64 { return (monthOf(us) + 2) / 3 }

// weekdayOf is 1 for Sunday to 7 for Saturday.
func weekdayOf(us int64) int64 { return floorMod(floorDiv(us, usDay)+4, 7) + 1 }

func yeardayOf(us int64) int64 {
	day := floorDiv(us, usDay)
	y, _, _ := civil(day)
	return day - daysOf(y, 1, 1) + 1
}

// weekOf is the week of ISO 8601: weeks start on Monday, and the first of a
// year is the one with its first Thursday.
func weekOf(us int64) int64 {
	day := floorDiv(us, usDay)
	thursday := day - floorMod(day+3, 7) + 3
	y, _, _ := civil(thursday)
	return (thursday-daysOf(y, 1, 1))/7 + 1
}

func hourOf(us int64) int64   { return floorMod(us, usDay) / usHour }
func minuteOf(us int64) int64 { return floorMod(us, usHour) / usMinute }
func secondOf(us int64) int64 { return floorMod(us, usMinute) / usSecond }

// scaled multiplies by unit; overflow fails.
func scaled(unit int64) impl {
	return intRows(func(v int64) (int64, bool) {
		return v * unit, v <= math.MaxInt64/unit && v >= math.MinInt64/unit
	})
}

// floored divides by unit, towards the past.
func floored(unit int64) impl {
	return intRows(func(v int64) (int64, bool) { return floorDiv(v, unit), true })
}

// truncation is the body of date_trunc for a unit, nil if there is no such
// unit.
func truncation(unit string) impl {
	fixed := int64(0)
	switch unit {
	case "microsecond":
		fixed = 1
	case "millisecond":
		fixed = 1000
	case "second":
		fixed = usSecond
	case "minute":
		fixed = usMinute
	case "hour":
		fixed = usHour
	case "day":
		fixed = usDay
	}
	if fixed != 0 {
		return intRows(func(us int64) (int64, bool) { return startTime(us, us-floorMod(us, fixed)) })
	}
	start := dayTruncation(unit)
	if start == nil {
		return nil
	}
	return intRows(func(us int64) (int64, bool) {
		day := start(floorDiv(us, usDay))
		return startTime(us, day*usDay)
	})
}

// startTime is start unless it overflowed: the start of a unit is not later
// than what lies in it.
func startTime(us, start int64) (int64, bool) { return start, start <= us }

// dayTruncation gives the first day of the unit that a day lies in.
func dayTruncation(unit string) func(day int64) int64 {
	months := int64(0)
	switch unit {
	case "week": // Monday
		return func(day int64) int64 { return day - floorMod(day+3, 7) }
	case "month":
		months = 1
	case "quarter":
		months = 3
	case "year":
		months = 12
	default:
		return nil
	}
	return func(day int64) int64 {
		y, m, _ := civil(day)
		return daysOf(y, m-(m-1)%months, 1)
	}
}

// addDays is date_add, with sign -1 date_sub.
func addDays(sign int64) impl {
	return func(c *call) error {
		c.out = c.x.fixed(kDate, c.n)
		a, b, dst := rowsOf(&c.a[0], c.a[0].days()), rowsOf(&c.a[1], c.a[1].ints()), c.out.days()
		for i := range dst {
			n := b.at(i)
			ok := n >= -1<<33 && n <= 1<<33
			day := int64(a.at(i)) + sign*n
			if !ok || day != int64(int32(day)) {
				c.failAt(i)
			}
			dst[i] = int32(day)
		}
		return nil
	}
}

func dateDiff(c *call) error {
	c.out = c.x.fixed(kInt, c.n)
	a, b, dst := rowsOf(&c.a[0], c.a[0].days()), rowsOf(&c.a[1], c.a[1].days()), c.out.ints()
	for i := range dst {
		dst[i] = int64(a.at(i)) - int64(b.at(i))
	}
	return nil
}
