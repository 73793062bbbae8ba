package planner

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// partitioning is what a shuffle by columns of a schema makes of rows. Rows that are
// together by the values of columns of the system's are not, by those of the same name
// behind an operation that gives rows new ones: of such nothing is known.
func (b *builder) partitioning(keys []string, s *arrow.Schema) bypass.Partitioning {
	p := bypass.Partitioning{Keys: keys, Groups: b.job.Settings.KeyGroups}
	for _, k := range keys {
		f := field(s, k)
		if f == nil || system(k) {
			return bypass.Partitioning{}
		}
		p.Types = append(p.Types, f.Type)
	}
	return p
}

// grouped is how the groups of an aggregation are partitioned: by all keys, or by all
// but the window where windows share panes or are sessions.
func (b *builder) grouped(g *physical.Grouping) bypass.Partitioning {
	p := bypass.Partitioning{Groups: b.job.Settings.KeyGroups}
	for i, k := range g.Keys {
		if i == g.Window && (g.Pane != 0 || g.Gap != 0) {
			continue
		}
		p.Keys, p.Types = append(p.Keys, k.Name), append(p.Types, k.Type)
	}
	return p
}

// joinedBy is how the rows of a join are partitioned: by its keys, as far as every
// row has what they are called in the result.
func (b *builder) joinedBy(c *node, op rdd.Join) bypass.Partitioning {
	var names []string
	one := true // both sides' keys are one column of the result
	for _, k := range c.join.keys {
		names, one = append(names, k.Left), one && k.Left == k.Right
	}
	switch op.How {
	case "", "inner", "left", "semi", "anti":
	default:
		if !one {
			return bypass.Partitioning{}
		}
	}
	return b.partitioning(names, c.Schemas[op.As.First()])
}

// altered are the columns that an operation on single rows sets or drops.
func (b *builder) altered(n *node) []string {
	if _, ok := n.op.(rdd.Window); ok {
		return []string{rdd.WindowStart, rdd.WindowEnd}
	}
	return n.Dataset.Sets(b.job.Functions)
}

// inPlace lets a flow go on past a shuffle that would leave its rows where they are.
func (b *builder) inPlace(c *node, f flow, labels rdd.LabelSet) {
	for _, l := range labels.Each() {
		b.skipFor(f.at, c, l, bypass.Partitioned)
	}
	b.follow(c, f)
}
