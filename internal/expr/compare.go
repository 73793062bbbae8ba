package expr

import (
	"slices"
	"strings"

	"github.com/idag/idag/internal/kernel/scalar"
)

// comparison is the function of a comparison of two values of the kind.
func comparison(cmp scalar.Cmp, k kind) function {
	f := function{kind: kBool}
	switch k {
	case kInt, kTime, kInterval:
		f.run = func(c *call) error { return compareNumbers(c, cmp, c.a[0].ints(), c.a[1].ints()) }
	case kFloat:
		f.run = func(c *call) error { return compareNumbers(c, cmp, c.a[0].floats(), c.a[1].floats()) }
	case kDate:
		f.run = func(c *call) error { return compareNumbers(c, cmp, c.a[0].days(), c.a[1].days()) }
	case kBool:
		f.run = func(c *call) error { return compareBools(c, cmp) }
	case kString, kBinary:
		f.run = func(c *call) error { return compareTexts(c, cmp) }
	case kNull:
	default:
		f.run = func(c *call) error { return compareNested(c, cmp) }
		if k.isDecimal() {
			f.run = func(c *call) error { return compareDecimals(c, cmp) }
		}
	}
	return f
}

func compareNumbers[T scalar.Number](c *call, cmp scalar.Cmp, a, b []T) error {
	c.out = c.x.fixed(kBool, c.n)
	scalar.Compare(cmp, c.out.bits(), a, b, c.n)
	return nil
}

func compareDecimals(c *call, cmp scalar.Cmp) error {
	a, b := rowsOf(&c.a[0], c.a[0].decimals()), rowsOf(&c.a[1], c.a[1].decimals())
	return c.bools(func(i int) bool { return cmp.Holds(a.at(i).Cmp(b.at(i))) })
}

// compareBools has FALSE before TRUE.
func compareBools(c *call, cmp scalar.Cmp) error {
	c.out = c.x.fixed(kBool, c.n)
	bits := c.out.bits()
	abuf, bbuf := c.x.spreadBits(&c.a[0], c.a[0].vals, c.n), c.x.spreadBits(&c.a[1], c.a[1].vals, c.n)
	a, b := bitsOf(abuf, c.n), bitsOf(bbuf, c.n)
	switch cmp {
	case scalar.Eq, scalar.Ne:
		bits.Xnor(a, b)
	case scalar.Lt, scalar.Ge:
		bits.AndNot(b, a)
	case scalar.Gt, scalar.Le:
		bits.AndNot(a, b)
	}
	if cmp == scalar.Ne || cmp == scalar.Ge || cmp == scalar.Le {
		bits.Not(bits)
	}
	abuf.Release()
	bbuf.Release()
	return nil
}

// compareTexts compares strings byte by byte, which is the order of their code
// points.
func compareTexts(c *call, cmp scalar.Cmp) error {
	a, b := c.a[0].texts(), c.a[1].texts()
	if cmp == scalar.Eq || cmp == scalar.Ne {
		want := cmp == scalar.Eq
		if c.a[1].konst && !c.a[0].konst && a.codes == nil {
			return equalsText(c, &a, b.at(0), want)
		}
		return c.bools(func(i int) bool { return (a.at(i) == b.at(i)) == want })
	}
	return c.bools(func(i int) bool { return cmp.Holds(strings.Compare(a.at(i), b.at(i))) })
}

// equalsText compares plain strings with one string: most differ in length,
// which the offsets tell.
func equalsText(c *call, a *texts, s string, want bool) error {
	c.out = c.x.fixed(kBool, c.n)
	bits := c.out.bits()
	for w := range bits {
		var m uint64
		off := a.off[w*64 : min(w*64+65, c.n+1)]
		for j := range off[1:] {
			from, to := off[j], off[j+1]
			if int(to-from) == len(s) && a.data[from:to] == s {
				m |= 1 << (uint(j) & 63)
			}
		}
		bits[w] = m
	}
	if !want {
		bits.Not(bits)
	}
	return nil
}

// bools makes a boolean of every row.
func (c *call) bools(f func(i int) bool) error {
	c.out = c.x.fixed(kBool, c.n)
	bits := c.out.bits()
	for w := range bits {
		var m uint64
		for i := w * 64; i < min(w*64+64, c.n); i++ {
			if f(i) {
				m |= 1 << (uint(i) & 63)
			}
		}
		bits[w] = m
	}
	return nil
}

