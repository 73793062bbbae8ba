// Package cluster runs jobs on executors in other processes.
//
// An [Executor] is what the process idag executor serves: it takes part in the runs
// that drivers open on it. A [Fleet] is the executors of one run as its driver sees
// them. Both speak to others by the interfaces of package wire only:
//
//	x := cluster.NewExecutor(cluster.ExecutorConfig{Name: "e1", Kinds: kinds, Dial: dial})
//	defer x.Shutdown()
//	server, err := wire.Serve(ctx, wire.ServerConfig{Executor: x, Blocks: x, …})
//
//	cfg.Connect = func(ctx context.Context, o wire.Opening) (engine.Remote, error) {
//		return cluster.NewFleet(ctx, cluster.FleetConfig{Opening: o, Members: node.Members, Dial: dial})
//	}
//	summary, err := engine.Run(ctx, job, cfg)
//
// # Names
//
// A driver knows an executor by the name of its member and a number, e1#1: the number
// is how often the fleet has come to know it. One that was away comes back under a new
// name, and what the old name had, its blocks and its state, is gone, also if the
// process still has it. So nothing that was given up is ever taken for current.
//
// # Memory
//
// Each run has an allocator of its own in an executor, unless its config names one;
// closing the run gives everything back.
package cluster

import (
	"context"

	"github.com/idag/idag/internal/wire"
)

// Peer is a connection to a node. It is a *wire.Client, or something that stands for
// one.
type Peer interface {
	Executor() wire.Executor
	Blocks() wire.Blocks
	Close() error
}

// Dial connects to the node at an address. It need not find out whether anybody is
// there; who does not answer later is a fault.Retry.
type Dial func(ctx context.Context, addr string) (Peer, error)
