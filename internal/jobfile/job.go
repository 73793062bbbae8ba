package jobfile

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/idag/idag/rdd"
)

// dataset is one entry of datasets while it is being built.
type dataset struct {
	name  string
	at    rdd.Pos
	steps []step

	state state
	last  *rdd.Dataset // nil where it could not be built
	sinks []*rdd.Dataset
	as    rdd.LabelSet // of the last reduce or join
}

// state of a dataset in the walk over its parents.
type state uint8

const (
	untouched state = iota
	underway
	built
)

// step is one entry of a dataset's list: an operation's name and arguments. A
// step without a name made no sense, and has been reported.
type step struct {
	name string
	at   rdd.Pos
	args *node
}

// job builds the job of a file; what is wrong with it is in p.errs afterwards.
func (p *parser) job(root *node) *rdd.Job {
	if !p.keys(root, "a job file", "job", "doc", "labels", "vars", "settings", "deadletter", "schedule", "datasets") {
		return nil
	}
	job := &rdd.Job{At: root.at}
	name := root.get("job")
	if name == nil {
		p.fail(root.at, `expected "job: NAME"`)
	}
	job.Name = p.str(name, "the name of the job")
	p.str(root.get("doc"), "a line that says what the job is for")
	job.Settings = p.settings(root.get("settings"))
	job.Dead = p.dead(root.get("deadletter"))
	p.declared(root.get("labels"))
	sets := root.get("datasets")
	if sets == nil {
		p.fail(root.at, `expected "datasets:"`)
		return nil
	}
	order := p.collect(sets)
	p.results(order)
	job.Labels = p.labels
	for _, d := range order {
		if d.state == untouched { // else others were made from it
			p.build(d)
		}
	}
	for _, d := range order {
		job.Sinks = append(job.Sinks, d.sinks...)
	}
	job.Schedule = p.schedule(root.get("schedule"), order)
	if len(job.Sinks) == 0 && p.errs == nil {
		p.fail(sets.at, `nothing is written; expected a step such as "write: {parquet: out/NAME}"`)
	}
	return job
}

// schedule reads the names of the datasets that are to be written now.
func (p *parser) schedule(n *node, order []*dataset) []string {
	var written []string
	for _, d := range order {
		if slices.ContainsFunc(d.steps, func(s step) bool { return s.name == "write" }) {
			written = append(written, d.name)
		}
	}
	marks := rdd.Marks{}
	names := p.strs(n, "the name of a dataset that is written, or a list of such names", marks, "schedule")
	if n == nil || len(names) < max(1, len(n.items)) {
		return names // an empty name has been reported
	}
	for i, name := range names {
		at := marks["schedule."+strconv.Itoa(i)]
		hint := nearest(name, written)
		if hint == "" && len(written) > 0 {
			hint = "; expected " + strings.Join(written, ", ")
		}
		switch {
		case slices.Contains(names[:i], name):
			p.fail(at, "the dataset %q is scheduled twice", name)
		case slices.Contains(written, name):
		case p.datasets[name] == nil:
			p.fail(at, "schedule: unknown dataset %q%s", name, hint)
		default:
			p.fail(at, "schedule: the dataset %q has no write%s", name, hint)
		}
	}
	return names
}

func (p *parser) settings(n *node) rdd.Settings {
	if n == nil || !p.keys(n, "settings", "batch_rows", "batch_bytes", "in_flight", "lateness", "key_groups", "frame_rows", "memory", "checkpoint_every", "batch_wait") {
		return rdd.Settings{}
	}
	return rdd.Settings{
		BatchRows:  p.count(n.get("batch_rows"), math.MaxInt64),
		BatchBytes: p.size(n.get("batch_bytes")),
		InFlight:   int(p.count(n.get("in_flight"), 1000)),
		Lateness:   p.duration(n.get("lateness")),
		KeyGroups:  int(p.count(n.get("key_groups"), 1<<15)),
		FrameRows:  int(p.count(n.get("frame_rows"), 1<<20)),
		Memory:     p.size(n.get("memory")),

		CheckpointEvery: p.duration(n.get("checkpoint_every")),
		BatchWait:       p.duration(n.get("batch_wait")),
	}
}

// declared reads the labels of the file; without any they are the I-DAG
// paper's.
func (p *parser) declared(n *node) {
	if n == nil {
		p.labels = []string{"error", "backup", "information"}
		return
	}
	if n.form != list || len(n.items) == 0 {
		p.fail(n.at, "expected a list of labels, such as [error, backup, information]")
		return
	}
	for _, item := range n.items {
		p.declare(p.str(item, "a label"), item.at)
	}
}

