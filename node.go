package idag

import (
	"context"
	"os"

	"github.com/idag/idag/internal/cli"
	"github.com/idag/idag/internal/engine"
	clusternode "github.com/idag/idag/internal/engine/cluster/node"
	"github.com/idag/idag/rdd"
)

// node returns the engine that the command line talks to.
func node() cli.Engine {
	run := engine.Run
	if point := failpoint(os.Getenv(failpointVariable)); point != nil {
		run = func(ctx context.Context, job *rdd.Job, cfg engine.Config) (engine.Summary, error) {
			cfg.Point = point
			return engine.Run(ctx, job, cfg)
		}
	}
	return cli.Engine{Run: run, Compile: engine.Compile, Survey: engine.Survey, Analyze: engine.Analyze,
		Drive: clusternode.Drive, Execute: clusternode.Execute, Dial: clusternode.Dial}
}
