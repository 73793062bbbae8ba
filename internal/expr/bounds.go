package expr

import (
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/idag/idag/internal/kernel/scalar"
)

// Range bounds the values of one column over some rows.
type Range struct {
	// Min and Max bound every value that is neither null nor NaN, Min <= v <=
	// Max; they need not be attained. They are values as in Literal.Value, of
	// the type of the column, or nil when nothing is known. A truncated string
	// is a bound only if it was truncated outwards.
	Min, Max any
	Nulls    bool // there may be nulls
	AllNull  bool // every value is null
	NaN      bool // there may be NaN
}

// Bounds are sound bounds by column name. Nothing is known of a column that is
// not listed.
type Bounds map[string]Range

// CanBeTrue is false only if no row within the bounds makes the predicate
// TRUE. It is always true with strict(): such a program must see its rows.
// Failures that would have been counted in the rows are not considered.
func (p *Program) CanBeTrue(b Bounds) bool {
	return p.kind != kBool || p.Strict() || b.span(p.root).mayBeTrue
}

// AlwaysTrue is true only if every row within the bounds makes the predicate
// TRUE and nothing in it can fail.
func (p *Program) AlwaysTrue(b Bounds) bool {
	if p.kind != kBool || p.Strict() {
		return false
	}
	s := b.span(p.root)
	return !s.mayBeFalse && !s.null && !s.fails
}

// span is what is known of the values of a node: none that is not null lies
// outside lo to hi (nil: unbounded; NaN is the largest number). For booleans
// mayBeTrue and mayBeFalse say it instead.
type span struct {
	lo, hi                any
	mayBeTrue, mayBeFalse bool
	null                  bool // may be null
	empty                 bool // is always null
	fails                 bool // something in it may fail
}

// anything is the span of what the analysis does not look into.
func anything() span { return span{mayBeTrue: true, mayBeFalse: true, null: true, fails: true} }

func (b Bounds) span(o op) span {
	switch o := o.(type) {
	case *sharedOp:
		return b.span(o.op)
	case *tableOp:
		return b.span(o.op)
	case *columnOp:
		return b.column(o)
	case *constOp:
		return constantSpan(o)
	case *logicOp:
		return logicSpan(o.or, b.span(o.a), b.span(o.b))
	case *isOp:
		return isSpan(o.test, b.span(o.a))
	case *betweenOp:
		x := b.span(o.args[0])
		return logicSpan(false, compareSpans(scalar.Ge, x, b.span(o.args[1])), compareSpans(scalar.Le, x, b.span(o.args[2])))
	case *memberOp:
		x := b.span(o.args[0])
		s := span{mayBeFalse: true}
		fails := x.fails
		for _, e := range o.args[1:] {
			y := b.span(e)
			s, fails = logicSpan(true, s, compareSpans(scalar.Eq, x, y)), fails || y.fails
		}
		s.fails = fails
		return s
	case *callOp:
		return b.call(o)
	}
	return anything()
}

func (b Bounds) column(o *columnOp) span {
	r, ok := b[o.name]
	if !ok {
		s := anything()
		s.fails = false
		return s
	}
	s := span{null: r.Nulls || r.AllNull, empty: r.AllNull, mayBeTrue: !r.AllNull, mayBeFalse: !r.AllNull}
	if kindOfValue(r.Min) == o.kind && !isNaNValue(r.Min) {
		s.lo = r.Min
	}
	if kindOfValue(r.Max) == o.kind && !isNaNValue(r.Max) {
		s.hi = r.Max
	}
	switch {
	case o.kind == kFloat && r.NaN:
		s.hi = nil
	case o.kind == kBool:
		s.mayBeTrue = s.mayBeTrue && s.hi != any(false)
		s.mayBeFalse = s.mayBeFalse && s.lo != any(true)
	}
	return s
}

func isNaNValue(v any) bool {
	f, ok := v.(float64)
	return ok && math.IsNaN(f)
}

func constantSpan(o *constOp) span {
	v := o.value()
	switch {
	case o.v.isNull():
		return span{null: true, empty: true}
	case v == nil: // of a type without bounds
		return span{}
	}
	s := span{lo: v, hi: v}
	if t, ok := v.(bool); ok {
		s.mayBeTrue, s.mayBeFalse = t, !t
	}
	return s
}

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

func (b Bounds) call(o *callOp) span {
	if cmp, ok := comparisonNamed(o.name); ok {
		return compareSpans(cmp, b.span(o.args[0]), b.span(o.args[1]))
	}
	switch o.name {
	case "not":
		return notSpan(b.span(o.args[0]))
	case "in":
		s, x := span{mayBeFalse: true}, b.span(o.args[0])
		for _, v := range o.list {
			s = logicSpan(true, s, compareSpans(scalar.Eq, x, constantSpan(v)))
		}
		return s
	case "like":
		if o.prefix != "" {
			return prefixSpan(b.span(o.args[0]), o.prefix)
		}
	case "cast":
		return castSpan(b.span(o.args[0]), o.fn.kind)
	case "+", "-":
		return addSpans(o, b.span(o.args[0]), b.span(o.args[1]))
	}
	return anything()
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

// prefixSpan is whether a string starts with prefix, and maybe more.
func prefixSpan(s span, prefix string) span {
	out := span{null: s.null, fails: s.fails, mayBeFalse: !s.empty, mayBeTrue: !s.empty}
	if hi, ok := s.hi.(string); ok && hi < prefix {
		out.mayBeTrue = false
	}
	if lo, ok := s.lo.(string); ok && lo > prefix && !strings.HasPrefix(lo, prefix) {
		out.mayBeTrue = false
	}
	return out
}

// castSpan is the span after a conversion that keeps the order.
func castSpan(s span, to kind) span {
	if to != kFloat && to != kTime {
		return anything()
	}
	lo, ok1 := convertBound(s.lo, to)
	hi, ok2 := convertBound(s.hi, to)
	if !ok1 || !ok2 {
		return anything()
	}
	s.lo, s.hi = lo, hi
	if to == kTime && (lo == nil || hi == nil) { // a date may be out of range
		s.null, s.fails = true, true
	}
	return s
}

func convertBound(v any, to kind) (any, bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case int64:
		return float64(v), to == kFloat
	case arrow.Date32:
		us := int64(v) * usDay
		return arrow.Timestamp(us), to == kTime && us/usDay == int64(v)
	}
	return nil, false
}

// addSpans is a + b or a - b of whole numbers and times that cannot overflow.
func addSpans(o *callOp, a, b span) span {
	aLo, ok1 := whole(a.lo)
	aHi, ok2 := whole(a.hi)
	bLo, ok3 := whole(b.lo)
	bHi, ok4 := whole(b.hi)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return anything()
	}
	x, y, sums := []int64{aLo, aHi}, []int64{bLo, bHi}, make([]int64, 2)
	if o.name == "-" {
		y[0], y[1] = bHi, bLo
	}
	if scalar.Int(o.name[0], sums, x, y) {
		return anything()
	}
	s := span{lo: sums[0], hi: sums[1], null: a.null || b.null, empty: a.empty || b.empty, fails: a.fails || b.fails}
	switch o.fn.kind {
	case kTime:
		s.lo, s.hi = arrow.Timestamp(sums[0]), arrow.Timestamp(sums[1])
	case kInterval:
		s.lo, s.hi = Interval(sums[0]), Interval(sums[1])
	case kNull, kBool, kInt, kFloat, kString, kBinary, kDate:
	}
	return s
}

// whole is a bound as an integer.
func whole(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case arrow.Timestamp:
		return int64(v), true
	case Interval:
		return int64(v), true
	}
	return 0, false
}
