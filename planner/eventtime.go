package planner

import (
	"fmt"
	"maps"

	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/rdd"
)

// EventTime returns the expression over the source's columns that gives the
// event time of the rows of a Tag: the one it names, or else the time column of the
// windows that its rows come to. That is inferred only where it is certain: the
// windows agree, and the column comes to them as the source has it. Otherwise the
// author has to say which time the watermark follows; the error is at the window.
// Without windows there is no event time: "".
func EventTime(job *rdd.Job, tag *rdd.Dataset) (string, error) {
	op, ok := tag.Op().(rdd.Tag)
	if !ok || op.Time != "" {
		return op.Time, nil
	}
	found := ""
	changed := map[*rdd.Dataset]map[string]bool{tag: {}} // of what the tag's rows come to: columns set on the way
	for _, d := range job.Datasets() {
		set, reached := changedBefore(d, changed)
		if !reached {
			continue
		}
		for _, c := range d.Sets(job.Functions) {
			set[c] = true
		}
		changed[d] = set
		w, ok := d.Op().(rdd.Window)
		if !ok || w.Time == rdd.WindowStart || w.Time == rdd.WindowEnd {
			continue
		}
		if set[w.Time] || found != "" && found != w.Time {
			return "", &rdd.Error{At: d.At("time"), Text: fmt.Sprintf("window: which time does the watermark follow? %q is not a column of the source as it is, "+
				"or windows differ: name the event time in tag (time: ...)", w.Time)}
		}
		found = w.Time
	}
	if found == "" {
		return "", nil
	}
	return (&expr.Column{Name: found}).String(), nil
}

// changedBefore joins what was set on the ways to d, and says whether any of its
// parents is reached at all.
func changedBefore(d *rdd.Dataset, changed map[*rdd.Dataset]map[string]bool) (map[string]bool, bool) {
	if set, ok := changed[d]; ok {
		return set, true // the tag itself
	}
	out, reached := map[string]bool{}, false
	for _, p := range d.Parents() {
		if set, ok := changed[p]; ok {
			reached = true
			maps.Copy(out, set)
		}
	}
	return out, reached
}
