package engine_test

import (
	"context"
	"sync"
	"testing"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/rdd"
)

// counter counts the rows that pass to a sink, and whether it was closed.
type counter struct {
	connectors.Sink
	mu     *sync.Mutex
	rows   map[string]int64
	closed map[string]bool
	output string
}

func (c *counter) Stage(ctx context.Context, at rdd.Block, in rdd.Stream) (rdd.Staged, error) {
	staged, err := c.Sink.Stage(ctx, at, in)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows[c.output] += staged.Rows
	return staged, err
}

func (c *counter) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed[c.output] = true
	return c.Sink.Close()
}

// TestTapSeesEveryOutput proves that each sink is wrapped once, by the name of its
// output, that all rows pass through, and that it is closed.
func TestTapSeesEveryOutput(t *testing.T) {
	from, to := manySplits(t), t.TempDir()
	seen, closed := map[string]int64{}, map[string]bool{}
	var mu sync.Mutex
	tap := func(output string, s connectors.Sink) connectors.Sink {
		mu.Lock() // sinks are opened side by side
		defer mu.Unlock()
		if _, again := seen[output]; again {
			t.Errorf("%s is wrapped twice", output)
		}
		seen[output] = 0
		return &counter{s, &mu, seen, closed, output}
	}
	s, err := run(t, parsed(t, counting, map[string]string{"from": from, "to": to}), engine.Config{Tap: tap})
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for output, n := range seen {
		total += n
		if got := int64(len(rows(t, to)[output])); n != got || !closed[output] {
			t.Errorf("%q: %d rows passed, %d are there, closed %v", output, n, got, closed[output])
		}
	}
	if total != s.RowsOut || total == 0 {
		t.Errorf("%d rows passed, %d were written", total, s.RowsOut)
	}
}
