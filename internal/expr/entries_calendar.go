package expr

import (
	"strings"

	"github.com/idag/idag/internal/kernel/parse"
)

func dateEntries() []entry {
	number := func(name, doc, example string, f func(us int64) int64) entry {
		return simple(name, doc, example, sig(kInt, field(usDay, f), kTime))
	}
	date := func(name, doc, example string, f func(day, n int64) (int64, bool), params ...kind) entry {
		return simple(name, doc, example, sig(kDate, dayRows(f), params...))
	}
	name := func(name, doc, example, pattern string) entry {
		p, _ := newTimePattern(pattern)
		return simple(name, doc, example, sig(kString, formatPattern(p, 1), kTime))
	}
	return []entry{
		number("weekday", "Day of the week, 0 for Monday to 6 for Sunday.", "weekday(DATE '2026-01-31') = 5", func(us int64) int64 { return floorMod(floorDiv(us, usDay)+3, 7) }),
		number("unix_date", "Days since 1970.", "unix_date(DATE '1970-01-02') = 1", func(us int64) int64 { return floorDiv(us, usDay) }),
		name("dayname", "The weekday as three letters.", "dayname(DATE '2026-01-31') = 'Sat'", "EEE"),
		name("monthname", "The month as three letters.", "monthname(DATE '2026-01-31') = 'Jan'", "MMM"),
		date("last_day", "The last day of the month.", "last_day(DATE '2024-02-10') = DATE '2024-02-29'", func(day, _ int64) (int64, bool) { return lastDay(day) }, kDate),
		date("add_months", "The date n months later; a day that the month does not have becomes its last.", "add_months(DATE '2026-01-31', 1) = DATE '2026-02-28'", addMonths, kDate, kInt),
		simple("date_from_unix_date", "The date n days after 1970.", "date_from_unix_date(1) = DATE '1970-01-02'", sig(kDate, func(c *call) error {
			c.out = c.x.fixed(kDate, c.n)
			for i, v := range c.a[0].ints() {
				if c.out.days()[i] = int32(v); v != int64(int32(v)) {
					c.failAt(i)
				}
			}
			return nil
		}, kInt)),
		simple("next_day", "The first day after a date that is a weekday, by its name or its first two or three letters; other names fail.",
			"next_day(DATE '2026-01-31', 'Mon') = DATE '2026-02-02'", sig(kDate, nextDay, kDate, kString)),
		simple("months_between", "Months from b to a, for months_between(a, b): whole ones between the same days of months or their last days, else with a fraction of 31 days, rounded to 8 digits.",
			"months_between(DATE '2026-03-31', DATE '2026-02-28') = 1", sig(kFloat, monthsBetween, kTime, kTime)),
		simple("make_date", "The date of year, month and day; one that is not in the calendar of the years 1 to 9999 fails.", "make_date(2026, 1, 31) = DATE '2026-01-31'",
			sig(kDate, makeDate, kInt, kInt, kInt)),
		{doc: funcDoc{"make_timestamp", "make_timestamp(year, month, day, hour, minute, second[, zone])", "The timestamp of its fields in a time zone, UTC if not given; seconds may have a fraction. What clocks do not show fails.",
			"make_timestamp(2026, 1, 31, 12, 30, 5.5) = TIMESTAMP '2026-01-31 12:30:05.5'"}, min: 6, max: 7, special: compileMakeTimestamp},
		{doc: funcDoc{"trunc", "trunc(date, unit)", "The first day of the year, quarter, month or week (Monday) that a date lies in; yyyy, yy, mm and mon too.", "trunc(DATE '2026-05-31', 'month') = DATE '2026-05-01'"},
			min: 2, max: 2, special: compileTruncDate},
		simple("make_dt_interval", "The interval of days, hours, minutes and seconds, for make_dt_interval(d, h, m, s). Overflow fails.", "make_dt_interval(1, 2, 0, 0) = INTERVAL '26 hours'",
			sig(kInterval, makeInterval, kInt, kInt, kInt, kFloat)),
	}
}

func makeInterval(c *call) error {
	c.out = c.x.fixed(kInterval, c.n)
	var in [3]rows[int64]
	for k := range in {
		in[k] = rowsOf(&c.a[k], c.a[k].ints())
	}
	sec, dst := rowsOf(&c.a[3], c.a[3].floats()), c.out.ints()
	for i := range dst {
		v, ok := moved(0, in[0].at(i), usDay, 0)
		for k, unit := range [...]int64{usHour, usMinute} {
			var fits bool
			v, fits = moved(v, in[k+1].at(i), unit, 0)
			ok = ok && fits
		}
		us := roundFloat(sec.at(i)*1e6, 0)
		if us >= -1<<62 && us < 1<<62 {
			var fits bool
			v, fits = moved(v, int64(us), 1, 0)
			ok = ok && fits
		} else {
			ok = false
		}
		if dst[i] = v; !ok {
			c.failAt(i)
		}
	}
	return nil
}

