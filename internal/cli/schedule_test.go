package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestScheduleFlag proves that --schedule takes the place of a job file's schedule,
// and that a name which the job does not write is refused with the nearest.
func TestScheduleFlag(t *testing.T) {
	file := filepath.Join(t.TempDir(), "job.yaml")
	src := "schedule: all\n" + jobFile + "  some:\n    - from: all\n    - write: {void: there}\n"
	if err := os.WriteFile(file, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ flags, want string }{{"", "all"}, {"some", "some"}, {"some,all", "some all"}} {
		f := &fake{}
		args := []string{"run", file, "--no-ledger"}
		if c.flags != "" {
			args = append(args, "--schedule", c.flags)
		}
		must(t, f.app(), args...)
		if !slices.Equal(f.job.Schedule, strings.Fields(c.want)) {
			t.Errorf("--schedule %q: %q", c.flags, f.job.Schedule)
		}
	}
	for name, hint := range map[string]string{"al": `did you mean "all"?`, "nonsense": "it writes all, some"} {
		status, _, errs := call(t, new(fake).app(), "plan", file, "--schedule", name)
		if status != statusMistake || !strings.Contains(errs, hint) {
			t.Errorf("--schedule %s: status %d, %s", name, status, errs)
		}
	}
}