// inSet is membership in a list of constants. With a null among them what is
// not found is null.
func inSet(k kind, list []*constOp) function {
	hasNull := false
	list = slices.DeleteFunc(slices.Clone(list), func(v *constOp) bool {
		hasNull = hasNull || v.v.isNull()
		return v.v.isNull()
	})
	run := inSetOf(k, list)
	if !hasNull {
		return function{run: run, kind: kBool}
	}
	return function{kind: kBool, run: func(c *call) error {
		if err := run(c); err != nil {
			return err
		}
		c.out.vals.Retain()
		c.null = c.out.vals
		return nil
	}}
}

func inSetOf(k kind, list []*constOp) impl {
	switch k {
	case kInt, kTime, kInterval:
		set := sortedSet(list, (*vec).ints)
		return func(c *call) error { return inNumbers(c, c.a[0].ints(), set) }
	case kFloat:
		set := sortedSet(list, (*vec).floats)
		return func(c *call) error { return inNumbers(c, c.a[0].floats(), set) }
	case kDate:
		set := sortedSet(list, (*vec).days)
		return func(c *call) error { return inNumbers(c, c.a[0].days(), set) }
	case kBool:
		return inBools(list)
	case kString, kBinary, kNull:
	}
	var set []string
	for _, v := range list {
		t := v.v.texts()
		set = append(set, t.at(0))
	}
	slices.Sort(set)
	return func(c *call) error {
		a := c.a[0].texts()
		return c.bools(func(i int) bool {
			_, found := slices.BinarySearch(set, a.at(i))
			return found
		})
	}
}

// sortedSet is the distinct constants of the list in order.
func sortedSet[T scalar.Number](list []*constOp, values func(*vec) []T) []T {
	var set []T
	for _, v := range list {
		set = append(set, values(&v.v)[0])
	}
	slices.SortFunc(set, scalar.Order[T])
	return slices.CompactFunc(set, func(x, y T) bool { return scalar.Order(x, y) == 0 })
}

// inNumbers takes the way of comparisons for short lists: they run 64 rows at
// a time where a search goes row by row.
func inNumbers[T scalar.Number](c *call, a, set []T) error {
	c.out = c.x.fixed(kBool, c.n)
	bits := c.out.bits()
	if len(set) > 8 {
		scalar.In(bits, a, set)
		return nil
	}
	buf, one := c.x.rawBitmap(c.n)
	defer buf.Release()
	bits.Fill(false)
	for i := range set {
		scalar.Compare(scalar.Eq, one, a, set[i:i+1], c.n)
		bits.Or(bits, one)
	}
	return nil
}

func inBools(list []*constOp) impl {
	hasTrue, hasFalse := false, false
	for _, v := range list {
		isTrue := v.v.bits().Get(0)
		hasTrue, hasFalse = hasTrue || isTrue, hasFalse || !isTrue
	}
	return func(c *call) error {
		a := c.a[0].bits()
		return c.bools(func(i int) bool { return a.Get(i) && hasTrue || !a.Get(i) && hasFalse })
	}
}

// notBits is NOT.
func notBits(c *call) error {
	c.out = c.x.fixed(kBool, c.n)
	c.out.bits().Not(c.a[0].bits())
	return nil
}

// nullIfOp is a unless a = b is TRUE.
type nullIfOp struct {
	a, b op
	eq   function
}

func (o *nullIfOp) eval(x *exec) (vec, error) {
	args, err := x.evalAll([]op{o.a, o.b})
	defer releaseAll(args)
	if err != nil {
		return vec{}, err
	}
	eq, err := x.apply(o.eq, args)
	if err != nil {
		return vec{}, err
	}
	defer func() { eq.release() }()
	x.flatten(&eq)
	out := args[0].retain()
	x.flatten(&out)
	equal := bitsOf(eq.vals, x.rows)
	if eq.valid != nil {
		equal.And(equal, bitsOf(eq.valid, x.rows))
	}
	x.without(&out.valid, eq.vals, x.rows)
	b := &args[1]
	x.or(&out.fail, x.spreadBits(b, b.fail, x.rows), x.rows)
	x.or(&out.hard, x.spreadBits(b, b.hard, x.rows), x.rows)
	return out, nil
}
