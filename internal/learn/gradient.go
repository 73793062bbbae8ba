package learn

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"github.com/idag/idag/internal/fault"
)

// Gradient writes the derivatives of the loss by the parameters to grad, and
// returns the loss: the mean over the rows, of -log of the probability given to
// what was, or of half the squared error, and what how adds to it (Decay,
// Proximal to the Anchor).
func (n *Network) Gradient(rows Rows, how Training, grad []float64) (float64, error) {
	if err := n.trainable(rows, how); err != nil {
		return 0, err
	}
	if len(grad) != len(n.params) {
		return 0, fault.New(fault.Invalid, "%d derivatives of %d parameters", len(grad), len(n.params))
	}
	n.tmp.size(n)
	clear(grad)
	loss := 0.0
	for at := 0; at < rows.Len(); at += tile {
		m := min(tile, rows.Len()-at)
		loss += n.backward(rows.X[at*rows.Width:(at+m)*rows.Width], rows.Y[at:at+m], grad)
	}
	return n.regularise(loss, rows.Len(), how, grad), nil
}

// trainable checks what training is given.
func (n *Network) trainable(rows Rows, how Training) error {
	if err := rows.fits(n.Width(), true); err != nil {
		return err
	}
	if n.out == sigmoid {
		if err := rows.binary(); err != nil {
			return err
		}
	}
	if how.Anchor != nil && len(how.Anchor) != len(n.params) {
		return fault.New(fault.Invalid, "an anchor of %d parameters for a network of %d", len(how.Anchor), len(n.params))
	}
	return how.check()
}

// backward adds the sums of at most a tile of rows to grad, and returns their loss.
func (n *Network) backward(x, y, grad []float64) float64 {
	m, last := len(y), len(n.layers)-1
	n.forward(x)
	loss := 0.0
	for i, z := range n.tmp.act[last][:m] {
		loss += n.lossOf(z, y[i])
		n.tmp.delta[last][i] = n.squash(z) - y[i] // for both outputs
	}
	for i := last; i >= 0; i-- {
		l := n.layers[i]
		in, d := x, n.tmp.delta[i][:m*l.units]
		if i > 0 {
			in = n.tmp.act[i-1]
		}
		w := grad[l.at:]
		blas64.Gemm(blas.Trans, blas.NoTrans, 1, matrix(m, l.in, in), matrix(m, l.units, d), 1, matrix(l.in, l.units, w))
		bias := grad[l.at+l.in*l.units:][:l.units]
		for r := range m {
			for j, v := range d[r*l.units:][:l.units] {
				bias[j] += v
			}
		}
		if i == 0 {
			break
		}
		below := n.tmp.delta[i-1][:m*l.in]
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, matrix(m, l.units, d), matrix(l.in, l.units, n.params[l.at:]), 0, matrix(m, l.in, below))
		for j, a := range n.tmp.act[i-1][:m*l.in] {
			if a <= 0 {
				below[j] = 0
			}
		}
	}
	return loss
}

// lossOf is the loss of one row, z its output before squashing: cross-entropy is
// log(1+e^z) - y·z.
func (n *Network) lossOf(z, y float64) float64 {
	if n.out == identity {
		return (z - y) * (z - y) / 2
	}
	return math.Max(z, 0) - y*z + math.Log1p(math.Exp(-math.Abs(z)))
}

// regularise makes sums over rows a mean and adds Decay, of weights only, and the
// proximal term.
func (n *Network) regularise(loss float64, rows int, how Training, grad []float64) float64 {
	per := 1 / float64(rows)
	for i := range grad {
		grad[i] *= per
	}
	loss *= per
	if how.Decay > 0 {
		for _, l := range n.layers {
			for i := l.at; i < l.at+l.in*l.units; i++ {
				loss += how.Decay / 2 * n.params[i] * n.params[i]
				grad[i] += how.Decay * n.params[i]
			}
		}
	}
	if how.Proximal > 0 && how.Anchor != nil {
		for i, p := range n.params {
			d := p - how.Anchor[i]
			loss += how.Proximal / 2 * d * d
			grad[i] += how.Proximal * d
		}
	}
	return loss
}

// Loss is the mean loss of rows, without what Decay and Proximal add.
func (n *Network) Loss(rows Rows) (float64, error) {
	if err := n.trainable(rows, Training{}); err != nil {
		return 0, err
	}
	return n.loss(rows, nil), nil
}

// loss is the mean over the rows at the given places; nil stands for all.
func (n *Network) loss(rows Rows, places []int) float64 {
	n.tmp.size(n)
	count := rows.Len()
	if places != nil {
		count = len(places)
	}
	sum := 0.0
	for at := 0; at < count; at += tile {
		x, y := n.take(rows, places, at, min(tile, count-at))
		n.forward(x)
		for i, z := range n.tmp.act[len(n.layers)-1][:len(y)] {
			sum += n.lossOf(z, y[i])
		}
	}
	return sum / float64(count)
}

// take returns the rows at places[at:at+m], gathered, or those at at without places.
func (n *Network) take(rows Rows, places []int, at, m int) (x, y []float64) {
	if places == nil {
		return rows.X[at*rows.Width : (at+m)*rows.Width], rows.Y[at : at+m]
	}
	x, y = n.tmp.x[:m*rows.Width], n.tmp.y[:m]
	for i, p := range places[at : at+m] {
		copy(x[i*rows.Width:], rows.Row(p))
		y[i] = rows.Y[p]
	}
	return x, y
}
