package rdd

import (
	"strconv"
	"strings"
	"time"

	"github.com/idag/idag/rdd/fn"
)

// Job is a set of datasets that end in sinks.
type Job struct {
	Name     string
	Labels   []string // label i is bit i of every LabelSet of the job
	Settings Settings
	Sinks    []*Dataset // each ends in Write
	// Schedule names the sinks that are wanted now, by the names of their datasets;
	// empty: all. What only the others need is left out.
	Schedule []string
	// Functions are what the names in Apply, and of aggregates that do not ship, stand
	// for. A job file has none: whoever runs its job gives them.
	Functions fn.Set
	Dead      DeadLetters
	At        Pos
}

// DeadLetters says what becomes of the rows of a job that cannot be processed,
// and how many of them the job puts up with. It does not decide any row.
type DeadLetters struct {
	// Connector and Options of the sink that takes them, as of a Write. Without
	// a connector they go where the program that runs the job keeps them.
	Connector string
	Options   Options
	// MaxShare, from 0 to 1, of the rows read and MaxRows stop the job when there are
	// more; the first that is exceeded counts, and 0 bounds nothing.
	MaxShare float64
	MaxRows  int64
	// At and Marks are where it stands in the job file, for errors.
	At    Pos
	Marks Marks
}

// Exceeded reports whether dead letters of so many rows in are too many.
func (d DeadLetters) Exceeded(dead, rows int64) bool {
	return d.MaxRows > 0 && dead > d.MaxRows || d.MaxShare > 0 && float64(dead) > d.MaxShare*float64(rows)
}

// Limit spells how many there may be as a job file does: 1%, 1000, or both.
func (d DeadLetters) Limit() string {
	var parts []string
	if d.MaxShare > 0 {
		parts = append(parts, strconv.FormatFloat(d.MaxShare*100, 'g', 12, 64)+"%")
	}
	if d.MaxRows > 0 {
		parts = append(parts, strconv.FormatInt(d.MaxRows, 10))
	}
	return strings.Join(parts, ", ")
}

// Settings are what a job fixes for its whole life. Zero fields take the
// defaults that WithDefaults fills in.
type Settings struct {
	BatchRows  int64         // a micro-batch's size in rows; a wish, splits are whole
	BatchBytes int64         // the same in bytes of the source, 0 for no bound
	InFlight   int           // micro-batches under way at once
	Lateness   time.Duration // how long after its end a window waits for late rows
	KeyGroups  int           // partitions of every shuffle
	FrameRows  int           // rows of one frame at the most
	Memory     int64         // bytes of rows that wait for a join, in each executor; others wait on disk
	// CheckpointEvery is how long after a checkpoint the next one is made at the
	// earliest. It may change from one driver of a run to the next.
	CheckpointEvery time.Duration
	// BatchWait is how long a batch waits at most for a source that has less than
	// the batch's size; 0 means not at all.
	BatchWait time.Duration
}

// WithDefaults returns s with its zero fields set.
func (s Settings) WithDefaults() Settings {
	set := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	if s.BatchRows == 0 {
		s.BatchRows = 1 << 20
	}
	set(&s.InFlight, 3)
	set(&s.KeyGroups, 8)
	set(&s.FrameRows, 16<<10)
	if s.Memory == 0 {
		s.Memory = 256 << 20
	}
	if s.CheckpointEvery == 0 {
		s.CheckpointEvery = 10 * time.Second
	}
	return s
}

// NewJob names a set of sinks. Label i of labels is bit i of the label sets in
// their operations.
func NewJob(name string, labels []string, sinks ...*Dataset) *Job {
	return &Job{Name: name, Labels: labels, Sinks: sinks, At: caller()}
}

// With returns the job with other settings.
func (j *Job) With(s Settings) *Job {
	c := *j
	c.Settings = s
	return &c
}

// Using returns the job with functions besides those of its own, which go first.
func (j *Job) Using(functions fn.Set) *Job {
	c := *j
	c.Functions = functions.With(j.Functions.Items()...)
	return &c
}

// Trusting returns the job with an answer for the reads that give none, of the connectors for
// which listed holds: see Read.Trust.
func (j *Job) Trusting(trust string, listed func(connector string) bool) *Job {
	made := map[*Dataset]*Dataset{nil: nil}
	for _, d := range j.Datasets() {
		parents := make([]*Dataset, 0, len(d.parents))
		for _, p := range d.parents {
			parents = append(parents, made[p])
		}
		op := d.op
		if read, ok := op.(Read); ok && read.Trust == "" && listed(read.Connector) {
			read.Trust = trust
			op = read
		}
		made[d] = d.With(op, parents...)
	}
	c := *j
	c.Sinks = nil
	for _, s := range j.Sinks {
		c.Sinks = append(c.Sinks, made[s])
	}
	return &c
}

// Datasets returns every dataset of the job once, parents before children, in
// the order in which the sinks reach them.
func (j *Job) Datasets() []*Dataset {
	var out []*Dataset
	seen := map[*Dataset]bool{}
	var walk func(*Dataset)
	walk = func(d *Dataset) {
		if d == nil || seen[d] {
			return
		}
		seen[d] = true
		for _, p := range d.parents {
			walk(p)
		}
		out = append(out, d)
	}
	for _, s := range j.Sinks {
		walk(s)
	}
	return out
}

// All returns the set of all labels of the job.
func (j *Job) All() LabelSet {
	if len(j.Labels) >= maxLabels {
		return ^LabelSet(0)
	}
	return 1<<uint(len(j.Labels)) - 1
}
