package fed

import (
	"errors"

	"github.com/idag/idag/internal/fault"
)

// Policy says when a round is over, and what it takes.
type Policy struct {
	Method Method `json:"method"`
	Width  int    `json:"width"` // parameters of a model
	// Threshold is the number of distinct nodes that make a round due; 0 is never.
	Threshold int `json:"threshold,omitempty"`
	// Deadline is microseconds of event time after which a round is due with
	// whoever is in, and takes no more; 0 is none.
	Deadline int64 `json:"deadline,omitempty"`
	// MaxStale is how many versions an update may be behind; less than 0 is any.
	MaxStale int64 `json:"max_stale,omitempty"`
}

// Round takes in the updates of one round.
type Round struct {
	policy  Policy
	number  int64
	version int64
	opened  int64
	nodes   map[string]bool
	tally   *Tally
	report  Report
}

// Report is what came of a round.
type Report struct {
	Round     int64          `json:"round"`
	Version   int64          `json:"version"` // that the round began with
	Nodes     int            `json:"nodes"`
	Samples   int64          `json:"samples"`
	Staleness int64          `json:"staleness"` // versions behind, in sum
	Stalest   int64          `json:"stalest"`   // versions behind, at the most
	Refused   map[Reason]int `json:"refused,omitempty"`
}

// Open opens a round over the global model of a version, at an event time in
// microseconds.
func (p Policy) Open(number, version, opened int64) (*Round, error) {
	if p.Threshold < 0 || p.Deadline < 0 {
		return nil, fault.New(fault.Invalid, "a round with a threshold of %d and a deadline of %d", p.Threshold, p.Deadline)
	}
	t, err := p.Method.Tally(p.Width, version)
	if err != nil {
		return nil, err
	}
	r := &Round{policy: p, tally: t}
	r.Next(number, version, opened)
	return r, nil
}

// Next empties the round and opens it as another, keeping its memory.
func (r *Round) Next(number, version, opened int64) {
	r.number, r.version, r.opened = number, version, opened
	r.nodes = make(map[string]bool, len(r.nodes))
	r.report = Report{Round: number, Version: version}
	r.tally.Reset(version)
}

// Submit takes in an update that came at an event time, or refuses it with a
// [Refusal]. The first of a node counts. A round that is due takes more until it is
// closed or its deadline is over.
func (r *Round) Submit(u Update, at int64) error {
	err := r.admit(u, at)
	var why *Refusal
	if errors.As(err, &why) {
		if r.report.Refused == nil {
			r.report.Refused = map[Reason]int{}
		}
		r.report.Refused[why.Reason]++
	}
	return err
}

func (r *Round) admit(u Update, at int64) error {
	behind := r.version - u.Version
	switch {
	case u.Node == "":
		return refuse(u, NoNode, "it has no name")
	case u.Round != r.number:
		return refuse(u, WrongRound, "it is for round %d, this is %d", u.Round, r.number)
	case r.policy.MaxStale >= 0 && behind > r.policy.MaxStale:
		return refuse(u, WrongVersion, "it began with version %d, %d behind; at most %d may be", u.Version, behind, r.policy.MaxStale)
	case r.over(at):
		return refuse(u, Late, "it came %d µs after the round began, the deadline is %d µs", at-r.opened, r.policy.Deadline)
	case r.nodes[u.Node]:
		return refuse(u, Duplicate, "it has submitted already in round %d", r.number)
	}
	if err := r.tally.Add(u); err != nil {
		return err
	}
	r.nodes[u.Node] = true
	r.report.Nodes++
	r.report.Samples += u.Samples
	r.report.Staleness += behind
	r.report.Stalest = max(r.report.Stalest, behind)
	return nil
}

func (r *Round) over(at int64) bool {
	return r.policy.Deadline > 0 && at-r.opened > r.policy.Deadline
}

// Due says whether enough nodes are in, or time is up: nodes that never answer hold
// nobody up.
func (r *Round) Due(at int64) bool {
	return r.policy.Threshold > 0 && r.report.Nodes >= r.policy.Threshold || r.over(at)
}

// Close writes the aggregate and says what came of the round, due or not. A round
// that nobody answered has no aggregate, which is Invalid: the global model stays
// what it is. Close may be asked again; only Next opens another round.
func (r *Round) Close(out []float64) (Report, error) {
	err := r.tally.Result(out)
	return r.report, err
}

// Merge takes in another part of the same round. No node may be in both: hand
// updates to parts by their node.
func (r *Round) Merge(o *Round) error {
	if r.policy != o.policy || r.number != o.number || r.opened != o.opened {
		return fault.New(fault.Invalid, "round %d merged with another, %d", r.number, o.number)
	}
	for node := range o.nodes {
		if r.nodes[node] {
			return fault.New(fault.Invalid, "node %q is in two parts of round %d", node, r.number)
		}
	}
	if err := r.tally.Merge(o.tally); err != nil {
		return err
	}
	for node := range o.nodes {
		r.nodes[node] = true
	}
	r.report.Nodes += o.report.Nodes
	r.report.Samples += o.report.Samples
	r.report.Staleness += o.report.Staleness
	r.report.Stalest = max(r.report.Stalest, o.report.Stalest)
	for why, n := range o.report.Refused {
		if r.report.Refused == nil {
			r.report.Refused = map[Reason]int{}
		}
		r.report.Refused[why] += n
	}
	return nil
}
