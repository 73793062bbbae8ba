package planner

import (
	"fmt"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// Compile checks a job and makes its plan. Mistakes of the author come back
// joined, each an *rdd.Error at its place, of the kind fault.Invalid.
//
// The schemas of all sources must be known: rdd.Read.Schema.
func Compile(job *rdd.Job, mode Mode) (*Plan, error) {
	switch mode {
	case IDAG, Masked, Selection, Staged:
	default:
		return nil, fault.New(fault.Invalid, "unknown plan %q: there are %s, %s, %s and %s", mode, IDAG, Masked, Selection, Staged)
	}
	settled := *job
	settled.Settings = job.Settings.WithDefaults()
	a, err := analyse(&settled)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err)
	}
	a.panes()
	a.found = map[[3]int]bool{}
	a.live(false)
	for _, n := range a.nodes {
		n.own = n.need
	}
	if mode.Linear() {
		a.live(true)
	}
	b := &builder{analysis: a, mode: mode, plan: &Plan{Job: &settled, Mode: mode}}
	b.describe()
	if err := b.build(); err != nil {
		return nil, err
	}
	b.results()
	if !mode.Linear() {
		b.bounds()
	}
	b.plan.Digest = digest("plan", string(mode), b.plan.JobDigest())
	return b.plan, nil
}

// builder makes a plan of an analysis.
type builder struct {
	*analysis
	mode Mode
	plan *Plan
	seen map[physical.Bypass]bool
	// made are the stages behind operations of which a plan may make several: by the
	// operation that leads to the stage, the one at its root, and the result's label.
	made map[[3]int]int
	// places are where rows are behind an operation; ends counts the outlets of a stage.
	places map[place]flow
	ends   map[int]int
	err    error
}

// describe fills in the plan's operations, sources and sinks.
func (b *builder) describe() {
	for _, n := range b.nodes {
		n.Text = b.text(n.op)
		if _, cache := n.op.(rdd.Cache); cache {
			if why := b.uncachable(n); why != "" {
				n.Text += " (without effect: " + why + ")"
			}
		}
		n.Digest = b.opDigest(n)
		b.plan.Ops = append(b.plan.Ops, n.Op)
		switch n.op.(type) {
		case rdd.Read:
			b.plan.Reads = append(b.plan.Reads, n.ID)
		case rdd.Write:
			if !n.Unscheduled {
				b.plan.Writes = append(b.plan.Writes, n.ID)
			}
		default:
		}
	}
}

// build makes one reading stage a source; the stages behind shuffles are made
// where a flow first reaches them.
func (b *builder) build() error {
	b.seen, b.made = map[physical.Bypass]bool{}, map[[3]int]int{}
	b.places, b.ends = map[place]flow{}, map[int]int{}
	scans := make([]int, len(b.plan.Reads))
	for source, id := range b.plan.Reads {
		read := b.nodes[id]
		if len(read.consumers) != 1 {
			return fault.Wrap(fault.Invalid, &rdd.Error{At: read.Dataset.At(""),
				Text: fmt.Sprintf("read: its rows are tagged once, here %d operations follow it", len(read.consumers))})
		}
		scans[source] = -1
		if !read.Unscheduled {
			scans[source] = b.scan(source, read, b.nodes[read.consumers[0]])
		}
	}
	for source, id := range b.plan.Reads {
		if stage := scans[source]; stage >= 0 {
			b.entries(b.nodes[id], b.nodes[b.nodes[id].consumers[0]], stage)
		}
	}
	b.skipRest()
	return b.err
}

// newStage appends a stage and returns its ordinal.
func (b *builder) newStage(s Stage) int {
	s.ID = len(b.plan.Stages)
	b.plan.Stages = append(b.plan.Stages, s)
	return s.ID
}

func (b *builder) bug(err error) {
	if b.err == nil && err != nil {
		b.err = fault.New(fault.Bug, "planner: %w", err)
	}
}
