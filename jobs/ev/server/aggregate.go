package server

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/internal/learn/fed"
	"github.com/idag/idag/internal/learn/private"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/state"
)

// aggregate makes the next global model.
func (r *round) aggregate() error {
	before := slices.Clone(r.s.Params)
	var err error
	switch {
	case r.h.Model == how.Forest:
		return r.plant()
	case r.h.Async > 0:
		err = r.mix()
	default:
		err = r.tally()
	}
	if err != nil {
		return err
	}
	return r.finish(before)
}

// finish makes the aggregate the next version, trains on centrally, and says how far it
// came from the model before.
func (r *round) finish(before []float64) error {
	if r.report.Nodes > 0 {
		r.s.Version++
	}
	if err := r.central(); err != nil {
		return err
	}
	for _, p := range r.s.Params {
		if !(math.Abs(p) <= largest) {
			r.report.Reasons = fmt.Sprintf("a parameter of the aggregate is %v: the model stays", p)
			copy(r.s.Params, before)
			break
		}
	}
	sum := 0.0
	for i, p := range r.s.Params {
		sum += (p - before[i]) * (p - before[i])
	}
	r.report.Change = math.Sqrt(sum)
	return nil
}

// largest is the largest parameter that the global model may have, as it is for those
// that are submitted.
const largest = 1e100

// behind is how stale a submission is.
func (r *round) behind(sub *state.Submission) int64 { return r.s.Version - sub.Version }

// count notes a submission that is in the aggregate.
func (r *round) count(sub *state.Submission) {
	r.report.Nodes++
	r.report.Samples += sub.Samples
	r.report.Staleness += r.behind(sub)
	r.report.Stalest = max(r.report.Stalest, r.behind(sub))
}

// admit gives a submission's update to whatever aggregates it. A refusal is counted
// and no error.
func (r *round) admit(sub *state.Submission, to func(fed.Update) error) error {
	p, err := state.Vector(sub.Params, nil)
	switch {
	case sub.Node == "":
		r.refuse(fed.NoNode)
		return nil
	case err != nil:
		r.refuse(fed.WrongShape)
		return nil
	case r.h.MaxStale >= 0 && r.behind(sub) > r.h.MaxStale:
		r.refuse(fed.WrongVersion)
		return nil
	}
	err = to(fed.Update{Node: sub.Node, Version: -r.behind(sub), Samples: sub.Samples, Accuracy: sub.Accuracy, Params: p})
	var why *fed.Refusal
	switch {
	case errors.As(err, &why):
		r.refuse(why.Reason)
		return nil
	case err == nil:
		r.count(sub)
	}
	return err
}

// mix is FedAsync: models are mixed in one after the other, as they arrived.
func (r *round) mix() error {
	a := fed.Async{Rate: r.h.Async, Stale: r.h.Method.Stale}
	for i := range r.taken {
		if err := r.admit(&r.taken[i], func(u fed.Update) error { return a.Apply(r.s.Params, 0, u) }); err != nil {
			return err
		}
	}
	return nil
}

// tally aggregates at once.
func (r *round) tally() error {
	t, err := r.h.Method.Tally(r.h.Params(), 0)
	if err != nil {
		return err
	}
	for i := range r.taken {
		if err := r.admit(&r.taken[i], t.Add); err != nil {
			return err
		}
	}
	for i := range r.in.Sums {
		sum := &r.in.Sums[i]
		if !r.whole(sum) || sum.Tally == nil {
			continue
		}
		if err := t.Merge(sum.Tally); err != nil {
			return err
		}
		r.report.Nodes += int64(len(sum.Nodes))
		r.report.Samples += sum.Samples
		r.report.Staleness += sum.Staleness
		r.report.Stalest = max(r.report.Stalest, sum.Stalest)
	}
	out := make([]float64, r.h.Params())
	if err := t.Result(out); err != nil {
		if t.Count() > 0 {
			r.report.Reasons = err.Error() // too few for Krum, say: the model stays
		}
		r.report.Nodes = 0
		return nil
	}
	if err := r.noise(out); err != nil {
		return err
	}
	if r.h.Differences() {
		return fed.Step(r.s.Params, out, r.h.Step)
	}
	copy(r.s.Params, out)
	return nil
}

// noise makes the mean of clipped differences private.
func (r *round) noise(out []float64) error {
	if r.h.Clip == 0 || r.h.Noise == 0 {
		return nil
	}
	deviation := r.h.Noise * r.h.Clip / float64(r.report.Nodes)
	if err := private.Noise(out, deviation, r.h.Chance("privacy", r.s.Round, "")); err != nil {
		return err
	}
	var err error
	r.report.Epsilon, err = private.Epsilon(r.h.Noise, int(min(r.s.Version, 1<<30)), delta)
	return err
}

// central trains the new model on with the rows that the centre has.
func (r *round) central() error {
	if r.h.Central == 0 || len(r.in.Rows) == 0 {
		return nil
	}
	rows, err := state.Rows(r.in.Rows, how.Width, learn.Rows{})
	if err != nil || rows.Len() == 0 {
		return err
	}
	if err := r.s.Scaler.Apply(rows, rows.X); err != nil {
		return err
	}
	net, err := r.h.Network()
	if err != nil {
		return err
	}
	if err := net.SetParams(r.s.Params); err != nil {
		return err
	}
	t := r.h.Training(r.s.Round, "")
	t.Epochs, t.Proximal = r.h.Central, 0
	if net.Update(rows, t) == nil { // where it diverges, the aggregate stays
		copy(r.s.Params, net.Params())
		if r.report.Nodes == 0 {
			r.s.Version++
		}
	}
	return nil
}

// plant puts the forests that came in in the place of their nodes' older ones.
func (r *round) plant() error {
	for i := range r.taken {
		sub := &r.taken[i]
		switch {
		case !votes(sub.Params):
			r.refuse(fed.WrongShape)
			continue
		case r.behind(sub) < 0 || r.h.MaxStale >= 0 && r.behind(sub) > r.h.MaxStale:
			r.refuse(fed.WrongVersion)
			continue
		case sub.Samples < 1:
			r.refuse(fed.BadWeight)
			continue
		}
		n := r.s.Node(sub.Node)
		if n == nil {
			if len(r.s.Nodes) >= maxForests {
				r.refuse("too many forests")
				continue
			}
			at, _ := slices.BinarySearchFunc(r.s.Nodes, sub.Node, func(n state.Node, name string) int { return strings.Compare(n.Name, name) })
			r.s.Nodes = slices.Insert(r.s.Nodes, at, state.Node{Name: sub.Node})
			n = &r.s.Nodes[at]
		}
		r.count(sub)
		n.Forest, n.Version, n.Samples = sub.Params, sub.Version, sub.Samples
	}
	if r.report.Nodes > 0 {
		r.s.Version++
	}
	return nil
}

// votes says whether bytes are a forest that can vote: of the right width, with trees,
// and no vote of others.
func votes(b []byte) bool {
	f, err := state.Forest(b)
	if err != nil || f.Width() != how.Width {
		return false
	}
	_, err = learn.Vote([]*learn.Forest{f}, nil)
	return err == nil
}

// maxForests is how many nodes' forests can vote: all of them are the global model.
const maxForests = 64
