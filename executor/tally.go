package executor

import (
	"time"

	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/locator"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
)

// tally counts while a task runs, and gives the total at the end.
type tally struct {
	work.Tally
}

func newTally() *tally {
	return &tally{work.Tally{Ops: map[work.OpLabel]work.OpCount{}, Routes: map[int]locator.Seen{},
		Bypassed: map[physical.Bypass]int64{}, Dead: map[work.Death]int64{}}}
}

func (t *tally) in(op int, c *chunk) {
	c.each(func(l int, n int64) {
		k := work.OpLabel{Op: op, Label: l}
		v := t.Ops[k]
		v.In += n
		t.Ops[k] = v
	})
}

func (t *tally) out(op int, c *chunk) {
	c.each(func(l int, n int64) {
		k := work.OpLabel{Op: op, Label: l}
		v := t.Ops[k]
		v.Out += n
		t.Ops[k] = v
	})
}

func (t *tally) nulled(op, label int, n int64) {
	if n == 0 {
		return
	}
	k := work.OpLabel{Op: op, Label: label}
	v := t.Ops[k]
	v.Nulled += n
	t.Ops[k] = v
}

// skipped counts the rows that pass by operations.
func (t *tally) skipped(list []physical.Bypass, c *chunk) {
	for _, s := range list {
		n := int64(c.rows)
		if c.counts != nil {
			n = c.counts[s.Label]
		}
		if n > 0 {
			t.Bypassed[physical.Bypass(s)] += n
		}
	}
}

// route counts rows that took the route of their labels from its beginning on, and
// what that took.
func (t *tally) route(c *chunk, took time.Duration) {
	c.each(func(l int, n int64) { t.arrive(l, int(n), took*time.Duration(n)/time.Duration(c.rows), 0) })
}

// arrive counts rows of a label that took its route from a place in its chain on.
func (t *tally) arrive(label, rows int, took time.Duration, place int) {
	r := t.Routes[label]
	r.Add(locator.Seen{Rows: int64(rows), Time: took, At: 1 << min(place, 63)})
	t.Routes[label] = r
}

// bypassed counts the rows that pass by one operation.
func (t *tally) bypassed(op int, why bypass.Reason, c *chunk) {
	c.each(func(l int, n int64) {
		t.Bypassed[physical.Bypass{Op: op, Label: l, Reason: why}] += n
	})
}

func (t *tally) checksum(c kernel.Checksum) {
	t.Add(work.Tally{Checksum: [2]uint64{c.Hi, c.Lo}})
}

func (t *tally) total() work.Tally { return t.Tally }
