package fed

import (
	"fmt"
	"math"

	"github.com/idag/idag/internal/fault"
)

// Update is what a node submits: a model, or for FedBuff the difference that its
// training made.
type Update struct {
	Node     string
	Round    int64     // that it is for
	Version  int64     // of the global model that its training began with
	Samples  int64     // rows that it was trained on
	Accuracy float64   // as the node measured it, 0 to 1
	Params   []float64 // lent
}

// Reason says why an update was refused.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	NoNode       Reason = "no node"       // it does not say whose it is
	WrongRound   Reason = "wrong round"   // it is for another round: late, or early
	WrongVersion Reason = "wrong version" // it began with a model that is not there yet, or too old
	Late         Reason = "late"          // it came after the deadline
	Duplicate    Reason = "duplicate"     // its node has submitted already
	WrongShape   Reason = "wrong shape"   // it has another number of parameters
	NotFinite    Reason = "not finite"    // a parameter is NaN, infinite or beyond 1e100
	BadWeight    Reason = "bad weight"    // samples below 1, or an accuracy outside of 0 to 1
)

// Refusal is the error of an update that was refused; its kind is Invalid. What it
// was submitted to is as before.
type Refusal struct {
	Node   string
	Reason Reason
	Text   string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("the model of node %q is refused (%s): %s", r.Node, r.Reason, r.Text)
}

func refuse(u Update, why Reason, format string, args ...any) error {
	return fault.Wrap(fault.Invalid, &Refusal{Node: u.Node, Reason: why, Text: fmt.Sprintf(format, args...)})
}

// largest is the largest parameter that is taken for one.
const largest = 1e100

// check looks at what can be wrong with an update by itself.
func (u Update) check(width int) error {
	if len(u.Params) != width {
		return refuse(u, WrongShape, "%d parameters, expected %d", len(u.Params), width)
	}
	for i, p := range u.Params {
		if !(math.Abs(p) <= largest) {
			return refuse(u, NotFinite, "parameter %d is %v", i, p)
		}
	}
	if u.Samples < 1 {
		return refuse(u, BadWeight, "trained on %d rows", u.Samples)
	}
	if !(u.Accuracy >= 0 && u.Accuracy <= 1) {
		return refuse(u, BadWeight, "an accuracy of %v", u.Accuracy)
	}
	return nil
}

// Staleness weights models by how many versions they are behind: s(τ) of Xie et
// al., "Asynchronous Federated Optimization" (2019), section 5.2. The zero value
// is constant.
type Staleness struct {
	Kind string  `json:"kind,omitempty"` // constant, polynomial or hinge; "" is constant
	A    float64 `json:"a,omitempty"`
	B    float64 `json:"b,omitempty"`
}

// Weight is s(τ): 1; or (τ+1)^-A; or 1 up to B and then 1/(A·(τ-B)+1). What is
// ahead of the version counts as fresh.
func (s Staleness) Weight(tau int64) float64 {
	t := float64(max(tau, 0))
	switch s.Kind {
	case "polynomial":
		return math.Pow(t+1, -s.A)
	case "hinge":
		if t <= s.B {
			return 1
		}
		return 1 / (s.A*(t-s.B) + 1)
	}
	return 1
}

func (s Staleness) check() error {
	switch s.Kind {
	case "", "constant", "polynomial", "hinge":
	default:
		return fault.New(fault.Invalid, "staleness %q is none of constant, polynomial, hinge", s.Kind)
	}
	if !(s.A >= 0 && s.A <= 1e6) || !(s.B >= 0 && s.B <= 1e6) {
		return fault.New(fault.Invalid, "staleness %s with a = %v and b = %v, expected 0 to a million", s.Kind, s.A, s.B)
	}
	return nil
}

// Async is FedAsync: x ← (1-α)·x + α·x_new with α = Rate·s(τ) (Xie et al. 2019,
// algorithm 1).
type Async struct {
	Rate  float64 // 0 to 1
	Stale Staleness
}

// Apply mixes an update into the global model of a version, which the caller then
// counts up. Its result depends on the order of updates, by its nature.
func (a Async) Apply(global []float64, version int64, u Update) error {
	if err := a.Stale.check(); err != nil {
		return err
	}
	if !(a.Rate >= 0 && a.Rate <= 1) {
		return fault.New(fault.Invalid, "a rate of %v, expected 0 to 1", a.Rate)
	}
	if u.Version > version {
		return refuse(u, WrongVersion, "it began with version %d, the newest is %d", u.Version, version)
	}
	if err := u.check(len(global)); err != nil {
		return err
	}
	alpha := a.Rate * a.Stale.Weight(version-u.Version)
	for i, p := range u.Params {
		global[i] = (1-alpha)*global[i] + alpha*p
	}
	return nil
}

// Step adds a difference, times the server's learning rate, to the global model.
func Step(global, difference []float64, rate float64) error {
	if len(global) != len(difference) {
		return fault.New(fault.Invalid, "a difference of %d parameters for a model of %d", len(difference), len(global))
	}
	for i, d := range difference {
		global[i] += rate * d
	}
	return nil
}
