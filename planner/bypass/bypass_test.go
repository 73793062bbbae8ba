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

// TestEveryReasonIsExplained: a reason that is added has a clause of its own.
func TestEveryReasonIsExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range bypass.Reasons() {
		why := r.Why()
		if why == string(r) || seen[why] {
			t.Errorf("%s is explained by %q", r, why)
		}
		seen[why] = true
	}
}
