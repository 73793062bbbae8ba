package driver

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// Fleet is the executors. One with a method Begin(ctx, epoch) error is told of every
// time that the run is taken up.
type Fleet interface {
	// Nodes returns the executors. It is asked once, when a run begins.
	Nodes() []Node
	// Run runs a task on a node and returns its receipt. The kind of an error
	// says what the driver does about it: fault.Retry runs the task again,
	// fault.Lost first the tasks that made its blocks, or where the error has a method
	// MissingBlocks() []rdd.Block only those that made these. When ctx ends the result
	// does not matter any more.
	Run(ctx context.Context, node string, t work.Task) (work.Receipt, error)
	// Release says that nobody will read the blocks of a batch again.
	Release(batch rdd.BatchID)
}

// States keeps what the parts of stateful stages know, so that a run can go on
// without running all its batches again. One with a method Adopt(ctx, node, parts)
// error can also replace single parts on a node and leave the others as they are, so
// that parts move while a run is under way; a part without a file, which another node
// has now, is emptied.
type States interface {
	// Save makes the state of a part on a node durable, as it was at the end of the
	// batch, and returns where it lies. An error only costs the checkpoint.
	Save(ctx context.Context, node string, s work.State) (work.State, error)
	// Restore replaces all state of a node by these parts.
	Restore(ctx context.Context, node string, parts []work.State) error
	// Retain removes all that was saved but these parts.
	Retain(ctx context.Context, parts []work.State) error
}

// beginner is what a Fleet may want to know besides.
type beginner interface {
	// Begin says that a run is taken up under an epoch, before anything else is asked
	// for in it: again, with a higher one, each time that Run goes back to the last
	// checkpoint. No call of the epoch before is under way then, as far as this
	// process can tell; whatever of it still runs elsewhere must not touch state any
	// more.
	Begin(ctx context.Context, epoch int64) error
}

// Node is one executor.
type Node struct {
	Name  string
	Slots int // tasks it runs at once
	// Since tells the incarnations of a name apart, such as by when the process
	// began: one that was started anew has neither the blocks nor the state of the
	// one before.
	Since int64
	// Site is where the node stands, or "": sources may name one.
	Site string
	// Draining asks for the node to be left: it is given no more tasks but those of
	// parts whose state it has, and these move away where States can do that. What it
	// runs it finishes, and its blocks can still be read.
	Draining bool
}

// Config is what a run needs. All but DeadLetters, Changes, States, Past, Pace, Stop,
// Now and Observe is required. What is opened stays the caller's to close.
type Config struct {
	Plan        *planner.Plan
	Sources     []connectors.Source // in the order of Plan.Reads
	Sinks       []connectors.Sink   // in the order of Plan.Writes
	DeadLetters connectors.Sink     // nil: tasks must not stage any
	Fleet       Fleet
	// Changes brings the whole list of nodes each time that it has changed; nil: the
	// fleet stays as Fleet.Nodes said first, which may then not be empty. A node that is
	// not on the list is gone, with its blocks and its state. Whoever sends must not
	// rely on being heard at once.
	Changes <-chan []Node
	Ledger  Ledger
	// States keeps state; nil: there are no checkpoints, and a run that goes on runs
	// all its batches again.
	States States
	// Past is what [Recall] has read of Ledger; nil: Run reads it.
	Past *Past
	Pace Pace
	// Stop asks, when it is closed, for an orderly end: batches in flight are
	// finished and published.
	Stop <-chan struct{}
	// Measure asks every task for the time and the bytes of its operations.
	Measure bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Observe is told how far the run is, often, from the goroutine that
	// drives it: it must not block.
	Observe func(Progress)
}

// Run drives a job until its input ends, Stop is closed or something fails
// that the job cannot go on from. Closing Stop ends it in order; the end of ctx
// aborts it where it is, and what was not committed is as if it had not been.
//
// A run of the same plan that the ledger says is not over is taken up: its state is
// restored from the last checkpoint that can be used, and the batches behind it run
// again with the splits and watermarks that were logged; what was committed is not
// published again. If the job has changed meanwhile, that is a fault.Invalid which
// says how. The run is over when somebody appends [Ended].
//
// Where the fleet may change, state can go with its node: then Run takes the run up
// again itself, in a higher epoch, as often as batches are committed in between.
//
// The outcome is valid with an error too: it holds what was committed.
func Run(ctx context.Context, cfg Config) (Outcome, error) {
	if err := cfg.check(); err != nil {
		return Outcome{}, err
	}
	past := cfg.Past
	if past == nil {
		var err error
		if past, err = Recall(ctx, cfg.Ledger); err != nil {
			return Outcome{}, err
		}
	}
	return keepUp(ctx, cfg, past)
}

