package planner_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// mistakes returns what Compile says of a job, without the folders of files.
func mistakes(t *testing.T, job *rdd.Job) string {
	t.Helper()
	_, err := planner.Compile(job, planner.IDAG)
	if err == nil {
		return ""
	}
	if fault.Of(err) != fault.Invalid {
		t.Errorf("the author's mistake is a %s: %v", fault.Of(err), err)
	}
	var e *rdd.Error
	if !errors.As(err, &e) {
		t.Fatalf("no *rdd.Error in %v", err)
	}
	return strings.ReplaceAll(err.Error(), filepath.Dir(e.At.File)+string(filepath.Separator), "")
}

// A mistake in Go is reported at the line of the call that made it.
func TestMistakesInGo(t *testing.T) {
	ev := read().Tag(byKind())
	write := func(d *rdd.Dataset) *rdd.Job { return jobOf(d) }
	for _, c := range []struct {
		name string
		job  *rdd.Job
		want string
	}{
		{"column", write(ev.Filter(0, "cdoe > 1")), `filter: in "cdoe > 1" at 1:1: unknown column "cdoe"; did you mean "code"?`},
		{"pairs", write(ev.Map(Err, "a")), "map takes pairs of column and expression, got 1 strings"},
		{"nil input", write(ev.Union(nil)), "union: input 2 is nil"},
		{"undeclared label", write(ev.Filter(1<<9, "true")), "filter: no row here has the label ?; there are error|info|sums"},
		{"value of two labels", write(read().Tag(rdd.Tag{Column: "kind", Values: map[string]rdd.LabelSet{"x": Err | Info}})), `tag: the value "x" gives exactly one label`},
		{"value of no label", write(read().Tag(rdd.Tag{Column: "kind", Values: map[string]rdd.LabelSet{"x": 0}})), `tag: the value "x" gives exactly one label`},
		{"neither column nor rules", write(read().Tag(rdd.Tag{})), "tag: needs column, rules or, for one label for all, otherwise"},
		{"both column and rules", write(read().Tag(rdd.Tag{Column: "kind", Rules: []rdd.Rule{{Label: Err, When: "true"}}})), "tag: needs either column or rules, not both"},
		{"otherwise of two", write(read().Tag(rdd.Tag{Column: "kind", Otherwise: Err | Info})), "tag: otherwise gives exactly one label"},
		{"rule of two", write(read().Tag(rdd.Tag{Rules: []rdd.Rule{{Label: Err | Info, When: "true"}}})), "tag: a rule gives exactly one label"},
		{"two tags in a row", write(ev.Tag(byKind())), "tag follows read and nothing else"},
		{"empty flatmap", write(ev.FlatMap(rdd.FlatMap{})), "flatmap: makes no rows; use filter to drop rows"},
		{"window of no size", write(ev.Window(rdd.Tumbling("ts", 0))), "window: the size must be positive, got 0s"},
		{"window in nanoseconds", write(ev.Window(rdd.Tumbling("ts", 1500))), "window: the size must be whole microseconds, got 1.5µs"},
		{"shuffle without keys", write(ev.Shuffle(rdd.Shuffle{})), "shuffle: needs at least one key"},
		{"reduce without a label", write(ev.Reduce(rdd.Reduce{By: []string{"meter"}})), "reduce: needs one label of the job for its result (as)"},
		{"reduce to a label not declared", write(ev.Reduce(rdd.Reduce{As: 1 << 9, By: []string{"meter"}})), "reduce: needs one label of the job for its result (as)"},
		{"reduce to a label that is here", write(ev.Reduce(rdd.Reduce{From: Err, As: Sums, By: []string{"meter"}}).Reduce(rdd.Reduce{From: Err | Info, As: Sums, By: []string{"meter"}})),
			"reduce: no row here has the label error; there are info|sums; reduce: rows of label sums are here already; give the result a label of its own"},
		{"reduce of nothing", write(ev.Reduce(rdd.Reduce{From: Err, As: Sums})), "reduce: needs keys (by) or aggregates (get)"},
		{"after a write", write(ev.Write(rdd.Write{Connector: "console"})), "write cannot follow write"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for line := range strings.Lines(mistakes(t, c.job)) {
				_, text, _ := strings.Cut(line, ": ")
				got = append(got, strings.TrimSpace(text))
			}
			if text := strings.Join(got, "; "); text != c.want {
				t.Errorf("the message is\n%s\nwant\n%s", text, c.want)
			}
		})
	}
}

