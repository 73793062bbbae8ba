package planner

import (
	"slices"
	"strings"

	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// A schedule names the sinks that are wanted now. What only the other sinks stand
// on is unscheduled: it is checked like everything else, so that a job is right or
// wrong whatever its schedule, but no plan carries it out. Rows of sinks that are
// wanted do not depend on the others, so they are the same with and without them.
//
// Dead letters go with the operation that makes them: a row that would fail under
// strict(), or be late for a window, that only an unscheduled sink stands on is no
// dead letter of this run, as nothing that is asked for has lost it. Those of
// labelling stay as long as the source is read at all.

// checkSchedule refuses names that are no sink's.
func (a *analysis) checkSchedule() {
	outputs := a.job.Outputs()
	named := map[string]bool{}
	for _, d := range a.job.Datasets() {
		named[d.Name()] = true
	}
	for _, name := range a.job.Schedule {
		what := "there is no dataset"
		switch {
		case slices.Contains(outputs, name):
			continue
		case named[name] && name != "":
			what = "nothing writes the dataset"
		}
		there := "no sink of the job has a name"
		if len(outputs) > 0 {
			there = "there is " + strings.Join(outputs, ", ")
		}
		a.fail(a.job.At, "schedule: %s %q; %s", what, name, there)
	}
}

// schedule finds the operations that are unscheduled. What the job reads of itself is
// wanted, too.
func (a *analysis) schedule() {
	wanted := map[int]bool{}
	a.scheduleFor(wanted)
	for a.wantBroadcasts(wanted) {
		a.scheduleFor(wanted)
	}
}

// scheduleFor finds the operations that are unscheduled where besides the sinks that the
// job asks for some operations are wanted.
func (a *analysis) scheduleFor(wanted map[int]bool) {
	for i := len(a.nodes) - 1; i >= 0; i-- {
		n := a.nodes[i]
		if _, sink := n.op.(rdd.Write); sink && a.job.Scheduled(n.Dataset) {
			wanted[i] = true
		}
		n.Unscheduled = !wanted[i]
		for _, p := range n.Parents {
			wanted[p] = wanted[p] || wanted[i]
		}
	}
}

// passive reports whether an operation costs nothing and is never counted.
func (n *node) passive() bool {
	switch n.op.(type) {
	case rdd.Read, rdd.Tag, rdd.Union, rdd.Cache:
		return true
	default:
		return false
	}
}

// changes reports whether an operation only changes, drops or multiplies rows.
func (n *node) changes() bool {
	switch n.op.(type) {
	case rdd.Map, rdd.Filter, rdd.FlatMap, rdd.Apply, rdd.Broadcast, rdd.Sample:
		return true
	default:
		return false
	}
}

// skipRest notes the unscheduled operations that no flow comes by: those on the
// results of operations that are unscheduled themselves, and behind sources that
// are not read.
func (b *builder) skipRest() {
	if b.mode.Linear() {
		return
	}
	for _, n := range b.nodes {
		if !n.Unscheduled || n.passive() {
			continue
		}
		for _, l := range (labelsOf(n.input) & n.acts).Each() {
			b.note(physical.Bypass{Op: n.ID, Label: l, Reason: bypass.Unscheduled})
		}
	}
}
