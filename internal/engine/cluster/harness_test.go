package cluster_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
)

// town is a cluster in this process: executors that speak to one another by their
// interfaces.
type town struct {
	mu      sync.Mutex
	nodes   map[string]*cluster.Executor // by address; nil: nobody answers
	members []gossip.Member
	kinds   connectors.Registry
	mem     arrowmem.Allocator
}

// newTown starts executors with one slot each. The caller ends it with close.
func newTown(n int, kinds connectors.Registry, mem arrowmem.Allocator) *town {
	c := &town{nodes: map[string]*cluster.Executor{}, kinds: kinds, mem: mem}
	for i := range n {
		c.join(fmt.Sprintf("e%d", i+1))
	}
	return c
}

// join starts an executor, in place of one of the same name that died.
func (c *town) join(name string) {
	x := cluster.NewExecutor(cluster.ExecutorConfig{Name: name, Kinds: c.kinds, Dial: c.dial, Mem: c.mem})
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.nodes[name]; !known {
		c.members = append(c.members, gossip.Member{Name: name, Role: gossip.Executor, RPC: name, Slots: 1, Condition: gossip.Alive, Since: time.Now()})
	}
	c.nodes[name] = x
}

// kill ends an executor: nobody hears of it, and its address does not answer.
func (c *town) kill(name string) error {
	c.mu.Lock()
	x := c.nodes[name]
	c.nodes[name] = nil
	c.mu.Unlock()
	return x.Shutdown()
}

// close ends all executors.
func (c *town) close() error {
	var err error
	for name, x := range c.nodes {
		if x != nil {
			if e := x.Shutdown(); e != nil {
				err = fmt.Errorf("%s: %w", name, e)
			}
		}
	}
	return err
}

func (c *town) list() []gossip.Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]gossip.Member(nil), c.members...)
}

// connect is engine.Config.Connect.
func (c *town) connect(ctx context.Context, o wire.Opening) (engine.Remote, error) {
	return cluster.NewFleet(ctx, cluster.FleetConfig{Opening: o, Members: c.list, Dial: c.dial, Wait: 10 * time.Second})
}

func (c *town) dial(_ context.Context, addr string) (cluster.Peer, error) {
	return &peer{town: c, addr: addr}, nil
}

// at returns who answers at an address.
func (c *town) at(addr string) (*cluster.Executor, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.nodes[addr]; x != nil {
		return x, nil
	}
	return nil, fault.New(fault.Retry, "%s: connection refused", addr)
}

// allClosed fails unless no executor has a run open.
func (c *town) allClosed(t testing.TB) {
	t.Helper()
	for name, x := range c.nodes {
		if x != nil && len(x.Plans()) > 0 {
			t.Errorf("%s still has %v open", name, x.Plans())
		}
	}
}
