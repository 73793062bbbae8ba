package planner

import (
	"fmt"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// What a Read may say of done-lists: see rdd.Read.Trust.
const (
	trustDone = "done"
	trustNone = "none"
)

// place is behind an operation, for rows of a label.
type place struct{ op, label int }

// pass notes where a flow is when it leaves an operation.
func (b *builder) pass(n *node, f flow) {
	for _, l := range f.labels.Each() {
		if _, ok := b.places[place{n.ID, l}]; !ok {
			b.places[place{n.ID, l}] = f
		}
	}
}

// entries adds to the stage that reads a source where rows may enter to which the
// first operations of a label's trunk were applied: in every plan behind the same
// operation. All that follows is built.
func (b *builder) entries(read, tag *node, stage int) {
	op, _ := read.op.(rdd.Read)
	root := b.plan.Stages[stage].Root
	act, ok := root.Action.(physical.Scan)
	if !ok || op.Trust == trustNone {
		return
	}
	act.Trusted = op.Trust == trustDone
	for _, l := range tag.acts.Each() {
		c := b.trunk(tag, l)
		for k := range c.nodes {
			if k == 0 && !act.Trusted {
				continue // rows that were tagged and nothing else are given the same label anew
			}
			e := b.entry(read, tag, l, chain{nodes: c.nodes[:k+1], digests: c.digests[: k+1 : k+1]})
			if r, _ := e.Action.(physical.Route); act.Trusted && r.Wrong == "" {
				e.Skipped = b.entrySkips(root, c.nodes[:k+1], l)
				b.enter(e, stage, place{c.nodes[k].ID, l})
			}
			act.Entries = append(act.Entries, e)
		}
	}
	root.Action = act
}

// entry is the Route of rows of label l to which all of c was applied.
func (b *builder) entry(read, tag *node, l int, c chain) *physical.Node {
	n := c.nodes[len(c.nodes)-1]
	f, wanted := b.places[place{n.ID, l}]
	out := &physical.Node{Op: n.ID, Labels: one(l), Out: arrow.NewSchema(nil, nil)}
	need := map[string]bool{}
	if wanted {
		out.Labels, out.Out = f.labels, f.at.Out
		need = n.own[l]
	}
	act := physical.Route{Label: l, Done: c.digests}
	take := clone(need)
	time := tag.exprs["time"]
	reads(take, time)
	op, _ := tag.op.(rdd.Tag)
	if need[rdd.ColHash] {
		for _, column := range op.Identity {
			take[column] = true
		}
	}
	out.In, act.Wrong = b.entryColumns(read, c, l, take)
	if why := b.changedBy(c, expr.Columns(time), "the event time is made of"); why != "" {
		act.Wrong = why
	}
	if need[rdd.ColHash] {
		if why := b.changedBy(c, op.Identity, "identifies the event"); why != "" {
			act.Wrong = why
		}
	}
	if act.Wrong == "" {
		act.From = entryFrom(out.In, out.Out, need)
		if time != nil {
			act.Time = b.program(time, out.In)
		}
		if need[rdd.ColHash] {
			for _, column := range op.Identity {
				act.Identity = append(act.Identity, indexOf(out.In, column))
			}
		}
	}
	out.Action = act
	return out
}

// entryColumns finds the columns that rows of label l have to bring behind a chain
// among those of the source, or says why they are not there.
func (b *builder) entryColumns(read *node, c chain, l int, take map[string]bool) (*arrow.Schema, string) {
	n := c.nodes[len(c.nodes)-1]
	have, behind := read.Schemas[raw], n.Schemas[l]
	var fields []arrow.Field
	wrong := ""
	for _, name := range slices.Sorted(maps.Keys(take)) {
		if system(name) {
			continue
		}
		f, then := field(have, name), field(behind, name)
		switch {
		case f == nil:
			wrong = fmt.Sprintf("%s leaves the column %q, and no file of the source has it", at(n), name)
		case then != nil && !arrow.TypeEqual(f.Type, then.Type):
			wrong = fmt.Sprintf("behind %s the column %q is %s, and in the source it is %s", at(n), name, typeName(then.Type), typeName(f.Type))
		default:
			fields = append(fields, *f)
		}
	}
	return arrow.NewSchema(fields, nil), wrong
}

// entryFrom finds the columns of rows that enter; those that nobody needs of their
// label are null.
func entryFrom(in, out *arrow.Schema, need map[string]bool) []int {
	from := scanColumns(in, out)
	for i, f := range out.Fields() {
		if !need[f.Name] && f.Name != rdd.ColLabel {
			from[i] = physical.FromNull
		}
	}
	return from
}

// changedBy says which operation of a chain sets or drops one of the columns, which is
// what the text says, or "".
func (b *builder) changedBy(c chain, columns []string, what string) string {
	for _, n := range c.nodes[1:] {
		for _, column := range n.Dataset.Sets(b.job.Functions) {
			if slices.Contains(columns, column) {
				return fmt.Sprintf("%s changes the column %q, which %s", at(n), column, what)
			}
		}
	}
	return ""
}

// at names an operation as plans do.
func at(n *node) string { return fmt.Sprintf("%s#%d", n.op.Kind(), n.ID) }

// entrySkips lists what rows of label l pass by that enter behind the last of some
// operations: these, as done, and what other rows of the label pass by until there.
func (b *builder) entrySkips(root *physical.Node, done []*node, l int) []physical.Bypass {
	if b.mode.Linear() {
		return nil
	}
	var out []physical.Bypass
	at := root
	for _, n := range done {
		out = append(out, physical.Bypass{Op: n.ID, Label: l, Reason: bypass.Done})
		if f, ok := b.places[place{n.ID, l}]; ok {
			at = f.at
		}
	}
	for _, n := range way(root, at) {
		for _, s := range n.Skipped {
			if s.Label == l && !slices.ContainsFunc(done, func(d *node) bool { return d.ID == s.Op }) {
				out = append(out, s)
			}
		}
	}
	return out
}

// way is the nodes from root to at.
func way(root, at *physical.Node) []*physical.Node {
	if root == at {
		return []*physical.Node{root}
	}
	for _, next := range root.Next {
		if w := way(next, at); w != nil {
			return append([]*physical.Node{root}, w...)
		}
	}
	return nil
}

// enter leads an entry of a stage to what follows a place. Where that is in a later
// stage, as it may be in the staged form of the linear plan, rows go there through the
// stages between, past their operators.
func (b *builder) enter(e *physical.Node, stage int, to place) {
	f, wanted := b.places[to]
	if !wanted {
		return
	}
	var stages []int // from the last to the next
	for s := f.stage; s != stage; s = b.plan.Stages[s].Inputs[0].Stage {
		stages = append(stages, s)
	}
	slices.Reverse(stages)
	act, _ := e.Action.(physical.Route)
	for _, next := range stages {
		b.outlet(flow{labels: e.Labels, at: e, stage: stage}, e.Op, e.Labels, physical.Exchange{Stage: next, Done: act.Done})
		e = &physical.Node{Op: e.Op, Labels: e.Labels, Out: e.Out,
			Action: physical.Route{From: columnsFrom(e.Out, e.Out), Label: to.label, Done: act.Done}}
		root := b.plan.Stages[next].Root
		if merge, ok := root.Action.(physical.Merge); ok {
			merge.Entries = append(merge.Entries, e)
			root.Action = merge
		}
		stage = next
	}
	e.Next = f.at.Next
}
