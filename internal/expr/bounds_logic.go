package expr

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/idag/idag/internal/kernel/scalar"
)

func logicSpan(or bool, a, b span) span {
	if or { // a OR b = NOT (NOT a AND NOT b)
		return notSpan(logicSpan(false, notSpan(a), notSpan(b)))
	}
	return span{
		mayBeTrue:  a.mayBeTrue && b.mayBeTrue,
		mayBeFalse: a.mayBeFalse || b.mayBeFalse,
		null:       a.null && (b.null || b.mayBeTrue) || b.null && (a.null || a.mayBeTrue),
		fails:      a.fails || b.fails && (a.mayBeTrue || a.null),
	}
}

func notSpan(s span) span {
	s.mayBeTrue, s.mayBeFalse = s.mayBeFalse, s.mayBeTrue
	s.lo, s.hi = nil, nil
	return s
}

func isSpan(test string, a span) span {
	s := span{fails: a.fails}
	switch test {
	case "null":
		s.mayBeTrue, s.mayBeFalse = a.null, !a.empty
	case "true":
		s.mayBeTrue, s.mayBeFalse = a.mayBeTrue, a.mayBeFalse || a.null
	default:
		s.mayBeTrue, s.mayBeFalse = a.mayBeFalse, a.mayBeTrue || a.null
	}
	return s
}

func comparisonNamed(name string) (scalar.Cmp, bool) {
	switch name {
	case "=":
		return scalar.Eq, true
	case "<>":
		return scalar.Ne, true
	case "<":
		return scalar.Lt, true
	case "<=":
		return scalar.Le, true
	case ">":
		return scalar.Gt, true
	case ">=":
		return scalar.Ge, true
	}
	return 0, false
}

// compareSpans is the comparison of two values within their spans.
func compareSpans(cmp scalar.Cmp, a, b span) span {
	s := span{null: a.null || b.null, fails: a.fails || b.fails}
	if a.empty || b.empty {
		return s
	}
	a, b = a.ordered(), b.ordered()
	mayLess, mayGreater := below(a.lo, b.hi), below(b.lo, a.hi)
	mayEqual := !surelyBelow(a.hi, b.lo) && !surelyBelow(b.hi, a.lo)
	s.mayBeTrue = mayLess && cmp.Holds(-1) || mayEqual && cmp.Holds(0) || mayGreater && cmp.Holds(1)
	s.mayBeFalse = mayLess && !cmp.Holds(-1) || mayEqual && !cmp.Holds(0) || mayGreater && !cmp.Holds(1)
	return s
}

// ordered gives booleans bounds like other values.
func (s span) ordered() span {
	if s.lo == nil && s.mayBeTrue && !s.mayBeFalse {
		s.lo = true
	}
	if s.hi == nil && s.mayBeFalse && !s.mayBeTrue {
		s.hi = false
	}
	return s
}

// below tells whether some value at or above lo may be less than one at or
// below hi.
func below(lo, hi any) bool {
	c, known := order(lo, hi)
	return !known || c < 0
}

// surelyBelow tells whether all values up to hi are less than all from lo on.
func surelyBelow(hi, lo any) bool {
	c, known := order(hi, lo)
	return known && c < 0
}

// order compares two bounds of one type, if both are known.
func order(a, b any) (c int, known bool) {
	switch a := a.(type) {
	case int64:
		b, ok := b.(int64)
		return scalar.Order(a, b), ok
	case float64:
		b, ok := b.(float64)
		return scalar.Order(a, b), ok
	case arrow.Timestamp:
		b, ok := b.(arrow.Timestamp)
		return scalar.Order(a, b), ok
	case arrow.Date32:
		b, ok := b.(arrow.Date32)
		return scalar.Order(a, b), ok
	case Interval:
		b, ok := b.(Interval)
		return scalar.Order(int64(a), int64(b)), ok
	case string:
		b, ok := b.(string)
		return strings.Compare(a, b), ok
	case bool:
		b, ok := b.(bool)
		return strings.Compare(literalText(a), literalText(b)), ok // FALSE before TRUE
	}
	return 0, false
}

// likeSpan is whether a string starts with the constant beginning of a pattern,
// and then fits what stands behind it.
func likeSpan(s span, o *callOp) span {
	if o.tail == tailNone {
		p := span{lo: o.prefix, hi: o.prefix}
		return compareSpans(scalar.Eq, s, p)
	}
	out := span{null: s.null, fails: s.fails, mayBeFalse: !s.empty, mayBeTrue: !s.empty}
	lo, okLo := s.lo.(string)
	hi, okHi := s.hi.(string)
	if okHi && hi < o.prefix {
		out.mayBeTrue = false
	}
	if okLo && lo > o.prefix && !strings.HasPrefix(lo, o.prefix) {
		out.mayBeTrue = false
	}
	// What lies between two strings that begin alike begins like them.
	if o.tail == tailAny && (o.prefix == "" || okLo && okHi && strings.HasPrefix(lo, o.prefix) && strings.HasPrefix(hi, o.prefix)) {
		out.mayBeFalse = false
	}
	return out
}

// between reaches all its arguments, whatever the first comparison gives.
func (j judge) between(o *betweenOp) span {
	x, lo, hi := j.span(o.args[0]), j.span(o.args[1]), j.span(o.args[2])
	s := logicSpan(false, compareSpans(scalar.Ge, x, lo), compareSpans(scalar.Le, x, hi))
	s.fails = x.fails || lo.fails || hi.fails
	return s
}

// member reaches all its arguments, as between does.
func (j judge) member(o *memberOp) span {
	x, s := j.span(o.args[0]), span{mayBeFalse: true}
	fails := x.fails
	for _, e := range o.args[1:] {
		y := j.span(e)
		s, fails = logicSpan(true, s, compareSpans(scalar.Eq, x, y)), fails || y.fails
	}
	s.fails = fails
	return s
}

// sameSpan is a <=> b, which is never null.
func sameSpan(a, b span) span {
	s := compareSpans(scalar.Eq, a, b)
	s.mayBeTrue = s.mayBeTrue || a.null && b.null
	s.mayBeFalse = s.mayBeFalse || a.null && !b.empty || b.null && !a.empty
	s.null = false
	return s
}