func patternEntries() []entry {
	special := func(name, signature, doc, example string, low, high int,
		f func(c *compiler, n *Call, args []typed) (typed, *Error)) entry {
		return entry{doc: funcDoc{name, signature, doc, example}, special: f, min: low, max: high}
	}
	const letters = " The pattern is constant, of Spark's letters like yyyy-MM-dd HH:mm:ss.SSS."
	return []entry{
		special("date_format", "date_format(timestamp, pattern)", "The timestamp as text."+letters, "date_format(TIMESTAMP '2026-01-31 09:05:00', 'dd.MM.yy HH:mm') = '31.01.26 09:05'", 2, 2, compileFormat),
		special("from_unixtime", "from_unixtime(n[, pattern])", "The time n seconds after 1970 as text, by default as yyyy-MM-dd HH:mm:ss."+letters, "from_unixtime(60) = '1970-01-01 00:01:00'", 1, 2, compileFormat),
		special("to_timestamp", "to_timestamp(s[, pattern])", "The timestamp that the text is, without a pattern as CAST; other text fails."+letters, "to_timestamp('31/01/2026 12', 'dd/MM/yyyy HH') = TIMESTAMP '2026-01-31 12:00:00'", 2, 2, compileParse),
		special("to_date", "to_date(s[, pattern])", "The date that the text is, without a pattern as CAST; other text fails."+letters, "to_date('31.1.2026', 'd.M.yyyy') = DATE '2026-01-31'", 2, 2, compileParse),
		special("unix_timestamp", "unix_timestamp([x[, pattern]])", "Seconds since 1970 of a timestamp, of text, or of now()."+letters, "unix_timestamp('01:00 2.1.1970', 'HH:mm d.M.yyyy') = 90000", 0, 2, compileUnix),
		special("timestampadd", "timestampadd(unit, n, timestamp)", "The timestamp n units later, from microsecond to year; dateadd too. A day that a month does not have becomes its last. Overflow fails.",
			"timestampadd(MONTH, 1, TIMESTAMP '2026-01-31') = TIMESTAMP '2026-02-28'", 3, 3, compileUnits),
		special("timestampdiff", "timestampdiff(unit, a, b)", "The whole units from a to b, cut towards zero; datediff and date_diff with a unit too.", "timestampdiff(HOUR, TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-02') = 24", 3, 3, compileUnits),
		special("from_utc_timestamp", "from_utc_timestamp(timestamp, zone)", "What clocks of the zone show at that time of UTC. Zones have names of the tz database, which is in the binary, or are offsets; unknown ones fail.",
			"from_utc_timestamp(TIMESTAMP '2026-07-01 12:00:00', 'Europe/Berlin') = TIMESTAMP '2026-07-01 14:00:00'", 2, 2,
			func(_ *compiler, n *Call, args []typed) (typed, *Error) {
				return compileZones(n, args, zoneShift(toWall), kTime, kString)
			}),
		special("to_utc_timestamp", "to_utc_timestamp(timestamp, zone)", "The time of UTC at which clocks of the zone show that: the first if they show it twice, and moved by the gap if they skip it.",
			"to_utc_timestamp(TIMESTAMP '2026-07-01 14:00:00', 'Europe/Berlin') = TIMESTAMP '2026-07-01 12:00:00'", 2, 2,
			func(_ *compiler, n *Call, args []typed) (typed, *Error) {
				return compileZones(n, args, zoneShift(fromWall), kTime, kString)
			}),
		special("convert_timezone", "convert_timezone(from, to, timestamp)", "What clocks of one zone show when those of another show that.",
			"convert_timezone('UTC', 'Asia/Tokyo', TIMESTAMP '2026-01-01') = TIMESTAMP '2026-01-01 09:00:00'", 3, 3,
			func(_ *compiler, n *Call, args []typed) (typed, *Error) {
				return compileZones(n, args, convertZone, kString, kString, kTime)
			}),
	}
}

// constantPattern is argument i, a pattern that must be constant.
func constantPattern(n *Call, args []typed, i int) (string, *Error) {
	text, ok := constantText(args[i])
	if !ok {
		return "", errorAt(n.Args[i].At(), "the pattern of %s must be a constant", n.Name)
	}
	return text, nil
}

