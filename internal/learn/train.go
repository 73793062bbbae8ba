package learn

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/idag/idag/internal/fault"
)

// Training says how a model is trained. The zero value is one epoch of Adam with
// 0.001 over shuffled batches of 32. Forests read Seed alone.
type Training struct {
	Seed   uint64
	Epochs int // passes over the rows at the most; 0 is 1
	Batch  int // rows a step; 0 is 32, less than 0 is all, in their order
	// Rate is the size of a step; 0 is 0.001.
	Rate float64
	// Descent is plain gradient descent instead of Adam.
	Descent bool
	// Patience stops training after so many epochs without a smaller loss on rows
	// that were held out, and goes back to the best epoch; 0 is no early stopping.
	Patience int
	// Holdout is the share of rows held out for it, of each class alike; 0 is 0.2.
	// Where that is no row, the loss of the training rows counts.
	Holdout float64
	// Decay adds Decay/2 times the square of the weights (not the biases) to the loss.
	Decay float64
	// Proximal adds Proximal/2 times the squared distance from the Anchor to the
	// loss: FedProx (Li et al. 2020, equation 2). Without an Anchor that is where
	// training began.
	Proximal float64
	Anchor   []float64

	inOrder bool // tests compare with what does not shuffle
}

func (t Training) check() error {
	for _, c := range []struct {
		name string
		v    float64
		most float64
	}{{"rate", t.Rate, 1e6}, {"decay", t.Decay, 1e6}, {"proximal", t.Proximal, 1e6}, {"holdout", t.Holdout, 0.9}} {
		if !(c.v >= 0 && c.v <= c.most) {
			return fault.New(fault.Invalid, "training: a %s of %v, expected 0 to %v", c.name, c.v, c.most)
		}
	}
	if t.Epochs < 0 || t.Patience < 0 {
		return fault.New(fault.Invalid, "training: %d epochs with a patience of %d", t.Epochs, t.Patience)
	}
	if i := notFinite(t.Anchor); i >= 0 {
		return fault.New(fault.Invalid, "training: parameter %d of the anchor is %v", i, t.Anchor[i])
	}
	return nil
}

// withDefaults fills in what zero stands for.
func (t Training) withDefaults(rows int) Training {
	if t.Epochs == 0 {
		t.Epochs = 1
	}
	if t.Batch == 0 {
		t.Batch = 32
	}
	if t.Batch < 0 {
		t.Batch, t.inOrder = rows, true
	}
	if t.Rate == 0 {
		t.Rate = 0.001
	}
	if t.Holdout == 0 {
		t.Holdout = 0.2
	}
	return t
}

// Fit trains from scratch. Networks without hidden layers are solved: linear
// regression by least squares, logistic regression by Newton's method, of all of
// how only with Decay. Others are drawn from the seed and trained by gradients.
func (n *Network) Fit(rows Rows, how Training) error {
	if err := n.trainable(rows, how); err != nil {
		return err
	}
	if len(n.layers) > 1 {
		before := slices.Clone(n.params)
		n.reset(how.Seed)
		if err := n.Update(rows, how); err != nil {
			copy(n.params, before)
			return err
		}
		return nil
	}
	if n.out == sigmoid {
		return n.SetParams(newton(rows, how.Decay))
	}
	p, err := leastSquares(rows, how.Decay)
	if err != nil {
		return err
	}
	return n.SetParams(p)
}

// Update trains by gradients from the present parameters on. Adam goes on where
// it was, unless SetParams came between.
func (n *Network) Update(rows Rows, how Training) error {
	_, err := n.train(rows, how)
	return err
}

