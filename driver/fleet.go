package driver

import (
	"errors"
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// fleet is what the core knows of the fleet's changes.
type fleet struct {
	elastic  bool
	held     *started        // a run that waits for its first node
	lease    int64           // that a task has at least, in microseconds
	usual    []int64         // by stage: what a task took in the middle, the last time that was looked
	took     []int64         // by stage: how long its last task was out, in microseconds; 0: none has ended
	sweeps   bool            // a look at the leases is due
	movable  bool            // parts can move
	moves    int             // parts that are on their way
	deserted map[string]bool // sites that sources name and that have no node
	lossy    rdd.BatchID     // blocks of the batches up to it may have lain on nodes that are gone
}

// fewParts is how many parts a run has at least, as far as there are key groups,
// whose fleet may change: nodes that join can be given some of them.
const fewParts = 16

// setback is why a run has to be taken up again from its last checkpoint: state
// that it needs is gone.
type setback struct {
	err  error
	shun Node // has failed, and may be still there; or none
}

func (s *setback) Error() string { return s.err.Error() }
func (s *setback) Unwrap() error { return s.err }

// setBack ends the run, and where the fleet may change says that it can be taken up
// again, if possible without the node shun.
func (c *core) setBack(err error, shun Node) {
	if c.fleet.elastic {
		err = &setback{err, shun}
	}
	c.abort(err)
}

// partsOf is how many parts a run is to have, 0 where that is the number of slots.
func (c *core) partsOf(e started) int {
	if e.story.Parts == 0 && e.elastic {
		return min(c.set.KeyGroups, max(c.slots.total, fewParts))
	}
	return e.story.Parts
}

// hold puts off a run that no node can take.
func (c *core) hold(e started) {
	if !e.elastic {
		c.abort(fault.New(fault.Invalid, "no executor has a slot for a task"))
		return
	}
	c.fleet.held = &e
	c.say("waiting for executors")
}

// endUnbegun ends a run that is stopped before there was a node.
func (c *core) endUnbegun() {
	if c.input.stopping && !c.over {
		c.do(finish{c.finished()})
		c.over = true
	}
}

// fleetChanged takes the nodes that there are now. What was out on a node that is
// gone is run elsewhere at once; what lay there is made again when somebody needs
// it.
func (c *core) fleetChanged(e nodesChanged) {
	if held := c.fleet.held; held != nil {
		c.fleet.held = nil
		held.nodes = e.nodes
		c.start(*held)
		return
	}
	if !c.begun {
		return
	}
	oldest, before := c.next, c.slots.total
	switch {
	case c.fleet.moves > 0:
		oldest = 0 // who knows where to
	case len(c.batches) > 0:
		oldest = c.batches[0].id
	}
	left := c.slots.update(e.nodes, oldest, c.next-1)
	if len(left) > 0 {
		c.fleet.lossy = c.next - 1
	}
	if !c.rehome() {
		return
	}
	for _, node := range left {
		c.forsake(node)
	}
	for node := range c.slots.nodes {
		if !c.slots.takes(node) {
			c.requeue(node)
		}
	}
	c.balance()
	switch {
	case c.slots.total == 0 && before > 0:
		c.say("waiting for executors")
	case before == 0 && c.slots.total > 0:
		c.say("going on with %d slots", c.slots.total)
	}
}

// rehome gives parts that have no state yet another home where theirs is gone. It
// reports false where a part had state there that somebody needs: then the run is
// taken up again.
func (c *core) rehome() bool {
	var load []int // parts by node
	for stage, homes := range c.parts.homes {
		for part, home := range homes {
			if !c.slots.seats[home].gone {
				continue
			}
			full := c.parts.full[stage][part]
			switch {
			case full && c.input.final && c.allDone() && !c.revival.on:
				c.parts.moves[stage][part].base = c.done // should anybody ask for it nevertheless
				continue
			case full || c.revival.on:
				c.setBack(fault.New(fault.Lost, "the state of stage %d part %d was on %s, which is gone", stage, part, c.slots.nodes[home].Name), Node{})
				return false
			}
			if load == nil {
				load = c.loads()
			}
			if to := c.roomiest(load); to != anyNode {
				homes[part] = to
				load[to]++
			} else if slices.ContainsFunc(c.slots.seats, func(s seat) bool { return s.stale && !s.gone && !s.aside }) {
				c.setBack(fault.New(fault.Lost, "no node is left for stage %d part %d that has not given it up before", stage, part), Node{})
				return false
			}
		}
	}
	return true
}

// allDone reports whether no task of any batch is left to be run, or to be run again.
func (c *core) allDone() bool {
	return c.done == c.next-1 && !slices.ContainsFunc(c.batches, func(b *batch) bool { return b.pending > 0 })
}

// loads counts the parts of stateful stages by node.
func (c *core) loads() []int {
	load := make([]int, len(c.slots.nodes))
	for _, homes := range c.parts.homes {
		for _, home := range homes {
			load[home]++
		}
	}
	return load
}

// hosts reports whether a node can be home to another part. One that has been gone and
// has come back cannot, if it may still be at work on a part that it had.
func (c *core) hosts(node int) bool {
	return c.slots.nodes[node].Slots > 0 && c.slots.takes(node) && !c.slots.seats[node].stale
}

// roomiest returns the node that can be home to another part and has the fewest a
// slot, or anyNode.
func (c *core) roomiest(load []int) int {
	best := anyNode
	for node, n := range c.slots.nodes {
		if c.hosts(node) && (best == anyNode || (load[node]+1)*c.slots.nodes[best].Slots < (load[best]+1)*n.Slots) {
			best = node
		}
	}
	return best
}

// forsake runs elsewhere what is out on a node that is gone.
func (c *core) forsake(node int) {
	for _, h := range slices.Clone(c.slots.seats[node].tasks) {
		c.giveUp(h.task, node)
	}
	c.requeue(node)
}

// requeue puts the tasks that are in line for a node in line again, for where they
// may run now.
func (c *core) requeue(node int) {
	for _, t := range c.slots.evict(node) {
		c.ready(t)
	}
}

// giveUp waits no longer for what a node has of a task, which is not held against
// the task.
func (c *core) giveUp(t *task, node int) {
	a, rest := t.out, t.twin
	if rest != nil && rest.node == node {
		a, rest = *rest, &t.out
	}
	c.abandon(t, a)
	t.excused++
	if rest != nil {
		t.goOn(*rest)
		return
	}
	c.ready(t)
}

// abandon waits no longer for an attempt.
func (c *core) abandon(t *task, a attempt) {
	c.slots.release(a.node, t)
	if c.graph.stages[t.stage].Stateful {
		c.slots.seats[a.node].stale = true
	}
	c.do(cancelTask{taskRef{batch: t.batch.id, stage: t.stage, index: t.index, attempt: a.no}})
}

// goOn makes an attempt the only one.
func (t *task) goOn(a attempt) { t.out, t.twin, t.node = a, nil, a.node }

// fetchable reports whether the blocks of a task are still there. If some lay on
// nodes that are gone, the tasks that made them run again first, and the task waits.
func (c *core) fetchable(t *task) bool {
	if t.batch.id > c.fleet.lossy {
		return true
	}
	err := fault.New(fault.Lost, "blocks lay on a node that is gone")
	for i := range t.blocks {
		from := &t.batch.stages[t.blocks[i].Stage].tasks[t.blocks[i].Task]
		if from.state != accepted || c.slots.seats[from.out.node].gone {
			t.state = parked
			c.rerun(from, t, err)
		}
	}
	return t.waits == 0 && !c.over
}

// missingOf says which of a task's blocks an error names as missing, or nil where it
// names none of them.
func missingOf(err error, blocks []rdd.Block) []bool {
	var named interface{ MissingBlocks() []rdd.Block }
	if !errors.As(err, &named) {
		return nil
	}
	gone := map[rdd.Block]bool{}
	for _, b := range named.MissingBlocks() {
		gone[placeless(b)] = true
	}
	var out []bool
	for i := range blocks {
		if gone[placeless(blocks[i])] {
			if out == nil {
				out = make([]bool, len(blocks))
			}
			out[i] = true
		}
	}
	return out
}

// placeless is what a block is, wherever it lies.
func placeless(b rdd.Block) rdd.Block {
	b.Node, b.Rows, b.Bytes = "", 0, 0
	return b
}
