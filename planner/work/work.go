// Package work holds what a driver and its executors exchange: the work order of
// one task, its one answer, and the counts that the answer carries. They are plain
// values: they print, compare and serialise.
package work

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/idag/idag/planner/locator"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// NoTime is the watermark before any event has been seen.
const NoTime = math.MinInt64

// Task is a whole work order: one partition of one stage in one batch. With
// the plan it names, it says everything its executor needs to know; running it
// twice gives the same receipt.
type Task struct {
	Job     string      `json:"job"`
	Plan    string      `json:"plan"` // digest
	Batch   rdd.BatchID `json:"batch"`
	Stage   int         `json:"stage"`
	Index   int         `json:"index"` // ordinal among the stage's tasks; where the stage merges, which part of the key groups it has
	Attempt int         `json:"attempt"`

	Splits []rdd.Split `json:"splits,omitempty"` // of a stage that reads
	Blocks []rdd.Block `json:"blocks,omitempty"` // of a stage that merges: every block of its key groups

	// Quiet tasks are of a batch that is committed already: they make its state
	// anew, and stage nothing.
	Quiet bool `json:"quiet,omitempty"`
	// Freeze asks a task of a stateful stage to keep its state as it is at the end
	// of this batch, until it is saved.
	Freeze bool `json:"freeze,omitempty"`
	// Results are the last rows of the sinks that Stage.Results names, by their ordinals, as
	// Arrow IPC streams; sinks without one are not there.
	Results map[int][]byte `json:"results,omitempty"`
	// Released are batches of which nobody will read a block again: what the executor has
	// of them may go.
	Released []rdd.BatchID `json:"released,omitempty"`
	// Measure asks for the time and the bytes of each operation: Tally.Ops.
	Measure bool `json:"measure,omitempty"`

	Marks
}

// Marks are what the planned entry of a batch fixes, so that every plan, retry
// and replay decides alike.
type Marks struct {
	// Closed is the watermark at the end of the batch before: a window whose
	// end plus lateness is not after it has left, and rows of it are late.
	Closed int64 `json:"closed"`
	// Watermark at the end of this batch, in microseconds since the epoch:
	// windows whose end plus lateness is not after it leave. NoTime at first.
	Watermark int64 `json:"watermark"`
	// Final says that the input ends with this batch: every window leaves.
	Final bool `json:"final,omitempty"`
	// Now is the batch's logged time, in microseconds since the epoch.
	Now int64 `json:"now"`
}

// Receipt is a task's one answer.
type Receipt struct {
	Batch   rdd.BatchID `json:"batch"`
	Stage   int         `json:"stage"`
	Index   int         `json:"index"`
	Attempt int         `json:"attempt"`
	Node    string      `json:"node"`

	Blocks []rdd.Block  `json:"blocks,omitempty"` // made for later stages
	Staged []rdd.Staged `json:"staged,omitempty"` // parts for sinks; Sink == DeadLetters for dead letters
	Times  []PartTime   `json:"times,omitempty"`  // the largest event time seen, per source partition
	// Next is, of the groups by windows that the task keeps where the plan has Results, the
	// watermark at which the next one leaves, or an earlier one; nil where it keeps none.
	Next  *int64 `json:"next,omitempty"`
	Tally Tally  `json:"tally"`
	Wall  time.Duration
}

// DeadLetters is the ordinal of the sink that takes dead letters.
const DeadLetters = -1

// PartTime is the largest event time of one source partition in a task, in
// microseconds since the epoch, and the smallest where the plan has Results: else Min
// may be as large as Max.
type PartTime struct {
	Source    int   `json:"source"`
	Partition int32 `json:"partition"`
	Min       int64 `json:"min"`
	Max       int64 `json:"max"`
}

// Tally counts the rows of a task, a batch or a run. Tallies add up.
type Tally struct {
	RowsIn      int64 `json:"rows_in"`           // rows of the splits: tagged + pruned + dead-lettered at entry
	Tagged      int64 `json:"tagged"`            // rows that got a label
	Pruned      int64 `json:"pruned"`            // rows left out by proof before they were decoded
	Unbound     int64 `json:"unbound,omitempty"` // rows whose header says what was done to others: they are taken as they are
	RowsOut     int64 `json:"rows_out"`          // rows written to sinks
	DeadLetters int64 `json:"dead_letters"`      // all of them, late rows included
	Late        int64 `json:"late"`              // rows whose window had left
	BytesRead   int64 `json:"bytes_read"`
	RowsMerged  int64 `json:"rows_merged"` // groups that came through a shuffle
	// Checksum of the rows written and of the dead letters, high and low half.
	Checksum [2]uint64 `json:"checksum"`
	// Labelling is how long each of its five steps took, summed over tasks.
	Labelling Steps `json:"labelling"`
	// Ops holds what each operation did, per label.
	Ops map[OpLabel]OpCount `json:"ops,omitempty"`
	// Routes holds what the route of each label came to behind the labelling.
	Routes map[int]locator.Seen `json:"routes,omitempty"`
	// Bypassed holds the rows that passed by an operation, with the reason.
	Bypassed map[physical.Bypass]int64 `json:"bypassed,omitempty"`
	// Dead holds the dead letters by reason and operation.
	Dead map[Death]int64 `json:"dead,omitempty"`
}