// train returns the number of epochs.
func (n *Network) train(rows Rows, how Training) (int, error) {
	if err := n.trainable(rows, how); err != nil {
		return 0, err
	}
	how = how.withDefaults(rows.Len())
	n.tmp.size(n)
	began := slices.Clone(n.params)
	if how.Proximal > 0 && how.Anchor == nil {
		how.Anchor = began
	}
	train, held := n.hold(rows, how)
	best, since := math.Inf(1), 0
	epoch := 0
	for epoch < how.Epochs {
		n.epoch(rows, train, how, epoch)
		epoch++
		if notFinite(n.params) >= 0 {
			copy(n.params, began)
			n.adam.forget()
			return epoch, fault.New(fault.Invalid, "training diverged in epoch %d at a rate of %v", epoch, how.Rate)
		}
		if how.Patience == 0 {
			continue
		}
		if loss := n.loss(rows, held); loss < best {
			best, since = loss, 0
			n.tmp.best = append(n.tmp.best[:0], n.params...)
		} else if since++; since >= how.Patience {
			break
		}
	}
	if how.Patience > 0 {
		copy(n.params, n.tmp.best)
	}
	return epoch, nil
}

// hold splits the places of rows into those to train on and those to stop by.
func (n *Network) hold(rows Rows, how Training) (train, held []int) {
	count := rows.Len()
	train = n.tmp.order[:0]
	for i := range count {
		train = append(train, i)
	}
	n.tmp.order = train
	if how.Patience == 0 {
		return train, nil
	}
	r := rand.New(rand.NewPCG(how.Seed, 0x686f6c64))
	r.Shuffle(count, func(i, j int) { train[i], train[j] = train[j], train[i] })
	size := [2]int{} // of the two classes; regression has one
	class := func(i int) int {
		if n.out == sigmoid {
			return int(rows.Y[i])
		}
		return 0
	}
	for i := range count {
		size[class(i)]++
	}
	room := [2]int{int(how.Holdout * float64(size[0])), int(how.Holdout * float64(size[1]))}
	kept := train[:0]
	for _, i := range train {
		if c := class(i); room[c] > 0 {
			room[c]--
			held = append(held, i)
			continue
		}
		kept = append(kept, i)
	}
	slices.Sort(kept)
	if len(held) == 0 {
		held = kept // the loss counts what was trained on
	}
	return kept, held
}

// epoch goes once over the rows at the given places.
func (n *Network) epoch(rows Rows, places []int, how Training, number int) {
	if !how.inOrder {
		r := rand.New(rand.NewPCG(how.Seed, uint64(number)+1))
		r.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	}
	for at := 0; at < len(places); at += how.Batch {
		batch := places[at:min(at+how.Batch, len(places))]
		clear(n.tmp.grad)
		for from := 0; from < len(batch); from += tile {
			x, y := n.take(rows, batch, from, min(tile, len(batch)-from))
			n.backward(x, y, n.tmp.grad)
		}
		n.regularise(0, len(batch), how, n.tmp.grad)
		if how.Descent {
			for i, g := range n.tmp.grad {
				n.params[i] -= how.Rate * g
			}
			continue
		}
		n.adam.step(n.params, n.tmp.grad, how.Rate)
	}
}

// adam is the optimiser's memory: Kingma and Ba (2015), in the order of the remark
// below their algorithm 1, as Keras and scikit-learn have it.
type adam struct {
	steps int64
	m, v  []float64
}

func (a *adam) forget() {
	a.steps = 0
	clear(a.m)
	clear(a.v)
}

func (a *adam) step(params, grad []float64, rate float64) {
	const beta1, beta2, epsilon = 0.9, 0.999, 1e-8
	if a.m == nil {
		a.m, a.v = make([]float64, len(params)), make([]float64, len(params))
	}
	a.steps++
	t := float64(a.steps)
	rate *= math.Sqrt(1-math.Pow(beta2, t)) / (1 - math.Pow(beta1, t))
	m, v := a.m[:len(params)], a.v[:len(params)]
	for i, g := range grad[:len(params)] {
		m[i] = beta1*m[i] + (1-beta1)*g
		v[i] = beta2*v[i] + (1-beta2)*g*g
		params[i] -= rate * m[i] / (math.Sqrt(v[i]) + epsilon)
	}
}
