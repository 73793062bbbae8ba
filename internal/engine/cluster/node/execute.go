package node

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner/work"
)

// blocksShare is what part of its memory an executor has for blocks.
const blocksShare = 4

// buryEvery is how often connections to executors that are gone are looked for.
const buryEvery = 5 * time.Second

// quiet is how long an executor that is leaving has to be without a task to go, where
// there is a driver that could have another one.
const quiet = 2 * time.Second

// Execute is an executor until ctx ends or Config.Stop is closed. Then it takes no more
// tasks, finishes those that it has, and leaves.
func Execute(ctx context.Context, cfg Config) error {
	listener, err := listen(ctx, cfg)
	if err != nil {
		return err
	}
	x := cluster.NewExecutor(cluster.ExecutorConfig{Name: cfg.Gossip.Self.Name, Kinds: cfg.Kinds, Functions: cfg.Functions,
		Dial: dialer(cfg.Security), Temp: cfg.Temp, Memory: cfg.Gossip.Self.Memory / blocksShare})
	n, err := open(ctx, cfg, listener, gossip.Executor, func(n *node, sc *wire.ServerConfig) {
		n.calls = &counted{Executor: x}
		sc.Executor, sc.Blocks = n.calls, x
	})
	if err != nil {
		return errors.Join(err, x.Shutdown())
	}
	defer n.buries(x)()
	n.ready()
	select {
	case <-cfg.Stop:
		n.drain(ctx)
		return errors.Join(n.leave(ctx), x.Shutdown())
	case <-n.gossip.Done():
		return errors.Join(n.gossip.Err(), n.close(), x.Shutdown())
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), n.close(), x.Shutdown())
	}
}

// buries lets an executor know, now and then, who is gone, until stop.
func (n *node) buries(x *cluster.Executor) (stop func()) {
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(buryEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				x.Bury(n.gossip.Members())
			case <-quit:
				return
			}
		}
	})
	return func() {
		close(quit)
		done.Wait()
	}
}

// drain waits until drivers have left the executor alone.
func (n *node) drain(ctx context.Context) {
	if err := n.gossip.Announce(func(m *gossip.Member) { m.Condition = gossip.Leaving }); err != nil {
		n.cfg.Log("the others are not told that this node leaves: " + err.Error())
		return
	}
	n.calls.last.Store(time.Now().UnixNano())
	n.cfg.Log("leaving: no more tasks are taken, those under way are finished")
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < patience; {
		idle := time.Since(time.Unix(0, n.calls.last.Load()))
		if n.calls.now.Load() == 0 && (idle > quiet || !n.driven()) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	n.cfg.Log("tasks are still under way; they will be run elsewhere")
}

// driven reports whether there is a driver, or one that may be at any moment.
func (n *node) driven() bool {
	return slices.ContainsFunc(n.gossip.Members(), func(m gossip.Member) bool {
		return (m.Role == gossip.Driver || m.Role == gossip.Standby) && m.Condition == gossip.Alive
	})
}

// Run implements wire.Executor.
func (c *counted) Run(ctx context.Context, run wire.RunID, t work.Task) (work.Receipt, error) {
	c.touch(1)
	defer c.touch(-1)
	return c.Executor.Run(ctx, run, t)
}

// RunTogether implements wire.Together.
func (c *counted) RunTogether(ctx context.Context, run wire.RunID, tasks []work.Task, tell func(int, work.Receipt, error)) error {
	c.touch(1)
	defer c.touch(-1)
	return c.Executor.RunTogether(ctx, run, tasks, tell)
}

// State implements wire.Executor: parts that move away count as tasks.
func (c *counted) State(ctx context.Context, run wire.RunID, o wire.StateOrder) (work.State, error) {
	c.touch(1)
	defer c.touch(-1)
	return c.Executor.State(ctx, run, o)
}

func (c *counted) touch(by int64) {
	c.now.Add(by)
	c.last.Store(time.Now().UnixNano())
}
