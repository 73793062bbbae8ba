package bypass_test

import (
	"testing"

	"github.com/idag/idag/planner/bypass"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestReasonsDiffer: a reason is a key of what receipts and summaries count.
func TestReasonsDiffer(t *testing.T) {
	seen := map[bypass.Reason]bool{}
	for _, r := range bypass.Reasons() {
		if r == "" || seen[r] {
			t.Errorf("%q is no name of its own", r)
		}
		seen[r] = true
	}
}
