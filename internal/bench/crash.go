package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/idag/idag/internal/fault"
)

// Crash kills a program while it runs a job, starts it again until the job has come
// to its end, and judges what is published by rows that it makes itself and files
// that it reads itself, with nothing of the engine.
type Crash struct {
	Program []string // and its first arguments; "run JOB" and flags follow
	Env     []string // besides this process's
	Dir     string   // for the job's files; what is in it stays
	Seed    uint64
	Kills   int // SIGKILLs at least
	Rows    int // of the job
	// Points are steps of a run at which it is killed, each at several of its
	// occurrences, besides kills at any time.
	Points []string
	// Tell is told of every start; nil: nobody is.
	Tell func(string)
}

// CrashPoints are the steps that engine.Point names.
func CrashPoints() []string {
	var out []string
	for _, k := range []string{"started", "planned", "committed", "checkpointed", "ended"} {
		out = append(out, "log."+k+".before", "log."+k+".after")
	}
	return append(out, "cut", "task.before", "task.after", "publish.before", "publish.half", "publish.after", "save.before", "save.after",
		"checkpoint.half", "checkpoint.renamed", "restore.before", "restore.after", "retain.before", "retain.after", "trim.before", "trim.after")
}

// CrashResult is what came of it.
type CrashResult struct {
	Runs    int            // of the job, each killed again and again and then judged
	Kills   int            // SIGKILLs
	Stops   int            // SIGTERMs that ended a process in order
	Resumed int            // starts that went on behind a checkpoint
	Points  map[string]int // kills at each step
	Verdict                // over all runs
}

// rerun is one run of the job, over several processes.
type rerun struct {
	c    *Crash
	rand *rand.Rand
	got  *CrashResult
	dir  string
	want *Truth
	sum  crashSummary // of a run that nobody killed
}

// crashSummary is what must be the same however often a run was killed.
type crashSummary struct {
	Batches     int64    `json:"batches"`
	RowsIn      int64    `json:"rows_in"`
	RowsOut     int64    `json:"rows_out"`
	DeadLetters int64    `json:"dead_letters"`
	Checksum    string   `json:"checksum"`
	Stopped     []string `json:"stopped"`
}

// Run kills until there have been enough kills and every point has had its turns.
// A wrong result is no error, but part of what is returned.
func (c *Crash) Run(ctx context.Context) (CrashResult, error) {
	got := CrashResult{Points: map[string]int{}}
	want, err := NewTruth(ctx, c.Rows, c.Seed)
	if err != nil {
		return got, err
	}
	r := &rerun{c: c, rand: rand.New(rand.NewPCG(c.Seed, 1)), got: &got, want: want}
	if err := r.begin("whole"); err != nil {
		return got, err
	}
	if r.sum, err = r.reference(ctx); err != nil {
		return got, err
	}
	var turns []string
	for hit := 1; hit <= 4; hit++ {
		for _, p := range c.Points {
			turns = append(turns, fmt.Sprintf("%s:%d", p, hit*hit))
		}
	}
	r.rand.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	for got.Kills < c.Kills || len(turns) > 0 {
		got.Runs++
		if err := r.begin(fmt.Sprint("run", got.Runs)); err != nil {
			return got, err
		}
		if turns, err = r.toTheEnd(ctx, turns); err != nil {
			return got, fmt.Errorf("run %d, in %s: %w", got.Runs, r.dir, err)
		}
		if got.Wrong() > 0 {
			return got, nil // what was published stays, to be looked at
		}
		if err := os.RemoveAll(r.dir); err != nil {
			return got, err
		}
	}
	return got, nil
}

// begin makes the directory of a run.
func (r *rerun) begin(name string) error {
	r.dir = filepath.Join(r.c.Dir, name)
	job := r.want.Job("batch_rows: 500, in_flight: 2, checkpoint_every: 1 ms, memory: 4 kB", 0)
	return errors.Join(os.MkdirAll(r.dir, 0o755), os.WriteFile(filepath.Join(r.dir, "job.yaml"), []byte(job), 0o600))
}

// reference runs the job without killing it.
func (r *rerun) reference(ctx context.Context) (crashSummary, error) {
	sum, _, err := r.start(ctx, "", nil)
	if err == nil {
		r.got.Verdict, err = r.want.Judge(ctx, r.dir)
	}
	return sum, err
}

