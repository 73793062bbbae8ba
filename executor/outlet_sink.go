package executor

import (
	"context"
	"runtime/debug"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// sinkPart stages the rows of a task for a sink, as frames of one label each.
type sinkPart struct {
	run  *run
	node *physical.Node
	out  physical.Outlet
	to   physical.SinkPart
	sum  kernel.Checksum
	part *staging
	sel  []int32
	rows int64
	made map[int]*arrow.Schema // of the last batch, by label
}

func (o *sinkPart) apply(ctx context.Context, c *chunk, _ func(*chunk) error) error {
	for _, l := range (c.labels & o.out.For).Each() {
		if err := o.label(ctx, c, l); err != nil {
			return err
		}
	}
	return nil
}

// label stages the rows of one label of a chunk.
func (o *sinkPart) label(ctx context.Context, c *chunk, l int) error {
	one, schema := rdd.LabelSet(1)<<uint(l), o.to.Schemas[l]
	var cols []arrow.Array
	rows, origin := c.rows, c.origin
	if c.label < 0 {
		cols = c.project(o.run.mem, o.to.Columns[l], schema)
	} else {
		o.sel = c.rowsOf(o.sel[:0], one)
		rows, origin = len(o.sel), c.origin.At(o.sel)
		cols = c.take(o.run.mem, o.sel, o.to.Columns[l], schema)
	}
	defer releaseAll(cols)
	if rows == 0 {
		return nil
	}
	batch := o.record(l, schema, cols, rows)
	defer batch.Release()
	o.sum.AddBatch(o.run.x.Plan.Job.Labels[l], batch)
	o.rows += int64(rows)
	if o.part == nil {
		at := o.run.block(o.out.ID, o.run.task.Index)
		sink := o.run.x.Sinks[o.to.Sink]
		o.part = startStaging(ctx, func(ctx context.Context, in rdd.Stream) (rdd.Staged, error) {
			return sink.Stage(ctx, at, in)
		})
	}
	return o.part.send(&rdd.Frame{Header: rdd.Header{Labels: one, Origin: origin, Done: o.to.Done[l]}, Batch: batch})
}

// record makes a batch of a label's columns. From batch to batch only the spelling
// of strings may change, and with it the schema.
func (o *sinkPart) record(l int, schema *arrow.Schema, cols []arrow.Array, rows int) arrow.RecordBatch {
	made := o.made[l]
	for i := 0; made != nil && i < len(cols); i++ {
		if made.Field(i).Type.ID() != cols[i].DataType().ID() {
			made = nil
		}
	}
	if made != nil {
		return array.NewRecordBatch(made, cols, int64(rows))
	}
	batch := record(func(i int) string { return schema.Field(i).Name }, cols, rows)
	if o.made == nil {
		o.made = map[int]*arrow.Schema{}
	}
	o.made[l] = batch.Schema()
	return batch
}

func (o *sinkPart) close(_ context.Context, r *work.Receipt) error {
	if o.part == nil {
		return nil
	}
	st, err := o.part.finish()
	o.part = nil
	if err != nil {
		return err
	}
	st.Sink, st.Rows = o.to.Sink, o.rows
	r.Staged = append(r.Staged, st)
	o.run.tally.RowsOut += o.rows
	o.run.tally.checksum(o.sum)
	return nil
}

func (o *sinkPart) abandon() {
	if o.part != nil {
		o.part.abandon()
		o.part = nil
	}
}

var _ outlet = (*sinkPart)(nil)

// staging turns a pushed sequence of frames into the stream that a sink pulls.
// The sink runs on a goroutine of its own, but never at the same time as the
// one that pushes, so a frame that is lent stays valid while it is looked at.
type staging struct {
	frames chan *rdd.Frame
	next   chan struct{} // the sink wants the next frame
	done   chan struct{} // closed when the sink has returned
	staged rdd.Staged
	err    error
	stop   context.CancelFunc
}

func startStaging(ctx context.Context, stage func(context.Context, rdd.Stream) (rdd.Staged, error)) *staging {
	ctx, stop := context.WithCancel(ctx)
	s := &staging{frames: make(chan *rdd.Frame), next: make(chan struct{}), done: make(chan struct{}), stop: stop}
	go func() {
		defer close(s.done)
		defer func() {
			if p := recover(); p != nil {
				s.err = fault.Panicked(p, debug.Stack())
			}
		}()
		s.staged, s.err = stage(ctx, s.stream(ctx))
	}()
	return s
}

func (s *staging) stream(ctx context.Context) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		for {
			select {
			case f, ok := <-s.frames:
				if !ok || !yield(f, nil) {
					return
				}
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			}
			select {
			case s.next <- struct{}{}:
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			}
		}
	}
}

// send lends one frame to the sink and returns when it is done with it.
func (s *staging) send(f *rdd.Frame) error {
	select {
	case s.frames <- f:
	case <-s.done:
		return s.early()
	}
	select {
	case <-s.next:
		return nil
	case <-s.done:
		return s.early()
	}
}

// early is why a sink stopped before its input ended.
func (s *staging) early() error {
	if s.err == nil {
		return fault.New(fault.Bug, "a sink stopped before its input ended")
	}
	return s.err
}

// finish ends the input and returns what the sink staged.
func (s *staging) finish() (rdd.Staged, error) {
	defer s.stop()
	select {
	case <-s.done:
		return s.staged, s.early()
	default:
	}
	close(s.frames)
	<-s.done
	return s.staged, s.err
}

// abandon makes the sink stop with an error, and waits for it.
func (s *staging) abandon() {
	s.stop()
	<-s.done
}
