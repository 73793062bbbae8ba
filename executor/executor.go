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
	// Fetch gets a block that lies on another node; the caller releases it. A node that
	// does not answer is a fault.Retry, a block that it does not have a fault.Lost. nil: all
	// blocks lie in Blocks. It may be called several times at once.
	Fetch func(ctx context.Context, b rdd.Block) (*rdd.Frames, error)
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
func (x *Executor) Run(ctx context.Context, t work.Task) (r work.Receipt, err error) {
	start := time.Now()
	run := newRun(x, t)
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
