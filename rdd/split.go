package rdd

import "encoding/json"

// BatchID numbers the micro-batches of a job from 1 without gaps.
type BatchID int64

// Offset is how far a source has been cut: opaque to all but its connector,
// which keeps it small and readable (JSON, a number). Empty is the beginning.
type Offset string

// Size is a wish for how much a cut should hold. Zero fields mean no wish.
type Size struct {
	Rows  int64
	Bytes int64
}

// Split is a replayable slice of a source partition: the same split always
// reads as exactly the same rows.
type Split struct {
	Source    int              `json:"source"`            // the Read, in the order of the plan; set by the driver
	Partition int32            `json:"partition"`         // the source partition's ordinal, stable across runs
	Name      string           `json:"name"`              // for people: a path, a topic
	First     int64            `json:"first"`             // sequence of its first row in the partition
	Rows      int64            `json:"rows"`              // -1 where unknown before reading
	Bytes     int64            `json:"bytes"`             // in the source's own encoding; -1 where unknown
	Times     TimeRange        `json:"times,omitzero"`    // of the event-time column, where the source knows it
	Last      bool             `json:"last,omitempty"`    // nothing of the partition comes after it
	Labels    map[string]int64 `json:"labels,omitempty"`  // about how many rows of each label, by name, where the source can guess: it decides no row
	Done      string           `json:"done,omitempty"`    // last of Header.Done, as far as the source can guess: it decides no row
	Payload   json.RawMessage  `json:"payload,omitempty"` // what the connector needs to find it again
}

// TimeRange is a closed range of event time in microseconds since the epoch.
type TimeRange struct {
	Known bool  `json:"known,omitempty"`
	Min   int64 `json:"min"`
	Max   int64 `json:"max"`
}

// Block names one partition of one stage's output in one batch, and where it lies.
type Block struct {
	Batch     BatchID `json:"batch"`
	Stage     int     `json:"stage"`     // that made it
	Outlet    int     `json:"outlet"`    // of that stage
	Task      int     `json:"task"`      // the task that made it
	Partition int     `json:"partition"` // key group it belongs to
	Node      string  `json:"node"`      // where it lies
	Rows      int64   `json:"rows"`
	Bytes     int64   `json:"bytes"`
}

// Commit identifies one publication: the first for a batch wins, whatever
// parts a second brings; lower epochs are refused.
type Commit struct {
	Job   string  `json:"job"`
	Batch BatchID `json:"batch"`
	Epoch int64   `json:"epoch"`
}

// Staged is a part written where no reader can see it yet.
type Staged struct {
	Sink  int             `json:"sink"` // the Write, in the order of the plan; set by the executor
	Rows  int64           `json:"rows"`
	Bytes int64           `json:"bytes"`
	Part  json.RawMessage `json:"part"` // what the connector needs to publish it
}
