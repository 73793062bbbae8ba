package node

import (
	"math"

	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/state"
)

// Predictor predicts single rows.
type Predictor struct {
	models
	row [how.Width]float64
	out [1]float64
}

// NewPredictor makes one for the server's state, which is nil before the first round.
func NewPredictor(h how.How, s *state.State) (*Predictor, error) {
	m, err := newModels(h, s)
	if err != nil {
		return nil, err
	}
	return &Predictor{models: *m}, nil
}

// Predict returns the probability of 1 by the model that a node has; ok is false where
// there is none yet, or a feature is no number.
func (p *Predictor) Predict(node string, features *[how.Width]float64) (v float64, ok bool, err error) {
	if p.s == nil || p.s.Scaler == nil {
		return 0, false, nil
	}
	for j, x := range features {
		if !(math.Abs(x) <= math.MaxFloat32) {
			return 0, false, nil
		}
		p.row[j] = x
	}
	m, _, err := p.of(node)
	if m == nil || err != nil {
		return 0, false, err
	}
	rows := learn.Rows{Width: how.Width, X: p.row[:]}
	if p.h.Model != how.Forest {
		if err := p.s.Scaler.Apply(rows, rows.X); err != nil {
			return 0, false, err
		}
	}
	if err := m.Predict(rows, p.out[:]); err != nil {
		return 0, false, err
	}
	if !(math.Abs(p.out[0]) <= math.MaxFloat32) {
		p.out[0] = 0 // of a poisoned model: as it is scored
	}
	return p.out[0], true, nil
}
