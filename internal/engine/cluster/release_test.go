package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// clerk is a node that notes what it is told.
type clerk struct {
	mu    sync.Mutex
	notes []string
	fails bool // the next task
}

func (c *clerk) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// said returns what was noted since it was last asked.
func (c *clerk) said() []string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.notes
	c.notes = nil
	return out
}

func (c *clerk) Executor() wire.Executor { return clerkExecutor{c} }
func (c *clerk) Blocks() wire.Blocks     { return nil }
func (c *clerk) Close() error            { return nil }

type clerkExecutor struct{ *clerk }

func (c clerkExecutor) Open(context.Context, wire.Opening) error { return nil }

func (c clerkExecutor) Run(_ context.Context, _ wire.RunID, t work.Task) (work.Receipt, error) {
	c.note("task %d, released %v", t.Index, t.Released)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails {
		c.fails = false
		return work.Receipt{}, fault.New(fault.Invalid, "no")
	}
	return work.Receipt{}, nil
}

func (c clerkExecutor) State(context.Context, wire.RunID, wire.StateOrder) (work.State, error) {
	return work.State{}, nil
}

func (c clerkExecutor) Release(_ context.Context, run wire.RunID, b rdd.BatchID) error {
	c.note("release %d of %s", b, run)
	return nil
}

func (c clerkExecutor) Close(_ context.Context, run wire.RunID) error {
	c.note("close %s", run)
	return nil
}

// TestReleases: what executors are to let go they are told with their next task, again if
// it did not come to anything, and by itself if there is none; nothing of it after the run
// has begun anew.
func TestReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(clerk)
		f, err := NewFleet(t.Context(), FleetConfig{Opening: wire.Opening{Run: "j/1"},
			Members: func() []gossip.Member {
				return []gossip.Member{{Name: "e", RPC: "a", Role: gossip.Executor, Condition: gossip.Alive}}
			},
			Dial: func(context.Context, string) (Peer, error) { return c, nil }})
		if err != nil {
			t.Fatal(err)
		}
		run := func(index int) {
			_, _ = f.Run(t.Context(), "e#1", work.Task{Index: index})
		}
		together := func(index int) {
			f.RunTogether(t.Context(), "e#1", []work.Task{{Index: index}, {Index: index + 1}}, func(int, work.Receipt, error) {})
		}
		want := func(lines ...string) {
			t.Helper()
			if got := c.said(); !slices.Equal(got, lines) {
				t.Errorf("said %q, want %q", got, lines)
			}
		}
		if err := f.Begin(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		f.Release(1)
		f.Release(2)
		run(0)
		want("task 0, released [1 2]")
		f.Release(3)
		c.fails = true
		run(1)
		together(2)
		want("task 1, released [3]", "task 2, released [3]", "task 3, released []")
		f.Release(4)
		want()
		f.pause(owedFor)
		want("release 4 of j/1")
		f.Release(5)
		if err := f.Begin(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		run(4)
		f.pause(owedFor)
		want("task 4, released []")
		f.Release(6)
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		want("close j/2")
	})
}

// TestReleased: blocks go with the order that says so, and no others.
func TestReleased(t *testing.T) {
	r := &run{blocks: executor.NewBlocks()}
	defer r.blocks.Close()
	for batch := range rdd.BatchID(4) {
		if err := r.blocks.Put(rdd.Block{Batch: batch}, new(rdd.Frames)); err != nil {
			t.Fatal(err)
		}
	}
	r.release(work.Task{Released: []rdd.BatchID{0, 2, 7}})
	for batch := range rdd.BatchID(4) {
		if _, err := r.blocks.Get(rdd.Block{Batch: batch}); (fault.Of(err) == fault.Lost && err != nil) != (batch%2 == 0) {
			t.Errorf("the block of batch %d: %v", batch, err)
		}
	}
}
