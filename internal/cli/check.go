package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/idag/idag/internal/engine"
	"github.com/spf13/cobra"
)

func newCheck(s *session) *cobra.Command {
	var f jobFlags
	var offline bool
	c := &cobra.Command{
		GroupID: groupJobs,
		Use:     "check JOB|FILE.yaml... [flags]",
		Short:   "Check jobs without running them",
		Long: `Check jobs without running them: their grammar, options, labels, columns and types,
against the schemas of their sources. All mistakes are reported, each at its file,
line and column.`,
		Example: `  idag check job.yaml
  idag check jobs/*.yaml --offline`,
		Args:              some("a job or a job file"),
		ValidArgsFunction: s.complete,
		RunE: func(c *cobra.Command, args []string) error {
			var all []error
			for _, name := range args {
				if err := s.check(c.Context(), name, &f, offline); err != nil {
					all = append(all, err)
					continue
				}
				fmt.Fprintf(s.io.Out, "%s: %s\n", name, s.out.good("ok"))
			}
			return errors.Join(all...)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&offline, "offline", false, "leave the sources alone: check what can be checked without their schemas")
	return c
}

func (s *session) check(ctx context.Context, name string, f *jobFlags, offline bool) error {
	mode, err := f.mode()
	if err != nil {
		return err
	}
	job, err := s.job(name, f)
	if err != nil || offline {
		return err
	}
	_, err = s.app.Engine.Compile(ctx, job, engine.Config{Mode: mode, Kinds: s.app.Kinds})
	return err
}
