package expr

import (
	"slices"

	"github.com/idag/idag/internal/kernel/scalar"
)

// Same returns the column that the program gives as it is, bit for bit, for every
// row within the bounds, while nothing in it can fail.
func (p *Program) Same(b Bounds) (column string, ok bool) {
	if p.Strict() {
		return "", false
	}
	j := judge{bounds: b}
	c := j.same(p.root)
	if c == nil || j.span(p.root).fails {
		return "", false
	}
	return c.name, true
}

// MayBeSame reports whether there could be bounds for which Same gives the column.
func (p *Program) MayBeSame(column string) bool { return !p.Strict() && mayGive(p.root, column) }

// mayGive is what judge.same makes of an operation where bounds say whatever is asked
// of them.
func mayGive(o op, column string) bool {
	some := func(list ...op) bool { return slices.ContainsFunc(list, func(o op) bool { return mayGive(o, column) }) }
	switch o := o.(type) {
	case *sharedOp:
		return some(o.op)
	case *tableOp:
		return some(o.op)
	case *columnOp:
		return o.name == column
	case *coalesceOp:
		return some(o.args...)
	case *caseOp:
		return some(o.thens...)
	case *nullIfOp:
		return some(o.a)
	case *extremeOp:
		return some(o.args...)
	case *callOp:
		switch o.name {
		case "+", "-", "*":
			return o.kept() != nil && some(o.kept())
		case "abs", "nanvl":
			return some(o.args[0])
		}
	}
	return false
}

// same is the column that an operation gives as it is, or nil.
func (j judge) same(o op) *columnOp {
	switch o := o.(type) {
	case *sharedOp:
		return j.same(o.op)
	case *tableOp:
		return j.same(o.op)
	case *columnOp:
		return o
	case *coalesceOp:
		return j.sameCoalesce(o)
	case *caseOp:
		return j.sameChoice(o)
	case *nullIfOp:
		if !compareSpans(scalar.Eq, j.span(o.a), j.span(o.b)).mayBeTrue {
			return j.same(o.a)
		}
	case *extremeOp:
		return j.sameExtreme(o)
	case *callOp:
		return j.sameCall(o)
	}
	return nil
}

// sameCoalesce finds the one argument that rows take. Those that are always null
// are passed by.
func (j judge) sameCoalesce(o *coalesceOp) *columnOp {
	var out *columnOp
	for _, a := range o.args {
		s := j.span(a)
		if s.empty {
			continue
		}
		c := j.same(a)
		if c == nil || out != nil && c.index != out.index {
			return nil
		}
		if out = c; !s.null {
			break
		}
	}
	return out
}

// sameChoice is a column if every branch that some row may take gives it.
func (j judge) sameChoice(o *caseOp) *columnOp {
	var out *columnOp
	all := true
	take := func(then op) {
		c := j.same(then)
		all = all && c != nil && (out == nil || out.index == c.index)
		out = c
	}
	open := j.branches(o, func(cond span, then op) {
		if cond.mayBeTrue {
			take(then)
		}
	})
	if open {
		take(o.thens[len(o.ifs)])
	}
	if !all {
		return nil
	}
	return out
}

// sameExtreme is the column that wins in every row: it is never null, better than
// all before it, which keep their place where they are as good (-0 and 0 are), and no
// worse than all behind it.
func (j judge) sameExtreme(o *extremeOp) *columnOp {
	worse := scalar.Lt
	if !o.most {
		worse = scalar.Gt
	}
	for i, a := range o.args {
		c, s := j.same(a), j.span(a)
		if c == nil || s.null {
			continue
		}
		wins := true
		for k, b := range o.args {
			y := j.span(b)
			switch {
			case k == i || y.empty:
			case k < i:
				lost := compareSpans(worse, y, s) // null where y is
				wins = wins && !lost.mayBeFalse
			default:
				wins = wins && !compareSpans(worse, s, y).mayBeTrue
			}
		}
		if wins {
			return c
		}
	}
	return nil
}

// sameCall is a column plus nothing, times one, or its amount where it is not
// negative. Floats have a zero with a sign, which a sum may lose, and a NaN has bits
// that an operation need not keep.
func (j judge) sameCall(o *callOp) *columnOp {
	switch o.name {
	case "+", "-", "*":
		if x := o.kept(); x != nil {
			return j.same(x)
		}
	case "abs":
		s := j.span(o.args[0])
		lo, isInt := s.lo.(int64)
		low, isFloat := s.lo.(float64)
		if isInt && lo >= 0 || isFloat && low > 0 && s.hi != nil && !isNaNValue(s.hi) {
			return j.same(o.args[0])
		}
	case "nanvl":
		a, b := j.span(o.args[0]), j.span(o.args[1])
		if a.hi != nil && !isNaNValue(a.hi) && !b.null && !b.empty {
			return j.same(o.args[0])
		}
	}
	return nil
}

// kept is the argument of a sum or a product of whole numbers that the other one
// leaves as it is, or nil.
func (c *callOp) kept() op {
	if len(c.args) != 2 || c.fn.kind != kInt && c.fn.kind != kTime && c.fn.kind != kInterval {
		return nil
	}
	neutral := int64(0)
	if c.name == "*" {
		neutral = 1
	}
	for i, x := range c.args {
		if isWhole(c.args[1-i], neutral) && resultKind(x) == c.fn.kind && (i == 0 || c.name != "-") {
			return x
		}
	}
	return nil
}

// isWhole tells whether an operation is a constant of that many.
func isWhole(o op, n int64) bool {
	c, ok := o.(*constOp)
	if !ok {
		return false
	}
	v, ok := whole(c.value())
	return ok && v == n
}
