package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/spf13/cobra"
)

// errEnough ends a watch that has shown what there is.
var errEnough = errors.New("that is all for now")

func newLogs(s *session) *cobra.Command {
	var f toFlags
	var follow bool
	c := &cobra.Command{
		GroupID: groupCluster,
		Use:     "logs JOB [flags]",
		Short:   "Show what a job of a cluster has said",
		Long: `Show the last thousand lines of a job of a cluster: its states, the batches that it has
committed (at most a line a second), what it had to note, and behind a bar what its
console sinks wrote. A new driver begins a new log. With --follow lines are shown as
they come until the job has ended; if the driver dies, those of the next one follow.`,
		Example: `  idag logs meter
  idag logs meter -f --to driver.example`,
		Args:              exactly("a job"),
		ValidArgsFunction: s.completeSubmitted(&f),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := s.link(c.Context(), &f)
			if err != nil {
				return err
			}
			defer l.close()
			return s.logs(c.Context(), l, args[0], follow)
		},
	}
	f.add(c)
	c.Flags().BoolVarP(&follow, "follow", "f", false, "show further lines as they come")
	return c
}

// logs prints the lines of a job. Ctrl-C ends it.
func (s *session) logs(ctx context.Context, l *link, id string, follow bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	release := s.onInterrupt(ctx, func() { cancel(errEnough) })
	defer release()
	var from int64
	show := func(info submission.Info, lines []string) error {
		from = max(from, info.Lines)
		for _, line := range lines {
			if _, err := fmt.Fprintln(s.io.Out, line); err != nil {
				return err
			}
		}
		if !follow && lines != nil {
			return errEnough
		}
		return nil
	}
	for {
		err := l.now().Watch(ctx, id, from, show)
		switch {
		case err == nil, errors.Is(err, errEnough), errors.Is(context.Cause(ctx), errEnough):
			return nil
		case fault.Of(err) != fault.Retry || !follow || ctx.Err() != nil:
			return err
		}
		if err := s.relink(ctx, l); err != nil {
			return err
		}
	}
}

// onInterrupt calls f at the user's first Ctrl-C. Release waits until nobody listens.
func (s *session) onInterrupt(ctx context.Context, f func()) (release func()) {
	ended, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		select {
		case <-s.io.Interrupts:
			f()
		case <-ctx.Done():
		case <-ended:
		}
	}()
	return func() {
		close(ended)
		<-finished
	}
}
