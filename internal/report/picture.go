package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/explain"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// Picture is plans of one job side by side: stages as boxes, rows from top to
// bottom, the routes in the colours of their labels. Operations that a route leaves
// out are ghosts beside its way, with the reason. Arrows between stages are dashed:
// there rows are shuffled. The same plans are always the same bytes.
type Picture struct {
	Plans []*planner.Plan
	// Rows are what operations cost, of a linear and an I-DAG plan; may be nil.
	Rows     []explain.Row
	Measured bool // Rows were measured, not estimated
}

// Sizes in pixels.
const (
	boxWidth  = 156.0
	boxHeight = 46.0
	gapX      = 14.0
	gapY      = 24.0
	padding   = 14.0
	heading   = 22.0
	margin    = 24.0
	between   = 30.0 // stages
	lineChars = 25   // that a box has room for
)

// box is one operator, or a ghost of what is left out.
type box struct {
	title, text, cost, full string
	labels                  rdd.LabelSet
	ghost, sink             bool
	x, y                    float64
	next                    []*box
	to                      int // stage that an outlet feeds, or -1
}

// panel is one plan with its boxes laid out.
type panel struct {
	title         string
	stages        []stageBox
	width, height float64
}

type stageBox struct {
	title               string
	root                *box
	x, y, width, height float64
}

// Write draws the picture as SVG.
func (p Picture) Write(w io.Writer) error {
	var panels []*panel
	for _, plan := range p.Plans {
		panels = append(panels, p.panel(plan))
	}
	d := &drawing{picture: p}
	d.all(panels)
	_, err := io.WriteString(w, d.String())
	return err
}

// panel makes the boxes of a plan and lays them out.
func (p Picture) panel(plan *planner.Plan) *panel {
	out := &panel{title: fmt.Sprintf("linear plan (%s)", plan.Mode)}
	if !plan.Mode.Linear() {
		out.title = "I-DAG plan"
	}
	m := &maker{plan: plan, rows: p.Rows}
	for i := range plan.Stages {
		s := &plan.Stages[i]
		sb := stageBox{title: fmt.Sprintf("stage %d", s.ID), root: m.box(s.Root)}
		columns, depth := place(sb.root, 0, 0)
		sb.width = 2*padding + float64(columns)*(boxWidth+gapX) - gapX
		sb.height = 2*padding + heading + float64(depth+1)*(boxHeight+gapY) - gapY
		out.stages = append(out.stages, sb)
	}
	out.arrange(plan)
	return out
}

// place gives the boxes of a tree their places in columns and rows, and returns how
// many columns it takes and the deepest row. A box stands over the middle of those
// behind it.
func place(b *box, column, row int) (columns, deepest int) {
	b.y = padding + heading + float64(row)*(boxHeight+gapY)
	deepest = row
	for _, n := range b.next {
		c, d := place(n, column+columns, row+1)
		columns, deepest = columns+c, max(deepest, d)
	}
	if len(b.next) == 0 {
		b.x = padding + float64(column)*(boxWidth+gapX)
		return 1, deepest
	}
	b.x = (b.next[0].x + b.next[len(b.next)-1].x) / 2
	return columns, deepest
}

// arrange puts stages on levels, each below those that feed it.
func (p *panel) arrange(plan *planner.Plan) {
	level := make([]int, len(plan.Stages))
	for range plan.Stages { // the graph is no deeper than it has stages
		for i := range plan.Stages {
			for _, e := range plan.Stages[i].Inputs {
				level[i] = max(level[i], level[e.Stage]+1)
			}
		}
	}
	top, widths := 0.0, 0.0
	for l := 0; slices.Contains(level, l); l++ {
		x, height := 0.0, 0.0
		for i := range p.stages {
			if level[i] != l {
				continue
			}
			s := &p.stages[i]
			s.x, s.y = x, top
			x += s.width + between
			height = max(height, s.height)
		}
		widths = max(widths, x-between)
		top += height + between
	}
	for l := 0; slices.Contains(level, l); l++ { // each level in the middle
		used := -between
		for i := range p.stages {
			if level[i] == l {
				used += p.stages[i].width + between
			}
		}
		for i := range p.stages {
			if level[i] == l {
				p.stages[i].x += (widths - used) / 2
			}
		}
	}
	p.width, p.height = widths, top-between
}

// maker makes the boxes of a plan.
type maker struct {
	plan *planner.Plan
	rows []explain.Row
}

