package service

import (
	"cmp"
	"slices"
	"sync"

	"github.com/idag/idag/internal/gossip"
)

// broker divides the slots of the executors among the jobs that run. Each job gets an
// equal share of the slots of every executor, so that it may run wherever its rows are
// and its state stays where it is when jobs come and go. What is left over of an
// executor goes to the jobs with the fewest slots so far. If there are more jobs than
// slots on an executor, each has one: their tasks share its processors. A job that
// comes when as many jobs run as there are slots in the whole cluster waits.
type broker struct {
	members func() []gossip.Member

	mu    sync.Mutex
	seats []*Seat // in the order of joining
}

// Seat is what a job sees of the cluster: the executors that may run its tasks, with
// its share of their slots.
type Seat struct {
	job     string
	note    func(string) // may be nil
	lacks   func() string
	changes chan struct{}

	mu      sync.Mutex
	members []gossip.Member
}

func newBroker(members func() []gossip.Member) *broker { return &broker{members: members} }

// Members returns the executors that are alive or leaving, by name, with the slots that
// the job may use. There are none while the job has to wait.
func (s *Seat) Members() []gossip.Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.members)
}

// Changes yields when Members may return something else: look again.
func (s *Seat) Changes() <-chan struct{} { return s.changes }

// Job is the name of the job.
func (s *Seat) Job() string { return s.job }

// Note tells those who follow the job something.
func (s *Seat) Note(text string) {
	if s.note != nil {
		s.note(text)
	}
}

// Lacks says what the job waits for while there are no members, as in "for executors".
func (s *Seat) Lacks() string { return s.lacks() }

func (s *Seat) set(members []gossip.Member) {
	s.mu.Lock()
	same := slices.EqualFunc(s.members, members, sameShare)
	s.members = members
	s.mu.Unlock()
	if same {
		return
	}
	select {
	case s.changes <- struct{}{}:
	default:
	}
}

// sameShare reports whether a job has nothing to do about a change.
func sameShare(a, b gossip.Member) bool {
	return a.Name == b.Name && a.RPC == b.RPC && a.Slots == b.Slots && a.Site == b.Site && a.Condition == b.Condition
}

// join gives a job a seat. Of what is said to it, note is told.
func (b *broker) join(job string, note func(string), lacks func() string) *Seat {
	s := &Seat{job: job, note: note, lacks: lacks, changes: make(chan struct{}, 1)}
	b.mu.Lock()
	b.seats = append(b.seats, s)
	b.mu.Unlock()
	b.divide()
	return s
}

// part gives a seat back.
func (b *broker) part(s *Seat) {
	b.mu.Lock()
	b.seats = slices.DeleteFunc(b.seats, func(o *Seat) bool { return o == s })
	b.mu.Unlock()
	b.divide()
}

// divide divides anew.
func (b *broker) divide() {
	b.mu.Lock()
	defer b.mu.Unlock()
	shares := divide(b.members(), len(b.seats))
	for i, s := range b.seats {
		s.set(shares[i])
	}
}

// divide returns the executors as each of n jobs sees them. Slots of executors that are
// leaving do not count for who may run.
func divide(members []gossip.Member, n int) [][]gossip.Member {
	shares := make([][]gossip.Member, n)
	var executors []gossip.Member
	total := 0
	for _, m := range members {
		if m.Role != gossip.Executor || m.Slots <= 0 || m.Condition != gossip.Alive && m.Condition != gossip.Leaving {
			continue
		}
		if executors = append(executors, m); m.Condition == gossip.Alive {
			total += m.Slots
		}
	}
	slices.SortFunc(executors, func(a, b gossip.Member) int { return cmp.Compare(a.Name, b.Name) })
	running := min(n, total)
	if running == 0 {
		return shares
	}
	have := make([]int, running)
	for _, m := range executors {
		given := make([]int, running)
		for i := range given {
			given[i] = max(1, m.Slots/running)
		}
		for range m.Slots - min(m.Slots, running*max(1, m.Slots/running)) {
			given[poorest(have, given)]++
		}
		for i := range given {
			have[i] += given[i]
			mine := m
			mine.Slots = given[i]
			shares[i] = append(shares[i], mine)
		}
	}
	return shares
}

// poorest returns the first of those who have least.
func poorest(have, given []int) int {
	least := 0
	for i := range given {
		if have[i]+given[i] < have[least]+given[least] {
			least = i
		}
	}
	return least
}
