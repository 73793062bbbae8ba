package service

import (
	"context"
	"iter"
	"path/filepath"
	"time"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/engine/cluster/home"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/planner/work"
)

// restart gives up an unfinished run where this was asked for, and forgets that it was:
// the next driver takes up the run that begins now. It notes what the ledger ends with,
// by which that driver knows whether the run has come to its end; see concluded.
func (s *Service) restart(ctx context.Context, t *task, log driver.Ledger) error {
	t.mu.Lock()
	asked, begun := t.asks.Restart, t.before != nil
	t.mu.Unlock()
	if begun && !asked {
		return nil
	}
	end, unended, err := lastEnd(ctx, log)
	if err == nil && asked && unended {
		end = driver.Ended{At: time.Now().UnixMicro()}
		err = log.Append(ctx, end)
	}
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.asks.Restart, t.before = false, &end.At
	t.mu.Unlock()
	return s.keep(t)
}

// concluded reports whether the run of a job had come to its end before the driver died
// that should have recorded it. Then the job has finished, and its run is not run anew:
// only its summary is lost.
func (s *Service) concluded(ctx context.Context, t *task) bool {
	t.mu.Lock()
	before := t.before
	t.mu.Unlock()
	if before == nil {
		return false
	}
	log, err := s.cfg.Home.Ledger(filepath.Join(t.dir, "ledger"))
	if err != nil {
		return false // whoever runs the job opens it again, and says so
	}
	defer log.Close() //nolint:errcheck // it was only read
	end, unended, err := lastEnd(ctx, log)
	if err != nil || unended || end.At == *before {
		return false
	}
	past, err := driver.Recall(ctx, until{log, end})
	if err != nil {
		past = &driver.Past{} // that it has ended is known nevertheless
	}
	t.conclude(end, past.Tally)
	return true
}

// conclude says that a job had finished under the driver before this one.
func (t *task) conclude(end driver.Ended, sum work.Tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := &t.now
	n.State, n.Ended, n.Batch = submission.Finished, end.At, end.Batches
	n.RowsIn, n.RowsOut = sum.RowsIn, sum.RowsOut
	t.sayLocked("the run had come to its end; its summary is lost with the driver before this one")
	t.sayLocked(string(n.State))
	t.events.put(t.now)
	t.touch()
}

// lastEnd returns the end of a run that a ledger ends with; unended: it ends with
// something else.
func lastEnd(ctx context.Context, log driver.Ledger) (end driver.Ended, unended bool, err error) {
	for e, err := range log.Replay(ctx) {
		if err != nil {
			return end, false, err
		}
		ended, ok := e.(driver.Ended)
		end, unended = ended, !ok
	}
	return end, unended, nil
}

// until is a ledger before the end of its last run.
type until struct {
	*home.Ledger
	end driver.Ended
}

// Replay implements driver.Ledger.
func (u until) Replay(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		for e, err := range u.Ledger.Replay(ctx) {
			if end, ok := e.(driver.Ended); ok && end == u.end || !yield(e, err) {
				return
			}
		}
	}
}
