package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/driver"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/engine/part"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// idleBytes bounds what the pool of a run keeps of freed buffers.
const idleBytes = 64 << 20

// node is what one run has open.
type node struct {
	cfg     Config
	mem     memory.Allocator
	plan    *planner.Plan
	sources []connectors.Source
	sinks   []connectors.Sink
	dead    connectors.Sink
	ledger  driver.Ledger
	past    *driver.Past
	closers []func() error // in the order of opening
}

func (c Config) allocator() memory.Allocator {
	if c.Mem != nil {
		return c.Mem
	}
	return kernel.NewPool(idleBytes)
}

// cacheBytes bounds the cache of a run that is not given one.
const cacheBytes = 256 << 20

// cache returns the cache of the run, or nil where its job caches nothing.
func (n *node) cache() *executor.Cache {
	if n.cfg.Cache != nil || !slices.ContainsFunc(n.plan.Ops, func(op planner.Op) bool {
		_, ok := op.Dataset.Op().(rdd.Cache)
		return ok
	}) {
		return n.cfg.Cache
	}
	n.cfg.Cache = executor.NewCache(cacheBytes, n.mem)
	n.closers = append(n.closers, func() error { n.cfg.Cache.Close(); return nil })
	return n.cfg.Cache
}

// close closes what is open, the last opened first.
func (n *node) close() error {
	var errs []error
	for i := len(n.closers) - 1; i >= 0; i-- {
		errs = append(errs, n.closers[i]())
	}
	n.closers = nil
	return errors.Join(errs...)
}

// compile opens the job's sources, learns their schemas, and plans.
func (n *node) compile(ctx context.Context, job *rdd.Job) (*planner.Plan, error) {
	resolved, err := n.resolve(ctx, job)
	if err != nil {
		return nil, err
	}
	if n.plan, err = planner.Compile(resolved, n.cfg.Mode); err != nil {
		return nil, err
	}
	return n.plan, distinctPaths(n.plan, n.cfg.Kinds)
}

// resolve opens every source of a job and returns the job with their schemas.
func (n *node) resolve(ctx context.Context, job *rdd.Job) (*rdd.Job, error) {
	env := connectors.Env{Job: job.Name, Labels: job.Labels, Mem: n.mem, Out: n.cfg.Out}
	known := map[*rdd.Dataset]*rdd.Dataset{}
	for _, d := range job.Datasets() {
		parents := make([]*rdd.Dataset, 0, len(d.Parents()))
		for _, p := range d.Parents() {
			parents = append(parents, known[p])
		}
		op := d.Op()
		if read, ok := op.(rdd.Read); ok {
			env.Time, env.Schema = part.TimeColumn(job, d), nil
			if n.past != nil && n.past.Started != nil {
				env.Schema = n.past.Started.Source(len(n.sources))
			}
			if n.cfg.Ledger != "" {
				env.State = filepath.Join(n.cfg.Ledger, fmt.Sprint(sourcePrefix, len(n.sources)))
			}
			src, err := n.cfg.Kinds.Source(ctx, d, env)
			if err != nil {
				return nil, err
			}
			n.sources = append(n.sources, src)
			n.closers = append(n.closers, src.Close)
			if read.Schema == nil {
				if read.Schema, err = src.Schema(ctx); err != nil {
					return nil, err
				}
			}
			op = read
		}
		known[d] = d.With(op, parents...)
	}
	out := *job
	out.Sinks = nil
	for _, s := range job.Sinks {
		out.Sinks = append(out.Sinks, known[s])
	}
	return &out, nil
}

// open opens the sinks, side by side, for each asks the file system for much, and the
// dead letters.
func (n *node) open(ctx context.Context) error {
	env := connectors.Env{Job: n.plan.Job.Name, Labels: n.plan.Job.Labels, Mem: n.mem, Out: n.cfg.Out,
		Resume: n.past.Started != nil, Run: n.past.Run, Point: n.cfg.Point}
	if n.cfg.Keep == nil {
		env.Ledger = "--ledger"
	}
	n.sinks = make([]connectors.Sink, len(n.plan.Writes))
	n.closers = append(n.closers, n.closeSinks)
	err := each(len(n.sinks), func(i int) error {
		id, env := n.plan.Writes[i], env
		env.Schemas, env.Desk = n.plan.Ops[id].Schemas, n.desk(i)
		env.Published = published(n.past, n.plan, id)
		sink, err := n.cfg.Kinds.Sink(ctx, n.plan.Ops[id].Dataset, env)
		if err == nil && n.cfg.Tap != nil {
			sink = n.cfg.Tap(n.plan.Ops[id].Dataset.Output(), sink)
		}
		if err == nil {
			n.sinks[i] = sink
		}
		return err
	})
	if err != nil {
		return err
	}
	return n.openDead(ctx, env)
}

// closeSinks closes those that could be opened.
func (n *node) closeSinks() error {
	return each(len(n.sinks), func(i int) error {
		if n.sinks[i] == nil {
			return nil
		}
		return n.sinks[i].Close()
	})
}

// each does something n times at once, and returns the error of the first that has one.
func each(n int, do func(i int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = do(i) })
	}
	all.Wait()
	return cmp.Or(errs...)
}

// openDead opens what takes the dead letters: the job's own sink or, where the
// caller names a directory, JSON lines in it, of each run apart.
func (n *node) openDead(ctx context.Context, env connectors.Env) (err error) {
	if n.dead = n.cfg.Dead; n.dead != nil {
		return nil
	}
	env.Published, env.Desk = n.past.Tally.DeadLetters > 0, n.desk(len(n.plan.Writes))
	n.dead, err = part.Letters(ctx, n.plan.Job, n.cfg.DeadLetters, n.cfg.Kinds, env)
	if n.dead != nil {
		n.closers = append(n.closers, n.dead.Close)
	}
	return err
}
