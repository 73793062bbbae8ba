package planner

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// sources says which columns of a source decide the values of columns, by name.
type sources map[string][]string

// of are the columns of the source that decide any of the named ones.
func (s sources) of(names []string) []string {
	var out []string
	for _, name := range names {
		out = append(out, s[name]...)
	}
	return out
}

// bounds tells every reading stage which columns' bounds may let rows pass by some
// operation. Of others nobody has to find out.
func (b *builder) bounds() {
	for i := range b.plan.Stages {
		root := b.plan.Stages[i].Root
		if act, ok := root.Action.(physical.Scan); ok {
			act.Bounds = bounded(root, act)
			root.Action = act
		}
	}
}

// bounded finds the columns for one stage: those as they are read, and those of rows
// that enter with operations done.
func bounded(root *physical.Node, scan physical.Scan) []string {
	var out []string
	for _, n := range root.Next {
		out = append(out, boundedBehind(n, read(scan.Raw, scan.Tag.Time))...)
	}
	for _, n := range scan.Entries {
		if act, ok := n.Action.(physical.Route); ok && n.In != nil && len(n.Next) > 0 {
			out = append(out, boundedBehind(n, read(n.In, act.Time))...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// read is what decides columns that are read: each itself. The event time is
// computed of them.
func read(s *arrow.Schema, time *expr.Program) sources {
	from := sources{}
	for _, f := range s.Fields() {
		from[f.Name] = []string{f.Name}
	}
	if delete(from, rdd.ColTime); time != nil {
		from[rdd.ColTime] = time.Bounded()
	}
	return from
}

func boundedBehind(n *physical.Node, in sources) []string {
	wanted := in.of(n.Provable())
	out := sources{}
	if n.Out == nil {
		return wanted // an outlet
	}
	for _, f := range n.Out.Fields() {
		out[f.Name] = in[f.Name]
	}
	var made []physical.Compute
	switch act := n.Action.(type) {
	case physical.Compute:
		made = append(made, act)
	case physical.Expand:
		made = act.Rows
	case physical.Apply:
		for _, i := range act.Writes {
			if i >= 0 {
				out[n.Out.Field(i).Name] = nil
			}
		}
	default:
	}
	for k, act := range made {
		for i, p := range act.Program {
			if p < 0 {
				continue
			}
			name := n.Out.Field(i).Name
			if k == 0 {
				out[name] = nil // what it was does not count any more
			}
			out[name] = append(out[name], in.of(act.Programs[p].Bounded())...)
		}
	}
	for _, next := range n.Next {
		wanted = append(wanted, boundedBehind(next, out)...)
	}
	return wanted
}
