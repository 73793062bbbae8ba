package driver

import (
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// groups is how far the key groups of stateful stages have come. State of one
// batch is made of the state of the batch before, so each group goes through
// the batches in order, and always on the same node.
type groups struct {
	settled [][]rdd.BatchID // by stage and group: the last batch accepted or skipped
	touched [][]bool        // by stage and group: it has been given a block, so it may have state
}

func newGroups(g graph, count int) groups {
	out := groups{settled: make([][]rdd.BatchID, len(g.stages)), touched: make([][]bool, len(g.stages))}
	for i, s := range g.stages {
		if s.Stateful {
			out.settled[i], out.touched[i] = make([]rdd.BatchID, count), make([]bool, count)
		}
	}
	return out
}

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
		b.pending++
		if !stateful {
			c.ready(t)
		}
	}
	if stateful {
		for g := range tasks {
			c.turnGroup(s, g)
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

// tasksOf makes the tasks of a stage that takes blocks.
func (c *core) tasksOf(b *batch, s int) []task {
	inbox := c.inbox(b, s)
	tasks := make([]task, len(inbox))
	stage := &c.graph.stages[s]
	for i := range tasks {
		t := &tasks[i]
		t.blocks, t.node = inbox[i], anyNode
		switch {
		case stage.Stateful:
			t.node = i % len(c.slots.nodes)
			c.groups.touched[s][i] = c.groups.touched[s][i] || len(t.blocks) > 0
			if len(t.blocks) == 0 && !c.leaves(b, s, i) {
				t.state = skipped
			}
		case len(t.blocks) == 0:
			t.state = skipped
		case stage.Narrow:
			t.node = c.slots.find(t.blocks[0].Node)
		}
	}
	return tasks
}

// leaves reports whether a key group that is given no block may still have
// something to do: windows leave when the watermark moves, everything at the
// end of the input.
func (c *core) leaves(b *batch, s, group int) bool {
	if b.plan.Final {
		return true
	}
	return c.groups.touched[s][group] && b.plan.Watermark > b.plan.Closed
}

// inbox gathers the blocks that a stage takes, by task: by key group, or for a
// narrow stage by the task that made them. They are in the order of the
// stage's edges and the tasks that made them, whatever came first.
func (c *core) inbox(b *batch, s int) [][]rdd.Block {
	stage := &c.graph.stages[s]
	out := make([][]rdd.Block, c.set.KeyGroups)
	first := map[int]int{} // of a producer's tasks among those of a narrow stage
	if stage.Narrow {
		count := 0
		for _, p := range c.graph.producers[s] {
			first[p] = count
			count += len(b.stages[p].tasks)
		}
		out = make([][]rdd.Block, count)
	}
	for _, e := range stage.Inputs {
		from := b.stages[e.Stage].tasks
		for i := range from {
			if from[i].receipt == nil {
				continue
			}
			for _, block := range from[i].receipt.Blocks {
				if block.Outlet != e.Outlet {
					continue
				}
				to := block.Partition
				if stage.Narrow {
					to = first[e.Stage] + i
				}
				if to < 0 || to >= len(out) {
					c.abort(fault.New(fault.Bug, "stage %d task %d made a block for key group %d of %d", e.Stage, i, to, len(out)))
					return nil
				}
				out[to] = append(out[to], block)
			}
		}
	}
	return out
}

// turnGroup lets a key group go on as far as it can: over batches in which it
// has nothing to do, up to one in which it has.
func (c *core) turnGroup(s, g int) {
	settled := &c.groups.settled[s][g]
	for {
		b := c.at(*settled + 1)
		if b == nil || !b.stages[s].opened {
			return
		}
		t := &b.stages[s].tasks[g]
		switch t.state {
		case skipped, accepted:
			*settled++
			continue
		case blocked:
			c.ready(t)
		case parked, ready, launched:
		}
		return
	}
}

// ready puts a task in line for a slot.
func (c *core) ready(t *task) {
	t.state = ready
	c.slots.enqueue(t)
}

// dispatch hands ready tasks to free slots, those of the oldest batch first.
func (c *core) dispatch() {
	for {
		t, node := c.slots.next()
		if t == nil {
			return
		}
		c.launch(t, node)
	}
}

func (c *core) launch(t *task, node int) {
	t.state, t.node = launched, node
	t.attempt++
	c.refill(t.batch, t.stage)
	t.remade = t.batch.stages[t.stage].remade
	c.do(runTask{node: node, task: planner.Task{
		Job: c.job, Plan: c.digest, Batch: t.batch.id, Stage: t.stage, Index: t.index, Attempt: t.attempt,
		Splits: t.splits, Blocks: t.blocks, Marks: t.batch.plan.Marks,
	}})
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

// tasksPerSlot is into how many tasks a slot's share of reading is cut: more
// than one, so that an uneven one does not hold up the others for long.
const tasksPerSlot = 2

// assign groups the splits of a batch into tasks of about equal size, for each
// reading stage. Each task takes splits that follow one another.
func (c *core) assign(b *batch) [][]task {
	bySource := make([][]rdd.Split, len(c.input.ended))
	for _, s := range b.plan.Splits {
		bySource[s.Source] = append(bySource[s.Source], s)
	}
	weigh := weights(b.plan.Splits)
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
		wanted := max(1, int64(tasksPerSlot*c.slots.total)*sums[i]/max(1, total))
		out[i] = portion(bySource[c.graph.stages[r].Source], wanted, sums[i], weigh)
	}
	return out
}

// portion cuts splits into at most wanted tasks by the weight before each
// split's middle.
func portion(splits []rdd.Split, wanted, sum int64, weigh func(*rdd.Split) int64) []task {
	var out []task
	var before int64
	last, begin := int64(-1), 0
	for i := range splits {
		w := weigh(&splits[i])
		bucket := int64(float64(before+w/2) / float64(sum) * float64(wanted))
		before += w
		if i > 0 && bucket != last {
			out = append(out, task{splits: splits[begin:i:i], node: anyNode})
			begin = i
		}
		last = bucket
	}
	if len(splits) > 0 {
		out = append(out, task{splits: splits[begin:len(splits):len(splits)], node: anyNode})
	}
	return out
}

// weights returns how the size of a split is measured: in rows where all are
// known, else in bytes, else by counting.
func weights(splits []rdd.Split) func(*rdd.Split) int64 {
	rows, bytes := true, true
	for i := range splits {
		rows, bytes = rows && splits[i].Rows >= 0, bytes && splits[i].Bytes >= 0
	}
	switch {
	case rows:
		return func(s *rdd.Split) int64 { return s.Rows + 1 }
	case bytes:
		return func(s *rdd.Split) int64 { return s.Bytes + 1 }
	}
	return func(*rdd.Split) int64 { return 1 }
}
