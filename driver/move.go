package driver

import (
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// Parts of stateful stages move to nodes that join, and off those that are to be
// left, without a restart: between two batches of a part its state is saved where it
// is, taken up where it goes, and emptied where it was; then the part goes on.

const (
	// someMoves is how many parts are on their way, or meant to be, at once.
	someMoves = 16
	// moveAgain is how long a move that failed is let be, in microseconds.
	moveAgain = 1_000_000
)

// move is where a part of a stateful stage is to go.
type move struct {
	to   int         // place of a node, plus one; 0: it stays
	away bool        // a moveState is out
	base rdd.BatchID // behind which it has moved the last time: no batch up to it can run again
}

// balance says which parts are to go where: off nodes that are to be left, and from
// those that have many for their slots to those that have few.
func (c *core) balance() {
	if !c.fleet.movable || c.input.stopping || c.slots.total == 0 || c.over {
		return
	}
	load, wishes := c.bound()
	for stage, homes := range c.parts.homes {
		for part, home := range homes {
			if m := &c.parts.moves[stage][part]; m.to > 0 || wishes >= someMoves || !c.leaves(home) {
				continue
			}
			to := c.roomiest(load)
			if to == anyNode {
				return
			}
			c.send(stage, part, to)
			load[home]--
			load[to]++
			wishes++
		}
	}
	for ; wishes < someMoves; wishes++ {
		from, to := c.fullest(load), c.roomiest(load)
		if from == anyNode || to == anyNode || load[from]*c.slots.nodes[to].Slots <= (load[to]+1)*c.slots.nodes[from].Slots {
			return
		}
		stage, part := c.spareOf(from)
		if part < 0 {
			return
		}
		c.send(stage, part, to)
		load[from]--
		load[to]++
	}
}

// bound counts the parts that each node has, or is to have, and those that are to
// move.
func (c *core) bound() (load []int, wishes int) {
	load = c.loads()
	for stage, homes := range c.parts.homes {
		for part, home := range homes {
			if to := c.parts.moves[stage][part].to; to > 0 {
				load[home]--
				load[to-1]++
				wishes++
			}
		}
	}
	return load, wishes
}

// leaves reports whether a node is there and is to be left.
func (c *core) leaves(node int) bool {
	n := c.slots.nodes[node]
	return c.slots.keeps(node) && (n.Draining || n.Slots == 0)
}

// fullest returns the node that has the most parts a slot, or anyNode.
func (c *core) fullest(load []int) int {
	most := anyNode
	for node, n := range c.slots.nodes {
		if n.Slots > 0 && c.slots.takes(node) && (most == anyNode || load[node]*c.slots.nodes[most].Slots > load[most]*n.Slots) {
			most = node
		}
	}
	return most
}

// spareOf returns a part that a node can give away: of the stage of which it has most.
func (c *core) spareOf(node int) (stage, part int) {
	most := 0
	stage, part = -1, -1
	for s, homes := range c.parts.homes {
		count, last := 0, -1
		for p, home := range homes {
			if home == node && c.parts.moves[s][p].to == 0 {
				count, last = count+1, p
			}
		}
		if count > most {
			most, stage, part = count, s, last
		}
	}
	return stage, part
}

// send lets a part go to a node as soon as it can.
func (c *core) send(stage, part, to int) {
	c.parts.moves[stage][part].to = to + 1
	c.turnPart(stage, part)
}

// departs reports whether a part that is between two batches is on its way to
// another node. One that is to go sets out, unless a checkpoint is being made; one
// that has no state is there at once.
func (c *core) departs(stage, part int) bool {
	m := &c.parts.moves[stage][part]
	if m.to == 0 || m.away {
		return m.away
	}
	to := m.to - 1
	switch {
	case c.touched(stage, part):
		return false
	case c.saves.mark != nil || c.saves.out != nil || c.input.stopping || c.revival.on:
		return false
	case !c.hosts(to) || to == c.parts.homes[stage][part]:
		m.to = 0
		return false
	case !c.parts.full[stage][part]:
		c.parts.homes[stage][part], m.to = to, 0
		return false
	}
	state := work.State{Epoch: c.epoch, Batch: c.parts.settled[stage][part], Stage: stage, Index: part}
	if n := len(c.saves.last); n > 0 && c.saves.last[n-1].Batch == state.Batch {
		for _, s := range c.saves.last[n-1].Parts {
			if s.Stage == stage && s.Index == part {
				state = s // a file of its name is there, and must stay as it is
			}
		}
	}
	m.away = true
	c.fleet.moves++
	c.do(moveState{from: c.parts.homes[stage][part], to: to, state: state})
	return true
}

// touched reports whether a task has been at work already on what the next batch makes
// of a part: then the state cannot be had any more as the last one left it.
func (c *core) touched(stage, part int) bool {
	b := c.at(c.parts.settled[stage][part] + 1)
	return b != nil && b.stages[stage].opened && b.stages[stage].tasks[part].attempt > 0
}

// depart lets all parts set out that are to and can, once a checkpoint is made.
func (c *core) depart() {
	for stage, moves := range c.parts.moves {
		for part := range moves {
			if moves[part].to > 0 && !moves[part].away {
				c.turnPart(stage, part)
			}
		}
	}
}

// moved goes on with a part that has come to another node, or could not.
func (c *core) moved(e stateMoved) {
	if e.stage >= len(c.parts.moves) || e.part >= len(c.parts.moves[e.stage]) || !c.parts.moves[e.stage][e.part].away {
		return
	}
	m := &c.parts.moves[e.stage][e.part]
	to := m.to - 1
	m.to, m.away = 0, false
	c.fleet.moves--
	switch {
	case e.err != nil && fault.Of(e.err) == fault.Bug:
		c.abort(e.err)
		return
	case e.err != nil:
		c.say("stage %d part %d stays on %s: %v", e.stage, e.part, c.slots.nodes[c.parts.homes[e.stage][e.part]].Name, e.err)
		c.later(retry{due: c.now + moveAgain, op: opMove})
	case c.slots.seats[to].gone:
		c.setBack(fault.New(fault.Lost, "the state of stage %d part %d was on %s, which is gone", e.stage, e.part, c.slots.nodes[to].Name), Node{})
		return
	default:
		c.parts.homes[e.stage][e.part], m.base = to, c.parts.settled[e.stage][e.part]
	}
	c.turnPart(e.stage, e.part)
	if e.err == nil {
		c.balance()
	}
}
