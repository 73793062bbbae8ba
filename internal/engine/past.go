package engine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/ledger"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// statesDir is where checkpoints lie, below the directory of the ledger.
const statesDir = "state"

// recall opens the ledger and reads what it tells. Every driver has the time for its
// epoch, if the ledger tells of none as high, so that whoever keeps the highest epoch
// that it has seen also refuses drivers of earlier runs, and no later one.
func (n *node) recall(ctx context.Context) error {
	if err := n.openLedger(); err != nil {
		return err
	}
	var err error
	if n.past, err = driver.Recall(ctx, n.ledger); err != nil && !n.cfg.Restart {
		return err
	}
	if err != nil || n.cfg.Restart && n.past.Started != nil {
		if err = n.giveUp(ctx, err); err != nil {
			return err
		}
	}
	// A driver says its epoch to executors before it is in the ledger. One that died in
	// between, maybe after it has taken up the run several times, must be below this one.
	n.past.Epoch = max(n.past.Epoch, n.cfg.Common().UnixMicro())
	if n.past.Started == nil {
		n.past.Run = n.past.Epoch
		return n.ledger.Trim(ctx, 0) // of runs that have ended
	}
	return nil
}

// giveUp ends the run that the ledger tells of, or whose ledger cannot be read. Its
// state goes with it when the next one makes a checkpoint.
func (n *node) giveUp(ctx context.Context, unreadable error) error {
	if unreadable != nil {
		return errors.Join(unreadable, errors.New("remove the directory of the ledger to begin the job anew"))
	}
	if err := n.ledger.Append(ctx, driver.Ended{At: n.cfg.Now().UnixMicro()}); err != nil {
		return err
	}
	var err error
	n.past, err = driver.Recall(ctx, n.ledger)
	return err
}

func (n *node) openLedger() error {
	switch {
	case n.cfg.Keep != nil:
		n.ledger = n.cfg.Keep
	case n.cfg.Ledger == "":
		n.ledger = ledger.Void{}
	default:
		file, err := ledger.Open(n.cfg.Ledger, ledger.Options{})
		if err != nil {
			return err
		}
		if note := file.Note(); note != "" {
			n.cfg.Observe(Progress{RowsTotal: -1, Watermark: work.NoTime, Note: note})
		}
		n.ledger = file
		n.closers = append(n.closers, file.Close)
	}
	n.ledger = n.cfg.Point.ledger(n.ledger)
	return nil
}

// hasLedger reports whether there may be something to take up. Where there is not,
// a job with a mistake in it leaves no directory behind.
func (n *node) hasLedger() bool {
	if n.cfg.Keep != nil {
		return true
	}
	_, err := os.Stat(n.cfg.Ledger)
	return n.cfg.Ledger != "" && err == nil
}

// states returns the directory of checkpoints, or "" where there are none.
func (c *Config) states() string {
	if c.Ledger == "" {
		return ""
	}
	return filepath.Join(c.Ledger, statesDir)
}

// published reports whether committed batches have put rows into a write: every
// row that comes to it with a label that it takes is written.
func published(p *driver.Past, plan *planner.Plan, write int) bool {
	for label := range plan.Ops[write].Schemas {
		if p.Tally.Ops[work.OpLabel{Op: write, Label: label}].In > 0 {
			return true
		}
	}
	return false
}

// conclude ends a run that has come to the end of its input. It publishes the last
// batch in every sink once more, without parts: sinks that no row came for learn
// that the run was there. Then nothing of the run is needed any more.
func (n *node) conclude(ctx context.Context, out driver.Outcome) error {
	last := rdd.Commit{Job: n.plan.Job.Name, Batch: rdd.BatchID(out.Batches), Epoch: max(n.past.Epoch, out.Epoch)}
	sinks := n.sinks
	if n.dead != nil {
		sinks = append(sinks[:len(sinks):len(sinks)], n.dead)
	}
	for _, s := range sinks {
		if out.Batches == 0 {
			break
		}
		if err := s.Publish(ctx, last, nil); err != nil {
			return err
		}
	}
	if !out.Final {
		return nil
	}
	if err := n.ledger.Append(ctx, driver.Ended{Batches: out.Batches, At: n.cfg.Now().UnixMicro()}); err != nil {
		return err
	}
	return n.cfg.sweep()
}

// sourcePrefix begins the names of directories, beside the ledger, of what sources have
// to know.
const sourcePrefix = "source-"

// sweep removes what a run that has ended kept beside its ledger: checkpoints, and
// what its sources had to know.
func (c *Config) sweep() error {
	if c.Ledger == "" {
		return nil
	}
	list, err := os.ReadDir(c.Ledger)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	dirs := []string{c.states()}
	for _, e := range list {
		if strings.HasPrefix(e.Name(), sourcePrefix) {
			dirs = append(dirs, filepath.Join(c.Ledger, e.Name()))
		}
	}
	for _, dir := range dirs {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}
