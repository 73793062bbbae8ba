package locator

import (
	"math"
	"math/bits"
	"slices"

	"github.com/idag/idag/rdd"
)

// Guesses of what has not been seen, in nanoseconds: reading a row or a byte, and
// one operation on one row.
const (
	guessedRow  = 10
	guessedByte = 0.5
	guessedOp   = 5
)

// most is the largest cost of a split in nanoseconds, about 18 minutes: of absurd
// claims the sums stay within what an int64 holds.
const most = 1 << 40

// Route is what the rows of one label meet.
type Route struct {
	Name string
	Ops  int // operations that act on them
	// Chain is the digest of each operation up to which a done-list may go, the
	// tag's first; see rdd.Header.Done.
	Chain []string
}

// Locator learns from tasks what the next ones will be. Its zero value is of no
// use: see [New].
type Locator struct {
	routes []route
	bytes  line // nanoseconds a byte read
	rows   line // nanoseconds a row read
}

type route struct {
	Route
	cost  line
	share float64 // of the rows seen, the recent ones counting most
	loss  Loss
}

// New returns a locator for routes by label. A route without a name is of a label
// that no row has.
func New(routes []Route) *Locator {
	l := &Locator{bytes: line{guess: guessedByte}, rows: line{guess: guessedRow}}
	named := 0
	for _, r := range routes {
		if r.Name != "" {
			named++
		}
	}
	for _, r := range routes {
		share := 0.0
		if r.Name != "" {
			share = 1 / float64(named)
		}
		l.routes = append(l.routes, route{Route: r, share: share, cost: line{guess: guessedOp * float64(r.Ops+1)}})
	}
	return l
}

// Prediction is what is expected of a split, or of several. The zero value is of
// none.
type Prediction struct {
	Labels []Entry // by label
	Rows   float64
	Bytes  float64
	Read   float64 // nanoseconds
}

// Entry is what is expected of the rows of one label.
type Entry struct {
	Rows float64
	Cost float64 // nanoseconds
	// At has a bit for each place in the route's chain at which rows enter: 0 for the
	// beginning. Places beyond 63 are 63. No bit: there are no rows.
	At uint64
}

// Cost is the whole cost in nanoseconds.
func (p *Prediction) Cost() float64 {
	sum := p.Read
	for _, e := range p.Labels {
		sum += e.Cost
	}
	return sum
}

// Add adds what is expected of more splits.
func (p *Prediction) Add(o Prediction) {
	p.Rows, p.Bytes, p.Read = p.Rows+o.Rows, p.Bytes+o.Bytes, p.Read+o.Read
	if p.Labels == nil {
		p.Labels = make([]Entry, len(o.Labels))
	}
	for i, e := range o.Labels {
		mine := &p.Labels[i]
		mine.Rows, mine.Cost, mine.At = mine.Rows+e.Rows, mine.Cost+e.Cost, mine.At|e.At
	}
}

// Predict says what reading a split will come to.
func (l *Locator) Predict(s *rdd.Split) Prediction {
	p := Prediction{Labels: make([]Entry, len(l.routes)), Rows: float64(max(0, s.Rows)), Bytes: float64(max(0, s.Bytes))}
	rows := p.Rows
	switch {
	case s.Bytes > 0:
		p.Read = p.Bytes * l.bytes.slope()
		if s.Rows < 0 {
			rows = p.Read / guessedRow
		}
	case s.Rows > 0:
		p.Read = p.Rows * l.rows.slope()
	}
	shares := l.shares(s.Labels)
	for i := range l.routes {
		e := &p.Labels[i]
		if e.Rows = rows * shares[i]; e.Rows <= 0 {
			continue
		}
		place := l.routes[i].place(s.Done)
		e.At = bit(place)
		e.Cost = e.Rows * l.routes[i].cost.slope()
		if n := len(l.routes[i].Chain); place > 0 && n > 0 {
			e.Cost *= float64(n-place) / float64(n)
		}
	}
	p.clamp()
	return p
}

// Weight is the cost of a split as a whole number, one at the least: what tasks
// are made equal by.
func (l *Locator) Weight(s *rdd.Split) int64 {
	p := l.Predict(s)
	return int64(p.Cost()) + 1
}

// clamp keeps costs finite.
func (p *Prediction) clamp() {
	share := most / float64(len(p.Labels)+1)
	p.Read = min(p.Read, share)
	for i := range p.Labels {
		p.Labels[i].Cost = min(p.Labels[i].Cost, share)
	}
}

// shares is which part of the rows each label has: as a header claims, or as it was
// so far.
func (l *Locator) shares(claimed map[string]int64) []float64 {
	out := make([]float64, len(l.routes))
	sum := 0.0
	for i := range l.routes {
		if n := claimed[l.routes[i].Name]; n > 0 && l.routes[i].Name != "" {
			out[i] = float64(n)
			sum += out[i]
		}
	}
	if sum == 0 {
		for i := range l.routes {
			out[i] = l.routes[i].share
			sum += out[i]
		}
	}
	if sum > 0 {
		for i := range out {
			out[i] /= sum
		}
	}
	return out
}

// place is where rows with a done-list that ends so enter.
func (r *route) place(done string) int {
	if done == "" {
		return 0
	}
	return slices.Index(r.Chain, done) + 1
}

func bit(place int) uint64 { return 1 << uint(min(place, 63)) }

// Observe learns from what a task was expected to be and what it came to: the rows
// and the time of each label's route, and the time of all the rest.
func (l *Locator) Observe(p Prediction, seen map[int]Seen, rest float64) {
	if len(p.Labels) != len(l.routes) {
		return
	}
	total := 0.0
	for _, c := range seen {
		total += float64(c.Rows)
	}
	for i := range l.routes {
		r, c := &l.routes[i], seen[i]
		if r.Name == "" {
			continue
		}
		e := p.Labels[i]
		if c.Rows > 0 || e.At != 0 {
			r.loss.add(e.At == c.At, e.Cost, float64(c.Time))
		}
		if total > 0 {
			r.share += (float64(c.Rows)/total - r.share) / 4
		}
		if c.At&^1 == 0 { // entered at the beginning: what the whole route costs
			r.cost.see(float64(c.Rows), float64(c.Time))
		}
	}
	switch {
	case p.Bytes > 0:
		l.bytes.see(p.Bytes, rest)
	case p.Rows > 0:
		l.rows.see(p.Rows, rest)
	}
}

// Report is how good the predictions for one route have been.
type Report struct {
	Route string
	Loss
}

// Reports returns how good the predictions have been, for every route of which
// something was expected or seen.
func (l *Locator) Reports() []Report {
	var out []Report
	for i := range l.routes {
		if r := &l.routes[i]; r.loss.Tasks > 0 {
			out = append(out, Report{Route: r.Name, Loss: r.loss})
		}
	}
	return out
}

// line is a straight line through the origin, fitted by least squares. What it has
// seen fades: each observation halves its weight in about seven more.
type line struct {
	guess  float64
	xy, xx float64
}

const fading = 0.9

func (f *line) slope() float64 {
	if f.xx <= 0 {
		return f.guess
	}
	return f.xy / f.xx
}

func (f *line) see(x, y float64) {
	if x <= 0 || y < 0 || math.IsNaN(y) || math.IsInf(x*y, 0) {
		return
	}
	f.xy, f.xx = fading*f.xy+x*y, fading*f.xx+x*x
}

// First is the first place of a set of places in a route's chain, or -1.
func First(at uint64) int {
	if at == 0 {
		return -1
	}
	return bits.TrailingZeros64(at)
}
