package executor

import (
	"time"

	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/locator"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
)

// tally counts while a task runs, and gives the total at the end. What every chunk
// moves is counted beside the maps until settle is called: whoever reads them calls it
// before.
type tally struct {
	work.Tally
	labels int
	moved  []moved // by operation and label
	passed map[*physical.Bypass]*passersBy
	fused  []*through
}

// through is the rows that went through several operations that were carried out together:
// counted once, and for each of the operations when the tally is settled.
type through struct {
	nodes []*physical.Node
	of    []int64 // by label
	mixed []int64 // by label, those of chunks of several labels
	lone  int64   // those of chunks of one label
}

// together begins to count the rows that go through operations at once.
func (t *tally) together(nodes []*physical.Node) *through {
	g := &through{nodes: nodes, of: make([]int64, t.labels), mixed: make([]int64, t.labels)}
	t.fused = append(t.fused, g)
	return g
}

func (g *through) count(c *chunk) {
	if c.counts == nil {
		g.lone += int64(c.rows)
		g.of[c.labels.First()] += int64(c.rows)
		return
	}
	for l, n := range c.counts {
		g.mixed[l] += n
		g.of[l] += n
	}
}

// spread counts the rows for each operation: they came to all, left all but the last,
// which counts what it emits itself, and passed by what these pass by.
func (t *tally) spread(g *through) {
	for i, n := range g.nodes {
		for l, rows := range g.of {
			t.moved[n.Op*t.labels+l].in += rows
		}
		if i == len(g.nodes)-1 {
			break
		}
		for l, rows := range g.of {
			t.moved[n.Op*t.labels+l].out += rows
		}
		for _, by := range n.Skipped {
			if rows := g.lone + g.mixed[by.Label]; rows > 0 {
				t.Bypassed[by] += rows
			}
		}
	}
	clear(g.of)
	clear(g.mixed)
	g.lone = 0
}

// moved is the rows that came to an operation, and that left it.
type moved struct{ in, out int64 }

// passersBy are the rows that passed by each operation of a node's list.
type passersBy struct {
	list []physical.Bypass
	rows []int64
}

func newTally(ops, labels int) *tally {
	return &tally{Tally: work.Tally{Ops: map[work.OpLabel]work.OpCount{}, Routes: map[int]locator.Seen{},
		Bypassed: map[physical.Bypass]int64{}, Dead: map[work.Death]int64{}},
		labels: labels, moved: make([]moved, ops*labels), passed: map[*physical.Bypass]*passersBy{}}
}

func (t *tally) in(op int, c *chunk) {
	c.each(func(l int, n int64) { t.moved[op*t.labels+l].in += n })
}

func (t *tally) out(op int, c *chunk) {
	c.each(func(l int, n int64) { t.moved[op*t.labels+l].out += n })
}

// settle adds what was counted beside the maps to them.
func (t *tally) settle() {
	for _, g := range t.fused {
		t.spread(g)
	}
	for i, m := range t.moved {
		if m != (moved{}) {
			k := work.OpLabel{Op: i / t.labels, Label: i % t.labels}
			v := t.Ops[k]
			v.In, v.Out = v.In+m.in, v.Out+m.out
			t.Ops[k] = v
		}
	}
	clear(t.moved)
	for _, p := range t.passed {
		for i, n := range p.rows {
			if n > 0 {
				t.Bypassed[p.list[i]] += n
			}
		}
		clear(p.rows)
	}
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
	if len(list) == 0 {
		return
	}
	p := t.passed[&list[0]]
	if p == nil {
		p = &passersBy{list, make([]int64, len(list))}
		t.passed[&list[0]] = p
	}
	for i := range list {
		n := int64(c.rows)
		if c.counts != nil {
			n = c.counts[list[i].Label]
		}
		p.rows[i] += n
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

func (t *tally) total() work.Tally {
	t.settle()
	return t.Tally
}
