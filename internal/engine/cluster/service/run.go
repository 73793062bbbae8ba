package service

import (
	"context"
	"errors"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/rdd"
)

// lookEvery is how often it is found out anew what a job waits for.
const lookEvery = 500 * time.Millisecond

// begin runs a job in goroutines of its own.
func (s *Service) begin(t *task) {
	ctx, abort := context.WithCancelCause(s.end)
	t.mu.Lock()
	t.abort = abort
	t.mu.Unlock()
	s.jobs.Go(func() {
		defer close(t.done)
		defer abort(nil)
		if !s.concluded(ctx, t) {
			sum, err := s.drive(ctx, t)
			if s.let(t, sum, err) {
				return // the next driver takes it up
			}
			t.finish(sum, err)
		}
		if err := s.keep(t); err != nil {
			s.cfg.Log(t.job.Name + ": how it ended is not remembered: " + err.Error())
		}
		s.cfg.Log("job " + t.job.Name + ": " + string(t.info().State))
	})
}

// let reports whether a job came to an end only because the service does.
func (s *Service) let(t *task, sum engine.Summary, err error) bool {
	t.mu.Lock()
	asked := t.asked
	t.mu.Unlock()
	if s.end.Err() != nil || errors.Is(err, errOver) {
		return true
	}
	select {
	case <-s.leave:
		return !asked && (err != nil || len(sum.Stopped) > 0 || sum.Job == "")
	default:
		return false
	}
}

// drive runs a job until it has ended. It waits for executors as long as there are none.
func (s *Service) drive(ctx context.Context, t *task) (engine.Summary, error) {
	seat := s.broker.join(t.job.Name, t.note, s.lacks)
	defer s.broker.part(seat)
	stop, release := s.stopOf(ctx, t)
	defer release()
	for {
		if err := s.await(ctx, t, seat, stop); err != nil {
			return engine.Summary{}, err
		}
		select {
		case <-stop:
			return engine.Summary{}, nil // it has not begun
		default:
		}
		t.become(submission.Running)
		sum, err := s.runOnce(ctx, t, seat, stop)
		if err == nil || ctx.Err() != nil || !lonely(err, seat) {
			return sum, errors.Join(err, s.fenced(err))
		}
		t.say("%v", err)
	}
}

// lonely reports whether a run ended for want of executors. Those of a run that found none
// may be there again by now.
func lonely(err error, seat *Seat) bool {
	kind := fault.Of(err)
	return errors.Is(err, engine.ErrNobody) || (kind == fault.Retry || kind == fault.Lost) && len(seat.Members()) == 0
}

// fenced says that an error is no fault of the job's: the term is over.
func (s *Service) fenced(err error) error {
	if err != nil && fault.Of(s.cfg.Home.Check()) == fault.Invalid {
		return errOver
	}
	return nil
}

// await waits until a job has a share of the executors, or is stopped.
func (s *Service) await(ctx context.Context, t *task, seat *Seat, stop <-chan struct{}) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for len(seat.Members()) == 0 {
		t.waits(s.lacks())
		select {
		case <-seat.Changes():
		case <-tick.C: // it may lack something else now
		case <-stop:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func (s *Service) runOnce(ctx context.Context, t *task, seat *Seat, stop <-chan struct{}) (sum engine.Summary, err error) {
	log, err := s.cfg.Home.Ledger(filepath.Join(t.dir, "ledger"))
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if log.Note() != "" {
		t.say("%s", log.Note())
	}
	if err := s.restart(ctx, t, log); err != nil {
		return sum, err
	}
	cfg := engine.Config{Mode: t.asks.Mode, Kinds: s.cfg.Kinds, Ledger: filepath.Join(t.dir, "run"), Keep: log,
		DeadLetters: t.asks.DeadLetters, Observe: t.observe, Stop: stop, Out: t, Common: s.cfg.Home.Now}
	sum, err = s.guarded(ctx, t.job, cfg, seat)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return sum, err
}

// guarded runs a job; where it panics it fails, and the other jobs go on.
func (s *Service) guarded(ctx context.Context, job *rdd.Job, cfg engine.Config, seat *Seat) (sum engine.Summary, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fault.Panicked(v, debug.Stack())
		}
	}()
	return s.cfg.Run(ctx, job, cfg, seat)
}

// stopOf returns a channel that is closed when a job is to end in order: because
// somebody stops it or because the driver ends.
func (s *Service) stopOf(ctx context.Context, t *task) (stop <-chan struct{}, release func()) {
	ch, quit, finished := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		select {
		case <-t.halt:
			close(ch)
		case <-s.leave:
			close(ch)
		case <-ctx.Done():
		case <-quit:
		}
	}()
	return ch, func() {
		close(quit)
		<-finished
	}
}
