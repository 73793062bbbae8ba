package scalar

import "golang.org/x/sys/cpu"

// vectors says whether the processor can do what the functions below need.
func vectors() bool { return cpu.X86.HasAVX }

// addFloats, subFloats, mulFloats and divFloats write a op b for four rows a step.
// The operands move on by as and bs bytes a step; dst may be one of them.
//
//go:noescape
func addFloats(dst, a, b *float64, as, bs, steps int)

//go:noescape
func subFloats(dst, a, b *float64, as, bs, steps int)

//go:noescape
func mulFloats(dst, a, b *float64, as, bs, steps int)

// divFloats returns 0 if no b is 0.
//
//go:noescape
func divFloats(dst, a, b *float64, as, bs, steps int) (zeros int)
