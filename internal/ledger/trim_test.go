package ledger

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/eventtime"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// checkpoint is one of a batch, of a run.
func checkpoint(b rdd.BatchID) driver.Checkpointed {
	return driver.Checkpointed{Planned: driver.Planned{Batch: b}, Clock: new(eventtime.Tracker), Run: driver.Started{Job: "j", Run: 1, Epoch: 1}}
}

// batches appends batches with a checkpoint of each, one entry a file.
func batches(t *testing.T, l *Log, from, to rdd.BatchID) {
	t.Helper()
	for b := from; b <= to; b++ {
		for _, e := range []driver.Entry{driver.Planned{Batch: b}, driver.Committed{Batch: b}, checkpoint(b)} {
			if err := l.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func mustTrim(t *testing.T, l *Log, below rdd.BatchID) []int {
	t.Helper()
	err := l.Trim(t.Context(), below)
	nums, listErr := files(l.dir)
	if err := errors.Join(err, listErr); err != nil {
		t.Fatal(err)
	}
	return nums
}

// Trim removes the files of the oldest batches, up to the first that is needed;
// what is left is a ledger that goes on, also after it is opened again.
func TestTrim(t *testing.T) {
	dir, small := t.TempDir(), Options{FileBytes: 1}
	l := open(t, dir, small)
	if err := l.Append(t.Context(), driver.Started{Job: "j", Run: 1, Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	batches(t, l, 1, 5)
	if got := mustTrim(t, l, 0); len(got) != 16 {
		t.Fatalf("nothing may go, and %v is left", got)
	}
	if got := mustTrim(t, l, 3); got[0] != 10 || len(got) != 7 { // the checkpoint of 3 is the first that stays
		t.Fatalf("left is %v", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir, small)
	batches(t, l, 6, 6)
	got, err := replay(t.Context(), l)
	if err != nil || len(got) != 10 {
		t.Fatalf("%d entries, %v", len(got), err)
	}
	past, err := driver.Recall(t.Context(), l)
	if err != nil || past.Committed != 6 || past.Run != 1 {
		t.Fatalf("recalls %+v, %v", past, err)
	}
}

// A gap that no checkpoint covers is noticed.
func TestTrimmedTooMuch(t *testing.T) {
	dir, small := t.TempDir(), Options{FileBytes: 1}
	l := open(t, dir, small)
	for _, e := range []driver.Entry{driver.Started{Job: "j", Run: 1, Epoch: 1}, driver.Planned{Batch: 1}, driver.Committed{Batch: 1}, driver.Planned{Batch: 2}} {
		if err := l.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(first(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := driver.Recall(t.Context(), l); fault.Of(err) != fault.Invalid {
		t.Errorf("the beginning is missing: %v", err)
	}
}

// A run that has ended may go as a whole, once the next one has a file of its own.
func TestTrimEndedRuns(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{})
	add := func(all ...driver.Entry) {
		t.Helper()
		if err := l.Append(t.Context(), all...); err != nil {
			t.Fatal(err)
		}
	}
	add(driver.Started{Run: 1, Epoch: 1}, driver.Planned{Batch: 1})
	add(driver.Ended{Batches: 1})
	if got := mustTrim(t, l, 0); !slices.Equal(got, []int{1}) {
		t.Fatalf("left is %v", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir, Options{})
	add(driver.Started{Run: 2, Epoch: 2}, driver.Planned{Batch: 1})
	if got := mustTrim(t, l, 0); !slices.Equal(got, []int{2}) {
		t.Fatalf("left is %v", got)
	}
	past, err := driver.Recall(t.Context(), l)
	if err != nil || past.Run != 2 || past.Committed != 0 {
		t.Fatalf("recalls %+v, %v", past, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	add(driver.Ended{})
	add(driver.Started{Run: 3, Epoch: 3})
	if err := l.Trim(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Void keeps nothing.
func TestVoid(t *testing.T) {
	var v Void
	if err := errors.Join(v.Append(t.Context(), driver.Ended{}), v.Trim(t.Context(), 1)); err != nil {
		t.Fatal(err)
	}
	if got, err := replay(t.Context(), v); err != nil || len(got) > 0 {
		t.Fatal(got, err)
	}
}