// The position is that of the author's call, in the author's file.
func TestMistakesInGoHaveALine(t *testing.T) {
	ev := read().Tag(byKind())
	bad := ev.Filter(0, "true").
		Filter(0, "nothing > 1")
	want := fmt.Sprintf("errors_test.go:%d: filter: ", bad.At("").Line)
	if got := mistakes(t, jobOf(bad)); !strings.HasPrefix(got, want) {
		t.Errorf("the message is %q, want %q …", got, want)
	}
}

// What is wrong with the job itself is reported at NewJob.
func TestMistakesOfJobs(t *testing.T) {
	ev := read().Tag(byKind())
	sink := ev.Write(rdd.Write{Connector: "console"})
	many := make([]string, rdd.LabelSet(0).Most()+1)
	for i := range many {
		many[i] = fmt.Sprint("l", i)
	}
	bare := rdd.From("memory", nil).Tag(byKind()).Write(rdd.Write{Connector: "console"})
	for _, c := range []struct {
		name string
		job  *rdd.Job
		want string
	}{
		{"no sinks", rdd.NewJob("j", labels()), `job "j" writes nothing: end a dataset in a write`},
		{"no labels", rdd.NewJob("j", nil, sink), "a job declares 1 to 64 labels, this one has 0"},
		{"too many labels", rdd.NewJob("j", many, sink), "a job declares 1 to 64 labels, this one has 65"},
		{"a label twice", rdd.NewJob("j", []string{"a", "b", "a"}, sink), `label "a" is empty or declared twice`},
		{"an empty label", rdd.NewJob("j", []string{""}, sink), `label "" is empty or declared twice`},
		{"a sink that is none", rdd.NewJob("j", labels(), ev), "a sink must end in write, this one ends in tag"},
		{"a nil sink", rdd.NewJob("j", labels(), nil), `a sink of job "j" is nil`},
		{"negative lateness", jobOf(ev).With(rdd.Settings{Lateness: -time.Second}), "settings: lateness is negative"},
		{"negative key groups", jobOf(ev).With(rdd.Settings{KeyGroups: -1}), "settings: key_groups is negative"},
		{"no schema yet", rdd.NewJob("j", labels(), bare), "read: the schema of memory is not known yet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := mistakes(t, c.job)
			if at, text, _ := strings.Cut(got, ": "); text != c.want || !strings.Contains(at, "_test.go:") {
				t.Errorf("the message is %q, want %q at a line of this package", got, c.want)
			}
		})
	}
}

// 64 labels are allowed, and the last of them works like the first.
func TestSixtyFourLabels(t *testing.T) {
	names := make([]string, rdd.LabelSet(0).Most())
	for i := range names {
		names[i] = fmt.Sprint("l", i)
	}
	last := rdd.LabelSet(1) << 63
	d := read().Tag(rdd.Tag{Column: "kind"}).Filter(last, "code > 1")
	p := compile(t, rdd.NewJob("j", names, d.Write(rdd.Write{From: last | 1, Connector: "console"})), planner.IDAG)
	routes := planner.Routes(p)
	if len(routes) != 64 || len(routes[0].Acts) != 2 || len(routes[63].Acts) != 3 {
		t.Errorf("%d routes, the first %v, the last %v", len(routes), routes[0].Acts, routes[len(routes)-1].Acts)
	}
}

// A source's rows are tagged once; a second tag would need a second read.
func TestTwoTagsOnOneRead(t *testing.T) {
	src := read()
	job := jobOf(src.Tag(byKind()), src.Tag(rdd.Tag{Column: "meter"}))
	if got, want := mistakes(t, job), "read.go:1: read: its rows are tagged once, here 2 operations follow it"; got != want {
		t.Errorf("the message is %q, want %q", got, want)
	}
}

// A mode that is none is the caller's mistake.
func TestUnknownMode(t *testing.T) {
	_, err := planner.Compile(jobOf(read().Tag(byKind())), "quick")
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "idag, masked, selection and staged") {
		t.Errorf("the error is %v", err)
	}
}

// Compile does not change the job that it is given.
func TestCompileLeavesTheJob(t *testing.T) {
	job := jobOf(read().Tag(byKind()))
	p := compile(t, job, planner.IDAG)
	if job.Settings != (rdd.Settings{}) {
		t.Errorf("the job's settings are now %+v", job.Settings)
	}
	if p.Job.Settings != (rdd.Settings{}).WithDefaults() {
		t.Errorf("the plan's settings are %+v", p.Job.Settings)
	}
}
