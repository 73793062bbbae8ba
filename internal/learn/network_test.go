package learn

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/idag/idag/internal/fault"
	"pgregory.net/rapid"
)

func thesis(t testing.TB, seed uint64) *Network {
	return must[*Network](t)(NewNetwork(seed, 8, 12, 8, 1))
}

// The reference numbers in this file: scikit-learn 1.9.1 with NumPy 2.4.6, over
// the rows of reference(200, 8).

// Least squares: LinearRegression, and Ridge with alpha = 200·0.05.
func TestLinearRegression(t *testing.T) {
	_, rows := reference(200, 8)
	for _, c := range []struct {
		decay float64
		want  []float64
	}{
		{0, []float64{1.0023373067741397, -2.002159596335886, 3.018711740476286, -4.042779303834532, 5.049511041077258,
			-6.009150026200573, 6.975195740122565, -7.995139904127066, 0.9768324697145836}},
		{0.05, []float64{0.7816753525648918, -1.6202465754813327, 2.808754037748527, -3.6675679936947874, 4.440624815506129,
			-5.21613115213477, 6.000718897923593, -7.105701741070229, 0.9383339041734152}},
	} {
		n := must[*Network](t)(NewLinear(8))
		if err := n.Fit(rows, Training{Decay: c.decay}); err != nil {
			t.Fatal(err)
		}
		compare(t, fmt.Sprint("decay ", c.decay), n.Params(), c.want, 1e-11)
	}
}

// Logistic regression: LogisticRegression with C = 1/(200·0.01), newton-cholesky.
func TestLogisticRegression(t *testing.T) {
	rows, _ := reference(200, 8)
	n := must[*Network](t)(NewLogistic(8))
	if err := n.Fit(rows, Training{Decay: 0.01}); err != nil {
		t.Fatal(err)
	}
	compare(t, "weights", n.Params(), []float64{0.26068933139422334, -0.6442823747335616, 0.7815073830128263, -0.8026667664655204,
		1.2227249058506522, -1.728255451610363, 2.116386700858181, -2.3396972953204225, -0.028777726713761137}, 1e-9)
}

// The network: MLPClassifier(hidden_layer_sizes=(12, 8), alpha=0, shuffle=False)
// from the same weights: 25 epochs of Adam over batches of 32, and 50 steps of
// gradient descent at 0.1 over all rows.
func TestNetworkIsTheReference(t *testing.T) {
	rows, _ := reference(200, 8)
	s := splitMix(1_000_000)
	begin := make([]float64, 0, 221)
	for _, l := range [][2]int{{8, 12}, {12, 8}, {8, 1}} {
		for range l[0] * l[1] {
			begin = append(begin, (2*s.next()-1)*0.5)
		}
		for range l[1] {
			begin = append(begin, (2*s.next()-1)*0.1)
		}
	}
	for _, c := range []struct {
		name string
		how  Training
		p    []float64
		loss float64
	}{
		{"adam", Training{Epochs: 25, inOrder: true},
			[]float64{0.17430468126750628, 0.3359030440065661, 0.48121407266333655, 0.7493574701884557, 0.7509887251226127}, 0.43344366823075864},
		{"descent", Training{Epochs: 50, Batch: -1, Rate: 0.1, Descent: true},
			[]float64{0.41896119603669557, 0.43286259096208285, 0.4636309473471166, 0.548139361073633, 0.6015356709816045}, 0.5967801520655641},
	} {
		n := thesis(t, 1)
		if err := n.SetParams(begin); err != nil {
			t.Fatal(err)
		}
		if err := n.Update(rows, c.how); err != nil {
			t.Fatal(err)
		}
		out := make([]float64, 5)
		if err := n.Predict(Rows{Width: 8, X: rows.X[:40]}, out); err != nil {
			t.Fatal(err)
		}
		compare(t, c.name, out, c.p, 1e-10)
		compare(t, c.name+" loss", []float64{must[float64](t)(n.Loss(rows))}, []float64{c.loss}, 1e-10)
	}
}

// Derivatives are those of differences, for every model, with everything that adds
// to the loss, over more rows than a tile.
func TestGradients(t *testing.T) {
	classes, values := reference(75, 8)
	for _, c := range []struct {
		name string
		n    *Network
		rows Rows
	}{
		{"network", thesis(t, 3), classes},
		{"logistic", must[*Network](t)(NewLogistic(8)), classes},
		{"linear", must[*Network](t)(NewLinear(8)), values},
	} {
		s := splitMix(7)
		anchor := make([]float64, len(c.n.Params()))
		for i := range anchor {
			anchor[i] = s.next() - 0.5
			c.n.Params()[i] += s.next() - 0.5
		}
		how := Training{Decay: 0.03, Proximal: 0.2, Anchor: anchor}
		grad, other := make([]float64, len(anchor)), make([]float64, len(anchor))
		must[float64](t)(c.n.Gradient(c.rows, how, grad))
		for i := range grad {
			const h = 1e-6
			at := c.n.Params()[i]
			c.n.Params()[i] = at + h
			up := must[float64](t)(c.n.Gradient(c.rows, how, other))
			c.n.Params()[i] = at - h
			down := must[float64](t)(c.n.Gradient(c.rows, how, other))
			c.n.Params()[i] = at
			if d := (up - down) / (2 * h); !near(grad[i], d, 1e-7) {
				t.Errorf("%s: the derivative by parameter %d is %v, differences say %v", c.name, i, grad[i], d)
			}
		}
	}
}

