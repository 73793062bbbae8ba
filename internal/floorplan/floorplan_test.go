package floorplan

import (
	"strings"
	"testing"
)

// Every kind of forbidden import is seen, and what the plan allows is not.
func TestViolations(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to string
		test     bool
		want     string // part of the complaint, "" for none
	}{
		{name: "one floor down", from: "planner", to: "rdd"},
		{name: "two floors down, listed", from: "executor", to: "internal/kernel"},
		{name: "a folder of a wide room", from: "executor/state", to: "internal/kernel/agg"},
		{name: "within one room", from: "executor", to: "executor/state"},
		{name: "fault from the top", from: "cmd/idag", to: "internal/fault"},
		{name: "fault from the bottom", from: "internal/sketch", to: "internal/fault"},
		{name: "all below", from: "internal/cli", to: "connectors/parquet"},
		{name: "the root package", from: "cmd/idag", to: "."},
		{name: "a test may reach up to the engine", from: "rdd", to: "internal/engine", test: true},
		{name: "a test may use test support", from: "driver", to: "internal/script", test: true},

		{name: "up", from: "rdd", to: "planner", want: "rdd on floor 1 may not import planner/... on floor 3"},
		{name: "sideways", from: "driver", to: "executor", want: "driver/... on floor 4 may not import executor/... on floor 4"},
		{name: "sideways, both below all", from: "internal/engine", to: "internal/bench", want: "may not import internal/bench"},
		{name: "between connectors", from: "connectors/parquet", to: "connectors/memory", want: "connectors/* on floor 3 may not import connectors/*"},
		{name: "between jobs", from: "jobs/meter", to: "jobs/charging", want: "may not import jobs/*"},
		{name: "down, but not listed", from: "driver", to: "internal/kernel", want: "may not import internal/kernel/..."},
		{name: "past the façade", from: "cmd/idag", to: "internal/engine", want: "may not import internal/engine"},
		{name: "test support in the product", from: "internal/engine", to: "internal/twin", want: "for test files only"},
		{name: "a test above the engine", from: "rdd", to: "internal/cli", test: true, want: "may not import internal/cli"},
		{name: "from nowhere", from: "internal/util", to: "rdd", want: "internal/util is not on the floor plan"},
		{name: "to nowhere", from: "planner", to: "internal/util", want: "internal/util is not on the floor plan"},
		{name: "a prefix is not a folder", from: "drivers", to: "rdd", want: "drivers is not on the floor plan"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Violations(Plan, []Import{{File: "x.go", From: c.from, To: c.to, Test: c.test}})
			if err != nil {
				t.Fatal(err)
			}
			all := strings.Join(got, "\n")
			if (c.want == "") != (all == "") || !strings.Contains(all, c.want) {
				t.Errorf("%s imports %s: got %q, want %q", c.from, c.to, all, c.want)
			}
		})
	}
}

// A plan that is not a plan is refused, so that an edit cannot make the check
// vacuous.
func TestPlanPointsDown(t *testing.T) {
	for _, c := range []struct{ name, plan, want string }{
		{"up", "1 b | \n2 a | \n1 c | a\n", "c on floor 1 may not import a on floor 2"},
		{"sideways", "1 a | b\n1 b |\n", "a on floor 1 may not import b on floor 1"},
		{"on floor 0 only later lines", "0 a |\n0 b | a\n", "b on floor 0 may not import a"},
		{"unknown room", "1 a | z\n", "z, which is no room"},
		{"no bar", "1 a b\n", "cannot read the line"},
		{"no floor", "a b | c\n", "invalid syntax"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Violations(c.plan, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
