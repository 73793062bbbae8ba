package engine

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/driver"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// Point is told of each step of a run as it happens, by name, from any goroutine,
// so that a test can end the process just there. The zero Point is told nothing
// and costs nothing. The names:
//
//	cut                                  the sources were cut
//	log.KIND.before, log.KIND.after      an append with an entry of the kind: started, planned,
//	                                     committed, checkpointed, ended
//	task.before, task.after              a task ran, its parts are staged
//	publish.before, .half, .after        a batch in one sink; half is told by sinks that have a middle
//	save.before, save.after              the state of a part
//	checkpoint.half, checkpoint.renamed  the file of a part
//	restore.before, restore.after        the state of an executor
//	retain.before, retain.after          old checkpoints were removed
//	trim.before, trim.after              the ledger was trimmed
type Point func(name string)

// at tells of a step.
func (p Point) at(name string) {
	if p != nil {
		p(name)
	}
}

func (p Point) ledger(l driver.Ledger) driver.Ledger {
	if p == nil {
		return l
	}
	return &pointedLedger{l, p}
}

type pointedLedger struct {
	driver.Ledger
	p Point
}

func (l *pointedLedger) Append(ctx context.Context, entries ...driver.Entry) error {
	tell := func(when string) {
		for _, e := range entries {
			l.p.at("log." + kindOf(e) + when)
		}
	}
	tell(".before")
	err := l.Ledger.Append(ctx, entries...)
	if err == nil {
		tell(".after")
	}
	return err
}

func kindOf(e driver.Entry) string {
	switch e.(type) {
	case driver.Started:
		return "started"
	case driver.Planned:
		return "planned"
	case driver.Committed:
		return "committed"
	case driver.Checkpointed:
		return "checkpointed"
	case driver.Ended:
		return "ended"
	}
	return "?"
}

func (l *pointedLedger) Replay(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return l.Ledger.Replay(ctx)
}

func (l *pointedLedger) Trim(ctx context.Context, below rdd.BatchID) error {
	l.p.at("trim.before")
	err := l.Ledger.Trim(ctx, below)
	l.p.at("trim.after")
	return err
}

func (p Point) sources(all []connectors.Source) []connectors.Source {
	if p == nil {
		return all
	}
	out := make([]connectors.Source, len(all))
	for i, s := range all {
		out[i] = &pointedSource{s, p}
	}
	return out
}

type pointedSource struct {
	connectors.Source
	p Point
}

func (s *pointedSource) Cut(ctx context.Context, from rdd.Offset, wish rdd.Size) ([]rdd.Split, rdd.Offset, error) {
	splits, next, err := s.Source.Cut(ctx, from, wish)
	if err == nil || errors.Is(err, io.EOF) {
		s.p.at("cut")
	}
	return splits, next, err
}

func (p Point) sinks(all []connectors.Sink) []connectors.Sink {
	out := make([]connectors.Sink, len(all))
	for i, s := range all {
		out[i] = p.sink(s)
	}
	return out
}

func (p Point) sink(s connectors.Sink) connectors.Sink {
	if p == nil || s == nil {
		return s
	}
	return &pointedSink{s, p}
}

type pointedSink struct {
	connectors.Sink
	p Point
}

func (s *pointedSink) Publish(ctx context.Context, c rdd.Commit, parts []rdd.Staged) error {
	s.p.at("publish.before")
	err := s.Sink.Publish(ctx, c, parts)
	if err == nil {
		s.p.at("publish.after")
	}
	return err
}

func (p Point) fleet(f Fleet) Fleet {
	if p == nil {
		return f
	}
	return &pointedFleet{f, p}
}

type pointedFleet struct {
	Fleet
	p Point
}

// Begin tells the fleet inside, if it wants to know.
func (f *pointedFleet) Begin(ctx context.Context, epoch int64) error {
	if inner, ok := f.Fleet.(interface {
		Begin(ctx context.Context, epoch int64) error
	}); ok {
		return inner.Begin(ctx, epoch)
	}
	return nil
}

func (f *pointedFleet) Run(ctx context.Context, node string, t work.Task) (work.Receipt, error) {
	f.p.at("task.before")
	r, err := f.Fleet.Run(ctx, node, t)
	f.p.at("task.after")
	return r, err
}

func (p Point) states(s driver.States) driver.States {
	if p == nil || s == nil {
		return s
	}
	return &pointedStates{s, p}
}

type pointedStates struct {
	all driver.States
	p   Point
}

func (s *pointedStates) Save(ctx context.Context, node string, state work.State) (work.State, error) {
	s.p.at("save.before")
	state, err := s.all.Save(ctx, node, state)
	s.p.at("save.after")
	return state, err
}

func (s *pointedStates) Restore(ctx context.Context, node string, parts []work.State) error {
	s.p.at("restore.before")
	err := s.all.Restore(ctx, node, parts)
	s.p.at("restore.after")
	return err
}

func (s *pointedStates) Retain(ctx context.Context, parts []work.State) error {
	s.p.at("retain.before")
	err := s.all.Retain(ctx, parts)
	s.p.at("retain.after")
	return err
}
