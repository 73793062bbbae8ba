package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// What is remembered of a job for those who watch it.
const (
	manyLines  = 1000
	manyEvents = 1000
)

// errAborted ends a job that somebody stopped without draining it.
var errAborted = errors.New("the job was stopped before its batches in flight were published")

// task is one submitted job.
type task struct {
	job  *rdd.Job
	asks submission.Job
	dir  string
	done chan struct{} // closed when nothing of it runs any more
	halt chan struct{} // closed to stop it in order

	keeping sync.Mutex // held while its record is written

	mu      sync.Mutex
	now     submission.Info
	last    engine.Progress
	spoke   time.Time // of the last progress line
	lines   ring[string]
	events  ring[submission.Info]
	changed chan struct{} // closed and replaced when there is more to tell
	abort   context.CancelCauseFunc
	asked   bool   // somebody stopped it
	before  *int64 // see record
}

// newTask makes a job whose lines and events are numbered from first on.
func newTask(job *rdd.Job, asks submission.Job, dir string, first int64) *task {
	t := &task{job: job, asks: asks, dir: dir, done: make(chan struct{}), halt: make(chan struct{}), changed: make(chan struct{}),
		lines: ring[string]{most: manyLines, first: first}, events: ring[submission.Info]{most: manyEvents, first: first}}
	t.now = submission.Info{ID: job.Name, State: submission.Waiting, Began: time.Now().UnixMicro()}
	t.last = engine.Progress{RowsTotal: -1, Watermark: work.NoTime}
	return t
}

// ring keeps the last things that were put into it.
type ring[T any] struct {
	most  int
	first int64 // the number of the first one that is kept
	kept  []T
}

func (r *ring[T]) put(v T) {
	if len(r.kept) == r.most { // move now and then, not each time
		r.first += int64(r.most / 4)
		r.kept = append(r.kept[:0:0], r.kept[r.most/4:]...)
	}
	r.kept = append(r.kept, v)
}

// since returns what was put in from a number on, as far as it is kept, and the number
// behind it.
func (r *ring[T]) since(from int64) ([]T, int64) {
	end := r.first + int64(len(r.kept))
	at := min(max(from, r.first)-r.first, int64(len(r.kept)))
	return append([]T(nil), r.kept[at:]...), end
}

// number is the first that neither a line nor an event of the job has.
func (t *task) number() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, lines := t.lines.since(math.MaxInt64)
	_, events := t.events.since(math.MaxInt64)
	return max(lines, events)
}

func (t *task) info() submission.Info {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now
}

func (t *task) ended() bool { return over(t.info().State) }

// over reports whether a job in a state does not run any more.
func over(s submission.State) bool {
	return s == submission.Stopped || s == submission.Finished || s == submission.Failed || s == submission.Unreadable
}

// touch tells those who watch that there is more. The caller has the lock.
func (t *task) touch() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// say adds lines to the log of the job.
func (t *task) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sayLocked(fmt.Sprintf(format, args...))
}

func (t *task) sayLocked(text string) {
	at := time.Now().UTC().Format(time.RFC3339)
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		t.lines.put(at + " " + strings.TrimRight(line, "\r\n"))
	}
	t.touch()
}

// Write takes what console sinks write: lines of the log that begin with a bar.
func (t *task) Write(p []byte) (int, error) {
	t.say("| %s", strings.ReplaceAll(strings.TrimRight(string(p), "\n"), "\n", "\n| "))
	return len(p), nil
}

// become sets the state. A state that somebody asked for is not overwritten by one of
// a job that still runs.
func (t *task) become(state submission.State) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now.State == state || t.now.State == submission.Stopping && !over(state) {
		return
	}
	t.now.State, t.now.Waits = state, ""
	t.events.put(t.now)
	t.sayLocked(string(state))
}

// waits says what a job waits for.
func (t *task) waits(lack string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now.State == submission.Stopping || t.now.State == submission.Waiting && t.now.Waits == lack {
		return
	}
	t.now.State, t.now.Waits = submission.Waiting, lack
	t.events.put(t.now)
	t.sayLocked(string(submission.Waiting) + " " + lack)
}

// note tells something beside the progress.
func (t *task) note(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.last
	p.Note, p.Committed = text, false
	t.observeLocked(p)
}

// observe is told of progress by whoever runs the job.
func (t *task) observe(p engine.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.observeLocked(p)
}

func (t *task) observeLocked(p engine.Progress) {
	text, err := json.Marshal(p)
	if err != nil {
		return
	}
	t.last = p
	// A run that was taken up counts what it runs again for its state: less than there was.
	t.now.RowsIn, t.now.RowsOut, t.now.Progress = max(t.now.RowsIn, p.Rows), max(t.now.RowsOut, p.RowsOut), text
	if p.Committed {
		t.now.Batch = max(t.now.Batch, int64(p.Batch))
	}
	if p.Note != "" {
		t.sayLocked(p.Note)
	}
	if p.Committed || p.Note != "" {
		t.events.put(t.now)
	}
	if now := time.Now(); p.Committed && now.Sub(t.spoke) >= time.Second {
		t.spoke = now
		what := "committed"
		if p.Again {
			what = "run again for its state"
		}
		t.sayLocked(fmt.Sprintf("batch %d is %s: %d rows in, %d out", p.Batch, what, p.Rows, p.RowsOut))
	}
	t.touch()
}

// stop asks the job to end.
func (t *task) stop(drain bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if over(t.now.State) {
		return fault.New(fault.Invalid, "the job %s is %s already", t.now.ID, t.now.State)
	}
	first := !t.asked
	t.asked = true
	t.now.State = submission.Stopping
	t.events.put(t.now)
	if drain {
		t.sayLocked("stopping, behind the batches in flight")
	} else {
		t.sayLocked("stopping at once")
	}
	if first {
		close(t.halt)
	}
	if !drain && t.abort != nil {
		t.abort(errAborted)
	}
	return nil
}

// finish says how the job ended.
func (t *task) finish(sum engine.Summary, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := &t.now
	n.Ended, n.Waits = time.Now().UnixMicro(), ""
	if sum.Job != "" {
		n.Summary, _ = json.Marshal(sum)
		n.Batch, n.RowsIn, n.RowsOut = sum.Batches, sum.RowsIn, sum.RowsOut
	}
	switch {
	case err == nil && len(sum.Stopped) == 0 && sum.Job != "":
		n.State = submission.Finished
	case err == nil, t.asked && (errors.Is(err, errAborted) || errors.Is(err, context.Canceled)):
		n.State = submission.Stopped
	default:
		n.State, n.Error, n.Invalid = submission.Failed, err.Error(), fault.Of(err) == fault.Invalid
		t.sayLocked(err.Error())
	}
	t.sayLocked(string(n.State))
	t.events.put(t.now)
	t.touch()
}
