// Package choose selects what a model is made of: hyperparameters by
// cross-validation over a grid, features by recursive elimination.
//
//	Folds      stratified k-fold: which rows test, each row once
//	Search     the trial with the least loss over all folds
//	Growths    the grid of forests
//	Eliminate  the order in which features are dropped
//	Permuted   the importance of features to any model
//
// Rows are lent; all chance follows from a seed.
package choose

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
)

// Folds divides rows into k lists of places, each row in one: the rows to test on
// while the others train. Classes (results of 0 and 1 alone) are divided alike, so
// that the lists differ by one row of each at the most.
func Folds(rows learn.Rows, k int, seed uint64) ([][]int, error) {
	if err := rows.Check(); err != nil {
		return nil, err
	}
	n := rows.Len()
	if k < 2 || k > n || rows.Y == nil {
		return nil, fault.New(fault.Invalid, "%d folds of %d rows", k, n)
	}
	at := make([]int, n)
	for i := range at {
		at[i] = i
	}
	rand.New(rand.NewPCG(seed, 0x666f6c64)).Shuffle(n, func(i, j int) { at[i], at[j] = at[j], at[i] })
	classes := !slices.ContainsFunc(rows.Y, func(y float64) bool { return y != 0 && y != 1 })
	out := make([][]int, k)
	next := 0
	for _, class := range []float64{0, 1} {
		for _, i := range at {
			if classes && rows.Y[i] != class || !classes && class == 1 {
				continue
			}
			out[next%k] = append(out[next%k], i)
			next++
		}
	}
	for _, f := range out {
		slices.Sort(f)
	}
	return out, nil
}

// Trial is a model to try.
type Trial struct {
	Name string
	New  func() (learn.Model, error)
	How  learn.Training
}

// Loss compares predictions with results: less is better. score.LogLoss is one.
type Loss func(p, y []float64) (float64, error)

// Search fits every trial to all folds but one, measures it on that one, and
// returns the trial with the least mean loss, of equal ones the first, and the
// losses of all.
func Search(rows learn.Rows, trials []Trial, folds int, seed uint64, loss Loss) (best int, losses []float64, err error) {
	if len(trials) == 0 {
		return 0, nil, fault.New(fault.Invalid, "no trials to search")
	}
	lists, err := Folds(rows, folds, seed)
	if err != nil {
		return 0, nil, err
	}
	losses = make([]float64, len(trials))
	for i, test := range lists {
		var others []int
		for j, l := range lists {
			if j != i {
				others = append(others, l...)
			}
		}
		slices.Sort(others)
		train, held := rows.Pick(others), rows.Pick(test)
		for t, trial := range trials {
			l, err := try(trial, train, held, loss)
			if err != nil {
				return 0, nil, fault.Wrap(fault.Of(err), err)
			}
			losses[t] += l / float64(len(lists))
		}
	}
	for t, l := range losses {
		if l < losses[best] {
			best = t
		}
	}
	return best, losses, nil
}

func try(trial Trial, train, held learn.Rows, loss Loss) (float64, error) {
	m, err := trial.New()
	if err != nil {
		return 0, err
	}
	if err := m.Fit(train, trial.How); err != nil {
		return 0, err
	}
	p := make([]float64, held.Len())
	if err := m.Predict(held, p); err != nil {
		return 0, err
	}
	return loss(p, held.Y)
}

// Growths is the grid that forests are searched over.
func Growths() []learn.Growth {
	var out []learn.Growth
	for _, trees := range []int{50, 100} {
		for _, depth := range []int{4, 8, 16} {
			for _, leaf := range []int{1, 5, 20} {
				out = append(out, learn.Growth{Trees: trees, Depth: depth, Leaf: leaf})
			}
		}
	}
	return out
}

// Forests are the trials of growths.
func Forests(width int, growths []learn.Growth, seed uint64) []Trial {
	out := make([]Trial, len(growths))
	for i, g := range growths {
		out[i] = Trial{Name: "forest", New: func() (learn.Model, error) { return learn.NewForest(width, g) }, How: learn.Training{Seed: seed}}
	}
	return out
}

// Eliminate drops features one by one: each time the importance of those left is
// asked anew, and the least important one goes, of equal ones the first. It returns
// the features by their places, the last one left first: the first n are those to
// keep if n are wanted (recursive feature elimination, Guyon et al. 2002).
func Eliminate(rows learn.Rows, importance func(learn.Rows) ([]float64, error)) ([]int, error) {
	if err := rows.Check(); err != nil {
		return nil, err
	}
	left := make([]int, rows.Width)
	for i := range left {
		left[i] = i
	}
	order := make([]int, rows.Width)
	for len(left) > 1 {
		v, err := importance(rows.Columns(left))
		if err != nil {
			return nil, err
		}
		if len(v) != len(left) {
			return nil, fault.New(fault.Invalid, "the importance of %d features is %d numbers", len(left), len(v))
		}
		worst := 0
		for i, x := range v {
			if math.IsNaN(x) {
				return nil, fault.New(fault.Invalid, "the importance of feature %d is NaN", left[i])
			}
			if x < v[worst] {
				worst = i
			}
		}
		order[len(left)-1] = left[worst]
		left = slices.Delete(left, worst, worst+1)
	}
	order[0] = left[0]
	return order, nil
}

// Weights is the importance of features to a network without hidden layers, fitted
// to the rows: the size of their weights. Features should be scaled.
func Weights(fresh func(width int) (*learn.Network, error), how learn.Training) func(learn.Rows) ([]float64, error) {
	return func(rows learn.Rows) ([]float64, error) {
		n, err := fresh(rows.Width)
		if err != nil {
			return nil, err
		}
		if err := n.Fit(rows, how); err != nil {
			return nil, err
		}
		p := n.Params()
		if len(p) != rows.Width+1 {
			return nil, fault.New(fault.Invalid, "a network with hidden layers has no weight a feature")
		}
		out := make([]float64, rows.Width)
		for i := range out {
			out[i] = math.Abs(p[i])
		}
		return out, nil
	}
}

// Permuted is the importance of features to a model that is fitted already: by how
// much the loss grows when a feature's values are dealt out to other rows (Breiman
// 2001, section 10).
func Permuted(m learn.Model, rows learn.Rows, seed uint64, loss Loss) ([]float64, error) {
	if err := rows.Check(); err != nil {
		return nil, err
	}
	n := rows.Len()
	p := make([]float64, n)
	measure := func(r learn.Rows) (float64, error) {
		if err := m.Predict(r, p); err != nil {
			return 0, err
		}
		return loss(p, r.Y)
	}
	base, err := measure(rows)
	if err != nil {
		return nil, err
	}
	out := make([]float64, rows.Width)
	mixed := learn.Rows{Width: rows.Width, X: slices.Clone(rows.X), Y: rows.Y}
	for j := range out {
		for i, from := range rand.New(rand.NewPCG(seed, uint64(j))).Perm(n) {
			mixed.X[i*rows.Width+j] = rows.X[from*rows.Width+j]
		}
		l, err := measure(mixed)
		if err != nil {
			return nil, err
		}
		out[j] = l - base
		for i := range n {
			mixed.X[i*rows.Width+j] = rows.X[i*rows.Width+j]
		}
	}
	return out, nil
}
