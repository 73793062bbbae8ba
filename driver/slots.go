package driver

import (
	"slices"

	"github.com/idag/idag/rdd"
)

// slots is the fleet as the core sees it: free slots, and the tasks in line
// for them. Handing out a task takes time logarithmic in the tasks in line,
// whatever the number of nodes.
//
// A node has a place, which an incarnation of it keeps as long as anything of a
// batch in flight may speak of it.
type slots struct {
	nodes  []Node
	seats  []seat // by node, as the others
	byName map[string]int
	sites  map[string][]int // nodes that have slots, by the site where they stand
	total  int              // slots of the nodes that may be given tasks now or soon
	free   []int
	shared heap[*task]   // may run anywhere
	pinned []heap[*task] // by node
	due    ring          // nodes that may have a free slot and a pinned task
	idle   ring          // nodes that may have a free slot, longest idle first
}

// seat is what is known of a node at work.
type seat struct {
	gone  bool        // with its blocks and its state
	last  rdd.BatchID // of a node that is gone: no later batch speaks of it
	stale bool        // a task of a part with state was given up there, and may still run
	bad   int         // failures since it last did something well; one for each turn of a slot
	ill   int         // the last turn that failed
	aside bool        // it has failed too often and is let be for a while
	tasks []held      // that are out there
	turns int         // slots that were taken, so far
}

// held is a task that is out, and which turn of a slot it has: those of one turn run one
// behind the other.
type held struct {
	*task
	turn int
}

// ring is a first-in-first-out queue of nodes without repetitions.
type ring struct {
	items  []int // as many as there are nodes
	head   int
	len    int
	queued []bool
}

func (r *ring) push(node int) {
	if !r.queued[node] {
		r.queued[node] = true
		r.items[(r.head+r.len)%len(r.items)] = node
		r.len++
	}
}

// top returns the first node of a ring that is not empty.
func (r *ring) top() int { return r.items[r.head] }

func (r *ring) pop() {
	r.queued[r.top()] = false
	r.head = (r.head + 1) % len(r.items)
	r.len--
}

// grow makes room for a number of nodes in all.
func (r *ring) grow(nodes int) {
	items := make([]int, 0, nodes)
	for i := range r.len {
		items = append(items, r.items[(r.head+i)%len(r.items)])
	}
	r.items, r.head = items[:nodes], 0
	r.queued = append(r.queued, make([]bool, nodes-len(r.queued))...)
}

func newSlots(nodes []Node) slots {
	s := slots{byName: make(map[string]int, len(nodes)), shared: heap[*task]{less: before}}
	s.update(nodes, 0, 0)
	return s
}

// before orders tasks by what holds up the most: the oldest batch first, and in
// it what merges before what reads. So a merge that is ready never waits for a
// scan of the same or a later batch to begin.
func before(a, b *task) bool {
	switch {
	case a.batch.id != b.batch.id:
		return a.batch.id < b.batch.id
	case a.reads() != b.reads():
		return b.reads()
	case a.stage != b.stage:
		return a.stage < b.stage
	}
	return a.index < b.index
}

// update takes the nodes that there are now and returns those that are gone. The
// batches up to newest are planned, and places of nodes that were gone before oldest
// was are free.
func (s *slots) update(nodes []Node, oldest, newest rdd.BatchID) (left []int) {
	stays := make([]bool, len(s.nodes))
	var joins []Node
	for _, n := range nodes {
		n.Slots = max(0, n.Slots)
		if at, ok := s.byName[n.Name]; ok && s.nodes[at].Since == n.Since {
			s.free[at] += n.Slots - s.nodes[at].Slots
			s.nodes[at], stays[at], s.seats[at].gone = n, true, false
		} else {
			joins = append(joins, n)
		}
	}
	free := s.vacant(oldest)
	for _, n := range joins {
		if at, ok := s.byName[n.Name]; ok && (at >= len(stays) || stays[at]) {
			continue // a name that is there twice
		}
		at := len(s.nodes)
		if len(free) > 0 {
			at, free = free[0], free[1:]
			stays[at] = true
		}
		s.sit(at, n)
	}
	for at, stay := range stays {
		if seat := &s.seats[at]; !stay && !seat.gone {
			seat.gone, seat.last = true, newest
			left = append(left, at)
		}
	}
	s.count()
	return left
}

// sit gives a node that has joined a place, a new one or that of one that is gone.
func (s *slots) sit(at int, n Node) {
	if at == len(s.nodes) {
		s.nodes, s.seats, s.free = append(s.nodes, n), append(s.seats, seat{}), append(s.free, 0)
		s.pinned = append(s.pinned, heap[*task]{less: before})
	}
	if was := s.nodes[at].Name; s.byName[was] == at {
		delete(s.byName, was)
	}
	s.nodes[at], s.seats[at], s.free[at], s.byName[n.Name] = n, seat{}, n.Slots, at
}

// vacant returns the places of nodes of which no batch from oldest on speaks.
func (s *slots) vacant(oldest rdd.BatchID) (free []int) {
	for at := range s.seats {
		if s.seats[at].gone && s.seats[at].last < oldest {
			free = append(free, at)
		}
	}
	return free
}

