package driver

import (
	"cmp"
	"slices"

	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// open starts the tasks of a batch whose planned entry is durable.
func (c *core) open(b *batch) {
	b.state = running
	readers := c.assign(b)
	for i, s := range c.graph.readers {
		c.openStage(b, s, readers[i])
	}
}

// openStage gives a stage its tasks: its inputs are complete.
func (c *core) openStage(b *batch, s int, tasks []task) {
	st := &b.stages[s]
	st.tasks, st.opened = tasks, true
	b.unopened--
	stateful := c.graph.stages[s].Stateful
	for i := range tasks {
		t := &tasks[i]
		t.batch, t.stage, t.index = b, s, i
		if t.state == skipped {
			continue
		}
		st.left++
		st.todo++
		b.pending++
		if !stateful {
			c.ready(t)
		}
	}
	if stateful {
		for part := range tasks {
			c.turnPart(s, part)
		}
	}
	c.closeStage(b, s)
}

// closeStage opens the stages behind one that has become complete.
func (c *core) closeStage(b *batch, s int) {
	st := &b.stages[s]
	if st.left > 0 || st.closed {
		return
	}
	st.closed = true
	for _, next := range c.graph.consumers[s] {
		n := &b.stages[next]
		if n.waiting--; n.waiting == 0 {
			c.openStage(b, next, c.tasksOf(b, next))
		}
	}
}

// ready puts a task in line for a slot.
func (c *core) ready(t *task) {
	t.state = ready
	switch {
	case c.graph.stages[t.stage].Stateful:
		t.node = c.parts.homes[t.stage][t.index]
	case c.siteOf(t) != "":
		t.node = c.near(t)
	case t.node != anyNode && !c.slots.takes(t.node):
		t.node = anyNode
	}
	c.slots.enqueue(t)
}

// dispatch hands ready tasks to free slots, what holds up the most first. Parts of a
// stage may share a slot. Where no slot is left for a task that reads, it may be sent with
// them, to run behind them: by itself it would be sent a moment later.
func (c *core) dispatch() {
	for !c.over {
		turns := c.turns[:0]
		for len(turns) == 0 || c.fleet.elastic { // who may follow shows when all slots are given
			t, node := c.slots.next()
			if t == nil {
				break
			}
			t.state = launched // and not in line: it may stand there twice
			next := turn{node: node, no: c.slots.seats[node].turns, first: t}
			if c.graph.stages[t.stage].Stateful {
				c.slots.mates(&next, c.abreast())
			}
			turns = append(turns, next)
		}
		c.turns = turns
		for i := range turns {
			c.follow(&turns[i])
			c.launchAll(&turns[i])
		}
		if len(turns) == 0 {
			return
		}
		clear(turns)
	}
}

// launchAll sends the tasks of a turn.
func (c *core) launchAll(u *turn) {
	sent := c.launch(u.first, u.node, false)
	for _, t := range u.more {
		sent = c.launch(t, u.node, sent) || sent
	}
}

// muchLonger is how many times as long as the parts before it a task that reads has to
// take: while it waits behind them it cannot be begun elsewhere.
const muchLonger = 4

// follow sends the next task that reads with those of a slot, if they are short beside it.
func (c *core) follow(u *turn) {
	took := c.fleet.took[u.first.stage]
	if !c.fleet.elastic || !c.graph.stages[u.first.stage].Stateful || took == 0 {
		return
	}
	if line := c.slots.reading(u.node); line != nil && c.fleet.took[line.top().stage] >= muchLonger*took {
		c.slots.join(u, line)
	}
}

// abreast is how many parts of a stage share a slot. A fleet that may change has more
// parts than slots, in case that it grows; as long as it has not, they are sent out
// together, for a small part takes no longer than sending it.
func (c *core) abreast() int {
	if !c.fleet.elastic || c.slots.total == 0 {
		return 1
	}
	return (c.parts.count + c.slots.total - 1) / c.slots.total
}

// launch sends a task to a node where it has a slot, perhaps with the one before it. It
// reports false where the task has to wait for blocks.
func (c *core) launch(t *task, node int, with bool) bool {
	c.refill(t.batch, t.stage)
	if !c.fetchable(t) {
		c.slots.release(node, t)
		return false
	}
	t.state, t.node = launched, node
	t.out = c.try(t, node, with)
	c.expectBy(t)
	return true
}

// try sends a task to a node.
func (c *core) try(t *task, node int, with bool) attempt {
	t.attempt++
	if c.graph.stages[t.stage].Stateful {
		c.parts.reached[t.stage][t.index] = max(c.parts.reached[t.stage][t.index], t.batch.id)
	}
	c.do(runTask{node: node, with: with, task: work.Task{
		Job: c.job, Plan: c.digest, Batch: t.batch.id, Stage: t.stage, Index: t.index, Attempt: t.attempt,
		Splits: t.splits, Blocks: t.blocks, Marks: t.batch.plan.Marks, Results: t.batch.known.of(&c.graph.stages[t.stage]),
		Quiet: t.batch.again, Freeze: c.graph.stages[t.stage].Stateful && c.freezes(t.batch), Measure: c.measure,
	}})
	return attempt{no: t.attempt, node: node, remade: t.batch.stages[t.stage].remade, since: c.now}
}

// refill gives the tasks of a stage their blocks anew, after tasks that feed it
// have run again: the blocks may lie elsewhere now.
func (c *core) refill(b *batch, s int) {
	st := &b.stages[s]
	if st.remade == st.filled {
		return
	}
	st.filled = st.remade
	for i, blocks := range c.inbox(b, s) {
		if t := &st.tasks[i]; t.state != skipped {
			t.blocks = blocks
		}
	}
}

// assign groups the splits of a batch into tasks, for each reading stage, in the
// order in which they are to be begun. The stages share the slots by the size of
// what they read.
func (c *core) assign(b *batch) [][]task {
	bySource := splitsBySource(b.plan.Splits, len(c.input.ended))
	weigh := c.weigh
	sums := make([]int64, len(c.graph.readers))
	var total int64
	for i, r := range c.graph.readers {
		for j := range bySource[c.graph.stages[r].Source] {
			sums[i] += weigh(&bySource[c.graph.stages[r].Source][j])
		}
		total += sums[i]
	}
	out := make([][]task, len(c.graph.readers))
	for i, r := range c.graph.readers {
		slots := max(1, int64(c.slots.total)*sums[i]/max(1, total))
		if c.followed(b) {
			out[i] = evenly(bySource[c.graph.stages[r].Source], slots, sums[i], weigh)
		} else {
			out[i] = portion(bySource[c.graph.stages[r].Source], slots, sums[i], weigh)
		}
		longestFirst(out[i], weigh)
		for j := range out[i] {
			c.expect(&out[i][j])
		}
	}
	return out
}

// splitsBySource sorts splits by their source.
func splitsBySource(splits []rdd.Split, sources int) [][]rdd.Split {
	out, counts := make([][]rdd.Split, sources), make([]int, sources)
	for i := range splits {
		counts[splits[i].Source]++
	}
	for i, n := range counts {
		if n == len(splits) {
			out[i] = splits
			return out
		}
		out[i] = make([]rdd.Split, 0, n)
	}
	for i := range splits {
		s := splits[i].Source
		out[s] = append(out[s], splits[i])
	}
	return out
}

// longestFirst puts tasks in the order of their weight, the heaviest first: what
// is begun last is short, so that the slots come to their end about together.
// What a task gives does not depend on when it runs, so only the order within a
// task is that of the source.
func longestFirst(tasks []task, weigh func(*rdd.Split) int64) {
	order, weights := make([]int, len(tasks)), make([]int64, len(tasks))
	sorted := true
	for i := range tasks {
		order[i] = i
		for j := range tasks[i].splits {
			weights[i] += weigh(&tasks[i].splits[j])
		}
		sorted = sorted && (i == 0 || weights[i] <= weights[i-1])
	}
	if sorted {
		return
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(weights[b], weights[a]), cmp.Compare(a, b))
	})
	was := slices.Clone(tasks)
	for i, from := range order {
		tasks[i] = was[from]
	}
}

