package driver

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// Simulation measures how fast the driver decides, without a cluster: the core with
// simulated executors, whose answers come at once and in any order. The job reads and
// merges by key into state, with a part for each slot; every task that reads sends to
// eight of them.
//
// Only the time that the core takes is counted, on the goroutine that calls Run. The
// same seed gives the same decisions.
type Simulation struct {
	Nodes int // executors, of one slot each
	Tasks int // decisions at least: whole batches are run
	Seed  uint64
	// Clock is what Took is measured by; nil is the time of the day. On a machine that
	// others use too, that of the processor says more.
	Clock func() time.Duration

	// What Run found. A decision is one task that is assigned, and its receipt that is
	// handled; the ticks between them, and all else that batches take, are in its time.
	Decisions int
	Batches   int64
	Took      time.Duration
	// HeapBytes is what the core had on the heap behind a batch, with all that is in
	// flight then, and AllocBytes what it and the simulated answers allocated in all.
	HeapBytes, AllocBytes int64
}

// PerSecond returns the decisions a second.
func (s *Simulation) PerSecond() float64 { return float64(s.Decisions) / s.Took.Seconds() }

// BytesPerNode returns the bytes of heap for each executor.
func (s *Simulation) BytesPerNode() float64 { return float64(s.HeapBytes) / float64(s.Nodes) }

// Run simulates. It ends early with ctx.
func (s *Simulation) Run(ctx context.Context) error {
	if s.Nodes < 1 || s.Tasks < 1 {
		return fault.New(fault.Invalid, "a simulation of %d tasks on %d executors", s.Tasks, s.Nodes)
	}
	if began := time.Now(); s.Clock == nil {
		s.Clock = func() time.Duration { return time.Since(began) }
	}
	before := heapNow()
	m := &simulated{sim: s, rnd: rand.New(rand.NewPCG(s.Seed, 1)), groups: max(8, s.Nodes)}
	c, err := newCore(simulatedPlan(m.groups), Pace{})
	if err != nil {
		return err
	}
	m.core = c
	first := started{elastic: true}
	for i := range s.Nodes {
		first.nodes = append(first.nodes, Node{Name: fmt.Sprintf("node-%05d", i), Slots: 1})
	}
	m.splits = make([]rdd.Split, 2*s.Nodes)
	for i := range m.splits {
		m.splits[i] = rdd.Split{Partition: int32(i % 64), Rows: 1000}
	}
	m.events = append(m.events, first)
	for s.Decisions < s.Tasks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.round(); err != nil {
			return err
		}
	}
	after := heapNow()
	s.Batches = int64(c.done)
	s.HeapBytes, s.AllocBytes = after[0]-before[0], after[1]-before[1]
	runtime.KeepAlive(m)
	return nil
}

// heapNow returns the bytes that live on the heap, and those allocated so far.
func heapNow() [2]int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return [2]int64{int64(m.HeapAlloc), int64(m.TotalAlloc)}
}

func simulatedPlan(groups int) *planner.Plan {
	return &planner.Plan{
		Digest: "simulated", Reads: []int{0}, Writes: []int{0},
		Job: rdd.NewJob("simulated", nil).With(rdd.Settings{KeyGroups: groups, InFlight: 3}),
		Stages: []planner.Stage{
			{ID: 0},
			{ID: 1, Source: -1, Stateful: true, Inputs: []planner.Edge{{Stage: 0}}, Sinks: []int{0}},
		},
	}
}

// simulated is all that is around the core.
type simulated struct {
	sim    *Simulation
	core   *core
	rnd    *rand.Rand
	groups int
	splits []rdd.Split
	now    int64
	events []event   // that have happened
	said   []command // what the core has said to them
}

// round gives the core all that has happened, in any order, each with the time that
// it is, and then answers.
func (m *simulated) round() error {
	m.rnd.Shuffle(len(m.events), func(i, j int) { m.events[i], m.events[j] = m.events[j], m.events[i] })
	m.said = m.said[:0]
	begin := m.sim.Clock()
	for _, e := range m.events {
		m.now += 3
		m.said = append(m.said, m.core.step(ticked{m.now})...)
		m.said = append(m.said, m.core.step(e)...)
	}
	m.sim.Took += m.sim.Clock() - begin
	clear(m.events)
	m.events = m.events[:0]
	for _, cmd := range m.said {
		if err := m.answer(cmd); err != nil {
			return err
		}
	}
	if len(m.events) == 0 {
		return fault.New(fault.Bug, "the simulation stands still after %d tasks", m.sim.Decisions)
	}
	return nil
}

func (m *simulated) answer(cmd command) error {
	var e event
	switch cmd := cmd.(type) {
	case cutSources:
		e = sliced{[]slice{{splits: m.splits}}}
	case appendLog:
		e = logged{}
	case publishParts:
		e = published{batch: cmd.commit.Batch, sink: cmd.sink}
	case runTask:
		m.sim.Decisions++
		e = m.receipt(&cmd.task)
	case saveState:
		e = stateSaved{state: cmd.state}
	case tidyUp:
		e = tidied{}
	case abort:
		return cmd.err
	case releaseBlocks, setAlarm, notify, cancelTask, moveState, restoreStates, finish:
		return nil
	}
	m.events = append(m.events, e)
	return nil
}

// sendsTo is how many parts a task that reads sends to.
const sendsTo = 8

func (m *simulated) receipt(t *work.Task) event {
	r := &work.Receipt{Batch: t.Batch, Stage: t.Stage, Index: t.Index, Attempt: t.Attempt, Tally: work.Tally{RowsIn: 1000}}
	if t.Stage == 0 {
		r.Times = []work.PartTime{{Max: int64(t.Batch)}}
		r.Blocks = make([]rdd.Block, sendsTo)
		for i := range r.Blocks {
			r.Blocks[i] = rdd.Block{Batch: t.Batch, Task: t.Index, Partition: (t.Index*sendsTo + i) % m.groups, Node: "node"}
		}
	}
	return taskDone{ref: refOf(*t), receipt: r}
}
