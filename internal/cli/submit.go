package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/rdd"
	"github.com/spf13/cobra"
)

// errJob ends a command whose job failed on the cluster.
var errJob = errors.New("the job failed")

// submitFlags are the flags of submit.
type submitFlags struct {
	runFlags
	toFlags
	detach bool
	check  bool
}

func newSubmit(s *session) *cobra.Command {
	var f submitFlags
	c := &cobra.Command{
		GroupID: groupCluster,
		Use:     "submit JOB|FILE.yaml [flags]",
		Short:   "Run a job on a cluster",
		Long: `Send a job to the driver of a cluster, which checks it and runs it on the executors,
and show how it comes along and what it came to, as run does. If the driver dies and
another one takes over, the job goes on there. Ctrl-C or SIGTERM finishes the batches
in flight and stops the job; a second one aborts it. With --detach the job goes on by
itself: see jobs, logs and stop.

Files are read and written by the nodes: paths, and what stands in ${ENV}, are
theirs. Relative paths are below the directory in which a node was started.

A job that was stopped or failed goes on when it is submitted again.`,
		Example: `  idag submit meter --set path=/data/meter --set out=/data/out
  idag submit job.yaml --to driver.example --detach
  idag submit job.yaml --json | tail -n 1 | jq .checksum`,
		Args:              exactly("a job or a job file"),
		ValidArgsFunction: s.complete,
		RunE:              func(c *cobra.Command, args []string) error { return s.submit(c.Context(), args[0], &f) },
	}
	f.jobFlags.add(c)
	f.toFlags.add(c)
	fs := c.Flags()
	fs.BoolVarP(&f.detach, "detach", "d", false, "do not wait for the end of the job")
	fs.BoolVar(&f.check, "check", false, "only check the job, on the driver")
	fs.BoolVar(&f.restart, "restart", false, "begin anew, even if the last run has not come to its end")
	fs.StringVar(&f.deadLetters, "dead-letters", "", "write dead letters to this `directory` of the nodes (default count them)")
	fs.BoolVar(&f.json, "json", false, "print one JSON object a batch, the summary last")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "print neither progress nor summary")
	c.MarkFlagsMutuallyExclusive("json", "quiet")
	return c
}

// submit sends a job and follows it.
func (s *session) submit(ctx context.Context, name string, f *submitFlags) error {
	job, err := s.submission(name, f)
	if err != nil {
		return err
	}
	l, err := s.link(ctx, &f.toFlags)
	if err != nil {
		return err
	}
	defer l.close()
	info, err := s.send(ctx, l, job)
	switch {
	case err != nil && fault.Of(err) == fault.Invalid:
		return authors(fault.New(fault.Invalid, "%s", s.unplaced(name, err.Error())))
	case err != nil:
		return err
	case f.check:
		s.lineOut("%s: %s", name, s.out.good("ok"))
		return nil
	case f.detach && f.json:
		return writeJSON(s.io.Out, listed(info))
	case f.detach:
		s.lineOut("%s is submitted to %s; '%s logs %s -f' follows it, '%s stop %s --drain' ends it",
			s.out.strong(info.ID), l.at, s.app.Name, info.ID, s.app.Name, info.ID)
		return nil
	}
	return s.follow(ctx, l, info.ID, f)
}

// sends is how often a job is sent to drivers that go away meanwhile.
const sends = 3

// send hands a job to whoever drives. If the answer is lost it is sent again, which drivers
// notice.
func (s *session) send(ctx context.Context, l *link, job submission.Job) (submission.Info, error) {
	for try := 1; ; try++ {
		info, err := l.now().Submit(ctx, job)
		if fault.Of(err) != fault.Retry || err == nil || ctx.Err() != nil || try == sends {
			return info, err
		}
		fmt.Fprintf(s.io.Err, "the job could not be handed over (%s); looking for a driver\n", plainly(err.Error()))
		if err := l.again(ctx); err != nil {
			return info, fault.New(fault.Retry, "%w; it is not known whether the job was submitted: '%s jobs' tells", err, s.app.Name)
		}
		fmt.Fprintln(s.io.Err, l.told())
	}
}

