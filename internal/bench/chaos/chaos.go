package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/bench/rig"
	"github.com/idag/idag/internal/fault"
)

// Config is how much chaos there is.
type Config struct {
	Program []string // and its first arguments; commands and flags follow
	Env     []string // besides this process's
	Dir     string   // for the files of the runs; those of runs that went wrong stay
	Seed    uint64
	Runs    int // at least
	Faults  int // at least, over all runs
	Rows    int // of the job of a run
	Rate    int // of them a second
	// Namespaces cuts and delays by network namespaces in place of relays; see
	// [rig.Config].
	Namespaces bool
	// Tell is told what happens, by one goroutine at a time; nil: nobody is.
	Tell func(string)
}

// Result is what came of it.
type Result struct {
	Runs        int
	Faults      map[Kind]int
	Recovered   map[Kind][]time.Duration // from a fault until batches were committed that began behind it
	Again       []int64                  // tasks that the last driver of each run ran more than once
	Resubmitted int                      // times that a job failed and was submitted again
	Stuck       int                      // jobs that did not come to their end in time
	bench.Verdict
}

// Injected counts all faults.
func (r Result) Injected() int {
	n := 0
	for _, of := range r.Faults {
		n += of
	}
	return n
}

// Wrong counts everything that is wrong.
func (r Result) Wrong() int { return r.Verdict.Wrong() + r.Stuck }

const (
	nodes = 3 // that execute
	// patience is how long a run may take besides the time that its rows take.
	patience = 60 * time.Second
)

// Run makes runs until there were enough of them, and enough faults. A wrong result is
// no error, but part of what is returned.
func (c Config) Run(ctx context.Context) (Result, error) {
	got := Result{Faults: map[Kind]int{}, Recovered: map[Kind][]time.Duration{}}
	if c.Runs < 1 || c.Rows < 1 || c.Rate < 1 {
		return got, fault.New(fault.Invalid, "chaos needs runs, rows and a rate")
	}
	for got.Runs < c.Runs || got.Injected() < c.Faults {
		if got.Runs > 4*c.Runs+4 {
			return got, fault.New(fault.Bug, "%d runs had time for %d faults only", got.Runs, got.Injected())
		}
		left, runs := c.Faults-got.Injected(), max(1, c.Runs-got.Runs)
		r := &run{c: c, got: &got, no: got.Runs + 1, faults: max(1, (left+runs-1)/runs), hurt: map[*rig.Node]bool{},
			shared: map[Kind]*rig.Node{HomeDisk: {Name: homeDisk}, OutDisk: {Name: outDisk}}, rand: rand.New(rand.NewPCG(c.Seed, uint64(got.Runs)))}
		got.Runs++
		if err := r.whole(ctx); err != nil {
			return got, fmt.Errorf("run %d, in %s: %w", r.no, r.dir, err)
		}
	}
	return got, nil
}

// run is one cluster and one job.
type run struct {
	c      Config
	got    *Result
	no     int
	faults int
	rand   *rand.Rand // of the goroutine that injects
	dir    string
	disks  disks
	rig    *rig.Rig

	under  sync.WaitGroup // everything that is done to nodes
	mu     sync.Mutex
	hurt   map[*rig.Node]bool
	shared map[Kind]*rig.Node // no nodes: the disks that all have in common, by their names
	job    *rig.Job
	broken error // of the machinery
}