func (cfg *Config) check() error {
	switch {
	case cfg.Plan == nil || cfg.Plan.Job == nil || cfg.Fleet == nil || cfg.Ledger == nil:
		return fault.New(fault.Bug, "driver: a run needs a plan, a fleet and a ledger")
	case len(cfg.Sources) != len(cfg.Plan.Reads):
		return fault.New(fault.Bug, "driver: %d sources for %d reads", len(cfg.Sources), len(cfg.Plan.Reads))
	case len(cfg.Sinks) != len(cfg.Plan.Writes):
		return fault.New(fault.Bug, "driver: %d sinks for %d writes", len(cfg.Sinks), len(cfg.Plan.Writes))
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Observe == nil {
		cfg.Observe = func(Progress) {}
	}
	return nil
}

// shell carries commands out.
type shell struct {
	cfg    Config
	core   *core
	fleet  *members
	events chan event
	tasks  sync.WaitGroup                 // every goroutine that was started
	out    map[taskRef]context.CancelFunc // tasks
	timer  *time.Timer
	alarm  int64 // what the timer is set to
	again  int64 // tasks that were sent out again
}

// drive feeds the core until it is over. What commands do ends with work; ctx
// is the caller's.
func (s *shell) drive(ctx, work context.Context, first started) (Outcome, error) {
	s.timer = time.NewTimer(time.Hour)
	defer s.timer.Stop()
	stop := s.cfg.Stop
	var e event = first
	for {
		if over, err := s.take(ctx, work, e); over {
			return s.outcome(), err
		}
		select {
		case e = <-s.events:
		case <-s.timer.C:
			// The alarm's time has come, whatever the clock says of it.
			e = ticked{max(s.alarm, s.now())}
		case <-stop:
			stop, e = nil, stopped{}
		case nodes, ok := <-s.fleet.changes:
			e = s.fleet.heard(nodes, ok)
		case <-ctx.Done():
			return s.outcome(), context.Cause(ctx)
		}
	}
}

func (s *shell) outcome() Outcome {
	out := s.core.finished()
	out.Again = s.again
	return out
}

// take gives the core the time and an event and starts what it says is to be
// done. It reports whether the run is over.
func (s *shell) take(ctx, work context.Context, e event) (bool, error) {
	switch e := e.(type) {
	case taskDone:
		s.cancel(e.ref)
	case taskFailed:
		s.cancel(e.ref)
	default:
	}
	for _, e := range [...]event{ticked{s.now()}, e} {
		list := s.core.step(e)
		for len(list) > 0 {
			n := abreast(list)
			if n > 1 {
				s.runTogether(work, list[:n])
			} else if over, err := s.act(ctx, work, list[0]); over {
				return true, err
			}
			list = list[n:]
		}
	}
	return false, nil
}

func (s *shell) now() int64 { return s.cfg.Now().UnixMicro() }

// act starts a command, which ends with work; but what is being written to the
// ledger is only cut short with ctx. None of them blocks the loop.
func (s *shell) act(ctx, work context.Context, cmd command) (bool, error) {
	switch cmd := cmd.(type) {
	case appendLog:
		s.start(work, func() event {
			if err := s.cfg.Ledger.Append(ctx, cmd.entries...); err != nil {
				return broke{op: opLog, err: err}
			}
			return logged{}
		})
	case releaseBlocks:
		s.tasks.Go(func() { s.cfg.Fleet.Release(cmd.batch) })
	case setAlarm:
		s.alarm = cmd.at
		s.timer.Reset(time.Duration(max(0, cmd.at-s.now())) * time.Microsecond)
	case cancelTask:
		s.cancel(cmd.ref)
	case notify:
		s.cfg.Observe(cmd.progress)
	case finish:
		return true, nil
	case abort:
		return true, cmd.err
	default:
		s.begin(work, cmd)
	}
	return false, nil
}

// begin starts a command that is answered.
func (s *shell) begin(ctx context.Context, cmd command) {
	switch cmd := cmd.(type) {
	case cutSources:
		s.start(ctx, func() event { return s.cut(ctx, cmd) })
	case runTask:
		ref := refOf(cmd.task)
		s.count(cmd.task)
		ctx, s.out[ref] = context.WithCancel(ctx)
		node := s.name(cmd.node)
		s.start(ctx, func() event { return s.run(ctx, node, cmd.task) })
	case publishParts:
		s.start(ctx, func() event {
			if err := s.publish(ctx, cmd); err != nil {
				return broke{op: opPublish, batch: cmd.commit.Batch, sink: cmd.sink, err: err}
			}
			return published{batch: cmd.commit.Batch, sink: cmd.sink}
		})
	case saveState:
		node := s.name(cmd.node)
		s.start(ctx, func() event {
			state, err := s.cfg.States.Save(ctx, node, cmd.state)
			return stateSaved{state: state, err: err}
		})
	case moveState:
		from, to := s.name(cmd.from), s.name(cmd.to)
		s.start(ctx, func() event { return s.move(ctx, from, to, cmd.state) })
	case restoreStates:
		names := make([]string, len(cmd.parts))
		for i := range names {
			names[i] = s.name(i)
		}
		s.start(ctx, func() event { return s.restore(ctx, names, cmd) })
	case tidyUp:
		s.start(ctx, func() event { return s.tidy(ctx, cmd) })
	default: // act does it
	}
}

// name of a node by its place. Only the goroutine of the core may ask for it.
func (s *shell) name(node int) string { return s.core.slots.nodes[node].Name }

// cancel gives up what an attempt still does.
func (s *shell) cancel(ref taskRef) {
	if end := s.out[ref]; end != nil {
		end()
		delete(s.out, ref)
	}
}

// start does something in a goroutine of its own and hands on what came of it.
func (s *shell) start(ctx context.Context, do func() event) {
	s.tasks.Go(func() {
		e := do()
		select {
		case s.events <- e:
		case <-ctx.Done():
		}
	})
}

// cut asks the sources side by side. If one fails, all are asked again later:
// a cut changes nothing in the source.
func (s *shell) cut(ctx context.Context, cmd cutSources) event {
	slices := make([]slice, len(cmd.from))
	errs := make([]error, len(cmd.from))
	var all sync.WaitGroup
	for i, f := range cmd.from {
		all.Go(func() {
			splits, next, err := s.cfg.Sources[f.source].Cut(ctx, f.from, f.wish)
			slices[i] = slice{source: f.source, splits: splits, next: next, ended: errors.Is(err, io.EOF)}
			if !slices[i].ended {
				errs[i] = err
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return broke{op: opCut, err: err}
		}
	}
	return sliced{slices}
}

// restore gives all nodes their state side by side.
func (s *shell) restore(ctx context.Context, names []string, cmd restoreStates) event {
	errs := make([]error, len(cmd.parts))
	var all sync.WaitGroup
	for i, parts := range cmd.parts {
		all.Go(func() { errs[i] = s.cfg.States.Restore(ctx, names[i], parts) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return broke{op: opRestore, err: err}
	}
	return statesRestored{}
}

func (s *shell) tidy(ctx context.Context, cmd tidyUp) event {
	err := s.cfg.States.Retain(ctx, cmd.keep)
	if err == nil && cmd.below > 0 {
		err = s.cfg.Ledger.Trim(ctx, cmd.below)
	}
	if err != nil {
		return broke{op: opTidy, err: err}
	}
	return tidied{}
}

func (s *shell) run(ctx context.Context, node string, t work.Task) event {
	r, err := s.cfg.Fleet.Run(ctx, node, t)
	return answerTo(t, r, err)
}

func (s *shell) publish(ctx context.Context, cmd publishParts) error {
	var sink connectors.Sink
	switch {
	case cmd.sink == work.DeadLetters:
		sink = s.cfg.DeadLetters
	case cmd.sink >= 0 && cmd.sink < len(s.cfg.Sinks):
		sink = s.cfg.Sinks[cmd.sink]
	}
	if sink == nil {
		return fault.New(fault.Bug, "batch %d has parts for sink %d, which there is not", cmd.commit.Batch, cmd.sink)
	}
	return sink.Publish(ctx, cmd.commit, cmd.parts)
}
