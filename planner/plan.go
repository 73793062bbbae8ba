package planner

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// Mode says which plan Compile makes.
type Mode string

// The modes. The first three are the forms of the linear plan: every operation
// in turn looks at every row. Masked computes for all rows and blends;
// Selection computes for the rows of the operation's labels and scatters;
// Staged is Masked with a stage boundary at every map, as in multi-stage
// MapReduce.
const (
	IDAG      Mode = "idag"
	Masked    Mode = "masked"
	Selection Mode = "selection"
	Staged    Mode = "staged"
)

// Linear reports whether m is a form of the linear plan.
func (m Mode) Linear() bool { return m != IDAG }

// Plan is a job compiled for one mode. It is immutable and may be shared.
type Plan struct {
	Job     *rdd.Job
	Mode    Mode
	Digest  string // of everything that decides the rows: the same on every node
	Ops     []Op   // the job's operations, parents before children
	Reads   []int  // ordinals in Ops of the sources: source i is Ops[Reads[i]]
	Writes  []int  // ordinals in Ops of the sinks that are scheduled: sink i is Ops[Writes[i]]
	Stages  []Stage
	Skipped []physical.Bypass // what the plan leaves out, per label
	Results []Result          // the sinks whose rows the job itself reads
}

// Op is one operation of the job as the plan knows it.
type Op struct {
	ID      int
	Dataset *rdd.Dataset
	Parents []int
	Digest  string // of the operation, its parameters and its parents' digests
	Text    string // one line for people
	// Unscheduled operations are carried out for nobody: no sink that is scheduled
	// stands on them. A source that is unscheduled has no stage.
	Unscheduled bool
	// Schemas after the operation, by label; nil for a label that cannot be here.
	Schemas map[int]*arrow.Schema
}

// Stage is what one task runs between two shuffles: a tree of operators with
// one input and one or more outlets.
type Stage struct {
	ID int
	// Source is the ordinal of the source that the stage reads, or -1.
	Source int
	// Inputs are the outlets that feed a stage that does not read.
	Inputs []Edge
	// Stateful stages merge into state, kept from batch to batch by executors. The
	// key groups are divided into parts, each with a task and an executor of its
	// own. A part runs whenever a block, the watermark or the end of input gives
	// it something to do.
	Stateful bool
	// Narrow stages run once for each task of the stage before, on its blocks:
	// nothing is redistributed. Other stages that merge run in parts of key groups.
	Narrow bool
	// Sinks are the ordinals of the sinks that the stage's outlets stage parts for.
	Sinks []int
	// Results are the ordinals of the sinks whose last rows the tasks of the stage are given.
	Results []int
	// Root of the operator tree.
	Root *physical.Node
}

// Edge is one outlet of one stage, and which input of the stage behind it feeds:
// the right side of a join is input 1, all else input 0.
type Edge struct {
	Stage  int `json:"stage"`
	Outlet int `json:"outlet"`
	Input  int `json:"input,omitempty"`
}
