package executor

import (
	"testing"

	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// Rows that go through several operations at once are counted for each of them as if
// they had gone through one after the other, whenever the tally is settled.
func TestCountedTogether(t *testing.T) {
	skip := func(op, label int) physical.Bypass {
		return physical.Bypass{Op: op, Label: label, Reason: bypass.Label}
	}
	nodes := []*physical.Node{{Op: 1, Skipped: []physical.Bypass{skip(4, 0), skip(4, 1)}}, {Op: 2}, {Op: 3, Skipped: []physical.Bypass{skip(5, 0)}}}
	chunks := []*chunk{
		{rows: 5, labels: 3, counts: []int64{2, 3}}, {rows: 7, labels: 3, counts: []int64{7, 0}}, {rows: 1, labels: 3, counts: []int64{0, 1}},
	}
	single := []physical.Bypass{skip(4, 1)}
	for _, c := range []struct {
		nodes  []*physical.Node
		chunks []*chunk
	}{{nodes, chunks}, {[]*physical.Node{{Op: 1, Skipped: single}, {Op: 2, Skipped: single}}, []*chunk{{rows: 4, labels: rdd.LabelSet(2)}, {rows: 9, labels: rdd.LabelSet(2)}}}} {
		got, want := newTally(6, 2), newTally(6, 2)
		g := got.together(c.nodes)
		for i, ch := range c.chunks {
			g.count(ch)
			if i == 1 {
				got.settle()
			}
			for k, n := range c.nodes {
				want.in(n.Op, ch)
				if k < len(c.nodes)-1 {
					want.out(n.Op, ch)
					want.skipped(n.Skipped, ch)
				}
			}
		}
		a, b := got.total(), want.total()
		equal(t, "operations", a.Ops, b.Ops)
		equal(t, "bypassed", a.Bypassed, b.Bypassed)
		if a.Ops[work.OpLabel{Op: 1, Label: 1}].In == 0 || len(a.Bypassed) == 0 {
			t.Errorf("nothing is counted: %v", a)
		}
	}
}

func equal[K comparable, V comparable](t *testing.T, what string, got, want map[K]V) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %v is %v, want %v", what, k, got[k], v)
		}
	}
}
