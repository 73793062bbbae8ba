package engine_test

import (
	"testing"

	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/twin"
	"pgregory.net/rapid"
)

// TestHotKeys proves that a join whose rows mostly have one key, and which has so
// little memory that they wait on disk, gives the rows that the twin gives, whatever the
// kind, in windows or not, in any plan.
func TestHotKeys(t *testing.T) {
	left := 60 // as many draws are enough here
	rapid.Check(t, func(t *rapid.T) {
		if left--; left < 0 {
			return
		}
		c := twin.DrawHot(t)
		mode := modes()[rapid.IntRange(0, 3).Draw(t, "mode")]
		if _, _, err := check(c, mode, rapid.IntRange(1, 3).Draw(t, "executors")); err != nil {
			t.Fatalf("%s plan: %v\n%s\n%s", mode, err, jobfile.Format(c.Job), c)
		}
	})
}