// declare adds a label.
func (p *parser) declare(label string, at rdd.Pos) {
	switch {
	case label == "":
		return
	case label == all:
		p.fail(at, `no label can be called "all", which means every label`)
	case slices.Contains(p.labels, label):
		p.fail(at, "the label %q is declared twice", label)
	case len(p.labels) == rdd.LabelSet(0).Most():
		p.fail(at, "a job has %d labels at the most; %q is one too many", rdd.LabelSet(0).Most(), label)
	default:
		p.labels = append(p.labels, label)
	}
}

// results declares the labels of the results of steps that are not declared
// yet, in the order of the file.
func (p *parser) results(order []*dataset) {
	for _, d := range order {
		for _, s := range d.steps {
			label, at := d.name, s.at
			switch s.name {
			case "reduce", "join":
			case "distinct", "sort", "limit", "sample": // without "as" rows keep their label
				label = ""
			default:
				continue
			}
			if as := s.args.get("as"); as != nil {
				label, at = as.text, as.at
			}
			if label != "" && !slices.Contains(p.labels, label) {
				p.declare(label, at)
			}
		}
	}
}

// collect reads the datasets as lists of steps.
func (p *parser) collect(n *node) []*dataset {
	if n.form != mapping || len(n.pairs) == 0 {
		p.fail(n.at, "expected datasets by name, each a list of steps")
		return nil
	}
	p.datasets = map[string]*dataset{}
	var order []*dataset
	for _, q := range n.pairs {
		d := &dataset{name: q.key, at: q.at}
		if q.key == "" || p.datasets[q.key] != nil {
			p.fail(q.at, "expected a name of its own for every dataset, got %q", q.key)
			continue
		}
		if q.value.form != list || len(q.value.items) == 0 {
			p.fail(q.value.at, `the dataset %q: expected a list of steps, the first "read", "from" or "union"`, q.key)
		}
		for _, item := range q.value.items {
			d.steps = append(d.steps, p.step(item))
		}
		p.datasets[q.key] = d
		order = append(order, d)
	}
	return order
}

func stepNames() []string {
	return []string{"read", "from", "union", "tag", "map", "filter", "flatmap", "apply", "broadcast", "window", "shuffle", "reduce", "join", "distinct", "sort", "limit", "sample", "cache", "write"}
}

// step reads one entry of a dataset; the name of one that makes no sense is "".
func (p *parser) step(n *node) step {
	if n.form != mapping || len(n.pairs) == 0 {
		p.fail(n.at, "expected a step: one of %s, with its arguments", strings.Join(stepNames(), ", "))
		return step{}
	}
	q := n.pairs[0]
	if !slices.Contains(stepNames(), q.key) {
		hint := nearest(q.key, stepNames())
		if hint == "" {
			hint = "; expected " + strings.Join(stepNames(), ", ")
		}
		p.fail(q.at, "unknown step %q%s", q.key, hint)
		return step{}
	}
	if len(n.pairs) > 1 {
		other := n.pairs[1]
		p.fail(other.at, "a step is one operation: %q belongs inside %q, or needs a dash of its own", other.key, q.key)
	}
	return step{name: q.key, at: q.at, args: q.value}
}

// build makes the rdd datasets of d, those it is made from first.
func (p *parser) build(d *dataset) {
	d.state = underway
	defer func() { d.state = built }()
	last := -1 // the step that gets the dataset's name
	for i, s := range d.steps {
		if s.name != "" && s.name != "write" && s.name != "from" {
			last = i
		}
	}
	for i, s := range d.steps {
		if s.name == "" {
			continue
		}
		starts := s.name == "read" || s.name == "from" || s.name == "union"
		switch {
		case i == 0 && !starts:
			p.fail(s.at, `a dataset starts with "read", "from" or "union", not with %q`, s.name)
		case i > 0 && starts:
			p.fail(s.at, "%q can only be the first step of a dataset", s.name)
			continue
		}
		switch s.name {
		case "from":
			d.last = p.source(s.args)
		case "write":
			d.sinks = append(d.sinks, p.write(d, s))
		default:
			d.last = p.operation(d, s)
		}
		if i == last {
			d.last = d.last.Named(d.name)
		}
	}
}

// source returns the dataset that n names, built.
func (p *parser) source(n *node) *rdd.Dataset {
	name := p.str(n, "the name of a dataset")
	if name == "" {
		return nil
	}
	from := p.datasets[name]
	if from == nil {
		names := make([]string, 0, len(p.datasets))
		for k := range p.datasets {
			names = append(names, k)
		}
		slices.Sort(names)
		p.fail(n.at, "unknown dataset %q%s", name, nearest(name, names))
		return nil
	}
	switch from.state {
	case underway:
		p.fail(n.at, "the dataset %q is made from itself", name)
		return nil
	case untouched:
		p.build(from)
	case built:
	}
	return from.last
}
