package cluster

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// owedFor is how long an executor may hold blocks that nobody needs. As long as it is
// sent tasks it is told with the next one: a call of its own takes longer than what it says.
const owedFor = 100 * time.Millisecond

// releases are batches whose blocks may go, by the address of who is still to be told.
type releases struct {
	owed     map[string][]rdd.BatchID
	settling bool // somebody waits to tell those who will not be sent a task
}

func newReleases() releases { return releases{owed: map[string][]rdd.BatchID{}} }

// Release implements driver.Fleet.
func (f *Fleet) Release(batch rdd.BatchID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for addr := range f.begun {
		f.releases.owed[addr] = append(f.releases.owed[addr], batch)
	}
	if !f.releases.settling {
		f.releases.settling = true
		f.start(f.settle)
	}
}

// settle tells after a while those who were not told meanwhile. If the fleet is closed by
// then, or the run is open there no more, nothing is left of it that they could be told of.
func (f *Fleet) settle() {
	if !f.pause(owedFor) {
		return
	}
	f.mu.Lock()
	rest, run := f.releases.owed, f.opening.Run
	f.releases = newReleases()
	maps.DeleteFunc(rest, func(addr string, _ []rdd.BatchID) bool { return !f.begun[addr] })
	f.mu.Unlock()
	f.tellAll(slices.Collect(maps.Keys(rest)), func(ctx context.Context, addr string, x wire.Executor) {
		for _, batch := range rest[addr] {
			if x.Release(ctx, run, batch) != nil {
				return
			}
		}
	})
}

// withReleases adds to an order to a node what it is still to be told. Who learns that the
// order did not arrive calls undo.
func (f *Fleet) withReleases(name string, run wire.RunID, t work.Task) (_ work.Task, undo func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.nodes[name]
	if n == nil || f.opening.Run != run || len(f.releases.owed[n.addr]) == 0 {
		return t, func() {}
	}
	t.Released = f.releases.owed[n.addr]
	delete(f.releases.owed, n.addr)
	return t, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.opening.Run == run {
			f.releases.owed[n.addr] = append(f.releases.owed[n.addr], t.Released...)
		}
	}
}

// tellAll tells executors that may have the run open something that they may miss: what
// they hold goes with the run, or with the process.
func (f *Fleet) tellAll(addrs []string, what func(ctx context.Context, addr string, x wire.Executor)) {
	ctx, stop := context.WithTimeout(context.Background(), tellFor)
	defer stop()
	var told sync.WaitGroup
	for _, addr := range addrs {
		told.Go(func() {
			if p, err := f.peers.get(ctx, addr); err == nil {
				what(ctx, addr, p.Executor())
			}
		})
	}
	told.Wait()
}
