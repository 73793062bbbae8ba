package planner_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// eachNode calls f with every node of a plan, once.
func eachNode(p *planner.Plan, f func(*physical.Node)) {
	seen := map[*physical.Node]bool{}
	var walk func(n *physical.Node)
	walk = func(n *physical.Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		f(n)
		for _, next := range n.Next {
			walk(next)
		}
	}
	for _, s := range p.Stages {
		walk(s.Root)
	}
}

// doneLists are the lists of what a plan writes, by sink and label.
func doneLists(p *planner.Plan) map[[2]int][]string {
	out := map[[2]int][]string{}
	eachNode(p, func(n *physical.Node) {
		o, _ := n.Action.(physical.Outlet)
		if part, ok := o.To.(physical.SinkPart); ok {
			for l, list := range part.Done {
				out[[2]int{part.Sink, l}] = list
			}
		}
	})
	return out
}

// inSinks calls f with the lists of a plan, in order.
func inSinks(p *planner.Plan, f func(sink, label int, list []string)) {
	lists := doneLists(p)
	for sink := range p.Writes {
		for l := range p.Job.Labels {
			if list, ok := lists[[2]int{sink, l}]; ok {
				f(sink, l, list)
			}
		}
	}
}

func (s *session) written(t testing.TB, src string) string {
	p, err := s.compile(src, planner.IDAG)
	if err != nil {
		return err.Error() + "\n"
	}
	for _, mode := range []planner.Mode{planner.Masked, planner.Selection, planner.Staged} {
		other, err := s.compile(src, mode)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := fmt.Sprint(doneLists(p)), fmt.Sprint(doneLists(other)); a != b {
			t.Errorf("the %s plan writes other lists: %s, not %s", mode, b, a)
		}
	}
	var b strings.Builder
	inSinks(p, func(sink, l int, list []string) {
		fmt.Fprintf(&b, "%d %s: %s\n", sink, p.Job.Labels[l], strings.Join(list, " "))
	})
	return b.String()
}

// takes says, for each list that the first job writes, what the second does with rows
// that bear it.
func (s *session) takes(edge, centre string, mode planner.Mode) string {
	from, err := s.compile(edge, planner.IDAG)
	if err != nil {
		return "the first: " + err.Error() + "\n"
	}
	to, err := s.compile(centre, mode)
	if err != nil {
		return "the second: " + err.Error() + "\n"
	}
	var b strings.Builder
	inSinks(from, func(sink, l int, list []string) {
		fmt.Fprintf(&b, "%d %s: %s\n", sink, from.Job.Labels[l], entryOf(to, list))
	})
	return b.String()
}

func entryOf(p *planner.Plan, list []string) string {
	out := "as they are"
	eachNode(p, func(n *physical.Node) {
		scan, ok := n.Action.(physical.Scan)
		if !ok {
			return
		}
		for _, e := range scan.Entries {
			r := e.Action.(physical.Route)
			lost, ok := bypass.Applied(list, r.Done)
			if !ok {
				continue
			}
			var columns []string
			for _, f := range e.In.Fields() {
				columns = append(columns, f.Name)
			}
			out = fmt.Sprintf("%s behind #%d, columns %s", p.Job.Labels[r.Label], e.Op, strings.Join(columns, " "))
			if r.Wrong != "" {
				out += ", but " + r.Wrong
			}
			for _, c := range lost {
				if slices.Contains(columns, c) {
					out += ", but without " + c
				}
			}
			if !scan.Trusted {
				out += ", if trusted"
			}
		}
	})
	return out
}

// TestEntriesBalance proves that rows which enter pass by each operation that acts on
// other rows of their label before that place as done, and by all others for the reason
// for which those pass by them.
func TestEntriesBalance(t *testing.T) {
	src := read()
	op := src.Op().(rdd.Read)
	op.Trust = "done"
	ev := src.With(op).Tag(byKind()).Map(Err, "code", "code + 1").Filter(0, "wh > 0").Map(Info, "unread", "wh").Map(Info, "wh", "wh * 2")
	p, err := planner.Compile(rdd.NewJob("j", labels(), ev.Write(rdd.Write{Connector: "console", Columns: []string{"meter", "wh"}})), planner.IDAG)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	eachNode(p, func(n *physical.Node) {
		if scan, ok := n.Action.(physical.Scan); ok {
			for _, e := range scan.Entries {
				var list []string
				for _, s := range e.Skipped {
					list = append(list, fmt.Sprintf("%d %s", s.Op, s.Reason))
				}
				slices.Sort(list)
				seen[fmt.Sprintf("%s %d", p.Job.Labels[e.Action.(physical.Route).Label], e.Op)] = strings.Join(list, ", ")
			}
		}
	})
	for entry, want := range map[string]string{
		"error 1": "1 done, 2 unscheduled",
		"error 2": "1 done, 2 done",
		"error 3": "1 done, 2 done, 3 done, 4 label, 5 label",
		"info 1":  "1 done, 2 label",
		"info 3":  "1 done, 2 label, 3 done, 4 unscheduled",
		"info 4":  "1 done, 2 label, 3 done, 4 done",
		"info 5":  "1 done, 2 label, 3 done, 4 done, 5 done",
	} {
		if seen[entry] != want {
			t.Errorf("rows that enter behind %s pass by %q, want %q (of %v)", entry, seen[entry], want, seen)
		}
	}
}
