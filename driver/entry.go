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
}

// Entry is one line of a ledger: [Started], [Planned] or [Committed].
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
	// Schemas of the sources as they were inferred: name and type of each column.
	Schemas [][][2]string `json:"schemas,omitempty"`
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

func (Started) entry()   {}
func (Planned) entry()   {}
func (Committed) entry() {}
