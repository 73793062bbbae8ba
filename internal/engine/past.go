package engine

import (
	"context"
	"time"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// past is what a ledger says of the run that it is opened for.
type past struct {
	resume bool       // a driver has begun the run already
	run    int64      // the epoch of its first driver: tells runs of a job apart
	epoch  int64      // of the driver to come
	tally  work.Tally // of the batches that are committed
}

// recall looks for the drivers that a ledger tells of. The first driver of a
// run has the time for its epoch, so that whoever keeps the highest epoch that
// it has seen also refuses drivers of earlier runs.
func recall(ctx context.Context, book driver.Ledger) (past, error) {
	var p past
	for e, err := range book.Replay(ctx) {
		if err != nil {
			return p, err
		}
		switch e := e.(type) {
		case driver.Started:
			if !p.resume {
				p.resume, p.run = true, e.Epoch
			}
			p.epoch = max(p.epoch, e.Epoch+1)
		case driver.Committed:
			p.tally.Add(e.Tally)
		default:
		}
	}
	if !p.resume {
		p.run = time.Now().UnixMicro()
		p.epoch = p.run
	}
	return p, nil
}

// published reports whether committed batches have put rows into a write: every
// row that comes to it with a label that it takes is written.
func (p past) published(plan *planner.Plan, write int) bool {
	for label := range plan.Ops[write].Schemas {
		if p.tally.Ops[work.OpLabel{Op: write, Label: label}].In > 0 {
			return true
		}
	}
	return false
}

// conclude publishes the last batch in every sink once more, without parts:
// sinks that no row came for learn that the run was there.
func (n *node) conclude(ctx context.Context, out driver.Outcome) error {
	if out.Batches == 0 {
		return nil
	}
	last := rdd.Commit{Job: n.plan.Job.Name, Batch: rdd.BatchID(out.Batches), Epoch: n.past.epoch}
	for _, s := range n.sinks {
		if err := s.Publish(ctx, last, nil); err != nil {
			return err
		}
	}
	if n.dead != nil {
		return n.dead.Publish(ctx, last, nil)
	}
	return nil
}
