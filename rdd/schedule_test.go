package rdd_test

import (
	"slices"
	"testing"

	"github.com/idag/idag/rdd"
)

// TestOutputs: a sink goes by its own name, else by that of what it writes.
func TestOutputs(t *testing.T) {
	ev := rdd.From("memory", nil).Tag(rdd.Tag{Column: "kind"}).Named("events")
	console := rdd.Write{Connector: "console"}
	events, own, nameless := ev.Write(console), ev.Write(console).Named("again"), ev.Filter(0, "true").Write(console)
	job := rdd.NewJob("j", []string{"a"}, events, own, nameless)
	if got := job.Outputs(); !slices.Equal(got, []string{"events", "again"}) {
		t.Errorf("outputs %q", got)
	}
	for _, c := range []struct {
		wanted []string
		is     [3]bool
	}{
		{nil, [3]bool{true, true, true}},
		{[]string{"again"}, [3]bool{false, true, false}},
		{[]string{"events", "again"}, [3]bool{true, true, false}},
	} {
		j := job.Wanted(c.wanted...)
		for i, s := range j.Sinks {
			if j.Scheduled(s) != c.is[i] {
				t.Errorf("schedule %q: sink %d is %t", c.wanted, i, !c.is[i])
			}
		}
	}
	if job.Schedule != nil {
		t.Error("the job itself was changed")
	}
}
