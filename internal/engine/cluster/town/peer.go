package town

import (
	"context"

	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// peer is a connection within the process.
type peer struct {
	town *Town
	addr string
}

func (p *peer) Executor() wire.Executor { return (*remote)(p) }
func (p *peer) Blocks() wire.Blocks     { return (*remote)(p) }
func (p *peer) Close() error            { return nil }

// remote is what answers behind it.
type remote peer

// call calls the executor, and loses its answer if it cannot be reached any more.
func (p *remote) call(name string, do func(*cluster.Executor) error) error {
	x, err := p.town.at(p.addr, name)
	if err != nil {
		return err
	}
	err = do(x)
	if gone := p.town.reached(p.addr); gone != nil {
		return gone
	}
	return err
}

// Open implements wire.Executor.
func (p *remote) Open(ctx context.Context, o wire.Opening) error {
	return p.call("open", func(x *cluster.Executor) error { return x.Open(ctx, o) })
}

// Run implements wire.Executor.
func (p *remote) Run(ctx context.Context, run wire.RunID, t work.Task) (r work.Receipt, err error) {
	err = p.call("run", func(x *cluster.Executor) error {
		r, err = x.Run(ctx, run, t)
		return err
	})
	return r, err
}

// RunTogether implements wire.Together. Nothing is told if the answer is lost.
func (p *remote) RunTogether(ctx context.Context, run wire.RunID, tasks []work.Task, tell func(int, work.Receipt, error)) error {
	receipts, errs := make([]work.Receipt, len(tasks)), make([]error, len(tasks))
	err := p.call("run", func(x *cluster.Executor) error {
		return x.RunTogether(ctx, run, tasks, func(i int, r work.Receipt, err error) { receipts[i], errs[i] = r, err })
	})
	for i := range tasks {
		if err == nil {
			tell(i, receipts[i], errs[i])
		}
	}
	return err
}

// State implements wire.Executor.
func (p *remote) State(ctx context.Context, run wire.RunID, o wire.StateOrder) (s work.State, err error) {
	err = p.call("state", func(x *cluster.Executor) error {
		s, err = x.State(ctx, run, o)
		return err
	})
	return s, err
}

// Release implements wire.Executor.
func (p *remote) Release(ctx context.Context, run wire.RunID, batch rdd.BatchID) error {
	return p.call("release", func(x *cluster.Executor) error { return x.Release(ctx, run, batch) })
}

// Close implements wire.Executor.
func (p *remote) Close(ctx context.Context, run wire.RunID) error {
	return p.call("close", func(x *cluster.Executor) error { return x.Close(ctx, run) })
}

// Block implements wire.Blocks.
func (p *remote) Block(ctx context.Context, run wire.RunID, b rdd.Block) (frames *rdd.Frames, err error) {
	err = p.call("block", func(x *cluster.Executor) error {
		frames, err = x.Block(ctx, run, b)
		return err
	})
	if err != nil && frames != nil {
		frames.Release()
		frames = nil
	}
	return frames, err
}
