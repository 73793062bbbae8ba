// Package submission has the nouns of those who submit jobs: what they send, and what
// they are told of it.
package submission

import (
	"time"

	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/planner"
)

// Job is a job that somebody wants to run.
type Job struct {
	Name    string            `json:"name"`              // of a job that ships with the program, or "" with File
	File    string            `json:"file,omitempty"`    // the name of the job file, for messages
	Source  []byte            `json:"source,omitempty"`  // its text
	Vars    map[string]string `json:"vars,omitempty"`    // --set
	Mode    planner.Mode      `json:"mode,omitempty"`    // "" is the I-DAG plan
	Restart bool              `json:"restart,omitempty"` // give up an unfinished run
	Check   bool              `json:"check,omitempty"`   // only check it
	// Key tells one submission from all others: what is sent again with the same key, because
	// the answer was lost, is submitted once. "": every one is another.
	Key string `json:"key,omitempty"`
	// Schedule names the datasets to be written, where these are not all.
	Schedule []string `json:"schedule,omitempty"`
	// Trust is for the reads that say nothing: done, none or "".
	Trust    string   `json:"trust,omitempty"`
	Settings Settings `json:"settings,omitzero"`
	// DeadLetters is a directory for dead letters, if the job does not say; "": they are
	// counted only. All nodes share it.
	DeadLetters string `json:"dead_letters,omitempty"`
}

// Settings are in place of those of the job; what is zero, or nil, is as in the job.
type Settings struct {
	BatchRows  int64          `json:"batch_rows,omitempty"`
	BatchBytes int64          `json:"batch_bytes,omitempty"`
	Memory     int64          `json:"memory,omitempty"` // bytes
	InFlight   int64          `json:"in_flight,omitempty"`
	KeyGroups  int64          `json:"key_groups,omitempty"`
	FrameRows  int64          `json:"frame_rows,omitempty"`
	Lateness   *time.Duration `json:"lateness,omitempty"`
	BatchWait  *time.Duration `json:"batch_wait,omitempty"`
}

// Node is a node of a cluster as its driver sees it.
type Node struct {
	gossip.Member
	// Unusable says why the driver cannot use an executor, for all jobs or for some; "": as
	// far as is known it can.
	Unusable string `json:"unusable,omitempty"`
}

// State is how far a submitted job is.
type State string

// The states of submitted jobs.
const (
	Waiting  State = "waiting" // for executors
	Running  State = "running"
	Stopping State = "stopping"
	Stopped  State = "stopped" // in order: it can be taken up again
	Finished State = "finished"
	Failed   State = "failed"
	// Unreadable is a job whose record a driver cannot read: nothing of it runs. Submitted
	// again, it goes on by its ledger.
	Unreadable State = "unreadable"
)

// Info is what is known of a submitted job.
type Info struct {
	ID       string `json:"id"` // the job's name
	State    State  `json:"state"`
	Batch    int64  `json:"batch"`
	RowsIn   int64  `json:"rows_in"`
	RowsOut  int64  `json:"rows_out"`
	Began    int64  `json:"began"` // microseconds since the epoch
	Ended    int64  `json:"ended,omitempty"`
	Waits    string `json:"waits,omitempty"` // of a waiting job: what for, for people
	Error    string `json:"error,omitempty"`
	Invalid  bool   `json:"invalid,omitempty"` // the error is a mistake of the job's author
	Summary  []byte `json:"summary,omitempty"` // of a finished run, as JSON: see the summary of idag run
	Progress []byte `json:"progress,omitempty"`
	// Seq numbers what is told of a job, and Lines is the number behind its last line:
	// whoever watches again, also at another driver, watches from there and skips what has no
	// higher Seq. Both only grow; 0: nothing is said of it.
	Seq   int64 `json:"seq,omitempty"`
	Lines int64 `json:"lines,omitempty"`
}
