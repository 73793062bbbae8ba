package driver

import (
	"fmt"
	"slices"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/eventtime"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// saves is what the core knows of checkpoints. One is made at a time, in steps:
// a batch is marked when it is planned, and its tasks of stateful stages freeze
// what they know; once the batch is committed the parts are written, beside the
// batches that follow; when all are durable the ledger is told; then what no
// resume can need any more may go.
type saves struct {
	on   bool           // somebody keeps state
	due  int64          // the next one is not made before
	last []Checkpointed // durable, the older first; at most two

	mark *batch // its tasks freeze, or nil
	look look   // at event time, as mark was planned

	out    *Checkpointed // committed and not done with, or nil
	step   saveStep
	left   int // parts whose answers are missing
	began  int64
	failed error
	spent  bool // the last one, of a run that stops, has been tried
}

// saveStep is how far a checkpoint is.
type saveStep uint8

const (
	writing saveStep = iota // parts
	telling                 // the ledger
	tidying                 // what is older
)

// spare is how many times as long as the last checkpoint took the next one waits
// at least: so many cost at most a twentieth of the time.
const spare = 20

// look is what the clock knows at a point of the story: itself, and what batches
// before that point have said that it has not seen.
type look struct {
	clock *eventtime.Tracker
	seen  []Observation
	rows  int64 // planned
	known known
}

func (c *core) look() look {
	return look{clock: c.input.clock.Clone(), seen: slices.Clone(c.input.unseen), rows: c.progress.Planned, known: c.results.known}
}

// chooseSave marks a batch that has just been planned if it is time.
func (c *core) chooseSave(b *batch) {
	s := &c.saves
	if s.on && s.mark == nil && s.out == nil && c.fleet.moves == 0 && c.now >= s.due && !b.plan.Final {
		s.mark, s.look = b, c.look()
	}
}

// freezes reports whether the tasks of a batch keep their state for a checkpoint.
func (c *core) freezes(b *batch) bool { return c.saves.mark == b }

// heardFor adds what a batch says about event time to a checkpoint behind it.
func (c *core) heardFor(o Observation) {
	if m := c.saves.mark; m != nil && o.Batch <= m.id {
		c.saves.look.seen = append(c.saves.look.seen, o)
	}
}

// save writes the state as of the last batch committed: all that is needed to go
// on behind it without what came before.
func (c *core) save(p Planned, l look) {
	s := &c.saves
	p.Splits, p.Idle = nil, nil
	e := &Checkpointed{Planned: p, Clock: l.clock, Seen: l.seen, Rows: l.rows, Run: c.started}
	e.Tally.Add(c.outcome.Tally) // a copy
	if c.results.on() {
		e.Known = &l.known
	}
	if n := len(s.last); n > 0 {
		e.Beside = s.last[n-1].Batch
	}
	s.out, s.step, s.left, s.began, s.failed = e, writing, 0, c.now, nil
	for stage, homes := range c.parts.homes {
		for part, node := range homes {
			s.left++
			c.do(saveState{node: node, state: work.State{Epoch: c.epoch, Batch: p.Batch, Stage: stage, Index: part}})
		}
	}
	if s.left == 0 {
		c.tellSaved()
	}
}

// saved notes a part that is durable, or why it is not.
func (c *core) saved(state work.State, err error) {
	s := &c.saves
	if s.out == nil || s.step != writing {
		return
	}
	if s.left--; err == nil {
		s.out.Parts = append(s.out.Parts, state)
	} else if s.failed == nil {
		s.failed = err
	}
	if s.left > 0 {
		return
	}
	if s.failed == nil {
		c.tellSaved()
		return
	}
	if fault.Of(s.failed) == fault.Bug {
		c.abort(s.failed)
		return
	}
	c.say("no checkpoint of batch %d: %v", s.out.Batch, s.failed)
	c.rest()
}

func (c *core) tellSaved() {
	s := &c.saves
	slices.SortFunc(s.out.Parts, func(a, b work.State) int {
		return (a.Stage-b.Stage)*c.parts.count + a.Index - b.Index
	})
	s.step = telling
	c.journal.add(*s.out)
}

// checkpointed goes on with a checkpoint that is in the ledger.
func (c *core) checkpointed(e Checkpointed) {
	s := &c.saves
	if s.last = append(s.last, e); len(s.last) > 2 {
		s.last = s.last[1:]
	}
	s.step = tidying
	c.do(c.tidy())
}

// tidy keeps the last two checkpoints, and of the ledger what is behind the older.
func (c *core) tidy() tidyUp {
	var cmd tidyUp
	for i, e := range c.saves.last {
		if i == 0 && len(c.saves.last) == 2 {
			cmd.below = e.Batch
		}
		cmd.keep = append(cmd.keep, e.Parts...)
	}
	return cmd
}

// rest ends a checkpoint, for better or worse. The next one waits.
func (c *core) rest() {
	s := &c.saves
	took := c.now - s.began
	s.due = c.now + max(c.set.CheckpointEvery.Microseconds(), spare*took)
	s.out = nil
	c.depart()
}

// parting makes the checkpoint of a run that stops before its input has ended. It
// reports whether there is something to wait for.
func (c *core) parting() bool {
	s := &c.saves
	switch {
	case s.out != nil || c.fleet.moves > 0:
		return true
	case !s.on, s.spent, c.shown == 0, len(s.last) > 0 && s.last[len(s.last)-1].Batch == c.shown:
		return false
	}
	s.spent = true
	c.save(c.dropped, c.look())
	return true
}

// Observation is what a batch whose tasks are done has to say about event time.
type Observation struct {
	Batch rdd.BatchID      `json:"batch"`
	Read  []eventtime.Part `json:"read,omitempty"` // of each split, in the order in which they were cut
	Times []work.PartTime  `json:"times,omitempty"`
	// Results are the last rows that it wrote to sinks which the job reads.
	Results map[int]connectors.Result `json:"results,omitempty"`
	// Next is the watermark at which a window of such rows leaves next, if that is known.
	Next *int64 `json:"next,omitempty"`
}

func (o *Observation) show(clock *eventtime.Tracker) {
	for _, t := range o.Times {
		clock.Seen(eventtime.Part{Source: t.Source, Partition: t.Partition}, t.Max)
	}
	clock.Read(o.Read)
}

// revival is the beginning of a run that goes on behind a checkpoint: the newest
// one that can be restored, or the first batch.
type revival struct {
	from started
	on   bool // an answer is missing
	some bool // state may have been restored in part
}

// revive restores the newest checkpoint that is left to try.
func (c *core) revive() {
	r := &c.revival
	list := r.from.checkpoints
	if len(list) > 0 {
		newest := list[len(list)-1]
		if len(newest.Parts) == 0 && !r.some {
			c.revived()
			return
		}
		r.on, r.some = true, true
		c.do(restoreStates{c.homesOf(newest.Parts)})
		return
	}
	switch {
	case len(r.from.history) > 0 && r.from.history[0].Batch > 1, len(r.from.history) == 0 && r.from.committed > 0:
		c.abort(errNoCheckpoint)
	case r.some:
		r.on = true
		c.do(restoreStates{make([][]work.State, len(c.slots.nodes))})
	case r.from.committed > 0:
		c.sayResumed()
	}
}

// homesOf sorts parts by the node that is to have their state.
func (c *core) homesOf(parts []work.State) [][]work.State {
	out := make([][]work.State, len(c.slots.nodes))
	for _, p := range parts {
		node := c.parts.homes[p.Stage][p.Index]
		out[node] = append(out[node], p)
	}
	return out
}

// fitting reports whether a checkpoint has the parts that the plan has, neither
// more nor fewer.
func (c *core) fitting(e Checkpointed) bool {
	want := 0
	for _, homes := range c.parts.homes {
		want += len(homes)
	}
	return len(e.Parts) == want && !slices.ContainsFunc(e.Parts, func(p work.State) bool {
		return p.Stage < 0 || p.Stage >= len(c.parts.homes) || p.Index < 0 || p.Index >= len(c.parts.homes[p.Stage]) || p.Batch != e.Batch
	})
}

// notRevived falls back to the checkpoint before, and says so.
func (c *core) notRevived(err error) {
	r := &c.revival
	r.on = false
	list := r.from.checkpoints
	switch {
	case c.fleet.elastic && fault.Of(err) == fault.Retry:
		c.setBack(err, Node{})
		return
	case len(list) == 0 || fault.Of(err) == fault.Bug:
		c.abort(err)
		return
	}
	c.say("the checkpoint of batch %d cannot be used: %v", list[len(list)-1].Batch, err)
	r.from.checkpoints = list[:len(list)-1]
	c.revive()
}

// revived goes on behind the checkpoint that was restored, if there was one.
func (c *core) revived() {
	r, in := &c.revival, &c.input
	r.on = false
	if n := len(r.from.checkpoints); n > 0 {
		e := r.from.checkpoints[n-1]
		c.adopt(e)
		c.saves.last = slices.Clone(r.from.checkpoints)
		behind, _ := slices.BinarySearchFunc(in.history, e.Batch+1, func(p Planned, b rdd.BatchID) int { return int(p.Batch - b) })
		in.history, in.tallies = in.history[behind:], in.tallies[min(behind, len(in.tallies)):]
	}
	if r.from.committed > 0 || len(r.from.history) > 0 {
		c.sayResumed()
	}
}

// adopt takes everything as it was at the end of a checkpoint's batch.
func (c *core) adopt(e Checkpointed) {
	in := &c.input
	copy(in.offsets, e.Offsets)
	copy(in.ended, e.Ended)
	in.planned, in.mark = slices.Clone(e.Offsets), e.Watermark
	if e.Clock != nil {
		in.clock = *e.Clock.Clone()
	}
	in.unseen = slices.Clone(e.Seen)
	c.results.ended = slices.Clone(e.Ended)
	if e.Known != nil {
		c.results.known = *e.Known
	}
	c.next, c.done, c.shown, c.dropped = e.Batch+1, e.Batch, e.Batch, e.Planned
	for stage, settled := range c.parts.settled {
		for part := range settled {
			settled[part], c.parts.full[stage][part] = e.Batch, true
		}
	}
	c.outcome.Batches, c.outcome.Watermark = int64(e.Batch), e.Watermark
	c.outcome.Tally.Add(e.Tally)
	c.progress.Planned, c.progress.Read, c.progress.Written, c.progress.Watermark = e.Rows, e.Tally.RowsIn, e.Tally.RowsOut, e.Watermark
}

func (c *core) sayResumed() {
	from := &c.revival.from
	again := ""
	if first := c.next; first <= from.committed {
		again = fmt.Sprintf("; batches %d to %d run again for their state", first, from.committed)
	}
	c.say("resuming %s at batch %d, %d rows done%s", c.job, from.committed+1, from.rows, again)
}

// startSaves begins to make checkpoints, the first after as long as all others.
func (c *core) startSaves(on bool) {
	c.saves.on = on
	c.saves.due = c.now + c.set.CheckpointEvery.Microseconds()
}
