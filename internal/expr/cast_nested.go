package expr

import (
	"math"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// bytesText views bytes as a string, borrowed.
func bytesText(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// castNested converts element by element, structs field by field in their
// order. An element that fails is null, and its row is counted.
func castNested(from, to kind) impl {
	same := from.isList() && to.isList() || from.isMap() && to.isMap() || from.isStruct() && to.isStruct()
	in, out := from.elements(), to.elements()
	if !same || len(in) != len(out) {
		return nil
	}
	fns := make([]function, len(in))
	for i := range in {
		if in[i] == out[i] {
			continue
		}
		if fns[i] = (function{run: conversion(in[i], out[i]), kind: out[i]}); fns[i].run == nil {
			return nil
		}
	}
	return func(c *call) error {
		v := &c.a[0]
		if c.out.n = v.n; v.offs != nil {
			v.offs.Retain()
			c.out.offs = v.offs
		}
		for i, kid := range v.kids {
			if fns[i].run == nil {
				kid.Retain()
				c.out.kids = append(c.out.kids, kid)
				continue
			}
			a, err := c.castKid(kid, in[i], fns[i])
			if err != nil {
				return err
			}
			c.out.kids = append(c.out.kids, a)
		}
		return nil
	}
}

// castKid converts the elements of a nested value and notes the rows of those
// that fail.
func (c *call) castKid(kid arrow.Array, k kind, fn function) (arrow.Array, error) {
	y := exec{mem: c.x.mem, rows: kid.Len()}
	in := y.load(kid, k)
	defer in.release()
	out, err := y.apply(fn, []vec{in})
	if err != nil {
		return nil, err
	}
	defer func() { out.release() }()
	y.flatten(&out)
	if out.fail == nil {
		return y.plain(&out), nil
	}
	failed := bitsOf(out.fail, out.n)
	if c.a[0].offs == nil {
		for i := range out.n {
			if failed.Get(i) {
				c.note(i)
			}
		}
		return y.plain(&out), nil
	}
	l := c.a[0].lists()
	for i := range c.n {
		for from, to := l.at(i); from < to; from++ {
			if failed.Get(int(from)) {
				c.note(i)
				break
			}
		}
	}
	return y.plain(&out), nil
}

// castBinary is CAST of bytes: to a string those that are UTF-8.
func castBinary(to kind) impl {
	if to != kString {
		return nil
	}
	return textRows(func(c *call) func([]byte, int) ([]byte, bool) {
		t := c.a[0].texts()
		return func(dst []byte, i int) ([]byte, bool) {
			s := t.at(i)
			return append(dst, s...), utf8.ValidString(s)
		}
	})
}

// reinterpret shares the bytes of a string as binary.
func reinterpret(c *call) error {
	v := c.a[0].retain()
	for _, b := range [...]**memory.Buffer{&v.valid, &v.fail, &v.hard} {
		c.x.drop(b)
	}
	c.out = v
	return nil
}

// castInterval is CAST of an interval.
func castInterval(to kind) impl {
	if to != kString {
		return nil
	}
	return textRows(func(c *call) func([]byte, int) ([]byte, bool) {
		a := rowsOf(&c.a[0], c.a[0].ints())
		return func(dst []byte, i int) ([]byte, bool) { return appendInterval(dst, a.at(i)), true }
	})
}

// appendInterval writes INTERVAL 'D HH:MM:SS[.ffffff]' DAY TO SECOND, as Spark
// does.
func appendInterval(dst []byte, us int64) []byte {
	dst = append(dst, "INTERVAL '"...)
	abs := uint64(us)
	if us < 0 {
		dst, abs = append(dst, '-'), -abs
	}
	dst = appendPadded(dst, int64(abs/uint64(usDay)), 1)
	us = int64(abs % uint64(usDay))
	dst = appendPadded(append(dst, ' '), us/usHour, 2)
	dst = appendPadded(append(dst, ':'), us/usMinute%60, 2)
	dst = appendPadded(append(dst, ':'), us/usSecond%60, 2)
	if frac := us % usSecond; frac != 0 {
		dst = appendPadded(append(dst, '.'), frac, 6)
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return append(dst, "' DAY TO SECOND"...)
}

// castToInterval reads what appendInterval writes, with or without the words
// around it, and '1 day 2 hours'.
func castToInterval(s string) (int64, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(s, "interval"), "day to second"))
	s = strings.TrimSpace(strings.Trim(s, "'"))
	if day, clock, ok := strings.Cut(s, " "); ok && strings.Contains(clock, ":") {
		return dayClock(day, strings.TrimSpace(clock))
	}
	us, msg := parseInterval(s)
	return us, msg == ""
}

func dayClock(day, clock string) (int64, bool) {
	negative := strings.HasPrefix(day, "-")
	days, ok := parseInt(strings.TrimPrefix(day, "-"))
	us, rest, okClock := parseClock(clock)
	if !ok || !okClock || rest != "" || days < 0 || days >= math.MaxInt64/usDay {
		return 0, false
	}
	if us += days * usDay; negative {
		us = -us
	}
	return us, true
}
