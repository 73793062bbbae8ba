package gossip

import (
	"context"
	"testing"
	"time"
)

// What the bench reports comes from a run in which everything that is waited for has
// happened, in an order that makes sense.
func TestTrial(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := Trial(ctx, 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r)
}
