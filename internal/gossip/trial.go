package gossip

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/idag/idag/internal/fault"
	"golang.org/x/sync/errgroup"
)

// TrialResult is what a trial measured. All times are until the last of the nodes saw
// it, to about 10 ms.
type TrialResult struct {
	Nodes     int           `json:"nodes"`
	Converged time.Duration `json:"converged_ns"` // from the first Start until every node saw all others
	Spread    time.Duration `json:"spread_ns"`    // what one announced
	Left      time.Duration `json:"left_ns"`      // that one had left, from its Leave
	Detected  time.Duration `json:"detected_ns"`  // that one had died
}

// Trial runs a cluster of at least 4 nodes in this process, on loopback with the local
// preset, and measures it: all join by the first, one announces something, one leaves,
// one dies. It takes some seconds; when ctx ends before, that is its error.
func Trial(ctx context.Context, nodes int) (TrialResult, error) {
	r := TrialResult{Nodes: nodes}
	if nodes < 4 {
		return r, fault.New(fault.Invalid, "a trial needs 4 nodes, not %d", nodes)
	}
	began := time.Now()
	t, err := newTrial(ctx, nodes)
	defer t.close()
	if err != nil {
		return r, err
	}
	if r.Converged, err = t.until(ctx, began, "see each other", func(n *Node) bool { return n.count(Alive) == nodes }); err != nil {
		return r, err
	}
	news := "news"
	began = time.Now()
	err = t[1].Announce(func(m *Member) { m.Plans = []string{news} })
	if err != nil {
		return r, err
	}
	if r.Spread, err = t.until(ctx, began, "hear the news", func(n *Node) bool { return n.heard(t[1].name, news) }); err != nil {
		return r, err
	}
	began = time.Now()
	parting := make(chan error, 1)
	last := t[nodes-1]
	go func() { parting <- last.Leave(ctx) }()
	r.Left, err = t[:nodes-1].until(ctx, began, "see that one has left", func(n *Node) bool { return n.count(Left) == 1 })
	if err := errors.Join(err, <-parting, last.Close()); err != nil {
		return r, err
	}
	began = time.Now()
	if err := t[nodes-2].Close(); err != nil {
		return r, err
	}
	r.Detected, err = t[:nodes-2].until(ctx, began, "see that one is dead", func(n *Node) bool { return n.count(Dead) == 1 })
	return r, err
}

// trial is the nodes of a trial.
type trial []*Node

func newTrial(ctx context.Context, nodes int) (trial, error) {
	t := make(trial, nodes)
	open := func(ctx context.Context, i int, join ...string) (err error) {
		t[i], err = Start(ctx, Config{Self: Member{Name: fmt.Sprintf("n%04d", i), Role: Executor, Slots: 1},
			Bind: "127.0.0.1:0", Join: join, Preset: Local()})
		return err
	}
	if err := open(ctx, 0); err != nil {
		return t, err
	}
	joins, inside := errgroup.WithContext(ctx)
	joins.SetLimit(16)
	for i := range t[1:] {
		joins.Go(func() error { return open(inside, i+1, t[0].self.Gossip) })
	}
	return t, joins.Wait()
}

func (t trial) close() {
	var closing errgroup.Group
	for _, n := range t {
		if n != nil {
			closing.Go(n.Close)
		}
	}
	_ = closing.Wait() // sockets that do not close are the process's end, soon
}

// until waits for all to see something and returns how long it took.
func (t trial) until(ctx context.Context, began time.Time, what string, sees func(*Node) bool) (time.Duration, error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for blind := t; ; {
		for len(blind) > 0 && sees(blind[0]) {
			blind = blind[1:]
		}
		if len(blind) == 0 {
			return time.Since(began), nil
		}
		select {
		case <-ctx.Done():
			return 0, fault.New(fault.Retry, "%d of %d nodes did not %s: %w", len(blind), len(t), what, ctx.Err())
		case <-tick.C:
		}
	}
}

// count returns how many nodes are in a condition.
func (n *Node) count(c Condition) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := 0
	for _, r := range n.table.nodes {
		if r.Condition == c {
			count++
		}
	}
	return count
}

// heard returns whether a node is known to have a plan open.
func (n *Node) heard(name, plan string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	plans := n.table.nodes[name].Plans
	return len(plans) == 1 && plans[0] == plan
}
