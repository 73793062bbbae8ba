package sketch

import (
	"math"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stream is a stream of keys to try a sketch on.
type stream struct {
	name string
	keys func(r *rand.Rand, n int) []uint64
}

// streams are the shapes of data that the bounds are tried on. The bounds hold for
// any keys, so most are numbers as they come, not hashes.
func streams() []stream {
	each := func(key func(r *rand.Rand, i, n int) uint64) func(*rand.Rand, int) []uint64 {
		return func(r *rand.Rand, n int) []uint64 {
			out := make([]uint64, n)
			for i := range out {
				out[i] = key(r, i, n)
			}
			return out
		}
	}
	return []stream{
		{"uniform", each(func(r *rand.Rand, _, n int) uint64 { return r.Uint64N(uint64(n)) })},
		{"zipf", func(r *rand.Rand, n int) []uint64 {
			z := rand.NewZipf(r, 1.1, 1, 1<<40)
			return each(func(*rand.Rand, int, int) uint64 { return z.Uint64() })(r, n)
		}},
		{"all different", each(func(_ *rand.Rand, i, _ int) uint64 { return uint64(i) << 20 })},
		{"a few heavy keys", each(func(_ *rand.Rand, i, _ int) uint64 {
			if i%2 == 0 {
				return uint64(i % 40)
			}
			return 1<<63 + uint64(i)
		})},
	}
}

// counts is the truth.
func counts(keys []uint64) map[uint64]uint64 {
	out := map[uint64]uint64{}
	for _, k := range keys {
		out[k]++
	}
	return out
}

// significance is how unlikely what a test fails for must be, were the bound true.
// Seeds are fixed, so a test fails always or never.
const significance = 1e-6

// unlikely says whether so many violations of n are, if each has probability p at
// most: the tail of the binomial distribution.
func unlikely(violations, n int, p float64) bool {
	tail := 0.0
	for v := violations; v <= n; v++ {
		tail += math.Exp(choose(n, v) + float64(v)*math.Log(p) + float64(n-v)*math.Log1p(-p))
	}
	return tail < significance
}

// choose is the logarithm of the binomial coefficient.
func choose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
