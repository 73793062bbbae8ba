package executor

import (
	"context"
	"runtime/debug"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// Config is what an executor works with. Sources and Sinks are by the ordinals
// of the plan; they and Blocks may be shared by executors.
type Config struct {
	Node    string
	Plan    *planner.Plan
	Sources []connectors.Source
	Sinks   []connectors.Sink
	Dead    connectors.Sink // takes dead letters; nil: they are counted and thrown away
	Blocks  *Blocks
	Cache   *Cache // of what splits came to; may be nil
	Mem     memory.Allocator
	States  string       // directory of checkpoints
	Temp    string       // directory for rows that memory has no room for; "" is the system's
	Point   func(string) // told of the steps of a checkpoint, for tests; may be nil
	// Fetch gets blocks that lie on another node, one node, and tells of each, in any order
	// and once at the most: its frames, which are the told one's to release, or why it cannot
	// be had. A node that does not answer is a fault.Retry, a block that it does not have a
	// fault.Lost. An error of the call is that of all blocks that were not told of. nil: all
	// blocks lie in Blocks. It may be called several times at once.
	Fetch func(ctx context.Context, blocks []rdd.Block, tell func(i int, frames *rdd.Frames, err error)) error
}

// Executor runs the tasks of one plan. It may run several at once, but never
// two of one key group of a stateful stage.
type Executor struct {
	Config
	labels arrow.Array // the job's label names: the dictionary of every _label column

	tables  tables
	room    room
	fusions fusions

	mu     sync.Mutex
	states map[stateID]keeper
	kept   map[stateID]*frozen
}

// New makes an executor. The caller closes it.
func New(c Config) *Executor {
	x := &Executor{Config: c, labels: labelNames(c.Mem, c.Plan.Job.Labels),
		states: map[stateID]keeper{}, kept: map[stateID]*frozen{}}
	x.room.dir, x.room.limit = c.Temp, c.Plan.Job.Settings.Memory
	return x
}

// Close gives up all state.
func (x *Executor) Close() {
	x.forget()
	x.tables.release()
	x.labels.Release()
}

// Run runs a task and returns its receipt. A panic anywhere below is a
// fault.Bug with its stack: this is the one place that recovers.
func (x *Executor) Run(ctx context.Context, t work.Task) (work.Receipt, error) {
	return x.run(ctx, t, nil)
}

// RunTogether runs tasks one behind the other and tells of each what came of it. Their
// blocks are fetched together, and while tasks before them run. Before each begin is
// asked; end is called when the task has ended, an error is what came of it.
func (x *Executor) RunTogether(ctx context.Context, tasks []work.Task, begin func(i int) (end func(), err error), tell func(i int, r work.Receipt, err error)) {
	var blocks []rdd.Block
	for i := range tasks {
		blocks = append(blocks, tasks[i].Blocks...)
	}
	within, stop := context.WithCancel(ctx)
	f := newFetcher(x, blocks)
	defer f.close(stop)
	first := 0
	for i, t := range tasks {
		var r work.Receipt
		end, err := begin(i)
		if err == nil {
			r, err = x.run(within, t, &inbox{from: f, first: first, n: len(t.Blocks)})
			end()
		}
		first += len(t.Blocks)
		tell(i, r, err)
	}
}

// run runs a task; in is where its blocks come from, or nil.
func (x *Executor) run(ctx context.Context, t work.Task, in *inbox) (r work.Receipt, err error) {
	start := time.Now()
	run := newRun(x, t)
	run.in = in
	defer func() {
		if p := recover(); p != nil {
			err = fault.Panicked(p, debug.Stack())
		}
		if err != nil {
			run.abandon()
		}
	}()
	if t.Plan != x.Plan.Digest {
		return r, fault.New(fault.Invalid, "task of plan %s came to an executor of plan %s", t.Plan, x.Plan.Digest)
	}
	if err := run.do(ctx); err != nil {
		return r, err
	}
	if t.Freeze {
		if err := x.freeze(t); err != nil {
			return r, err
		}
	}
	r = run.receipt
	r.Batch, r.Stage, r.Index, r.Attempt, r.Node = t.Batch, t.Stage, t.Index, t.Attempt, x.Node
	run.meter.finish()
	r.Tally = run.tally.total()
	r.Wall = time.Since(start)
	return r, nil
}
