package score

import (
	"math"
	"testing"

	"github.com/idag/idag/internal/fault"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// splitMix draws the numbers that the reference program draws.
type splitMix uint64

func (s *splitMix) next() float64 {
	*s += 0x9e3779b97f4a7c15
	x := uint64(*s)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) * 0x1p-53
}

// reference makes 500 probabilities with many ties, classes with these odds, and
// values.
func reference() (p, y, values []float64) {
	s := splitMix(42)
	p, y, values = make([]float64, 500), make([]float64, 500), make([]float64, 500)
	for i := range p {
		p[i] = math.RoundToEven(s.next()*100) / 100
	}
	for i := range y {
		if s.next() < p[i] {
			y[i] = 1
		}
	}
	for i := range values {
		values[i] = 3 * s.next()
	}
	return p, y, values
}

func value(t *testing.T) func(v float64, err error) float64 {
	return func(v float64, err error) float64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// The reference numbers are scikit-learn's (1.9.1): accuracy_score,
// cohen_kappa_score, precision_score, recall_score, f1_score, log_loss,
// roc_auc_score, mean_absolute_error, root_mean_squared_error, brier_score_loss,
// confusion_matrix, calibration_curve.
func TestScores(t *testing.T) {
	p, y, values := reference()
	c, err := Confuse(p, y, 0.5)
	if err != nil || c != (Confusion{TruePositive: 198, FalsePositive: 63, TrueNegative: 163, FalseNegative: 76}) {
		t.Fatalf("%+v, %v", c, err)
	}
	rmse := value(t)(RMSE(p, y))
	for _, s := range []struct {
		name      string
		got, want float64
	}{
		{"accuracy", c.Accuracy(), 0.722},
		{"kappa", c.Kappa(), 0.441641493669259},
		{"precision", c.Precision(), 0.7586206896551724},
		{"recall", c.Recall(), 0.7226277372262774},
		{"f1", c.F1(), 0.7401869158878505},
		{"log loss", value(t)(LogLoss(p, y)), 0.540933288756541},
		{"auc", value(t)(AUC(p, y)), 0.8021203410632387},
		{"mae", value(t)(MAE(p, values)), 1.1527836930198168},
		{"rmse", value(t)(RMSE(p, values)), 1.377822700373186},
		{"brier", rmse * rmse, 0.182591},
	} {
		if math.Abs(s.got-s.want) > 1e-14 {
			t.Errorf("%s: %.16g, want %.16g", s.name, s.got, s.want)
		}
	}
	bins, err := Calibrate(p, y, 7)
	if err != nil {
		t.Fatal(err)
	}
	was := []float64{0.16417910447761194, 0.2857142857142857, 0.34782608695652173, 0.5735294117647058, 0.704225352112676, 0.7317073170731707, 0.958904109589041}
	said := []float64{0.0716417910447761, 0.21085714285714283, 0.35811594202898556, 0.49455882352941183, 0.6415492957746478, 0.7889024390243906, 0.9297260273972602}
	for i, b := range bins {
		if math.Abs(b.Was-was[i]) > 1e-14 || math.Abs(b.Predicted-said[i]) > 1e-14 {
			t.Errorf("part %d: %+v, want %v of %v", i, b, was[i], said[i])
		}
	}
}

// Confusions add up, and AUC is the share of pairs in order, counted one by one.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(rt, "n")
		p := rapid.SliceOfN(rapid.SampledFrom([]float64{0, 0.1, 0.25, 0.5, 0.75, 1}), n, n).Draw(rt, "p")
		y := rapid.SliceOfN(rapid.SampledFrom([]float64{0, 1}), n, n).Draw(rt, "y")
		cut := rapid.IntRange(1, n).Draw(rt, "cut")
		whole, err := Confuse(p, y, 0.5)
		if err != nil {
			rt.Fatal(err)
		}
		sum, _ := Confuse(p[:cut], y[:cut], 0.5)
		rest, _ := Confuse(p[cut:], y[cut:], 0.5) // of none it is an error, and nothing
		sum.Add(rest)
		if sum != whole || whole.Count() != int64(n) {
			rt.Fatalf("%+v in parts, %+v as a whole", sum, whole)
		}
		if k := whole.Kappa(); k > 1 || k < -1 || whole.Accuracy() < 1 && k == 1 {
			rt.Fatalf("kappa %v of %+v", k, whole)
		}
		right, pairs := 0.0, 0.0
		for i := range p {
			for j := range p {
				if y[i] == 1 && y[j] == 0 {
					pairs++
					if p[i] > p[j] {
						right++
					} else if p[i] == p[j] {
						right += 0.5
					}
				}
			}
		}
		want := 0.5
		if pairs > 0 {
			want = right / pairs
		}
		if got, err := AUC(p, y); err != nil || math.Abs(got-want) > 1e-12 {
			rt.Fatalf("AUC %v, want %v (%v)", got, want, err)
		}
		if loss, err := LogLoss(p, y); err != nil || loss < 0 || loss > 37 {
			rt.Fatalf("log loss %v, %v", loss, err)
		}
	})
}

// Scores of nothing, and of what is no number, are refused.
func TestBadLists(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct{ p, y []float64 }{
		{nil, nil}, {[]float64{1}, nil}, {[]float64{1, 0}, []float64{1}}, {[]float64{nan}, []float64{1}}, {[]float64{0.5}, []float64{nan}},
		{[]float64{math.Inf(1)}, []float64{1}},
	} {
		_, a := Confuse(c.p, c.y, 0.5)
		_, b := LogLoss(c.p, c.y)
		_, d := AUC(c.p, c.y)
		_, e := MAE(c.p, c.y)
		_, f := RMSE(c.p, c.y)
		_, g := Calibrate(c.p, c.y, 3)
		for _, err := range []error{a, b, d, e, f, g} {
			if err == nil || fault.Of(err) != fault.Invalid {
				t.Errorf("%v: %v", c, err)
			}
		}
	}
	if _, err := LogLoss([]float64{1.1}, []float64{1}); fault.Of(err) != fault.Invalid {
		t.Errorf("a probability of 1.1: %v", err)
	}
	if _, err := AUC([]float64{1.1}, []float64{0.5}); fault.Of(err) != fault.Invalid {
		t.Errorf("a class of a half: %v", err)
	}
	if _, err := Calibrate([]float64{1}, []float64{1}, 0); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	var none Confusion
	if none.Accuracy() != 0 || none.Kappa() != 0 || none.F1() != 0 {
		t.Error("no rows have scores")
	}
}
