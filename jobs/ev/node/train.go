package node

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/internal/learn/private"
	"github.com/idag/idag/internal/learn/score"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/state"
)

// Trainer does what nodes do at the end of a window.
type Trainer struct {
	models
	rows learn.Rows
	p    []float64 // predictions
	diff []float64
	out  []byte
}

// NewTrainer makes one for the server's state, which is nil before the first round.
func NewTrainer(h how.How, s *state.State) (*Trainer, error) {
	m, err := newModels(h, s)
	if err != nil {
		return nil, err
	}
	return &Trainer{models: *m}, nil
}

// Outcome is what a node has to say of a round.
type Outcome struct {
	Round   int64 // that it is for: so many are over
	Version int64 // of the model it began with
	Samples int64
	Arrives int64 // at the server, microseconds of event time
	// What it submits: a model, or in the first rounds the moments of its features.
	// Lent until the next node trains; empty if nothing.
	Params, Moments []byte
	// The model that the node had, tested on these rows before it trained on them. Tested
	// says that there was one.
	Tested  bool
	Before  score.Confusion
	LogLoss float64
	// Global counts what the global model says of them, right and wrong: where the node
	// has no model of its own it is the same.
	Global score.Confusion
	// After is the accuracy after training, on the same rows.
	Trained bool
	After   float64
}

// Train tests and trains on a window's rows, the bytes of [Examples]. The window is the
// round's: of these times in microseconds.
func (t *Trainer) Train(node string, rows []byte, start, end int64) (Outcome, error) {
	var err error
	if t.rows, err = state.Rows(rows, how.Width, t.rows); err != nil {
		return Outcome{}, err
	}
	out := Outcome{Samples: int64(t.rows.Len())}
	if t.s != nil {
		out.Round = t.s.Round
	}
	way := int64(t.h.Chance("way", out.Round, node) % 60_000_000)
	out.Arrives = end + way + t.h.Delay(node)*max(end-start, 0)
	switch {
	case out.Samples == 0:
	case t.s == nil || t.s.Scaler == nil:
		err = t.moments(node, &out)
	case t.h.Model == how.Forest:
		err = t.forest(node, &out)
	default:
		err = t.network(node, &out)
	}
	return out, err
}

// moments are all that is submitted before a scaler is agreed.
func (t *Trainer) moments(node string, out *Outcome) error {
	if !t.h.Answers(node) {
		return nil
	}
	m, err := learn.NewMoments(how.Width)
	if err != nil {
		return err
	}
	if err := m.Add(t.rows); err != nil {
		return err
	}
	t.out, err = m.AppendBinary(t.out[:0])
	out.Moments = t.out
	return err
}

// test scores a model on the rows, which are scaled.
func (t *Trainer) test(m learn.Model) (score.Confusion, error) {
	t.p = slices.Grow(t.p[:0], t.rows.Len())[:t.rows.Len()]
	if err := m.Predict(t.rows, t.p); err != nil {
		return score.Confusion{}, err
	}
	for i, p := range t.p {
		// A poisoned model may predict what is no number: then it says no.
		if !(math.Abs(p) <= math.MaxFloat32) {
			t.p[i] = 0
		}
	}
	return score.Confuse(t.p, t.rows.Y, 0.5)
}

func (t *Trainer) before(m learn.Model, out *Outcome) error {
	var err error
	if out.Before, err = t.test(m); err != nil {
		return err
	}
	for i, p := range t.p {
		t.p[i] = min(max(p, 0), 1) // linear regression's are no probabilities
	}
	out.Tested = true
	out.LogLoss, err = score.LogLoss(t.p, t.rows.Y)
	return err
}

