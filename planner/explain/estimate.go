package explain

import (
	"slices"

	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// What a row costs, in nanoseconds, and what becomes of it. The package doc says so
// in words. The first three are those that the locator guesses before it has seen a
// task.
const (
	perRow    = 10.0
	perByte   = 0.5
	perOp     = 5.0
	perLook   = 1.0
	perGroup  = 20.0
	perSend   = 10.0
	perWrite  = 30.0
	kept      = 1.0 / 3
	elements  = 4.0
	groups    = 0.1
	valueSize = 8.0
)

const nano = 1e-9

// flow is how many rows of each label come to an operator.
type flow map[int]float64

func (f flow) of(labels rdd.LabelSet) flow {
	out := flow{}
	for l, n := range f {
		if labels.Has(l) {
			out[l] = n
		}
	}
	return out
}

// Estimate is what a plan will cost over splits of its sources, as far as that can
// be known without reading rows.
func Estimate(p *planner.Plan, splits []rdd.Split) Figures {
	e := &estimate{plan: p, out: Figures{}, in: make([]flow, len(p.Stages))}
	for i := range e.in {
		e.in[i] = flow{}
	}
	for _, i := range order(p) {
		s := &p.Stages[i]
		if scan, ok := s.Root.Action.(physical.Scan); ok {
			e.scan(s, scan, splits)
			continue
		}
		e.root(s)
	}
	return e.out
}

// order is the stages of a plan, each behind those that feed it.
func order(p *planner.Plan) []int {
	var out []int
	seen := make([]bool, len(p.Stages))
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, e := range p.Stages[i].Inputs {
			visit(e.Stage)
		}
		out = append(out, i)
	}
	for i := range p.Stages {
		visit(i)
	}
	return out
}

type estimate struct {
	plan *planner.Plan
	out  Figures
	in   []flow // by stage
}

// scan estimates a stage that reads.
func (e *estimate) scan(s *planner.Stage, scan physical.Scan, splits []rdd.Split) {
	labels := s.Root.Labels
	rows, bytes := flow{}, flow{}
	for i := range splits {
		if splits[i].Source == scan.Source {
			e.split(&splits[i], labels, rows, bytes)
		}
	}
	for l, n := range rows {
		seconds := n * perRow * nano
		if bytes[l] > 0 {
			seconds = bytes[l] * perByte * nano
		}
		e.out.add(s.Root.Op, l, Figure{Rows: n, Out: n, Bytes: bytes[l], Seconds: seconds})
		e.out.add(scan.Tag.Op, l, Figure{Rows: n, Out: n, Seconds: n * perOp * nano})
	}
	e.follow(s.Root, rows)
}

// split divides the rows and bytes of a split among labels.
func (e *estimate) split(s *rdd.Split, labels rdd.LabelSet, rows, bytes flow) {
	size := float64(max(0, s.Bytes))
	n := float64(s.Rows)
	if s.Rows < 0 {
		n = size / (valueSize * 10)
	}
	claimed, sum := flow{}, 0.0
	for name, rows := range s.Labels {
		if l := slices.Index(e.plan.Job.Labels, name); l >= 0 && labels.Has(l) && rows > 0 {
			claimed[l] = float64(rows)
			sum += float64(rows)
		}
	}
	if sum == 0 {
		for _, l := range labels.Each() {
			claimed[l] = 1
			sum++
		}
	}
	for l, share := range claimed {
		rows[l] += n * share / sum
		bytes[l] += size * share / sum
	}
}

// root estimates the root of a stage that takes blocks.
func (e *estimate) root(s *planner.Stage) {
	in, out := e.in[s.ID], flow{}
	all := 0.0
	for _, n := range in {
		all += n
	}
	switch act := s.Root.Action.(type) {
	case physical.Merge:
		if act.Grouping == nil {
			out = in
			break
		}
		out[act.Grouping.Label] = all
	case physical.Join:
		out[act.Label] = all / 2
	case physical.Rank:
		for l, n := range in.of(s.Root.Labels) {
			out[l] = n
		}
		if len(out) == 0 {
			out[s.Root.Labels.First()] = all
		}
		if act.N > 0 {
			for l := range out {
				out[l] = min(out[l], float64(act.N))
			}
		}
	default:
	}
	for l, n := range out {
		e.out.add(s.Root.Op, l, Figure{Out: n, Seconds: all / float64(len(out)) * perGroup * nano, Bytes: n * width(s.Root)})
	}
	e.follow(s.Root, out)
}

