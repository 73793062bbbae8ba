package executor

import (
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// merge takes in the task's blocks: partial groups go into the state of the key
// group, rows go on down the route of their labels.
func (r *run) merge(ctx context.Context, act physical.Merge, root *physical.Node, next []*step) error {
	if act.Grouping == nil {
		return r.receive(ctx, next, r.entriesOf(act.Entries))
	}
	st, err := keeperOf[grouped](r)
	if err != nil {
		return err
	}
	if err := st.begin(r); err != nil {
		return err
	}
	if err := r.eachBlock(ctx, func(_ rdd.Block, frames *rdd.Frames) error {
		r.mergeBlock(st, frames)
		return nil
	}); err != nil {
		return err
	}
	if groups, ok := st.(*state); ok && len(r.x.Plan.Results) > 0 {
		at := groups.next()
		r.receipt.Next = &at
	}
	return st.leave(r, func(keys, results []arrow.Array, rows int) error {
		return r.groups(ctx, act, root, next, keys, results, rows)
	})
}

// grouped is the keeper of a grouping.
type grouped interface {
	keeper
	// begin makes the keeper ready for what the run's batch brings.
	begin(r *run) error
	// add takes in partial groups; the frame is lent.
	add(f *rdd.Frame)
	// leave emits the groups that leave in this batch; the columns are lent.
	leave(r *run, emit func(keys, results []arrow.Array, rows int) error) error
}

// mergeBlock hands the partial groups of a block to the state.
func (r *run) mergeBlock(st grouped, frames *rdd.Frames) {
	r.tally.RowsMerged += frames.Rows()
	for _, f := range frames.List() {
		st.add(&f)
	}
}

// groups sends the groups that leave on their way.
func (r *run) groups(ctx context.Context, act physical.Merge, root *physical.Node, next []*step, keys, results []arrow.Array, rows int) error {
	limit := r.x.Plan.Job.Settings.FrameRows
	for at := 0; at < rows; at += limit {
		n := min(limit, rows-at)
		c := &chunk{rows: n, labels: root.Labels, label: -1, origin: rdd.Origin{Source: -1, Partition: -1}}
		for _, from := range act.From {
			switch {
			case from == physical.GroupLabel:
				c.cols = append(c.cols, r.sameLabel(root.Labels.First(), n))
			case from == physical.GroupEnd:
				ends := windowEnds(r, act.Grouping, keys, results)
				c.cols = append(c.cols, sliceOf(ends, at, n, rows))
				ends.Release()
			case from >= 0:
				c.cols = append(c.cols, sliceOf(keys[from], at, n, rows))
			default:
				c.cols = append(c.cols, sliceOf(results[^from], at, n, rows))
			}
		}
		err := r.spread(ctx, root, next, c)
		c.release()
		if err != nil {
			return err
		}
	}
	return nil
}

// windowEnds are the ends of the windows of groups that leave.
func windowEnds(r *run, g *physical.Grouping, keys, results []arrow.Array) arrow.Array {
	if g.Gap == 0 {
		return timesOf(r, windowsOf(keys, g), g.Size)
	}
	return timesOf(r, lastTimes(results), g.Gap)
}

// spread takes what leaves the root of a stage to everything behind it.
func (r *run) spread(ctx context.Context, root *physical.Node, next []*step, c *chunk) error {
	r.meter.made(root.Op, nil, c)
	r.tally.out(root.Op, c)
	r.tally.skipped(root.Skipped, c)
	for _, s := range next {
		if err := r.push(ctx, s, c); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// receive passes the rows of the task's blocks on to the routes of their labels.
func (r *run) receive(ctx context.Context, next []*step, entries []entry) error {
	return r.eachBlock(ctx, func(_ rdd.Block, frames *rdd.Frames) error {
		return r.receiveBlock(ctx, frames, next, entries)
	})
}

func (r *run) receiveBlock(ctx context.Context, frames *rdd.Frames, next []*step, entries []entry) error {
	for _, f := range frames.List() {
		if e, _ := entryFor(entries, f.Header.Done); e != nil {
			if err := r.receiveFrame(ctx, &f, e.step); err != nil {
				return err
			}
			continue
		}
		at := slices.IndexFunc(next, func(s *step) bool { return s.node.Labels == f.Header.Labels })
		if at < 0 {
			return fault.New(fault.Bug, "stage %d has no route for labels %s", r.stage.ID, f.Header.Labels.Names(r.x.Plan.Job.Labels))
		}
		if err := r.receiveFrame(ctx, &f, next[at]); err != nil {
			return err
		}
	}
	return nil
}

// receiveFrame sends a frame down its route. Its columns are the block's.
func (r *run) receiveFrame(ctx context.Context, f *rdd.Frame, s *step) error {
	c := &chunk{cols: f.Batch.Columns(), rows: int(f.Batch.NumRows()), labels: f.Header.Labels,
		origin: f.Header.Origin, label: labelColumn(s.node.Out, f.Header.Labels)}
	defer c.releaseMasks()
	c.recount(r.labels())
	return r.leave(ctx, s, c)
}
