package driver

import (
	"context"
	"errors"
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// Past is what a ledger tells of the run that a driver takes up, or that there is
// none: the last one has ended.
type Past struct {
	// Started is how the run began, as the last driver understood it; nil: there is
	// no run to take up.
	Started *Started
	// Run is the epoch of the run's first driver, Epoch that of the driver to come.
	// Whoever begins a new run may set both, to anything not lower.
	Run, Epoch int64
	// Committed is the last batch committed, and Tally what the batches up to it
	// came to.
	Committed rdd.BatchID
	Tally     work.Tally

	begun       bool           // some entry of the run has been seen
	trimmed     bool           // the first ones of it are gone
	headless    bool           // and no checkpoint has told yet what they said
	whole       bool           // checkpoints do not count
	planned     []Planned      // without gaps; behind the older checkpoint, or from batch 1
	tallies     []work.Tally   // of the first of them
	checkpoints []Checkpointed // the older first, at most two
}

// errNoCheckpoint says that no checkpoint can be used, and the batches before them
// were not kept in memory.
var errNoCheckpoint = errors.New("no checkpoint can be used")

// Recall reads a ledger. One that does not make sense is a fault.Invalid. It keeps
// no more than what the driver to come may need.
func Recall(ctx context.Context, ledger Ledger) (*Past, error) { return recall(ctx, ledger, false) }

// recall reads a ledger, with all batches of its run and as if there were no
// checkpoints where whole is set.
func recall(ctx context.Context, ledger Ledger, whole bool) (*Past, error) {
	p := &Past{whole: whole}
	for e, err := range ledger.Replay(ctx) {
		if err == nil {
			err = p.add(e)
		}
		if err != nil {
			return p, err
		}
	}
	if p.headless {
		return p, fault.New(fault.Invalid, "ledger: the beginning of the run is missing; --restart begins it anew")
	}
	if p.Epoch++; p.Run == 0 {
		p.Run = p.Epoch
	}
	return p, nil
}

func (p *Past) add(e Entry) error {
	if !p.begun {
		s, ok := e.(Started)
		p.begun, p.trimmed = true, !ok || s.Run != 0 && s.Run != s.Epoch
		p.headless = p.trimmed
	}
	switch e := e.(type) {
	case Started:
		p.begin(e)
	case Planned:
		return p.plan(e)
	case Committed:
		return p.commit(e)
	case Checkpointed:
		return p.checkpoint(e)
	case Ended:
		*p = Past{Epoch: p.Epoch, whole: p.whole}
	}
	return nil
}

func (p *Past) begin(e Started) {
	p.Started, p.Epoch = &e, max(p.Epoch, e.Epoch)
	if p.Run == 0 {
		p.Run = max(e.Run, 1)
		if e.Run == 0 {
			p.Run = e.Epoch
		}
	}
}

func (p *Past) plan(e Planned) error {
	n := len(p.planned)
	switch {
	case n > 0 && e.Batch != p.planned[n-1].Batch+1:
		return fault.New(fault.Invalid, "ledger: batch %d is planned where batch %d should be", e.Batch, p.planned[n-1].Batch+1)
	case n == 0 && e.Batch != p.Committed+1 && !p.trimmed:
		return fault.New(fault.Invalid, "ledger: batch %d is planned where batch %d should be", e.Batch, p.Committed+1)
	}
	p.planned = append(p.planned, e)
	return nil
}

func (p *Past) commit(e Committed) error {
	last := p.Committed // of all planned
	if n := len(p.planned); n > 0 {
		last = p.planned[n-1].Batch
	}
	switch {
	case p.trimmed && e.Batch > p.Committed+1:
		p.headless = true // a checkpoint has to follow, with the totals
	case e.Batch != p.Committed+1 || e.Batch > last:
		return fault.New(fault.Invalid, "ledger: batch %d is committed after batch %d of %d planned", e.Batch, p.Committed, last)
	}
	p.Committed = e.Batch
	p.Tally.Add(e.Tally)
	if len(p.planned) > 0 && e.Batch >= p.planned[0].Batch {
		p.tallies = append(p.tallies, e.Tally)
	}
	return nil
}

// checkpoint forgets what is before the older of the last two checkpoints.
func (p *Past) checkpoint(e Checkpointed) error {
	if p.trimmed && e.Batch > p.Committed {
		p.headless = true
	}
	if e.Clock == nil || !p.headless && e.Batch > p.Committed {
		return fault.New(fault.Invalid, "ledger: a checkpoint of batch %d after batch %d is committed", e.Batch, p.Committed)
	}
	if p.headless {
		p.headless = false
		p.begin(e.Run)
		p.Tally, p.Committed = work.Tally{}, max(p.Committed, e.Batch)
		p.Tally.Add(e.Tally)
		for i, t := range p.tallies {
			if p.planned[i].Batch > e.Batch {
				p.Tally.Add(t)
			}
		}
	}
	if p.whole {
		return nil
	}
	beside := slices.IndexFunc(p.checkpoints, func(o Checkpointed) bool { return o.Batch == e.Beside })
	if beside >= 0 {
		p.checkpoints = []Checkpointed{p.checkpoints[beside], e}
	} else {
		p.checkpoints = []Checkpointed{e}
	}
	if len(p.checkpoints) == 2 {
		p.forget(p.checkpoints[0].Batch)
	}
	return nil
}

// forget drops the batches up to one.
func (p *Past) forget(upTo rdd.BatchID) {
	n := 0
	for n < len(p.planned) && p.planned[n].Batch <= upTo {
		n++
	}
	p.planned = append([]Planned(nil), p.planned[n:]...)
	p.tallies = append([]work.Tally(nil), p.tallies[min(n, len(p.tallies)):]...)
}

// Fits refuses, as a fault.Invalid that says what has changed, a past of another
// job or plan.
func (p *Past) Fits(plan *planner.Plan) error {
	if p.Started == nil {
		return nil
	}
	if err := fits(plan, *p.Started); err != nil {
		return err
	}
	for _, e := range p.planned {
		if err := checkPlanned(plan, e); err != nil {
			return err
		}
	}
	for _, e := range p.checkpoints {
		if err := checkPlanned(plan, e.Planned); err != nil {
			return err
		}
	}
	first := rdd.BatchID(1)
	if len(p.checkpoints) > 0 {
		first = p.checkpoints[0].Batch + 1
	}
	if len(p.planned) > 0 && p.planned[0].Batch > first || len(p.planned) == 0 && p.Committed >= first {
		return fault.New(fault.Invalid, "ledger: the batches from %d on are missing; --restart begins the job anew", first)
	}
	return nil
}

func checkPlanned(plan *planner.Plan, e Planned) error {
	if len(e.Offsets) != len(plan.Reads) || len(e.Ended) != len(plan.Reads) {
		return fault.New(fault.Invalid, "ledger: batch %d is of %d sources, the job has %d", e.Batch, len(e.Offsets), len(plan.Reads))
	}
	for _, s := range e.Splits {
		if s.Source < 0 || s.Source >= len(plan.Reads) {
			return fault.New(fault.Invalid, "ledger: batch %d has a split of source %d, the job has %d", e.Batch, s.Source, len(plan.Reads))
		}
	}
	return nil
}

// over reports whether the run has come to the end of its input.
func (p *Past) over() bool {
	n := len(p.planned)
	return n > 0 && p.planned[n-1].Final && p.Committed == p.planned[n-1].Batch
}

// outcome of a run that is over.
func (p *Past) outcome() Outcome {
	last := p.planned[len(p.planned)-1]
	return Outcome{Batches: int64(last.Batch), Tally: p.Tally, Watermark: last.Watermark, Final: true, Offsets: last.Offsets}
}