// whole is the run from its cluster's start to the verdict.
func (r *run) whole(ctx context.Context) (err error) {
	want, err := bench.NewTruth(ctx, r.c.Rows, r.c.Seed+uint64(r.no))
	if err != nil {
		return err
	}
	r.dir = filepath.Join(r.c.Dir, fmt.Sprint("run", r.no))
	text := want.Job("batch_rows: 300, in_flight: 2, checkpoint_every: 300 ms, memory: 4 kB, key_groups: 6", r.c.Rate)
	if err := errors.Join(os.MkdirAll(r.dir, 0o755), os.WriteFile(filepath.Join(r.dir, "job.yaml"), []byte(text), 0o600)); err != nil {
		return err
	}
	r.disks = newDisks(r.dir)
	defer func() { err = errors.Join(err, r.disks.close()) }()
	if err := r.disks.open(nodes); err != nil {
		return err
	}
	r.rig, err = rig.Start(ctx, rig.Config{Program: r.c.Program, Env: r.c.Env, Dir: r.dir, Drivers: 2, Executors: nodes,
		Links: true, Namespaces: r.c.Namespaces, Memory: "256kB", Temp: r.disks.of})
	if err != nil {
		return err
	}
	sum, stuck, err := r.storm(ctx)
	r.rig.Close()
	if err := errors.Join(err, r.broken); err != nil {
		return err
	}
	return r.judge(ctx, want, sum, stuck)
}

// storm runs the job and hurts the cluster meanwhile.
func (r *run) storm(ctx context.Context) (sum rig.Summary, stuck bool, err error) {
	limit := patience + time.Duration(r.c.Rows/r.c.Rate)*time.Second
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := r.submit(within); err != nil {
		return sum, false, err
	}
	calm, stop := context.WithCancel(within)
	r.under.Go(func() { r.inject(calm) })
	sum, err = r.end(within)
	stop()
	r.under.Wait()
	if within.Err() != nil && ctx.Err() == nil {
		r.tell("the job has not come to its end after %v: %v", limit, err)
		return sum, true, nil
	}
	return sum, false, err
}

// submit sends the job and follows it.
func (r *run) submit(ctx context.Context) error {
	j, err := r.rig.Submit(ctx, "job.yaml", "--dead-letters", filepath.Join(r.dir, "dead"))
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.job = j
	return nil
}

// following is who follows the job now.
func (r *run) following() *rig.Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.job
}

// end waits for the end of the job. One that failed is submitted again.
func (r *run) end(ctx context.Context) (rig.Summary, error) {
	sum, err := r.following().Wait()
	for err != nil && ctx.Err() == nil {
		r.tell("not followed any more: %v", err)
		var t rig.Told
		if t, err = r.rig.Ask(ctx, "crash"); err == nil {
			r.tell("the job is %s: %s", t.State, t.Error)
		}
		switch {
		case err != nil:
		case t.State == "finished":
			return sum, json.Unmarshal(t.Result, &sum)
		case t.Ended():
			if err = r.submit(ctx); err == nil {
				sum, err = r.following().Wait()
			}
			if r.following().Batch() > 0 { // it went on
				r.mu.Lock()
				r.got.Resubmitted++
				r.mu.Unlock()
				continue
			}
		default:
			err = fault.New(fault.Retry, "the job is %s", t.State)
		}
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return sum, err
}

// judge compares what is published with the truth. The files of a run that is right go.
func (r *run) judge(ctx context.Context, want *bench.Truth, sum rig.Summary, stuck bool) error {
	if stuck {
		r.got.Stuck++
		return nil
	}
	v, err := want.Judge(ctx, r.dir)
	if err != nil {
		return err
	}
	if sum.RowsIn != int64(r.c.Rows) {
		v.Totals++
	}
	r.got.Add(v)
	r.got.Again = append(r.got.Again, sum.TasksAgain)
	if v.Wrong() > 0 {
		r.tell("WRONG: %+v, summary %+v; what there is lies in %s", v, sum, r.dir)
		return r.disks.keep()
	}
	r.tell("right: %d rows in %d batches, %d tasks again, %.1f s", sum.RowsIn, sum.Batches, sum.TasksAgain, sum.WallSeconds)
	return errors.Join(r.disks.close(), os.RemoveAll(r.dir))
}

func (r *run) tell(format string, args ...any) {
	if r.c.Tell == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.c.Tell(fmt.Sprintf("run %d: %s", r.no, strings.TrimSpace(fmt.Sprintf(format, args...))))
}