// width is how many bytes a row has behind an operator.
func width(n *physical.Node) float64 {
	if n.Out == nil {
		return 0
	}
	return valueSize * float64(n.Out.NumFields())
}

// follow takes rows on to what follows an operator.
func (e *estimate) follow(n *physical.Node, rows flow) {
	for _, next := range n.Next {
		e.node(next, rows.of(next.Labels))
	}
}

// node estimates an operator within a stage.
func (e *estimate) node(n *physical.Node, rows flow) {
	change, factor, made := effect(n)
	if o, ok := n.Action.(physical.Outlet); ok {
		e.outlet(n, o, rows.of(o.For))
		return
	}
	out := flow{}
	for l, r := range rows {
		out[l] = r
		f := Figure{Rows: r, Seconds: r * cost(n, change, l) * nano}
		if change.For.Has(l) {
			out[l] = r * factor
			f.Bytes = out[l] * made
		}
		f.Out = out[l]
		switch n.Action.(type) {
		case physical.Route: // what it costs to tag has been counted
			f.Rows, f.Out = 0, 0
		case physical.Only: // another step of an operation
			f.Rows, f.Out = 0, 0
			if !change.For.Has(l) {
				delete(out, l)
			}
		default:
		}
		e.out.add(n.Op, l, f)
	}
	e.follow(n, out)
}

// cost is what a row of a label costs in an operator, in nanoseconds.
func cost(n *physical.Node, change physical.Change, label int) float64 {
	switch n.Action.(type) {
	case physical.Route, physical.Only:
		return perLook
	default:
	}
	switch {
	case change.For.Has(label), change.Mask == physical.Blended:
		return perOp
	case change.Mask == physical.Scattered:
		return perLook
	}
	return 0
}

// effect is which rows an operator changes, how many rows it makes of one, and how
// many bytes a row of what it makes has.
func effect(n *physical.Node) (change physical.Change, factor, made float64) {
	all := width(n)
	switch act := n.Action.(type) {
	case physical.Route:
		return physical.Change{For: n.Labels}, 1, all
	case physical.Compute:
		return act.Change, 1, valueSize * float64(len(act.Programs))
	case physical.Keep:
		return act.Change, kept, all
	case physical.Only:
		return act.Change, 1, all
	case physical.Expand:
		return act.Change, float64(len(act.Rows)), all
	case physical.Explode:
		return act.Change, elements, all
	case physical.Apply:
		switch act.Func.Rows {
		case fn.Drops:
			return act.Change, kept, all
		case fn.Multiplies:
			return act.Change, elements, all
		case fn.Keeps:
		}
		return act.Change, 1, valueSize * float64(len(act.Writes))
	case physical.Assignment:
		if act.Pane != 0 {
			return act.Change, 1, 2 * valueSize
		}
		return act.Change, float64(max(1, act.Copies)), 2 * valueSize
	case physical.Draw:
		return act.Change, act.Fraction, all
	case physical.Outlet, physical.Scan, physical.Merge, physical.Join, physical.Rank:
	}
	return physical.Change{}, 1, 0
}

// outlet sends rows to a stage or a sink.
func (e *estimate) outlet(n *physical.Node, o physical.Outlet, rows flow) {
	price, factor, to := perSend, 1.0, -1
	switch t := o.To.(type) {
	case physical.Partial:
		price, factor, to = perGroup, groups, t.Stage
	case physical.Ranked:
		price, to = perGroup, t.Stage
	case physical.Side:
		to = t.Stage
	case physical.Exchange:
		to = t.Stage
	case physical.SinkPart:
		price = perWrite
	}
	size := valueSize
	if n.In != nil {
		size *= float64(n.In.NumFields())
	}
	for l, r := range rows {
		f := Figure{Rows: r, Seconds: r * price * nano, Bytes: r * factor * size}
		if e.plan.Stages[max(to, 0)].Narrow && to >= 0 {
			f.Rows = 0 // the boundary behind a map of the staged form: the map has counted them
		}
		e.out.add(n.Op, l, f)
		if to >= 0 {
			e.in[to][l] += r * factor
		}
	}
}
