package driver

import (
	"fmt"
	"slices"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// gone says which blocks a task has not found.
type gone struct {
	error
	blocks []rdd.Block
}

func (g gone) MissingBlocks() []rdd.Block { return g.blocks }
func (g gone) Unwrap() error              { return g.error }

// of spreads what numbers are over all numbers.
func of(ids ...int) uint64 {
	h := uint64(len(ids))
	for _, id := range ids {
		h = mix(h ^ uint64(id))
	}
	return h
}

// rowsOfSplit is what a reading stage sends of a split to a group of an outlet, or
// with outlet -1 to a sink.
func rowsOfSplit(s *rdd.Split, stage, outlet, group int) uint64 {
	h := of(s.Source, int(s.Partition), int(s.First), int(s.Rows), stage, outlet, group)
	if outlet >= 0 && h%3 == 0 {
		return 0
	}
	return h
}

// comesTo is what a part of a stage makes of its input, and of its state if it has
// one: the number of which all that it gives is a multiple.
func comesTo(stage *planner.Stage, batch rdd.BatchID, in uint64, was uint64) (out, state uint64) {
	if !stage.Stateful {
		return in, 0
	}
	power := uint64(1)
	for range batch {
		power *= 31
	}
	if state = was + in*power; in == 0 {
		return 0, state
	}
	return of(int(state), int(in)), state
}

// outlets yields the outlets of a stage that others take.
func outlets(stages []planner.Stage, stage int) []int {
	var out []int
	for i := range stages {
		for _, e := range stages[i].Inputs {
			if e.Stage == stage && !slices.Contains(out, e.Outlet) {
				out = append(out, e.Outlet)
			}
		}
	}
	return out
}

// perform runs a task on a node with what there is to be found.
func (y *yard) perform(n *yardNode, t work.Task) event {
	ref, stage := refOf(t), &y.plan.Stages[t.Stage]
	groups := y.core.set.KeyGroups
	sends := map[rdd.Block]uint64{}
	total := uint64(0)
	r := work.Receipt{Batch: t.Batch, Stage: t.Stage, Index: t.Index, Attempt: t.Attempt, Node: n.Name}
	for i := range t.Splits {
		s := &t.Splits[i]
		r.Tally.RowsIn += s.Rows
		r.Times = append(r.Times, work.PartTime{Source: s.Source, Partition: s.Partition, Max: s.Times.Max})
		total += rowsOfSplit(s, t.Stage, -1, 0)
		for _, o := range outlets(y.plan.Stages, t.Stage) {
			for g := range groups {
				sends[rdd.Block{Batch: t.Batch, Stage: t.Stage, Outlet: o, Task: t.Index, Partition: g, Node: n.Name}] += rowsOfSplit(s, t.Stage, o, g)
			}
		}
	}
	if stage.Source < 0 {
		in, missing := y.fetch(t.Blocks)
		if len(missing) > 0 {
			y.did("lost blocks")
			err := fault.New(fault.Lost, "%d blocks are gone", len(missing))
			if y.rnd.IntN(4) > 0 {
				err = gone{err, missing}
			}
			return taskFailed{ref: ref, err: err}
		}
		was, err := n.turn(stage, &t)
		if err != nil {
			y.check(false, "%v on %s: %v", ref, n.Name, err)
		}
		out, state := comesTo(stage, t.Batch, in, was)
		n.keep(stage, &t, was, state)
		total = out
		for _, o := range outlets(y.plan.Stages, t.Stage) {
			for g := range groups {
				sends[rdd.Block{Batch: t.Batch, Stage: t.Stage, Outlet: o, Task: t.Index, Partition: g, Node: n.Name}] = out * (of(t.Stage, o, g) | 1)
			}
		}
	}
	for b, rows := range sends {
		if rows != 0 {
			n.blocks[placeless(b)] = rows
			r.Blocks = append(r.Blocks, b)
		}
	}
	slices.SortFunc(r.Blocks, func(a, b rdd.Block) int {
		return slices.Compare([]int{a.Outlet, a.Partition}, []int{b.Outlet, b.Partition})
	})
	for _, sink := range stage.Sinks {
		if !t.Quiet {
			r.Staged = append(r.Staged, rdd.Staged{Sink: sink, Rows: 1, Part: fmt.Append(nil, total)})
		}
	}
	return taskDone{ref: ref, receipt: &r}
}

// fetch adds up blocks, each by what made it, and says which are not there.
func (y *yard) fetch(blocks []rdd.Block) (in uint64, missing []rdd.Block) {
	for _, b := range blocks {
		at := slices.IndexFunc(y.nodes, func(n *yardNode) bool {
			_, ok := n.blocks[placeless(b)]
			return n.Name == b.Node && !n.dead && ok
		})
		if at < 0 {
			missing = append(missing, b)
			continue
		}
		in += y.nodes[at].blocks[placeless(b)] * (of(b.Stage, b.Outlet) | 1)
	}
	return in, missing
}

// turn returns the state from which a task goes on: a part goes through the batches
// in order, and only the last one may come again.
func (n *yardNode) turn(stage *planner.Stage, t *work.Task) (uint64, error) {
	if !stage.Stateful {
		return 0, nil
	}
	switch s := n.states[[2]int{t.Stage, t.Index}]; {
	case s.batch == t.Batch:
		return s.was, nil
	case s.batch > t.Batch:
		return 0, fmt.Errorf("part %d.%d is at batch %d", t.Stage, t.Index, s.batch)
	default:
		return s.now, nil
	}
}

func (n *yardNode) keep(stage *planner.Stage, t *work.Task, was, now uint64) {
	if !stage.Stateful {
		return
	}
	part := [2]int{t.Stage, t.Index}
	n.states[part] = partState{batch: t.Batch, now: now, was: was}
	if t.Freeze {
		n.frozen[part] = n.states[part]
	}
}

// truth is what the sinks must hold of the batches that were planned, reckoned
// straight through.
func truth(plan *planner.Plan, groups, parts int, planned []Planned) map[[2]int]uint64 {
	out := map[[2]int]uint64{}
	states := map[[2]int]uint64{}
	for _, p := range planned {
		sent := map[[3]int]uint64{} // by stage, outlet and group
		for s := range plan.Stages {
			stage := &plan.Stages[s]
			count := parts
			if stage.Narrow || stage.Source >= 0 {
				count = 1
			}
			for part := range count {
				total, in := uint64(0), uint64(0)
				for i := range p.Splits {
					if split := &p.Splits[i]; split.Source == stage.Source {
						total += rowsOfSplit(split, s, -1, 0)
						for _, o := range outlets(plan.Stages, s) {
							for g := range groups {
								sent[[3]int{s, o, g}] += rowsOfSplit(split, s, o, g)
							}
						}
					}
				}
				if stage.Source < 0 {
					for _, e := range stage.Inputs {
						for g := range groups {
							if stage.Narrow || g%parts == part {
								in += sent[[3]int{e.Stage, e.Outlet, g}] * (of(e.Stage, e.Outlet) | 1)
							}
						}
					}
					key := [2]int{s, part}
					total, states[key] = comesTo(stage, p.Batch, in, states[key])
					for _, o := range outlets(plan.Stages, s) {
						for g := range groups {
							sent[[3]int{s, o, g}] += total * (of(s, o, g) | 1)
						}
					}
				}
				for _, sink := range stage.Sinks {
					out[[2]int{int(p.Batch), sink}] += total
				}
			}
		}
	}
	return out
}

// Whatever nodes join, crash, seem to crash, come back or are drained in the middle
// of batches, and whatever answers come late: every batch is committed once and in
// order, no sink is given a batch again that it has said it has, and the rows of
// every batch are those that a reckoning straight through gives.
func TestFleetComesAndGoes(t *testing.T) {
	met := map[string]int{}
	wanted := []string{"crash", "flap", "drain", "comeback", "join", "setback", "late answer", "lost blocks", "stands still", "copy", "move", "share a slot", "follow",
		"stop", "parts lost", "damaged checkpoint"}
	missing := func() bool { return slices.ContainsFunc(wanted, func(what string) bool { return met[what] == 0 }) }
	for round := 0; round == 0 || missing() && round < 30 && !t.Failed(); round++ {
		rapid.Check(t, func(t *rapid.T) { playYard(t, met) })
	}
	t.Log(met)
	for _, what := range wanted {
		if met[what] == 0 {
			t.Errorf("no %s in all of it", what)
		}
	}
}

// playYard plays a yard, compares its rows with the truth, and counts what was met.
func playYard(t *rapid.T, met map[string]int) {
	y := drawYard(t)
	if err := y.play(); err != nil {
		t.Fatal(err)
	}
	var planned []Planned
	parts := 0
	for _, e := range y.entries {
		switch e := e.(type) {
		case Started:
			parts = e.Parts
		case Planned:
			planned = append(planned, e)
		default:
		}
	}
	if int(y.committed) != len(planned) {
		t.Fatalf("committed %d of %d batches", y.committed, len(planned))
	}
	for key, want := range truth(y.plan, y.core.set.KeyGroups, parts, planned) {
		if got := y.sinks[key]; got != want {
			t.Fatalf("batch %d sink %d holds %x, not %x", key[0], key[1], got, want)
		}
	}
	for what, n := range y.met {
		met[what] += n
	}
}
