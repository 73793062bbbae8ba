//go:build !amd64

package scalar

// vectors says that the functions below are not for this processor.
func vectors() bool { return false }

func addFloats(_, _, _ *float64, _, _, _ int) {}

func subFloats(_, _, _ *float64, _, _, _ int) {}

func mulFloats(_, _, _ *float64, _, _, _ int) {}

func divFloats(_, _, _ *float64, _, _, _ int) (zeros int) { return 0 }
