package planner

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// A Broadcast is carried out as a function that the plan itself brings: its columns
// are the same for all rows of a task, which is given the row. It is for no done-list and
// no cache, for what it adds to a row is not of the row; and no bounds are known of it.

// broadcasts are the sinks whose rows the job may read, by name.
func (a *analysis) broadcasts() map[string]*node {
	out := map[string]*node{}
	for _, n := range a.nodes {
		if name, ok := broadcastOf(n.op); ok {
			out[name] = n
		}
	}
	return out
}

// broadcastOf is the name of a sink whose rows the job may read.
func broadcastOf(op rdd.Operation) (string, bool) {
	w, ok := op.(rdd.Write)
	name, named := w.Options["name"].(string)
	return name, ok && named && w.Connector == "broadcast"
}

// deriveBroadcast sets the columns with the types that they are said to have; whether
// they have them is known when all is derived.
func (a *analysis) deriveBroadcast(n *node, op rdd.Broadcast) {
	n.acts = a.forLabels(n, "for", op.For)
	n.fn = &fn.Func{Name: op.Of, Rows: fn.Keeps, Writes: op.Columns}
	if len(op.Columns) == 0 {
		a.fail(n.Dataset.At("columns"), "broadcast: names no columns of %q", op.Of)
	}
	for i, c := range op.Columns {
		switch at := n.Dataset.At("columns." + c.Name); {
		case c.Name == "" || system(c.Name) || slices.ContainsFunc(op.Columns[:i], func(o fn.Column) bool { return o.Name == c.Name }):
			a.fail(at, "broadcast: cannot set the column %q, or sets it twice", c.Name)
			return
		case c.Type == nil || !supported(c.Type):
			a.fail(at, "broadcast: the column %q needs one of the engine's types", c.Name)
			return
		}
	}
	for _, l := range ordered(n.input) {
		out := n.input[l]
		if n.acts.Has(l) {
			for _, c := range op.Columns {
				if c.Name == rdd.WindowStart {
					delete(n.windows, l)
				}
				out = withField(out, c.Name, c.Type)
			}
		}
		n.Schemas[l] = out
	}
}

// checkBroadcasts checks that what the job reads of itself is written, and that there is a
// last one.
func (a *analysis) checkBroadcasts() {
	first := a.broadcasts()
	for _, n := range a.nodes {
		if name, ok := broadcastOf(n.op); ok && !n.wrong {
			if other := first[name]; other != n {
				a.fail(n.Dataset.At(""), "write: broadcast %q is written twice; give one another name", name)
			}
			a.checkResult(n)
		}
	}
	for _, n := range a.nodes {
		if op, ok := n.op.(rdd.Broadcast); ok && !n.wrong {
			a.checkBroadcast(n, op, first[op.Of])
		}
	}
}

func (a *analysis) checkBroadcast(n *node, op rdd.Broadcast, from *node) {
	if from == nil {
		there := "nothing is written to a broadcast"
		if names := slices.Sorted(maps.Keys(a.broadcasts())); len(names) > 0 {
			there = "there is " + strings.Join(names, ", ")
		}
		a.fail(n.Dataset.At("of"), "broadcast: nothing writes %q; %s", op.Of, there)
		return
	}
	if from.wrong || from.acts.Len() != 1 {
		return
	}
	for _, c := range op.Columns {
		switch f := field(from.Schemas[from.acts.First()], c.Name); {
		case f == nil:
			a.fail(n.Dataset.At("columns."+c.Name), "broadcast: %q has no column %q", op.Of, c.Name)
		case !types.Same(c.Type, f.Type):
			a.fail(n.Dataset.At("columns."+c.Name), "broadcast: the column %q of %q is %s, not %s", c.Name, op.Of, typeName(f.Type), typeName(c.Type))
		}
	}
}