// followed reports whether a slot that is done with a batch early finds work of
// the next: then large tasks do, of which each costs its start, a file a sink and
// groups to be merged.
func (c *core) followed(b *batch) bool {
	return c.set.InFlight > 1 && slices.Contains(b.plan.Ended, false)
}

// evenly cuts splits into a task a slot.
func evenly(splits []rdd.Split, slots, sum int64, weigh func(*rdd.Split) int64) []task {
	return deal(splits, sum, weigh, func(at float64) int64 { return int64(at * float64(slots)) })
}

// portion cuts splits into tasks for a number of slots: one half into a task a
// slot, the other into two, half as large (Hummel, Schonberg, Flynn: Factoring,
// a method for scheduling parallel loops, CACM 1992).
func portion(splits []rdd.Split, slots, sum int64, weigh func(*rdd.Split) int64) []task {
	return deal(splits, sum, weigh, func(at float64) int64 {
		if at >= 0.5 {
			return slots + int64((at-0.5)*4*float64(slots))
		}
		return int64(at * 2 * float64(slots))
	})
}

// deal cuts splits into tasks of splits that follow one another: those with one
// task's ordinal, which place gives of where the middle of a split lies, from 0 to
// 1.
func deal(splits []rdd.Split, sum int64, weigh func(*rdd.Split) int64, place func(at float64) int64) []task {
	if len(splits) == 0 {
		return nil
	}
	var before int64
	last := int64(-1)
	var begins []int // of tasks
	for i := range splits {
		w := weigh(&splits[i])
		at := place(float64(before+w/2) / float64(sum))
		before += w
		if i == 0 || at != last {
			begins = append(begins, i)
		}
		last = at
	}
	out := make([]task, len(begins))
	for i, begin := range begins {
		end := len(splits)
		if i+1 < len(begins) {
			end = begins[i+1]
		}
		out[i].splits, out[i].node = splits[begin:end:end], anyNode
	}
	return out
}
