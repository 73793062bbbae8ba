package executor

import (
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner"
)

// tally counts while a task runs, and gives the total at the end.
type tally struct {
	planner.Tally
}

func newTally() *tally {
	return &tally{planner.Tally{Ops: map[planner.OpLabel]planner.OpCount{},
		Bypassed: map[planner.Skip]int64{}, Dead: map[planner.Death]int64{}}}
}

func (t *tally) in(op int, c *chunk) {
	c.each(func(l int, n int64) {
		k := planner.OpLabel{Op: op, Label: l}
		v := t.Ops[k]
		v.In += n
		t.Ops[k] = v
	})
}

func (t *tally) out(op int, c *chunk) {
	c.each(func(l int, n int64) {
		k := planner.OpLabel{Op: op, Label: l}
		v := t.Ops[k]
		v.Out += n
		t.Ops[k] = v
	})
}

func (t *tally) nulled(op, label int, n int64) {
	if n == 0 {
		return
	}
	k := planner.OpLabel{Op: op, Label: label}
	v := t.Ops[k]
	v.Nulled += n
	t.Ops[k] = v
}

// skipped counts the rows that pass by operations.
func (t *tally) skipped(list []planner.Bypass, c *chunk) {
	for _, s := range list {
		n := int64(c.rows)
		if c.counts != nil {
			n = c.counts[s.Label]
		}
		if n > 0 {
			t.Bypassed[planner.Skip(s)] += n
		}
	}
}

func (t *tally) checksum(c kernel.Checksum) {
	t.Add(planner.Tally{Checksum: [2]uint64{c.Hi, c.Lo}})
}

func (t *tally) total() planner.Tally { return t.Tally }
