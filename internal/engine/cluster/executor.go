package cluster

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// ExecutorConfig is what an executor works with. Kinds and Dial are required.
type ExecutorConfig struct {
	Name  string // for messages
	Kinds connectors.Registry
	// Functions are those that jobs may call. A job's own, of a Go program, must be among them.
	Functions fn.Set
	Dial      Dial
	Temp      string // directory for what memory has no room for; "" is the system's
	// Memory is how many bytes the blocks of all runs may take in memory, about; others
	// wait on disk. 0: they all stay in memory.
	Memory int64
	// Forget is how long a run is kept of whose driver nothing is heard; 0 is two minutes.
	Forget time.Duration
	Cache  *executor.Cache  // of what splits came to, for all runs; may be nil
	Mem    memory.Allocator // nil means a pool for each run
}

// Executor takes part in runs. It implements wire.Executor and wire.Blocks; all
// methods may be called at the same time.
type Executor struct {
	cfg    ExecutorConfig
	peers  *peers
	budget *executor.Budget // nil: none

	done  chan struct{} // closed when the executor is
	tasks sync.WaitGroup

	mu     sync.Mutex
	runs   map[wire.RunID]*run
	closed bool
}

// forgetAfter is how long a run is kept unless told otherwise. Drivers are heard from
// every beat.
const (
	forgetAfter = 2 * time.Minute
	beat        = 5 * time.Second
)

var (
	_ wire.Executor = (*Executor)(nil)
	_ wire.Together = (*Executor)(nil)
	_ wire.Blocks   = (*Executor)(nil)
)

// NewExecutor makes an executor that takes part in nothing yet.
func NewExecutor(cfg ExecutorConfig) *Executor {
	x := &Executor{cfg: cfg, peers: newPeers(cfg.Dial), runs: map[wire.RunID]*run{}, done: make(chan struct{})}
	if x.cfg.Forget <= 0 {
		x.cfg.Forget = forgetAfter
	}
	if cfg.Memory > 0 {
		x.budget = executor.NewBudget(cfg.Memory)
	}
	x.tasks.Go(x.forget)
	return x
}

// forget ends the runs that nobody drives any more: their drivers have died.
func (x *Executor) forget() {
	tick := time.NewTicker(x.cfg.Forget / 4)
	defer tick.Stop()
	for {
		select {
		case <-x.done:
			return
		case <-tick.C:
		}
		var ended []*run
		x.mu.Lock()
		for id, r := range x.runs {
			if r.silent() > x.cfg.Forget {
				ended = append(ended, r)
				delete(x.runs, id)
			}
		}
		x.mu.Unlock()
		for _, r := range ended {
			_ = r.close() // nobody waits for what comes of it
		}
	}
}

// Shutdown ends all runs. What the executor holds goes, tasks that are under way
// are given up.
func (x *Executor) Shutdown() error {
	x.mu.Lock()
	if x.closed {
		x.mu.Unlock()
		return nil
	}
	x.closed = true
	close(x.done)
	var all []*run
	for id, r := range x.runs {
		all = append(all, r)
		delete(x.runs, id)
	}
	x.mu.Unlock()
	var errs []error
	for _, r := range all {
		errs = append(errs, r.close())
	}
	x.tasks.Wait()
	return errors.Join(append(errs, x.peers.close())...)
}

// deadFor is how long others have to be gone until connections to them are closed: they may be
// at work and only have been missed for a moment.
const deadFor = 10 * time.Second

// Bury closes connections to executors that have been dead, or have left, for ten
// seconds. One that comes back is connected to anew.
func (x *Executor) Bury(members []gossip.Member) {
	there := map[string]bool{}
	for _, m := range members {
		there[m.RPC] = there[m.RPC] || present(m) || time.Since(m.Since) < deadFor
	}
	for addr, is := range there {
		if !is {
			x.peers.drop(addr)
		}
	}
}

// Plans returns the digests of the plans that are open.
func (x *Executor) Plans() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []string
	for _, r := range x.runs {
		out = append(out, r.digest)
	}
	return out
}

// Open implements wire.Executor. For a run that is open under the node's name it only
// takes the new peers; under another name it is begun anew, without anything that it
// held. An opening without a job is a question: it fails with a fault.Lost unless the run is
// open.
func (x *Executor) Open(ctx context.Context, o wire.Opening) error {
	r, err := x.begin(o)
	if err != nil {
		return err
	}
	return r.open(ctx, o, x)
}

