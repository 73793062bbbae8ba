package driver

import (
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/locator"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// locators makes a locator for each source of a plan.
func locators(p *planner.Plan) []*locator.Locator {
	out := make([]*locator.Locator, len(p.Reads))
	for i := range out {
		out[i] = locator.New(nil)
	}
	for i := range p.Stages {
		if s := &p.Stages[i]; s.Source >= 0 && s.Source < len(out) && s.Root != nil {
			out[s.Source] = locator.New(routesOf(p, s))
		}
	}
	return out
}

// routesOf lists the routes of the labels that a stage reads, by label.
func routesOf(p *planner.Plan, s *planner.Stage) []locator.Route {
	out := make([]locator.Route, len(p.Job.Labels))
	for _, r := range planner.Routes(p) {
		if s.Root.Labels.Has(r.Label) {
			out[r.Label] = locator.Route{Name: r.Name, Ops: len(r.Acts)}
		}
	}
	scan, _ := s.Root.Action.(physical.Scan)
	for _, e := range scan.Entries {
		// The longest list of a label is its whole chain.
		if r, _ := e.Action.(physical.Route); scan.Trusted && len(r.Done) > len(out[r.Label].Chain) {
			out[r.Label].Chain = r.Done
		}
	}
	return out
}

// weigh is how much there is to do for a split, as far as can be told before it is
// read.
func (c *core) weigh(s *rdd.Split) int64 { return c.locate[s.Source].Weight(s) }

// expect notes what a task that reads is expected to come to.
func (c *core) expect(t *task) {
	for i := range t.splits {
		t.expect.Add(c.locate[t.splits[i].Source].Predict(&t.splits[i]))
	}
}

// learn tells the locator what became of a task that reads.
func (c *core) learn(t *task, r *work.Receipt) {
	if len(t.splits) == 0 {
		return
	}
	for b := range r.Tally.Bypassed {
		if b.Reason == bypass.Cached {
			return // what was not read says nothing of what reading costs
		}
	}
	rest := r.Wall
	for _, route := range r.Tally.Routes {
		rest -= route.Time
	}
	c.locate[t.splits[0].Source].Observe(t.expect, r.Tally.Routes, float64(max(0, rest)))
}
