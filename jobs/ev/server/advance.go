package server

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/internal/learn/fed"
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
	if err := fits(h, s); err != nil {
		return nil, Report{}, err
	}
	r := &round{h: h, s: s, in: in, refused: map[string]int64{}}
	warm := s.Scaler == nil
	r.traffic(warm)
	r.arrive(warm)
	var err error
	switch {
	case warm:
		err = r.agree()
	case h.Control != how.Off:
		err = r.exchange()
	default:
		err = r.aggregate()
	}
	if err != nil {
		return nil, Report{}, err
	}
	if (h.Control == how.Off || warm) && s.Scaler != nil && r.report.Nodes > 0 {
		r.report.Down = r.listeners() * r.size()
	}
	s.Round++
	r.report.Version, r.report.Late = s.Version, int64(len(s.Waiting))
	r.reasons()
	return s, r.report, nil
}

// fits checks that a state was made by such options.
func fits(h how.How, s *state.State) error {
	if s.Scaler == nil {
		return nil
	}
	if len(s.Scaler.Shift) != how.Width {
		return fault.New(fault.Invalid, "the server's scaler has %d features, expected %d", len(s.Scaler.Shift), how.Width)
	}
	want := h.Params()
	if len(s.Params) != want {
		return fault.New(fault.Invalid, "the server's model has %d parameters, by the options %d: a run keeps its options", len(s.Params), want)
	}
	for i := range s.Nodes {
		if n := &s.Nodes[i]; h.Model != how.Forest && (len(n.Base) != want || len(n.Local) != want) {
			return fault.New(fault.Invalid, "node %q has models of %d and %d parameters, by the options %d", n.Name, len(n.Base), len(n.Local), want)
		}
	}
	return nil
}

// traffic counts what nodes sent in this window.
func (r *round) traffic(warm bool) {
	if r.h.Control != how.Off && !warm {
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
		for _, refused := range r.in.Sums[i].Refused {
			n += refused
		}
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
func (r *round) arrive(warm bool) {
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
	if r.h.Differences() && len(r.taken) < r.h.Threshold && !warm {
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
