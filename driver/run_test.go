package driver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// parts are what newRig's job publishes of the splits from, from+1 … to-1.
func parts(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprint(i*10))
	}
	return out
}

func (r *rig) wants(t *testing.T, out driver.Outcome, splits int) {
	t.Helper()
	if !slices.Equal(r.sink.parts, parts(0, splits)) {
		t.Errorf("published %v", r.sink.parts)
	}
	if out.Tally.RowsIn != int64(splits)*10 {
		t.Errorf("came to %+v", out)
	}
}

// A whole run: everything is published in order, blocks are released, the
// ledger tells the story, and the observer hears of it.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(7)
		r.fleet.takes = time.Second
		var last driver.Progress
		var reports []driver.Report
		r.cfg.Observe = func(p driver.Progress) {
			last = p
			if p.Committed != nil {
				reports = append(reports, *p.Committed)
			}
		}
		out, err := driver.Run(t.Context(), r.cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.wants(t, out, 7)
		if out.Batches != 8 || !out.Final || out.Stopped || out.Offsets[0] != "7" || out.Watermark != 50 {
			t.Errorf("came to %+v", out)
		}
		slices.Sort(r.fleet.released)
		if want := []rdd.BatchID{1, 2, 3, 4, 5, 6, 7, 8}; !slices.Equal(r.fleet.released, want) {
			t.Errorf("released %v", r.fleet.released)
		}
		if last.Planned != 70 || last.Read != 70 || !last.Ended || last.InFlight != 0 || last.Batch != 8 {
			t.Errorf("the observer was told %+v last", last)
		}
		if len(reports) != 8 || reports[3].Batch != 4 || reports[3].Tally.RowsIn != 10 || reports[3].Wall < 2*time.Second || !reports[7].Final {
			t.Errorf("reports: %+v", reports)
		}
		s, ok := r.book.entries[0].(driver.Started)
		if !ok || s.Job != "job" || s.Plan != "digest" || s.Epoch != 1 || s.Schemas[0][0] != [2]string{"ts", "timestamp[us, tz=UTC]"} {
			t.Errorf("the ledger begins with %+v", r.book.entries[0])
		}
		if n := len(r.book.entries); n != 17 {
			t.Errorf("%d entries", n)
		}
		if r.book.calls > 17 { // the first, and two a batch: nothing waits for company
			t.Errorf("%d appends for 8 batches", r.book.calls)
		}
	})
}

// Failures that pass leave no trace but the time they take.
func TestHostileFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(10)
		r.source.fails, r.sink.fails, r.book.fails = retries(2), retries(3), retries(1)
		r.fleet.fails = func(task work.Task) error {
			switch {
			case task.Attempt == 1 && task.Batch%2 == 0:
				return fault.New(fault.Retry, "not now")
			case task.Attempt == 1 && task.Batch%3 == 0 && task.Stage == 1:
				return fault.New(fault.Lost, "gone")
			}
			return nil
		}
		begin := time.Now()
		out, err := driver.Run(t.Context(), r.cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.wants(t, out, 10)
		if took := time.Since(begin); took < 500*time.Millisecond || took > 10*time.Second {
			t.Errorf("the pauses came to %s", took)
		}
	})
}

// What does not pass ends the run with its own error and kind.
func TestRunFails(t *testing.T) {
	invalid := fault.New(fault.Invalid, "your mistake")
	for name, c := range map[string]struct {
		spoil func(*rig)
		kind  fault.Kind
		text  string
	}{
		"task":            {func(r *rig) { r.fleet.fails = func(work.Task) error { return invalid } }, fault.Invalid, "your mistake"},
		"task, unclassed": {func(r *rig) { r.fleet.fails = func(work.Task) error { return errors.New("oops") } }, fault.Bug, "oops"},
		"task, for ever": {func(r *rig) { r.fleet.fails = func(work.Task) error { return fault.New(fault.Retry, "not now") } },
			fault.Retry, "given up after 4 attempts: not now"},
		"source":           {func(r *rig) { r.source.fails = []error{invalid} }, fault.Invalid, "your mistake"},
		"source, for ever": {func(r *rig) { r.source.fails = retries(4) }, fault.Retry, "cutting the sources: given up after 4 attempts"},
		"sink":             {func(r *rig) { r.sink.fails = []error{invalid} }, fault.Invalid, "your mistake"},
		"sink, for ever":   {func(r *rig) { r.sink.fails = retries(4) }, fault.Retry, "publishing: given up after 4 attempts"},
		"ledger":           {func(r *rig) { r.book.fails = []error{invalid} }, fault.Invalid, "your mistake"},
		"ledger, for ever": {func(r *rig) { r.book.fails = retries(4) }, fault.Retry, "writing the ledger: given up after 4 attempts"},
		"no slots":         {func(r *rig) { r.fleet.nodes = []driver.Node{{Name: "a"}} }, fault.Invalid, "no executor has a slot"},
		"no such sink":     {func(r *rig) { r.cfg.Plan.Writes, r.cfg.Sinks = nil, nil }, fault.Bug, "parts for sink 0"},
		"no fleet":         {func(r *rig) { r.cfg.Fleet = nil }, fault.Bug, "needs a plan, a fleet and a ledger"},
		"no source":        {func(r *rig) { r.cfg.Sources = nil }, fault.Bug, "0 sources for 1 reads"},
		"a sink too many":  {func(r *rig) { r.cfg.Sinks = make([]connectors.Sink, 2) }, fault.Bug, "2 sinks for 1 writes"},
		"no graph":         {func(r *rig) { r.cfg.Plan.Stages[1].Inputs = nil }, fault.Bug, "stage 1 neither reads nor has inputs"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(5)
				c.spoil(r)
				_, err := driver.Run(t.Context(), r.cfg)
				if err == nil || fault.Of(err) != c.kind || !strings.Contains(err.Error(), c.text) {
					t.Errorf("%v: %v", fault.Of(err), err)
				}
			})
		})
	}
}

