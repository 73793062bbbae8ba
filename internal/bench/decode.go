package bench

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
	"golang.org/x/sync/errgroup"
)

// idleBytes bounds what a pool keeps of freed buffers, as in a run.
const idleBytes = 64 << 20

// Decode reads what the scans of a plan read, the same columns of the same
// splits with the same pruning and frames of the same size, to Arrow arrays that
// are released at once. Threads read side by side, a split each. The clock
// starts before the files are opened and stops when the last frame is released.
func Decode(ctx context.Context, p *planner.Plan, kinds connectors.Registry, threads int) (out Outcome, err error) {
	mem := kernel.NewPool(idleBytes)
	start := time.Now()
	for i := range p.Stages {
		act, ok := p.Stages[i].Root.Action.(physical.Scan)
		if !ok {
			continue
		}
		in, err := openInput(ctx, p, act, kinds, mem)
		if err != nil {
			return out, err
		}
		rows, err := in.decode(ctx, threads)
		out.Rows += rows
		out.Wall = time.Since(start)
		if err := errors.Join(err, in.src.Close()); err != nil {
			return out, err
		}
	}
	return out, nil
}

// input is one source of a plan, opened and cut to its end.
type input struct {
	src    connectors.Source
	act    physical.Scan
	want   rdd.Projection
	splits []rdd.Split
}

// openInput opens the source of a scan. The caller closes it.
func openInput(ctx context.Context, p *planner.Plan, act physical.Scan, kinds connectors.Registry, mem memory.Allocator) (*input, error) {
	env := connectors.Env{Job: p.Job.Name, Labels: p.Job.Labels, Mem: mem, Out: io.Discard}
	src, err := kinds.Source(ctx, p.Ops[p.Reads[act.Source]].Dataset, env)
	if err != nil {
		return nil, err
	}
	in := &input{src: src, act: act, want: rdd.Projection{Columns: act.Columns, Rows: p.Job.Settings.FrameRows, Mem: mem}}
	if act.Prune != nil {
		in.want.Skip = act.Prune.Skips
	}
	if err := in.cut(ctx); err != nil {
		return nil, errors.Join(err, src.Close())
	}
	return in, nil
}

func (in *input) cut(ctx context.Context) error {
	var at rdd.Offset
	for {
		splits, next, err := in.src.Cut(ctx, at, rdd.Size{})
		in.splits = append(in.splits, splits...)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case next == at:
			return fault.New(fault.Invalid, "a source without an end cannot be measured")
		}
		at = next
	}
}

// each reads all splits on several goroutines and lends every frame to visit,
// with the ordinals of the goroutine and of the split. Frames of rows that were
// pruned have no batch.
func (in *input) each(ctx context.Context, threads int, visit func(worker, split int, f *rdd.Frame) error) error {
	return deal(ctx, threads, len(in.splits), func(ctx context.Context, worker, split int) error {
		for f, err := range in.src.Read(ctx, in.splits[split], in.want) {
			if err != nil {
				return err
			}
			if err := visit(worker, split, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// decode reads everything and counts the rows, pruned ones included.
func (in *input) decode(ctx context.Context, threads int) (int64, error) {
	var rows atomic.Int64
	err := in.each(ctx, threads, func(_, _ int, f *rdd.Frame) error {
		rows.Add(f.Header.Pruned)
		if f.Batch != nil {
			rows.Add(f.Batch.NumRows())
		}
		return nil
	})
	return rows.Load(), err
}

// deal hands n pieces of work to goroutines, the next piece to whoever is free,
// and returns the first error.
func deal(ctx context.Context, threads, n int, work func(ctx context.Context, worker, piece int) error) error {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for worker := range max(1, threads) {
		g.Go(func() error {
			for {
				piece := int(next.Add(1)) - 1
				if piece >= n {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := work(ctx, worker, piece); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}
