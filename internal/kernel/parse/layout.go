package parse

import (
	"fmt"
	"strings"
)

// Layout reads dates and times of one pattern of letters, as Spark and Java
// write them: MM/dd/yyyy HH:mm:ss.SSS.
//
//	yyyy yy     year; of two digits, from 2000 on
//	MM M        month; MMM and MMMM by its English name
//	dd d        day of the month
//	HH H hh h   hour; h with a, AM or PM
//	mm m ss s   minute, second
//	S to SSSSSSSSS  fraction of a second, up to as many digits
//	EEE EEEE    name of a weekday, which says nothing more
//	X XX XXX x Z z  offset from UTC: Z, UTC, +02, +0200, +02:00
//	'text'      itself, and so is whatever is no letter; '' is one quote
//
// A letter alone takes one or two digits, doubled it takes two.
type Layout struct {
	pattern string
	steps   []step
}

type step struct {
	letter   byte // 0 for a literal
	min, max int
	literal  string
}

// NewLayout reads a pattern.
func NewLayout(pattern string) (*Layout, error) {
	l := &Layout{pattern: pattern}
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			lit, n, err := quoted(pattern[i:])
			if err != nil {
				return nil, err
			}
			l.steps = append(l.steps, step{literal: lit})
			i += n
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			n := 1
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			s, ok := stepOf(c, n)
			if !ok {
				return nil, fmt.Errorf("pattern %q: unknown letters %q", pattern, pattern[i:i+n])
			}
			l.steps = append(l.steps, s)
			i += n
		case strings.IndexByte("[]{}#", c) >= 0:
			return nil, fmt.Errorf("pattern %q: %q is reserved; write it in quotes", pattern, c)
		default:
			l.steps = append(l.steps, step{literal: pattern[i : i+1]})
			i++
		}
	}
	if len(l.steps) == 0 {
		return nil, fmt.Errorf("the pattern is empty")
	}
	return l, nil
}

// quoted reads 'text' from the head of s.
func quoted(s string) (lit string, n int, err error) {
	if strings.HasPrefix(s, "''") {
		return "'", 2, nil
	}
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '\'':
			lit += s[i : i+1]
		case i+1 < len(s) && s[i+1] == '\'':
			lit += "'"
			i++
		default:
			return lit, i + 1, nil
		}
	}
	return "", 0, fmt.Errorf("pattern: the quote of %q is not closed", s)
}

func stepOf(c byte, n int) (step, bool) {
	switch c {
	case 'y', 'u':
		switch n {
		case 2:
			return step{letter: 'Y', min: 2, max: 2}, true
		case 1, 4:
			return step{letter: 'y', min: n, max: 4}, true
		}
		return step{}, false
	case 'M', 'L':
		if n > 2 {
			return step{letter: 'N', min: n}, n <= 4
		}
		return step{letter: 'M', min: n, max: 2}, true
	case 'd', 'H', 'h', 'm', 's':
		return step{letter: c, min: n, max: 2}, n <= 2
	case 'S':
		return step{letter: c, min: 1, max: n}, n <= 9
	case 'a':
		return step{letter: c}, n == 1
	case 'E':
		return step{letter: c, min: n}, n <= 4
	case 'X', 'x', 'Z', 'z', 'V', 'O':
		return step{letter: 'Z'}, n <= 5
	}
	return step{}, false
}

// String returns the pattern.
func (l *Layout) String() string { return l.pattern }

// moment is what the steps of a layout have read.
type moment struct {
	year, month, day   int
	hour, minute, secs int
	micros, offset     int64
	half               int // 1 for AM, 2 for PM, 0 for none
	twelve, zoned      bool
}

// Parse reads b as microseconds since 1970. Zoned says whether it told its
// offset from UTC; without it us is the time of day in UTC. What the pattern
// does not have is of 1970-01-01 00:00.
func (l *Layout) Parse(b []byte) (us int64, zoned, ok bool) {
	m := moment{year: 1970, month: 1, day: 1}
	for i := range l.steps {
		s := &l.steps[i]
		if s.letter == 0 {
			if len(b) < len(s.literal) || string(b[:len(s.literal)]) != s.literal {
				return 0, false, false
			}
			b = b[len(s.literal):]
			continue
		}
		n := s.read(&m, b)
		if n == 0 {
			return 0, false, false
		}
		b = b[n:]
	}
	if len(b) > 0 {
		return 0, false, false
	}
	us, ok = m.us()
	return us, m.zoned, ok
}

func (m *moment) us() (int64, bool) {
	if m.twelve {
		if m.hour < 1 || m.hour > 12 {
			return 0, false
		}
		m.hour %= 12
	}
	if m.half == 2 && m.hour < 12 {
		m.hour += 12
	}
	d, ok := civil(m.year, m.month, m.day)
	if !ok || m.hour > 23 || m.minute > 59 || m.secs > 59 {
		return 0, false
	}
	return int64(d)*day + int64(m.hour)*hour + int64(m.minute)*minute + int64(m.secs)*second + m.micros - m.offset, true
}

// read reads one step from the head of b and returns how long it is, or 0.
func (s *step) read(m *moment, b []byte) int {
	switch s.letter {
	case 'N':
		return monthName(b, s.min, &m.month)
	case 'E':
		return weekdayName(b, s.min)
	case 'a':
		return m.halfDay(b)
	case 'Z':
		return m.zoneAt(b)
	case 'S':
		us, n := fraction(b[:min(len(b), s.max)])
		m.micros = us
		return n
	}
	v, n := 0, 0
	for n < len(b) && n < s.max && b[n]-'0' <= 9 {
		v = v*10 + int(b[n]-'0')
		n++
	}
	if n < s.min {
		return 0
	}
	switch s.letter {
	case 'y':
		m.year = v
	case 'Y':
		m.year = 2000 + v
	case 'M':
		m.month = v
	case 'd':
		m.day = v
	case 'H':
		m.hour = v
	case 'h':
		m.hour, m.twelve = v, true
	case 'm':
		m.minute = v
	case 's':
		m.secs = v
	}
	return n
}

func (m *moment) halfDay(b []byte) int {
	if len(b) < 2 || b[1]|0x20 != 'm' {
		return 0
	}
	switch b[0] | 0x20 {
	case 'a':
		m.half = 1
	case 'p':
		m.half = 2
	default:
		return 0
	}
	return 2
}

// zoneAt reads an offset that may have something behind it.
func (m *moment) zoneAt(b []byte) int {
	for _, n := range [...]int{6, 5, 3, 1} {
		if len(b) < n {
			continue
		}
		if us, ok := zone(b[:n]); ok {
			m.offset, m.zoned = us, true
			return n
		}
	}
	return 0
}

// monthName reads the name of a month, or its first three letters.
func monthName(b []byte, letters int, month *int) int {
	const names = "January February March April May June July August September October November December"
	at, n := nameAt(b, letters, names)
	*month = at + 1
	return n
}

func weekdayName(b []byte, letters int) int {
	const names = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
	_, n := nameAt(b, letters, names)
	return n
}

// nameAt finds which of names b begins with, in full where there are four
// letters in the pattern, else cut to three; upper and lower case are alike.
func nameAt(b []byte, letters int, names string) (at, n int) {
	for name := range strings.SplitSeq(names, " ") {
		if letters < 4 {
			name = name[:3]
		}
		if len(b) >= len(name) && strings.EqualFold(text(b[:len(name)]), name) {
			return at, len(name)
		}
		at++
	}
	return 0, 0
}
