package driver

// slots is the fleet as the core sees it: free slots, and the tasks in line
// for them. Handing out a task takes time logarithmic in the tasks in line,
// whatever the number of nodes.
type slots struct {
	nodes  []Node
	byName map[string]int
	total  int
	free   []int         // by node
	shared heap[*task]   // may run anywhere
	pinned []heap[*task] // by node
	due    ring          // nodes that may have a free slot and a pinned task
	idle   ring          // nodes that may have a free slot, longest idle first
}

// ring is a first-in-first-out queue of nodes without repetitions.
type ring struct {
	items  []int // as many as there are nodes
	head   int
	len    int
	queued []bool
}

func newRing(nodes int) ring {
	return ring{items: make([]int, nodes), queued: make([]bool, nodes)}
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

func newSlots(nodes []Node) slots {
	s := slots{
		nodes:  nodes,
		byName: make(map[string]int, len(nodes)),
		free:   make([]int, len(nodes)),
		shared: heap[*task]{less: before},
		pinned: make([]heap[*task], len(nodes)),
		due:    newRing(len(nodes)),
		idle:   newRing(len(nodes)),
	}
	for i, n := range nodes {
		s.byName[n.Name] = i
		s.free[i] = max(0, n.Slots)
		s.total += s.free[i]
		s.pinned[i].less = before
		s.idle.push(i)
	}
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

// find returns the node of a name, or anyNode.
func (s *slots) find(name string) int {
	if n, ok := s.byName[name]; ok && s.nodes[n].Slots > 0 {
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

// release gives a slot back.
func (s *slots) release(node int) {
	s.free[node]++
	s.due.push(node)
	s.idle.push(node)
}

// next takes a task out of the line and a slot for it, or returns nil where no
// task can have one.
func (s *slots) next() (*task, int) {
	for s.due.len > 0 {
		node := s.due.top()
		if s.free[node] > 0 && s.prune(&s.pinned[node]) {
			if s.prune(&s.shared) && before(s.shared.top(), s.pinned[node].top()) {
				return s.take(&s.shared, node)
			}
			return s.take(&s.pinned[node], node)
		}
		s.due.pop()
	}
	for s.idle.len > 0 && s.prune(&s.shared) {
		node := s.idle.top()
		s.idle.pop()
		if s.free[node] > 0 {
			t, _ := s.take(&s.shared, node)
			s.idle.push(node)
			return t, node
		}
	}
	return nil, anyNode
}

// prune drops tasks that are not ready any more and reports whether one is left.
func (s *slots) prune(h *heap[*task]) bool {
	for h.len() > 0 && h.top().state != ready {
		h.pop()
	}
	return h.len() > 0
}

func (s *slots) take(h *heap[*task], node int) (*task, int) {
	s.free[node]--
	return h.pop(), node
}