// box makes the box of an operator and those behind it, ghosts between them.
func (m *maker) box(n *physical.Node) *box {
	b := m.operator(n)
	var next []*box
	for _, c := range n.Next {
		next = append(next, m.box(c))
	}
	ghosts := m.ghosts(n)
	if _, scan := n.Action.(physical.Scan); scan || len(n.Next) != 1 {
		// Rows of several routes: a ghost is where rows of a label end.
		b.next = append(next, ghosts...)
		return b
	}
	last := b
	for _, g := range ghosts {
		last.next = []*box{g}
		last = g
	}
	last.next = next
	return b
}

// ghosts are the operations that rows pass by behind an operator, a box a reason.
func (m *maker) ghosts(n *physical.Node) []*box {
	var out []*box
	for _, why := range bypass.Reasons() {
		g := &box{ghost: true, to: -1, text: string(why)}
		var names []string
		for _, s := range n.Skipped {
			name := m.name(s.Op)
			if s.Reason != why {
				continue
			}
			g.labels |= 1 << uint(s.Label)
			if !slices.Contains(names, name) {
				names = append(names, name)
				g.full += m.plan.Ops[s.Op].Text + "\n"
			}
		}
		if len(names) > 0 {
			g.title = strings.Join(names, " ")
			g.full += why.Why()
			out = append(out, g)
		}
	}
	return out
}

func (m *maker) name(op int) string {
	return fmt.Sprintf("%s#%d", m.plan.Ops[op].Dataset.Op().Kind(), op)
}

// operator is the box of one operator.
func (m *maker) operator(n *physical.Node) *box {
	op := &m.plan.Ops[n.Op]
	kind := op.Dataset.Op().Kind()
	b := &box{title: m.name(n.Op), labels: n.Labels, to: -1, full: op.Text, text: strings.TrimSpace(strings.TrimPrefix(op.Text, kind))}
	if _, rest, ok := strings.Cut(b.text, "] "); ok && strings.HasPrefix(b.text, "[") && !m.plan.Mode.Linear() {
		b.text = rest // the route says for which labels
	}
	switch act := n.Action.(type) {
	case physical.Route:
		b.title, b.text = n.Labels.Names(m.plan.Job.Labels), ""
		b.full = "rows of " + b.title
	case physical.Only:
		b.title, b.text = "only "+act.For.Names(m.plan.Job.Labels), ""
	case physical.Merge:
		if act.Grouping != nil {
			b.title += " merge"
		}
	case physical.Outlet:
		m.outlet(b, act)
	default:
	}
	b.cost = m.cost(n)
	return b
}

func (m *maker) outlet(b *box, o physical.Outlet) {
	switch to := o.To.(type) {
	case physical.Partial:
		b.title, b.to = b.title+" partial", to.Stage
	case physical.Side:
		b.title, b.to = fmt.Sprintf("%s, %s side", b.title, []string{"left", "right"}[to.Input]), to.Stage
	case physical.Exchange:
		b.title, b.to = b.title+" exchange", to.Stage
	case physical.Ranked:
		b.title, b.to = b.title+" send", to.Stage
	case physical.SinkPart:
		b.sink = true
	}
}

// cost is how many rows an operator sees and how long it takes, of its labels.
func (m *maker) cost(n *physical.Node) string {
	if _, step := n.Action.(physical.Only); step {
		return "" // of the operation before or behind it
	}
	sum := explain.Figure{}
	for _, r := range m.rows {
		l := slices.Index(m.plan.Job.Labels, r.Label)
		if r.Op != n.Op || !n.Labels.Has(l) {
			continue
		}
		f := r.IDAG
		if m.plan.Mode.Linear() {
			f = r.Linear
		}
		sum.Rows, sum.Out, sum.Seconds = sum.Rows+f.Rows, sum.Out+f.Out, sum.Seconds+f.Seconds
	}
	rows := max(sum.Rows, sum.Out)
	if rows == 0 {
		return ""
	}
	return amount(rows) + " rows, " + duration(sum.Seconds)
}

func amount(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.3gM", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.3gk", n/1e3)
	}
	return fmt.Sprintf("%.0f", n)
}

func duration(s float64) string {
	switch {
	case s >= 1:
		return fmt.Sprintf("%.3g s", s)
	case s >= 1e-3:
		return fmt.Sprintf("%.3g ms", s*1e3)
	}
	return fmt.Sprintf("%.3g µs", s*1e6)
}
