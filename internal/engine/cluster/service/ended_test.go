package service

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/rdd"
)

// A driver that dies between the end of a run and the record of it leaves a job that has
// finished: the next driver does not run it anew.
func TestEndedUnrecorded(t *testing.T) {
	s := newSite(t, 1)
	run := s.run
	var runs atomic.Int64
	over := make(chan struct{})
	s.run = func(ctx context.Context, job *rdd.Job, cfg engine.Config, seat *Seat) (engine.Summary, error) {
		sum, err := run(ctx, job, cfg, seat)
		if runs.Add(1) == 1 && err == nil {
			close(over)
			<-ctx.Done()
			err = context.Cause(ctx)
		}
		return sum, err
	}
	d, end := s.drive()
	j := asked("j", 3000, 0, t.TempDir())
	submit(t, d, j)
	<-over
	dead, cancel := context.WithCancel(t.Context())
	cancel()
	end(dead)

	next, _ := s.drive()
	all, lines := follow(t, next, "j")
	last := all[len(all)-1]
	if last.State != submission.Finished || last.Batch == 0 || last.RowsIn != 3000 || runs.Load() != 1 {
		t.Fatalf("%d runs, %+v", runs.Load(), last)
	}
	if !strings.Contains(strings.Join(lines, "\n"), "had come to its end") {
		t.Error(lines)
	}
	// Submitted again, it begins anew, like any job that has finished.
	submit(t, next, j)
	all, _ = follow(t, next, "j")
	if last = all[len(all)-1]; last.State != submission.Finished || runs.Load() != 2 || summaryOf(t, last).RowsIn != 3000 {
		t.Errorf("%d runs, %+v", runs.Load(), last)
	}
}

// A driver that dies before the run of a job has begun leaves a job to be run, whatever
// the ledger tells of runs before: one that has ended, or one that was given up.
func TestNotBegun(t *testing.T) {
	for _, restart := range []bool{false, true} {
		s := newSite(t, 1)
		run, hold := s.run, make(chan bool, 1)
		held := make(chan struct{})
		s.run = func(ctx context.Context, job *rdd.Job, cfg engine.Config, seat *Seat) (engine.Summary, error) {
			if <-hold {
				close(held)
				<-ctx.Done()
				return engine.Summary{}, context.Cause(ctx)
			}
			return run(ctx, job, cfg, seat)
		}
		d, end := s.drive()
		j := asked("j", 3000, 6000, t.TempDir())
		hold <- false
		submit(t, d, j)
		if restart {
			begun(t, d, "j")
			if err := d.Stop(t.Context(), "j", false); err != nil {
				t.Fatal(err)
			}
		}
		follow(t, d, "j")
		j.Restart = restart
		hold <- true
		submit(t, d, j)
		<-held
		dead, cancel := context.WithCancel(t.Context())
		cancel()
		end(dead)
		hold <- false
		next, _ := s.drive()
		all, lines := follow(t, next, "j")
		if got := all[len(all)-1]; got.State != submission.Finished || len(hold) > 0 || summaryOf(t, got).RowsIn != 3000 {
			t.Errorf("restart %v: %+v, %v", restart, got, lines)
		}
	}
}

// Who sees that a job has ended may submit it again at once: the record of how it ended
// is written before that of its successor, not over it.
func TestAgainAtOnce(t *testing.T) {
	d, _ := newSite(t, 1).drive()
	j := asked("j", 10, 0, t.TempDir())
	job, err := build(j)
	if err != nil {
		t.Fatal(err)
	}
	first := newTask(job, j, d.dirOf("j"), 0)
	first.finish(engine.Summary{Job: "j"}, nil)
	d.mu.Lock()
	d.known["j"] = first
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := d.Submit(ctx, j); fault.Of(err) != fault.Retry {
		t.Error("it was submitted over a record that is not written yet:", err)
	}
	close(first.done)
	submit(t, d, j)
	if all, _ := follow(t, d, "j"); all[len(all)-1].State != submission.Finished {
		t.Error(all)
	}
}
