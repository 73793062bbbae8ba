package planner

import (
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/rdd"
)

// maxCopies is how many windows a row may be in.
const maxCopies = 1 << 16

func (a *analysis) deriveWindow(n *node, op rdd.Window) {
	if op.For == 0 {
		for _, l := range ordered(n.input) {
			if field(n.input[l], op.Time) != nil {
				n.acts |= 1 << uint(l)
			}
		}
		if n.acts == 0 {
			a.fail(n.Dataset.At("time"), "window: no label has a column %q", op.Time)
		}
	} else {
		n.acts = a.forLabels(n, "for", op.For)
	}
	sound := false
	if op.Gap != 0 {
		if sound = a.windowSpan(n, "session", op.Gap); op.Size != 0 || op.Slide != 0 {
			a.fail(n.Dataset.At("session"), "window: a session has no size and does not slide")
		}
	} else {
		sound = a.windowSpan(n, "size", op.Size)
	}
	if op.Slide != 0 {
		sound = a.windowSpan(n, "slide", op.Slide) && sound
		if c := op.Copies(); c > maxCopies {
			a.fail(n.Dataset.At("slide"), "window: every row would be in %d windows, over %d", c, maxCopies)
		}
	}
	if !sound {
		return
	}
	for _, l := range ordered(n.input) {
		in := n.input[l]
		n.Schemas[l] = in
		if !n.acts.Has(l) {
			continue
		}
		f := field(in, op.Time)
		if f == nil || f.Type.ID() != arrow.TIMESTAMP {
			a.failFor(one(l), labelsOf(n.input), n.Dataset.At("time"), "window: %q must be a timestamp%s", op.Time, typeNote(f))
			continue
		}
		if !nests(op, in, n.windows[l], n.overlap.Has(l)) {
			over := ""
			if op.Gap != 0 || n.overlap.Has(l) || !aligned(op, op.Size) {
				over = ", and neither in sessions nor where windows overlap"
			}
			a.failFor(one(l), labelsOf(n.input), n.Dataset.At("time"), "window: groups leave when their window does; they can be "+
				"windowed again by %s only, with a multiple of its size%s", rdd.WindowStart, over)
			continue
		}
		n.Schemas[l] = withField(withField(in, rdd.WindowStart, timestamp()), rdd.WindowEnd, timestamp())
		n.overlap &^= one(l)
		if op.Gap != 0 {
			delete(n.windows, l) // sessions are of any size
			continue
		}
		n.windows[l] = op.Size
		if !aligned(op, op.Size) {
			n.overlap |= one(l)
		}
	}
}

// windowSpan checks the size of a window, or how far it slides.
func (a *analysis) windowSpan(n *node, mark string, d time.Duration) bool {
	if d <= 0 {
		a.fail(n.Dataset.At(mark), "window: the %s must be positive, got %s", mark, d)
	} else if d%time.Microsecond != 0 {
		a.fail(n.Dataset.At(mark), "window: the %s must be whole microseconds, got %s", mark, d)
	}
	return d > 0 && d%time.Microsecond == 0
}

// nests reports whether a window is over events, or over groups that leave
// before it does: then a group is in time for it however the batches were cut.
func nests(op rdd.Window, in *arrow.Schema, size time.Duration, overlap bool) bool {
	if field(in, rdd.ColSeq) != nil {
		return true
	}
	return op.Gap == 0 && op.Time == rdd.WindowStart && size > 0 && !overlap && op.Size%size == 0 && aligned(op, size)
}

// aligned reports whether windows begin at multiples of size only.
func aligned(op rdd.Window, size time.Duration) bool {
	return op.Slide == 0 && op.Size%size == 0 || op.Slide != 0 && op.Slide%size == 0
}

func typeNote(f *arrow.Field) string {
	if f == nil {
		return ", there is no such column"
	}
	return fmt.Sprintf(", it is %s", typeName(f.Type))
}

// panes finds the windows whose rows can be aggregated once for all the
// windows that they are in: those that overlap, and of which nothing is asked but
// reduces by window_start. Such a window gives its rows panes, as long as what
// divides both its size and its slide; the merging stage puts the panes of
// each window together when it leaves.
func (a *analysis) panes() {
	for _, n := range a.nodes {
		op, ok := n.op.(rdd.Window)
		if !ok || op.Copies() == 1 || len(n.consumers) == 0 {
			continue
		}
		if slices.ContainsFunc(n.consumers, func(id int) bool { return !a.sharesPanes(n, a.nodes[id]) }) {
			continue
		}
		n.pane = gcd(op.Size, op.Slide)
		for _, id := range n.consumers {
			a.nodes[id].pane, a.nodes[id].slide = n.pane, op.Slide
		}
	}
}

// sessions checks what stands on a window of sessions: a Reduce that makes them.
// Which session a row is in is known there only.
func (a *analysis) sessions(n *node) {
	if len(n.Parents) == 0 {
		return
	}
	var gap time.Duration
	for _, p := range n.Parents {
		if w, ok := a.nodes[p].op.(rdd.Window); ok && w.Gap != 0 {
			gap = w.Gap
		}
	}
	if gap == 0 {
		return
	}
	op, ok := n.op.(rdd.Reduce)
	if !ok || n.acts != a.nodes[n.Parents[0]].acts || !slices.Contains(op.By, rdd.WindowStart) {
		a.fail(n.Dataset.At(""), "%s: sessions are made by a reduce: directly behind their window stands a reduce of the same labels by %s, and nothing else",
			n.op.Kind(), rdd.WindowStart)
		return
	}
	n.gap = gap
	for _, g := range op.Get {
		if looksAtWindow(n.exprs["get."+g.Column]) {
			a.fail(n.Dataset.At("get."+g.Column), "reduce: the session of a row is not known before it has ended; %q cannot look at it", g.Expr)
		}
	}
}

func looksAtWindow(e expr.Node) bool {
	if e == nil {
		return false
	}
	cols := expr.Columns(e)
	return slices.Contains(cols, rdd.WindowStart) || slices.Contains(cols, rdd.WindowEnd)
}

// sharesPanes reports whether a consumer of a window is a Reduce of its rows by
// window_start, for which a row counts in every window alike.
func (a *analysis) sharesPanes(w, c *node) bool {
	op, ok := c.op.(rdd.Reduce)
	if !ok || c.acts != w.acts || !slices.Contains(op.By, rdd.WindowStart) {
		return false
	}
	for _, e := range c.exprs {
		if strict(e) || looksAtWindow(e) || draws(e) {
			return false
		}
	}
	return true
}

// draws reports whether rows are drawn by their places: in which of its windows a row
// is, is part of its place.
func draws(e expr.Node) bool {
	return calls(e, func(c *expr.Call) bool { return c.Name == "sample" })
}

func gcd(a, b time.Duration) time.Duration {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