// begin returns the run of an opening, in place of those that it ends.
func (x *Executor) begin(o wire.Opening) (*run, error) {
	job, epoch, err := split(o.Run)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	var ended []*run
	defer func() {
		x.mu.Unlock()
		for _, r := range ended {
			_ = r.close() // nobody waits for what comes of it
		}
	}()
	if x.closed {
		return nil, fault.New(fault.Retry, "%s is shutting down", x.cfg.Name)
	}
	was := x.runs[o.Run]
	switch {
	case was != nil && was.node == o.Node:
		return was, nil
	case len(o.Job) == 0:
		return nil, x.notOpen(o.Run)
	}
	var above int64
	if ended, above = x.take(job, epoch); above > 0 {
		return nil, fault.New(fault.Invalid, "%s: %w, of job %q (its epoch is %d, this one's %d)", x.cfg.Name, wire.ErrSuperseded, job, above, epoch)
	}
	r := newRun(x, o)
	x.runs[o.Run] = r
	return r, nil
}

// split takes a run's name apart.
func split(id wire.RunID) (job string, epoch int64, err error) {
	at := strings.LastIndexByte(string(id), '/')
	if at < 0 {
		return "", 0, fault.New(fault.Invalid, "%q does not name a run: expected job/epoch", id)
	}
	epoch, err = strconv.ParseInt(string(id[at+1:]), 10, 64)
	if err != nil {
		return "", 0, fault.New(fault.Invalid, "%q does not name a run: expected job/epoch", id)
	}
	return string(id[:at]), epoch, nil
}

func (x *Executor) notOpen(id wire.RunID) error {
	return fault.New(fault.Lost, "%s takes no part in run %s: it was begun after that", x.cfg.Name, id)
}

// find returns a run that is open. The caller leaves it when it is done.
func (x *Executor) find(id wire.RunID) (*run, error) {
	x.mu.Lock()
	r := x.runs[id]
	x.mu.Unlock()
	if r == nil || !r.enter() {
		return nil, x.notOpen(id)
	}
	return r, nil
}

// Run implements wire.Executor. A run that is not open is a fault.Lost.
func (x *Executor) Run(ctx context.Context, id wire.RunID, t work.Task) (work.Receipt, error) {
	r, err := x.find(id)
	if err != nil {
		return work.Receipt{}, err
	}
	defer r.leave()
	return r.task(ctx, t)
}

// RunTogether implements wire.Together.
func (x *Executor) RunTogether(ctx context.Context, id wire.RunID, tasks []work.Task, tell func(int, work.Receipt, error)) error {
	r, err := x.find(id)
	if err != nil {
		return err
	}
	defer r.leave()
	r.together(ctx, tasks, tell)
	return nil
}

// State implements wire.Executor.
func (x *Executor) State(ctx context.Context, id wire.RunID, o wire.StateOrder) (work.State, error) {
	r, err := x.find(id)
	if err != nil {
		return work.State{}, err
	}
	defer r.leave()
	return r.state(ctx, o)
}

// Release implements wire.Executor.
func (x *Executor) Release(_ context.Context, id wire.RunID, batch rdd.BatchID) error {
	r, err := x.find(id)
	if err != nil {
		return err
	}
	defer r.leave()
	r.blocks.Drop(batch)
	return nil
}

// Close implements wire.Executor. What was begun of the same job under lower epochs
// ends as well; that nothing of it is open is no mistake.
func (x *Executor) Close(_ context.Context, id wire.RunID) error {
	job, epoch, err := split(id)
	if err != nil {
		return err
	}
	x.mu.Lock()
	ended, _ := x.take(job, epoch)
	x.mu.Unlock()
	var errs []error
	for _, r := range ended {
		errs = append(errs, r.close())
	}
	return errors.Join(errs...)
}

// take takes the runs of a job out that are of an epoch and below, and returns the
// highest epoch above, or 0. The lock is held.
func (x *Executor) take(job string, epoch int64) (ended []*run, above int64) {
	for id, r := range x.runs {
		switch name, e, err := split(id); {
		case err != nil || name != job:
		case e > epoch:
			above = max(above, e)
		default:
			ended = append(ended, r)
			delete(x.runs, id)
		}
	}
	return ended, above
}

// Block implements wire.Blocks.
func (x *Executor) Block(_ context.Context, id wire.RunID, b rdd.Block) (*rdd.Frames, error) {
	r, err := x.find(id)
	if err != nil {
		return nil, err
	}
	defer r.leave()
	if b.Node != r.node {
		return nil, fault.New(fault.Lost, "block of batch %d, stage %d, task %d, key group %d lay on %s, this is %s now", b.Batch, b.Stage, b.Task, b.Partition, b.Node, r.node)
	}
	return r.blocks.Get(b)
}
