package cli

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"github.com/spf13/cobra"
)

// runFlags are the flags of run and replay.
type runFlags struct {
	jobFlags
	executors   int
	ledger      string
	noLedger    bool
	restart     bool
	deadLetters string
	json        bool
	quiet       bool
	view        view   // nil: there is none
	report      string // directory for what the view has to tell, or ""
}

func (f *runFlags) add(c *cobra.Command) {
	f.jobFlags.add(c)
	fs := c.Flags()
	fs.IntVar(&f.executors, "executors", 0, "`executors` in this process (default one a core)")
	fs.StringVar(&f.ledger, "ledger", "", "keep ledger and checkpoints in this `directory`")
	fs.StringVar(&f.deadLetters, "dead-letters", "", "write dead letters to this `directory` (default count them)")
	fs.BoolVar(&f.json, "json", false, "print one JSON object a batch, the summary last")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "print neither progress nor summary")
	c.MarkFlagsMutuallyExclusive("json", "quiet")
}

func newRun(s *session) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		GroupID: groupJobs,
		Use:     "run JOB|FILE.yaml [flags]",
		Short:   "Run a job to the end of its input",
		Long: `Run a job to the end of its input: one that ships with the program, by name, or a
job file. Ctrl-C or SIGTERM finishes the batches in flight and says where the
job stopped; a second one aborts it.

A run that was stopped, killed or failed goes on when the same command is given
again: its ledger in .idag/JOB, below the working directory, says what it has read
and published, and holds what it knew at its last checkpoint. If the job has
changed meanwhile, that is refused with what has changed; --restart gives the
unfinished run up. A job that has come to its end begins anew. With --ledger the
ledger is elsewhere; with --no-ledger there is none, and nothing to go on from.`,
		Example: `  idag run meter --set path=data/meter --set out=out
  idag run job.yaml --linear
  idag run job.yaml --json | tail -n 1 | jq .checksum`,
		Args:              exactly("a job or a job file"),
		ValidArgsFunction: s.complete,
		RunE: func(c *cobra.Command, args []string) error {
			job, err := s.job(args[0], &f.jobFlags)
			if err != nil {
				return err
			}
			if f.ledger == "" && !f.noLedger {
				f.ledger = s.defaultLedger(job.Name)
			}
			f.view = s.viewOf(args[0], job)
			if !c.Flags().Changed("report") && !f.json && !f.quiet {
				f.report = f.reportDir(job.Name)
			}
			return s.runAndTell(c.Context(), job, &f)
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.report, "report", "", "`directory` for the report of a job that has one, or \"\" for none (default\nreport below the variable out, else out/JOB/report; none with --json and --quiet)")
	c.Flags().Lookup("ledger").Usage += " (default .idag/JOB)"
	c.Flags().BoolVar(&f.noLedger, "no-ledger", false, "keep no ledger: a run that is stopped cannot go on")
	c.Flags().BoolVar(&f.restart, "restart", false, "begin anew, even if the last run has not come to its end")
	c.MarkFlagsMutuallyExclusive("ledger", "no-ledger")
	return c
}

// reportDir is where the report of a job is if the user does not say: beside its results.
func (f *runFlags) reportDir(job string) string {
	if vars, err := f.vars(); err == nil && vars["out"] != "" && !strings.Contains(vars["out"], "://") {
		return filepath.Join(vars["out"], "report")
	}
	return filepath.Join("out", dirName(job), "report")
}

// defaultLedger is where the ledger of a job is if the user does not say: below the
// working directory, or nowhere if nothing can be written there.
func (s *session) defaultLedger(job string) string {
	const home = ".idag"
	if _, err := os.Stat(home); err != nil {
		probe, err := os.CreateTemp(".", home+"-*")
		if err != nil {
			fmt.Fprintf(s.io.Err, "%s: no ledger, so this run cannot go on once it is stopped: %v\n", s.app.Name, err)
			return ""
		}
		_ = probe.Close()
		_ = os.Remove(probe.Name())
	}
	return filepath.Join(home, dirName(job))
}

// dirName spells any name as one of a directory. Escaping leaves dots, of which
// some mean other directories.
func dirName(job string) string {
	if strings.Trim(job, ".") == "" {
		return strings.ReplaceAll(job, ".", "%2E")
	}
	return url.PathEscape(job)
}

// runAndTell runs a job as the flags say and prints its summary.
func (s *session) runAndTell(ctx context.Context, job *rdd.Job, f *runFlags) error {
	mode, err := f.mode()
	if err != nil {
		return err
	}
	if f.executors < 0 {
		return fault.New(fault.Invalid, "--executors may not be negative")
	}
	cfg := engine.Config{Kinds: s.app.Kinds, Mode: mode, Executors: f.executors, Ledger: f.ledger, Restart: f.restart, DeadLetters: f.deadLetters}
	rep := watch(ctx, job, f.view, s.reporter(job.Name, f), s.errs, &cfg)
	sum, err := s.run(ctx, job, cfg, rep)
	if err == nil {
		err = s.tell(f.view, f.report, sum)
	}
	switch {
	case err != nil:
		return err
	case f.json:
		return writeJSON(s.io.Out, sum)
	case !f.quiet:
		writeSummary(s.io.Out, s.out, sum, f.deadLetters == "" && job.Dead.Connector == "")
	}
	return nil
}

// run runs a job under a reporter. The first interrupt or SIGTERM stops it after the
// batches in flight, the second cancels it.
func (s *session) run(ctx context.Context, job *rdd.Job, cfg engine.Config, rep reporter) (engine.Summary, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cfg.Kinds = s.app.Kinds
	cfg.Observe = func(p engine.Progress) {
		if p.Note != "" {
			rep.note(p.Note)
		}
		rep.observe(p)
	}
	cfg.Out = rep.out()
	stop, release := s.interrupts(ctx, cancel, rep)
	defer release()
	cfg.Stop = stop
	sum, err := s.app.Engine.Run(ctx, job, cfg)
	rep.done()
	return sum, err
}

// interrupts turns the user's Ctrl-C into a closed channel and then a cancelled
// context. Release waits until nobody listens any more.
func (s *session) interrupts(ctx context.Context, cancel context.CancelFunc, rep reporter) (stop <-chan struct{}, release func()) {
	ch, ended, finished := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		for n := 0; ; n++ {
			select {
			case <-s.io.Interrupts:
			case <-ctx.Done():
				return
			case <-ended:
				return
			}
			switch n {
			case 0:
				rep.note("finishing the batches in flight; Ctrl-C again aborts")
				close(ch)
			case 1:
				cancel()
			}
		}
	}()
	return ch, func() {
		close(ended)
		<-finished
	}
}
