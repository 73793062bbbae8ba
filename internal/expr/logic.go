package expr

import (
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/kernel/scalar"
)

// logicOp is AND or OR of two booleans. The right side counts as reached, for
// its failures, in the rows that the left side does not decide.
type logicOp struct {
	or   bool
	a, b op
}

func (l *logicOp) eval(x *exec) (vec, error) {
	a, err := l.a.eval(x)
	if err != nil {
		return vec{}, err
	}
	return x.logic(a, l.or, func() (vec, error) { return l.b.eval(x) })
}

// logic is a AND b (a OR b); it takes over a, and evaluates b only if a does
// not decide all rows.
func (x *exec) logic(a vec, or bool, right func() (vec, error)) (vec, error) {
	open := x.undecided(&a, or)
	defer func() { open.Release() }()
	if !bitsOf(open, a.n).Any(a.n) {
		return a, nil
	}
	defer func() { a.release() }()
	b, err := right()
	if err != nil {
		return vec{}, err
	}
	defer func() { b.release() }()
	if a.konst && !b.konst {
		x.flatten(&a)
		open.Release()
		open = x.undecided(&a, or)
	}
	return x.combine(&a, &b, or, open), nil
}

// combine is a AND b (a OR b); the failures of b count in the rows of open,
// which are of a, or in all if it is nil.
func (x *exec) combine(a, b *vec, or bool, open *memory.Buffer) vec {
	out := vec{kind: kBool, n: 1, konst: a.konst && b.konst}
	if !out.konst {
		out.n = x.rows
		x.flatten(a)
		x.flatten(b)
	}
	n := out.n
	x.kleene(&out, a, b, or)
	for _, p := range [...]struct {
		to          **memory.Buffer
		left, right *memory.Buffer
	}{{&out.fail, a.fail, b.fail}, {&out.hard, a.hard, b.hard}} {
		x.or(p.to, x.spreadBits(a, p.left, n), n)
		if open == nil {
			x.or(p.to, x.spreadBits(b, p.right, n), n)
		} else {
			x.or(p.to, x.within(p.right, open, n), n)
		}
	}
	return out
}

// memberOp is a IN (list) with a list that is not all constant: a = first OR
// a = second OR ..., all of which are reached.
type memberOp struct {
	eq   function
	args []op // a, then the list
}

func (o *memberOp) eval(x *exec) (vec, error) {
	args, err := x.evalAll(o.args)
	defer releaseAll(args)
	if err != nil {
		return vec{}, err
	}
	found, err := x.apply(o.eq, args[:2])
	for i := 2; i < len(args) && err == nil; i++ {
		found, err = x.applyAnd(found, true, o.eq, []vec{args[0], args[i]})
	}
	return found, err
}

// betweenOp is a >= low AND a <= high, both of which are reached.
type betweenOp struct {
	ge, le function
	args   []op // a, low and high
}

func (o *betweenOp) eval(x *exec) (vec, error) {
	args, err := x.evalAll(o.args)
	defer releaseAll(args)
	if err != nil {
		return vec{}, err
	}
	above, err := x.apply(o.ge, args[:2])
	if err != nil {
		return vec{}, err
	}
	return x.applyAnd(above, false, o.le, []vec{args[0], args[2]})
}

// applyAnd is a AND fn(args), with or a OR fn(args). It takes over a.
func (x *exec) applyAnd(a vec, or bool, fn function, args []vec) (vec, error) {
	defer func() { a.release() }()
	b, err := x.apply(fn, args)
	if err != nil {
		return vec{}, err
	}
	defer func() { b.release() }()
	return x.combine(&a, &b, or, nil), nil
}

// undecided marks the rows of a that are not FALSE (with or, not TRUE).
func (x *exec) undecided(a *vec, or bool) *memory.Buffer {
	buf, bits := x.rawBitmap(a.n)
	if or {
		bits.Not(a.bits())
	} else {
		copy(bits, a.bits())
	}
	if a.valid != nil {
		for i, v := range bitsOf(a.valid, a.n) {
			bits[i] |= ^v
		}
	}
	return buf
}

