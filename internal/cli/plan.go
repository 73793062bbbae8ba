package cli

import (
	"fmt"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/planner"
	"github.com/spf13/cobra"
)

func newPlan(s *session) *cobra.Command {
	var f jobFlags
	var asJSON, asDot bool
	c := &cobra.Command{
		GroupID: groupJobs,
		Use:     "plan JOB|FILE.yaml [flags]",
		Short:   "Show what a job does for each label, and what it leaves out",
		Long: `Show a job's plan: its stages, the route of every label, and the operations that a
route leaves out, each with its reason. Sources are asked for their schemas; no
rows are read.`,
		Example: `  idag plan meter --set path=data/meter
  idag plan job.yaml --linear=staged
  idag plan job.yaml --dot | dot -Tsvg > plan.svg`,
		Args:              exactly("a job or a job file"),
		ValidArgsFunction: s.complete,
		RunE: func(c *cobra.Command, args []string) error {
			mode, err := f.mode()
			if err != nil {
				return err
			}
			job, err := s.job(args[0], &f)
			if err != nil {
				return err
			}
			plan, err := s.app.Engine.Compile(c.Context(), job, engine.Config{Mode: mode, Kinds: s.app.Kinds})
			switch {
			case err != nil:
				return err
			case asDot:
				fmt.Fprint(s.io.Out, planner.Dot(plan))
			case asJSON:
				text, err := planner.JSON(plan)
				if err != nil {
					return err
				}
				fmt.Fprintf(s.io.Out, "%s\n", text)
			default:
				fmt.Fprint(s.io.Out, planner.Text(plan))
			}
			return nil
		},
	}
	f.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON: stages, routes, operations with digests, bypasses")
	c.Flags().BoolVar(&asDot, "dot", false, "print a graph for Graphviz")
	c.MarkFlagsMutuallyExclusive("json", "dot")
	return c
}