// Steps are the times of the five steps of labelling.
type Steps struct {
	Ingest   time.Duration `json:"ingest"`   // reading and decoding
	Queue    time.Duration `json:"queue"`    // from the batch's logged time until its task began
	Tag      time.Duration `json:"tag"`      // finding each row's label and event time
	Hash     time.Duration `json:"hash"`     // of the identity columns, where something reads it
	Dispatch time.Duration `json:"dispatch"` // sending each row down its label's route
}

func (s *Steps) add(o Steps) {
	s.Ingest += o.Ingest
	s.Queue += o.Queue
	s.Tag += o.Tag
	s.Hash += o.Hash
	s.Dispatch += o.Dispatch
}

// OpLabel names an operation (its ordinal in Plan.Ops) and a label.
type OpLabel struct {
	Op, Label int
}

// MarshalText spells the key as "operation/label", for JSON.
func (k OpLabel) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%d/%d", k.Op, k.Label), nil
}

// UnmarshalText reads what MarshalText spells.
func (k *OpLabel) UnmarshalText(text []byte) error {
	_, err := fmt.Sscanf(string(text), "%d/%d", &k.Op, &k.Label)
	return err
}

// OpCount is what an operation did to the rows of one label.
type OpCount struct {
	In     int64         `json:"in"`
	Out    int64         `json:"out"`
	Time   time.Duration `json:"time,omitempty"`   // spent in it, where the task measures
	Bytes  int64         `json:"bytes,omitempty"`  // of the columns that it made, where the task measures
	Nulled int64         `json:"nulled,omitempty"` // results that overflowed, were divided by zero or badly cast, and are null
}

// Death names a reason for a dead letter and the operation it arose in.
type Death struct {
	Op     int
	Reason string
}

// MarshalText spells the key as "operation/reason", for JSON.
func (k Death) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%d/%s", k.Op, k.Reason), nil
}

// UnmarshalText reads what MarshalText spells.
func (k *Death) UnmarshalText(text []byte) error {
	op, reason, _ := strings.Cut(string(text), "/")
	n, err := strconv.Atoi(op)
	k.Op, k.Reason = n, reason
	return err
}

// Reasons for dead letters. The first five are the labelling errors of the
// I-DAG paper.
const (
	ImproperIngest = "improper ingest"    // cannot be parsed
	QueueBound     = "queue out of bound" // a bounded queue was full
	AbnormalTag    = "abnormal tag"       // no rule labels the row, or several do
	InaccurateTag  = "inaccurate tag"     // it brings a hash that is not its own
	PartialRelease = "partial release"    // it brings a tag without sequence or hash
	LateRow        = "late"               // its window has left
	NoEventTime    = "no event time"      // a window cannot be assigned to null
	StrictFailed   = "strict"             // an expression under strict() failed
)

// Add adds o to t.
func (t *Tally) Add(o Tally) {
	t.RowsIn += o.RowsIn
	t.Tagged += o.Tagged
	t.Pruned += o.Pruned
	t.Unbound += o.Unbound
	t.RowsOut += o.RowsOut
	t.DeadLetters += o.DeadLetters
	t.Late += o.Late
	t.BytesRead += o.BytesRead
	t.RowsMerged += o.RowsMerged
	lo := t.Checksum[1] + o.Checksum[1]
	carry := uint64(0)
	if lo < t.Checksum[1] {
		carry = 1
	}
	t.Checksum = [2]uint64{t.Checksum[0] + o.Checksum[0] + carry, lo}
	t.Labelling.add(o.Labelling)
	for k, v := range o.Ops {
		if t.Ops == nil {
			t.Ops = map[OpLabel]OpCount{}
		}
		c := t.Ops[k]
		t.Ops[k] = OpCount{In: c.In + v.In, Out: c.Out + v.Out, Time: c.Time + v.Time, Bytes: c.Bytes + v.Bytes, Nulled: c.Nulled + v.Nulled}
	}
	for k, v := range o.Routes {
		if t.Routes == nil {
			t.Routes = map[int]locator.Seen{}
		}
		c := t.Routes[k]
		c.Add(v)
		t.Routes[k] = c
	}
	for k, v := range o.Bypassed {
		if t.Bypassed == nil {
			t.Bypassed = map[physical.Bypass]int64{}
		}
		t.Bypassed[k] += v
	}
	for k, v := range o.Dead {
		if t.Dead == nil {
			t.Dead = map[Death]int64{}
		}
		t.Dead[k] += v
	}
}
