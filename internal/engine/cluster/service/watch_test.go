package service

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// viewer is somebody who follows a job from driver to driver as Info says.
type viewer struct {
	from, seq int64
	lines     []string
	last      submission.Info
}

var errEnough = errors.New("enough")

// watch follows a job until it has ended, or until enough.
func (v *viewer) watch(t *testing.T, d *Service, enough func(submission.Info) bool) {
	t.Helper()
	err := d.Watch(t.Context(), "j", v.from, func(i submission.Info, lines []string) error {
		switch {
		case i.Seq == 0 && i.Lines < v.from:
			t.Errorf("line %d is told of behind %d", i.Lines, v.from)
		case i.Seq > v.seq+1 && i.Seq&(1<<32-1) != 1:
			t.Errorf("event %d is told of behind %d", i.Seq, v.seq)
		}
		v.from, v.seq, v.last = max(v.from, i.Lines), max(v.seq, i.Seq), i
		v.lines = append(v.lines, lines...)
		if enough(i) {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
}

// Somebody who watches again from where they were sees each line of a job once: at the same
// driver, at the next one, and of the job submitted again.
func TestWatchAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	d, end := s.drive()
	submit(t, d, asked("j", 3000, 6000, t.TempDir()))
	v := new(viewer)
	v.watch(t, d, func(i submission.Info) bool { return i.Batch > 0 })
	v.watch(t, d, func(i submission.Info) bool { return i.Batch > 1 })
	before, _ := d.known["j"].lines.since(0)
	if before = before[:len(v.lines)]; !slices.Equal(v.lines, before) {
		t.Errorf("told of %q, there was %q", v.lines, before)
	}
	end(ended(t))

	v.lines = nil
	d, _ = s.drive()
	v.watch(t, d, func(i submission.Info) bool { return i.Batch > 2 })
	v.watch(t, d, func(submission.Info) bool { return false })
	if all, _ := d.known["j"].lines.since(0); !slices.Equal(v.lines, all) || v.last.State != submission.Finished {
		t.Errorf("told of %q, there was %q", v.lines, all)
	}

	v.lines = nil
	submit(t, d, asked("j", 10, 0, t.TempDir()))
	v.watch(t, d, func(submission.Info) bool { return false })
	if all, _ := d.known["j"].lines.since(0); !slices.Equal(v.lines, all) || len(all) == 0 {
		t.Errorf("told of %q, there was %q", v.lines, all)
	}
}

// What is noted before there was any progress says nothing of how far the job is.
func TestNoteBeforeProgress(t *testing.T) {
	j := newTask(&rdd.Job{Name: "j"}, submission.Job{}, "", 1)
	j.note("waiting")
	var p engine.Progress
	if err := json.Unmarshal(j.info().Progress, &p); err != nil || p.Note != "waiting" || p.RowsTotal != -1 || p.Watermark != work.NoTime {
		t.Errorf("%+v, %v", p, err)
	}
}