// checkResult checks a sink whose rows the job may read: which of them is the newest must
// follow from event time, and there may be one a window.
func (a *analysis) checkResult(n *node) {
	at := n.Dataset.At("")
	if name, _ := broadcastOf(n.op); name == "" {
		a.fail(n.Dataset.At("name"), "write: a broadcast needs a name, by which the job reads it")
		return
	}
	if n.acts.Len() != 1 {
		a.fail(at, "write: a broadcast takes rows of one label, here are %s; say which with from", a.names(n.acts))
		return
	}
	l := n.acts.First()
	if f := field(n.Schemas[l], rdd.WindowStart); f == nil || f.Type.ID() != arrow.TIMESTAMP {
		a.fail(at, "write: a broadcast needs the column %s: it says which row is the newest", rdd.WindowStart)
		return
	}
	made := a.madeBy(n, l)
	var op rdd.Reduce
	if made != nil {
		op, _ = made.op.(rdd.Reduce)
	}
	keyed := slices.ContainsFunc(op.By, func(k string) bool { return k != rdd.WindowStart && k != rdd.WindowEnd })
	if made == nil || keyed || made.gap != 0 || n.windows[l] == 0 || n.overlap.Has(l) {
		a.fail(at, "write: a broadcast takes one row a window: what a reduce by %s alone makes of windows that tumble, and map, filter, apply and broadcast of it", rdd.WindowStart)
	}
}

// madeBy is the Reduce that makes the rows of a label that come to n, if they are not
// multiplied, grouped or windowed anew on the way, or nil.
func (a *analysis) madeBy(n *node, l int) *node {
	for len(n.Parents) == 1 {
		n = a.nodes[n.Parents[0]]
		if n.Dataset.Result().Has(l) {
			if _, ok := n.op.(rdd.Reduce); ok {
				return n
			}
			return nil
		}
		if !n.acts.Has(l) {
			continue
		}
		switch n.op.(type) {
		case rdd.Map, rdd.Filter, rdd.Broadcast, rdd.Cache:
		case rdd.Apply:
			if n.fn.Rows == fn.Multiplies {
				return nil
			}
		default:
			return nil
		}
	}
	return nil
}

// wantBroadcasts adds to the sinks that are wanted those that operations which are read. It
// reports whether there are more.
func (a *analysis) wantBroadcasts(wanted map[int]bool) bool {
	more, sinks := false, a.broadcasts()
	for _, n := range a.nodes {
		op, ok := n.op.(rdd.Broadcast)
		if from := sinks[op.Of]; ok && !n.Unscheduled && from != nil && !wanted[from.ID] {
			wanted[from.ID], more = true, true
		}
	}
	return more
}

// broadcast attaches a Broadcast.
func (b *builder) broadcast(c *node, op rdd.Broadcast, f flow) flow {
	sink := slices.Index(b.plan.Writes, b.broadcasts()[op.Of].ID)
	if s := &b.plan.Stages[f.stage]; !slices.Contains(s.Results, sink) {
		s.Results = append(s.Results, sink)
	}
	return b.called(c, physical.Apply{Func: c.fn, Last: true, Sink: sink}, nil, op.Names(), f)
}

// results are the sinks whose rows the plan reads, with the windows that they are of.
func (b *builder) results() {
	read := map[int]bool{}
	for _, s := range b.plan.Stages {
		for _, sink := range s.Results {
			read[sink] = true
		}
	}
	for _, sink := range ordered(read) {
		n := b.nodes[b.plan.Writes[sink]]
		r := Result{Sink: sink, Window: n.windows[n.acts.First()], Stage: -1}
		made := b.madeBy(n, n.acts.First())
		for i := range b.plan.Stages {
			if _, merges := b.plan.Stages[i].Root.Action.(physical.Merge); merges && b.plan.Stages[i].Root.Op == made.ID && !b.keptBefore(i) {
				r.Stage = i
			}
		}
		b.plan.Results = append(b.plan.Results, r)
	}
}

// keptBefore reports whether a stage before one keeps rows from batch to batch.
func (b *builder) keptBefore(stage int) bool {
	for _, e := range b.plan.Stages[stage].Inputs {
		if b.plan.Stages[e.Stage].Stateful || b.keptBefore(e.Stage) {
			return true
		}
	}
	return false
}

// Result is a sink whose rows the job itself reads, with a Broadcast: one row a window.
type Result struct {
	Sink int // its ordinal
	// Stage is the one that groups the rows: what it keeps is all that there is of windows
	// that have not left. -1 where stages before it keep rows as well.
	Stage  int
	Window time.Duration // how long a window is
}

// broadcastParameters spells what decides what a Broadcast adds, but for the sink itself.
func broadcastParameters(op rdd.Broadcast) []string {
	s := []string{"of", op.Of}
	for _, c := range op.Columns {
		s = append(s, "column", c.Name, declaredType(c.Type))
	}
	return s
}

func broadcastText(op rdd.Broadcast, labels string) string {
	return "broadcast" + labels + " " + strings.Join(op.Names(), ", ") + " of " + op.Of
}
