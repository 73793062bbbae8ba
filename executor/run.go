package executor

import (
	"context"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/agg"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// run is one task under way.
type run struct {
	x       *Executor
	task    work.Task
	in      *inbox // nil: the task's blocks are fetched for it alone
	stage   *planner.Stage
	mem     memory.Allocator
	env     expr.Env
	tally   *tally
	dead    *deadLetters
	meter   *meter // nil unless the task measures
	ends    []end  // in the order of their outlets
	steps   map[*physical.Node]*step
	tables  map[tableKey]*agg.Table // partial aggregations
	closers []func()                // run at the end, whatever happened
	rec     *recording              // of the split that is being read, or nil
	receipt work.Receipt
	results map[int]arrow.RecordBatch // the last rows of sinks, decoded

	prover   prover    // of a stage that reads
	verdicts []verdict // on the steps for the rows that are pushed, or nil
}

// operator is one node of a stage at work. The chunk is lent to apply, and
// what apply emits is lent to emit.
type operator interface {
	apply(ctx context.Context, c *chunk, emit func(*chunk) error) error
}

// outlet is an operator that ends a branch: it emits nothing, and closes with
// what it made.
type outlet interface {
	operator
	// close finishes the outlet and adds to the receipt what it made.
	close(ctx context.Context, r *work.Receipt) error
	// abandon throws away what was made.
	abandon()
}

// end is an outlet and the operation that it belongs to.
type end struct {
	outlet
	op int
}

// step is a node with its operator and what follows it.
type step struct {
	id   int // ordinal in the stage
	node *physical.Node
	op   operator
	next []*step
	// The maps from here on that are carried out together, once they were sought.
	fused   *fusion
	sought  bool
	through *through // the rows that went through them
}

func newRun(x *Executor, t work.Task) *run {
	r := &run{x: x, task: t, mem: x.Mem, tally: newTally(len(x.Plan.Ops), len(x.Plan.Job.Labels)), tables: map[tableKey]*agg.Table{}, steps: map[*physical.Node]*step{},
		env: expr.Env{Mem: x.Mem, Now: time.UnixMicro(t.Now).UTC()}}
	r.dead, r.meter = &deadLetters{run: r}, newMeter(r)
	return r
}

func (r *run) do(ctx context.Context) error {
	defer func() {
		for _, f := range r.closers {
			f()
		}
	}()
	if r.task.Stage < 0 || r.task.Stage >= len(r.x.Plan.Stages) {
		return fault.New(fault.Bug, "plan %s has no stage %d", r.task.Plan, r.task.Stage)
	}
	r.stage = &r.x.Plan.Stages[r.task.Stage]
	root := r.stage.Root
	next := make([]*step, 0, len(root.Next))
	for _, n := range root.Next {
		next = append(next, r.build(n))
	}
	var err error
	switch act := root.Action.(type) {
	case physical.Scan:
		err = r.scan(ctx, act, root, next)
	case physical.Merge:
		err = r.merge(ctx, act, root, next)
	case physical.Join:
		err = r.join(ctx, act, root, next)
	case physical.Rank:
		err = r.rank(ctx, act, root, next)
	default:
		err = fault.New(fault.Bug, "stage %d has no root that reads", r.stage.ID)
	}
	if err != nil {
		return err
	}
	for _, o := range r.ends {
		blocks, parts := len(r.receipt.Blocks), len(r.receipt.Staged)
		before := r.meter.enter(o.op, nil)
		if err := o.close(ctx, &r.receipt); err != nil {
			return err
		}
		r.meter.sent(o.op, &r.receipt, blocks, parts)
		r.meter.resume(before)
	}
	return r.dead.close(ctx, &r.receipt)
}

// abandon releases what the outlets hold after a failure.
func (r *run) abandon() {
	for _, o := range r.ends {
		o.abandon()
	}
}

// build makes the operator of a node and those behind it. What rows come to that
// enter is there before: it is the same.
func (r *run) build(n *physical.Node) *step {
	if s := r.steps[n]; s != nil {
		return s
	}
	s := &step{id: len(r.steps), node: n, op: r.operator(n)}
	r.steps[n] = s
	if o, ok := s.op.(outlet); ok {
		r.ends = append(r.ends, end{o, n.Op})
	}
	for _, next := range n.Next {
		s.next = append(s.next, r.build(next))
	}
	return s
}

func (r *run) operator(n *physical.Node) operator {
	switch act := n.Action.(type) {
	case physical.Compute:
		return &compute{run: r, node: n, act: act}
	case physical.Keep:
		return &keep{run: r, node: n, act: act}
	case physical.Only:
		return &only{run: r, node: n, act: act}
	case physical.Expand:
		return &expand{run: r, node: n, act: act}
	case physical.Explode:
		return &explode{run: r, node: n, act: act}
	case physical.Apply:
		return &apply{run: r, node: n, act: act}
	case physical.Assignment:
		if act.Slide != act.Size {
			return &sliding{run: r, node: n, act: act}
		}
		return &assignment{run: r, node: n, act: act}
	case physical.Outlet:
		return r.outlet(n, act)
	case physical.Draw:
		return &draw{run: r, node: n, act: act}
	case physical.Scan, physical.Route, physical.Merge, physical.Join, physical.Rank:
	}
	return pass{}
}

func (r *run) outlet(n *physical.Node, o physical.Outlet) operator {
	switch to := o.To.(type) {
	case physical.Partial:
		return &partial{run: r, node: n, out: o, to: to}
	case physical.Ranked:
		return &ranked{run: r, node: n, out: o, to: to}
	case physical.Exchange:
		return r.exchange(n, o, to)
	case physical.Side:
		return r.side(o, to)
	case physical.SinkPart:
		if r.quiet(to) {
			return pass{} // and nothing is behind it
		}
		return &sinkPart{run: r, node: n, out: o, to: to}
	}
	return pass{}
}

// pass hands chunks on as they are.
type pass struct{}

func (pass) apply(_ context.Context, c *chunk, emit func(*chunk) error) error { return emit(c) }

// push takes a chunk through a step and everything behind it.
func (r *run) push(ctx context.Context, s *step, c *chunk) error {
	if c.rows == 0 {
		return nil
	}
	if r.verdicts != nil {
		switch r.verdicts[s.id] {
		case ended, hollow:
			r.vanish(s, c)
			return nil
		case passed:
			return r.passBy(ctx, s, c)
		case open:
		}
	}
	if done, err := r.fusedPush(ctx, s, c); done {
		return err
	}
	r.tally.in(s.node.Op, c)
	if r.meter != nil {
		return r.measured(ctx, s, c)
	}
	return s.op.apply(ctx, c, func(out *chunk) error { return r.leave(ctx, s, out) })
}

// measured takes a chunk through a step with the clock on.
func (r *run) measured(ctx context.Context, s *step, c *chunk) error {
	before := r.meter.enter(s.node.Op, c)
	defer r.meter.resume(before)
	return s.op.apply(ctx, c, func(out *chunk) error {
		r.meter.made(s.node.Op, c, out)
		return r.leave(ctx, s, out)
	})
}

// leave counts what leaves a step and takes it on.
func (r *run) leave(ctx context.Context, s *step, out *chunk) error {
	if out.rows == 0 {
		return nil
	}
	if r.rec != nil {
		r.rec.take(s, out)
	}
	r.tally.out(s.node.Op, out)
	return r.onward(ctx, s, out)
}

// onward takes what leaves a step to those behind it.
func (r *run) onward(ctx context.Context, s *step, out *chunk) error {
	r.tally.skipped(s.node.Skipped, out)
	for _, next := range s.next {
		if err := r.push(ctx, next, out); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// labelNames makes the dictionary of the _label columns.
func labelNames(mem memory.Allocator, names []string) arrow.Array {
	b := array.NewStringBuilder(mem)
	defer b.Release()
	b.AppendValues(names, nil)
	return b.NewArray()
}

// labels is how many labels the job has.
func (r *run) labels() int { return len(r.x.Plan.Job.Labels) }

// sameLabel makes a _label column of rows of one label.
func (r *run) sameLabel(label, rows int) arrow.Array {
	vals, done := kernel.NewFixed[int32](r.mem, arrow.PrimitiveTypes.Int32, rows)
	for i := range vals {
		vals[i] = int32(label)
	}
	idx := done(nil)
	defer idx.Release()
	return array.NewDictionaryArray(kernel.StringDict(), idx, r.x.labels)
}

// seqOf returns the place of row i of a chunk, for dead letters.
func seqOf(o *rdd.Origin, i int) (partition int32, seq, child int64) {
	if o.Source < 0 {
		return -1, -1, 0
	}
	if o.Child != nil {
		child = o.Child[i]
	}
	return o.Partition, o.Seq(i), child
}
