package cluster_test

import (
	"context"

	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// peer is a connection within the process.
type peer struct {
	town *town
	addr string
}

func (p *peer) Executor() wire.Executor { return (*remote)(p) }
func (p *peer) Blocks() wire.Blocks     { return (*remote)(p) }
func (p *peer) Close() error            { return nil }

// remote is what answers behind it.
type remote peer

func (p *remote) Close(ctx context.Context, run wire.RunID) error {
	x, err := p.town.at(p.addr)
	if err != nil {
		return err
	}
	return x.Close(ctx, run)
}

func (p *remote) Open(ctx context.Context, o wire.Opening) error {
	x, err := p.town.at(p.addr)
	if err != nil {
		return err
	}
	return x.Open(ctx, o)
}

func (p *remote) Run(ctx context.Context, run wire.RunID, t work.Task) (work.Receipt, error) {
	x, err := p.town.at(p.addr)
	if err != nil {
		return work.Receipt{}, err
	}
	return x.Run(ctx, run, t)
}

func (p *remote) State(ctx context.Context, run wire.RunID, o wire.StateOrder) (work.State, error) {
	x, err := p.town.at(p.addr)
	if err != nil {
		return work.State{}, err
	}
	return x.State(ctx, run, o)
}

func (p *remote) Release(ctx context.Context, run wire.RunID, batch rdd.BatchID) error {
	x, err := p.town.at(p.addr)
	if err != nil {
		return err
	}
	return x.Release(ctx, run, batch)
}

func (p *remote) Block(ctx context.Context, run wire.RunID, b rdd.Block) (*rdd.Frames, error) {
	x, err := p.town.at(p.addr)
	if err != nil {
		return nil, err
	}
	return x.Block(ctx, run, b)
}