// count adds up the slots, and looks at every node anew.
func (s *slots) count() {
	if len(s.nodes) > len(s.idle.queued) {
		s.due.grow(len(s.nodes))
		s.idle.grow(len(s.nodes))
	}
	s.total, s.sites = 0, nil
	for at, n := range s.nodes {
		if n.Site != "" && n.Slots > 0 && !s.seats[at].gone {
			if s.sites == nil {
				s.sites = map[string][]int{}
			}
			s.sites[n.Site] = append(s.sites[n.Site], at)
		}
		if !s.seats[at].gone && !n.Draining {
			s.total += n.Slots
		}
		s.due.push(at)
		s.idle.push(at)
	}
}

// takes reports whether a node may be given any task, and keeps whether it may be
// given one of a part whose state it has.
func (s *slots) takes(node int) bool { return s.keeps(node) && !s.nodes[node].Draining }
func (s *slots) keeps(node int) bool { return !s.seats[node].gone && !s.seats[node].aside }

// find returns the node of a name if it may be given tasks, or anyNode.
func (s *slots) find(name string) int {
	if n, ok := s.byName[name]; ok && s.nodes[n].Slots > 0 && s.takes(n) {
		return n
	}
	return anyNode
}

func (s *slots) enqueue(t *task) {
	if t.node == anyNode {
		s.shared.push(t)
		return
	}
	s.pinned[t.node].push(t)
	s.due.push(t.node)
}

// release gives the slot back that a task had on a node, unless others share it. It
// returns the turn.
func (s *slots) release(node int, t *task) (turn int) {
	seat := &s.seats[node]
	i := slices.IndexFunc(seat.tasks, func(h held) bool { return h.task == t })
	if i >= 0 {
		turn = seat.tasks[i].turn
		last := len(seat.tasks) - 1
		seat.tasks[i], seat.tasks[last] = seat.tasks[last], held{}
		seat.tasks = seat.tasks[:last]
		if !slices.ContainsFunc(seat.tasks, func(h held) bool { return h.turn == turn }) {
			s.free[node]++
		}
	}
	s.due.push(node)
	s.idle.push(node)
	return turn
}

// occupy takes a slot for a task.
func (s *slots) occupy(node int, t *task) {
	seat := &s.seats[node]
	s.free[node]--
	seat.turns++
	seat.tasks = append(seat.tasks, held{t, seat.turns})
}

// turn is tasks that a slot has just been given, one behind the other.
type turn struct {
	node, no int
	first    *task
	more     []*task
}

// mates takes tasks out of the line that may share the slot which a task of a part has:
// other parts of the stage, in the same batch, up to so many in all.
func (s *slots) mates(u *turn, most int) {
	line := &s.pinned[u.node]
	for len(u.more)+1 < most && s.prune(line, u.node) && line.top().batch == u.first.batch && line.top().stage == u.first.stage {
		s.join(u, line)
	}
}

// reading returns the line of the task that a slot of the node would be given next, if that
// one reads, or nil.
func (s *slots) reading(node int) *heap[*task] {
	line := &s.pinned[node]
	own := s.prune(line, node)
	if s.takes(node) && s.prune(&s.shared, anyNode) && (!own || before(s.shared.top(), line.top())) {
		line, own = &s.shared, true
	}
	if !own || !line.top().reads() {
		return nil
	}
	return line
}

// join lets the first task in a line share a slot.
func (s *slots) join(u *turn, line *heap[*task]) {
	t, seat := line.pop(), &s.seats[u.node]
	t.state = launched
	seat.tasks = append(seat.tasks, held{t, u.no})
	u.more = append(u.more, t)
}

// next takes a task out of the line and a slot for it, or returns nil where no
// task can have one.
func (s *slots) next() (*task, int) {
	for s.due.len > 0 {
		node := s.due.top()
		if s.free[node] > 0 && s.keeps(node) && s.prune(&s.pinned[node], node) {
			if s.takes(node) && s.prune(&s.shared, anyNode) && before(s.shared.top(), s.pinned[node].top()) {
				return s.take(&s.shared, node)
			}
			return s.take(&s.pinned[node], node)
		}
		s.due.pop()
	}
	for s.idle.len > 0 && s.prune(&s.shared, anyNode) {
		node := s.idle.top()
		s.idle.pop()
		if s.free[node] > 0 && s.takes(node) {
			t, _ := s.take(&s.shared, node)
			s.idle.push(node)
			return t, node
		}
	}
	return nil, anyNode
}

// prune drops tasks that are not in line here any more and reports whether one is
// left.
func (s *slots) prune(h *heap[*task], node int) bool {
	for h.len() > 0 && (h.top().state != ready || h.top().node != node) {
		h.pop()
	}
	return h.len() > 0
}

func (s *slots) take(h *heap[*task], node int) (*task, int) {
	t := h.pop()
	s.occupy(node, t)
	return t, node
}

// evict returns the tasks that are in line for a node, and for nothing else any
// more.
func (s *slots) evict(node int) []*task {
	var out []*task
	for h := &s.pinned[node]; s.prune(h, node); {
		out = append(out, h.pop())
	}
	return out
}
