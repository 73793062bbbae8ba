package node

import (
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/state"
)

// models gives the model that each node has, in one network for all.
type models struct {
	h     how.How
	s     *state.State
	net   *learn.Network
	vote  *learn.Forest // of all nodes; nil before there is one
	holds string        // whose parameters are in net
	ready bool          // something is
}

func newModels(h how.How, s *state.State) (*models, error) {
	m := &models{h: h, s: s}
	if s == nil || s.Scaler == nil {
		return m, nil
	}
	if len(s.Scaler.Shift) != how.Width {
		return nil, fault.New(fault.Invalid, "the server's scaler has %d features, expected %d", len(s.Scaler.Shift), how.Width)
	}
	var err error
	if h.Model == how.Forest {
		m.vote, err = Vote(h, s)
		return m, err
	}
	m.net, err = h.Network()
	return m, err
}

// params returns the parameters that a node has, and the version they began with. Only
// under control do nodes have models of their own.
func (m *models) params(node string) ([]float64, int64) {
	if m.h.Control != how.Off {
		if n := m.s.Node(node); n != nil {
			return n.Local, n.Version
		}
	}
	return m.s.Params, m.s.Version
}

// of returns the model that a node has, or nil before there is one; it is lent
// until the next call.
func (m *models) of(node string) (learn.Model, int64, error) {
	switch {
	case m.vote != nil:
		return m.vote, m.s.Version, nil
	case m.net == nil:
		return nil, 0, nil
	}
	p, version := m.params(node)
	if m.h.Control == how.Off {
		node = ""
	}
	if !m.ready || m.holds != node {
		if err := m.net.SetParams(p); err != nil {
			return nil, 0, err
		}
		m.holds, m.ready = node, true
	}
	return m.net, version, nil
}

// Vote makes the global forest of those of the nodes: each casts a vote that weighs
// as many rows as it was grown on, less with its staleness. Nil if there is none.
func Vote(h how.How, s *state.State) (*learn.Forest, error) {
	var forests []*learn.Forest
	var weights []float64
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if len(n.Forest) == 0 {
			continue
		}
		f, err := state.Forest(n.Forest)
		if err != nil {
			return nil, err
		}
		w := h.Method.Stale.Weight(s.Version - n.Version)
		if h.Method.By == "samples" {
			w *= float64(n.Samples)
		}
		if w > 0 {
			forests, weights = append(forests, f), append(weights, w)
		}
	}
	if len(forests) == 0 {
		return nil, nil
	}
	return learn.Vote(forests, weights)
}