// The same rows, options and seed give the same bytes; another seed gives others.
func TestTrainingIsDeterministic(t *testing.T) {
	rows, _ := reference(300, 8)
	train := func(seed uint64) []byte {
		n := thesis(t, 0)
		if err := n.Fit(rows, Training{Seed: seed, Epochs: 5, Patience: 2}); err != nil {
			t.Fatal(err)
		}
		return must[[]byte](t)(n.AppendBinary(nil))
	}
	if !bytes.Equal(train(1), train(1)) {
		t.Error("the same seed gives another model")
	}
	if bytes.Equal(train(1), train(2)) {
		t.Error("the seed has no effect")
	}
}

// The network learns what there is to learn, and better than it began.
func TestNetworkLearns(t *testing.T) {
	rows, _ := reference(2000, 8)
	n := thesis(t, 0)
	if err := n.Fit(rows, Training{Seed: 1, Epochs: 60, Patience: 5}); err != nil {
		t.Fatal(err)
	}
	if loss := must[float64](t)(n.Loss(rows)); loss > 0.25 {
		t.Errorf("the loss is %v", loss)
	}
}

// Early stopping stops, and leaves the parameters of the best epoch, not the last.
func TestEarlyStopping(t *testing.T) {
	rows, _ := reference(60, 8)
	s := splitMix(5)
	for i := range rows.Y {
		rows.Y[i] = math.Round(s.next()) // nothing to learn
	}
	n := thesis(t, 2)
	how := Training{Seed: 4, Epochs: 500, Rate: 0.01, Patience: 3}
	epochs := must[int](t)(n.train(rows, how))
	if epochs >= 500 || epochs < 4 {
		t.Fatalf("stopped after %d epochs", epochs)
	}
	best := slices.Clone(n.Params())
	again := thesis(t, 2)
	how.Epochs = epochs - 3
	must[int](t)(again.train(rows, how))
	if !slices.Equal(best, again.Params()) {
		t.Error("it did not go back to the best epoch")
	}
}

// The proximal term holds a client back: the greater, the closer to the anchor.
func TestProximal(t *testing.T) {
	rows, _ := reference(200, 8)
	last := math.Inf(1)
	for _, mu := range []float64{0, 0.1, 1, 10} {
		n := thesis(t, 1)
		begin := slices.Clone(n.Params())
		if err := n.Update(rows, Training{Epochs: 20, Batch: -1, Rate: 0.05, Descent: true, Proximal: mu}); err != nil {
			t.Fatal(err)
		}
		d := 0.0
		for i, p := range n.Params() {
			d += (p - begin[i]) * (p - begin[i])
		}
		if d >= last {
			t.Errorf("with %v it goes %v far, with less %v", mu, d, last)
		}
		last = d
	}
}

// What cannot be trained on is refused, and leaves the model as it was.
func TestBadTraining(t *testing.T) {
	good, values := reference(10, 8)
	with := func(f func(*Rows)) Rows {
		r := Rows{Width: 8, X: slices.Clone(good.X), Y: slices.Clone(good.Y)}
		f(&r)
		return r
	}
	for _, c := range []struct {
		name string
		rows Rows
		how  Training
	}{
		{"no rows", Rows{Width: 8, Y: []float64{}}, Training{}},
		{"no results", Rows{Width: 8, X: good.X}, Training{}},
		{"another width", Rows{Width: 4, X: good.X, Y: make([]float64, 20)}, Training{}},
		{"half a row", with(func(r *Rows) { r.X = r.X[1:] }), Training{}},
		{"too few results", with(func(r *Rows) { r.Y = r.Y[1:] }), Training{}},
		{"NaN", with(func(r *Rows) { r.X[13] = math.NaN() }), Training{}},
		{"infinite", with(func(r *Rows) { r.X[13] = math.Inf(-1) }), Training{}},
		{"too large", with(func(r *Rows) { r.X[13] = 1e101 }), Training{}},
		{"results of regression", values, Training{}},
		{"a rate below 0", good, Training{Rate: -1}},
		{"a rate that is none", good, Training{Rate: math.NaN()}},
		{"an anchor of another shape", good, Training{Anchor: []float64{1}}},
		{"an anchor that is none", good, Training{Anchor: slices.Repeat([]float64{math.NaN()}, 221)}},
		{"epochs below 0", good, Training{Epochs: -1}},
		{"steps that diverge", with(func(r *Rows) {
			for i := range r.X {
				r.X[i] *= 1e60
			}
		}), Training{Epochs: 5, Rate: 1e6, Descent: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := thesis(t, 1)
			before := must[[]byte](t)(n.AppendBinary(nil))
			for what, f := range map[string]func(Rows, Training) error{"Update": n.Update, "Fit": n.Fit} {
				if err := f(c.rows, c.how); err == nil || fault.Of(err) != fault.Invalid {
					t.Errorf("%s: %v", what, err)
				}
				if !bytes.Equal(must[[]byte](t)(n.AppendBinary(nil)), before) {
					t.Errorf("%s changed the model", what)
				}
			}
		})
	}
	if err := thesis(t, 1).Predict(good, make([]float64, 3)); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	for _, widths := range [][]int{{}, {8}, {8, 2}, {0, 1}, {8, 0, 1}, {8, -1, 1}, {maxWidth + 1, 1}, {maxWidth, maxWidth, 1}} {
		if _, err := NewNetwork(1, widths...); fault.Of(err) != fault.Invalid {
			t.Errorf("%v: %v", widths, err)
		}
	}
}

