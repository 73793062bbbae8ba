package driver

import (
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// The table of failures:
//
//	kind     a task                          cut, append, publish
//	invalid  stops the run                   stops the run
//	bug      stops the run                   stops the run
//	retry    again, on any node that may     again
//	lost     the tasks that made its blocks  publish: the tasks that staged the parts
//	         run again, then the task        run again; cut, append: again
//
// Whatever is tried again is tried maxAttempts times in all, with growing
// pauses between; attempts that ended because a node is gone, or failed on one that
// is set aside, do not count. Where the fleet may change, a stateful task that would
// stop the run with retry or lost, or state that cannot be made again, leads back to
// the last checkpoint instead.

const (
	maxAttempts = 4
	firstPause  = int64(100_000) // microseconds; doubled for every further attempt
)

// repairs is what is to be tried again, and how often it was.
type repairs struct {
	line  heap[retry]
	seq   int64
	alarm int64 // the one that is set
	cuts  int   // failures in a row
	logs  int
}

// retry is something to do again at a time.
type retry struct {
	due   int64
	seq   int64 // for the order among equals
	op    operation
	task  *task
	batch rdd.BatchID
	sink  int
	stage int // of opLate
	node  int // of opBack
}

func newRepairs() repairs {
	return repairs{line: heap[retry]{less: func(a, b retry) bool {
		return a.due < b.due || (a.due == b.due && a.seq < b.seq)
	}}}
}

// later puts a retry in line.
func (c *core) later(r retry) {
	c.repairs.seq++
	r.seq = c.repairs.seq
	c.repairs.line.push(r)
}

// setAlarm asks for a tick when the next retry is due.
func (c *core) setAlarm() {
	r := &c.repairs
	if r.line.len() == 0 || r.line.top().due == r.alarm {
		return
	}
	r.alarm = r.line.top().due
	c.do(setAlarm{r.alarm})
}

// wake does what has become due.
func (c *core) wake() {
	for c.repairs.line.len() > 0 && c.repairs.line.top().due <= c.now && !c.over {
		r := c.repairs.line.pop()
		switch r.op {
		case opTask:
			if r.task.state == parked {
				c.ready(r.task)
			}
		case opCut:
			c.askSources()
		case opLog:
			c.do(appendLog{c.journal.out})
		case opPublish:
			if b, s := c.publication(r.batch, r.sink); s != nil {
				c.publishSink(b, s)
			}
		case opPoll:
			if c.input.polling = false; c.input.ahead != nil {
				c.input.ahead.ask = c.short(c.input.ahead)
			}
		case opLate:
			c.lookLate(r.batch, r.stage)
		case opSweep:
			c.sweep()
		case opBack:
			c.letBack(r.node)
		case opMove:
			c.balance()
		case opRestore, opTidy:
		}
	}
}

// pause returns how long to wait before an attempt: twice as long each time,
// shortened by up to a half so that those who failed together do not come back
// together. It is a function of what is retried, not of chance.
func pause(attempt int, ids ...int64) int64 {
	whole := firstPause << min(attempt-1, 6)
	h := uint64(attempt)
	for _, id := range ids {
		h = mix(h ^ uint64(id))
	}
	return whole - int64(h%uint64(whole/2))
}

// mix is the finaliser of splitmix64 (Steele, Lea, Flood: Fast splittable
// pseudorandom number generators, OOPSLA 2014).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// taskFailed decides what the failure of a task leads to.
func (c *core) taskFailed(e taskFailed) {
	t, a, rest := c.running(e.ref)
	if t == nil {
		return
	}
	turn := c.slots.release(a.node, t)
	kind := fault.Of(e.err)
	if kind == fault.Retry {
		c.blame(t, a.node, turn)
	}
	if rest != nil && (kind == fault.Retry || kind == fault.Lost) {
		t.goOn(*rest)
		return
	}
	t.out, t.twin, t.state = a, nil, parked
	switch kind {
	case fault.Retry:
		c.again(t, e.err)
	case fault.Lost:
		c.lost(t, e.err)
	case fault.Invalid, fault.Bug:
		c.abort(e.err)
	}
}

// again runs a task once more after a pause.
func (c *core) again(t *task, err error) {
	if c.spent(t, err) {
		return
	}
	if !c.graph.stages[t.stage].Stateful {
		t.node = anyNode // the node may be the reason
	}
	due := c.now + pause(t.attempt, int64(t.batch.id), int64(t.stage), int64(t.index))
	c.later(retry{due: due, op: opTask, task: t})
}

// spent stops the run if a task has been tried often enough.
func (c *core) spent(t *task, err error) bool {
	if t.attempt-t.excused < maxAttempts {
		return false
	}
	err = fault.New(fault.Of(err), "batch %d stage %d task %d: given up after %d attempts: %w",
		t.batch.id, t.stage, t.index, t.attempt, err)
	if c.graph.stages[t.stage].Stateful {
		c.setBack(err, c.slots.nodes[t.node])
	} else {
		c.abort(err)
	}
	return true
}

// lost recomputes what a task misses. Where the error does not say which of its
// blocks that is, all tasks that made them run again; where these miss something
// in turn, the same happens to them. A task that reads only misses a split: it
// is tried again.
func (c *core) lost(t *task, err error) {
	if c.spent(t, err) {
		return
	}
	if t.out.remade != t.batch.stages[t.stage].remade {
		c.again(t, err) // what it missed may have been made since
		return
	}
	missing := missingOf(err, t.blocks)
	for i, block := range t.blocks {
		if missing != nil && !missing[i] {
			continue
		}
		c.rerun(&t.batch.stages[block.Stage].tasks[block.Task], t, err)
	}
	if t.waits == 0 {
		c.again(t, err)
	}
}

// rerun runs a task again whose output is gone. The task waiter, if not nil,
// goes on after it.
func (c *core) rerun(t, waiter *task, err error) {
	if c.over || t == waiter {
		return
	}
	if t.state == accepted {
		if c.slots.seats[t.out.node].gone {
			t.excused++
		}
		if c.spent(t, err) || !c.rewind(t, err) {
			return
		}
		t.batch.pending++
		t.batch.stages[t.stage].left++
		if c.fleet.elastic {
			t.node = anyNode
		}
		c.ready(t)
	}
	if waiter != nil && t.state != skipped && !slices.Contains(t.waiters, waiter) {
		t.waiters = append(t.waiters, waiter)
		waiter.waits++
	}
}

// rewind takes the part of a stateful task back to it. That is only possible as long
// as no later batch can have changed the state: none of which a task was sent out, even
// if that one is to be run again, too, and has not begun.
func (c *core) rewind(t *task, err error) bool {
	if !c.graph.stages[t.stage].Stateful {
		return true
	}
	if home := c.parts.homes[t.stage][t.index]; c.slots.seats[home].gone {
		c.setBack(fault.New(fault.Lost, "the state of stage %d part %d was on %s, which is gone: %w", t.stage, t.index, c.slots.nodes[home].Name, err), Node{})
		return false
	}
	if m := c.parts.moves[t.stage][t.index]; m.away || m.base >= t.batch.id {
		c.setBack(fault.New(fault.Lost, "the state of stage %d part %d has moved behind batch %d: %w", t.stage, t.index, t.batch.id, err), Node{})
		return false
	}
	gone := c.parts.reached[t.stage][t.index]
	for id := t.batch.id + 1; gone <= t.batch.id; id++ {
		b := c.at(id)
		if b == nil || !b.stages[t.stage].opened {
			break
		}
		switch later := &b.stages[t.stage].tasks[t.index]; later.state {
		case launched, accepted, parked:
			gone = id
		case ready:
			later.state = blocked
		case blocked, skipped:
		}
	}
	if gone > t.batch.id {
		c.setBack(fault.New(fault.Lost, "batch %d stage %d: the state of part %d has gone on to batch %d and cannot be made again: %w",
			t.batch.id, t.stage, t.index, gone, err), Node{})
		return false
	}
	c.parts.settled[t.stage][t.index] = t.batch.id - 1
	return true
}

// wakeWaiters lets the tasks go on that waited for t to be run again.
func (c *core) wakeWaiters(t *task) {
	for _, w := range t.waiters {
		if w.waits--; w.waits == 0 && w.state == parked {
			c.ready(w)
		}
	}
	t.waiters = nil
}

// broke decides what the failure of a cut, an append or a publication leads to.
func (c *core) broke(e broke) {
	switch e.op {
	case opRestore:
		c.notRevived(e.err)
		return
	case opTidy:
		c.say("%s: %v", e.op, e.err)
		c.rest()
		return
	default:
	}
	kind := fault.Of(e.err)
	if kind != fault.Retry && kind != fault.Lost {
		c.abort(e.err)
		return
	}
	r := retry{op: e.op, batch: e.batch, sink: e.sink}
	var tries int
	switch e.op {
	case opCut:
		c.repairs.cuts++
		tries = c.repairs.cuts
	case opLog:
		c.repairs.logs++
		tries = c.repairs.logs
	case opPublish:
		b, s := c.publication(e.batch, e.sink)
		if s == nil {
			return
		}
		if tries = s.tries; kind == fault.Lost && tries < maxAttempts {
			s.lost = true
			c.answered(b)
			return
		}
	default:
		return
	}
	if tries >= maxAttempts {
		c.abort(fault.New(kind, "%s: given up after %d attempts: %w", e.op, tries, e.err))
		return
	}
	r.due = c.now + pause(tries, int64(e.op), int64(e.batch), int64(e.sink))
	c.later(r)
}

// restage runs the tasks again that staged parts which are gone. Then the batch
// is published in the sinks that are missing.
func (c *core) restage(b *batch) {
	b.state = running
	for i := range b.sinks {
		s := &b.sinks[i]
		if !s.lost {
			continue
		}
		err := fault.New(fault.Lost, "parts for sink %d are gone", s.sink)
		for t := range b.tasks() {
			if t.receipt != nil && slices.ContainsFunc(t.receipt.Staged, func(p rdd.Staged) bool { return p.Sink == s.sink }) {
				c.rerun(t, nil, err)
			}
		}
	}
}
