package driver

import (
	"context"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// past is what a ledger tells of earlier runs.
type past struct {
	epoch     int64
	planned   []Planned // from batch 1, without gaps
	committed rdd.BatchID
	tally     work.Tally
}

// recall reads the ledger. A ledger that does not fit the plan, or does not
// make sense, is a fault.Invalid.
func recall(ctx context.Context, plan *planner.Plan, ledger Ledger) (past, error) {
	var p past
	for e, err := range ledger.Replay(ctx) {
		if err == nil {
			err = p.add(plan, e)
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *past) add(plan *planner.Plan, e Entry) error {
	switch e := e.(type) {
	case Started:
		p.epoch = max(p.epoch, e.Epoch)
		return fits(plan, e)
	case Planned:
		if want := rdd.BatchID(len(p.planned) + 1); e.Batch != want {
			return fault.New(fault.Invalid, "ledger: batch %d is planned where batch %d should be", e.Batch, want)
		}
		if len(e.Offsets) != len(plan.Reads) || len(e.Ended) != len(plan.Reads) {
			return fault.New(fault.Invalid, "ledger: batch %d is of %d sources, the job has %d", e.Batch, len(e.Offsets), len(plan.Reads))
		}
		for _, s := range e.Splits {
			if s.Source < 0 || s.Source >= len(plan.Reads) {
				return fault.New(fault.Invalid, "ledger: batch %d has a split of source %d, the job has %d", e.Batch, s.Source, len(plan.Reads))
			}
		}
		p.planned = append(p.planned, e)
	case Committed:
		if e.Batch != p.committed+1 || e.Batch > rdd.BatchID(len(p.planned)) {
			return fault.New(fault.Invalid, "ledger: batch %d is committed after batch %d of %d planned", e.Batch, p.committed, len(p.planned))
		}
		p.committed = e.Batch
		p.tally.Add(e.Tally)
	}
	return nil
}

// fits refuses to take up the ledger of another job, or of the same job under
// settings with which its batches would come to other rows.
func fits(plan *planner.Plan, e Started) error {
	is, was := plan.Job.Settings.WithDefaults(), e.Settings.WithDefaults()
	switch {
	case e.Job != plan.Job.Name || e.Plan != plan.Digest:
		return fault.New(fault.Invalid, "the ledger belongs to job %s, plan %.12s (%s), not to job %s, plan %.12s (%s): use another ledger for it",
			e.Job, e.Plan, e.Mode, plan.Job.Name, plan.Digest, plan.Mode)
	case is.InFlight != was.InFlight, is.KeyGroups != was.KeyGroups, is.Lateness != was.Lateness:
		return fault.New(fault.Invalid,
			"the ledger was begun with in_flight %d, key_groups %d, lateness %s; the job now has %d, %d, %s: these are fixed for its whole life",
			was.InFlight, was.KeyGroups, was.Lateness, is.InFlight, is.KeyGroups, is.Lateness)
	}
	return nil
}

// over reports whether the job has come to the end of its input.
func (p *past) over() bool {
	n := len(p.planned)
	return n > 0 && p.planned[n-1].Final && p.committed == rdd.BatchID(n)
}

// outcome of a job that is over.
func (p *past) outcome() Outcome {
	last := p.planned[len(p.planned)-1]
	return Outcome{
		Batches: int64(len(p.planned)), Tally: p.tally, Watermark: last.Watermark,
		Final: true, Offsets: last.Offsets,
	}
}

// schemas lists the columns of the sources for the ledger.
func schemas(plan *planner.Plan) [][][2]string {
	out := make([][][2]string, len(plan.Reads))
	for i, op := range plan.Reads {
		if op >= len(plan.Ops) || plan.Ops[op].Dataset == nil {
			continue
		}
		read, ok := plan.Ops[op].Dataset.Op().(rdd.Read)
		if !ok || read.Schema == nil {
			continue
		}
		for _, f := range read.Schema.Fields() {
			out[i] = append(out[i], [2]string{f.Name, f.Type.String()})
		}
	}
	return out
}