// Closing Stop finishes what is in flight, says where it stopped, and does not
// wait for a source that does not answer.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(9)
		r.source.stall = 2
		r.fleet.takes = time.Second
		stop := make(chan struct{})
		r.cfg.Stop = stop
		time.AfterFunc(500*time.Millisecond, func() { close(stop) })
		out, err := driver.Run(t.Context(), r.cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.wants(t, out, 2)
		if !out.Stopped || out.Final || out.Offsets[0] != "2" || out.Batches != 2 {
			t.Errorf("came to %+v", out)
		}
	})
}

// The end of the context aborts tasks, cuts and all. Nothing is left behind:
// synctest would not return otherwise.
func TestAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(9)
		r.fleet.hangs = true
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := driver.Run(ctx, r.cfg)
		if !errors.Is(err, context.DeadlineExceeded) || out.Batches != 0 || len(r.sink.parts) > 0 {
			t.Errorf("%v, %+v", err, out)
		}
	})
}

// A source that has nothing for an hour costs polls and no ledger entries.
func TestQuietSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(3)
		r.source.pause = time.Hour
		r.cfg.Pace.Poll = time.Minute
		out, err := driver.Run(t.Context(), r.cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.wants(t, out, 3)
		if r.source.cuts < 120 || r.book.calls > 30 {
			t.Errorf("%d cuts, %d appends", r.source.cuts, r.book.calls)
		}
	})
}

// A clock that stands still, as for a reproducible run, still lets retries
// become due, and is what the batches are given as now.
func TestStandingClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(3)
		r.sink.fails = retries(2)
		r.cfg.Now = func() time.Time { return time.UnixMicro(1000) }
		out, err := driver.Run(t.Context(), r.cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.wants(t, out, 3)
		if p, ok := r.book.entries[1].(driver.Planned); !ok || p.Now != 1000 {
			t.Errorf("%+v", r.book.entries[1])
		}
	})
}

// A second run takes the ledger up: it publishes what the first did not, once,
// and a third finds nothing to do.
func TestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(9)
		ctx, cancel := context.WithCancel(t.Context())
		r.cfg.Observe = func(p driver.Progress) {
			if p.Committed != nil && p.Committed.Batch == 4 {
				cancel() // a crash, as far as the ledger can tell
			}
		}
		if _, err := driver.Run(ctx, r.cfg); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		var again []rdd.BatchID
		r.cfg.Observe = func(p driver.Progress) {
			if p.Committed != nil && p.Committed.Again {
				again = append(again, p.Committed.Batch)
			}
		}
		out, err := driver.Run(t.Context(), r.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if out.Batches != 10 || out.Tally.RowsIn != 90 || !out.Final || len(again) < 4 {
			t.Errorf("came to %+v, of which again %v", out, again)
		}
		// What was published but not yet committed is published again under the
		// new epoch: sinks keep the first.
		got := slices.Compact(r.sink.parts)
		if !slices.Equal(got, parts(0, 9)) || len(r.sink.parts)-len(got) > 1 {
			t.Errorf("published %v", r.sink.parts)
		}
		if e := r.sink.batches[len(r.sink.batches)-1].Epoch; e != 2 {
			t.Errorf("epoch %d", e)
		}
		ran := r.fleet.ran
		if third, err := driver.Run(t.Context(), r.cfg); err != nil || r.fleet.ran != ran || third.Tally.RowsIn != 90 || third.Batches != 10 || !third.Final {
			t.Errorf("%+v, %v", third, err)
		}
	})
}

// A ledger that does not fit is refused before anything is read.
func TestLedgerDoesNotFit(t *testing.T) {
	started := driver.Started{Job: "job", Plan: "digest", Mode: planner.IDAG, Settings: rdd.Settings{InFlight: 2, KeyGroups: 1}, Epoch: 1}
	planned := func(b rdd.BatchID) driver.Planned {
		return driver.Planned{Batch: b, Offsets: []rdd.Offset{""}, Ended: []bool{false}}
	}
	foreign, wider := started, started
	foreign.Plan, foreign.Mode = "another", planner.Masked
	wider.Settings.InFlight = 3
	stray := planned(1)
	stray.Splits = []rdd.Split{{Source: 1}}
	for name, c := range map[string]struct {
		entries []driver.Entry
		want    string
	}{
		"another plan":       {[]driver.Entry{foreign}, "plan: is idag, was masked"},
		"other settings":     {[]driver.Entry{wider}, "settings: in_flight is 2, was 3"},
		"a gap":              {[]driver.Entry{started, planned(2)}, "batch 2 is planned where batch 1 should be"},
		"committed too soon": {[]driver.Entry{started, driver.Committed{Batch: 1}}, "batch 1 is committed after batch 0 of 0 planned"},
		"other sources":      {[]driver.Entry{started, driver.Planned{Batch: 1}}, "batch 1 is of 0 sources"},
		"a stray split":      {[]driver.Entry{started, stray}, "a split of source 1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(3)
			r.book.entries = c.entries
			_, err := driver.Run(t.Context(), r.cfg)
			if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) || r.source.cuts > 0 {
				t.Errorf("%v", err)
			}
		})
	}
}
