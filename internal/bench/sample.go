package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// ErrUnequal says that two contenders did not come to the same result: then
// one of them did not do the work, and its time means nothing.
var ErrUnequal = errors.New("the plans disagree")

// Outcome is what one run of a contender took and gave.
type Outcome struct {
	Wall time.Duration
	Rows int64 // read
	// RowsOut and Checksum are of the result. A run without one has the
	// checksum "" and is not compared.
	RowsOut  int64
	Checksum string
}

// Contender is one of several ways to do the same work.
type Contender struct {
	Name string
	Run  func(ctx context.Context) (Outcome, error)
}

// OnCores returns c confined to n processors: GOMAXPROCS is n while it runs.
func OnCores(n int, c Contender) Contender {
	run := c.Run
	c.Run = func(ctx context.Context) (Outcome, error) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
		return run(ctx)
	}
	return c
}

// Rounds lets all contenders run in turn, n times after one round that warms
// up, and tells each of the n rounds: outcome i is of contender i. Nobody goes
// first in two rounds running, and everybody starts on a heap that was just
// collected. Contenders whose results differ, in one round or between two, end
// it with ErrUnequal.
func Rounds(ctx context.Context, n int, list []Contender, tell func(round []Outcome)) error {
	var first *Outcome
	var by string
	for round := range n + 1 {
		got := make([]Outcome, len(list))
		for i := range list {
			at := (i + round) % len(list)
			runtime.GC()
			o, err := list[at].Run(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", list[at].Name, err)
			}
			if got[at] = o; o.Checksum == "" {
				continue
			}
			if first == nil {
				first, by = &got[at], list[at].Name
			}
			if o.Checksum != first.Checksum || o.Rows != first.Rows || o.RowsOut != first.RowsOut {
				return fmt.Errorf("%w: %s made %d rows of %d, checksum %s, but %s %d of %d, checksum %s", ErrUnequal,
					by, first.RowsOut, first.Rows, first.Checksum, list[at].Name, o.RowsOut, o.Rows, o.Checksum)
			}
		}
		if round > 0 {
			tell(got)
		}
	}
	return nil
}

// Samples are the values of each figure, one a round. The zero Samples is not
// ready: make it.
type Samples map[string]*sample

type sample struct {
	unit   string
	values []float64
}

// Add notes one value of a figure. The unit is that of its first value.
func (s Samples) Add(name, unit string, v float64) {
	if s[name] == nil {
		s[name] = &sample{unit: unit}
	}
	s[name].values = append(s[name].values, v)
}

// Figure is a sample summed up.
type Figure struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	N      int     `json:"n"`
	Unit   string  `json:"unit"`
}

// Figure sums up the values of a figure, and says whether there are any. The
// median of an even number of values is the mean of the two in the middle.
func (s Samples) Figure(name string) (Figure, bool) {
	x := s[name]
	if x == nil {
		return Figure{}, false
	}
	v := slices.Sorted(slices.Values(x.values))
	mid := v[len(v)/2]
	if len(v)%2 == 0 {
		mid = (mid + v[len(v)/2-1]) / 2
	}
	return Figure{Median: mid, Min: v[0], Max: v[len(v)-1], N: len(v), Unit: x.unit}, true
}
