package part

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/json"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// Part is what is open of a run. Sources and Sinks are by the ordinals of the plan.
type Part struct {
	Plan    *planner.Plan
	Sources []connectors.Source
	Sinks   []connectors.Sink
	Dead    connectors.Sink // nil: dead letters are counted only
	closers []func() error
}

// Open compiles a job that has travelled and opens what tasks of it need. A job that
// comes to another plan than the driver's is a fault.Invalid, and nothing is opened.
func Open(ctx context.Context, o wire.Opening, kinds connectors.Registry, functions fn.Set, mem memory.Allocator) (p *Part, err error) {
	job, err := Unpack(o, kinds, functions)
	if err != nil {
		return nil, err
	}
	p = &Part{}
	if p.Plan, err = planner.Compile(job, o.Mode); err != nil {
		return nil, err
	}
	if p.Plan.Digest != o.Digest {
		return nil, fault.New(fault.Invalid, "the driver's plan is %s and this node's %s: they are of different versions of the program", o.Digest, p.Plan.Digest)
	}
	if err := seesAlike(p.Plan, o.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
			p = nil
		}
	}()
	if err := p.openSources(ctx, kinds, mem); err != nil {
		return p, err
	}
	return p, p.openSinks(ctx, o, kinds, mem)
}

// Close closes what is open, the last opened first.
func (p *Part) Close() error {
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i]())
	}
	p.closers = nil
	return errors.Join(errs...)
}

func (p *Part) openSources(ctx context.Context, kinds connectors.Registry, mem memory.Allocator) error {
	job := p.Plan.Job
	for _, id := range p.Plan.Reads {
		d := p.Plan.Ops[id].Dataset
		read, _ := d.Op().(rdd.Read)
		src, err := kinds.Source(ctx, d, connectors.Env{Job: job.Name, Labels: job.Labels, Mem: mem, Out: io.Discard,
			Time: TimeColumn(job, d), Schema: read.Schema})
		if err != nil {
			return err
		}
		p.Sources, p.closers = append(p.Sources, src), append(p.closers, src.Close)
	}
	return nil
}

func (p *Part) openSinks(ctx context.Context, o wire.Opening, kinds connectors.Registry, mem memory.Allocator) error {
	job := p.Plan.Job
	if len(o.Published) != 0 && len(o.Published) != len(p.Plan.Writes) {
		return fault.New(fault.Invalid, "the driver speaks of %d sinks, the job has %d", len(o.Published), len(p.Plan.Writes))
	}
	env := connectors.Env{Job: job.Name, Labels: job.Labels, Mem: mem, Out: io.Discard,
		Resume: o.Resume, Run: o.Epoch, Stages: true}
	for i, id := range p.Plan.Writes {
		env.Schemas, env.Desk = p.Plan.Ops[id].Schemas, Desk(o.Desk, i)
		env.Published = len(o.Published) > 0 && o.Published[i]
		sink, err := kinds.Sink(ctx, p.Plan.Ops[id].Dataset, env)
		if err != nil {
			return err
		}
		p.Sinks, p.closers = append(p.Sinks, sink), append(p.closers, sink.Close)
	}
	env.Desk, env.Published = Desk(o.Desk, len(p.Plan.Writes)), o.DeadPublished
	dead, err := Letters(ctx, job, o.DeadLetters, kinds, env)
	if dead != nil {
		p.Dead, p.closers = dead, append(p.closers, dead.Close)
	}
	return err
}

// Desk names what the sinks of one write have staged, of all the sinks of a run.
func Desk(run string, sink int) string { return fmt.Sprintf("%s-%d", run, sink) }

// Letters opens what takes the dead letters of a job: JSON lines in a directory if
// one is given, else the job's own sink or, where it has none, nothing. Of env what
// the letters are made of is filled in.
func Letters(ctx context.Context, job *rdd.Job, dir string, kinds connectors.Registry, env connectors.Env) (connectors.Sink, error) {
	env.Labels, env.Schemas = []string{executor.LetterLabel}, map[int]*arrow.Schema{0: executor.LetterSchema()}
	switch d := job.Dead; {
	case dir != "":
		return lettersIn(ctx, dir, env)
	case d.Connector == "":
		return nil, nil //nolint:nilnil // There is no sink, and nothing is wrong.
	default:
		return kinds.Sink(ctx, rdd.Extend(rdd.Write{Connector: d.Connector, Options: d.Options}, d.At, d.Marks), env)
	}
}

func lettersIn(ctx context.Context, dir string, env connectors.Env) (connectors.Sink, error) {
	kind := json.Kind()
	o, err := kind.Check(connectors.Writing, rdd.Options{"path": dir, "mode": "append"})
	if err != nil {
		return nil, fault.New(fault.Invalid, "dead letters: %w", err)
	}
	sink, err := kind.Sink(ctx, o, env)
	if err != nil {
		return nil, fault.New(fault.Invalid, "dead letters: %w", err)
	}
	return sink, nil
}

// TimeColumn is the column of a source that holds the event time of its rows, if
// it is a plain column, so that the source can tell its range without reading rows.
func TimeColumn(job *rdd.Job, read *rdd.Dataset) string {
	for _, d := range job.Datasets() {
		if _, ok := d.Op().(rdd.Tag); !ok || len(d.Parents()) != 1 || d.Parents()[0] != read {
			continue
		}
		src, err := planner.EventTime(job, d)
		if err != nil {
			return "" // the compiler reports it
		}
		if c, err := expr.Parse(src); err == nil {
			if c, ok := c.(*expr.Column); ok {
				return c.Name
			}
		}
	}
	return ""
}
