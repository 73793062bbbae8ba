package learn

import (
	"bytes"
	"math"
	"testing"

	"github.com/idag/idag/internal/fault"
)

func forest(t testing.TB, rows Rows, g Growth, seed uint64) *Forest {
	t.Helper()
	f := must[*Forest](t)(NewForest(rows.Width, g))
	if err := f.Fit(rows, Training{Seed: seed}); err != nil {
		t.Fatal(err)
	}
	return f
}

func predictions(t testing.TB, m Model, rows Rows) []float64 {
	t.Helper()
	out := make([]float64, rows.Len())
	if err := m.Predict(rows, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// One tree over all rows and features is scikit-learn's (1.9.1): over
// reference(200, 8) DecisionTreeClassifier(max_depth=4, min_samples_leaf=12) and
// DecisionTreeRegressor(max_depth=5, min_samples_leaf=3), by predictions, their
// sums, nodes and feature importances.
func TestTreeIsTheReference(t *testing.T) {
	classes, values := reference(200, 8)
	for _, c := range []struct {
		name       string
		rows       Rows
		g          Growth
		first      []float64
		sum, dot   float64
		nodes      int
		importance []float64
	}{
		{"classes", classes, Growth{Trees: 1, Depth: 4, Leaf: 12, Features: 8, Whole: true},
			[]float64{0.25, 0.10526315789473684, 1, 0.6428571428571429, 1, 0.08333333333333333}, 95, 9651.663738892687, 17,
			[]float64{0.020197858252403215, 0, 0, 0, 0, 0.25681357439015695, 0.19025377460921505, 0.5327347927482248}},
		{"values", values, Growth{Trees: 1, Depth: 5, Leaf: 3, Features: 8, Whole: true}, nil, 138.57812838420347, 14270.9692186691, 55,
			[]float64{0.004706811399753851, 0.017873528324677545, 0.04757664115629436, 0.0889120262429665, 0.032726937594379606, 0.1812416726092756, 0.1225028915983087, 0.5044594910743437}},
	} {
		f := forest(t, c.rows, c.g, 1)
		p := predictions(t, f, c.rows)
		sum, dot := 0.0, 0.0
		for i, v := range p {
			sum += v
			dot += v * float64(i)
		}
		compare(t, c.name, p[:len(c.first)], c.first, 1e-12)
		compare(t, c.name+" sums", []float64{sum, dot, float64(len(f.trees[0]))}, []float64{c.sum, c.dot, float64(c.nodes)}, 1e-10)
		compare(t, c.name+" importance", f.Importance(), c.importance, 1e-10)
	}
}

// A forest is as good as scikit-learn's: RandomForestClassifier(100,
// min_samples_leaf=2), fitted to 2000 rows of reference(3000, 8), is right about
// 0.893 to 0.900 of the other 1000 with a log loss of 0.304 to 0.309, by seed.
func TestForestIsAsGood(t *testing.T) {
	rows, _ := reference(3000, 8)
	train := Rows{Width: 8, X: rows.X[:16000], Y: rows.Y[:2000]}
	test := Rows{Width: 8, X: rows.X[16000:], Y: rows.Y[2000:]}
	for seed := range uint64(2) {
		right, loss := 0.0, 0.0
		for i, p := range predictions(t, forest(t, train, Growth{Leaf: 2}, seed), test) {
			if (p >= 0.5) == (test.Y[i] == 1) {
				right++
			}
			loss -= math.Log(max(1-math.Abs(test.Y[i]-p), 1e-15)) / 1000
		}
		if right < 885 || math.Abs(loss-0.3065) > 0.015 {
			t.Errorf("seed %d: %v of 1000 right, log loss %v", seed, right, loss)
		}
	}
}

// The seed makes the forest, and what Update grows takes the place of the oldest.
func TestForestUpdates(t *testing.T) {
	rows, _ := reference(300, 8)
	one, two := forest(t, rows, Growth{Trees: 8}, 1), forest(t, rows, Growth{Trees: 8}, 1)
	if !bytes.Equal(must[[]byte](t)(one.AppendBinary(nil)), must[[]byte](t)(two.AppendBinary(nil))) {
		t.Error("the same seed gives another forest")
	}
	for i, p := range rows.Y {
		rows.Y[i] = 1 - p // the world turns around
	}
	before := predictions(t, one, rows)
	for range 4 {
		if err := one.Update(rows, Training{Seed: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if len(one.trees) != 8 {
		t.Errorf("%d trees", len(one.trees))
	}
	wrong := [2]int{}
	for i, list := range [][]float64{before, predictions(t, one, rows)} {
		for j, p := range list {
			if (p >= 0.5) != (rows.Y[j] == 1) {
				wrong[i]++
			}
		}
	}
	if wrong[0] < 250 || wrong[1] > 50 {
		t.Errorf("wrong about %d before, %d after", wrong[0], wrong[1])
	}
}

// A vote is by forests, not by trees, with their weights; 0.5 counts as a 1.
func TestVote(t *testing.T) {
	leaf := func(v ...float64) *Forest {
		f := must[*Forest](t)(NewForest(1, Growth{}))
		for _, p := range v {
			f.trees = append(f.trees, tree{{feature: -1, value: p}})
		}
		return f
	}
	row := Rows{Width: 1, X: []float64{0}}
	for _, c := range []struct {
		forests []*Forest
		weights []float64
		want    float64
	}{
		{[]*Forest{leaf(1, 1, 1, 1, 1), leaf(0), leaf(0)}, nil, 1.0 / 3},
		{[]*Forest{leaf(0.5), leaf(0.4)}, nil, 0.5},
		{[]*Forest{leaf(1), leaf(0)}, []float64{3, 1}, 0.75},
		{[]*Forest{leaf(0.2, 0.9)}, nil, 1},
	} {
		v := must[*Forest](t)(Vote(c.forests, c.weights))
		back := must[Model](t)(Decode(must[[]byte](t)(v.AppendBinary(nil))))
		compare(t, "vote", append(predictions(t, v, row), predictions(t, back, row)...), []float64{c.want, c.want}, 1e-15)
		if err := v.Fit(Rows{Width: 1, X: []float64{1}, Y: []float64{1}}, Training{}); fault.Of(err) != fault.Invalid {
			t.Errorf("a vote is trained: %v", err)
		}
	}
	other := must[*Forest](t)(NewForest(2, Growth{}))
	for name, f := range map[string]func() (*Forest, error){
		"nobody":          func() (*Forest, error) { return Vote(nil, nil) },
		"no trees":        func() (*Forest, error) { return Vote([]*Forest{leaf()}, nil) },
		"another width":   func() (*Forest, error) { return Vote([]*Forest{leaf(1), other}, nil) },
		"weights amiss":   func() (*Forest, error) { return Vote([]*Forest{leaf(1)}, []float64{1, 1}) },
		"a weight of 0":   func() (*Forest, error) { return Vote([]*Forest{leaf(1)}, []float64{0}) },
		"a weight of NaN": func() (*Forest, error) { return Vote([]*Forest{leaf(1)}, []float64{math.NaN()}) },
		"a vote of votes": func() (*Forest, error) {
			return Vote([]*Forest{must[*Forest](t)(Vote([]*Forest{leaf(1)}, nil))}, nil)
		},
	} {
		if _, err := f(); err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Odd rows: one, all alike, one class, more values than bins, neighbours without a
// number between them.
func TestForestOddRows(t *testing.T) {
	up := math.Nextafter(1, 2)
	many := Rows{Width: 1}
	for i := range 3000 {
		many.X, many.Y = append(many.X, float64(i)), append(many.Y, float64(i/1500))
	}
	for name, c := range map[string]struct {
		rows  Rows
		wrong int
	}{
		"one":        {Rows{Width: 2, X: []float64{1, 2}, Y: []float64{1}}, 0},
		"all alike":  {Rows{Width: 1, X: []float64{5, 5, 5}, Y: []float64{0, 1, 1}}, 1},
		"one class":  {Rows{Width: 1, X: []float64{1, 2, 3}, Y: []float64{1, 1, 1}}, 0},
		"neighbours": {Rows{Width: 1, X: []float64{1, up, 1, up}, Y: []float64{0, 1, 0, 1}}, 0},
		"enormous":   {Rows{Width: 1, X: []float64{-1e100, 1e100}, Y: []float64{0, 1}}, 0},
		"many":       {many, 6},
	} {
		wrong := 0
		for i, p := range predictions(t, forest(t, c.rows, Growth{Trees: 1, Whole: true}, 1), c.rows) {
			if (p >= 0.5) != (c.rows.Y[i] == 1) {
				wrong++
			}
		}
		if wrong > c.wrong {
			t.Errorf("%s: wrong about %d", name, wrong)
		}
	}
	rows, _ := reference(10, 2)
	for _, g := range []Growth{{Trees: -1}, {Trees: maxTrees + 1}, {Depth: 65}, {Features: 3}, {Leaf: -1}} {
		if _, err := NewForest(2, g); fault.Of(err) != fault.Invalid {
			t.Errorf("%+v: %v", g, err)
		}
	}
	rows.X[3] = math.NaN()
	if err := must[*Forest](t)(NewForest(2, Growth{})).Fit(rows, Training{}); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
}

func BenchmarkForest(b *testing.B) {
	rows, _ := reference(4000, 8)
	f := must[*Forest](b)(NewForest(8, Growth{}))
	for b.Loop() {
		if err := f.Fit(rows, Training{}); err != nil {
			b.Fatal(err)
		}
	}
}
