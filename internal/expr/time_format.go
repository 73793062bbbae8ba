package expr

import (
	"fmt"
	"strings"
	"time"
)

// timePattern writes timestamps by a pattern of letters, as Spark and Java
// have it:
//
//	y yy yyyy   year
//	Q q M L     quarter; month, as name from MMM on
//	d D         day of the month, of the year
//	E           name of the weekday
//	a h K H k   AM or PM; hour of 12 from 1 or 0, of 24 from 0 or 1
//	m s S       minute, second, digits of the fraction
//	X x Z z V   offset from UTC, which is Z, +00, +0000 or UTC
//	'text'      itself, as is what is no letter; '' is one quote
type timePattern []timeStep

type timeStep struct {
	letter  byte // 0 for a literal
	count   int
	literal string
}

func newTimePattern(pattern string) (timePattern, error) {
	var p timePattern
	for i := 0; i < len(pattern); {
		c := pattern[i]
		n := 1
		switch {
		case c == '\'':
			text, size, ok := quotedPattern(pattern[i:])
			if !ok {
				return nil, fmt.Errorf("no closing '")
			}
			p, n = append(p, timeStep{literal: text}), size
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			if strings.IndexByte("yuQqMLdDEahKHkmsSXxZzV", c) < 0 || n > 9 {
				return nil, fmt.Errorf("unknown letters %q", pattern[i:i+n])
			}
			p = append(p, timeStep{letter: c, count: n})
		case strings.IndexByte("[]{}#", c) >= 0:
			return nil, fmt.Errorf("%q is reserved; write it in quotes", c)
		default:
			p = append(p, timeStep{literal: pattern[i : i+1]})
		}
		i += n
	}
	return p, nil
}

// quotedPattern reads 'text' from the head of s.
func quotedPattern(s string) (text string, size int, ok bool) {
	if strings.HasPrefix(s, "''") {
		return "'", 2, true
	}
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			text += s[i : i+1]
			continue
		}
		if i+1 == len(s) || s[i+1] != '\'' {
			return text, i + 1, true
		}
		text += "'"
		i++
	}
	return "", 0, false
}

// append writes the time us.
func (p timePattern) append(dst []byte, us int64) []byte {
	day := floorDiv(us, usDay)
	clock := us - day*usDay
	y, m, d := civil(day)
	for _, s := range p {
		switch s.letter {
		case 0:
			dst = append(dst, s.literal...)
		case 'y', 'u':
			dst = appendYear(dst, y, s.count)
		case 'Q', 'q':
			dst = appendPadded(dst, (m+2)/3, s.count)
		case 'M', 'L':
			dst = appendNamed(dst, time.Month(m).String(), m, s.count)
		case 'd':
			dst = appendPadded(dst, d, s.count)
		case 'D':
			dst = appendPadded(dst, yeardayOf(us), s.count)
		case 'E':
			dst = appendNamed(dst, time.Weekday(weekdayOf(us)-1).String(), 0, max(s.count, 3))
		default:
			dst = s.appendClock(dst, clock)
		}
	}
	return dst
}

func appendYear(dst []byte, y int64, count int) []byte {
	if count == 2 {
		return appendPadded(dst, floorMod(y, 100), 2)
	}
	if y < 0 {
		dst, y = append(dst, '-'), -y
	}
	return appendPadded(dst, y, count)
}

// appendNamed writes a number, of three letters a short name, of four a name.
func appendNamed(dst []byte, name string, n int64, count int) []byte {
	switch {
	case count < 3:
		return appendPadded(dst, n, count)
	case count == 3:
		return append(dst, name[:3]...)
	}
	return append(dst, name...)
}

func (s timeStep) appendClock(dst []byte, clock int64) []byte {
	hour := clock / usHour
	switch s.letter {
	case 'a':
		if hour < 12 {
			return append(dst, "AM"...)
		}
		return append(dst, "PM"...)
	case 'h':
		return appendPadded(dst, (hour+11)%12+1, s.count)
	case 'K':
		return appendPadded(dst, hour%12, s.count)
	case 'H':
		return appendPadded(dst, hour, s.count)
	case 'k':
		return appendPadded(dst, (hour+23)%24+1, s.count)
	case 'm':
		return appendPadded(dst, clock/usMinute%60, s.count)
	case 's':
		return appendPadded(dst, clock/usSecond%60, s.count)
	case 'S':
		digits := appendPadded(nil, clock%usSecond, 6)
		return append(dst, append(digits, "000"...)[:s.count]...)
	case 'X':
		return append(dst, 'Z')
	case 'x':
		return append(dst, map[bool]string{true: "+00:00", false: "+0000"[:min(2*s.count+1, 5)]}[s.count == 3]...)
	case 'Z':
		return append(dst, "+0000"...)
	}
	return append(dst, "UTC"...)
}
