package engine

import (
	"context"
	"errors"
	"time"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// ErrNobody is that there is no executor that could take part in a run: it can be run when
// there is one.
var ErrNobody = errors.New("no executor takes part in the run")

// Run runs a job to the end of its input, or until Config.Stop is closed and
// the batches in flight are published. The summary counts what was committed,
// after an error too.
func Run(ctx context.Context, job *rdd.Job, cfg Config) (s Summary, err error) {
	start := time.Now()
	cfg = cfg.withDefaults()
	n := &node{cfg: cfg, mem: cfg.allocator()}
	defer func() { err = errors.Join(err, n.close()) }()
	if err := n.prepare(ctx, job); err != nil {
		return Summary{}, err
	}
	out, err := n.drive(ctx)
	if err == nil {
		err = n.conclude(ctx, out)
	}
	return summary(n.plan, out, time.Since(start)), err
}

// prepare opens everything: the ledger first where there is one, for it says how
// the sources of an unfinished run were understood.
func (n *node) prepare(ctx context.Context, job *rdd.Job) error {
	if n.hasLedger() {
		if err := n.recall(ctx); err != nil {
			return err
		}
		if n.past.Started == nil {
			if err := n.cfg.sweep(); err != nil {
				return err
			}
		}
	}
	if _, err := n.compile(ctx, job); err != nil {
		return err
	}
	if n.past == nil {
		if err := n.recall(ctx); err != nil {
			return err
		}
	}
	if err := n.past.Fits(n.plan); err != nil {
		return err
	}
	return n.open(ctx)
}

// observer turns the driver's progress into the engine's.
func observer(tell func(Progress)) func(driver.Progress) {
	var p Progress
	return func(d driver.Progress) {
		p.Batch, p.Committed, p.Again = d.Batch, d.Committed != nil, false
		if p.Committed {
			p.Batch, p.Again = d.Committed.Batch, d.Committed.Again
		}
		p.RowsOut, p.Note = d.Written, d.Note
		p.Rows, p.Watermark, p.RowsTotal = d.Read, d.Watermark, -1
		if d.Ended {
			p.RowsTotal = d.Planned
		}
		tell(p)
	}
}

// planName is how a summary calls a plan, and the form of a linear one.
func planName(m planner.Mode) (plan, form string) {
	if m.Linear() {
		return "linear", string(m)
	}
	return string(m), ""
}
