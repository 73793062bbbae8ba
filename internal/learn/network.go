package learn

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"github.com/idag/idag/internal/fault"
)

// tile is the rows that go through a network at once: small enough that gonum
// multiplies in the calling goroutine, and that buffers stay in the cache.
const tile = 32

// output is what the last layer does.
type output uint8

const (
	sigmoid  output = iota // a probability, trained by cross-entropy
	identity               // a value, trained by half the squared error
)

// Network is a feed-forward neural network with one output. Its parameters lie in
// one vector, layer after layer: the weights from input i to unit j at i·units+j,
// then the units' biases.
type Network struct {
	widths []int // of the input and of each layer
	out    output
	params []float64
	layers []layer
	adam   adam
	tmp    scratch
}

// layer is a view of a network's parameters, and where they lie in gradients.
type layer struct {
	in, units int
	at        int // of the weights; the biases follow
}

// NewNetwork makes a network of ReLU layers with a sigmoid output, Glorot's uniform
// weights drawn from the seed, and biases of 0. Widths are those of the input, the
// hidden layers, and the output, which is 1: 8, 12, 8, 1 makes 221 parameters.
func NewNetwork(seed uint64, widths ...int) (*Network, error) {
	n, err := newNetwork(sigmoid, widths)
	if err != nil {
		return nil, err
	}
	n.reset(seed)
	return n, nil
}

// NewLogistic makes logistic regression: a network without hidden layers. Its
// weights are 0 at first.
func NewLogistic(width int) (*Network, error) { return newNetwork(sigmoid, []int{width, 1}) }

// NewLinear makes linear regression. Its weights are 0 at first.
func NewLinear(width int) (*Network, error) { return newNetwork(identity, []int{width, 1}) }

// Bounds of what is taken for a network, which bytes from elsewhere must keep.
const (
	maxLayers = 16
	maxWidth  = 1 << 14
	maxParams = 1 << 24
)

func newNetwork(out output, widths []int) (*Network, error) {
	if len(widths) < 2 || len(widths) > maxLayers || widths[len(widths)-1] != 1 {
		return nil, fault.New(fault.Invalid, "a network of widths %v: expected the input's first, 1 last, and at most %d", widths, maxLayers)
	}
	n := &Network{widths: slices.Clone(widths), out: out}
	at := 0
	for i, units := range widths[1:] {
		in := widths[i]
		if min(in, units) < 1 || max(in, units) > maxWidth {
			return nil, fault.New(fault.Invalid, "a network of widths %v: expected 1 to %d each", widths, maxWidth)
		}
		n.layers = append(n.layers, layer{in: in, units: units, at: at})
		at += (in + 1) * units
	}
	if at > maxParams {
		return nil, fault.New(fault.Invalid, "a network of widths %v has %d parameters, at most %d are possible", widths, at, maxParams)
	}
	n.params = make([]float64, at)
	return n, nil
}

// reset draws the parameters anew, as Glorot and Bengio (2010) do; networks
// without hidden layers begin at 0.
func (n *Network) reset(seed uint64) {
	n.adam.forget()
	clear(n.params)
	if len(n.layers) == 1 {
		return
	}
	r := rand.New(rand.NewPCG(seed, 0x6d6f64656c))
	for _, l := range n.layers {
		bound := math.Sqrt(6 / float64(l.in+l.units))
		w := n.params[l.at : l.at+l.in*l.units]
		for i := range w {
			w[i] = (2*r.Float64() - 1) * bound
		}
	}
}

// Width is the number of features.
func (n *Network) Width() int { return n.widths[0] }

// Params returns the parameters, which belong to the network: reading sees later
// changes, and writing changes it.
func (n *Network) Params() []float64 { return n.params }

// SetParams copies the parameters of a network of the same shape and forgets what
// the optimiser knew. Another number of them, NaN, and numbers beyond 1e100 are
// Invalid.
func (n *Network) SetParams(p []float64) error {
	if len(p) != len(n.params) {
		return fault.New(fault.Invalid, "%d parameters for a network of %d", len(p), len(n.params))
	}
	if i := notFinite(p); i >= 0 {
		return fault.New(fault.Invalid, "parameter %d is %v", i, p[i])
	}
	copy(n.params, p)
	n.adam.forget()
	return nil
}

// Clone returns a network of its own with the same parameters, and no memory of
// its training.
func (n *Network) Clone() *Network {
	return &Network{widths: n.widths, out: n.out, params: slices.Clone(n.params), layers: n.layers}
}

// Predict writes the output for each row.
func (n *Network) Predict(rows Rows, out []float64) error {
	if err := rows.fits(n.Width(), false); err != nil {
		return err
	}
	if len(out) != rows.Len() {
		return fault.New(fault.Invalid, "%d predictions for %d rows", len(out), rows.Len())
	}
	n.tmp.size(n)
	for at := 0; at < len(out); at += tile {
		m := min(tile, len(out)-at)
		n.forward(rows.X[at*rows.Width : (at+m)*rows.Width])
		for i, z := range n.tmp.act[len(n.layers)-1][:m] {
			out[at+i] = n.squash(z)
		}
	}
	return nil
}

func (n *Network) squash(z float64) float64 {
	if n.out == identity {
		return z
	}
	return logistic(z)
}

// logistic is 1/(1+e^-z) without overflow.
func logistic(z float64) float64 {
	if z >= 0 {
		return 1 / (1 + math.Exp(-z))
	}
	e := math.Exp(z)
	return e / (1 + e)
}

// scratch is the buffers of a tile.
type scratch struct {
	act   [][]float64 // of each layer: activations, before the output's squashing
	delta [][]float64 // the loss's derivatives by what goes into the layer
	grad  []float64   // by the parameters
	x, y  []float64   // the rows of a tile, gathered
	order []int
	best  []float64 // parameters worth going back to
}

func (s *scratch) size(n *Network) {
	if s.act != nil {
		return
	}
	for _, l := range n.layers {
		s.act = append(s.act, make([]float64, tile*l.units))
		s.delta = append(s.delta, make([]float64, tile*l.units))
	}
	s.grad = make([]float64, len(n.params))
	s.x, s.y = make([]float64, tile*n.Width()), make([]float64, tile)
}

func matrix(rows, cols int, data []float64) blas64.General {
	return blas64.General{Rows: rows, Cols: cols, Stride: cols, Data: data[:rows*cols]}
}

// forward computes the activations of at most a tile of rows.
func (n *Network) forward(x []float64) {
	m := len(x) / n.Width()
	for i, l := range n.layers {
		z := n.tmp.act[i][:m*l.units]
		bias := n.params[l.at+l.in*l.units:][:l.units]
		for r := range m {
			copy(z[r*l.units:], bias)
		}
		blas64.Gemm(blas.NoTrans, blas.NoTrans, 1, matrix(m, l.in, x), matrix(l.in, l.units, n.params[l.at:]), 1, matrix(m, l.units, z))
		if i < len(n.layers)-1 {
			for j, v := range z {
				z[j] = max(v, 0)
			}
		}
		x = z
	}
}
