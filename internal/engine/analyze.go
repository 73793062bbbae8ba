package engine

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/ledger"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// Analysis is a run whose results were thrown away.
type Analysis struct {
	Plan      *planner.Plan
	Tally     work.Tally // with the time and the bytes of each operation
	Wall      time.Duration
	Executors int
}

// Analyze runs a job as Run does, measures every operation, and throws the results
// away: no sink is opened, and no ledger is kept. Dead letters are counted.
func Analyze(ctx context.Context, job *rdd.Job, cfg Config) (a Analysis, err error) {
	cfg = cfg.withDefaults()
	cfg.Ledger, cfg.DeadLetters, cfg.Keep, cfg.Measure, cfg.Connect = "", "", ledger.Void{}, true, nil
	n := &node{cfg: cfg, mem: cfg.allocator()}
	defer func() { err = errors.Join(err, n.close()) }()
	if err := n.recall(ctx); err != nil {
		return a, err
	}
	if _, err := n.compile(ctx, job); err != nil {
		return a, err
	}
	if err := n.discardAll(ctx); err != nil {
		return a, err
	}
	start := time.Now()
	out, err := n.drive(ctx)
	return Analysis{Plan: n.plan, Tally: out.Tally, Wall: time.Since(start), Executors: cfg.Executors}, err
}

// discardAll opens sinks that keep nothing, but for those that the job itself reads.
func (n *node) discardAll(ctx context.Context) error {
	for i, id := range n.plan.Writes {
		if !slices.ContainsFunc(n.plan.Results, func(r planner.Result) bool { return r.Sink == i }) {
			n.sinks = append(n.sinks, discard{})
			continue
		}
		env := connectors.Env{Job: n.plan.Job.Name, Labels: n.plan.Job.Labels, Mem: n.mem, Schemas: n.plan.Ops[id].Schemas}
		sink, err := n.cfg.Kinds.Sink(ctx, n.plan.Ops[id].Dataset, env)
		if err != nil {
			return err
		}
		n.sinks = append(n.sinks, sink)
		n.closers = append(n.closers, sink.Close)
	}
	return nil
}

// discard takes rows and keeps none.
type discard struct{}

func (discard) Stage(_ context.Context, _ rdd.Block, in rdd.Stream) (rdd.Staged, error) {
	for _, err := range in {
		if err != nil {
			return rdd.Staged{}, err
		}
	}
	return rdd.Staged{}, nil
}

func (discard) Publish(context.Context, rdd.Commit, []rdd.Staged) error { return nil }
func (discard) Close() error                                            { return nil }

var _ connectors.Sink = discard{}

// manyCuts bounds how often Survey asks a source.
const manyCuts = 1000

// Survey plans a job and asks its sources for all the splits they have now. It reads
// no rows; a source that has no end is asked until it has nothing more for now.
func Survey(ctx context.Context, job *rdd.Job, cfg Config) (plan *planner.Plan, splits []rdd.Split, err error) {
	cfg = cfg.withDefaults()
	n := &node{cfg: cfg, mem: cfg.allocator()}
	defer func() { err = errors.Join(err, n.close()) }()
	if _, err := n.compile(ctx, job); err != nil {
		return nil, nil, err
	}
	for i, id := range n.plan.Reads {
		if n.plan.Ops[id].Unscheduled {
			continue
		}
		list, err := cutAll(ctx, n.sources[i])
		if err != nil {
			return nil, nil, err
		}
		for _, s := range list {
			s.Source = i
			splits = append(splits, s)
		}
	}
	return n.plan, splits, nil
}

// cutAll asks a source for its splits until it has no more.
func cutAll(ctx context.Context, src connectors.Source) ([]rdd.Split, error) {
	var all []rdd.Split
	from := rdd.Offset("")
	for range manyCuts {
		splits, next, err := src.Cut(ctx, from, rdd.Size{Rows: 1 << 40})
		all = append(all, splits...)
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		case len(splits) == 0:
			return all, nil
		}
		from = next
	}
	return all, nil
}
