package driver

import (
	"iter"

	"github.com/idag/idag/rdd"
)

// parts is how the stages that merge are divided into tasks, and how far each
// part of a stateful stage has come. With n parts, part p takes the key groups
// g for which g mod n is p, whole; so there are never more parts than slots that
// could work on them at once, nor more than key groups. State of one batch is
// made of the state of the batch before, so each part of a stateful stage goes
// through the batches in order, and always on the same node.
type parts struct {
	keyGroups int
	count     int
	homes     [][]int         // by stateful stage and part: the node that has its state
	full      [][]bool        // by stateful stage and part: it may have state, and only at home
	moves     [][]move        // by stateful stage and part
	settled   [][]rdd.BatchID // by stateful stage and part: the last batch accepted or skipped
	reached   [][]rdd.BatchID // by stateful stage and part: the last batch of which a task was sent out
}

// newParts divides the stages into count parts, or where that is 0 into as many as
// the nodes have slots. A run keeps the number that it began with, on any nodes.
func newParts(g graph, keyGroups, count int, nodes []Node) parts {
	ring := slotRing(nodes, keyGroups)
	if count <= 0 {
		count = min(keyGroups, len(ring))
	}
	p := parts{
		keyGroups: keyGroups,
		count:     count,
		homes:     make([][]int, len(g.stages)),
		full:      make([][]bool, len(g.stages)),
		moves:     make([][]move, len(g.stages)),
		settled:   make([][]rdd.BatchID, len(g.stages)),
		reached:   make([][]rdd.BatchID, len(g.stages)),
	}
	given, turns := 0, 0
	for i, s := range g.stages {
		if !s.Stateful {
			continue
		}
		if given > 0 && given%len(ring) == 0 {
			turns++
		}
		p.homes[i] = make([]int, p.count)
		p.full[i], p.moves[i] = make([]bool, p.count), make([]move, p.count)
		p.settled[i], p.reached[i] = make([]rdd.BatchID, p.count), make([]rdd.BatchID, p.count)
		for part := range p.homes[i] {
			// Every stage goes on where the one before ended, and one further
			// when it would begin where the first one did: part 0, which alone
			// has work where there are no keys, is not always on the same node.
			p.homes[i][part] = ring[(given+turns+part)%len(ring)]
		}
		given += p.count
	}
	return p
}

// slotRing lists the nodes, each as often as it has slots that count, such that
// a node comes again only after all others that have as many slots.
func slotRing(nodes []Node, atMost int) []int {
	var ring []int
	for round := 0; round < atMost; round++ {
		begun := len(ring)
		for i, n := range nodes {
			if n.Slots > round && !n.Draining {
				ring = append(ring, i)
			}
		}
		if len(ring) == begun {
			break
		}
	}
	return ring
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
			t.node = c.parts.homes[s][i]
			if len(t.blocks) == 0 && !b.leaves() && !c.freezes(b) {
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

// leaves reports whether a part that is given no block may still have something
// to do: windows leave when the watermark moves, everything at the end of the
// input. Whether the part has any state is not asked: stages open in any order of
// batches, and a batch before this one may still bring it its first block.
func (b *batch) leaves() bool {
	return b.plan.Final || b.plan.Watermark > b.plan.Closed
}

// inbox gathers the blocks that a stage takes, by task: by part, or for a
// narrow stage by the task that made them. They are in the order of the
// stage's edges and the tasks that made them, whatever came first.
func (c *core) inbox(b *batch, s int) [][]rdd.Block {
	first, count := make([]int, len(c.graph.stages)), c.parts.count
	if c.graph.stages[s].Narrow {
		count = 0
		for _, p := range c.graph.producers[s] {
			first[p] = count // of its tasks among those of the narrow stage
			count += len(b.stages[p].tasks)
		}
	}
	sizes, total := make([]int, count), 0
	for to := range c.mail(b, s, first) {
		sizes[to]++
		total++
	}
	out, rest := make([][]rdd.Block, count), make([]rdd.Block, total)
	for to, n := range sizes {
		out[to], rest = rest[:0:n], rest[n:]
	}
	for to, block := range c.mail(b, s, first) {
		out[to] = append(out[to], *block)
	}
	return out
}

// mail yields the blocks that a stage takes, each with its task's index. first is
// the index of a producer's first task among those of a narrow stage.
func (c *core) mail(b *batch, s int, first []int) iter.Seq2[int, *rdd.Block] {
	stage := &c.graph.stages[s]
	return func(yield func(int, *rdd.Block) bool) {
		for _, e := range stage.Inputs {
			from := b.stages[e.Stage].tasks
			for i := range from {
				if from[i].receipt == nil {
					continue
				}
				blocks := from[i].receipt.Blocks
				for j := range blocks {
					to := first[e.Stage] + i
					if !stage.Narrow {
						to = blocks[j].Partition % c.parts.count
					}
					if blocks[j].Outlet == e.Outlet && !yield(to, &blocks[j]) {
						return
					}
				}
			}
		}
	}
}

// turnPart lets a part go on as far as it can: over batches in which it has
// nothing to do, up to one in which it has.
func (c *core) turnPart(s, part int) {
	settled := &c.parts.settled[s][part]
	for {
		b := c.at(*settled + 1)
		if b == nil || !b.stages[s].opened {
			c.departs(s, part)
			return
		}
		t := &b.stages[s].tasks[part]
		switch t.state {
		case skipped, accepted:
			*settled++
			continue
		case blocked:
			if !c.departs(s, part) {
				c.ready(t)
			}
		case ready:
			t.state = blocked
			if !c.departs(s, part) {
				c.ready(t)
			}
		case parked, launched:
		}
		return
	}
}