func (t *Trainer) network(node string, out *Outcome) error {
	if err := t.s.Scaler.Apply(t.rows, t.rows.X); err != nil {
		return err
	}
	m, version, err := t.of(node)
	if err != nil {
		return err
	}
	out.Version = version
	if err := t.before(m, out); err != nil {
		return err
	}
	if out.Global = out.Before; t.h.Control != how.Off {
		if err := t.net.SetParams(t.s.Params); err != nil {
			return err
		}
		if out.Global, err = t.test(t.net); err != nil {
			return err
		}
		t.ready = false
	}
	if !t.h.Answers(node) {
		return nil
	}
	base, _ := t.params(node)
	if err := t.net.SetParams(base); err != nil { // what the optimiser remembers is another node's
		return err
	}
	t.ready = false
	how := t.h.Training(out.Round, node)
	if how.Proximal > 0 {
		how.Anchor = base
	}
	if err := t.net.Update(t.rows, how); err != nil {
		if fault.Of(err) == fault.Invalid {
			return nil // training diverged: nothing to submit
		}
		return err
	}
	c, err := t.test(t.net)
	if err != nil {
		return err
	}
	out.Trained, out.After = true, c.Accuracy()
	return t.submit(node, base, out)
}

// submit writes what training made of base.
func (t *Trainer) submit(node string, base []float64, out *Outcome) error {
	params := append(t.diff[:0], t.net.Params()...)
	if t.h.Clip > 0 || t.h.Differences() || t.h.Poison(node) != "" {
		for i, b := range base {
			params[i] -= b
		}
		if t.h.Clip > 0 {
			if _, err := private.Clip(params, t.h.Clip); err != nil {
				return err
			}
		}
		t.poison(node, params, out)
		if !t.h.Differences() {
			for i, b := range base {
				params[i] += b
			}
		}
	}
	if t.h.Poison(node) == how.WrongShape {
		params = append(params, 0)
	}
	t.diff = params
	t.out = state.AppendVector(t.out[:0], params)
	if t.h.Poison(node) == how.Garbage {
		t.out = append(t.out[:0], "no model"...)
	}
	out.Params = t.out
	return nil
}

// poison spoils a difference, as the options say that the node does.
func (t *Trainer) poison(node string, diff []float64, out *Outcome) {
	switch t.h.Poison(node) {
	case how.FlipSign:
		for i := range diff {
			diff[i] *= -10
		}
	case how.Noise:
		r := rand.New(rand.NewPCG(t.h.Chance("poison", out.Round, node), 0))
		for i := range diff {
			diff[i] = 10 * r.NormFloat64()
		}
	case how.NotNumbers:
		diff[len(diff)/2] = math.NaN()
	case how.Future:
		out.Version += 1000
	}
}

func (t *Trainer) forest(node string, out *Outcome) error {
	m, version, err := t.of(node)
	if err != nil {
		return err
	}
	if out.Version = version; m != nil {
		if err := t.before(m, out); err != nil {
			return err
		}
		out.Global = out.Before
	}
	if !t.h.Answers(node) {
		return nil
	}
	if t.h.Poison(node) == how.FlipSign {
		for i, y := range t.rows.Y {
			t.rows.Y[i] = 1 - y
		}
	}
	f, err := t.h.Grove()
	if err != nil {
		return err
	}
	if n := t.s.Node(node); n != nil && len(n.Forest) > 0 {
		if f, err = state.Forest(n.Forest); err != nil {
			return err
		}
	}
	if err := f.Update(t.rows, t.h.Training(out.Round, node)); err != nil {
		return err
	}
	c, err := t.test(f)
	if err != nil {
		return err
	}
	out.Trained, out.After, out.Version = true, c.Accuracy(), t.s.Version
	if t.out, err = state.AppendForest(t.out[:0], f); err != nil {
		return err
	}
	switch t.h.Poison(node) {
	case how.Noise, how.NotNumbers, how.WrongShape, how.Garbage:
		t.out[len(t.out)/2] ^= 0x55
	case how.Future:
		out.Version += 1000
	}
	out.Params = t.out
	return nil
}
