package twin

import (
	"fmt"
	"maps"
	"slices"

	"github.com/idag/idag/rdd"
)

// meet draws a union with datasets drawn before.
func (g *drawer) meet(n *node) *node {
	others := []*node{one(g.t, "other", g.nodes...)}
	if coin(g.t, 1, "another") {
		others = append(others, one(g.t, "other", g.nodes...))
	}
	return g.union(n, others...)
}

// union takes those datasets whose labels, where they are in several, have
// windows of one size. Their columns may differ: those that one lacks are null.
func (g *drawer) union(n *node, others ...*node) *node {
	m := &node{labels: maps.Clone(n.labels)}
	sets := []*rdd.Dataset{n.set}
	for _, o := range others {
		fits := true
		for i, l := range o.labels {
			have, ok := m.labels[i]
			fits = fits && (!ok || have.size == l.size)
		}
		if !fits {
			continue
		}
		sets = append(sets, o.set)
		for i, l := range o.labels {
			if have, ok := m.labels[i]; ok {
				l = lab{cols: slices.Clone(have.cols), size: l.size, tumbles: l.tumbles && have.tumbles, source: shared(have.source, l.source)}
				for _, c := range o.labels[i].cols {
					l.add(c)
				}
			}
			m.labels[i] = l
		}
	}
	if len(sets) == 1 {
		return nil
	}
	m.set = rdd.Extend(rdd.Union{}, rdd.Pos{}, nil, sets...)
	return m
}

// made is the result labels that the job's sinks depend on. One that nothing
// made would be a label of events.
func (g *drawer) made(job *rdd.Job) []string {
	n := 0
	for _, d := range job.Datasets() {
		if as := d.Result(); as != 0 {
			n = max(n, as.First()+1-len(g.base))
		}
	}
	return g.result[:n]
}

// shared is the source of a label that comes from two sides.
func shared(a, b int) int {
	if a == ofGroups || b == ofGroups {
		return ofGroups
	}
	return notOne
}

// sinks draws the Writes; the last dataset is always written.
func (g *drawer) sinks() []*rdd.Dataset {
	out := slices.Clone(g.writes)
	for i := range small(g.t, 1, 3, "writes") {
		n := g.nodes[len(g.nodes)-1]
		if i > 0 {
			n = one(g.t, "written", g.nodes...)
		}
		set, labels, _ := g.choose(n, slices.Sorted(maps.Keys(n.labels)))
		op := rdd.Write{From: set, Connector: "memory", Options: rdd.Options{"name": fmt.Sprintf("out%d", i)}}
		if coin(g.t, 1, "columns") {
			var cols []string
			for _, l := range labels {
				cols = append(cols, n.labels[l].cols...)
				if n.labels[l].source != ofGroups {
					cols = append(cols, g.system()...)
				}
			}
			slices.Sort(cols)
			op.Columns = some(g.t, "columns", 1, slices.Compact(cols))
		}
		out = append(out, n.set.Write(op).Named(fmt.Sprintf("out%d", i)))
	}
	return out
}
