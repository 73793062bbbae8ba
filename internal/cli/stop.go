package cli

import (
	"context"
	"fmt"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/spf13/cobra"
)

func newStop(s *session) *cobra.Command {
	var f toFlags
	var drain, wait bool
	c := &cobra.Command{
		GroupID: groupCluster,
		Use:     "stop JOB [flags]",
		Short:   "Stop a job of a cluster",
		Long: `Stop a job of a cluster. With --drain its batches in flight are finished and published
first, and its state is kept; without, it ends where it is, and what was not committed
is as if it had not been. Either way it goes on from there when it is submitted again.`,
		Example: `  idag stop meter --drain
  idag stop meter --to driver.example`,
		Args:              exactly("a job"),
		ValidArgsFunction: s.completeSubmitted(&f),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := s.link(c.Context(), &f)
			if err != nil {
				return err
			}
			defer l.close()
			if err := s.stop(c.Context(), l, args[0], drain); err != nil {
				return err
			}
			if !wait {
				s.lineOut("%s is stopping", s.out.strong(args[0]))
				return nil
			}
			return s.awaitEnd(c.Context(), l, args[0])
		},
	}
	f.add(c)
	c.Flags().BoolVar(&drain, "drain", false, "finish and publish the batches in flight first")
	c.Flags().BoolVar(&wait, "wait", true, "wait until the job has ended")
	return c
}

// stop tells whoever drives to stop a job.
func (s *session) stop(ctx context.Context, l *link, id string, drain bool) error {
	for try := 1; ; try++ {
		err := l.now().Stop(ctx, id, drain)
		switch {
		case fault.Of(err) == fault.Invalid && try > 1:
			return nil // it may have been heard the first time, and the job has ended
		case fault.Of(err) != fault.Retry || ctx.Err() != nil || try == sends:
			return err
		}
		if err := s.relink(ctx, l); err != nil {
			return err
		}
	}
}

// relink looks for another driver, and says so.
func (s *session) relink(ctx context.Context, l *link) error {
	fmt.Fprintln(s.io.Err, "the driver is gone; looking for another one")
	if err := l.again(ctx); err != nil {
		return err
	}
	fmt.Fprintln(s.io.Err, l.told())
	return nil
}

// awaitEnd waits until a job has ended, at whichever driver it is, and says how.
func (s *session) awaitEnd(ctx context.Context, l *link, id string) error {
	var last submission.Info
	for {
		err := l.now().Watch(ctx, id, 0, func(i submission.Info, _ []string) error {
			last = i
			return nil
		})
		if err == nil {
			break
		}
		if fault.Of(err) != fault.Retry || ctx.Err() != nil {
			return err
		}
		if err := s.relink(ctx, l); err != nil {
			return err
		}
	}
	s.lineOut("%s is %s after %s, %s rows in, %s out", s.out.strong(id), last.State, count(last.Batch, "batch", "batches"),
		thousands(last.RowsIn), thousands(last.RowsOut))
	if last.State == submission.Failed {
		return fault.New(fault.Retry, "%w: %s", errJob, s.unplaced(id, last.Error))
	}
	return nil
}

// completeSubmitted offers the jobs of a cluster to the shell.
func (s *session) completeSubmitted(f *toFlags) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(c.Context(), probeFor)
		defer cancel()
		l, err := s.reach(ctx, f)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer l.close()
		jobs, err := l.now().Jobs(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for _, j := range jobs {
			out = append(out, j.ID+"\t"+string(j.State))
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}
