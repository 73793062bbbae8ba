package learn

import (
	"math"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// splitMix draws the numbers that the reference programs draw: SplitMix64, 53 bits.
type splitMix uint64

func (s *splitMix) next() float64 {
	*s += 0x9e3779b97f4a7c15
	x := uint64(*s)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) * 0x1p-53
}

// reference makes the rows of the reference numbers: features of -1 to 1; with z =
// 0.5 + x1 - 2·x2 + 3·x3 and so on, classes drawn with the odds e^z, and z with
// noise for regression.
func reference(n, d int) (classes, values Rows) {
	var s splitMix
	r := Rows{Width: d, X: make([]float64, n*d)}
	for i := range r.X {
		r.X[i] = 2*s.next() - 1
	}
	classes, values = r, r
	classes.Y, values.Y = make([]float64, n), make([]float64, n)
	for i := range n {
		z, sign := 0.5, 1.0
		for j, x := range r.Row(i) {
			z += sign * float64(j+1) * x
			sign = -sign
		}
		noise := s.next()
		if 1/(1+math.Exp(-z)) > noise {
			classes.Y[i] = 1
		}
		values.Y[i] = z + noise
	}
	return classes, values
}

func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance*max(1, math.Abs(b))
}

func must[T any](t rapid.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// compare fails where two lists differ by more than the tolerance.
func compare(t rapid.TB, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !near(got[i], want[i], tolerance) {
			t.Errorf("%s, number %d: %.15g, want %.15g", what, i, got[i], want[i])
		}
	}
}
