package bypass

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The critical values are those of the published tables (one-sided, 5 %).
func TestSignedRankTable(t *testing.T) {
	for n, want := range map[int]int{1: -1, 4: -1, 5: 0, 6: 2, 8: 5, 10: 10, 12: 17, 15: 30, 20: 60, 25: 100, 30: 151} {
		if got := signedRank(n, 0.05); got != want {
			t.Errorf("n %d: got %d, want %d", n, got, want)
		}
	}
}

func TestCentre(t *testing.T) {
	for _, c := range []struct {
		name          string
		values        []float64
		middle, upper float64
	}{
		{"nothing", nil, math.NaN(), math.Inf(1)},
		{"too few for a bound", []float64{1, 2, 3}, 2, math.Inf(1)},
		{"all alike", []float64{2, 2, 2, 2, 2, 2}, 2, 2},
		{"five: the bound is the largest", []float64{5, 1, 4, 2, 3}, 3, 5},
		{"one that is far off", []float64{0, 0, 0, 0, 0, 0, 0, 0, 0, 1000}, 0, 0},
	} {
		middle, upper := centre(c.values)
		if middle != c.middle && !(math.IsNaN(middle) && math.IsNaN(c.middle)) || upper != c.upper {
			t.Errorf("%s: got %v, bound %v, want %v, %v", c.name, middle, upper, c.middle, c.upper)
		}
	}
}

// The bound holds in 95 of 100 samples, for distributions with long tails too.
func TestCentreCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"normal":  r.NormFloat64,
		"uniform": func() float64 { return r.Float64() - 0.5 },
		"long tails": func() float64 {
			v := r.NormFloat64()
			if r.IntN(10) == 0 {
				v *= 50
			}
			return v
		},
	} {
		const samples = 2000
		held := 0
		for range samples {
			values := make([]float64, 20)
			for i := range values {
				values[i] = 0.3 + draw()
			}
			if _, upper := centre(values); upper >= 0.3 {
				held++
			}
		}
		// 95 % of 2,000 is 1,900, with a standard deviation of 10.
		if held < 1860 || held > 1950 {
			t.Errorf("%s: the bound held in %d of %d samples", name, held, samples)
		}
	}
}