// toTheEnd starts the program again and again, and kills it in all ways, until it
// has come to its end by itself; then it judges. It returns the turns that are left.
func (r *rerun) toTheEnd(ctx context.Context, turns []string) ([]string, error) {
	for start := 0; ; start++ {
		if start > 200 {
			return turns, fault.New(fault.Bug, "the job does not come to its end")
		}
		point, signal := "", syscall.SIGKILL
		switch dice := r.rand.IntN(8); {
		case dice == 0:
			signal = syscall.SIGTERM
		case len(turns) > 0 && dice < 6:
			point, turns = turns[0], turns[1:]
		}
		var killer func(*os.Process) *time.Timer
		if point == "" {
			// On a machine that is slow now the program has not even begun by then: it is
			// given more time each time.
			after := time.Duration(r.rand.IntN(700*(1+start/20))) * time.Millisecond
			killer = func(p *os.Process) *time.Timer { return time.AfterFunc(after, func() { _ = p.Signal(signal) }) }
		}
		sum, killed, err := r.start(ctx, point, killer)
		switch {
		case err != nil:
			return turns, err
		case killed:
			r.got.Kills++
			if point != "" {
				name, _, _ := strings.Cut(point, ":")
				r.got.Points[name]++
			}
			continue
		case len(sum.Stopped) > 0:
			r.got.Stops++
			continue
		}
		v, err := r.want.Judge(ctx, r.dir)
		if sum.Batches != r.sum.Batches || sum.RowsIn != r.sum.RowsIn || sum.RowsOut != r.sum.RowsOut ||
			sum.DeadLetters != r.sum.DeadLetters || sum.Checksum != r.sum.Checksum {
			v.Totals++
			r.tell("summary %+v, not %+v", sum, r.sum)
		}
		r.got.Add(v)
		return turns, err
	}
}

// start runs the program once. It reports whether it was killed.
func (r *rerun) start(ctx context.Context, point string, killer func(*os.Process) *time.Timer) (crashSummary, bool, error) {
	var sum crashSummary
	args := append(r.c.Program[1:len(r.c.Program):len(r.c.Program)], "run", "job.yaml", "--json",
		"--dead-letters", "dead", "--executors", fmt.Sprint(1+r.rand.IntN(3)))
	cmd := exec.CommandContext(ctx, r.c.Program[0], args...)
	cmd.Dir = r.dir
	cmd.Env = append(append(os.Environ(), r.c.Env...), "IDAG_FAILPOINT="+point)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		return sum, false, err
	}
	if killer != nil {
		defer killer(cmd.Process).Stop()
	}
	err := cmd.Wait()
	if bytes.Contains(errs.Bytes(), []byte("resuming")) && !bytes.Contains(errs.Bytes(), []byte("batches 1 to")) {
		r.got.Resumed++
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if killed := ok && status.Signaled(); killed && ctx.Err() == nil {
		r.tell("killed %s; %s", point, bytes.TrimSpace(errs.Bytes()))
		return sum, true, nil
	}
	if err != nil {
		return sum, false, fault.New(fault.Bug, "the program failed: %w\n%s", err, errs.Bytes())
	}
	r.tell("ended by itself; %s", bytes.TrimSpace(errs.Bytes()))
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &sum); err != nil {
		return sum, false, fault.New(fault.Bug, "the last line is not a summary: %w", err)
	}
	return sum, false, nil
}

func (r *rerun) tell(format string, args ...any) {
	if r.c.Tell != nil {
		r.c.Tell(fmt.Sprintf(format, args...))
	}
}

// Job is the text of the job, with settings, which reads so many rows a second, or as
// fast as it can with 0.
func (t *Truth) Job(settings string, rate int) string {
	return fmt.Sprintf(crashJob, settings, t.rows, t.seed, rate)
}

// crashJob writes rows as they come, windows that leave on the way, groups that wait for
// the end, what joins give, rows without a partner in their window, which leave on
// the way, and pairs of all rows, and a total that each window reads of what the job itself
// wrote for one before.
const crashJob = `job: crash
labels: [error, backup, information]
settings: {%s}
datasets:
  events:
    - read: {generate: {events: meter, rows: %d, seed: %d, rate: %d, partitions: 2, meters: 50, dirt: 0.02, span: 6 hours}}
    - tag: {column: kind, identity: [meter, ts], time: ts}
    - write: {parquet: {path: out/events, mode: overwrite}}
  windows:
    - from: events
    - window: {time: ts, tumbling: 10 minutes}
    - reduce: {by: [meter, window_start], get: {n: count(), wh: sum(wh)}}
    - write: {parquet: {path: out/windows, mode: overwrite}}
  meters:
    - from: events
    - reduce: {by: [meter], get: {n: count(), wh: sum(wh)}}
    - write: {parquet: {path: out/meters, mode: overwrite}}
  lone:
    - from: events
    - window: {time: ts, tumbling: 10 minutes}
    - join: {from: error, with: backup, kind: diff, on: [meter, window_start], prefix: b_}
    - write: {parquet: {path: out/lone, mode: overwrite}, columns: [meter, window_start, wh, b_wh]}
  pairs:
    - from: events
    - join: {from: error, with: backup, on: meter, prefix: b_}
    - reduce: {from: pairs, by: [meter], get: {n: count(), wh: sum(wh)}, as: sums}
    - write: {parquet: {path: out/pairs, mode: overwrite}, from: sums}
  chain:
    - from: events
    - window: {time: ts, tumbling: 1 hour}
    - reduce: {by: [window_start], get: {n: count(), wh: sum(wh)}}
    - broadcast: {for: chain, of: totals, columns: {total: bigint}}
    - map: {for: chain, set: {before: "coalesce(total, 0)", total: "coalesce(total, 0) + n"}}
    - write: {broadcast: totals, columns: [window_start, total]}
    - write: {parquet: {path: out/chain, mode: overwrite}, columns: [window_start, n, wh, before, total]}
`
