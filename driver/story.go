package driver

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// story is what a ledger has to know of a plan.
func story(plan *planner.Plan, run int64) (Started, error) {
	s := Started{Job: plan.Job.Name, Plan: plan.Digest, Mode: plan.Mode, Settings: plan.Job.Settings.WithDefaults(), Run: run, Ops: opTexts(plan),
		Schedule: plan.Job.Schedule}
	for _, schema := range sources(plan) {
		var cols [][2]string
		var raw []byte
		if schema != nil {
			for _, f := range schema.Fields() {
				cols = append(cols, [2]string{f.Name, f.Type.String()})
			}
			var b bytes.Buffer
			if err := ipc.NewWriter(&b, ipc.WithSchema(schema)).Close(); err != nil {
				return s, fault.New(fault.Bug, "ledger: %w", err)
			}
			raw = b.Bytes()
		}
		s.Schemas, s.Arrow = append(s.Schemas, cols), append(s.Arrow, raw)
	}
	return s, nil
}

// Source returns the schema of a source as the run began with it, or nil where the
// ledger does not have it.
func (s *Started) Source(i int) *arrow.Schema {
	if i < 0 || i >= len(s.Arrow) {
		return nil
	}
	r, err := ipc.NewReader(bytes.NewReader(s.Arrow[i]))
	if err != nil {
		return nil
	}
	defer r.Release()
	return r.Schema()
}

// sources returns the schema of each source of a plan, nil where it has none.
func sources(plan *planner.Plan) []*arrow.Schema {
	out := make([]*arrow.Schema, len(plan.Reads))
	for i, op := range plan.Reads {
		if op >= len(plan.Ops) || plan.Ops[op].Dataset == nil {
			continue
		}
		if read, ok := plan.Ops[op].Dataset.Op().(rdd.Read); ok {
			out[i] = read.Schema
		}
	}
	return out
}

// opTexts spells the operations of a plan for people.
func opTexts(plan *planner.Plan) []string {
	var out []string
	for _, op := range plan.Ops {
		if op.Dataset != nil && !op.Unscheduled {
			out = append(out, fmt.Sprintf("%s#%d: %s", op.Dataset.Op().Kind(), op.ID, op.Text))
		}
	}
	return out
}

// fits refuses to take up the run of another job, or of the same job if it has
// changed such that its batches would come to other rows.
func fits(plan *planner.Plan, was Started) error {
	is, err := story(plan, was.Run)
	if err != nil {
		return err
	}
	if was.Job != is.Job {
		return fault.New(fault.Invalid, "the ledger belongs to job %s, not to job %s: use another ledger for it, or --restart", was.Job, is.Job)
	}
	list := slices.Concat(settingChanges(is, was), sourceChanges(is, was), opChanges(is.Ops, was.Ops))
	if !slices.Equal(is.Schedule, was.Schedule) {
		list = append(list, fmt.Sprintf("schedule: is %s, was %s", names(is.Schedule), names(was.Schedule)))
	}
	if is.Mode != was.Mode {
		list = append(list, fmt.Sprintf("plan: is %s, was %s", is.Mode, was.Mode))
	}
	if len(list) == 0 && is.Plan != was.Plan {
		list = append(list, fmt.Sprintf("plan: is %.12s, was %.12s: another version may have made it", is.Plan, was.Plan))
	}
	if len(list) == 0 || is.Plan == was.Plan && len(settingChanges(is, was)) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "job %s has changed since its unfinished run began, so that run cannot go on:\n  %s\nundo the change, or start over with --restart",
		is.Job, strings.Join(list, "\n  "))
}

// names spells a schedule.
func names(schedule []string) string {
	if len(schedule) == 0 {
		return "all"
	}
	return strings.Join(schedule, ", ")
}

// settingChanges lists the settings that decide rows and differ.
func settingChanges(is, was Started) []string {
	var out []string
	now, then := is.Settings.WithDefaults(), was.Settings.WithDefaults()
	for _, s := range []struct {
		name    string
		is, was any
	}{
		{"in_flight", now.InFlight, then.InFlight},
		{"key_groups", now.KeyGroups, then.KeyGroups},
		{"lateness", now.Lateness, then.Lateness},
	} {
		if s.is != s.was {
			out = append(out, fmt.Sprintf("settings: %s is %v, was %v", s.name, s.is, s.was))
		}
	}
	return out
}

// sourceChanges lists the columns of sources that differ.
func sourceChanges(is, was Started) []string {
	var out []string
	if was.Schemas == nil {
		return nil
	}
	if len(is.Schemas) != len(was.Schemas) {
		out = append(out, fmt.Sprintf("sources: are %d, were %d", len(is.Schemas), len(was.Schemas)))
	}
	for i := range min(len(is.Schemas), len(was.Schemas)) {
		now, then := map[string]string{}, map[string]string{}
		for _, c := range was.Schemas[i] {
			then[c[0]] = c[1]
		}
		for _, c := range is.Schemas[i] {
			switch t, ok := then[c[0]]; {
			case !ok:
				out = append(out, fmt.Sprintf("source %d: column %s is %s, was not there", i, c[0], c[1]))
			case t != c[1]:
				out = append(out, fmt.Sprintf("source %d: column %s is %s, was %s", i, c[0], c[1], t))
			}
			now[c[0]] = c[1]
		}
		for _, c := range was.Schemas[i] {
			if _, ok := now[c[0]]; !ok {
				out = append(out, fmt.Sprintf("source %d: column %s is gone, was %s", i, c[0], c[1]))
			}
		}
	}
	return out
}

// opChanges lists the operations that differ: an edit script by the longest common
// subsequence, in which an operation that replaces one of its kind is one line.
func opChanges(is, was []string) []string {
	if was == nil {
		return nil
	}
	var out []string
	edit(is, was, func(now, then string) {
		kind := func(s string) string { k, _, _ := strings.Cut(s, "#"); return k }
		text := func(s string) string { _, t, _ := strings.Cut(s, ": "); return t }
		switch {
		case now == "":
			out = append(out, fmt.Sprintf("%s is gone", then))
		case then == "":
			out = append(out, fmt.Sprintf("%s is new", now))
		case kind(now) == kind(then):
			out = append(out, fmt.Sprintf("%s, was %s", now, text(then)))
		default:
			out = append(out, fmt.Sprintf("%s, was %s", now, then))
		}
	})
	return out
}

// edit reports what turns was into is: an item in place of another, one that is
// new, or one that is gone.
func edit(is, was []string, report func(now, then string)) {
	text := func(s string) string { k, t, _ := strings.Cut(s, ": "); k, _, _ = strings.Cut(k, "#"); return k + t }
	common := make([][]int, len(is)+1) // lengths behind i and j
	for i := range common {
		common[i] = make([]int, len(was)+1)
	}
	for i := len(is) - 1; i >= 0; i-- {
		for j := len(was) - 1; j >= 0; j-- {
			if text(is[i]) == text(was[j]) {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(is) || j < len(was) {
		switch {
		case i < len(is) && j < len(was) && text(is[i]) == text(was[j]):
			i, j = i+1, j+1
		case i < len(is) && j < len(was) && common[i+1][j+1] == common[i][j]:
			report(is[i], was[j])
			i, j = i+1, j+1
		case j == len(was) || i < len(is) && common[i+1][j] == common[i][j]:
			report(is[i], "")
			i++
		default:
			report("", was[j])
			j++
		}
	}
}
