// Package stat says what a few runs tell: means with their 95 % intervals, paired
// differences, ratios, and whether an assertion follows from them.
//
// Values are one a run, of runs that are independent but for what they share on purpose:
// two lists that are compared have, at each place, values of the same seed. All
// functions are pure; lists are lent.
package stat

import (
	"fmt"
	"math"

	"github.com/idag/idag/internal/fault"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// confidence of all intervals.
const confidence = 0.95

// Interval is a mean and what lies about it with a confidence of 95 %, by Student's t
// distribution. Of one value Low is -Inf and High is Inf: it tells nothing.
type Interval struct {
	Mean, Low, High float64
	N               int
}

// Mean is that of values. No value is Invalid, NaN is and infinity too.
func Mean(values []float64) (Interval, error) {
	n := len(values)
	if n == 0 {
		return Interval{}, fault.New(fault.Invalid, "the mean of no values")
	}
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return Interval{}, fault.New(fault.Invalid, "value %d of %d is %v", i, n, v)
		}
	}
	mean, deviation := stat.MeanStdDev(values, nil)
	half := math.Inf(1)
	if n > 1 {
		t := distuv.StudentsT{Sigma: 1, Nu: float64(n - 1)}.Quantile((1 + confidence) / 2)
		half = t * deviation / math.Sqrt(float64(n))
	}
	return Interval{Mean: mean, Low: mean - half, High: mean + half, N: n}, nil
}

// Difference is the mean of a - b, paired by place: what the seeds have in common
// falls out.
func Difference(a, b []float64) (Interval, error) {
	if len(a) != len(b) {
		return Interval{}, fault.New(fault.Invalid, "%d values compared with %d", len(a), len(b))
	}
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return Mean(d)
}

// Slope is the mean, over seeds, of the least squares slope of y over x: y[i][s] is
// the value at x[i] of seed s. Less than two different x are Invalid.
func Slope(x []float64, y [][]float64) (Interval, error) {
	if len(x) != len(y) || len(x) < 2 {
		return Interval{}, fault.New(fault.Invalid, "a slope through %d points of %d", len(y), len(x))
	}
	slopes := make([]float64, len(y[0]))
	for s := range slopes {
		line := make([]float64, len(y))
		for i := range y {
			if len(y[i]) != len(slopes) {
				return Interval{}, fault.New(fault.Invalid, "%d values compared with %d", len(y[i]), len(slopes))
			}
			line[i] = y[i][s]
		}
		_, slopes[s] = stat.LinearRegression(x, line, nil, false)
	}
	return Mean(slopes)
}

// Ratio is Σa / Σb with the interval of the jackknife: the mean of its pseudo-values
// (Tukey 1958), each from all pairs but one. Replicates are the ratios without one
// pair. Less than three pairs are Invalid, and a Σb of 0.
func Ratio(a, b []float64) (ratio Interval, replicates []float64, err error) {
	n := len(a)
	if n != len(b) || n < 3 {
		return ratio, nil, fault.New(fault.Invalid, "the ratio of %d values and %d, expected three pairs at least", n, len(b))
	}
	var sumA, sumB float64
	for i := range a {
		sumA, sumB = sumA+a[i], sumB+b[i]
	}
	pseudo := make([]float64, n)
	for i := range a {
		without := (sumA - a[i]) / (sumB - b[i])
		replicates = append(replicates, without)
		pseudo[i] = float64(n)*sumA/sumB - float64(n-1)*without
	}
	ratio, err = Mean(pseudo)
	if err != nil {
		return ratio, nil, fault.New(fault.Invalid, "a ratio to about 0: %w", err)
	}
	half := ratio.High - ratio.Mean
	ratio.Mean = sumA / sumB
	ratio.Low, ratio.High = ratio.Mean-half, ratio.Mean+half
	return ratio, replicates, nil
}

// String spells the mean and half the width of the interval.
func (i Interval) String() string {
	if i.N < 2 {
		return fmt.Sprintf("%.4f", i.Mean)
	}
	return fmt.Sprintf("%.4f ± %.4f", i.Mean, i.High-i.Mean)
}

// Verdict says whether an assertion follows from the runs.
type Verdict string

// The verdicts.
const (
	Holds     Verdict = "holds"
	Fails     Verdict = "does not hold"
	Undecided Verdict = "is not decided by these runs"
)

// Above is the verdict on: the true value is at least limit.
func (i Interval) Above(limit float64) Verdict {
	switch {
	case i.Low >= limit:
		return Holds
	case i.High < limit:
		return Fails
	}
	return Undecided
}

// Below is the verdict on: the true value is at most limit.
func (i Interval) Below(limit float64) Verdict {
	return Interval{Mean: -i.Mean, Low: -i.High, High: -i.Low, N: i.N}.Above(-limit)
}

// All is the verdict on assertions that must all hold: one that fails decides.
func All(list ...Verdict) Verdict {
	out := Holds
	for _, v := range list {
		switch {
		case v == Fails:
			return Fails
		case v == Undecided:
			out = Undecided
		}
	}
	return out
}
