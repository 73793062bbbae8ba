package expr

import "strings"

func timeEntries() []entry {
	number := func(name, doc, example string, run impl) entry {
		return simple(name, doc, example, sig(kInt, run, kTime))
	}
	stamp := func(name, doc, example string, run impl) entry {
		return simple(name, doc+" Overflow fails.", example, sig(kTime, run, kInt))
	}
	return []entry{
		{doc: funcDoc{"now", "now()", "The time the batch was planned, the same in every row and every retry; current_timestamp too.", "now() = now()"},
			special: func(*compiler, *Call, []typed) (typed, *Error) { return typed{op: nowOp{}, kind: kTime}, nil }},
		{doc: funcDoc{"date_trunc", "date_trunc(unit, timestamp)",
			"The start of the year, quarter, month, week (Monday), day, hour, minute, second, millisecond or microsecond that the timestamp lies in.",
			"date_trunc('hour', TIMESTAMP '2026-01-31 12:34:56') = TIMESTAMP '2026-01-31 12:00:00'"}, min: 2, max: 2, special: compileTrunc},
		number("unix_seconds", "Seconds since 1970, rounded down; extract(epoch FROM t) too.", "unix_seconds(TIMESTAMP '1970-01-01 00:01:00') = 60", floored(usSecond)),
		number("unix_millis", "Milliseconds since 1970, rounded down.", "unix_millis(TIMESTAMP '1970-01-01 00:00:01.5') = 1500", floored(1000)),
		number("unix_micros", "Microseconds since 1970.", "unix_micros(TIMESTAMP '1970-01-01 00:00:01') = 1000000", floored(1)),
		stamp("timestamp_seconds", "The timestamp n seconds after 1970.", "timestamp_seconds(60) = TIMESTAMP '1970-01-01 00:01:00'", scaled(usSecond)),
		stamp("timestamp_millis", "The timestamp n milliseconds after 1970.", "timestamp_millis(1500) = TIMESTAMP '1970-01-01 00:00:01.5'", scaled(1000)),
		stamp("timestamp_micros", "The timestamp n microseconds after 1970.", "timestamp_micros(1) > TIMESTAMP '1970-01-01'", scaled(1)),
		number("hour", "Hour of the day.", "hour(TIMESTAMP '2026-01-31 12:34:56') = 12", field(usHour, hourOf)),
		number("minute", "Minute of the hour.", "minute(TIMESTAMP '2026-01-31 12:34:56') = 34", field(usMinute, minuteOf)),
		number("second", "Second of the minute, whole.", "second(TIMESTAMP '2026-01-31 12:34:56.7') = 56", field(usSecond, secondOf)),
	}
}

func calendarEntries() []entry {
	number := func(name, doc, example string, f func(us int64) int64) entry {
		return simple(name, doc, example, sig(kInt, field(usDay, f), kTime))
	}
	return []entry{
		number("year", "Year; extract(year FROM t) too, and so for all fields.", "year(DATE '2026-01-31') = 2026", yearOf),
		number("quarter", "Quarter of the year.", "quarter(DATE '2026-04-01') = 2", quarterOf),
		number("month", "Month of the year.", "month(DATE '2026-01-31') = 1", monthOf),
		number("week", "Week of the year of ISO 8601; weekofyear too.", "week(DATE '2026-01-01') = 1", weekOf),
		number("day", "Day of the month; dayofmonth too.", "day(DATE '2026-01-31') = 31", dayOf),
		number("dayofweek", "Day of the week, 1 for Sunday to 7 for Saturday.", "dayofweek(DATE '2026-01-31') = 7", weekdayOf),
		number("dayofyear", "Day of the year.", "dayofyear(DATE '2026-02-01') = 32", yeardayOf),
		simple("date_add", "The date n days later. Overflow fails.", "date_add(DATE '2026-01-31', 1) = DATE '2026-02-01'",
			sig(kDate, addDays(1), kDate, kInt)),
		simple("date_sub", "The date n days earlier. Overflow fails.", "date_sub(DATE '2026-02-01', 1) = DATE '2026-01-31'",
			sig(kDate, addDays(-1), kDate, kInt)),
		simple("datediff", "Days from b to a, for datediff(a, b).", "datediff(DATE '2026-02-01', DATE '2026-01-31') = 1",
			sig(kInt, dateDiff, kDate, kDate)),
	}
}

func compileTrunc(_ *compiler, n *Call, args []typed) (typed, *Error) {
	unit, err := coerceAll(args[:1], kString, n.Name)
	if err != nil {
		return typed{}, err
	}
	at, err := coerceAll(args[1:], kTime, n.Name)
	if err != nil {
		return typed{}, err
	}
	k, ok := unit[0].(*constOp)
	var text string
	if ok {
		text, ok = k.value().(string)
	}
	if !ok {
		return typed{}, errorAt(n.Args[0].At(), "the unit of %s must be a constant", n.Name)
	}
	run := truncation(strings.ToLower(text))
	if run == nil {
		return typed{}, errorAt(n.Args[0].At(), "unknown unit of time %q", text)
	}
	return typed{op: &callOp{name: n.Name, fn: function{run: run, kind: kTime}, args: at}, kind: kTime}, nil
}
