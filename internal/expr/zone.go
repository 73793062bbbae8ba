package expr

import (
	"strings"
	"time"
	_ "time/tzdata" // the zones of every machine are the same
)

// zoneNamed is the time zone of a name of the tz database, of an offset like
// +02:00, or of UTC, GMT or UT with or without an offset.
func zoneNamed(name string) *time.Location {
	s := strings.TrimSpace(name)
	for _, prefix := range [...]string{"UTC", "GMT", "UT"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			if rest == "" {
				return time.UTC
			}
			if rest[0] == '+' || rest[0] == '-' {
				s = rest
			}
		}
	}
	if s == "Z" {
		return time.UTC
	}
	if s != "" && (s[0] == '+' || s[0] == '-') {
		if len(s) == 2 || len(s) == 5 && s[2] == ':' { // one digit of hours
			s = s[:1] + "0" + s[1:]
		}
		us, ok := parseZone(s)
		if !ok || us > 18*usHour || us < -18*usHour {
			return nil
		}
		return time.FixedZone(s, int(us/usSecond))
	}
	if s == "Local" || s == "" {
		return nil
	}
	zone, err := time.LoadLocation(s)
	if err != nil {
		return nil
	}
	return zone
}

// zones gives the time zone of each row: of a constant, or of an argument;
// nil if there is none of the name.
func zones(c *call, arg int) func(i int) *time.Location {
	t := c.a[arg].texts()
	known := map[string]*time.Location{}
	last, zone := "", (*time.Location)(nil)
	return func(i int) *time.Location {
		s := t.at(i)
		if s == last {
			return zone
		}
		own, ok := known[s]
		if !ok {
			own = zoneNamed(s)
			if len(known) < 1000 {
				known[strings.Clone(s)] = own
			}
		}
		last, zone = strings.Clone(s), own
		return zone
	}
}

// offsetAt is the offset from UTC, in microseconds, at an instant.
func offsetAt(zone *time.Location, us int64) int64 {
	_, seconds := time.Unix(floorDiv(us, usSecond), 0).In(zone).Zone()
	return int64(seconds) * usSecond
}

// toWall is the time that clocks of the zone show at an instant, as if it were
// UTC.
func toWall(zone *time.Location, us int64) (int64, bool) {
	off := offsetAt(zone, us)
	wall := us + off
	return wall, (wall > us) == (off > 0)
}

// fromWall is the instant at which clocks of the zone show a time. Of a time
// that comes twice it is the first, and one that is skipped is moved by the
// gap: both have the offset from before the change.
func fromWall(zone *time.Location, wall int64) (int64, bool) {
	before := offsetAt(zone, wall-usDay)
	us := wall - before
	if offsetAt(zone, us) != before {
		after := offsetAt(zone, wall+usDay)
		if offsetAt(zone, wall-after) == after {
			us = wall - after
		}
	}
	return us, us-wall < usDay && wall-us < usDay
}

// zoneShift is from_utc_timestamp, or to_utc_timestamp.
func zoneShift(shift func(zone *time.Location, us int64) (int64, bool)) impl {
	return func(c *call) error {
		zone := zones(c, 1)
		c.out = c.x.fixed(kTime, c.n)
		a, dst := rowsOf(&c.a[0], c.a[0].ints()), c.out.ints()
		for i := range dst {
			if dst[i] = 0; c.skip(i) {
				continue
			}
			z, ok := zone(i), false
			if z != nil {
				dst[i], ok = shift(z, a.at(i))
			}
			if !ok {
				c.failAt(i)
			}
		}
		return nil
	}
}

// compileZones compiles a function whose arguments are zones, the constant
// ones of which must exist.
func compileZones(n *Call, args []typed, run impl, params ...kind) (typed, *Error) {
	ops := make([]op, len(args))
	for i, a := range args {
		o, err := coerceAll([]typed{a}, params[i], n.Name)
		if err != nil {
			return typed{}, err
		}
		ops[i] = o[0]
		if text, ok := constantText(a); ok && params[i] == kString && zoneNamed(text) == nil {
			return typed{}, errorAt(a.node.At(), "unknown time zone %s; zones are like 'Europe/Berlin', '+02:00' or 'UTC'", quote(text, '\''))
		}
	}
	return typed{op: &callOp{name: n.Name, fn: function{run: run, kind: kTime}, args: ops}, kind: kTime}, nil
}

// convertZone moves what clocks of one zone show to what those of another do
// at the same instant.
func convertZone(c *call) error {
	from, to := zones(c, 0), zones(c, 1)
	c.out = c.x.fixed(kTime, c.n)
	a, dst := rowsOf(&c.a[2], c.a[2].ints()), c.out.ints()
	for i := range dst {
		if dst[i] = 0; c.skip(i) {
			continue
		}
		x, y, ok := from(i), to(i), false
		if x != nil && y != nil {
			if dst[i], ok = fromWall(x, a.at(i)); ok {
				dst[i], ok = toWall(y, dst[i])
			}
		}
		if !ok {
			c.failAt(i)
		}
	}
	return nil
}
