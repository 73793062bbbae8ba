// Package score measures how well predictions fit what was: of classes by
// accuracy, kappa, log loss and the area under the ROC curve, of values by mean
// absolute and root mean squared error.
//
// Predictions and results are two lists of one length, at least one; results of
// classes are 0 or 1, predictions of classes probabilities of 1. Anything else,
// NaN included, is Invalid. Lists are lent. A [Confusion] can be added up, over
// nodes and batches; the other scores are of their lists alone.
package score

import (
	"math"
	"slices"

	"github.com/idag/idag/internal/fault"
)

// Confusion counts rows by what was predicted and what was.
type Confusion struct {
	TruePositive  int64 `json:"true_positive"`
	FalsePositive int64 `json:"false_positive"`
	TrueNegative  int64 `json:"true_negative"`
	FalseNegative int64 `json:"false_negative"`
}

// Confuse counts predictions of at least the threshold as 1. They need not be
// probabilities: linear regression's are not.
func Confuse(p, y []float64, threshold float64) (Confusion, error) {
	var c Confusion
	if err := classes(p, y, false); err != nil {
		return c, err
	}
	for i, v := range p {
		switch {
		case v >= threshold && y[i] == 1:
			c.TruePositive++
		case v >= threshold:
			c.FalsePositive++
		case y[i] == 1:
			c.FalseNegative++
		default:
			c.TrueNegative++
		}
	}
	return c, nil
}

// Add counts in what o counts.
func (c *Confusion) Add(o Confusion) {
	c.TruePositive += o.TruePositive
	c.FalsePositive += o.FalsePositive
	c.TrueNegative += o.TrueNegative
	c.FalseNegative += o.FalseNegative
}

// Count is the number of rows.
func (c Confusion) Count() int64 {
	return c.TruePositive + c.FalsePositive + c.TrueNegative + c.FalseNegative
}

// Accuracy is the share of rows predicted right; 0 of no rows.
func (c Confusion) Accuracy() float64 { return ratio(c.TruePositive+c.TrueNegative, c.Count()) }

// Precision is the share of what was predicted 1 that was; 0 where nothing was.
func (c Confusion) Precision() float64 {
	return ratio(c.TruePositive, c.TruePositive+c.FalsePositive)
}

// Recall is the share of what was 1 that was predicted; 0 where nothing was.
func (c Confusion) Recall() float64 { return ratio(c.TruePositive, c.TruePositive+c.FalseNegative) }

// F1 is the harmonic mean of precision and recall.
func (c Confusion) F1() float64 {
	return ratio(2*c.TruePositive, 2*c.TruePositive+c.FalsePositive+c.FalseNegative)
}

// Kappa is Cohen's: by how much the accuracy exceeds that of guessing with the same
// shares, 1 at the best, 0 for a guess; 0, too, where guessing is always right.
func (c Confusion) Kappa() float64 {
	n := float64(c.Count())
	if n == 0 {
		return 0
	}
	said, was := float64(c.TruePositive+c.FalsePositive)/n, float64(c.TruePositive+c.FalseNegative)/n
	chance := said*was + (1-said)*(1-was)
	if chance == 1 {
		return 0
	}
	return (c.Accuracy() - chance) / (1 - chance)
}

func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// LogLoss is the mean of -log of the probability given to what was, which is taken
// to be 2^-52 at the least.
func LogLoss(p, y []float64) (float64, error) {
	if err := classes(p, y, true); err != nil {
		return 0, err
	}
	sum := 0.0
	for i, v := range p {
		if y[i] == 0 {
			v = 1 - v
		}
		sum -= math.Log(max(v, 0x1p-52))
	}
	return sum / float64(len(p)), nil
}

// AUC is the area under the ROC curve: the chance that of a 1 and a 0 the 1 has the
// larger prediction, equal ones counting a half. Without both classes it is a half.
func AUC(p, y []float64) (float64, error) {
	if err := classes(p, y, false); err != nil {
		return 0, err
	}
	at := make([]int, len(p))
	for i := range at {
		at[i] = i
	}
	slices.SortFunc(at, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	// Twice the number of pairs in order; whole numbers, so nothing rounds.
	pairs, zeros, ones := 0.0, 0.0, 0.0
	for i := 0; i < len(at); {
		z, o := 0.0, 0.0
		for v := p[at[i]]; i < len(at) && p[at[i]] == v; i++ {
			if y[at[i]] == 1 {
				o++
			} else {
				z++
			}
		}
		pairs += o * (2*zeros + z)
		zeros, ones = zeros+z, ones+o
	}
	if zeros == 0 || ones == 0 {
		return 0.5, nil
	}
	return pairs / (2 * zeros * ones), nil
}

// MAE is the mean absolute error.
func MAE(p, y []float64) (float64, error) { return mean(p, y, math.Abs) }

// RMSE is the root of the mean squared error. Of probabilities its square is the
// Brier score.
func RMSE(p, y []float64) (float64, error) {
	v, err := mean(p, y, func(d float64) float64 { return d * d })
	return math.Sqrt(v), err
}

func mean(p, y []float64, f func(float64) float64) (float64, error) {
	if err := lists(p, y); err != nil {
		return 0, err
	}
	sum := 0.0
	for i, v := range p {
		sum += f(v - y[i])
	}
	return sum / float64(len(p)), nil
}

// Bin is the rows whose predictions fall into one part of 0 to 1.
type Bin struct {
	Count     int     `json:"count"`
	Predicted float64 `json:"predicted"` // the mean probability
	Was       float64 `json:"was"`       // the share of 1
}

// Calibrate divides 0 to 1 into equal parts and compares, in each, what was
// predicted with what was. Parts without rows have a count of 0.
func Calibrate(p, y []float64, parts int) ([]Bin, error) {
	if parts < 1 || parts > 1000 {
		return nil, fault.New(fault.Invalid, "calibration in %d parts, expected 1 to 1000", parts)
	}
	if err := classes(p, y, true); err != nil {
		return nil, err
	}
	out := make([]Bin, parts)
	for i, v := range p {
		b := &out[min(int(v*float64(parts)), parts-1)]
		b.Count++
		b.Predicted += v
		b.Was += y[i]
	}
	for i := range out {
		if n := float64(out[i].Count); n > 0 {
			out[i].Predicted /= n
			out[i].Was /= n
		}
	}
	return out, nil
}

// lists checks two lists of numbers.
func lists(p, y []float64) error {
	if len(p) != len(y) || len(p) == 0 {
		return fault.New(fault.Invalid, "%d predictions of %d results", len(p), len(y))
	}
	for i := range p {
		if d := p[i] - y[i]; math.IsNaN(d) || math.IsInf(d, 0) {
			return fault.New(fault.Invalid, "prediction %d is %v, the result %v", i, p[i], y[i])
		}
	}
	return nil
}

// classes checks that results are 0 or 1, and predictions probabilities where they
// must be.
func classes(p, y []float64, probabilities bool) error {
	if err := lists(p, y); err != nil {
		return err
	}
	for i, v := range y {
		if v != 0 && v != 1 {
			return fault.New(fault.Invalid, "result %d is %v, of classes it is 0 or 1", i, v)
		}
		if probabilities && !(p[i] >= 0 && p[i] <= 1) {
			return fault.New(fault.Invalid, "prediction %d is %v, no probability", i, p[i])
		}
	}
	return nil
}
