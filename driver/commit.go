package driver

import (
	"slices"
	"time"

	"github.com/idag/idag/internal/eventtime"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// journal is what is on its way into the ledger. There is one append at a
// time; what becomes due meanwhile shares the next.
type journal struct {
	queue []Entry
	out   []Entry
}

func (j *journal) add(e Entry) { j.queue = append(j.queue, e) }

// flush appends what has become due. A Started waits for company: it says
// nothing as long as nothing is planned.
func (c *core) flush() {
	j := &c.journal
	if len(j.out) > 0 || len(j.queue) == 0 {
		return
	}
	if _, alone := j.queue[0].(Started); alone && len(j.queue) == 1 {
		return
	}
	j.out, j.queue = j.queue, nil
	c.do(appendLog{j.out})
}

// logged goes on with the batches whose entries are durable.
func (c *core) logged() {
	j := &c.journal
	entries := j.out
	j.out = nil
	c.repairs.logs = 0
	for _, e := range entries {
		switch e := e.(type) {
		case Started:
		case Planned:
			c.open(c.at(e.Batch))
		case Committed:
			c.drop(c.at(e.Batch))
		case Checkpointed:
			c.checkpointed(e)
		case Ended:
		}
	}
}

// taskDone accepts a receipt. The first one for a task counts.
func (c *core) taskDone(e taskDone) {
	t, a, rest := c.running(e.ref)
	if t == nil {
		return
	}
	c.slots.release(a.node, t)
	if rest != nil {
		c.abandon(t, *rest)
	}
	c.slots.seats[a.node].bad = 0
	a.since = c.now - a.since
	c.fleet.took[t.stage] = max(a.since, 1)
	t.out, t.twin, t.node = a, nil, a.node
	if t.receipt == nil { // rows are counted once, also those of a task run again
		c.progress.Read += e.receipt.Tally.RowsIn
		if t.reads() {
			c.input.weigh(t.splits, e.receipt.Tally.RowsIn)
			c.learn(t, e.receipt)
		}
	}
	b, st := t.batch, &t.batch.stages[t.stage]
	if err := c.check(t, e.receipt); err != nil {
		c.abort(err)
		return
	}
	if t.receipt != nil {
		for _, next := range c.graph.consumers[t.stage] {
			b.stages[next].remade++
		}
	}
	t.state, t.receipt = accepted, e.receipt
	st.left--
	b.pending--
	c.wakeWaiters(t)
	if c.graph.stages[t.stage].Stateful {
		c.parts.full[t.stage][t.index] = true
		c.turnPart(t.stage, t.index)
	}
	c.watch(b, t.stage)
	c.closeStage(b, t.stage)
	if c.graph.stages[t.stage].Source >= 0 {
		c.report(nil)
	}
}

// check refuses a receipt that speaks of another task's blocks, for who reads
// them would look for them in the wrong place, or of a key group that there is not.
func (c *core) check(t *task, r *work.Receipt) error {
	for i := range r.Blocks {
		b := &r.Blocks[i]
		switch {
		case b.Batch != t.batch.id || b.Stage != t.stage || b.Task != t.index:
			return fault.New(fault.Bug, "the receipt of batch %d stage %d task %d names a block of batch %d stage %d task %d",
				t.batch.id, t.stage, t.index, b.Batch, b.Stage, b.Task)
		case (b.Partition < 0 || b.Partition >= c.parts.keyGroups) && c.graph.shuffles(b.Stage, b.Outlet):
			return fault.New(fault.Bug, "batch %d stage %d task %d made a block for key group %d of %d",
				t.batch.id, t.stage, t.index, b.Partition, c.parts.keyGroups)
		}
	}
	return nil
}

// sinkRun is the publication of a batch in one sink.
type sinkRun struct {
	sink  int
	parts []rdd.Staged
	tries int
	done  bool
	lost  bool // parts are gone and must be staged again
}

// advance notes which batches have become done: all their tasks are accepted,
// and so are those of every batch before. What they have to say about event time
// is kept for the batches that will look back to them. A batch stays done when
// parts of it must be staged again, for a task gives the same each time.
func (c *core) advance() {
	for {
		b := c.at(c.done + 1)
		if b == nil || b.state != running || b.unopened > 0 || b.pending > 0 {
			return
		}
		c.done++
		seen := Observation{Batch: b.id}
		for i := range b.plan.Splits {
			s := &b.plan.Splits[i]
			seen.Read = append(seen.Read, eventtime.Part{Source: s.Source, Partition: s.Partition})
		}
		for t := range b.tasks() {
			if t.receipt != nil {
				seen.Times = append(seen.Times, t.receipt.Times...)
			}
		}
		var err error
		if seen.Results, err = c.told(b); err != nil {
			c.abort(err)
			return
		}
		seen.Next = c.nextOf(b)
		c.input.unseen = append(c.input.unseen, seen)
		c.heardFor(seen)
	}
}

// publish publishes the next batch, if it is that far: batches are published
// one after the other, each in all its sinks at once. It reports whether a
// batch was complete with that.
func (c *core) publish() bool {
	b := c.at(c.shown + 1)
	if b == nil || b.state != running || b.unopened > 0 || b.pending > 0 || c.over {
		return false
	}
	b.state = publishing
	c.stage(b)
	for i := range b.sinks {
		if !b.sinks[i].done {
			b.missing++
			c.publishSink(b, &b.sinks[i])
		}
	}
	if b.missing > 0 {
		return false
	}
	c.complete(b)
	return true
}

// stage gathers the parts of a batch by sink, in the order of the tasks. Sinks
// that have published already, before parts for others were lost, are kept.
func (c *core) stage(b *batch) {
	if b.again {
		return
	}
	for i := range b.sinks {
		if !b.sinks[i].done {
			b.sinks[i].parts, b.sinks[i].lost = nil, false
		}
	}
	for t := range b.tasks() {
		if t.receipt == nil {
			continue
		}
		for _, part := range t.receipt.Staged {
			if s := b.sink(part.Sink); !s.done {
				s.parts = append(s.parts, part)
			}
		}
	}
	slices.SortFunc(b.sinks, func(a, b sinkRun) int { return a.sink - b.sink })
}

// sink returns the publication in a sink, a new one at the first call.
func (b *batch) sink(id int) *sinkRun {
	for i := range b.sinks {
		if b.sinks[i].sink == id {
			return &b.sinks[i]
		}
	}
	b.sinks = append(b.sinks, sinkRun{sink: id})
	return &b.sinks[len(b.sinks)-1]
}

func (c *core) publishSink(b *batch, s *sinkRun) {
	s.tries++
	c.do(publishParts{sink: s.sink, commit: rdd.Commit{Job: c.job, Batch: b.id, Epoch: c.epoch}, parts: s.parts})
}

// publication returns the publication that an answer is about, or nil.
func (c *core) publication(id rdd.BatchID, sink int) (*batch, *sinkRun) {
	b := c.at(id)
	if b == nil || b.state != publishing {
		return nil, nil
	}
	for i := range b.sinks {
		if s := &b.sinks[i]; s.sink == sink && !s.done && !s.lost {
			return b, s
		}
	}
	return nil, nil
}

func (c *core) published(e published) {
	b, s := c.publication(e.batch, e.sink)
	if s == nil {
		return
	}
	s.done = true
	c.answered(b)
}

// answered counts a sink that has published or lost its parts. When all have,
// the batch is complete or goes back to make the missing parts.
func (c *core) answered(b *batch) {
	if b.missing--; b.missing > 0 {
		return
	}
	if slices.ContainsFunc(b.sinks, func(s sinkRun) bool { return s.lost }) {
		c.restage(b)
		return
	}
	c.complete(b)
}

// complete notes that a batch is published. Its committed entry and the planned
// entry of a batch that becomes due meanwhile share an append.
func (c *core) complete(b *batch) {
	b.state = complete
	b.wall = time.Duration(c.now-b.began) * time.Microsecond
	c.shown = b.id
	for t := range b.tasks() {
		if t.receipt != nil && b.was == nil {
			b.tally.Add(t.receipt.Tally)
		}
	}
	if b.was != nil {
		b.tally = *b.was
	}
	if b.again {
		c.drop(b)
	} else {
		c.journal.add(Committed{Batch: b.id, Wall: b.wall, Tally: b.tally})
	}
}

// drop lets a batch go that is committed in the ledger.
func (c *core) drop(b *batch) {
	c.batches = slices.Delete(c.batches, 0, 1)
	c.do(releaseBlocks{b.id})
	c.outcome.Batches++
	c.outcome.Tally.Add(b.tally)
	c.progress.Written = c.outcome.Tally.RowsOut
	c.outcome.Watermark = b.plan.Watermark
	if t := &c.outcome.Tally; c.dead.Exceeded(t.DeadLetters, t.RowsIn) {
		c.abort(tooDirty(c.dead, t))
		return
	}
	c.report(&Report{
		Batch: b.id, Splits: len(b.plan.Splits), Watermark: b.plan.Watermark, Final: b.plan.Final,
		Again: b.again, Wall: b.wall, Tally: b.tally,
	})
	if c.dropped = b.plan; c.freezes(b) {
		c.saves.mark = nil
		c.save(b.plan, c.saves.look)
	}
}

// stop plans nothing more. What is planned is finished.
func (c *core) stop() {
	c.input.stopping = true
	c.input.ahead = nil
}

// end finishes the run when nothing is left to do.
func (c *core) end() {
	in := &c.input
	if !(in.final || in.stopping) || len(c.batches) > 0 || len(c.journal.out) > 0 || c.over {
		return
	}
	if !in.final && c.parting() {
		c.flush() // where there is no state to wait for
		return
	}
	c.do(finish{c.finished()})
	c.over = true
}
