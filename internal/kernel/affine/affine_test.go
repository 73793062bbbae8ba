package affine

import (
	"math"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// drawFloat draws numbers where rounding, signs of zero and what is no number show.
func drawFloat() *rapid.Generator[float64] {
	hard := []float64{0, math.Copysign(0, -1), 1, -1, 1.5, 1e300, -1e300, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324}
	return rapid.OneOf(rapid.SampledFrom(hard), rapid.Float64())
}

// TestRun proves that steps give, bit for bit, what the operations that they are made
// of give one after another, apart and in place.
func TestRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{0, 1, 3, 4, 31, 32, 33, 63, 64, 100, 1024}).Draw(t, "rows")
		rows := rapid.SliceOfN(drawFloat(), n, n).Draw(t, "values")
		want := slices.Clone(rows)
		var steps []Step
		for range rapid.IntRange(1, 9).Draw(t, "operations") {
			op, turned, c := rapid.SampledFrom([]byte("+-*")).Draw(t, "op"), rapid.Bool().Draw(t, "turned"), drawFloat().Draw(t, "constant")
			steps = Append(steps, op, c, turned)
			for i, x := range want {
				y := c
				if turned {
					x, y = y, x
				}
				want[i] = map[byte]float64{'+': x + y, '-': x - y, '*': x * y}[op]
			}
		}
		got := make([]float64, n)
		Run(got, rows, steps)
		Run(rows, rows, steps)
		for i, w := range want {
			for _, x := range []float64{got[i], rows[i]} {
				if math.Float64bits(x) != math.Float64bits(w) && (!math.IsNaN(x) || !math.IsNaN(w)) {
					t.Fatalf("row %d of %d: %v, want %v", i, n, x, w)
				}
			}
		}
	})
}

// TestAppend: a product and the sum behind it are one step.
func TestAppend(t *testing.T) {
	var steps []Step
	for _, op := range []byte("*+*-+") {
		steps = Append(steps, op, 3, false)
	}
	if want := []Step{{3, 3}, {3, -3}, {1, 3}}; !slices.Equal(steps, want) {
		t.Errorf("got %v, want %v", steps, want)
	}
}

// BenchmarkRun takes 16k rows through 16 products and sums.
func BenchmarkRun(b *testing.B) {
	var steps []Step
	for range 16 {
		steps = Append(Append(steps, '*', 0.75, false), '+', 3, false)
	}
	x := make([]float64, 16<<10)
	b.SetBytes(int64(len(x) * 8))
	for b.Loop() {
		Run(x, x, steps)
	}
}
