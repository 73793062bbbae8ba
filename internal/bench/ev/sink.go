package ev

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/tap"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/jobs/ev"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/state"
	"github.com/idag/idag/rdd"
)

// server is the output in which the job keeps the server's last state.
const server = "server"

// sinkName is the connector that the runs write to: rows are looked at and forgotten.
const sinkName = "told"

// nothing is a sink that keeps nothing.
type nothing struct{}

func (nothing) Stage(ctx context.Context, _ rdd.Block, in rdd.Stream) (out rdd.Staged, err error) {
	for f, err := range in {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return out, err
		}
		if f.Batch != nil {
			out.Rows += f.Batch.NumRows()
		}
	}
	return out, nil
}

func (nothing) Publish(context.Context, rdd.Commit, []rdd.Staged) error { return nil }
func (nothing) Close() error                                            { return nil }

// watching is the connectors of a run of the job, with sinks whose rows are told: those
// of its outputs, by the last part of their path, and the server's states. Tell is called
// by one goroutine at a time.
func (l *lab) watching(tell func(output string, rows []tap.Row)) connectors.Registry {
	var mu sync.Mutex
	one := tell
	tell = func(output string, rows []tap.Row) {
		mu.Lock()
		defer mu.Unlock()
		one(output, rows)
	}
	told := connectors.Kind{Name: sinkName, Fields: []connectors.Field{{Name: "path", Type: connectors.String, Required: true, Main: true}},
		Sink: func(_ context.Context, o rdd.Options, _ connectors.Env) (connectors.Sink, error) {
			path, _ := o["path"].(string)
			return tap.New(nothing{}, math.MaxInt32, func(rows []tap.Row) { tell(lastPart(path), rows) }), nil
		}}
	kinds := l.Kinds.With(told)
	newest, err := l.Kinds.Lookup("broadcast")
	if err != nil {
		return kinds
	}
	open := newest.Sink
	newest.Sink = func(ctx context.Context, o rdd.Options, env connectors.Env) (connectors.Sink, error) {
		s, err := open(ctx, o, env)
		if err != nil {
			return nil, err
		}
		return tap.New(s, math.MaxInt32, func(rows []tap.Row) { tell(server, rows) }), nil
	}
	return kinds.With(newest)
}

func lastPart(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

// heldOut returns the rows that models of a seed are scored on: those of the last days
// of other cars, by the same expressions as the job's own. They are made once.
func (l *lab) heldOut(ctx context.Context, v Vars, seed int64) (map[string]learn.Rows, error) {
	key := fmt.Sprint(seed, v["drift"], v["label"])
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*heldOut{}
	}
	h := l.held[key]
	if h == nil {
		h = &heldOut{}
		l.held[key] = h
	}
	l.mu.Unlock()
	h.once.Do(func() { h.rows, h.err = l.hold(ctx, v, seed) })
	return h.rows, h.err
}

// otherSeeds is the distance from a seed to that of the cars that it is scored on.
const otherSeeds = 1_000_000

func (l *lab) hold(ctx context.Context, v Vars, seed int64) (map[string]learn.Rows, error) {
	job, err := ev.Job(l.set.base().with(Vars{"drift": v["drift"], "label": v["label"], "seed": fmt.Sprint(seed + otherSeeds),
		"cars": fmt.Sprint(l.set.TestCars), "sink": sinkName, "out": "out"}))
	if err != nil {
		return nil, err
	}
	gather := gathering(job)
	if gather == nil {
		return nil, fault.New(fault.Bug, "the job ev gathers no rows by node and window")
	}
	reduce, _ := gather.Op().(rdd.Reduce)
	alone := rdd.NewJob("held-out", job.Labels, gather.Write(rdd.Write{From: reduce.As, Connector: sinkName,
		Options: rdd.Options{"path": Nodes}, Columns: []string{"node", rdd.WindowStart, "rows"}})).With(settings())
	alone.Functions, alone.Dead = job.Functions, job.Dead
	byDay := map[int64]map[string][]byte{}
	err = l.Run(ctx, alone, l.watching(func(_ string, rows []tap.Row) {
		for _, r := range rows {
			day := moment(r[rdd.WindowStart]).Unix() / 86400
			if byDay[day] == nil {
				byDay[day] = map[string][]byte{}
			}
			b, _ := r["rows"].([]byte)
			byDay[day][text(r["node"])] = b
		}
	}))
	if err != nil {
		return nil, err
	}
	return lastDays(byDay, l.set.TestDays)
}

// gathering is the dataset of a job that gathers what a node learns from.
func gathering(job *rdd.Job) *rdd.Dataset {
	for _, d := range job.Datasets() {
		if r, ok := d.Op().(rdd.Reduce); ok && slices.Contains(r.By, "node") && slices.ContainsFunc(r.Get, func(a rdd.Assign) bool { return a.Column == "rows" }) {
			return d
		}
	}
	return nil
}

// lastDays decodes the rows of the last days there are.
func lastDays(byDay map[int64]map[string][]byte, days int) (map[string]learn.Rows, error) {
	out := map[string]learn.Rows{}
	var last int64
	for day := range byDay {
		last = max(last, day)
	}
	for day := last - int64(days) + 1; day <= last; day++ {
		for name, b := range byDay[day] {
			rows, err := state.Rows(b, how.Width, learn.Rows{})
			if err != nil {
				return nil, err
			}
			all := out[name]
			out[name] = learn.Rows{Width: how.Width, X: append(all.X, rows.X...), Y: append(all.Y, rows.Y...)}
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Bug, "there are no rows to score models on")
	}
	return out, nil
}