// within is the part of set (nil: empty) that lies in mask.
func (x *exec) within(set, mask *memory.Buffer, n int) *memory.Buffer {
	if set == nil {
		return nil
	}
	buf, bits := x.rawBitmap(n)
	bits.And(bitsOf(set, n), bitsOf(mask, n))
	return buf
}

// kleene computes values and validity of a AND b (a OR b) in Kleene's logic.
func (x *exec) kleene(out, a, b *vec, or bool) {
	n := out.n
	var vals scalar.Bits
	out.vals, vals = x.rawBitmap(n)
	av, bv := a.bits(), b.bits()
	if a.valid == nil && b.valid == nil {
		if or {
			vals.Or(av, bv)
		} else {
			vals.And(av, bv)
		}
		return
	}
	flip := uint64(0)
	if or { // a OR b = NOT (NOT a AND NOT b)
		flip = ^flip
	}
	var valid scalar.Bits
	out.valid, valid = x.rawBitmap(n)
	an, bn := bitsOf(a.valid, n), bitsOf(b.valid, n)
	for i := range vals {
		ak, bk := ^uint64(0), ^uint64(0)
		if an != nil {
			ak = an[i]
		}
		if bn != nil {
			bk = bn[i]
		}
		at, bt := (av[i]^flip)&ak, (bv[i]^flip)&bk
		vals[i] = (at & bt) ^ flip
		valid[i] = at&bt | ak&^at | bk&^bt
	}
}

// isOp tests a value of any type: IS NULL, IS TRUE, IS FALSE. It is never null.
type isOp struct {
	test string // null, true or false
	a    op
}

func (o *isOp) eval(x *exec) (vec, error) {
	a, err := o.a.eval(x)
	if err != nil {
		return vec{}, err
	}
	out := vec{kind: kBool, n: a.n, konst: a.konst, fail: a.fail, hard: a.hard}
	a.fail, a.hard = nil, nil
	defer a.release()
	var bits scalar.Bits
	out.vals, bits = x.rawBitmap(a.n)
	valid := bitsOf(a.valid, a.n)
	switch {
	case o.test == "null" && valid == nil:
		bits.Fill(false)
		return out, nil
	case o.test == "null":
		bits.Not(valid)
		return out, nil
	case o.test == "true":
		copy(bits, a.bits())
	default:
		bits.Not(a.bits())
	}
	if valid != nil {
		bits.And(bits, valid)
	}
	return out, nil
}

// sameOp is a <=> b: equality that treats two nulls as equal.
type sameOp struct {
	eq   function
	a, b op
}

func (o *sameOp) eval(x *exec) (vec, error) {
	args, err := x.evalAll([]op{o.a, o.b})
	defer releaseAll(args)
	if err != nil {
		return vec{}, err
	}
	out, err := x.apply(o.eq, args)
	if err != nil {
		return vec{}, err
	}
	n := x.rows
	x.flatten(&out)
	if out.valid == nil {
		return out, nil
	}
	equal := x.within(out.vals, out.valid, n)
	if args[0].valid != nil && args[1].valid != nil {
		an, bn := x.spreadBits(&args[0], args[0].valid, n), x.spreadBits(&args[1], args[1].valid, n)
		bits := bitsOf(equal, n)
		for i, w := range bitsOf(an, n) {
			bits[i] |= ^(w | bitsOf(bn, n)[i])
		}
		an.Release()
		bn.Release()
	}
	out.vals.Release()
	out.valid.Release()
	out.vals, out.valid = equal, nil
	return out, nil
}

// strictOp moves failures below it from counted to dead-lettered.
type strictOp struct{ a op }

func (o *strictOp) eval(x *exec) (vec, error) {
	v, err := o.a.eval(x)
	if err != nil || v.fail == nil {
		return v, err
	}
	x.without(&v.valid, v.fail, v.n)
	x.or(&v.hard, v.fail, v.n)
	v.fail = nil
	return v, nil
}
