package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/idag/idag/planner"
)

// TestPlan proves what each form asks of the engine and that it prints something.
func TestPlan(t *testing.T) {
	both := []planner.Mode{planner.IDAG, planner.Masked}
	measured := slices.Concat(both, []planner.Mode{planner.Masked, planner.IDAG, planner.Masked, planner.IDAG})
	for _, c := range []struct {
		args  string
		modes []planner.Mode
	}{
		{"", both}, {"--json", both}, {"--svg -", both}, {"--analyze", measured}, {"--analyze --json", measured},
		{"--dot", both[:1]}, {"--mode idag", both[:1]}, {"--linear=staged", []planner.Mode{planner.Staged}},
		{"--mode selection --json", []planner.Mode{planner.Selection}},
		{"--svg - --linear=staged", []planner.Mode{planner.IDAG, planner.Staged}},
	} {
		f := story()
		out, _ := must(t, f.app(), append([]string{"plan", "meter"}, strings.Fields(c.args)...)...)
		var modes []planner.Mode
		for _, cfg := range f.cfgs {
			modes = append(modes, cfg.Mode)
		}
		if out == "" || !slices.Equal(modes, c.modes) {
			t.Errorf("plan %s: %d bytes, plans %v, want %v", c.args, len(out), modes, c.modes)
		}
		if strings.Contains(c.args, "--json") && !json.Valid([]byte(out)) {
			t.Errorf("plan %s: not JSON: %s", c.args, out)
		}
	}
}

// TestPlanFlagsThatClash proves that forms which cannot both be had are refused.
func TestPlanFlagsThatClash(t *testing.T) {
	for _, args := range []string{"--json --dot", "--svg - --json", "--analyze --mode idag", "--mode idag --linear", "--mode=nonsense", "--analyze --executors -1"} {
		status, _, errs := call(t, story().app(), append([]string{"plan", "meter"}, strings.Fields(args)...)...)
		if status != statusMistake || errs == "" {
			t.Errorf("plan %s: status %d, %s", args, status, errs)
		}
	}
}

// TestPlanUnequal: plans that disagree when they are measured are a failure, not a
// table.
func TestPlanUnequal(t *testing.T) {
	f := story()
	f.unequal = 7
	status, out, errs := call(t, f.app(), "plan", "meter", "--analyze")
	if status != statusFailed || out != "" || !strings.Contains(errs, "linear") {
		t.Errorf("status %d, %q, %s", status, out, errs)
	}
}

// TestPlanSVGFile proves that the picture goes to the file that is named, and that
// one which cannot be made is the user's mistake.
func TestPlanSVGFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan.svg")
	must(t, story().app(), "plan", "meter", "--svg", file)
	if got, err := os.ReadFile(file); err != nil || !strings.HasPrefix(string(got), "<svg ") {
		t.Errorf("%v, %.40s", err, got)
	}
	status, _, errs := call(t, story().app(), "plan", "meter", "--svg", filepath.Join(file, "x.svg"))
	if status != statusMistake || errs == "" {
		t.Errorf("status %d, %s", status, errs)
	}
}

// TestBeside proves when texts stand side by side, and that a line keeps to its
// column.
func TestBeside(t *testing.T) {
	left, right := "a\n├─ b\n", "c\nd\ne\n"
	want(t, beside(left, right, 20), "a    │ c\n├─ b │ d\n     │ e\n")
	want(t, beside(left, strings.Repeat("x", 30), 20), left+"\n"+strings.Repeat("x", 30))
	for _, line := range strings.Split(beside(strings.Repeat("ä", 500), strings.Repeat("ö", 500), 140), "\n") {
		if n := len([]rune(line)); n > 140 {
			t.Errorf("a line of %d characters", n)
		}
	}
	long := strings.Repeat("ö", 120)
	if got := beside("short\n", long, 140); !strings.Contains(got, long) {
		t.Error("a line was cut though the other column had room to spare")
	}
}
