package locator

import (
	"math"
	"time"
)

// Seen is what the rows of one label came to on their route through the
// stage that reads them. Labels that share frames share the time by their rows.
type Seen struct {
	Rows int64         `json:"rows"`
	Time time.Duration `json:"time"`
	At   uint64        `json:"at"` // a bit for each place in the route's chain at which rows entered; 1 is the beginning, places beyond 63 are 63
}

// Add adds what other rows came to.
func (s *Seen) Add(o Seen) {
	s.Rows, s.Time, s.At = s.Rows+o.Rows, s.Time+o.Time, s.At|o.At
}

// Loss sums up predictions for a route over tasks.
type Loss struct {
	Tasks  int64   // with rows of the route, or of which some were expected
	Missed int64   // tasks whose rows entered elsewhere than expected: the sum of the 0/1 loss
	Square float64 // sum of the squared errors of the cost, in square seconds
	Cost   float64 // sum of what it really cost, in seconds
}

func (l *Loss) add(right bool, expected, cost float64) {
	l.Tasks++
	if !right {
		l.Missed++
	}
	e := (expected - cost) / 1e9
	l.Square += e * e
	l.Cost += cost / 1e9
}

// Stage is the empirical risk of the next stage: the mean of the 0/1 loss.
func (l Loss) Stage() float64 {
	if l.Tasks == 0 {
		return 0
	}
	return float64(l.Missed) / float64(l.Tasks)
}

// Risk is the empirical risk of the cost: the mean of the squared loss, in square
// seconds.
func (l Loss) Risk() float64 {
	if l.Tasks == 0 {
		return 0
	}
	return l.Square / float64(l.Tasks)
}

// Error is the root of Risk as a share of the mean cost, 0 where nothing was
// spent.
func (l Loss) Error() float64 {
	if l.Cost <= 0 {
		return 0
	}
	return math.Sqrt(l.Risk()) * float64(l.Tasks) / l.Cost
}
