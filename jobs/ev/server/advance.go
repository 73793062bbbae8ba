package server

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/internal/learn/fed"
	"github.com/idag/idag/internal/learn/private"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/state"
)

// Report is what came of a round.
type Report struct {
	Version            int64 // of the global model after it
	Nodes, Samples     int64 // that are in the aggregate
	Staleness, Stalest int64 // versions behind: of all, of the one most behind
	Late               int64 // submissions under way
	Refused            int64
	Reasons            string  // why, with numbers
	Change             float64 // length of the difference to the model before
	Up, Down           int64   // bytes
	Epsilon            float64 // of all rounds so far, with a delta of 1e-5; 0 without privacy
}

// delta of the privacy that is reported.
const delta = 1e-5

// round is one step of the server under way.
type round struct {
	h       how.How
	s       *state.State // becomes the next one
	in      *state.Round
	report  Report
	refused map[string]int64
	taken   []state.Submission // in time and distinct, as they arrived
}

// Advance makes the server's next state of the one before, nil before the first round,
// and of what came in. Both are taken over.
func Advance(h how.How, s *state.State, in *state.Round) (*state.State, Report, error) {
	if s == nil {
		s = &state.State{}
	}
	if want := h.Params(); s.Scaler != nil && len(s.Params) != want {
		return nil, Report{}, fault.New(fault.Invalid, "the server's model has %d parameters, by the options %d: a run keeps its options", len(s.Params), want)
	}
	r := &round{h: h, s: s, in: in, refused: map[string]int64{}}
	r.traffic()
	r.arrive()
	warm := s.Scaler == nil
	var err error
	if warm {
		err = r.agree()
	} else {
		err = r.aggregate()
	}
	if err != nil {
		return nil, Report{}, err
	}
	if h.Control == how.Off && (!warm || s.Scaler != nil) && r.report.Nodes > 0 {
		r.report.Down = r.listeners() * r.size()
	}
	s.Round++
	r.report.Version, r.report.Late = s.Version, int64(len(s.Waiting))
	r.reasons()
	return s, r.report, nil
}

// traffic counts what nodes sent in this window.
func (r *round) traffic() {
	if r.h.Control != how.Off {
		return // what is sent is decided here
	}
	for i := range r.in.List {
		r.report.Up += int64(len(r.in.List[i].Params) + len(r.in.List[i].Moments))
	}
	for i := range r.in.Sums {
		r.report.Up += r.in.Sums[i].Bytes
	}
}

// listeners are the nodes that a new model goes to: those with rows in this window.
func (r *round) listeners() int64 {
	n := r.in.Silent + int64(len(r.in.List))
	for i := range r.in.Sums {
		n += int64(len(r.in.Sums[i].Nodes))
	}
	return n
}

// size is the bytes of the global model.
func (r *round) size() int64 {
	if r.h.Model != how.Forest {
		return int64(8*r.h.Params() + 1)
	}
	n := 0
	for i := range r.s.Nodes {
		n += len(r.s.Nodes[i].Forest)
	}
	return int64(n)
}

// arrive finds out who is in: what is due by now, up to the node that makes the round
// full, and of each node the newest. What came later waits for the next round.
func (r *round) arrive() {
	for i := range r.in.List {
		if sub := &r.in.List[i]; sub.Round != r.s.Round {
			r.refuse(fed.WrongRound)
		} else {
			r.s.Waiting = append(r.s.Waiting, *sub)
		}
	}
	state.Sort(r.s.Waiting)
	newest := map[string]int{}
	var waiting []state.Submission
	for i := range r.s.Waiting {
		sub := r.s.Waiting[i]
		_, known := newest[sub.Node]
		if sub.Arrives > r.in.Due || !known && r.h.Threshold > 0 && len(newest) >= r.h.Threshold {
			waiting = append(waiting, sub)
			continue
		}
		if known {
			r.refuse(fed.Duplicate)
			if r.taken[newest[sub.Node]].Round < sub.Round {
				r.taken[newest[sub.Node]] = sub
			}
			continue
		}
		newest[sub.Node] = len(r.taken)
		r.taken = append(r.taken, sub)
	}
	// FedBuff goes on only when its buffer is full.
	if r.h.Differences() && len(r.taken) < r.h.Threshold && r.s.Scaler != nil {
		waiting = append(waiting, r.taken...)
		r.taken = nil
	}
	r.s.Waiting = waiting
}

func (r *round) refuse(why fed.Reason) { r.refused[string(why)]++ }

func (r *round) reasons() {
	for i := range r.in.Sums {
		for why, n := range r.in.Sums[i].Refused {
			r.refused[string(why)] += n
		}
	}
	var parts []string
	for _, why := range slices.Sorted(maps.Keys(r.refused)) {
		if n := r.refused[why]; n > 0 {
			r.report.Refused += n
			parts = append(parts, fmt.Sprintf("%s %d", why, n))
		}
	}
	if r.report.Reasons != "" {
		parts = append(parts, r.report.Reasons)
	}
	r.report.Reasons = strings.Join(parts, "; ")
}

// agree merges the moments of the first rounds, and makes the scaler and the first
// model of them.
func (r *round) agree() error {
	all, err := learn.NewMoments(how.Width)
	if err != nil {
		return err
	}
	if len(r.s.Moments) > 0 {
		if err := all.UnmarshalBinary(r.s.Moments); err != nil {
			return err
		}
	}
	for i := range r.taken {
		m := new(learn.Moments)
		if m.UnmarshalBinary(r.taken[i].Moments) != nil || all.Merge(m) != nil {
			r.refuse(fed.WrongShape)
			continue
		}
		r.report.Nodes++
		r.report.Samples += r.taken[i].Samples
	}
	for i := range r.in.Sums {
		if sum := &r.in.Sums[i]; r.whole(sum) && sum.Moments != nil {
			if err := all.Merge(sum.Moments); err != nil {
				return err
			}
			r.report.Nodes += int64(len(sum.Nodes))
			r.report.Samples += sum.Samples
		}
	}
	if r.s.Round+1 < r.h.Warmup || all.Count() == 0 {
		r.s.Moments, err = all.AppendBinary(nil)
		return err
	}
	r.s.Moments, r.s.Scaler, r.s.Version = nil, all.Standard(), 1
	net, err := r.h.Network()
	if net != nil {
		r.s.Params = slices.Clone(net.Params())
	}
	return err
}

// whole says whether a sum can be taken: for this round, and no node twice in it.
func (r *round) whole(sum *state.Sum) bool {
	if len(sum.Nodes) == 0 {
		return false
	}
	why := fed.Reason("")
	switch {
	case sum.Least != r.s.Round || sum.Most != r.s.Round:
		why = fed.WrongRound
	case sum.Twice() != "":
		why = fed.Duplicate
	default:
		return true
	}
	r.refused[string(why)] += int64(len(sum.Nodes))
	return false
}

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
