package choose

import (
	"math"
	"slices"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/internal/learn/score"
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

// reference makes rows of 8 features of -1 to 1, with z = 0.5 + x1 - 2·x2 + 3·x3
// and so on: classes with the odds e^z, and z with noise.
func reference(n int) (classes, values learn.Rows) {
	var s splitMix
	r := learn.Rows{Width: 8, X: make([]float64, n*8)}
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

// Every row tests once, and folds are alike in size and in classes.
func TestFolds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 60).Draw(rt, "n")
		k := rapid.IntRange(2, n).Draw(rt, "k")
		rows := learn.Rows{Width: 1, X: make([]float64, n), Y: rapid.SliceOfN(rapid.SampledFrom([]float64{0, 1}), n, n).Draw(rt, "y")}
		if rapid.Bool().Draw(rt, "regression") {
			rows.Y[0] = 2.5
		}
		folds, err := Folds(rows, k, 1)
		if err != nil {
			rt.Fatal(err)
		}
		seen := make([]int, n)
		lo, hi, oneLo, oneHi := n, 0, n, 0
		for _, f := range folds {
			ones := 0
			for _, i := range f {
				seen[i]++
				ones += int(rows.Y[i])
			}
			lo, hi = min(lo, len(f)), max(hi, len(f))
			oneLo, oneHi = min(oneLo, ones), max(oneHi, ones)
		}
		if slices.Min(seen) != 1 || slices.Max(seen) != 1 || len(folds) != k {
			rt.Fatalf("rows test %v times", seen)
		}
		if hi-lo > 1 || rows.Y[0] != 2.5 && oneHi-oneLo > 1 {
			rt.Fatalf("folds of %d to %d rows, %d to %d ones", lo, hi, oneLo, oneHi)
		}
		again, _ := Folds(rows, k, 1)
		if !slices.EqualFunc(folds, again, func(a, b []int) bool { return slices.Equal(a, b) }) {
			rt.Fatal("the same seed gives other folds")
		}
	})
	for _, k := range []int{0, 1, 4} {
		if _, err := Folds(learn.Rows{Width: 1, X: []float64{1, 2, 3}, Y: []float64{0, 1, 0}}, k, 1); fault.Of(err) != fault.Invalid {
			t.Errorf("%d folds of 3 rows: %v", k, err)
		}
	}
}

// The search prefers what fits: trees to a constant, the right decay to too much.
func TestSearch(t *testing.T) {
	rows, _ := reference(300)
	logistic := func() (learn.Model, error) { return learn.NewLogistic(8) }
	trials := append(Forests(8, []learn.Growth{{Trees: 20, Depth: 1, Leaf: 149}, {Trees: 20, Depth: 8}}, 1),
		Trial{"too much", logistic, learn.Training{Decay: 100}}, Trial{"right", logistic, learn.Training{Decay: 0.001}})
	best, losses, err := Search(rows, trials, 3, 1, score.LogLoss)
	if err != nil {
		t.Fatal(err)
	}
	if best != 3 || losses[1] >= losses[0] || losses[3] >= losses[2] {
		t.Errorf("trial %d of %v", best, losses)
	}
	if n := len(Growths()); n != 18 {
		t.Errorf("a grid of %d", n)
	}
	if _, _, err := Search(rows, nil, 3, 1, score.LogLoss); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	bad := []Trial{{"wide", func() (learn.Model, error) { return learn.NewLogistic(9) }, learn.Training{}}}
	if _, _, err := Search(rows, bad, 3, 1, score.LogLoss); fault.Of(err) != fault.Invalid || err == nil {
		t.Error(err)
	}
}

// The order of elimination is that of scikit-learn 1.9.1: RFE with
// LogisticRegression(C = 1/(120·0.01)), which ranks the features of reference(120)
// 8, 7, 4, 6, 5, 3, 2, 1; and with LinearRegression, over other scales.
func TestEliminate(t *testing.T) {
	rows, values := reference(120)
	order, err := Eliminate(rows, Weights(learn.NewLogistic, learn.Training{Decay: 0.01}))
	if err != nil || !slices.Equal(order, []int{7, 6, 5, 2, 4, 3, 1, 0}) {
		t.Errorf("logistic: %v, %v", order, err)
	}
	for i := range values.Len() {
		values.X[i*8+7] *= 0.01
		values.X[i*8] *= 20
	}
	order, err = Eliminate(values, Weights(learn.NewLinear, learn.Training{}))
	if err != nil || !slices.Equal(order, []int{7, 6, 5, 4, 3, 2, 1, 0}) {
		t.Errorf("linear: %v, %v", order, err)
	}
	deep := Weights(func(w int) (*learn.Network, error) { return learn.NewNetwork(1, w, 2, 1) }, learn.Training{})
	for name, f := range map[string]func(learn.Rows) ([]float64, error){
		"hidden layers": deep,
		"too few":       func(learn.Rows) ([]float64, error) { return nil, nil },
		"NaN":           func(r learn.Rows) ([]float64, error) { return slices.Repeat([]float64{math.NaN()}, r.Width), nil },
	} {
		if _, err := Eliminate(rows, f); err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A feature that a model does not look at has no importance, and the strongest has
// the most.
func TestPermuted(t *testing.T) {
	rows, _ := reference(400)
	m, err := learn.NewLogistic(8)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Fit(rows, learn.Training{Decay: 0.001}); err != nil {
		t.Fatal(err)
	}
	m.Params()[3] = 0
	v, err := Permuted(m, rows, 1, score.LogLoss)
	if err != nil {
		t.Fatal(err)
	}
	if v[3] != 0 || slices.Max(v) != v[7] || v[7] < 0.1 {
		t.Errorf("%v", v)
	}
}
