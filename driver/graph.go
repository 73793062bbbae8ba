package driver

import (
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// graph is a plan's stages with who feeds whom. It is immutable.
type graph struct {
	stages    []planner.Stage
	producers [][]int  // by stage: the distinct stages that feed it
	consumers [][]int  // by stage: the distinct stages it feeds
	readers   []int    // the stages that read
	sites     []string // by source: the site where it is read, if it names one
}

// newGraph reads the stages of a plan. A plan whose stages do not form a
// directed acyclic graph that begins at its sources is a bug of the planner.
func newGraph(p *planner.Plan) (graph, error) {
	g := graph{
		stages:    p.Stages,
		producers: make([][]int, len(p.Stages)),
		consumers: make([][]int, len(p.Stages)),
	}
	for _, op := range p.Reads {
		g.sites = append(g.sites, siteOf(p, op))
	}
	for i, s := range p.Stages {
		switch {
		case s.ID != i:
			return g, fault.New(fault.Bug, "plan: stage %d has the ID %d", i, s.ID)
		case s.Source >= len(p.Reads):
			return g, fault.New(fault.Bug, "plan: stage %d reads source %d of %d", i, s.Source, len(p.Reads))
		case s.Source >= 0:
			g.readers = append(g.readers, i)
			continue
		case len(s.Inputs) == 0:
			return g, fault.New(fault.Bug, "plan: stage %d neither reads nor has inputs", i)
		}
		for _, e := range s.Inputs {
			if e.Stage < 0 || e.Stage >= len(p.Stages) {
				return g, fault.New(fault.Bug, "plan: stage %d is fed by stage %d of %d", i, e.Stage, len(p.Stages))
			}
			if !slices.Contains(g.producers[i], e.Stage) {
				g.producers[i] = append(g.producers[i], e.Stage)
				g.consumers[e.Stage] = append(g.consumers[e.Stage], i)
			}
		}
	}
	if len(g.readers) == 0 || !g.acyclic() {
		return g, fault.New(fault.Bug, "plan: the stages do not all lead back to a source")
	}
	return g, nil
}

// siteOf returns the site that a read names.
func siteOf(p *planner.Plan, op int) string {
	if op >= len(p.Ops) || p.Ops[op].Dataset == nil {
		return ""
	}
	read, _ := p.Ops[op].Dataset.Op().(rdd.Read)
	return read.Site
}

// acyclic reports whether every stage can be reached by starting each one after
// those that feed it.
func (g *graph) acyclic() bool {
	waiting := make([]int, len(g.stages))
	for i := range g.stages {
		waiting[i] = len(g.producers[i])
	}
	next := slices.Clone(g.readers)
	for i := 0; i < len(next); i++ {
		for _, s := range g.consumers[next[i]] {
			if waiting[s]--; waiting[s] == 0 {
				next = append(next, s)
			}
		}
	}
	return len(next) == len(g.stages)
}

// shuffles reports whether an outlet feeds a stage that takes blocks by key group.
func (g *graph) shuffles(stage, outlet int) bool {
	return slices.ContainsFunc(g.consumers[stage], func(next int) bool {
		return !g.stages[next].Narrow && slices.ContainsFunc(g.stages[next].Inputs, func(e planner.Edge) bool {
			return e.Stage == stage && e.Outlet == outlet
		})
	})
}
