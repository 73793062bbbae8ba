// Package engine wires a node: it resolves a job against its sources, compiles
// it, opens sinks and ledger, starts executors and lets a driver run them. The
// executors may be elsewhere ([Config.Connect], package cluster); nothing below this
// package knows which it is.
package engine

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/driver"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// Config says how a job is run. The zero Config runs the I-DAG plan on all
// cores with a ledger in memory and no connectors.
type Config struct {
	Mode        planner.Mode // "" means planner.IDAG
	Executors   int          // 0 means one a core
	Kinds       connectors.Registry
	Ledger      string         // directory, of the checkpoints too; "": the run cannot be taken up again
	Restart     bool           // an unfinished run that the ledger tells of is given up
	DeadLetters string         // directory, in which each run has one, or "" to count them only
	Temp        string         // directory for rows that memory has no room for, or "" for the system's
	Measure     bool           // the time and the bytes of each operation, for Summary.Operations
	Observe     func(Progress) // called after each batch, one at a time; may be nil
	Stop        <-chan struct{}
	Out         io.Writer        // for console sinks
	Mem         memory.Allocator // nil means a pool of the run's own
	// Cache keeps what the datasets that a job caches came to, for the runs that share
	// it. Nil: there is one for this run alone.
	Cache *executor.Cache
	// Dead, if not nil, takes the dead letters in place of DeadLetters.
	Dead connectors.Sink
	// Keep, if not nil, is the ledger in place of Ledger.
	Keep driver.Ledger
	// Fleet, if not nil, wraps the executors: tests put a hostile twin here.
	Fleet func(Fleet) Fleet
	// Tap, if not nil, wraps each sink that the job writes to, which goes by the name of
	// an output: who shows a run while it is under way looks at its rows there. Closing
	// what it returns closes the sink. It is called for several at once. With Connect it
	// sees what is published, no rows.
	Tap func(output string, s connectors.Sink) connectors.Sink
	// Connect, if not nil, opens the run on executors elsewhere, which run its tasks in
	// place of this process's. It is called once a run, when all else is open. ErrNobody
	// ends the run before it has begun.
	Connect func(ctx context.Context, o wire.Opening) (Remote, error)
	// Now is the clock of this driver, and Common one that all drivers which may take up
	// the run look at: by it each has a higher epoch than those before. Nil is time.Now,
	// and Now.
	Now, Common func() time.Time
	Point       Point // told of the steps of the run, for tests
}

func (c Config) withDefaults() Config {
	if c.Mode == "" {
		c.Mode = planner.IDAG
	}
	if c.Executors <= 0 {
		c.Executors = runtime.GOMAXPROCS(0)
	}
	if c.Out == nil {
		c.Out = io.Discard
	}
	c.Out = &oneAtATime{w: c.Out}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Common == nil {
		c.Common = c.Now
	}
	if c.Observe == nil {
		c.Observe = func(Progress) {}
	}
	return c
}

// oneAtATime lets several sinks share a writer: each writes a batch with one call.
type oneAtATime struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneAtATime) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

// Progress is told after each batch is committed, and in between.
type Progress struct {
	Batch     rdd.BatchID // the one just committed, else the last one planned
	Rows      int64       // read from the sources so far
	RowsTotal int64       // that the sources will give altogether, or -1 where unknown
	RowsOut   int64       // written by the committed batches
	Watermark int64       // microseconds since the epoch, or planner.NoTime
	Committed bool        // a batch was committed just now
	Again     bool        // it had been before: it was run again for its state only
	Note      string      // something a person should know, told once; or ""
}

// Compile checks a job against its sources and plans it. It reads no rows.
func Compile(ctx context.Context, job *rdd.Job, cfg Config) (*planner.Plan, error) {
	cfg = cfg.withDefaults()
	n := &node{cfg: cfg, mem: cfg.allocator()}
	p, err := n.compile(ctx, job)
	return p, errors.Join(err, n.close())
}
