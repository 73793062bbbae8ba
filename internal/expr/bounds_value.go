package expr

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/idag/idag/internal/kernel/scalar"
)

// or is a value of a or one of b: what holds of both.
func (s span) or(b span) span {
	out := span{mayBeTrue: s.mayBeTrue || b.mayBeTrue, mayBeFalse: s.mayBeFalse || b.mayBeFalse,
		null: s.null || b.null, empty: s.empty && b.empty, fails: s.fails || b.fails}
	switch {
	case s.empty:
		out.lo, out.hi = b.lo, b.hi
	case b.empty:
		out.lo, out.hi = s.lo, s.hi
	default:
		out.lo, out.hi = least(s.lo, b.lo), greatest(s.hi, b.hi)
	}
	return out
}

// least is the smaller of two bounds, nil where one is not known; greatest the
// larger.
func least(a, b any) any {
	c, known := order(a, b)
	if !known {
		return nil
	}
	if c <= 0 {
		return a
	}
	return b
}

func greatest(a, b any) any {
	c, known := order(a, b)
	if !known {
		return nil
	}
	if c >= 0 {
		return a
	}
	return b
}

// nothing is the span of no value at all, to which others are added.
func nothing() span { return span{empty: true} }

// coalesce reaches an argument where all before it may be null.
func (j judge) coalesce(o *coalesceOp) span {
	out, null := nothing(), true
	for _, a := range o.args {
		s := j.span(a)
		out, null = out.or(s), null && s.null
		if !s.null {
			break
		}
	}
	out.null = null
	return out
}

// choice is CASE, over the branches that some row may take.
func (j judge) choice(o *caseOp) span {
	out, fails := nothing(), false
	open := j.branches(o, func(cond span, then op) {
		fails = fails || cond.fails
		if cond.mayBeTrue {
			out = out.or(j.span(then))
		}
	})
	if open {
		out = out.or(j.span(o.thens[len(o.ifs)]))
	}
	out.fails = out.fails || fails
	return out
}

// branches calls f with every condition that is reached and its branch, and tells
// whether ELSE may be reached.
func (j judge) branches(o *caseOp, f func(cond span, then op)) (open bool) {
	var operand span
	if o.operand != nil {
		operand = j.span(o.operand)
	}
	for i, e := range o.ifs {
		cond := j.span(e)
		if o.operand != nil {
			cond = compareSpans(scalar.Eq, operand, cond)
		}
		f(cond, o.thens[i])
		if !cond.mayBeFalse && !cond.null {
			return false
		}
	}
	return true
}

// nullIfSpan is a, or null where it equals b.
func nullIfSpan(a, b span) span {
	equal := compareSpans(scalar.Eq, a, b)
	a.null = a.null || equal.mayBeTrue
	a.fails = a.fails || b.fails
	if equal.mayBeTrue && !equal.mayBeFalse && !equal.null {
		return span{null: true, empty: true, fails: a.fails}
	}
	return a
}

// extreme is the largest or the smallest of the arguments that are not null.
func (j judge) extreme(o *extremeOp) span {
	out, null := nothing(), true
	args := make([]span, len(o.args))
	for i, a := range o.args {
		args[i] = j.span(a)
		out, null = out.or(args[i]), null && args[i].null
	}
	out.null = null
	for _, s := range args {
		if s.null {
			continue
		}
		if o.most && s.lo != nil && (out.lo == nil || below(out.lo, s.lo)) {
			out.lo = s.lo
		}
		if !o.most && s.hi != nil && (out.hi == nil || below(s.hi, out.hi)) {
			out.hi = s.hi
		}
	}
	return out
}

func (j judge) call(o *callOp) span {
	if o.name == "in" {
		s, x := span{mayBeFalse: true}, j.span(o.args[0])
		for _, v := range o.list {
			s = logicSpan(true, s, compareSpans(scalar.Eq, x, constantSpan(v)))
		}
		return s
	}
	if !judged(o.name) {
		return anything()
	}
	args := make([]span, len(o.args))
	for i, a := range o.args {
		args[i] = j.span(a)
	}
	if cmp, ok := comparisonNamed(o.name); ok {
		return compareSpans(cmp, args[0], args[1])
	}
	switch o.name {
	case "not":
		return notSpan(args[0])
	case "like":
		if o.tail != tailUnknown {
			return likeSpan(args[0], o)
		}
	case "cast":
		return castSpan(args[0], resultKind(o.args[0]), o.fn.kind)
	case "+", "-", "*", "/":
		if x := o.kept(); x != nil && o.name != "/" {
			return j.span(x)
		}
		if len(args) == 2 {
			return arithSpan(o, args[0], args[1])
		}
	case "neg":
		return mirrored(o.fn.kind, args[0])
	case "abs":
		return absSpan(o.fn.kind, args[0])
	case "nanvl":
		return nanvlSpan(args[0], args[1])
	}
	return anything()
}

// judged tells the functions that the analysis looks into.
func judged(name string) bool {
	switch name {
	case "not", "like", "cast", "+", "-", "*", "/", "neg", "abs", "nanvl":
		return true
	}
	_, ok := comparisonNamed(name)
	return ok
}

