package rdd

import "time"

// Job is a set of datasets that end in sinks.
type Job struct {
	Name     string
	Labels   []string // label i is bit i of every LabelSet of the job
	Settings Settings
	Sinks    []*Dataset // each ends in Write
	At       Pos
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
	if len(j.Labels) >= MaxLabels {
		return ^LabelSet(0)
	}
	return 1<<uint(len(j.Labels)) - 1
}
