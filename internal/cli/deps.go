package cli

import (
	"context"
	"io"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster/node"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// App is a program built on idag: what it is called, and the jobs,
// connectors and functions it has.
type App struct {
	Name    string // the program's name in help and messages
	Version string
	Jobs    []Job
	Kinds   connectors.Registry
	// Functions are those that its jobs may call, besides their own.
	Functions fn.Set
	Engine    Engine
}

// Job is a job that ships with a program.
type Job struct {
	Name string
	Doc  string // one line
	YAML []byte // the same job as a job file, for people to read and copy; nil: made from Build
	// Build makes the job. Vars override its defaults; one that it does not
	// have is an error. Nil: the job is made from YAML.
	Build func(vars map[string]string) (*rdd.Job, error)
	// Shipped jobs come with idag itself. Messages leave out their Go lines:
	// whoever runs the program did not write them.
	Shipped bool
}

// Engine is all that the command line asks of package engine, whose functions
// these are outside of tests.
type Engine struct {
	// Run runs a job to the end of its input, or until Config.Stop is closed
	// and the batches in flight are published. The summary counts what was
	// done before an error too.
	Run func(ctx context.Context, job *rdd.Job, cfg engine.Config) (engine.Summary, error)
	// Compile checks a job against its sources and plans it; it reads no rows.
	Compile func(ctx context.Context, job *rdd.Job, cfg engine.Config) (*planner.Plan, error)
	// Survey is Compile that also asks the sources for the splits they have now.
	Survey func(ctx context.Context, job *rdd.Job, cfg engine.Config) (*planner.Plan, []rdd.Split, error)
	// Analyze runs a job, measures its operations and throws the results away.
	Analyze func(ctx context.Context, job *rdd.Job, cfg engine.Config) (engine.Analysis, error)
	// Drive and Execute make this process a node of a cluster, until it is asked to end.
	Drive   func(ctx context.Context, cfg node.DriverConfig) error
	Execute func(ctx context.Context, cfg node.Config) error
	// Dial speaks with a node for those who submit jobs. It connects with the first call.
	Dial func(addr string, s wire.Security) (wire.Driver, io.Closer, error)
}
