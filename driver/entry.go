package driver

import (
	"context"
	"iter"
	"time"

	"github.com/idag/idag/internal/eventtime"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// Ledger is the durable story of a job. Implementations are used by one driver
// at a time, which calls Append from one goroutine at a time.
type Ledger interface {
	// Append makes entries durable, all of them with one write, before it
	// returns. After a [fault.Retry] it may be called again with the same.
	Append(ctx context.Context, entries ...Entry) error
	// Replay yields the entries in the order in which they were appended. An
	// error is the last thing yielded, with a nil entry.
	Replay(ctx context.Context) iter.Seq2[Entry, error]
	// Trim may forget what concerns only runs that have ended, and of the one
	// that has not only batches up to below, though no checkpoint of a later batch.
	Trim(ctx context.Context, below rdd.BatchID) error
}

// Entry is one line of a ledger: [Started], [Planned], [Committed], [Checkpointed]
// or [Ended].
//
//sumtype:decl
type Entry interface{ entry() }

// Started says that a driver took up the job. All entries behind it, up to the
// next Started, are of its epoch.
type Started struct {
	Job      string       `json:"job"`
	Plan     string       `json:"plan"` // digest of everything that decides the rows
	Mode     planner.Mode `json:"mode"`
	Epoch    int64        `json:"epoch"`
	Settings rdd.Settings `json:"settings"`
	// Run is the epoch of the run's first driver.
	Run int64 `json:"run"`
	// Parts is how many parts each stateful stage has, for the whole run.
	Parts int `json:"parts"`
	// Ops are the operations of the plan for people, such as "map#3: set net = wh -
	// back", to tell what has changed.
	Ops []string `json:"ops,omitempty"`
	// Schedule names the sinks that are written, where these are not all.
	Schedule []string `json:"schedule,omitempty"`
	// Schemas of the sources as they were inferred: name and type of each column.
	// Arrow is the same as Arrow IPC streams without rows.
	Schemas [][][2]string `json:"schemas,omitempty"`
	Arrow   [][]byte      `json:"arrow,omitempty"`
	At      int64         `json:"at"` // microseconds since the epoch
}

// Planned fixes a batch before it is read: with the plan it says everything
// that decides the batch's rows.
type Planned struct {
	Batch  rdd.BatchID `json:"batch"`
	Splits []rdd.Split `json:"splits,omitempty"`
	// Offsets are where the next batch begins, by source, and Ended says which
	// sources have nothing behind that.
	Offsets []rdd.Offset `json:"offsets"`
	Ended   []bool       `json:"ended"`
	// Idle partitions do not hold the watermark of this batch.
	Idle []eventtime.Part `json:"idle,omitempty"`
	work.Marks
}

// Committed says that a batch is published in all sinks.
type Committed struct {
	Batch rdd.BatchID   `json:"batch"`
	Wall  time.Duration `json:"wall"` // from its planned entry, in nanoseconds
	Tally work.Tally    `json:"tally"`
}

// Checkpointed says that the state of all parts is durable as it was at the end of
// a committed batch. With it a run goes on behind that batch without anything that
// came before.
type Checkpointed struct {
	Planned // the batch, without its splits
	// Clock is what was known of event time when the batch was planned, and Seen
	// what batches up to it had to say that the clock had not seen.
	Clock *eventtime.Tracker `json:"clock"`
	Seen  []Observation      `json:"seen,omitempty"`
	Known *known             `json:"known,omitempty"` // where the job reads rows of its own
	Parts []work.State       `json:"parts,omitempty"` // by stage and index
	// Beside is the batch of the checkpoint that is kept besides this one, or 0.
	Beside rdd.BatchID `json:"beside,omitempty"`
	Rows   int64       `json:"rows"`  // planned up to this batch
	Tally  work.Tally  `json:"tally"` // of all batches up to this one
	Run    Started     `json:"run"`   // of the driver that made it
}

// Ended says that the run is over: what follows is another. A run that came to
// the end of its input has Batches, one that was given up has none.
type Ended struct {
	Batches int64 `json:"batches,omitempty"`
	At      int64 `json:"at"` // microseconds since the epoch
}

func (Started) entry()      {}
func (Planned) entry()      {}
func (Committed) entry()    {}
func (Checkpointed) entry() {}
func (Ended) entry()        {}
