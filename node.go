package idag

import (
	"context"

	"github.com/idag/idag/internal/cli"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// node returns the engine that the command line talks to.
func node() cli.Engine {
	return cli.Engine{
		Run: func(context.Context, *rdd.Job, cli.Config) (cli.Summary, error) {
			return cli.Summary{}, fault.New(fault.Bug, "the engine is not wired")
		},
		Compile: func(_ context.Context, job *rdd.Job, cfg cli.Config) (*planner.Plan, error) {
			return planner.Compile(job, cfg.Mode)
		},
	}
}
