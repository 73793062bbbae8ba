package ev_test

import (
	"context"
	"strings"
	"testing"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/connectors/console"
	"github.com/idag/idag/connectors/generate"
	"github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/jobs/ev"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd/fn"
)

// TestOptionsAreChecked: options that cannot be are told when the job is compiled, at the
// place of the job file where they stand; and so are names of nodes that the simulation
// has not, whoever the nodes are.
func TestOptionsAreChecked(t *testing.T) {
	kinds := connectors.NewRegistry(generate.Kind(), console.Kind(), parquet.Kind(), broadcast.Kind())
	for _, c := range []struct {
		vars map[string]string
		want []string // nil: nothing is wrong
	}{
		{map[string]string{}, nil},
		{map[string]string{"method": "bogus", "epochs": "0", "noise": "-1"}, []string{"option epochs", "option method", "option noise"}},
		{map[string]string{"model": "cnn"}, []string{"option model"}},
		{map[string]string{"participants": "node1,node9"}, []string{`"node9", and no node is called so; there are node1, node2, node3, node4`}},
		{map[string]string{"threshold": "5"}, []string{"4 nodes take part"}},
		{map[string]string{"topics": "node2_data,node3_data", "stale": "node1:3"}, []string{"there are node2, node3"}},
		{map[string]string{"client": "car_id", "cars": "3", "participants": "car1,car4"}, []string{`"car4"`}},
		{map[string]string{"client": "car_id", "threshold": "13"}, nil},
		{map[string]string{"client": "concat(node, car_id)", "participants": "nobody knows"}, nil},
	} {
		job, err := jobfile.Parse("ev.yaml", ev.YAML(), c.vars, kinds)
		if err != nil {
			t.Fatal(err)
		}
		_, err = engine.Compile(context.Background(), job.Using(fn.NewSet(ev.Functions()...)), engine.Config{Mode: planner.IDAG, Kinds: kinds})
		if c.want == nil {
			if err != nil {
				t.Errorf("%v: %v", c.vars, err)
			}
			continue
		}
		if err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%v: %v", c.vars, err)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(c.want) {
			t.Errorf("%v: %d mistakes, want %d: %v", c.vars, len(lines), len(c.want), err)
			continue
		}
		for i, w := range c.want {
			if !strings.HasPrefix(lines[i], "ev.yaml:115:13: ") || !strings.Contains(lines[i], w) {
				t.Errorf("%v: %q, want %s", c.vars, lines[i], w)
			}
		}
	}
}

// TestAheadIsChecked: a rule by which nobody can look ahead is told, where it is known.
func TestAheadIsChecked(t *testing.T) {
	var ahead fn.Aggregate
	for _, i := range ev.Functions() {
		if a, ok := i.(fn.Aggregate); ok && a.Name == "ev_ahead" {
			ahead = a
		}
	}
	for want, k := range map[string]fn.Known{
		"":                   {"minutes": {3.0}, "points": {-2.5}, "low": {50.0, 1e300}, "level": {1e300}},
		"look -1 minutes":    {"minutes": {-1.0}},
		"minutes is no":      {"minutes": {nil}},
		"points is no":       {"points": {1e39}, "minutes": {0.0}},
		"look 2e+09 minutes": {"minutes": {2e9}, "low": {nil}},
	} {
		err := ahead.Verify(k)
		if (err == nil) != (want == "") || err != nil && (fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v: %v, want %q", k, err, want)
		}
	}
}
