package meter_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/console"
	"github.com/idag/idag/connectors/generate"
	memstore "github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/jobs/meter"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func kinds() connectors.Registry {
	return connectors.NewRegistry(parquet.Kind(), console.Kind(), memstore.NewStore(nil).Kind())
}

// TestTwoSpellingsOneJob proves that the job file and the Go API build the same
// job, operation by operation and name by name.
func TestTwoSpellingsOneJob(t *testing.T) {
	for _, vars := range []map[string]string{
		nil,
		{"window": "15m", "path": "elsewhere", "out": "there"},
		{"window": "15 minutes", "sink": "console"},
		{"window": "2 days", "sink": "memory"},
	} {
		yaml, err := jobfile.Parse("meter.yaml", meter.YAML(), vars, kinds())
		if err != nil {
			t.Fatal(err)
		}
		job, err := meter.Job(vars)
		if err != nil {
			t.Fatal(err)
		}
		if yaml.Name != job.Name || !reflect.DeepEqual(yaml.Labels, job.Labels) || yaml.Settings != job.Settings {
			t.Errorf("%v and %v differ", yaml, job)
		}
		a, b := yaml.Datasets(), job.Datasets()
		if len(a) != len(b) {
			t.Fatalf("%d and %d datasets", len(a), len(b))
		}
		at := map[*rdd.Dataset]int{}
		for i := range a {
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
	}
}

// TestEachLabelNeedsSome proves what the job is there to show: every label
// passes two to four of the maps, and no map is for all of them.
func TestEachLabelNeedsSome(t *testing.T) {
	job, err := meter.Job(nil)
	if err != nil {
		t.Fatal(err)
	}
	maps, need := 0, [3]int{}
	for _, d := range job.Datasets() {
		m, ok := d.Op().(rdd.Map)
		if !ok {
			continue
		}
		maps++
		for _, l := range m.For.Each() {
			need[l]++
		}
	}
	if maps < 8 {
		t.Errorf("%d maps, want at least 8", maps)
	}
	for l, n := range need {
		if n < 2 || n > 4 {
			t.Errorf("%s needs %d maps of %d, want two to four", job.Labels[l], n, maps)
		}
	}
}

// TestCompiles proves that the job's expressions fit the events of the generate
// connector, and that the one column nobody reads is not computed.
func TestCompiles(t *testing.T) {
	ctx := context.Background()
	events := connectors.NewRegistry(generate.Kind())
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	src, err := events.Source(ctx, rdd.From("generate", nil), connectors.Env{Mem: mem})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	schema, err := src.Schema(ctx)
	if err != nil {
		t.Fatal(err)
	}
	job, err := meter.Job(nil)
	if err != nil {
		t.Fatal(err)
	}
	resolved := *job
	resolved.Sinks = nil
	seen := map[*rdd.Dataset]*rdd.Dataset{}
	for _, d := range job.Datasets() {
		op, parents := d.Op(), []*rdd.Dataset{}
		for _, p := range d.Parents() {
			parents = append(parents, seen[p])
		}
		if r, ok := op.(rdd.Read); ok {
			r.Schema = schema
			op = r
		}
		seen[d] = d.With(op, parents...)
	}
	for _, s := range job.Sinks {
		resolved.Sinks = append(resolved.Sinks, seen[s])
	}
	for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged} {
		plan, err := planner.Compile(&resolved, mode)
		if err != nil {
			t.Fatalf("%s: %v", mode, err)
		}
		unscheduled := 0
		for _, b := range plan.Skipped {
			if b.Reason != bypass.Unscheduled {
				continue
			}
			if m, ok := plan.Ops[b.Op].Dataset.Op().(rdd.Map); ok && m.Set[0].Column == "autonomy" {
				unscheduled++
			}
		}
		if mode == planner.IDAG && unscheduled == 0 {
			t.Errorf("autonomy is computed although nobody reads it:\n%s", planner.Text(plan))
		}
	}
}

func TestBadVariables(t *testing.T) {
	for _, vars := range []map[string]string{{"windwo": "1h"}, {"window": "soon"}, {"window": "0s"}, {"window": "-1 day"}, {"window": "x days"}} {
		if _, err := meter.Job(vars); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%v: %v", vars, err)
		}
	}
}
