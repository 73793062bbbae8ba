package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/engine/part"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner"
)

// Remote is executors in other processes that a run was opened on.
type Remote interface {
	driver.Fleet
	driver.States
	// Changes is driver.Config.Changes.
	Changes() <-chan []driver.Node
	// Close ends the run there.
	Close() error
}

// drive runs the node's plan.
func (n *node) drive(ctx context.Context) (driver.Outcome, error) {
	fleet, states, changes, err := n.executors(ctx)
	if err != nil {
		return driver.Outcome{}, err
	}
	if n.cfg.Fleet != nil {
		fleet = n.cfg.Fleet(fleet)
	}
	if n.cfg.states() == "" {
		states = nil
	}
	at := n.cfg.Point
	return driver.Run(ctx, driver.Config{Plan: n.plan, Sources: at.sources(n.sources), Sinks: at.sinks(n.sinks),
		DeadLetters: at.sink(n.dead), Fleet: at.fleet(fleet), Changes: changes, Ledger: n.ledger, States: at.states(states), Past: n.past, Measure: n.cfg.Measure,
		Now: n.cfg.Now, Stop: n.cfg.Stop, Observe: observer(n.cfg.Observe)})
}

// executors makes those of this process, or opens the run on others.
func (n *node) executors(ctx context.Context) (Fleet, driver.States, <-chan []driver.Node, error) {
	if n.cfg.Connect == nil {
		fleet := newLocal(n, n.cfg.Executors, n.mem)
		n.closers = append(n.closers, fleet.close)
		return fleet, fleet, nil, nil
	}
	o, err := n.opening()
	if err != nil {
		return nil, nil, nil, err
	}
	remote, err := n.cfg.Connect(ctx, o)
	if err != nil {
		return nil, nil, nil, err
	}
	n.closers = append(n.closers, remote.Close)
	return remote, remote, remote.Changes(), nil
}

// opening is what executors elsewhere need to know of the run.
func (n *node) opening() (o wire.Opening, err error) {
	o = wire.Opening{Run: wire.RunID(n.run()), Mode: n.plan.Mode, Digest: n.plan.Digest, Resume: n.past.Started != nil, Epoch: n.past.Run,
		DeadPublished: n.past.Tally.DeadLetters > 0, DeadLetters: n.cfg.DeadLetters, Desk: n.run(), States: n.cfg.states()}
	if o.Dir, err = os.Getwd(); err != nil {
		return o, fault.New(fault.Invalid, "%w", err)
	}
	for _, dir := range []*string{&o.DeadLetters, &o.States} {
		if *dir != "" && !strings.Contains(*dir, "://") && !filepath.IsAbs(*dir) {
			*dir = filepath.Join(o.Dir, *dir)
		}
	}
	if err := part.Pack(n.plan.Job, &o); err != nil {
		return o, err
	}
	for _, id := range n.plan.Writes {
		o.Published = append(o.Published, published(n.past, n.plan, id))
	}
	job, err := part.Unpack(o, n.cfg.Kinds, n.plan.Job.Functions)
	if err != nil {
		return o, fault.New(fault.Bug, "the job cannot be sent to executors: %w", err)
	}
	plan, err := planner.Compile(job.Using(n.plan.Job.Functions), n.plan.Mode)
	if err != nil || plan.Digest != n.plan.Digest {
		return o, fault.New(fault.Bug, "the job becomes another when it is sent to executors: %w\n%s", err, o.Job)
	}
	return o, nil
}

// run names what this driver makes of the job, everywhere.
func (n *node) run() string { return fmt.Sprintf("%s/%d", n.plan.Job.Name, n.past.Epoch) }

// desk is where a sink expects what executors elsewhere stage for it; in one process
// its sinks stage for themselves.
func (n *node) desk(sink int) string {
	if n.cfg.Connect == nil {
		return ""
	}
	return part.Desk(n.run(), sink)
}
