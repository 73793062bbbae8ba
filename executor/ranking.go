package executor

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// rankKeeper keeps the rows that a stage ranks until the input ends, or the first of
// them. Like other keepers it is versioned: base holds the rows up to some batch,
// fresh those of the batch after it.
type rankKeeper struct {
	mem   memory.Allocator
	k     *physical.Ranking
	base  rdd.Frames
	fresh rdd.Frames
	batch rdd.BatchID // of fresh
	final bool        // so is it: what is here has left
}

var _ keeper = (*rankKeeper)(nil)

func (s *rankKeeper) begin(r *run) error {
	switch {
	case s.batch == r.task.Batch:
		s.fresh.Release()
	case s.batch > r.task.Batch:
		return fault.New(fault.Bug, "task %d of stage %d is at batch %d, asked for %d", r.task.Index, r.task.Stage, s.batch, r.task.Batch)
	default:
		if err := s.accept(); err != nil {
			return err
		}
	}
	s.batch, s.final = r.task.Batch, r.task.Final
	return nil
}

// accept takes what the last batch brought to the rows of the base.
func (s *rankKeeper) accept() error {
	if s.final {
		s.base.Release()
	} else {
		for _, f := range s.fresh.List() {
			s.base.Keep(&f)
		}
	}
	s.fresh.Release()
	if s.k.N == 0 || s.base.Rows() <= s.k.N+slack {
		return nil
	}
	b, err := rank(s.mem, s.k, s.base.List())
	if err != nil {
		return err
	}
	s.base.Release()
	s.base = *framesOf(rdd.Header{}, b)
	return nil
}

// all are the rows of base and fresh, lent.
func (s *rankKeeper) all() []rdd.Frame {
	return append(append([]rdd.Frame(nil), s.base.List()...), s.fresh.List()...)
}

// leave emits the rows in order, if the input ends.
func (s *rankKeeper) leave(r *run, emit func(b arrow.RecordBatch) error) error {
	frames := s.all()
	if !s.final || len(frames) == 0 {
		return nil
	}
	b, err := rank(s.mem, s.k, frames)
	if err != nil {
		return err
	}
	defer b.Release()
	limit := int64(r.x.Plan.Job.Settings.FrameRows)
	for at := int64(0); at < b.NumRows(); at += limit {
		part := b.NewSlice(at, min(at+limit, b.NumRows()))
		err := emit(part)
		part.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// freeze implements keeper.
func (s *rankKeeper) freeze() (rdd.BatchID, []arrow.RecordBatch, error) {
	if s.final {
		return s.batch, nil, nil
	}
	var out []arrow.RecordBatch
	for _, f := range s.all() {
		f.Batch.Retain()
		out = append(out, f.Batch)
	}
	return s.batch, out, nil
}

// restore implements keeper.
func (s *rankKeeper) restore(batch rdd.BatchID, frozen []arrow.RecordBatch) error {
	for _, b := range frozen {
		for _, key := range s.k.Keys {
			if key.Column >= int(b.NumCols()) {
				return fault.New(fault.Invalid, "a state of %d columns, of rows ordered by column %d", b.NumCols(), key.Column)
			}
		}
		s.base.Keep(&rdd.Frame{Batch: b})
	}
	s.batch = batch
	return nil
}

func (s *rankKeeper) release() {
	s.base.Release()
	s.fresh.Release()
}

// rank takes in the task's blocks, and emits the rows in order when the input ends.
func (r *run) rank(ctx context.Context, act physical.Rank, root *physical.Node, next []*step) error {
	s, err := keeperOf[*rankKeeper](r)
	if err != nil {
		return err
	}
	if err := s.begin(r); err != nil {
		return err
	}
	if err := r.eachBlock(ctx, func(_ rdd.Block, frames *rdd.Frames) error {
		r.tally.RowsMerged += frames.Rows()
		for _, f := range frames.List() {
			s.fresh.Keep(&f)
		}
		return nil
	}); err != nil {
		return err
	}
	return s.leave(r, func(b arrow.RecordBatch) error {
		c := &chunk{rows: int(b.NumRows()), labels: root.Labels, label: -1, origin: rdd.Origin{Source: -1, Partition: -1}}
		defer c.release()
		for _, from := range act.From {
			if from == physical.GroupLabel {
				c.cols = append(c.cols, r.sameLabel(act.Label, c.rows))
				continue
			}
			b.Column(from).Retain()
			c.cols = append(c.cols, b.Column(from))
		}
		return r.spread(ctx, root, next, c)
	})
}