// submission is what the flags say, to be sent.
func (s *session) submission(name string, f *submitFlags) (submission.Job, error) {
	mode, err := f.mode()
	if err != nil {
		return submission.Job{}, err
	}
	vars, err := f.vars()
	if err != nil {
		return submission.Job{}, err
	}
	set := f.settings
	j := submission.Job{Key: rand.Text(), Vars: vars, Mode: mode, Restart: f.restart, Check: f.check, Schedule: f.schedule, Trust: f.trust,
		Settings: submission.Settings{BatchRows: set.batchRows, BatchBytes: set.batchBytes, Memory: set.memory, InFlight: set.inFlight,
			KeyGroups: set.keyGroups, FrameRows: set.frameRows, Lateness: set.lateness, BatchWait: set.batchWait}}
	if f.deadLetters != "" {
		if j.DeadLetters, err = absolute(f.deadLetters); err != nil {
			return j, err
		}
	}
	if !isFile(name) {
		j.Name = name
		return j, nil
	}
	j.Source, err = os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return j, fault.New(fault.Invalid, "%s: no such file", name)
	}
	j.File = name
	return j, fault.Wrap(fault.Invalid, err)
}

// submitted makes a job on the driver, of what submission was sent.
func (s *session) submitted(j submission.Job) (*rdd.Job, error) {
	var f jobFlags
	f.schedule, f.trust = j.Schedule, j.Trust
	f.settings = settingFlags{batchRows: j.Settings.BatchRows, batchBytes: j.Settings.BatchBytes, memory: j.Settings.Memory,
		inFlight: j.Settings.InFlight, keyGroups: j.Settings.KeyGroups, frameRows: j.Settings.FrameRows,
		lateness: j.Settings.Lateness, batchWait: j.Settings.BatchWait}
	var job *rdd.Job
	var err error
	if j.File == "" {
		job, err = s.shipped(j.Name, j.Vars)
	} else {
		job, err = s.using(jobfile.Parse(j.File, j.Source, j.Vars, s.app.Kinds))
	}
	if err != nil {
		return nil, err
	}
	return s.apply(job, &f)
}

// authors gives an error of the driver's the author's position back, so that the line is
// shown.
func authors(err error) error {
	if fault.Of(err) != fault.Invalid {
		return err
	}
	var all []error
	for line := range strings.Lines(err.Error()) {
		at, ok := position(line)
		if !ok {
			return err
		}
		all = append(all, fault.Wrap(fault.Invalid, at))
	}
	return errors.Join(all...)
}

// position reads file:line:column: text.
func position(line string) (*rdd.Error, bool) {
	parts := strings.SplitN(strings.TrimRight(line, "\n"), ":", 4)
	if len(parts) < 4 || filepath.Ext(parts[0]) == "" {
		return nil, false
	}
	row, err1 := strconv.Atoi(parts[1])
	column, err2 := strconv.Atoi(parts[2])
	return &rdd.Error{At: rdd.Pos{File: parts[0], Line: row, Column: column}, Text: strings.TrimSpace(parts[3])}, err1 == nil && err2 == nil
}

// follow shows a job until it has ended, at whichever driver it is.
func (s *session) follow(ctx context.Context, l *link, id string, f *submitFlags) error {
	rep := s.reporter(id, &f.runFlags)
	v := &viewer{rep: rep}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	release := s.stopper(ctx, cancel, l, id, rep)
	err := v.watch(ctx, l, id)
	untold := release()
	rep.done()
	if untold != nil {
		return untold
	}
	if errors.Is(err, errReach) || errors.Is(err, errDriver) {
		return fault.New(fault.Retry, "%w; %s goes on when somebody drives again: '%s logs %s -f' follows it then", err, id, s.app.Name, id)
	}
	if err != nil {
		return err
	}
	return s.concludes(v.last, f)
}

// viewer shows what a driver tells of a job.
type viewer struct {
	rep  reporter
	last submission.Info
	told engine.Progress
	note string // of the last progress: what follows on it may say it again
	line int64  // the first that was not told
	seq  int64  // of what was told last
}

// watch follows a job from driver to driver.
func (v *viewer) watch(ctx context.Context, l *link, id string) error {
	for {
		err := l.now().Watch(ctx, id, v.line, v.tell)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case fault.Of(err) != fault.Retry:
			return err
		}
		v.rep.note("the driver is gone; looking for another one")
		if err := l.again(ctx); err != nil {
			return err
		}
		v.rep.note(l.told())
	}
}

