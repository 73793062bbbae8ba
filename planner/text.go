package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// text is an operation on one line, for people.
func (a *analysis) text(op rdd.Operation) string {
	switch op := op.(type) {
	case rdd.Read:
		text := "read " + connector(op.Connector, op.Options)
		if op.Trust != "" {
			text += ", trust: " + op.Trust
		}
		if op.Site != "" {
			text += ", at: " + op.Site
		}
		return text
	case rdd.Tag:
		if op.Column != "" {
			return "tag by " + op.Column
		}
		switch len(op.Rules) {
		case 0:
			return "tag all as" + a.labels(op.Otherwise)
		case 1:
			return "tag by 1 rule"
		}
		return fmt.Sprintf("tag by %d rules", len(op.Rules))
	case rdd.Map:
		return "map" + a.labels(op.For) + assigns(op.Set) + dropped(op.Drop)
	case rdd.Filter:
		return "filter" + a.labels(op.For) + " " + op.Where
	case rdd.FlatMap:
		if op.Explode != "" {
			return "flatmap" + a.labels(op.For) + exploded(op)
		}
		return fmt.Sprintf("flatmap%s into %d rows", a.labels(op.For), len(op.Rows))
	case rdd.Apply:
		return a.applyText(op)
	case rdd.Broadcast:
		return broadcastText(op, a.labels(op.For))
	case rdd.Window:
		if op.Gap != 0 {
			return fmt.Sprintf("window%s %s in sessions of %s", a.labels(op.For), op.Time, spell(op.Gap))
		}
		text := fmt.Sprintf("window%s %s by %s", a.labels(op.For), op.Time, spell(op.Size))
		if op.Slide != 0 {
			text += " every " + spell(op.Slide)
		}
		return text
	case rdd.Shuffle:
		return "shuffle" + a.labels(op.From) + " by " + strings.Join(op.Keys, ", ")
	case rdd.Reduce:
		return "reduce" + a.labels(op.From) + " by " + strings.Join(op.By, ", ") + " to" + a.labels(op.As) + assigns(op.Get)
	case rdd.Join:
		return a.joinText(op)
	case rdd.Distinct, rdd.Sort, rdd.Limit, rdd.Sample:
		return a.rankText(op)
	case rdd.Union:
		return "union"
	case rdd.Cache:
		return "cache"
	case rdd.Write:
		return "write" + a.labels(op.From) + " " + connector(op.Connector, op.Options)
	}
	return ""
}

func (a *analysis) labels(s rdd.LabelSet) string {
	if s == 0 {
		return ""
	}
	return " [" + a.names(s) + "]"
}

func assigns(set []rdd.Assign) string {
	parts := make([]string, 0, len(set))
	for _, s := range set {
		parts = append(parts, s.Column+" = "+s.Expr)
	}
	if len(parts) == 0 {
		return ""
	}
	return " " + strings.Join(parts, ", ")
}

func dropped(columns []string) string {
	if len(columns) == 0 {
		return ""
	}
	return " drop " + strings.Join(columns, ", ")
}

// connector names a connector and its path, and no other option: the others
// might hold a secret.
func connector(kind string, o rdd.Options) string {
	for _, name := range []string{"path", "name"} {
		if v, ok := o[name]; ok {
			return fmt.Sprintf("%s %v", kind, v)
		}
	}
	return kind
}

// Text prints a plan: the route of each label with what it bypasses and why, and
// then the stages with their operators.
func Text(p *Plan) string {
	return fmt.Sprintf("%s plan of job %s, digest %s\n", planName(p.Mode), p.Job.Name, p.Digest) + RouteText(p) + StageText(p)
}

// RouteText prints, for each label of an I-DAG plan, the operations that act on it
// and those that it passes by, with the reasons. Of a linear plan it is empty.
func RouteText(p *Plan) string {
	w := &treeWriter{plan: p}
	if p.Mode == IDAG {
		w.routes()
	}
	return w.String()
}

// StageText prints the stages of a plan, each a tree of operators.
func StageText(p *Plan) string {
	w := &treeWriter{plan: p}
	for i := range p.Stages {
		w.stage(&p.Stages[i])
	}
	return w.String()
}

func planName(m Mode) string {
	if m.Linear() {
		return "linear (" + string(m) + ")"
	}
	return "I-DAG"
}

type treeWriter struct {
	strings.Builder
	plan *Plan
	at   *Stage
}

func (w *treeWriter) line(format string, args ...any) {
	fmt.Fprintf(w, format, args...)
	w.WriteByte('\n')
}

