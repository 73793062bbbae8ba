package engine_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/twin"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// hostile is a fleet that loses: tasks before they run, receipts after, whole
// batches of blocks, and that runs tasks twice. What it does is drawn by seed,
// and it lets every task through in the end.
type hostile struct {
	engine.Fleet
	mu   sync.Mutex
	rand *rand.Rand
	met  map[string]int // what it did, so that a test can see that it did
	left map[rdd.BatchID]int
}

func newHostile(inner engine.Fleet, seed uint64) *hostile {
	return &hostile{Fleet: inner, rand: rand.New(rand.NewPCG(seed, 1)), met: map[string]int{}, left: map[rdd.BatchID]int{}}
}

func (h *hostile) roll(of int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rand.IntN(of) == 0
}

func (h *hostile) did(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.met[what]++
}

func (h *hostile) Run(ctx context.Context, node string, t work.Task) (work.Receipt, error) {
	if t.Attempt < 2 && h.roll(8) {
		h.did("task lost")
		return work.Receipt{}, fault.New(fault.Retry, "the task was lost")
	}
	if len(t.Blocks) > 0 && h.mayLose(t.Batch) && h.roll(6) {
		h.did("blocks lost")
		h.Fleet.Release(t.Batch)
	}
	r, err := h.Fleet.Run(ctx, node, t)
	switch {
	case err != nil:
		return r, err
	case t.Attempt < 2 && h.roll(8):
		h.did("receipt lost")
		return work.Receipt{}, fault.New(fault.Retry, "the receipt was lost")
	case h.roll(8):
		h.did("run twice")
		return h.Fleet.Run(ctx, node, t)
	}
	return r, err
}

// mayLose bounds how often the blocks of one batch are lost: a driver gives up
// on a task in the end.
func (h *hostile) mayLose(b rdd.BatchID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left[b]++
	return h.left[b] <= 2
}

var _ driver.Fleet = (*hostile)(nil)

// TestInvariantUnderFaults is the invariant with a fleet that loses tasks,
// receipts and blocks: the rows stay the same, and no memory is left. A loss that
// cannot be made good stops the run and says so; it never changes a row.
func TestInvariantUnderFaults(t *testing.T) {
	met := map[string]int{}
	wanted := []string{"task lost", "receipt lost", "blocks lost", "run twice"}
	enough := func() bool { return !slices.ContainsFunc(wanted, func(w string) bool { return met[w] == 0 }) }
	drawUntil(t, enough, func(t *rapid.T) {
		c := twin.Draw(t, hashOf)
		mode := modes()[rapid.IntRange(0, 3).Draw(t, "mode")]
		seed := rapid.Uint64().Draw(t, "seed")
		var h *hostile
		_, _, err := checkWith(c, engine.Config{Mode: mode, Executors: 3, Fleet: func(f engine.Fleet) engine.Fleet {
			h = newHostile(f, seed)
			return h
		}})
		if fault.Of(err) == fault.Lost {
			// A stage with state that has gone on to the next batch cannot make a
			// block of the last one again: the run stops, and a ledger would take it up.
			met["stopped"]++
			return
		}
		if err != nil {
			t.Fatalf("%s plan: %v\n%s\n%s", mode, err, jobfile.Format(c.Job), c)
		}
		met["survived"]++
		for k, n := range h.met {
			met[k] += n
		}
	})
	for _, k := range wanted {
		if met[k] == 0 {
			t.Errorf("no %s in the whole run: the fleet was not hostile", k)
		}
	}
	if met["stopped"]*10 > met["survived"] {
		t.Errorf("%d runs stopped, only %d survived", met["stopped"], met["survived"])
	}
	t.Logf("faults: %v", met)
}
