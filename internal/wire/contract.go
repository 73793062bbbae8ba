package wire

import (
	"context"

	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// RunID names one taking-up of one job by one driver, everywhere in a cluster:
// "job/epoch". Executors keep plans, blocks and state of each apart.
type RunID string

// Opening is everything that an executor needs to take part in a run. It compiles
// the job itself and refuses the run if the digest is not the driver's.
type Opening struct {
	Run     RunID        `json:"run"`
	Node    string       `json:"node"` // the name that the driver knows the executor by: Block.Node and Receipt.Node
	Mode    planner.Mode `json:"mode"`
	Digest  string       `json:"digest"`
	Job     []byte       `json:"job"`              // as a job file; what stands in ${ENV} is looked up by each node
	Schemas [][]byte     `json:"schemas"`          // of the sources, in the order of the plan's reads, as Arrow IPC streams without rows
	Places  []byte       `json:"places,omitempty"` // where the author wrote what is in Job, for messages
	Dir     string       `json:"dir,omitempty"`    // where the driver looks for paths that are relative
	// Resume, Epoch and Published are what connectors.Env says of a run that is taken
	// up: Epoch is that of its first driver, Published is by sink, and of the dead letters.
	Resume        bool   `json:"resume,omitempty"`
	Epoch         int64  `json:"epoch"`
	Published     []bool `json:"published,omitempty"`
	DeadPublished bool   `json:"dead_published,omitempty"`
	DeadLetters   string `json:"dead_letters,omitempty"` // directory, if the job does not say
	Desk          string `json:"desk,omitempty"`         // where the driver's sinks have their parts staged: connectors.Env.Desk
	States        string `json:"states,omitempty"`       // directory of checkpoints, which all nodes share
	// Peers is where the blocks of the other executors can be fetched: name to host:port.
	Peers map[string]string `json:"peers,omitempty"`
}

// StateOrder asks an executor to make one part's state durable, or to replace all its
// state of a run, or to add to it.
type StateOrder struct {
	Save    *work.State  `json:"save,omitempty"`
	Restore []work.State `json:"restore,omitempty"` // with All: replaces all state; else parts that are added
	All     bool         `json:"all,omitempty"`
}

// Executor is what an executor does for drivers. Faults keep their kind across the
// wire; a node that cannot be reached is fault.Retry.
type Executor interface {
	// Open begins to take part in a run, or tells what it needs to know anew: it may be
	// called again with other Peers. Runs of the same job with a lower epoch are closed.
	Open(ctx context.Context, o Opening) error
	// Run runs a task. When ctx ends, it is given up.
	Run(ctx context.Context, run RunID, t work.Task) (work.Receipt, error)
	// State carries out an order; for Save it returns where the state lies.
	State(ctx context.Context, run RunID, o StateOrder) (work.State, error)
	// Release says that nobody will read the blocks of a batch again.
	Release(ctx context.Context, run RunID, batch rdd.BatchID) error
	// Close ends the part in a run: what it holds of it goes.
	Close(ctx context.Context, run RunID) error
}

// Together is what an Executor in another process does besides: several tasks for one
// call. What there takes longest with small tasks is the call.
type Together interface {
	// RunTogether runs tasks, one behind the other, and tells of each, in their order, what
	// came of it, before one of another stage or batch begins. An error is that of the
	// call, for all of which nothing was told.
	RunTogether(ctx context.Context, run RunID, tasks []work.Task, tell func(i int, r work.Receipt, err error)) error
}

// Blocks is where an executor's blocks are fetched from, by other executors and, of
// results, by any Flight client.
type Blocks interface {
	// Block returns the frames of a block; the caller releases them. One that is not
	// there is fault.Lost.
	Block(ctx context.Context, run RunID, b rdd.Block) (*rdd.Frames, error)
}

// Several is what Blocks in another process do besides: several blocks for one call.
// What takes longest with small blocks is the call.
type Several interface {
	// Several tells of blocks in their order, of each as soon as it has come: its frames,
	// which are the told one's to release, or why it cannot be had. An error is that of the
	// call, and nothing is known then of the blocks that were not told of.
	Several(ctx context.Context, run RunID, blocks []rdd.Block, tell func(i int, frames *rdd.Frames, err error)) error
}

// Driver is what a driver does for those who submit jobs.
type Driver interface {
	// Submit checks a job and begins to run it. A job that does not compile is
	// fault.Invalid with the author's line; one that runs already is fault.Invalid.
	Submit(ctx context.Context, j submission.Job) (submission.Info, error)
	// Jobs returns the jobs that run and the last ones that have ended.
	Jobs(ctx context.Context) ([]submission.Info, error)
	// Stop ends a job: in order, behind the batches in flight, if drain is set.
	Stop(ctx context.Context, id string, drain bool) error
	// Watch tells of a job until it has ended or ctx ends: an Info after each batch and
	// when its state changes, and its log lines from line from on: 0, or as Info.Lines says.
	Watch(ctx context.Context, id string, from int64, tell func(submission.Info, []string) error) error
	// Nodes returns the members of the cluster, as JSON objects of submission.Node.
	Nodes(ctx context.Context) ([]byte, error)
}
