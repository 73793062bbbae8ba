package fed

import (
	"slices"

	"github.com/idag/idag/internal/fault"
)

// Method says how models are aggregated. By is one of [Methods]:
//
//	mean      the mean
//	accuracy  weighted by the nodes' own accuracy
//	samples   weighted by rows: FedAvg (McMahan et al. 2017), and FedProx
//	buffered  Σ s(τ)·Δ over their number: FedBuff (Nguyen et al. 2022)
//	median    of each parameter by itself (Yin et al. 2018)
//	trimmed   the mean of each parameter without the Trim share at both ends (ibid.)
//	krum      the mean of the Keep models closest to their neighbours, where at
//	          most Faulty may be poisoned (Blanchard et al. 2017)
//
// The first three may be weighted by staleness besides; robust methods have no
// weights, and refuse it.
type Method struct {
	By     string    `json:"by"`
	Stale  Staleness `json:"stale,omitzero"`
	Trim   float64   `json:"trim,omitempty"`   // below 0.5
	Faulty int       `json:"faulty,omitempty"` // needs 2·Faulty+3 models
	Keep   int       `json:"keep,omitempty"`   // 0 is 1
}

// Methods are the names of all methods.
func Methods() []string {
	return []string{"mean", "accuracy", "samples", "buffered", "median", "trimmed", "krum"}
}

// keeps says whether a tally of the method keeps all vectors.
func (m Method) keeps() bool { return m.By == "median" || m.By == "trimmed" || m.By == "krum" }

func (m Method) check() error {
	switch {
	case !slices.Contains(Methods(), m.By):
		return fault.New(fault.Invalid, "aggregation by %q is none of %v", m.By, Methods())
	case m.keeps() && m.Stale != (Staleness{}):
		return fault.New(fault.Invalid, "aggregation by %s has no weights, so none for staleness", m.By)
	case !(m.Trim >= 0 && m.Trim < 0.5):
		return fault.New(fault.Invalid, "aggregation trims %v at both ends, expected 0 to less than a half", m.Trim)
	case m.Faulty < 0 || m.Keep < 0:
		return fault.New(fault.Invalid, "aggregation with %d faulty models, %d kept", m.Faulty, m.Keep)
	}
	return m.Stale.check()
}

// weight of an update that is tau versions behind.
func (m Method) weight(u Update, tau int64) float64 {
	s := m.Stale.Weight(tau)
	switch m.By {
	case "accuracy":
		return s * u.Accuracy
	case "samples":
		return s * float64(u.Samples)
	}
	return s
}
