package rig

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/idag/idag/internal/fault"
)

// Summary is what a job came to.
type Summary struct {
	Job         string   `json:"job"`
	Batches     int64    `json:"batches"`
	RowsIn      int64    `json:"rows_in"`
	RowsOut     int64    `json:"rows_out"`
	DeadLetters int64    `json:"dead_letters"`
	Checksum    string   `json:"checksum"`
	WallSeconds float64  `json:"wall_seconds"`
	TasksAgain  int64    `json:"tasks_again"`
	Stopped     []string `json:"stopped"`
}

// Job is one that was submitted, and is followed.
type Job struct {
	cmd  *exec.Cmd
	errs bytes.Buffer  // read when done is closed
	done chan struct{} // closed when there is nothing more to follow

	mu      sync.Mutex
	batch   int64         // the last one of which it was heard
	news    chan struct{} // closed and replaced with every batch
	summary *Summary
	err     error
}

// Submit sends a job to the cluster and follows it, in a process that ends with ctx.
// Args are flags of submit.
func (r *Rig) Submit(ctx context.Context, job string, args ...string) (*Job, error) {
	return r.follow(ctx, append([]string{"submit", job, "--json", "--plain", "--to", r.to()}, args...)...)
}

// Here runs a job in one process, without the cluster. Args are flags of run.
func (r *Rig) Here(ctx context.Context, job string, args ...string) (*Job, error) {
	return r.follow(ctx, append([]string{"run", job, "--json"}, args...)...)
}

// to is where the drivers are reached.
func (r *Rig) to() string {
	var out []string
	for _, d := range r.drivers {
		out = append(out, d.member().RPC)
	}
	return strings.Join(out, ",")
}

func (r *Rig) follow(ctx context.Context, args ...string) (*Job, error) {
	j := &Job{cmd: r.command(r.outside(), args...), done: make(chan struct{}), news: make(chan struct{})}
	j.cmd.Stderr = &j.errs
	out, err := j.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := j.cmd.Start(); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = j.cmd.Process.Kill() })
	go func() {
		defer close(j.done)
		defer stop()
		in := bufio.NewScanner(out)
		in.Buffer(nil, 16<<20) // a summary names every operation
		for in.Scan() {
			j.heard(in.Bytes())
		}
		err := j.cmd.Wait()
		j.mu.Lock()
		defer j.mu.Unlock()
		switch {
		case err != nil:
			j.err = fault.New(fault.Retry, "%s: %w\n%s", args[0], err, j.errs.Bytes())
		case j.summary == nil:
			j.err = fault.New(fault.Retry, "%s: it ended without a summary\n%s", args[0], j.errs.Bytes())
		}
	}()
	return j, nil
}

// heard takes a line: a batch, or the summary.
func (j *Job) heard(line []byte) {
	var l struct {
		Batch int64
		Summary
	}
	if json.Unmarshal(line, &l) != nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if l.Job != "" {
		j.summary = &l.Summary
		return
	}
	j.batch = l.Batch
	close(j.news)
	j.news = make(chan struct{})
}

// Batch returns the last batch that was committed, as far as it was heard.
func (j *Job) Batch() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.batch
}

// Done is closed when the job has ended, or cannot be followed any more.
func (j *Job) Done() <-chan struct{} { return j.done }

// Reach waits until a batch is committed, and says whether it was: the job may end, or
// ctx.
func (j *Job) Reach(ctx context.Context, batch int64) bool {
	for {
		j.mu.Lock()
		at, news := j.batch, j.news
		j.mu.Unlock()
		if at >= batch {
			return true
		}
		select {
		case <-news:
		case <-j.done:
			return j.Batch() >= batch
		case <-ctx.Done():
			return false
		}
	}
}

// Wait waits for the end of the job and returns what it came to.
func (j *Job) Wait() (Summary, error) {
	<-j.done
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return Summary{}, j.err
	}
	return *j.summary, nil
}

// settle is how long news of a batch may be under way to who follows the job.
const settle = 50 * time.Millisecond

// Recovers returns how long it takes from a fault, which has just happened, until batches
// are committed that were cut behind it: the second one from the one under way. It is
// false when the job or ctx ends before.
func (j *Job) Recovers(ctx context.Context, since time.Time) (time.Duration, bool) {
	select {
	case <-time.After(settle): // a batch from before is heard
	case <-ctx.Done():
		return 0, false
	}
	ok := j.Reach(ctx, j.Batch()+2)
	return time.Since(since), ok
}

// Told is what a driver knows of a job.
type Told struct {
	ID    string `json:"id"`
	State string `json:"state"`
	Error string `json:"error"`
	// Result is the summary of a job that has ended, as JSON.
	Result json.RawMessage `json:"summary"`
}

// Ended reports whether the job does not run any more.
func (t Told) Ended() bool {
	return t.State == "finished" || t.State == "failed" || t.State == "stopped"
}

// Ask asks the cluster for a job.
func (r *Rig) Ask(ctx context.Context, id string) (Told, error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	cmd := r.command(r.outside(), "jobs", "--json", "--plain", "--to", r.to())
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		return Told{}, err
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
	if err := cmd.Wait(); err != nil {
		return Told{}, fault.New(fault.Retry, "jobs: %w\n%s", err, errs.Bytes())
	}
	for line := range bytes.Lines(out.Bytes()) {
		var t Told
		if err := json.Unmarshal(line, &t); err != nil {
			return t, fault.New(fault.Bug, "jobs: %w", err)
		}
		if t.ID == id {
			return t, nil
		}
	}
	return Told{}, fault.New(fault.Retry, "the cluster does not know the job %s", id)
}

// asking is how long the cluster may take to answer.
const asking = 20 * time.Second