// routes prints, per label, the operations that act on it and those that it
// passes by.
func (w *treeWriter) routes() {
	w.line("routes")
	for _, r := range Routes(w.plan) {
		var acts []string
		for _, op := range r.Acts {
			acts = append(acts, fmt.Sprintf("%s#%d", w.plan.Ops[op].Dataset.Op().Kind(), op))
		}
		w.line("%s", strings.TrimRight(fmt.Sprintf("  %-14s %s", r.Name, strings.Join(acts, " → ")), " "))
		by := map[bypass.Reason][]string{}
		for _, s := range r.Bypassed {
			by[s.Reason] = append(by[s.Reason], fmt.Sprintf("%s#%d", w.plan.Ops[s.Op].Dataset.Op().Kind(), s.Op))
		}
		for _, why := range bypass.Reasons() {
			if len(by[why]) > 0 {
				w.line("  %-14s bypasses %s (%s: %s)", "", strings.Join(by[why], ", "), why, why.Why())
			}
		}
	}
}

func (w *treeWriter) stage(s *Stage) {
	from := ""
	for i, e := range s.Inputs {
		sep := ", "
		if i == 0 {
			sep = " from "
		}
		from += fmt.Sprintf("%sstage %d outlet %d", sep, e.Stage, e.Outlet)
		if _, join := s.Root.Action.(physical.Join); join {
			from += " (" + sideName(e.Input) + ")"
		}
	}
	switch {
	case s.Source >= 0:
		w.line("stage %d, a task for each group of splits", s.ID)
	case s.Narrow:
		w.line("stage %d%s, task by task", s.ID, from)
	case ranks(s):
		w.line("stage %d%s, in one part", s.ID, from)
	default:
		w.line("stage %d%s, in parts of %d key groups", s.ID, from, w.plan.Job.Settings.KeyGroups)
	}
	w.at = s
	w.node(s.Root, "", true)
}

// ranks reports whether a stage puts rows in order, for which they come to one part.
func ranks(s *Stage) bool {
	_, ok := s.Root.Action.(physical.Rank)
	return ok
}

// node prints an operator and what follows it. A chain goes straight down; a
// fork is indented.
func (w *treeWriter) node(n *physical.Node, indent string, last bool) {
	branch, under := "├─ ", "│  "
	if last {
		branch, under = "└─ ", "   "
	}
	w.line("%s%s%s", indent, branch, w.describe(n))
	if skipped := w.skipped(n); skipped != "" {
		bar := "   "
		if len(n.Next) > 0 {
			bar = "│  "
		}
		w.line("%s%s%s↷ %s", indent, under, bar, skipped)
	}
	for i, next := range n.Next {
		w.node(next, indent+under, i == len(n.Next)-1)
	}
}

func (w *treeWriter) skipped(n *physical.Node) string {
	var parts []string
	for _, s := range n.Skipped {
		parts = append(parts, fmt.Sprintf("%s#%d (%s: %s)", w.plan.Ops[s.Op].Dataset.Op().Kind(), s.Op, w.plan.Job.Labels[s.Label], s.Reason))
	}
	return strings.Join(parts, ", ")
}

// describe is one operator on one line.
func (w *treeWriter) describe(n *physical.Node) string {
	op := fmt.Sprintf("%s  #%d", w.plan.Ops[n.Op].Text, n.Op)
	labels := n.Labels.Names(w.plan.Job.Labels)
	switch act := n.Action.(type) {
	case physical.Scan:
		out := fmt.Sprintf("%s, columns %s", op, strings.Join(act.Columns, " "))
		if act.Prune != nil {
			out += ", row groups pruned by statistics"
		}
		return out
	case physical.Route:
		return fmt.Sprintf("%s: %s", w.route(n), columns(n))
	case physical.Compute:
		switch w.plan.Ops[n.Op].Dataset.Op().(type) {
		case rdd.Reduce, rdd.Sort:
			return "arguments of #" + fmt.Sprint(n.Op)
		case rdd.Union, rdd.Join:
			return op + ", columns that are lacking here are null"
		default:
		}
		return op + masked(act.Mask)
	case physical.Keep:
		return op + masked(act.Mask)
	case physical.Expand:
		return op + masked(act.Mask)
	case physical.Explode:
		return op + masked(act.Mask)
	case physical.Apply:
		return op + masked(act.Mask)
	case physical.Assignment:
		if act.Pane != 0 {
			op += ", in panes of " + spell(micros(act.Pane))
		}
		return op + masked(act.Mask)
	case physical.Draw:
		return op + masked(act.Mask)
	case physical.Rank:
		return "rank " + op
	case physical.Only:
		return "only " + act.For.Names(w.plan.Job.Labels)
	case physical.Merge:
		if g := act.Grouping; g != nil && g.Pane != 0 {
			return "merge panes of " + spell(micros(g.Pane)) + " " + op
		} else if g != nil && g.Gap != 0 {
			return "merge sessions " + op
		} else if g != nil {
			return "merge " + op
		}
		return "receive " + labels
	case physical.Join:
		return "match " + op
	case physical.Outlet:
		return w.outlet(n, act)
	}
	return op
}

