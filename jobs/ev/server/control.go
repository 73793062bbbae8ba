package server

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/idag/idag/internal/learn/fed"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/state"
)

// Control over the exchange of models, after the idea of SCEDA: for every node the
// schedule and the content of updates, in both directions, are learned from how well it
// is reached and from how much an update changes.
//
// Whoever could send knows the difference d that the other end lacks. Sending all of it,
// or the quarter of its numbers that are largest, is worth the probability of getting
// through, times the squared length of what is sent over the usual one; it costs its bytes
// over those of a whole model, times a price. What is worth most above its cost is sent,
// or nothing. The price rises while traffic is above the budget and falls below it (dual
// ascent); the probability is a moving average of attempts. What was not sent stays part
// of the next difference, so nothing is lost by waiting.

const (
	maxControlled = 256  // nodes: two models of each are in the state
	largestLocal  = 1e50 // a parameter, so that sums of some are numbers, too
)

// Rates of learning: of the price, and of moving averages.
const (
	priceRate = 0.3
	gainRate  = 0.1
	linkRate  = 0.2
	linkFirst = 0.8 // before anything is known, and what is forgotten to
	linkFades = 0.02
	linkLeast = 0.05
)

// content is how much of a difference is sent.
type content int

const (
	nothing content = iota
	quarter
	whole
)

// contact is whether a node was reached in a round.
type contact int

const (
	untried contact = iota
	reached
	failed
)

// bytes of a message: whole vectors, or pairs of a place and a number.
func (r *round) bytes(c content) int64 {
	p := int64(r.h.Params())
	switch c {
	case quarter:
		return 1 + (p+3)/4*(2+8)
	case whole:
		return 1 + 8*p
	default:
		return 0
	}
}

// exchange is a round under control.
func (r *round) exchange() error {
	before := slices.Clone(r.s.Params)
	t, err := r.h.Method.Tally(r.h.Params(), 0)
	if err != nil {
		return err
	}
	met := map[string]contact{}
	for i := range r.taken {
		sub := &r.taken[i]
		if n := r.remember(sub); n != nil {
			if err := r.up(n, sub, t, met); err != nil {
				return err
			}
		}
	}
	out := make([]float64, r.h.Params())
	if err := t.Result(out); err == nil {
		copy(r.s.Params, out)
	} else {
		if t.Count() > 0 {
			r.report.Reasons = err.Error()
		}
		r.report.Nodes = 0
	}
	if err := r.finish(before); err != nil {
		return err
	}
	for i := range r.s.Nodes {
		r.down(&r.s.Nodes[i], met[r.s.Nodes[i].Name])
	}
	if r.report.Nodes > 0 {
		r.report.Down += r.in.Silent * r.bytes(whole)
	}
	r.price(len(r.s.Nodes))
	return nil
}

// remember notes what a node has now; nil if that is no model.
func (r *round) remember(sub *state.Submission) *state.Node {
	p, err := state.Vector(sub.Params, nil)
	bad := fed.Reason("")
	switch {
	case sub.Node == "":
		bad = fed.NoNode
	case err != nil || len(p) != r.h.Params():
		bad = fed.WrongShape
	case slices.ContainsFunc(p, func(v float64) bool { return !(math.Abs(v) <= largestLocal) }):
		bad = fed.NotFinite
	case sub.Version > r.s.Version:
		bad = fed.WrongVersion
	case sub.Samples < 1:
		bad = fed.BadWeight
	}
	if bad != "" {
		r.refuse(bad)
		return nil
	}
	at, found := slices.BinarySearchFunc(r.s.Nodes, sub.Node, func(n state.Node, name string) int { return strings.Compare(n.Name, name) })
	if !found && len(r.s.Nodes) >= maxControlled {
		r.refuse("too many nodes under control")
		return nil
	}
	if !found {
		// A node that was not there before began with the global model.
		r.s.Nodes = slices.Insert(r.s.Nodes, at, state.Node{
			Name: sub.Node, Version: r.s.Version, Since: r.s.Round, Base: slices.Clone(r.s.Params), Link: linkFirst,
		})
	}
	n := &r.s.Nodes[at]
	n.Local = p
	n.Samples += sub.Samples
	return n
}

