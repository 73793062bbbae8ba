package planner

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
)

// JSON is the plan for machines: operations with their digests, the route of
// each label, what is bypassed and why, and the stages.
func JSON(p *Plan) ([]byte, error) {
	type op struct {
		ID      int    `json:"id"`
		Kind    string `json:"kind"`
		Text    string `json:"text"`
		Digest  string `json:"digest"`
		Parents []int  `json:"parents,omitempty"`
		Dataset string `json:"dataset,omitempty"`
	}
	type passed struct {
		Op     int           `json:"op"`
		Label  string        `json:"label"`
		Reason bypass.Reason `json:"reason"`
	}
	type route struct {
		Label    string   `json:"label"`
		Acts     []int    `json:"acts"`
		Bypassed []passed `json:"bypassed"`
	}
	type stage struct {
		ID       int    `json:"id"`
		Source   *int   `json:"source,omitempty"`
		Inputs   []Edge `json:"inputs,omitempty"`
		Stateful bool   `json:"stateful,omitempty"`
		Sinks    []int  `json:"sinks,omitempty"`
		Tree     any    `json:"tree"`
	}
	out := struct {
		Job    string   `json:"job"`
		Plan   string   `json:"plan"`
		Digest string   `json:"digest"`
		Labels []string `json:"labels"`
		Ops    []op     `json:"operations"`
		Routes []route  `json:"routes"`
		Stages []stage  `json:"stages"`
	}{Job: p.Job.Name, Plan: string(p.Mode), Digest: p.Digest, Labels: p.Job.Labels}
	for _, o := range p.Ops {
		out.Ops = append(out.Ops, op{o.ID, o.Dataset.Op().Kind(), o.Text, o.Digest, o.Parents, o.Dataset.Name()})
	}
	for _, r := range Routes(p) {
		j := route{Label: r.Name, Acts: append([]int{}, r.Acts...), Bypassed: []passed{}}
		for _, s := range r.Bypassed {
			j.Bypassed = append(j.Bypassed, passed{s.Op, r.Name, s.Reason})
		}
		out.Routes = append(out.Routes, j)
	}
	w := &treeWriter{plan: p}
	for i := range p.Stages {
		s := &p.Stages[i]
		w.at = s
		j := stage{ID: s.ID, Inputs: s.Inputs, Stateful: s.Stateful, Sinks: s.Sinks, Tree: w.tree(s.Root)}
		if s.Source >= 0 {
			j.Source = &s.Source
		}
		out.Stages = append(out.Stages, j)
	}
	return json.MarshalIndent(out, "", "  ")
}

type jsonNode struct {
	Op     int         `json:"op"`
	Does   string      `json:"does"`
	Labels string      `json:"labels"`
	Next   []*jsonNode `json:"next,omitempty"`
}

func (w *treeWriter) tree(n *physical.Node) *jsonNode {
	j := &jsonNode{Op: n.Op, Does: w.describe(n), Labels: n.Labels.Names(w.plan.Job.Labels)}
	for _, next := range n.Next {
		j.Next = append(j.Next, w.tree(next))
	}
	return j
}

// Dot is the plan for Graphviz: a cluster a stage, a box an operator, a
// dashed arrow a shuffle.
func Dot(p *Plan) string {
	var s strings.Builder
	w := &treeWriter{plan: p}
	s.WriteString("digraph plan {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f4f6fa\", fontname=\"Helvetica\", fontsize=10];\n")
	id, roots := 0, map[int]string{}
	type edge struct {
		from string
		to   int
	}
	var edges []edge
	var walk func(n *physical.Node) string
	walk = func(n *physical.Node) string {
		name := fmt.Sprintf("n%d", id)
		id++
		label := w.describe(n)
		if skipped := w.skipped(n); skipped != "" {
			label += "\n↷ " + skipped
		}
		fmt.Fprintf(&s, "    %s [label=%q];\n", name, label)
		if o, ok := n.Action.(physical.Outlet); ok {
			switch to := o.To.(type) {
			case physical.Partial:
				edges = append(edges, edge{name, to.Stage})
			case physical.Side:
				edges = append(edges, edge{name, to.Stage})
			case physical.Ranked:
				edges = append(edges, edge{name, to.Stage})
			case physical.Exchange:
				edges = append(edges, edge{name, to.Stage})
			case physical.SinkPart:
			}
		}
		for _, next := range n.Next {
			fmt.Fprintf(&s, "    %s -> %s;\n", name, walk(next))
		}
		return name
	}
	for i := range p.Stages {
		w.at = &p.Stages[i]
		fmt.Fprintf(&s, "  subgraph cluster_%d {\n    label=\"stage %d\"; color=\"#c8cfdb\";\n", i, i)
		roots[i] = walk(p.Stages[i].Root)
		s.WriteString("  }\n")
	}
	for _, e := range edges {
		fmt.Fprintf(&s, "  %s -> %s [style=dashed];\n", e.from, roots[e.to])
	}
	s.WriteString("}\n")
	return s.String()
}