// route names a route: the stage and the labels that take it. Routes of a stage run
// side by side and never see one another's rows; a stage with one is that route.
func (w *treeWriter) route(n *physical.Node) string {
	labels := n.Labels.Names(w.plan.Job.Labels)
	if w.at == nil || len(w.at.Root.Next) < 2 {
		return labels
	}
	return fmt.Sprintf("stage %d.%s", w.at.ID, labels)
}

func (w *treeWriter) outlet(n *physical.Node, o physical.Outlet) string {
	switch to := o.To.(type) {
	case physical.Partial:
		return fmt.Sprintf("outlet %d: partial %s  #%d, to stage %d", o.ID, w.plan.Ops[n.Op].Text, n.Op, to.Stage) + kept(to.InPlace)
	case physical.Side:
		return fmt.Sprintf("outlet %d: %s side of #%d by %s, to stage %d", o.ID, sideName(to.Input), n.Op, sent(to), to.Stage) + kept(to.InPlace)
	case physical.Ranked:
		first := ""
		if to.N > 0 {
			first = fmt.Sprintf("first %d of ", to.N)
		}
		return fmt.Sprintf("outlet %d: %s%s  #%d, to stage %d", o.ID, first, w.plan.Ops[n.Op].Text, n.Op, to.Stage)
	case physical.Exchange:
		return fmt.Sprintf("outlet %d: exchange to stage %d", o.ID, to.Stage)
	case physical.SinkPart:
		return fmt.Sprintf("outlet %d: %s  #%d", o.ID, w.plan.Ops[n.Op].Text, n.Op)
	}
	return ""
}

// kept says of an exchange that it has nothing to exchange.
func kept(inPlace bool) string {
	if !inPlace {
		return ""
	}
	return ", part by part (" + string(bypass.Partitioned) + ")"
}

func masked(m physical.Mask) string {
	if m == physical.Whole {
		return ""
	}
	return " (" + string(m) + ")"
}

func columns(n *physical.Node) string {
	names := make([]string, 0, n.Out.NumFields())
	for _, f := range n.Out.Fields() {
		names = append(names, f.Name)
	}
	return strings.Join(names, " ")
}

// LabelRoute is what one label meets: the operations that act on it, in order,
// and those it passes by.
type LabelRoute struct {
	Label    int
	Name     string
	Acts     []int
	Bypassed []physical.Bypass
}

// Routes returns the route of every label that the plan has rows of.
func Routes(p *Plan) []LabelRoute {
	acts := map[int][]int{}
	var walk func(n *physical.Node)
	walk = func(n *physical.Node) {
		for _, l := range acting(n).Each() {
			if !slices.Contains(acts[l], n.Op) {
				acts[l] = append(acts[l], n.Op)
			}
		}
		for _, next := range n.Next {
			walk(next)
		}
	}
	for i := range p.Stages {
		walk(p.Stages[i].Root)
	}
	for _, s := range p.Skipped {
		if _, ok := acts[s.Label]; !ok {
			acts[s.Label] = nil
		}
	}
	var out []LabelRoute
	for _, l := range ordered(acts) {
		slices.Sort(acts[l]) // parents come before children
		r := LabelRoute{Label: l, Name: p.Job.Labels[l], Acts: acts[l]}
		for _, s := range p.Skipped {
			if s.Label == l {
				r.Bypassed = append(r.Bypassed, s)
			}
		}
		slices.SortFunc(r.Bypassed, func(a, b physical.Bypass) int { return a.Op - b.Op })
		out = append(out, r)
	}
	return out
}

// acting returns the labels whose rows the node changes, drops or sends on.
func acting(n *physical.Node) rdd.LabelSet {
	switch act := n.Action.(type) {
	case physical.Route:
		return n.Labels
	case physical.Compute:
		return act.For
	case physical.Keep:
		return act.For
	case physical.Expand:
		return act.For
	case physical.Explode:
		return act.For
	case physical.Apply:
		return act.For
	case physical.Assignment:
		return act.For
	case physical.Outlet:
		return act.For
	case physical.Draw:
		return act.For
	case physical.Rank:
		return n.Labels
	case physical.Scan, physical.Merge, physical.Join, physical.Only:
	}
	return 0
}