// resultKind is the type of an operation that the analysis looks into.
func resultKind(o op) kind {
	switch o := o.(type) {
	case *sharedOp:
		return resultKind(o.op)
	case *tableOp:
		return resultKind(o.op)
	case *columnOp:
		return o.kind
	case *constOp:
		return o.v.kind
	case *callOp:
		return o.fn.kind
	case *coalesceOp:
		return o.kind
	case *caseOp:
		return o.kind
	case *extremeOp:
		return o.kind
	case *nullIfOp:
		return resultKind(o.a)
	}
	return kNull
}

// castSpan is the span after a conversion that keeps the order and does not fail.
func castSpan(s span, from, to kind) span {
	switch {
	case from == kInt && to == kFloat, from == kTime && to == kDate:
	case from == kDate && to == kTime && s.lo != nil && s.hi != nil: // others may be out of range
	default:
		return anything()
	}
	lo, ok1 := convertBound(s.lo, to)
	hi, ok2 := convertBound(s.hi, to)
	if !ok1 || !ok2 {
		return anything()
	}
	s.lo, s.hi = lo, hi
	if to == kFloat { // no integer becomes NaN
		if s.lo == nil {
			s.lo = -float64(1 << 63)
		}
		if s.hi == nil {
			s.hi = float64(1 << 63)
		}
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
	case arrow.Timestamp:
		day := int64(v) / usDay
		if int64(v)%usDay < 0 {
			day--
		}
		return arrow.Date32(day), to == kDate
	}
	return nil, false
}

// arithSpan is an operator whose result, between the ends of its arguments, lies
// between the results at the ends: it does not rise in one place and fall in
// another as one argument grows. It gives nothing where something could overflow, or
// where floats could make a NaN. Rounding keeps the order.
func arithSpan(o *callOp, a, b span) span {
	var s span
	var ok bool
	switch o.fn.kind {
	case kInt, kTime, kInterval:
		s, ok = wholeSpan(o, a, b)
	case kFloat:
		s, ok = floatSpan(o.name, a, b)
	default:
	}
	if !ok {
		return anything()
	}
	s.null, s.empty, s.fails = a.null || b.null, a.empty || b.empty, a.fails || b.fails
	return s
}

func wholeSpan(o *callOp, a, b span) (span, bool) {
	aLo, ok1 := whole(a.lo)
	aHi, ok2 := whole(a.hi)
	bLo, ok3 := whole(b.lo)
	bHi, ok4 := whole(b.hi)
	if !ok1 || !ok2 || !ok3 || !ok4 || o.name == "/" {
		return span{}, false
	}
	corners := make([]int64, 4)
	if scalar.Int(o.name[0], corners, []int64{aLo, aLo, aHi, aHi}, []int64{bLo, bHi, bLo, bHi}) {
		return span{}, false
	}
	lo, hi := corners[0], corners[0]
	for _, c := range corners {
		lo, hi = min(lo, c), max(hi, c)
	}
	switch o.fn.kind {
	case kTime:
		return span{lo: arrow.Timestamp(lo), hi: arrow.Timestamp(hi)}, true
	case kInterval:
		return span{lo: Interval(lo), hi: Interval(hi)}, true
	default:
		return span{lo: lo, hi: hi}, true
	}
}

func floatSpan(name string, a, b span) (span, bool) {
	x, ok1 := finite(a)
	y, ok2 := finite(b)
	if !ok1 || !ok2 || name == "/" && y[0] <= 0 && y[1] >= 0 {
		return span{}, false
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, p := range x {
		for _, q := range y {
			var c float64
			switch name {
			case "+":
				c = p + q
			case "-":
				c = p - q
			case "*":
				c = p * q
			default:
				c = p / q
			}
			lo, hi = math.Min(lo, c), math.Max(hi, c)
		}
	}
	return span{lo: lo, hi: hi}, true
}

// finite are the ends of a span of floats, if no value in it is infinite or NaN.
func finite(s span) (ends [2]float64, ok bool) {
	lo, ok1 := s.lo.(float64)
	hi, ok2 := s.hi.(float64)
	return [2]float64{lo, hi}, ok1 && ok2 && !math.IsInf(lo, 0) && !math.IsInf(hi, 0) && !math.IsNaN(lo) && !math.IsNaN(hi)
}

// mirrored is -x.
func mirrored(k kind, s span) span {
	zero := span{lo: int64(0), hi: int64(0)}
	minus := &callOp{name: "-", fn: function{kind: k}}
	if k == kFloat {
		zero.lo, zero.hi = 0.0, 0.0
	}
	return arithSpan(minus, zero, s)
}

func absSpan(k kind, s span) span {
	m := mirrored(k, s)
	if m.lo == nil || m.hi == nil {
		return anything()
	}
	zero := span{lo: int64(0), hi: int64(0)}
	if k == kFloat {
		zero.lo, zero.hi = 0.0, 0.0
	}
	out := s
	out.lo = greatest(greatest(s.lo, m.lo), zero.lo)
	out.hi = greatest(s.hi, m.hi)
	return out
}

// nanvlSpan is a unless it is NaN, then b; null where one of both is.
func nanvlSpan(a, b span) span {
	if a.hi != nil && !isNaNValue(a.hi) { // never NaN
		a.null, a.empty, a.fails = a.null || b.null, a.empty || b.empty, a.fails || b.fails
		return a
	}
	return anything()
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