// tell shows progress, and what console sinks wrote.
func (v *viewer) tell(info submission.Info, lines []string) error {
	if info.Seq > 0 && info.Seq <= v.seq {
		return nil // by another driver, or before the connection was lost
	}
	v.seq, v.line = max(v.seq, info.Seq), max(v.line, info.Lines)
	for _, line := range lines {
		if _, text, _ := strings.Cut(line, " "); strings.HasPrefix(text, "| ") {
			fmt.Fprintln(v.rep.out(), text[2:])
		}
	}
	if info.Waits != "" && info.Waits != v.last.Waits {
		v.rep.note(info.ID + " waits " + info.Waits)
	}
	v.last = info
	var p engine.Progress
	if len(info.Progress) == 0 || json.Unmarshal(info.Progress, &p) != nil {
		return nil
	}
	if p.Note != "" && p.Note != v.note {
		v.rep.note(p.Note)
	}
	v.note = p.Note
	// The last batch is told again with what changes beside it.
	p.Committed = p.Committed && (!v.told.Committed || p.Batch > v.told.Batch)
	if v.rep.observe(p); p.Committed {
		v.told = p
	}
	return nil
}

// concludes prints what a job came to.
func (s *session) concludes(info submission.Info, f *submitFlags) error {
	if info.State == submission.Failed {
		if info.Invalid {
			return authors(fault.New(fault.Invalid, "%s", s.unplaced(info.ID, info.Error)))
		}
		return fmt.Errorf("%w: %s", errJob, s.unplaced(info.ID, info.Error))
	}
	var sum engine.Summary
	if info.State == submission.Finished && len(info.Summary) == 0 && !f.json {
		// Its driver died before it could tell.
		if !f.quiet {
			s.lineOut("%s has finished after %s, %s rows in, %s out; its summary was lost with its driver", s.out.strong(info.ID),
				count(info.Batch, "batch", "batches"), thousands(info.RowsIn), thousands(info.RowsOut))
		}
		return nil
	}
	if len(info.Summary) == 0 || json.Unmarshal(info.Summary, &sum) != nil {
		return fault.New(fault.Retry, "%w: %s is %s, and has no summary", errJob, info.ID, info.State)
	}
	switch {
	case f.json:
		return writeJSON(s.io.Out, sum)
	case !f.quiet:
		writeSummary(s.io.Out, s.out, sum, f.deadLetters == "")
	}
	return nil
}

// stopper turns the user's Ctrl-C into a stop of the job: in order, then at once.
// Release waits until nobody listens; it returns an error if the job was to end at once
// and its driver does not know.
func (s *session) stopper(ctx context.Context, cancel context.CancelFunc, l *link, id string, rep reporter) (release func() error) {
	stop, done := s.interrupts(ctx, cancel, rep)
	quit, finished := make(chan struct{}), make(chan error, 1)
	go func() { finished <- s.stops(ctx, l, id, rep, stop, quit) }()
	return func() error {
		close(quit)
		err := <-finished
		done()
		return err
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// stops stops a job as the user asks for it, also where both Ctrl-C come before it looks.
func (s *session) stops(ctx context.Context, l *link, id string, rep reporter, stop, quit <-chan struct{}) error {
	select {
	case <-stop:
	case <-quit:
	case <-ctx.Done():
	}
	if !closed(stop) || ctx.Err() == nil && closed(quit) {
		return nil // nobody asked, or it has ended by itself
	}
	if err := l.now().Stop(ctx, id, true); err != nil && ctx.Err() == nil {
		rep.note(err.Error())
	}
	select {
	case <-quit:
	case <-ctx.Done():
	}
	if ctx.Err() == nil {
		return nil
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeFor)
	defer cancel()
	// A mistake it would be to stop a job that has ended.
	if err := l.now().Stop(last, id, false); err != nil && fault.Of(err) != fault.Invalid {
		return fault.New(fault.Retry, "%w, which may go on with %s: '%s stop %s' when it does (%w)", errReach, id, s.app.Name, id, err)
	}
	return nil
}
