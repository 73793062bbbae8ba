package stat_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/idag/idag/internal/bench/stat"
	"github.com/idag/idag/internal/fault"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func near(a, b float64) bool { return math.Abs(a-b) < 1e-4 }

// The sleep data of Student's own paper (1908), by R's t.test: extra hours by two
// drugs on the same ten people.
func TestStudent(t *testing.T) {
	one := []float64{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0}
	two := []float64{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4}
	got, err := stat.Difference(two, one)
	if err != nil || !near(got.Mean, 1.58) || !near(got.Low, 0.7001142) || !near(got.High, 2.4598858) || got.N != 10 {
		t.Errorf("%+v, %v", got, err)
	}
	if got.Above(0) != stat.Holds || got.Above(1) != stat.Undecided || got.Above(3) != stat.Fails || got.Below(3) != stat.Holds || got.Below(0) != stat.Fails {
		t.Errorf("verdicts of %+v", got)
	}
	if got.String() != "1.5800 ± 0.8799" {
		t.Error(got)
	}
}

// An interval of 95 % holds the true value in about 95 of 100 draws, and so does that
// of a ratio.
func TestCoverage(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const draws = 2000
	var means, ratios int
	for range draws {
		a, b := make([]float64, 10), make([]float64, 10)
		for i := range a {
			b[i] = 1 + 0.2*r.NormFloat64()
			a[i] = 0.6*b[i] + 0.1*r.NormFloat64()
		}
		m, err := stat.Mean(b)
		if err != nil {
			t.Fatal(err)
		}
		if m.Low <= 1 && 1 <= m.High {
			means++
		}
		q, replicates, err := stat.Ratio(a, b)
		if err != nil || len(replicates) != 10 {
			t.Fatal(err)
		}
		if q.Low <= 0.6 && 0.6 <= q.High {
			ratios++
		}
	}
	for name, n := range map[string]int{"means": means, "ratios": ratios} {
		if share := float64(n) / draws; share < 0.93 || share > 0.97 {
			t.Errorf("%s: %.3f of the intervals hold the truth", name, share)
		}
	}
}

func TestSlope(t *testing.T) {
	got, err := stat.Slope([]float64{0, 1, 2, 4}, [][]float64{{1, 2}, {0.9, 1.8}, {0.8, 1.6}, {0.6, 1.2}})
	if err != nil || !near(got.Mean, -0.15) || got.N != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := stat.Slope([]float64{1, 2}, [][]float64{{1, 2}, {1}}); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
}

func TestOneValueTellsNothing(t *testing.T) {
	got, err := stat.Mean([]float64{0.5})
	if err != nil || got.Mean != 0.5 || got.Above(-1e9) != stat.Undecided || got.String() != "0.5000" {
		t.Errorf("%+v, %v", got, err)
	}
	same, err := stat.Mean([]float64{2, 2, 2})
	if err != nil || same.Low != 2 || same.High != 2 || same.Above(2) != stat.Holds {
		t.Errorf("%+v, %v", same, err)
	}
}

func TestBadValues(t *testing.T) {
	for _, err := range []error{
		second(stat.Mean(nil)),
		second(stat.Mean([]float64{1, math.NaN()})),
		second(stat.Mean([]float64{math.Inf(1)})),
		second(stat.Difference([]float64{1}, []float64{1, 2})),
		second(stat.Slope([]float64{1}, [][]float64{{1}})),
		third(stat.Ratio([]float64{1, 2}, []float64{1, 2})),
		third(stat.Ratio([]float64{1, 2, 3}, []float64{1, -1, 0})),
	} {
		if fault.Of(err) != fault.Invalid {
			t.Error(err)
		}
	}
}

func second[T any](_ T, err error) error        { return err }
func third[T, U any](_ T, _ U, err error) error { return err }

func TestAll(t *testing.T) {
	for _, c := range []struct {
		list []stat.Verdict
		want stat.Verdict
	}{
		{nil, stat.Holds},
		{[]stat.Verdict{stat.Holds, stat.Holds}, stat.Holds},
		{[]stat.Verdict{stat.Holds, stat.Undecided}, stat.Undecided},
		{[]stat.Verdict{stat.Undecided, stat.Fails, stat.Holds}, stat.Fails},
	} {
		if got := stat.All(c.list...); got != c.want {
			t.Errorf("%v: %s", c.list, got)
		}
	}
}