// up sends what a node learned to the server, or a part of it, or nothing.
func (r *round) up(n *state.Node, sub *state.Submission, t *fed.Tally, met map[string]contact) error {
	d := difference(n.Local, n.Base)
	all := energy(d)
	n.Change += gainRate * (math.Sqrt(all) - n.Change)
	if r.s.Control.Gain == 0 {
		r.s.Control.Gain = all
	}
	r.s.Control.Gain += gainRate * (all - r.s.Control.Gain) / 4
	c := r.choose(n, d)
	if c == nothing {
		n.Link += linkFades * (linkFirst - n.Link)
		return nil
	}
	if !r.reach(n) {
		met[n.Name] = failed
		return nil
	}
	r.report.Up += r.bytes(c)
	kept(d, c)
	// The change is made to the present global model: n.Base may be older.
	u := slices.Clone(r.s.Params)
	for i, v := range d {
		n.Base[i] += v
		u[i] += v
	}
	stale := state.Submission{Node: n.Name, Version: n.Version, Samples: n.Samples, Accuracy: sub.Accuracy, Params: state.AppendVector(nil, u)}
	n.Samples, met[n.Name] = 0, reached
	return r.admit(&stale, t.Add)
}

// down sends the new global model to a node, or what of it has changed most, or nothing.
func (r *round) down(n *state.Node, met contact) {
	if met == failed {
		return
	}
	d := difference(r.s.Params, n.Base)
	c := r.choose(n, d)
	if c == nothing || met == untried && !r.reach(n) {
		return
	}
	r.report.Down += r.bytes(c)
	if c == whole {
		// What the node had not sent yet goes on top: it is not lost.
		rest := difference(n.Local, n.Base)
		copy(n.Base, r.s.Params)
		for i := range n.Local {
			n.Local[i] = n.Base[i] + rest[i]
		}
		n.Version, n.Since = r.s.Version, r.s.Round
		return
	}
	kept(d, c)
	for i, v := range d {
		n.Base[i] += v
		n.Local[i] += v
	}
}

// reach tries to reach a node, and learns from it.
func (r *round) reach(n *state.Node) bool {
	up := r.h.Linked(n.Name, r.s.Round)
	got := 0.0
	if up {
		got = 1
	}
	n.Link += linkRate * (got - n.Link)
	return up
}

// choose is what of a difference is worth being sent.
func (r *round) choose(n *state.Node, d []float64) content {
	if r.h.Control == how.Fixed {
		if r.s.Round%r.h.Every == 0 {
			return whole
		}
		return nothing
	}
	best, most := nothing, 0.0
	for _, c := range []content{quarter, whole} {
		part := d
		if c == quarter {
			part = slices.Clone(d)
			kept(part, c)
		}
		worth := max(n.Link, linkLeast) * energy(part) / max(r.s.Control.Gain, math.SmallestNonzeroFloat64)
		if over := worth - r.s.Control.Price*float64(r.bytes(c))/float64(r.bytes(whole)); over > most {
			best, most = c, over
		}
	}
	return best
}

// price learns what bytes must cost for the budget to be kept.
func (r *round) price(nodes int) {
	if nodes == 0 || r.h.Control != how.Learned {
		return
	}
	full := float64(2*int64(nodes)) * float64(r.bytes(whole))
	over := float64(r.report.Up+r.report.Down)/full - r.h.Budget
	r.s.Control.Price = max(r.s.Control.Price+priceRate*over, 0)
}

func difference(a, b []float64) []float64 {
	d := slices.Clone(a)
	for i, v := range b {
		d[i] -= v
	}
	return d
}

func energy(d []float64) float64 {
	sum := 0.0
	for _, v := range d {
		sum += v * v
	}
	return min(sum, largest)
}

// kept clears what is not sent of a difference.
func kept(d []float64, c content) {
	if c != quarter {
		return
	}
	at := make([]int, len(d))
	for i := range at {
		at[i] = i
	}
	slices.SortFunc(at, func(a, b int) int { return cmp.Or(cmp.Compare(math.Abs(d[b]), math.Abs(d[a])), cmp.Compare(a, b)) })
	for _, i := range at[(len(d)+3)/4:] {
		d[i] = 0
	}
}
