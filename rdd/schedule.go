package rdd

import "slices"

// Wanted returns the job with another schedule: only the sinks with these names
// are written, and what only the others need is left out. The rows of those that are
// written are the same as without a schedule. Without names all sinks are wanted.
func (j *Job) Wanted(names ...string) *Job {
	c := *j
	c.Schedule = names
	return &c
}

// Scheduled reports whether a sink of the job is to be written now.
func (j *Job) Scheduled(sink *Dataset) bool {
	return len(j.Schedule) == 0 || slices.Contains(j.Schedule, sink.Output())
}

// Outputs returns the names that a schedule may have, in the order of the sinks:
// a sink goes by its own name or, if it has none, by that of the dataset it
// writes. Sinks without either cannot be scheduled apart.
func (j *Job) Outputs() []string {
	var out []string
	for _, s := range j.Sinks {
		if name := s.Output(); name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// Output is the name that a sink goes by, or "".
func (d *Dataset) Output() string {
	if d == nil {
		return ""
	}
	if d.name == "" && len(d.parents) == 1 && d.parents[0] != nil {
		return d.parents[0].name
	}
	return d.name
}
