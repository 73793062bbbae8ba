// Package node makes a process a node of a cluster: [Drive] a driver, or one that stands
// by, [Execute] an executor. A node listens for tasks, blocks and jobs, takes part in the
// gossip, and ends in order when it is asked to.
package node

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/engine/cluster/service"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/rdd/fn"
)

// Config is what every node needs. Temp, Log, Ready and Stop may be left out.
type Config struct {
	// Gossip is how the node takes part: Self has its name, and of an executor slots,
	// memory and site; role and addresses are filled in.
	Gossip    gossip.Config
	Listen    string // host:port for tasks, blocks and jobs; port 0 takes a free one
	Advertise string // host or host:port where the others reach Listen, if not there
	Security  wire.Security
	Kinds     connectors.Registry
	Functions fn.Set              // of an executor: those that jobs may call
	Temp      string              // directory for what memory has no room for; "" is the system's
	Log       func(string)        // lines for people
	Ready     func(gossip.Member) // called once, with the node's own addresses
	Stop      <-chan struct{}     // closed: the node ends in order
}

// patience is how long a node that ends waits for what is under way.
const patience = 20 * time.Second

// node is what a process has open.
type node struct {
	cfg    Config
	gossip *gossip.Node
	server *wire.Server
	desk   *service.Desk
	calls  *counted // of executors
	rpc    string   // where the others reach it
}

// listen takes the address for tasks, blocks and jobs.
func listen(ctx context.Context, cfg Config) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot listen for tasks and jobs: %w", err)
	}
	return listener, nil
}

// open serves and begins to take part. Serve adds what this kind of node serves.
func open(ctx context.Context, cfg Config, listener net.Listener, role gossip.Role, serve func(*node, *wire.ServerConfig)) (n *node, err error) {
	if cfg.Log == nil {
		cfg.Log = func(string) {}
	}
	self := cfg.Gossip.Self
	g := cfg.Gossip
	g.Log = cfg.Log
	g.Self.Role, g.Self.RPC, g.Self.Slots = gossip.Observer, "", 0 // until it can be reached
	n = &node{cfg: cfg}
	if n.gossip, err = gossip.Start(ctx, g); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	n.desk = service.NewDesk(n.gossip.Members)
	sc := wire.ServerConfig{Listener: listener, Driver: n.desk, Security: cfg.Security, Mem: memory.NewGoAllocator(), Log: cfg.Log}
	serve(n, &sc)
	if n.server, err = wire.Serve(context.WithoutCancel(ctx), sc); err != nil {
		return nil, errors.Join(err, listener.Close(), n.gossip.Close())
	}
	n.rpc = n.reached()
	err = n.gossip.Announce(func(m *gossip.Member) { m.Role, m.RPC, m.Slots = role, n.rpc, self.Slots })
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

// ready says, once, that the node does what it is for.
func (n *node) ready() {
	if n.cfg.Ready != nil {
		n.cfg.Ready(n.self())
		n.cfg.Ready = nil
	}
}

// reached is where the others reach what the node serves: where it says, where it
// listens, or on the host where they reach its gossip.
func (n *node) reached() string {
	host, port, err := net.SplitHostPort(n.server.Addr())
	if err != nil {
		return n.server.Addr()
	}
	if given := n.cfg.Advertise; given != "" {
		if _, _, err := net.SplitHostPort(given); err == nil {
			return given
		}
		return net.JoinHostPort(given, port)
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		if own, _, err := net.SplitHostPort(n.self().Gossip); err == nil {
			host = own
		}
	}
	return net.JoinHostPort(host, port)
}

// self is what the others see of the node.
func (n *node) self() gossip.Member {
	for _, m := range n.gossip.Members() {
		if m.Name == n.cfg.Gossip.Self.Name {
			return m
		}
	}
	return n.cfg.Gossip.Self
}

// become tells the others of another role.
func (n *node) become(role gossip.Role) {
	if err := n.gossip.Announce(func(m *gossip.Member) { m.Role = role }); err != nil {
		n.cfg.Log("the others are not told that this node is a " + string(role) + ": " + err.Error())
	}
}

// close ends everything at once.
func (n *node) close() error { return errors.Join(n.server.Close(), n.gossip.Close()) }

// leave says goodbye and ends everything.
func (n *node) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := n.gossip.Leave(ctx); err != nil {
		n.cfg.Log("left without a word: " + err.Error())
	}
	return n.close()
}

// counted counts the tasks under way.
type counted struct {
	*cluster.Executor
	now  atomic.Int64
	last atomic.Int64 // when one began or ended, in nanoseconds since the epoch
}
