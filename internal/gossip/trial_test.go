package gossip

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/idag/idag/internal/fault"
)

// What the bench reports comes from a run in which everything that is waited for has
// happened, and takes the time that it has to take.
func TestTrial(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := Trial(ctx, 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r)
	p := Local()
	if r.Nodes != 20 || r.Converged <= 0 || r.Spread <= 0 || r.Left <= 0 {
		t.Errorf("%+v", r)
	}
	// A death is seen when the dead one was suspected for as long as it may show itself.
	if r.Detected < p.probe*time.Duration(p.suspicion) || r.Detected > 30*time.Second {
		t.Errorf("a death was seen within %s", r.Detected)
	}
}

// A trial that cannot be, or that is called off, says so and leaves nothing behind.
func TestTrialRefused(t *testing.T) {
	if _, err := Trial(t.Context(), 3); fault.Of(err) != fault.Invalid || err == nil {
		t.Errorf("3 nodes: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if r, err := Trial(ctx, 8); err == nil || fault.Of(err) != fault.Retry || !strings.Contains(err.Error(), "context") {
		t.Errorf("called off after 100 ms: %+v, %v", r, err)
	}
}