// Closed forms have an answer for every set of rows: one row, fewer rows than
// features, features that repeat or never change, classes that can be separated,
// one class.
func TestDegenerate(t *testing.T) {
	for name, rows := range map[string]Rows{
		"one row":   {Width: 3, X: []float64{1, 2, 3}, Y: []float64{1}},
		"two rows":  {Width: 3, X: []float64{1, 2, 3, 3, 2, 1}, Y: []float64{1, 0}},
		"repeated":  {Width: 2, X: []float64{1, 1, 2, 2, 3, 3, 4, 4}, Y: []float64{0, 1, 0, 1}},
		"constant":  {Width: 2, X: []float64{1, 5, 2, 5, 3, 5, 4, 5}, Y: []float64{0, 1, 0, 1}},
		"separable": {Width: 1, X: []float64{1, 2, 3, 4}, Y: []float64{0, 0, 1, 1}},
		"one class": {Width: 1, X: []float64{1, 2, 3, 4}, Y: []float64{1, 1, 1, 1}},
		"enormous":  {Width: 2, X: []float64{1e100, -1e100, 5e99, 1e99}, Y: []float64{1, 0}},
		"tiny":      {Width: 2, X: []float64{1e-300, -1e-300, 5e-301, 1e-310}, Y: []float64{1, 0}},
	} {
		for _, make := range []func(int) (*Network, error){NewLinear, NewLogistic} {
			n := must[*Network](t)(make(rows.Width))
			if err := n.Fit(rows, Training{}); err != nil && fault.Of(err) != fault.Invalid {
				t.Errorf("%s: %v", name, err)
			}
			if notFinite(n.Params()) >= 0 {
				t.Errorf("%s: %v", name, n.Params())
			}
		}
	}
	n := must[*Network](t)(NewLinear(2))
	if err := n.Fit(Rows{Width: 2, X: []float64{1, 1, 2, 2, 3, 3}, Y: []float64{2, 4, 6}}, Training{}); err != nil {
		t.Fatal(err)
	}
	compare(t, "of two like features each gets half", n.Params(), []float64{1, 1, 0}, 1e-12)
}

// Full-batch steps do not depend on the tiling, nor gather's copies on anything.
func TestBatchesAddUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		count := rapid.IntRange(1, 100).Draw(rt, "rows")
		rows, _ := reference(count, 8)
		n := thesis(t, 1)
		all, part, sum := make([]float64, 221), make([]float64, 221), make([]float64, 221)
		must[float64](rt)(n.Gradient(rows, Training{}, all))
		cut := rapid.IntRange(0, count).Draw(rt, "cut")
		for _, r := range []Rows{{8, rows.X[:cut*8], rows.Y[:cut]}, {8, rows.X[cut*8:], rows.Y[cut:]}} {
			if r.Len() == 0 {
				continue
			}
			must[float64](t)(n.Gradient(r, Training{}, part))
			for i, g := range part {
				sum[i] += g * float64(r.Len()) / float64(count)
			}
		}
		compare(rt, "gradient", sum, all, 1e-13)
	})
}

// Training the same network again takes no memory but for a copy of where it began.
func TestTrainingAllocates(t *testing.T) {
	rows, _ := reference(100, 8)
	n := thesis(t, 1)
	how := Training{Epochs: 3}
	if err := n.Update(rows, how); err != nil {
		t.Fatal(err)
	}
	if got := testing.AllocsPerRun(10, func() {
		if err := n.Update(rows, how); err != nil {
			t.Fatal(err)
		}
	}); got > 10 {
		t.Errorf("%v allocations", got)
	}
}

// BenchmarkClient is one local epoch of a federated client: 100 rows.
func BenchmarkClient(b *testing.B) {
	rows, _ := reference(100, 8)
	n := thesis(b, 1)
	begin := slices.Clone(n.Params())
	b.ReportAllocs()
	for b.Loop() {
		if err := n.SetParams(begin); err != nil {
			b.Fatal(err)
		}
		if err := n.Update(rows, Training{Descent: true, Rate: 0.1}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPredict(b *testing.B) {
	rows, _ := reference(1000, 8)
	n := thesis(b, 1)
	out := make([]float64, 1000)
	for b.Loop() {
		if err := n.Predict(rows, out); err != nil {
			b.Fatal(err)
		}
	}
}
