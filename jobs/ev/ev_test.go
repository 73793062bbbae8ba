package ev_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/connectors/console"
	"github.com/idag/idag/connectors/csv"
	"github.com/idag/idag/connectors/generate"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/jobs/ev"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// TestTwoSpellingsOneJob proves that the job files and the Go API build the same jobs,
// operation by operation and name by name, and that the variables are the same.
func TestTwoSpellingsOneJob(t *testing.T) {
	for _, vars := range []map[string]string{
		nil, ev.Vars(),
		{"round": "15m", "sink": "console", "out": "there", "central": "on", "central_from": "backup"},
		{"round": "2 hours", "sink": "memory", "method": "krum:1", "label": "charge <= 20", "client": "concat(node, car_id)"},
	} {
		same(t, "ev.yaml", ev.YAML(), ev.Job, vars)
	}
	for _, vars := range []map[string]string{nil, ev.RecordedVars(), {"path": "there", "seed": "4", "central": "3"}} {
		same(t, "ev-recorded.yaml", ev.RecordedYAML(), ev.RecordedJob, vars)
	}
	for _, vars := range []map[string]string{nil, ev.TwizyVars(), {"points": "3.5", "low": "0.0", "sink": "console", "data": "there", "day": "2022-01-01"}} {
		same(t, "twizy-ev.yaml", ev.TwizyYAML(), ev.TwizyJob, vars)
	}
}

func same(t *testing.T, name string, file []byte, build func(map[string]string) (*rdd.Job, error), vars map[string]string) {
	t.Helper()
	kinds := connectors.NewRegistry(generate.Kind(), csv.Kind(), parquet.Kind(), console.Kind(), memory.NewStore(nil).Kind(), broadcast.Kind())
	yaml, err := jobfile.Parse(name, file, vars, kinds)
	if err != nil {
		t.Fatal(err)
	}
	job, err := build(vars)
	if err != nil {
		t.Fatal(err)
	}
	if yaml.Name != job.Name || !reflect.DeepEqual(yaml.Labels, job.Labels) || yaml.Settings != job.Settings || yaml.Dead.Limit() != job.Dead.Limit() {
		t.Errorf("%v and %v differ", yaml, job)
	}
	a, b := yaml.Datasets(), job.Datasets()
	at := map[*rdd.Dataset]int{}
	for i := range min(len(a), len(b)) {
		at[a[i]], at[b[i]] = i, i
		if a[i].Name() != b[i].Name() || !reflect.DeepEqual(a[i].Op(), b[i].Op()) {
			t.Errorf("%q %#v\n%q %#v", a[i].Name(), a[i].Op(), b[i].Name(), b[i].Op())
		}
		for j := range a[i].Parents() {
			if at[a[i].Parents()[j]] != at[b[i].Parents()[j]] {
				t.Errorf("dataset %d has other parents", i)
			}
		}
	}
	if len(a) != len(b) {
		t.Fatalf("%d and %d datasets", len(a), len(b))
	}
}

func TestBadVariables(t *testing.T) {
	for _, vars := range []map[string]string{{"rounds": "1h"}, {"round": "soon"}, {"round": "0s"}, {"round": "-1 day"}, {"central_from": "error"}} {
		if _, err := ev.Job(vars); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%v: %v", vars, err)
		}
	}
}

// TestDocs: the table of variables in docs/ev.md and the comment of the job file are about
// those that there are.
func TestDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/ev.md")
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(ev.YAML()), "\njob:")
	for name, value := range ev.Vars() {
		if row := "\n| `" + name + "` | `" + value + "` | "; !strings.Contains(string(doc), row) {
			t.Errorf("docs/ev.md has no row %q", row)
		}
		if !strings.Contains(head, name) {
			t.Errorf("the comment of ev.yaml does not tell of %s", name)
		}
	}
	for _, i := range ev.Functions() {
		name := ""
		switch i := i.(type) {
		case fn.Func:
			name = i.Name
		case fn.Aggregate:
			name = i.Name
		}
		if !strings.Contains(string(doc), "\n| `"+name+"` | ") {
			t.Errorf("docs/ev.md does not tell of %s", name)
		}
	}
}