func compileFormat(_ *compiler, n *Call, args []typed) (typed, *Error) {
	text, of, unit := "yyyy-MM-dd HH:mm:ss", kTime, int64(1)
	if n.Name == "from_unixtime" {
		of, unit = kInt, usSecond
	}
	if len(args) > 1 {
		var err *Error
		if text, err = constantPattern(n, args, 1); err != nil {
			return typed{}, err
		}
	}
	p, bad := newTimePattern(text)
	if bad != nil {
		return typed{}, errorAt(n.Args[1].At(), "pattern %s: %v", quote(text, '\''), bad)
	}
	ops, err := coerceAll(args[:1], of, n.Name)
	if err != nil {
		return typed{}, err
	}
	return nestedCall(n, kString, formatPattern(p, unit), typed{op: ops[0]})
}

func compileParse(_ *compiler, n *Call, args []typed) (typed, *Error) {
	text, err := constantPattern(n, args, 1)
	if err != nil {
		return typed{}, err
	}
	l, bad := parse.NewLayout(text)
	if bad != nil {
		return typed{}, errorAt(n.Args[1].At(), "%v", bad)
	}
	ops, err := coerceAll(args[:1], kString, n.Name)
	if err != nil {
		return typed{}, err
	}
	s := typed{op: ops[0]}
	switch n.Name {
	case "to_date":
		return nestedCall(n, kDate, parsePatternDate(l), s)
	case "unix_timestamp":
		return nestedCall(n, kInt, parsePattern(l, usSecond), s)
	}
	return nestedCall(n, kTime, parsePattern(l, 1), s)
}

func compileUnix(c *compiler, n *Call, args []typed) (typed, *Error) {
	switch {
	case len(args) == 2 && args[0].kind == kString:
		return compileParse(c, n, args)
	case len(args) == 0:
		return c.call(&Call{Pos: n.Pos, Name: "unix_seconds", Args: []Node{&Call{Pos: n.Pos, Name: "now"}}})
	case args[0].kind == kString:
		return c.call(&Call{Pos: n.Pos, Name: "unix_seconds", Args: []Node{&Cast{Pos: n.Pos, X: args[0].node, To: kTime.arrow()}}})
	}
	return c.call(&Call{Pos: n.Pos, Name: "unix_seconds", Args: []Node{args[0].node}})
}

func compileUnits(_ *compiler, n *Call, args []typed) (typed, *Error) {
	unit, _ := constantText(args[0])
	us, months := unitSize(unit)
	if us+months == 0 {
		return typed{}, errorAt(n.Args[0].At(), "unknown unit of time %s; units are microsecond to year", n.Args[0])
	}
	first, run, k := kInt, timestampAdd(us, months), kTime
	if n.Name == "timestampdiff" {
		first, run, k = kTime, timestampDiff(us, months), kInt
	}
	a, err := coerceAll(args[1:2], first, n.Name)
	if err != nil {
		return typed{}, err
	}
	b, err := coerceAll(args[2:], kTime, n.Name)
	if err != nil {
		return typed{}, err
	}
	return nestedCall(n, k, run, typed{op: a[0]}, typed{op: b[0]})
}

func compileMakeTimestamp(_ *compiler, n *Call, args []typed) (typed, *Error) {
	seconds := decimalKind(18, 6)
	params := []kind{kInt, kInt, kInt, kInt, kInt, seconds, kString}
	if args[5].kind == kFloat { // what a literal with a point is
		args[5].op = &callOp{name: "cast", fn: function{run: conversion(kFloat, seconds), kind: seconds}, args: []op{args[5].op}}
		args[5].kind = seconds
	}
	return compileZones(n, args, makeTimestamp, params...)
}

func compileTruncDate(_ *compiler, n *Call, args []typed) (typed, *Error) {
	unit, ok := constantText(args[1])
	if !ok {
		return typed{}, errorAt(n.Args[1].At(), "the unit of trunc must be a constant")
	}
	unit = strings.ToLower(unit)
	switch unit {
	case "yyyy", "yy":
		unit = "year"
	case "mm", "mon":
		unit = "month"
	}
	start := dayTruncation(unit)
	if start == nil {
		return typed{}, errorAt(n.Args[1].At(), "trunc takes year, quarter, month or week, not %q; date_trunc takes the units of a day", unit)
	}
	ops, err := coerceAll(args[:1], kDate, n.Name)
	if err != nil {
		return typed{}, err
	}
	return nestedCall(n, kDate, dayRows(func(day, _ int64) (int64, bool) { return start(day), true }), typed{op: ops[0]})
}
