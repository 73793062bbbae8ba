package executor

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// scan reads the task's splits, labels every row and sends it down the route of
// its label.
func (r *run) scan(ctx context.Context, act physical.Scan, root *physical.Node, routes []*step) error {
	d := newDispatcher(r, act, root, routes)
	r.tally.Labelling.Queue += max(0, time.Since(r.env.Now))
	for _, split := range r.task.Splits {
		if err := r.cachedSplit(ctx, act, d, split); err != nil {
			return err
		}
	}
	r.receipt.Times = d.times.list
	return nil
}

// cachedSplit takes a split from the cache, or reads it.
func (r *run) cachedSplit(ctx context.Context, act physical.Scan, d *dispatcher, split rdd.Split) error {
	key := cacheKey(d.cached, &split)
	if key == "" {
		return r.split(ctx, act, d, split)
	}
	if kept := r.x.Cache.get(key); kept != nil {
		defer kept.release()
		return r.replay(ctx, d, kept, &split)
	}
	r.record(d, key)
	err := r.split(ctx, act, d, split)
	r.rec.end(d, err == nil)
	return err
}

func (r *run) split(ctx context.Context, act physical.Scan, d *dispatcher, split rdd.Split) error {
	want := rdd.Projection{Columns: act.Columns, Rows: r.x.Plan.Job.Settings.FrameRows, Mem: r.mem, Bounds: act.Bounds}
	if len(d.entries.nodes) > 0 {
		want.Enter = d.enter
	}
	if act.Prune != nil {
		want.Skip, want.Bounds = act.Prune.Skips, act.Prune.Reads()
	}
	rows, steps, mark := int64(0), &r.tally.Labelling, time.Now()
	for f, err := range r.x.Sources[act.Source].Read(ctx, split, want) {
		if err != nil {
			return err
		}
		steps.Ingest += time.Since(mark)
		f.Header.Origin.Source, f.Header.Origin.Split = act.Source, &split
		if f.Header.Pruned > 0 {
			rows += f.Header.Pruned
			r.pruned(act, d, f)
			mark = time.Now()
			continue
		}
		n := int64(len(f.Header.Bad))
		if f.Batch != nil {
			n += f.Batch.NumRows()
		}
		rows += n
		r.tally.RowsIn += n
		if f.Header.Unbound != "" {
			r.tally.Unbound += n
		}
		r.dead.bad(act.Tag.Op, f)
		r.meter.read(r.stage.Root.Op, f.Batch)
		before := r.meter.enter(act.Tag.Op, nil)
		if err := d.take(ctx, f); err != nil {
			return err
		}
		r.meter.resume(before)
		if err := ctx.Err(); err != nil {
			return err
		}
		mark = time.Now()
	}
	if split.Rows >= 0 && rows != split.Rows {
		return fault.New(fault.Invalid, "%s: the split from row %d was to have %d rows and has %d: the source changed", split.Name, split.First, split.Rows, rows)
	}
	r.tally.BytesRead += max(0, split.Bytes)
	return nil
}

// take sends the rows of a frame on from where they enter, or from the beginning.
func (d *dispatcher) take(ctx context.Context, f *rdd.Frame) error {
	if e, lost := d.entries.of(f.Header.Done); e != nil {
		return d.entered(ctx, f, e, lost)
	}
	return d.frame(ctx, f)
}

// pruned counts rows that the source left out, and their event time.
func (r *run) pruned(act physical.Scan, d *dispatcher, f *rdd.Frame) {
	r.tally.RowsIn += f.Header.Pruned
	r.tally.Pruned += f.Header.Pruned
	if t, ok := act.Prune.LatestTime(f.Header.Bounds); ok {
		d.times.see(f.Header.Origin, t, t) // whatever comes of them comes of later ones too
	}
}

// partTimes are the event times seen of each source partition.
type partTimes struct{ list []work.PartTime }

func (p *partTimes) see(o rdd.Origin, least, most int64) {
	for i := range p.list {
		if t := &p.list[i]; t.Source == o.Source && t.Partition == o.Partition {
			t.Min, t.Max = min(t.Min, least), max(t.Max, most)
			return
		}
	}
	p.list = append(p.list, work.PartTime{Source: o.Source, Partition: o.Partition, Min: least, Max: most})
}

// timed notes the event times of a chunk: the largest, and the smallest where the plan
// lets one window leave at a time.
func (d *dispatcher) timed(o rdd.Origin, ts *array.Timestamp) {
	most, ok := latest(ts)
	if !ok {
		return
	}
	least := most
	if len(d.run.x.Plan.Results) > 0 {
		for i, v := range micros(ts) {
			if v < least && ts.IsValid(i) {
				least = v
			}
		}
	}
	d.times.see(o, least, most)
}

// latest returns the largest value of a timestamp array that is not null.
func latest(a *array.Timestamp) (int64, bool) {
	vals := micros(a)
	best, ok := int64(0), false
	if a.NullN() == 0 && len(vals) > 0 {
		return largest(vals), true
	}
	for i, v := range vals {
		if a.IsValid(i) && (!ok || v > best) {
			best, ok = v, true
		}
	}
	return best, ok
}

// largest is that of values that are not none. Four at a time: each waits for the one of
// its column that was the largest so far, not for the one before it.
func largest(vals []int64) int64 {
	a := vals[0]
	b, c, d := a, a, a
	for ; len(vals) >= 4; vals = vals[4:] {
		a, b, c, d = max(a, vals[0]), max(b, vals[1]), max(c, vals[2]), max(d, vals[3])
	}
	for _, v := range vals {
		a = max(a, v)
	}
	return max(a, b, c, d)
}

// evalRaw evaluates an expression over the columns as they were read. The rows
// in which something failed and gave null are appended to failed.
func (r *run) evalRaw(p *expr.Program, cols []arrow.Array, rows int, failed *[]int32) (arrow.Array, error) {
	res, err := p.Eval(r.env, cols, rows)
	if err != nil {
		return nil, err
	}
	if res.Nulled != nil {
		*failed = trueRows(*failed, res.Nulled, nil)
	}
	res.Values.Retain()
	res.Release()
	return res.Values, nil
}
