package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/engine/part"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// idleBytes bounds what the pool of a run keeps of freed buffers.
const idleBytes = 64 << 20

// run is an executor's part in one run, under one name.
type run struct {
	id     wire.RunID
	node   string // what the driver calls this executor
	digest string
	mem    memory.Allocator
	blocks *executor.Blocks
	busy   *busy

	opening chan struct{} // holds one token: who opens or closes takes it
	part    *part.Part
	exec    *executor.Executor

	mu     sync.Mutex
	addr   map[string]string // of the other executors, by name
	users  sync.WaitGroup    // calls that are under way; joined under mu
	ended  chan struct{}     // closed when the run ends
	closed bool
	ready  bool
	active int       // calls that are under way
	heard  time.Time // the end of the last one
}

func newRun(x *Executor, o wire.Opening) *run {
	r := &run{id: o.Run, node: o.Node, digest: o.Digest, mem: x.cfg.Mem, busy: newBusy(),
		opening: make(chan struct{}, 1), ended: make(chan struct{}), heard: time.Now()}
	if r.mem == nil {
		r.mem = kernel.NewPool(idleBytes)
	}
	if r.blocks = executor.NewBlocks(); x.budget != nil {
		r.blocks = executor.NewBlocksWithin(x.budget, x.cfg.Temp, r.mem)
	}
	r.opening <- struct{}{}
	return r
}

// open opens what the run needs, unless it is open, and takes the peers.
func (r *run) open(ctx context.Context, o wire.Opening, x *Executor) error {
	select {
	case <-r.opening:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { r.opening <- struct{}{} }()
	r.mu.Lock()
	closed, ready := r.closed, r.ready
	r.addr, r.heard = o.Peers, time.Now()
	r.mu.Unlock()
	switch {
	case closed:
		return x.notOpen(r.id)
	case ready:
		return nil
	case len(o.Job) == 0:
		return x.notOpen(r.id)
	}
	p, err := part.Open(ctx, o, x.cfg.Kinds, x.cfg.Functions, r.mem)
	if err != nil {
		return err
	}
	r.part = p
	r.exec = executor.New(executor.Config{Node: r.node, Plan: p.Plan, Sources: p.Sources, Sinks: p.Sinks, Dead: p.Dead,
		Blocks: r.blocks, Cache: x.cfg.Cache, Mem: r.mem, States: o.States, Temp: x.cfg.Temp,
		Fetch: func(ctx context.Context, list []rdd.Block, tell func(int, *rdd.Frames, error)) error {
			return r.fetch(ctx, x.peers, list, tell)
		}})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ready = true
	return nil
}

// fetch gets blocks from the executor where they lie.
func (r *run) fetch(ctx context.Context, from *peers, list []rdd.Block, tell func(int, *rdd.Frames, error)) error {
	r.mu.Lock()
	addr, ok := r.addr[list[0].Node]
	r.mu.Unlock()
	if !ok {
		for i, b := range list {
			tell(i, nil, fault.New(fault.Lost, "block of batch %d, stage %d, task %d, key group %d lay on %s, which is gone", b.Batch, b.Stage, b.Task, b.Partition, b.Node))
		}
		return nil
	}
	p, err := from.get(ctx, addr)
	if err != nil {
		return err
	}
	blocks := p.Blocks()
	if s, ok := blocks.(wire.Several); ok && len(list) > 1 {
		return s.Several(ctx, r.id, list, tell)
	}
	for i, b := range list {
		frames, err := blocks.Block(ctx, r.id, b)
		tell(i, frames, err)
	}
	return nil
}

// enter joins the calls that are under way, unless the run is not open.
func (r *run) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ready || r.closed {
		return false
	}
	r.users.Add(1)
	r.active++
	return true
}

func (r *run) leave() {
	r.mu.Lock()
	r.active--
	r.heard = time.Now()
	r.mu.Unlock()
	r.users.Done()
}

// silent is how long nothing was heard of the run's driver.
func (r *run) silent() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active > 0 {
		return 0
	}
	return time.Since(r.heard)
}

