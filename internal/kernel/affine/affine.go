// Package affine takes columns of floats through sums and products with constants.
// Rows go through all of them at once, a few at a time, and stay in registers meanwhile.
//
// It works on plain slices and knows nothing of Arrow or of nulls; what it gives is, bit
// for bit, what the operations give one after another, but for which NaN a NaN is.
package affine

import "math"

// Step takes each row to row*Mul + Add: the product is rounded before the sum. A step that
// only adds has Mul 1, one that only multiplies has Add -0; both leave every number as
// it is.
type Step struct{ Mul, Add float64 }

// unchanged is what every number stays the same with when it is added.
func unchanged() float64 { return math.Copysign(0, -1) }

// Append appends the step that is row op c for op '+', '-' or '*' or, with
// turned, c op row. One that only adds becomes part of a last step that only
// multiplies.
func Append(steps []Step, op byte, c float64, turned bool) []Step {
	switch op {
	case '*':
		return append(steps, Step{c, unchanged()})
	case '-':
		if turned {
			steps = append(steps, Step{-1, unchanged()})
		} else {
			c = -c
		}
	}
	if n := len(steps); n > 0 {
		if last := &steps[n-1]; last.Add == 0 && math.Signbit(last.Add) {
			last.Add = c
			return steps
		}
	}
	return append(steps, Step{1, c})
}

// together is how many rows vector instructions take through all steps at a time.
const together = 32

// Run takes every row through the steps, which are not none. Dst has as many rows as
// a, and may be a.
func Run(dst, a []float64, steps []Step) {
	a = a[:len(dst)]
	if n := len(dst) / together; n > 0 && vectors() {
		run(&dst[0], &a[0], &steps[0], len(steps), n)
		dst, a = dst[n*together:], a[n*together:]
	}
	i := 0
	for ; i+4 <= len(a); i += 4 {
		// The conversions keep a compiler from adding without rounding first.
		p, q, r, s := a[i], a[i+1], a[i+2], a[i+3]
		for _, k := range steps {
			p, q, r, s = float64(p*k.Mul)+k.Add, float64(q*k.Mul)+k.Add, float64(r*k.Mul)+k.Add, float64(s*k.Mul)+k.Add
		}
		dst[i], dst[i+1], dst[i+2], dst[i+3] = p, q, r, s
	}
	for ; i < len(a); i++ {
		x := a[i]
		for _, k := range steps {
			x = float64(x*k.Mul) + k.Add
		}
		dst[i] = x
	}
}
