package expr

import (
	"maps"
	"math"
	"slices"
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
	return p.kind != kBool || p.Strict() || judge{bounds: b}.span(p.root).mayBeTrue
}

// AlwaysTrue is true only if every row within the bounds makes the predicate
// TRUE and nothing in it can fail.
func (p *Program) AlwaysTrue(b Bounds) bool {
	if p.kind != kBool || p.Strict() {
		return false
	}
	s := judge{bounds: b}.span(p.root)
	return !s.mayBeFalse && !s.null && !s.fails
}

// Range bounds the values that the program gives for rows within the bounds.
func (p *Program) Range(b Bounds) Range {
	if c, ok := p.root.(*columnOp); ok {
		if r, ok := b[c.name]; ok {
			return r
		}
	}
	s := judge{bounds: b}.span(p.root)
	r := Range{Min: s.lo, Max: s.hi, Nulls: s.null || s.empty, AllNull: s.empty}
	switch p.kind {
	case kFloat:
		r.NaN = (s.hi == nil || isNaNValue(s.hi)) && !s.empty
		if isNaNValue(s.hi) {
			r.Max = nil
		}
		if isNaNValue(s.lo) {
			r.Min = nil
		}
	case kBool:
		r.Min, r.Max = nil, nil
		if !s.mayBeFalse && !s.empty {
			r.Min = true
		}
		if !s.mayBeTrue && !s.empty {
			r.Max = false
		}
	default:
	}
	return r
}

// Bounded are the columns, by name, whose bounds could decide something about
// the program; nothing is asked of others.
func (p *Program) Bounded() []string {
	j := judge{seen: map[string]bool{}}
	j.span(p.root)
	return slices.Sorted(maps.Keys(j.seen))
}

// judge looks at operations over rows within bounds. What is known of more columns
// makes it look into no further ones, as they stand only where something is open.
type judge struct {
	bounds Bounds
	seen   map[string]bool // if not nil, the columns that it asks for
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

func (j judge) span(o op) span {
	switch o := o.(type) {
	case *sharedOp:
		return j.span(o.op)
	case *tableOp:
		return j.span(o.op)
	case *columnOp:
		return j.column(o)
	case *constOp:
		return constantSpan(o)
	case *logicOp:
		return logicSpan(o.or, j.span(o.a), j.span(o.b))
	case *isOp:
		return isSpan(o.test, j.span(o.a))
	case *betweenOp:
		return j.between(o)
	case *memberOp:
		return j.member(o)
	case *sameOp:
		return sameSpan(j.span(o.a), j.span(o.b))
	case *coalesceOp:
		return j.coalesce(o)
	case *caseOp:
		return j.choice(o)
	case *nullIfOp:
		return nullIfSpan(j.span(o.a), j.span(o.b))
	case *extremeOp:
		return j.extreme(o)
	case *callOp:
		return j.call(o)
	}
	return anything()
}

func (j judge) column(o *columnOp) span {
	if j.seen != nil {
		j.seen[o.name] = true
	}
	r, ok := j.bounds[o.name]
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

// Or bounds what either range bounds.
func (r Range) Or(o Range) Range {
	out := Range{Nulls: r.Nulls || o.Nulls, AllNull: r.AllNull && o.AllNull, NaN: r.NaN || o.NaN}
	switch {
	case r.AllNull:
		out.Min, out.Max, out.Nulls = o.Min, o.Max, true
	case o.AllNull:
		out.Min, out.Max, out.Nulls = r.Min, r.Max, true
	default:
		out.Min, out.Max = least(r.Min, o.Min), greatest(r.Max, o.Max)
	}
	return out
}