// task runs a task, unless the run ends. Of one part of a stateful stage, and of the
// attempts at any task, one runs at a time: a driver that has given one up begins
// the next before the first has noticed.
func (r *run) task(ctx context.Context, t work.Task) (work.Receipt, error) {
	within, stop := r.within(ctx)
	defer stop()
	r.release(t)
	done, err := r.busy.begin(within, r.keyOf(t))
	if err != nil {
		return work.Receipt{}, because(ctx, within, err)
	}
	defer done()
	out, err := r.exec.Run(within, t)
	return out, because(ctx, within, err)
}

// release lets blocks go that nobody will read again.
func (r *run) release(t work.Task) {
	for _, batch := range t.Released {
		r.blocks.Drop(batch)
	}
}

// together runs tasks one behind the other, as task does each.
func (r *run) together(ctx context.Context, tasks []work.Task, tell func(int, work.Receipt, error)) {
	within, stop := r.within(ctx)
	defer stop()
	begin := func(i int) (func(), error) {
		r.release(tasks[i])
		return r.busy.begin(within, r.keyOf(tasks[i]))
	}
	r.exec.RunTogether(within, tasks, begin, func(i int, out work.Receipt, err error) { tell(i, out, because(ctx, within, err)) })
}

// because returns, for what failed when the run ended, that it has: who meets the end of
// a context mostly says no more than that.
func because(ctx, within context.Context, err error) error {
	if err != nil && ctx.Err() == nil && within.Err() != nil {
		return context.Cause(within)
	}
	return err
}

// keyOf says which tasks exclude one another.
func (r *run) keyOf(t work.Task) busyKey {
	stages := r.part.Plan.Stages
	if t.Stage >= 0 && t.Stage < len(stages) && stages[t.Stage].Stateful {
		return busyKey{stage: t.Stage, index: t.Index}
	}
	return busyKey{batch: t.Batch, stage: t.Stage, index: t.Index}
}

// within ends a context with the run.
func (r *run) within(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-r.ended:
			cancel(fault.New(fault.Lost, "run %s has ended here", r.id))
		case <-stop:
		}
	})
	return ctx, func() {
		close(stop)
		watch.Wait()
		cancel(nil)
	}
}

// state saves or restores state.
func (r *run) state(ctx context.Context, o wire.StateOrder) (work.State, error) {
	within, stop := r.within(ctx)
	defer stop()
	out, err := r.order(within, o)
	return out, because(ctx, within, err)
}

func (r *run) order(ctx context.Context, o wire.StateOrder) (work.State, error) {
	switch {
	case o.Save != nil:
		done, err := r.busy.begin(ctx, busyKey{stage: o.Save.Stage, index: o.Save.Index})
		if err != nil {
			return work.State{}, err
		}
		defer done()
		return r.exec.Save(ctx, *o.Save)
	case o.All:
		done, err := r.busy.all(ctx)
		if err != nil {
			return work.State{}, err
		}
		defer done()
		return work.State{}, r.exec.Restore(ctx, o.Restore)
	}
	for _, p := range o.Restore {
		if err := r.adopt(ctx, p); err != nil {
			return work.State{}, err
		}
	}
	return work.State{}, nil
}

// adopt replaces the state of a part.
func (r *run) adopt(ctx context.Context, p work.State) error {
	done, err := r.busy.begin(ctx, busyKey{stage: p.Stage, index: p.Index})
	if err != nil {
		return err
	}
	defer done()
	return r.exec.Adopt(ctx, []work.State{p})
}

// close ends the run: what is under way is given up, and what it holds goes.
func (r *run) close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	close(r.ended)
	r.mu.Unlock()
	<-r.opening // whoever opens it has ended
	r.users.Wait()
	var errs []error
	if r.exec != nil {
		r.exec.Close()
	}
	r.blocks.Close()
	if r.part != nil {
		errs = append(errs, r.part.Close())
	}
	r.opening <- struct{}{}
	return errors.Join(errs...)
}
