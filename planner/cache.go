package planner

import (
	"fmt"
	"strconv"

	"github.com/idag/idag/rdd"
)

// keep marks the operator that a flow comes from as the one behind which its rows
// are cached.
func (b *builder) keep(c *node, f flow) {
	if b.uncachable(c) != "" || b.plan.Stages[f.stage].Source < 0 || f.at.Cache != "" {
		return
	}
	// Labels and operations are counted by their ordinals, which are the job's.
	parts := []string{b.nodes[c.Parents[0]].Digest, list(b.job.Labels), b.names(f.labels)}
	for n := c; len(n.Parents) > 0; {
		n = b.nodes[n.Parents[0]]
		parts = append(parts, strconv.Itoa(n.ID))
	}
	for _, x := range f.at.Out.Fields() {
		parts = append(parts, x.Name, x.Type.String())
	}
	f.at.Cache = digest(parts...)
}

// uncachable says why a Cache is without effect, or is "": what comes out must
// depend on the split alone, and it must be all that comes of it.
func (a *analysis) uncachable(c *node) string {
	for n := c; ; {
		n = a.nodes[n.Parents[0]]
		name := fmt.Sprintf("%s#%d", n.op.Kind(), n.ID)
		if len(n.consumers) > 1 {
			return "rows also go another way from " + name
		}
		switch n.op.(type) {
		case rdd.Read:
			return ""
		case rdd.Tag, rdd.Map, rdd.Filter, rdd.FlatMap, rdd.Apply, rdd.Cache:
		case rdd.Window:
			return "which rows are late, and leave at " + name + ", depends on the run"
		case rdd.Broadcast:
			return "what " + name + " adds depends on the run"
		default:
			return name + " takes rows of more than one split"
		}
		for _, e := range n.exprs {
			if strict(e) {
				return "rows may become dead letters at " + name
			}
			if volatile(e) {
				return name + " asks for the time of the batch"
			}
		}
	}
}
