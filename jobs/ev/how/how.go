// Package how is the options of the electric vehicles' job, as its functions see
// them: what model, how it is trained, aggregated and sent around, and what goes
// wrong on purpose.
//
// A function of a job sees columns and nothing else, so the options travel as a
// constant column: text such as "model=nn;epochs=4;method=samples", which [Parse]
// reads. Keys that are left out, or whose value is empty, have their default. The
// job file's variables make that text; docs/ev.md lists them.
//
// A How is a value and is not changed after Parse; it may be read by several
// goroutines.
package how

import (
	"hash/fnv"
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/internal/learn/fed"
)

// Width is the number of features: f1 to f8.
const Width = 8

// The kinds of models.
const (
	NN       = "nn"       // a network 8-12-8-1: 221 parameters
	Linear   = "linear"   // linear regression: 9
	Logistic = "logistic" // logistic regression: 9
	Forest   = "forest"   // trees, aggregated by vote
)

// The ways of control over who sends what when.
const (
	Off     = "off"     // every node exchanges models in every round and keeps none
	Fixed   = "fixed"   // every node exchanges whole models every Every rounds
	Learned = "learned" // schedule and content are learned for each node
)

// How is the options.
type How struct {
	Model string
	Seed  uint64

	// Training on the nodes.
	Epochs   int
	Batch    int // less than 0: all rows at once
	Rate     float64
	Descent  bool // plain gradient descent instead of Adam
	Proximal float64

	// Aggregation.
	Method    fed.Method
	Async     float64 // FedAsync's rate; 0: aggregate by Method
	Step      float64 // of FedBuff at the server
	Threshold int     // a round is over when so many nodes are in; 0: at its deadline
	Deadline  int64   // microseconds after the window's end
	MaxStale  int64   // versions an update may be behind; less than 0: any
	Warmup    int64   // rounds that only agree on the scaler
	Keep      int     // updates of a round that are kept one by one; means of more are summed as they come

	// Central training: passes over the rows that the centre has; 0 is none.
	Central int

	// Differential privacy: differences are clipped to a length of Clip, and their
	// sum gets noise of the deviation Noise·Clip. 0 is none.
	Clip, Noise float64

	// Control over the exchange.
	Control string
	Every   int64
	Budget  float64 // of Learned: traffic as a share of that of whole models in every round

	participants []string
	stale, poison,
	link []setting
	prox bool // the method is FedProx
}

// Defaults are the options of the empty text.
func Defaults() How {
	return How{
		Model: NN, Epochs: 4, Batch: 32, Method: fed.Method{By: "samples"}, Step: 1,
		Deadline: 10 * 60 * 1e6, MaxStale: -1, Warmup: 1, Keep: 256, Control: Off, Every: 1, Budget: 0.5,
	}
}

// Mean says whether models are aggregated by a mean, which can be summed as they come.
func (h How) Mean() bool {
	return h.Async == 0 && h.Model != Forest && slices.Contains([]string{"mean", "accuracy", "samples", "buffered"}, h.Method.By)
}

// Differences says whether nodes submit what training changed instead of models.
func (h How) Differences() bool { return h.Method.By == "buffered" }

// Params is the number of parameters of a model, 0 of forests.
func (h How) Params() int {
	switch h.Model {
	case NN:
		return 8*12 + 12 + 12*8 + 8 + 8 + 1
	case Linear, Logistic:
		return Width + 1
	}
	return 0
}

// Network makes the model as it is before the first round, drawn from the seed. Of
// forests there is none: nil.
func (h How) Network() (*learn.Network, error) {
	switch h.Model {
	case NN:
		return learn.NewNetwork(h.Seed, Width, 12, 8, 1)
	case Linear:
		return learn.NewLinear(Width)
	case Logistic:
		return learn.NewLogistic(Width)
	}
	return nil, nil
}

// Grove makes a forest without trees. They are few and flat, for the votes of all
// nodes travel as one model.
func (h How) Grove() (*learn.Forest, error) {
	return learn.NewForest(Width, learn.Growth{Trees: 12, Depth: 6, Leaf: 4})
}

// Training is how a node trains in a round. All chance in it follows from the seed,
// the round and the node.
func (h How) Training(round int64, node string) learn.Training {
	return learn.Training{
		Seed: h.Chance("train", round, node), Epochs: h.Epochs, Batch: h.Batch, Rate: h.Rate, Descent: h.Descent, Proximal: h.Proximal,
	}
}

// Chance is a number that follows from the seed, a round and a node. Use keeps what it
// is for apart.
func (h How) Chance(use string, round int64, node string) uint64 {
	f := fnv.New64a()
	for _, part := range []string{use, node} {
		_, _ = f.Write([]byte(part))
		_, _ = f.Write([]byte{0xff})
	}
	// Finalised as splitmix64 is, so that near seeds and rounds are far apart.
	x := f.Sum64() ^ h.Seed*0x9e3779b97f4a7c15 ^ uint64(round)*0xd1b54a32d192ed03
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Answers says whether a node submits anything.
func (h How) Answers(node string) bool {
	return len(h.participants) == 0 || slices.Contains(h.participants, node)
}

// Delay is by how many rounds a node's updates come late.
func (h How) Delay(node string) int64 { return int64(number(h.stale, node, 0)) }

// Poison is what a node does to its updates, "" if nothing: see [Parse].
func (h How) Poison(node string) string { return look(h.poison, node) }

// Linked says whether a node can be reached in a round. Its link is up with the
// probability that the options give it, over stretches of three rounds.
func (h How) Linked(node string, round int64) bool {
	up := number(h.link, node, 1)
	return float64(h.Chance("link", round/3, node)>>11)*0x1p-53 < up
}

func (h How) check() error {
	bad := func(format string, args ...any) error { return fault.New(fault.Invalid, format, args...) }
	switch {
	case h.Model == Forest && !slices.Contains([]string{"samples", "mean"}, h.Method.By):
		return bad("forests are aggregated by vote, not by %s", h.Method.By)
	case h.Model == Forest && (h.Control != Off || h.Clip > 0 || h.Central > 0 || h.Async > 0):
		return bad("forests go without control, privacy, central training and FedAsync")
	case h.Clip > 0 && (h.Async > 0 || h.Method.By != "mean" && h.Method.By != "buffered" || h.Method.Stale != fed.Staleness{}):
		return bad("privacy is for means of equal weights: method mean or fedbuff, staleness constant")
	case h.Noise > 0 && h.Clip == 0:
		return bad("privacy: noise of %v times a length of 0; set clip", h.Noise)
	case h.Control != Off && (h.Differences() || h.Async > 0 || h.Clip > 0):
		return bad("control goes without fedbuff, fedasync and privacy")
	case h.Control == Off && len(h.link) > 0:
		return bad("links that fail need a control that knows of them: fixed:1 or learned")
	case h.Control != Off && len(h.stale) > 0:
		return bad("under control it is the links that make nodes stale: set link instead of stale")
	}
	if _, err := h.Method.Tally(1, 0); err != nil {
		return err
	}
	if n := len(h.participants); n > 0 {
		return h.enough(n)
	}
	return nil
}
