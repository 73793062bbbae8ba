package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/idag/idag/internal/twin"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// TestListsAreOfTheRow: the list that rows are written with has all operations that acted on
// them from their Tag on, and each of these makes of a row what depends on the row alone: who
// takes it up in another run, or another batch, would come to the same. Rows of which
// that cannot be said are written without one. The random jobs are written behind each
// of their datasets.
func TestListsAreOfTheRow(t *testing.T) {
	listed, none := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		c := twin.Draw(t, hashOf)
		job := *c.Job
		job.Schedule, job.Sinks = nil, slices.Clone(job.Sinks)
		for i, d := range c.Job.Datasets() {
			op := d.Op()
			_, read := op.(rdd.Read)
			_, write := op.(rdd.Write)
			if window, _ := op.(rdd.Window); !read && !write && window.Gap == 0 { // behind sessions stands their reduce
				job.Sinks = append(job.Sinks, d.Write(rdd.Write{Connector: "memory", Options: rdd.Options{"name": fmt.Sprint("behind ", i)}}))
			}
		}
		plan, err := planner.Compile(&job, planner.IDAG)
		if err != nil {
			t.Fatalf("%v\n%s", err, c)
		}
		for _, part := range sinkParts(plan) {
			sink := plan.Ops[plan.Writes[part.Sink]].Dataset
			for l := range part.Schemas {
				var list []string
				for _, digest := range part.Done[l] {
					if !strings.HasPrefix(digest, "without:") {
						list = append(list, digest)
					}
				}
				switch acted, steady := actedOn(sink, l); {
				case !steady && list == nil:
					none++
				case !steady:
					t.Fatalf("rows of %s are written behind %s with the list %v\n%s", job.Labels[l], sink.Parents()[0].Op().Kind(), list, c)
				case list != nil && len(list) != acted:
					t.Fatalf("%d operations acted on rows of %s, the list has %v\n%s", acted, job.Labels[l], list, c)
				case list != nil:
					listed++
				}
			}
		}
	})
	if listed == 0 || none == 0 {
		t.Errorf("%d lists, %d times none: too few to prove anything", listed, none)
	}
}

// sinkParts are the outlets of a plan to sinks.
func sinkParts(plan *planner.Plan) (out []physical.SinkPart) {
	var walk func(n *physical.Node)
	walk = func(n *physical.Node) {
		if outlet, ok := n.Action.(physical.Outlet); ok {
			if part, ok := outlet.To.(physical.SinkPart); ok {
				out = append(out, part)
			}
		}
		for _, next := range n.Next {
			walk(next)
		}
	}
	for _, s := range plan.Stages {
		walk(s.Root)
	}
	return out
}

// actedOn is how many operations acted on rows of a label that a sink takes, their Tag
// among them, and whether what all of them make of a row depends on the row alone.
func actedOn(sink *rdd.Dataset, l int) (n int, sure bool) {
	for d := sink; len(d.Parents()) == 1; {
		if d = d.Parents()[0]; d.Result().Has(l) {
			return n, false // made here
		}
		set, alone := rdd.LabelSet(0), false
		text := fmt.Sprintf("%+v", d.Op())
		switch op := d.Op().(type) {
		case rdd.Tag:
			rules := fmt.Sprintf("%+v", op.Rules)
			return n + 1, !strings.Contains(rules, "now()") && !strings.Contains(rules, "unix_timestamp()")
		case rdd.Cache:
			continue
		case rdd.Map:
			set, alone = op.For, true
		case rdd.Filter:
			set, alone = op.For, true
		case rdd.FlatMap:
			set, alone = op.For, true
		case rdd.Apply:
			set, alone = op.For, true
		case rdd.Broadcast:
			set = op.For
		case rdd.Window:
			set = op.For
		case rdd.Shuffle:
			set = op.From
		case rdd.Reduce:
			set = op.From
		case rdd.Distinct:
			set = op.From
		case rdd.Sort:
			set = op.From
		case rdd.Limit:
			set = op.From
		case rdd.Sample:
			set = op.From
		case rdd.Join:
			set = op.From | op.With
		case rdd.Read, rdd.Union, rdd.Write:
		}
		switch {
		case set != 0 && !set.Has(l):
		case !alone || strings.Contains(text, "strict(") || strings.Contains(text, "now()") || strings.Contains(text, "unix_timestamp()"):
			return n, false
		default:
			n++
		}
	}
	return n, false
}
