// Package town is a cluster in one process, for tests: executors that speak to one
// another and to drivers by their interfaces, without a network. One of them can be
// killed, started anew, cut off, and told to leave.
//
//	c := town.New(3, cluster.ExecutorConfig{Kinds: kinds, Mem: mem})
//	cfg.Connect = c.Connect
//	summary, err := engine.Run(ctx, job, cfg)
//	…
//	err = c.Close()
//
// Close gives everything back.
package town

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
)

// Town is the cluster. It is safe for concurrent use.
type Town struct {
	each cluster.ExecutorConfig

	mu      sync.Mutex
	nodes   map[string]*cluster.Executor // by name, which is the address too; nil: nobody answers
	cut     map[string]bool              // those that cannot be reached
	members []gossip.Member
	before  func(name, call string) // told of calls that arrive
	differs map[string]func(*cluster.ExecutorConfig)
	note    func(string)
	mark    func(string, error)
}

// New starts executors e1, e2 and so on with one slot each. Their configs are each, but
// for Name and Dial.
func New(n int, each cluster.ExecutorConfig) *Town {
	c := &Town{each: each, nodes: map[string]*cluster.Executor{}, cut: map[string]bool{}, differs: map[string]func(*cluster.ExecutorConfig){}}
	for i := range n {
		c.Start(fmt.Sprintf("e%d", i+1))
	}
	return c
}

// Start starts an executor, in place of one of the same name that was killed: to the
// members it is still the same. One that is still there goes on.
func (c *Town) Start(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nodes[name] != nil {
		return
	}
	own := c.each
	if change := c.differs[name]; change != nil {
		change(&own)
	}
	own.Name, own.Dial = name, c.dial
	if i := c.member(name); i < 0 {
		c.members = append(c.members, gossip.Member{Name: name, Role: gossip.Executor, RPC: name, Slots: 1, Condition: gossip.Alive, Since: time.Now()})
	}
	c.nodes[name] = cluster.NewExecutor(own)
}

func (c *Town) member(name string) int {
	return slices.IndexFunc(c.members, func(m gossip.Member) bool { return m.Name == name })
}

// Kill ends an executor without a word: its address does not answer any more.
func (c *Town) Kill(name string) error {
	c.mu.Lock()
	x := c.nodes[name]
	c.nodes[name] = nil
	c.mu.Unlock()
	if x == nil {
		return nil
	}
	return x.Shutdown()
}

// Cut cuts an executor off from all others, or connects it again. It goes on with
// what it does.
func (c *Town) Cut(name string, off bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut[name] = off
}

// Leave makes an executor say that it leaves.
func (c *Town) Leave(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := c.member(name); i >= 0 {
		c.members[i].Condition = gossip.Leaving
	}
}

// Before has calls told before they arrive: the executor's name and the method.
func (c *Town) Before(tell func(name, call string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = tell
}

// Differ has an executor be another one than the others, from its next start on; nil: it is
// like them.
func (c *Town) Differ(name string, change func(*cluster.ExecutorConfig)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.differs[name] = change
}

// Tell has somebody told what the fleets of runs to come tell: see cluster.FleetConfig.
func (c *Town) Tell(note func(string), mark func(member string, why error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note, c.mark = note, mark
}

// Open returns the executors that have a plan open.
func (c *Town) Open() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for name, x := range c.nodes {
		if x != nil && len(x.Plans()) > 0 {
			out = append(out, name)
		}
	}
	return out
}

// Close ends all executors.
func (c *Town) Close() error {
	var errs []error
	for _, m := range c.Members() {
		errs = append(errs, c.Kill(m.Name))
	}
	return errors.Join(errs...)
}

// Members returns the executors.
func (c *Town) Members() []gossip.Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.members)
}

// Connect is engine.Config.Connect.
func (c *Town) Connect(ctx context.Context, o wire.Opening) (engine.Remote, error) {
	c.mu.Lock()
	note, mark := c.note, c.mark
	c.mu.Unlock()
	return cluster.NewFleet(ctx, cluster.FleetConfig{Opening: o, Members: c.Members, Dial: c.dial, Wait: 10 * time.Second, Note: note, Mark: mark})
}

func (c *Town) dial(_ context.Context, addr string) (cluster.Peer, error) { return &peer{c, addr}, nil }

// at returns who answers at an address.
func (c *Town) at(addr, call string) (*cluster.Executor, error) {
	c.mu.Lock()
	before := c.before
	c.mu.Unlock()
	if before != nil {
		before(addr, call)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.nodes[addr]; x != nil && !c.cut[addr] {
		return x, nil
	}
	return nil, fault.New(fault.Retry, "%s: connection refused", addr)
}

// reached fails where an executor could not have answered: it was cut off meanwhile.
func (c *Town) reached(addr string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nodes[addr] != nil && !c.cut[addr] {
		return nil
	}
	return fault.New(fault.Retry, "%s: connection reset", addr)
}
