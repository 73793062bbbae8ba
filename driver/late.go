package driver

import (
	"math"
	"slices"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// Where the fleet may change a node may be slow, stand still or fail at all it
// does, without being gone. So a task is late
//
//   - when most others of its stage and batch are done and it takes several times as
//     long as they took: a second copy is run on another node;
//   - when its lease is over: the same, or where it has state the node is taken for
//     gone.
//
// The first receipt counts, and the other attempt is cancelled. What that staged is
// never published, for only what an accepted receipt names is.

const (
	mostDone   = 10 // one in so many tasks of a stage, or one, is left when late ones are looked for
	lateTimes  = 3  // as long as those in the middle
	leaseTimes = 10
	// leastLate is how long no task is late, in microseconds.
	leastLate = 100_000
	// A node that fails badly times in a row is set aside, for longer each time that
	// it fails again.
	badly      = 2
	firstAside = int64(200_000) // microseconds
	mostAside  = 5              // doublings
	// hardLimit is how often a task is tried where the failures are the nodes'.
	hardLimit = 4 * maxAttempts
)

// watch looks at what the tasks of a stage took when most of them are done.
func (c *core) watch(b *batch, s int) {
	st := &b.stages[s]
	if !c.fleet.elastic || st.late > 0 || st.left > max(1, st.todo/mostDone) || c.graph.stages[s].Stateful && st.left > 0 {
		return
	}
	var took []int64
	for i := range st.tasks {
		if t := &st.tasks[i]; t.state == accepted {
			took = append(took, t.out.since)
		}
	}
	slices.Sort(took)
	middle := took[len(took)/2]
	c.fleet.usual[s], st.late = middle, max(lateTimes*middle, leastLate)
	for i := range st.tasks {
		if t := &st.tasks[i]; t.state == launched {
			c.expectBy(t)
		}
	}
}

// expectBy sees to it that somebody looks when a task that was launched is late.
func (c *core) expectBy(t *task) {
	if !c.fleet.elastic {
		return
	}
	if !c.fleet.sweeps {
		c.fleet.sweeps = true
		c.later(retry{due: c.now + c.fleet.lease, op: opSweep})
	}
	if st := &t.batch.stages[t.stage]; st.late > 0 && !st.watched && !c.graph.stages[t.stage].Stateful {
		st.watched = true
		c.later(retry{due: max(t.out.since+st.late, c.now+1), op: opLate, batch: t.batch.id, stage: t.stage})
	}
}

// lookLate copies the tasks of a stage that are late, and looks again when the next
// one may be.
func (c *core) lookLate(id rdd.BatchID, s int) {
	b := c.at(id)
	if b == nil {
		return
	}
	st := &b.stages[s]
	st.watched = false
	next := int64(0)
	for i := range st.tasks {
		t := &st.tasks[i]
		if t.state != launched || t.twin != nil {
			continue
		}
		due := t.out.since + st.late
		if due <= c.now && c.copy(t) {
			continue
		}
		if due = max(due, c.now+leastLate); next == 0 || due < next {
			next = due
		}
	}
	if next > 0 {
		st.watched = true
		c.later(retry{due: next, op: opLate, batch: id, stage: s})
	}
}

// copy runs a second attempt of a task on another node that has nothing else to do.
func (c *core) copy(t *task) bool {
	node := c.spare(t)
	if node == anyNode || t.twin != nil {
		return false
	}
	c.refill(t.batch, t.stage)
	for i := range t.blocks {
		from := &t.batch.stages[t.blocks[i].Stage].tasks[t.blocks[i].Task]
		if from.state != accepted || c.slots.seats[from.out.node].gone {
			return false // the first attempt may have them already
		}
	}
	c.slots.occupy(node, t)
	a := c.try(t, node, false)
	t.twin = &a
	t.excused++
	return true
}

// spare returns a node for a second attempt at a task: one other than where it is, that
// has a free slot and takes tasks; one of its site if there is one at work. Or anyNode.
func (c *core) spare(t *task) int {
	s, site := &c.slots, c.siteOf(t)
	if c.fleet.deserted[site] {
		site = ""
	}
	for i := range s.idle.len {
		node := s.idle.items[(s.idle.head+i)%len(s.idle.items)]
		if node != t.out.node && s.free[node] > 0 && s.takes(node) && (site == "" || s.nodes[node].Site == site) {
			return node
		}
	}
	return anyNode
}

// leaseOf is how long a task may be without an answer.
func (c *core) leaseOf(t *task) int64 {
	return max(c.fleet.lease, leaseTimes*c.fleet.usual[t.stage]) << min(t.leases, 10)
}

// last returns the attempt at a task that was launched last.
func (t *task) last() attempt {
	if t.twin != nil && t.twin.since > t.out.since {
		return *t.twin
	}
	return t.out
}

// sweep looks at the leases of all tasks that are out, and again when the next one
// may be over.
func (c *core) sweep() {
	next := int64(math.MaxInt64)
	for node := range c.slots.seats {
		for _, h := range slices.Clone(c.slots.seats[node].tasks) {
			t := h.task
			if t.state != launched || t.last().node != node {
				continue
			}
			if c.now-t.last().since >= c.leaseOf(t) {
				c.overdue(t)
			}
			if c.over {
				return
			}
			next = min(next, max(t.last().since+c.leaseOf(t), c.now+c.fleet.lease/4))
		}
	}
	if c.fleet.sweeps = next < math.MaxInt64; c.fleet.sweeps {
		c.later(retry{due: next, op: opSweep})
	}
}

// overdue does something about a task whose last attempt has outlived its lease.
func (c *core) overdue(t *task) {
	if c.graph.stages[t.stage].Stateful {
		home := c.slots.nodes[t.out.node]
		c.setBack(fault.New(fault.Lost, "batch %d stage %d task %d has not been heard of from %s for %s",
			t.batch.id, t.stage, t.index, home.Name, time.Duration(c.now-t.out.since)*time.Microsecond), home)
		return
	}
	if c.spare(t) == anyNode {
		return
	}
	t.leases++
	if t.twin != nil {
		older, newer := t.out, t.last()
		if newer.no == older.no {
			older = *t.twin
		}
		c.abandon(t, older)
		t.goOn(newer)
	}
	c.copy(t)
}

// blame holds a failure against a node. One that fails badly is set aside for a
// while, and what failed there is not held against the task.
func (c *core) blame(t *task, node, turn int) {
	seat := &c.slots.seats[node]
	if seat.ill != turn {
		seat.ill = turn
		seat.bad++
	}
	if !c.fleet.elastic || seat.gone || seat.bad < badly {
		return
	}
	if t.attempt < hardLimit {
		t.excused++
	}
	if seat.aside {
		return
	}
	seat.aside = true
	rest := firstAside << min(seat.bad-badly, mostAside)
	c.later(retry{due: c.now + rest, op: opBack, node: node})
	c.requeue(node)
	if seat.bad == badly {
		c.say("%s is set aside: %d tasks have failed there one after the other", c.slots.nodes[node].Name, seat.bad)
	}
}

// shun sets nodes aside that an earlier taking-up had trouble with, and returns the
// nodes among which parts are to be divided: the others, if there are any.
func (c *core) shun(names []string) []Node {
	nodes := slices.Clone(c.slots.nodes)
	left := 0
	for i := range nodes {
		if c.slots.takes(i) && nodes[i].Slots > 0 && !slices.Contains(names, nodes[i].Name) {
			left++
		}
	}
	if left == 0 {
		return nodes
	}
	for i := range nodes {
		if slices.Contains(names, nodes[i].Name) {
			nodes[i].Draining, c.slots.seats[i].aside = true, true
			c.later(retry{due: c.now + c.fleet.lease, op: opBack, node: i})
		}
	}
	return nodes
}

// letBack lets a node back in that was set aside.
func (c *core) letBack(node int) {
	c.slots.seats[node].aside = false
	c.slots.due.push(node)
	c.slots.idle.push(node)
}
