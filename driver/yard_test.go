package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// yard is a fleet that comes and goes around a core, over as many takings-up as
// it takes. Its nodes hold blocks and state, and lose them when they crash; what a
// task gives is a number made of the blocks that it really finds and the state that
// its node really has, so that a block too many, one too few or a state that is not
// the one of the batch before shows in the rows of a sink. Sinks keep the first
// publication of a batch.
type yard struct {
	plan    *planner.Plan
	sources [][]rdd.Split
	rnd     *rand.Rand
	trouble int // how many things may still happen to the fleet
	core    *core
	now     int64
	alarm   int64

	nodes []*yardNode // all incarnations there have been
	known []Node      // as the core has been told, or will be
	news  bool        // it is not told yet
	jobs  []*job
	turns int
	out   []func() event // other answers that may come

	entries   []Entry
	files     map[string]partState
	sinks     map[[2]int]uint64 // rows, by batch and sink
	acked     map[[2]int]bool   // in this taking-up
	hurt      map[[2]int]int    // publications that failed
	committed rdd.BatchID
	epoch     int64
	ending    command
	err       error
	met       map[string]int
}

// yardNode is an incarnation of a node.
type yardNode struct {
	Node
	dead   bool
	stands int64 // still until then
	blocks map[rdd.Block]uint64
	states map[[2]int]partState
	frozen map[[2]int]partState
}

// partState is what a part knows at the end of a batch, and what it knew before.
type partState struct {
	batch    rdd.BatchID
	now, was uint64
}

// job is an attempt that is out.
type job struct {
	node    *yardNode
	task    work.Task
	turn    int   // of a slot; jobs that share one have the same
	answer  event // when it has run
	given   bool  // up
	dropped bool  // nobody will hear of it
}

func (y *yard) check(ok bool, format string, args ...any) {
	if !ok && y.err == nil {
		y.err = fmt.Errorf(format, args...)
	}
}

func (y *yard) did(what string) { y.met[what]++ }

// drawYard draws a plan, its input and a fleet to begin with.
func drawYard(t *rapid.T) *yard {
	w := drawWorld(t)
	w.plan.Job.Settings.CheckpointEvery = 1
	y := &yard{plan: w.plan, sources: w.sources, files: map[string]partState{}, sinks: map[[2]int]uint64{}, met: map[string]int{}, hurt: map[[2]int]int{},
		rnd: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), trouble: rapid.IntRange(0, 12).Draw(t, "trouble")}
	for range rapid.IntRange(0, 3).Draw(t, "nodes") {
		y.join()
	}
	return y
}

// join adds a node, under a new name or that of one that is gone.
func (y *yard) join() {
	n := &yardNode{Node: Node{Name: fmt.Sprint("n", y.rnd.IntN(4)), Slots: 1 + y.rnd.IntN(3), Since: int64(len(y.nodes))}}
	if slices.ContainsFunc(y.known, func(k Node) bool { return k.Name == n.Name }) {
		return
	}
	n.clear()
	y.nodes = append(y.nodes, n)
	y.known, y.news = append(slices.Clip(y.known), n.Node), true
}

func (n *yardNode) clear() {
	n.blocks, n.states, n.frozen = map[rdd.Block]uint64{}, map[[2]int]partState{}, map[[2]int]partState{}
}

// incarnation returns the node that a Node is.
func (y *yard) incarnation(n Node) *yardNode {
	return y.nodes[slices.IndexFunc(y.nodes, func(o *yardNode) bool { return o.Since == n.Since })]
}

// happen lets something happen to the fleet.
func (y *yard) happen() {
	y.trouble--
	if len(y.known) == 0 {
		y.join()
		return
	}
	at := y.rnd.IntN(len(y.known))
	node := y.incarnation(y.known[at])
	switch y.rnd.IntN(9) {
	case 5, 6: // for less than a lease, or for more than many
		y.did("stands still")
		node.stands = y.now + 1000<<y.rnd.IntN(20)
	case 0, 1:
		y.did("crash")
		node.dead = true
		y.known, y.news = slices.Delete(slices.Clone(y.known), at, at+1), true
	case 2: // it only seems to be gone
		y.did("flap")
		y.known, y.news = slices.Delete(slices.Clone(y.known), at, at+1), true
	case 3:
		y.did("drain")
		y.known = slices.Clone(y.known)
		y.known[at].Draining, y.news = !y.known[at].Draining, true
	case 4: // back, if it has not crashed
		for _, old := range y.nodes {
			if !old.dead && !slices.ContainsFunc(y.known, func(k Node) bool { return k.Name == old.Name }) {
				y.did("comeback")
				y.known, y.news = append(slices.Clip(y.known), old.Node), true
			}
		}
	default:
		y.did("join")
		y.join()
	}
}

// play runs the job to the end of its input, whatever happens.
func (y *yard) play() error {
	for take := 0; y.err == nil; take++ {
		y.check(take < 100, "taken up %d times", take)
		past, err := Recall(context.Background(), told(y.entries))
		y.check(err == nil, "the ledger: %v", err)
		if past.over() {
			return y.err
		}
		y.takeUp(past)
		for step := 0; y.ending == nil && y.err == nil; step++ {
			y.check(step < 50_000, "no end: now %d alarm %d, %d jobs, known %v, line %v, seats %v", y.now, y.alarm, len(y.jobs), y.known, y.core.repairs.line.items, y.core.slots.seats)
			y.next()
		}
		switch end := y.ending.(type) {
		case finish:
			if end.outcome.Final {
				return y.err
			}
			y.did("stop")
		case abort:
			var back *setback
			y.check(errors.As(end.err, &back), "ended: %v", end.err)
			y.did("setback")
		default:
		}
	}
	return y.err
}

// takeUp begins anew behind what the ledger tells. What the nodes had is nothing
// worth any more.
func (y *yard) takeUp(past *Past) {
	var err error
	y.core, err = newCore(y.plan, Pace{})
	y.check(err == nil, "%v", err)
	y.epoch = max(y.epoch+1, past.Epoch)
	y.jobs, y.out, y.ending, y.acked, y.alarm = nil, nil, nil, map[[2]int]bool{}, 0
	for _, n := range y.nodes {
		n.clear()
	}
	first := started{nodes: y.known, epoch: y.epoch, saves: true, history: past.planned, tallies: past.tallies,
		committed: past.Committed, rows: past.Tally.RowsIn, checkpoints: past.checkpoints, elastic: true, moves: y.rnd.IntN(4) > 0}
	if past.Started != nil {
		first.story = *past.Started
	}
	y.news = false
	y.send(ticked{y.now + 1})
	y.send(first)
}

// next lets one thing happen.
func (y *yard) next() {
	if y.rnd.IntN(8) == 0 {
		y.send(ticked{y.now + int64(y.rnd.IntN(50_000))})
	}
	ready := slices.DeleteFunc(slices.Clone(y.jobs), func(j *job) bool {
		return (j.node.dead || j.node.stands > y.now) && j.answer == nil || j.dropped
	})
	switch {
	case y.trouble > 0 && y.rnd.IntN(100) == 0:
		y.trouble--
		y.send(stopped{})
	case y.trouble > 0 && y.rnd.IntN(12) == 0:
		y.happen()
	case y.news && (y.rnd.IntN(4) == 0 || len(y.out)+len(ready) == 0):
		y.news = false
		y.send(nodesChanged{y.known})
	case len(y.out) > 0 && (len(ready) == 0 || y.rnd.IntN(3) == 0):
		i := y.rnd.IntN(len(y.out))
		e := y.out[i]
		y.out = slices.Delete(y.out, i, i+1)
		y.answer(e())
	case len(ready) > 0:
		y.proceed(ready[y.rnd.IntN(len(ready))])
	case y.alarm > y.now:
		y.send(ticked{y.alarm})
	case len(y.core.slots.nodes) == 0 || y.core.slots.total == 0:
		y.known = slices.Clone(y.known)
		for i := range y.known {
			y.known[i].Draining, y.news = false, true
		}
		y.join()
	case len(y.jobs) > 0 && y.now < 1<<40: // what stands still does so for a time
		y.send(ticked{y.now + 1<<20})
	default:
		var tasks []string
		for _, b := range y.core.batches {
			for t := range b.tasks() {
				if t.state != accepted && t.state != skipped {
					tasks = append(tasks, fmt.Sprintf("%d.%d.%d state %d node %d waits %d", b.id, t.stage, t.index, t.state, t.node, t.waits))
				}
			}
		}
		y.check(false, "nothing is out, no alarm is set, and the run is not over: now %d alarm %d, %d jobs, known %v, tasks %v, line %d %v",
			y.now, y.alarm, len(y.jobs), y.known, tasks, y.core.repairs.line.len(), y.core.repairs.line.items)
	}
}

func (y *yard) answer(e event) {
	if p, ok := e.(published); ok {
		y.acked[[2]int{int(p.batch), p.sink}] = true
	}
	y.send(e)
}

// soon lets an event come some time.
func (y *yard) soon(e event) { y.out = append(y.out, func() event { return e }) }

// move brings the state of a part from one node to another, if both live.
func (y *yard) move(cmd moveState) event {
	from, to := y.incarnation(y.core.slots.nodes[cmd.from]), y.incarnation(y.core.slots.nodes[cmd.to])
	part := [2]int{cmd.state.Stage, cmd.state.Index}
	e := stateMoved{stage: part[0], part: part[1]}
	for _, j := range y.jobs {
		y.check(j.given || j.task.Stage != part[0] || j.task.Index != part[1], "part %v moves while %v runs", part, refOf(j.task))
	}
	state := from.states[part]
	if cmd.state.File != "" {
		state = y.files[cmd.state.File]
	}
	if from.dead && cmd.state.File == "" || to.dead || y.rnd.IntN(8) == 0 {
		e.err = fault.New(fault.Retry, "cannot be reached")
		return e
	}
	if cmd.state.File == "" {
		file := fileOf(cmd.state)
		for _, e := range y.core.saves.last {
			y.check(!slices.ContainsFunc(e.Parts, func(s work.State) bool { return s.File == file }), "a file of a checkpoint is written again: %s", file)
		}
	}
	y.check(state.batch <= cmd.state.Batch, "part %v moves behind batch %d, and is at %d", part, cmd.state.Batch, state.batch)
	to.states[part] = partState{batch: cmd.state.Batch, now: state.now, was: state.now}
	delete(to.frozen, part)
	delete(from.states, part)
	delete(from.frozen, part)
	return e
}

// proceed runs a job, or delivers its answer: even of one that was given up, and of
// a node that has died since.
func (y *yard) proceed(j *job) {
	if j.answer == nil {
		j.answer = y.perform(j.node, j.task)
		return
	}
	if j.node.dead && y.rnd.IntN(4) == 0 {
		j.dropped = true
		return
	}
	y.jobs = slices.DeleteFunc(y.jobs, func(o *job) bool { return o == j })
	if j.given {
		y.did("late answer")
	}
	y.send(j.answer)
}

func (y *yard) send(e event) {
	if t, ok := e.(ticked); ok {
		y.now = t.now
	}
	for _, cmd := range y.core.step(e) {
		y.obey(cmd)
	}
	if line := &y.core.repairs.line; line.len() > 0 && y.core.begun && !y.core.revival.on && y.ending == nil {
		y.check(y.alarm == line.top().due && y.alarm > y.now, "the alarm is set to %d, now is %d, and %+v is due", y.alarm, y.now, line.top())
	}
}

func (y *yard) obey(cmd command) {
	switch cmd := cmd.(type) {
	case cutSources:
		y.soon((&world{sources: y.sources}).cut(cmd))
	case appendLog:
		y.append(cmd)
	case runTask:
		y.run(cmd)
	case cancelTask:
		for _, j := range y.jobs {
			if refOf(j.task) == cmd.ref {
				j.given = true
			}
		}
	case publishParts:
		y.publish(cmd)
	case releaseBlocks:
		y.check(cmd.batch <= y.committed, "batch %d is released before it is committed", cmd.batch)
		for _, n := range y.nodes {
			for b := range n.blocks {
				if b.Batch == cmd.batch {
					delete(n.blocks, b)
				}
			}
		}
	case saveState:
		y.soon(y.save(cmd))
	case moveState:
		y.did("move")
		y.out = append(y.out, func() event { return y.move(cmd) })
	case restoreStates:
		y.soon(y.restore(cmd))
	case tidyUp:
		y.soon(tidied{})
	case setAlarm:
		y.alarm = cmd.at
	case notify:
	case finish, abort:
		y.ending = cmd
	}
}

func (y *yard) append(cmd appendLog) {
	y.entries = append(y.entries, cmd.entries...)
	for _, e := range cmd.entries {
		if e, ok := e.(Committed); ok {
			y.check(e.Batch == y.committed+1, "batch %d is committed after %d", e.Batch, y.committed)
			y.committed = e.Batch
		}
	}
	y.soon(logged{})
}

// run takes a task for a node that must be able to have it, as far as the core has
// been told.
func (y *yard) run(cmd runTask) {
	n := y.incarnation(y.core.slots.nodes[cmd.node])
	busy := map[int]bool{} // slots
	for _, j := range y.jobs {
		if j.given {
			continue
		}
		if j.node == n {
			busy[j.turn] = true
		}
		same := j.task.Stage == cmd.task.Stage && j.task.Index == cmd.task.Index
		if same && j.task.Batch == cmd.task.Batch {
			y.did("copy")
			y.check(j.node != n, "%v and %v are both on %s", refOf(j.task), refOf(cmd.task), n.Name)
		}
		if y.plan.Stages[cmd.task.Stage].Stateful {
			y.check(!same, "part %d.%d is out twice", j.task.Stage, j.task.Index)
		}
	}
	y.check(!y.core.slots.seats[cmd.node].gone, "%v runs on %s, which is gone", refOf(cmd.task), n.Name)
	if cmd.with {
		before := y.jobs[len(y.jobs)-1]
		mate := before.task.Stage == cmd.task.Stage && before.task.Batch == cmd.task.Batch
		follows := y.plan.Stages[before.task.Stage].Stateful && y.plan.Stages[cmd.task.Stage].Source >= 0
		if follows {
			y.did("follow")
		}
		y.check(before.node == n && before.turn == y.turns && (mate || follows),
			"%v shares the slot of %v", refOf(cmd.task), refOf(before.task))
		y.did("share a slot")
	} else {
		y.check(len(busy) < y.core.slots.nodes[cmd.node].Slots, "%s has more tasks than slots", n.Name)
		y.turns++
	}
	j := &job{node: n, task: cmd.task, turn: y.turns}
	if n.dead && y.rnd.IntN(2) == 0 {
		j.answer = taskFailed{ref: refOf(cmd.task), err: fault.New(fault.Retry, "%s cannot be reached", n.Name)}
	}
	y.jobs = append(y.jobs, j)
}

// publish keeps the first publication of a batch in a sink.
func (y *yard) publish(cmd publishParts) {
	key := [2]int{int(cmd.commit.Batch), cmd.sink}
	y.check(!y.acked[key], "batch %d is published twice in sink %d", key[0], key[1])
	y.check(cmd.commit.Batch == y.committed+1 || cmd.commit.Batch > y.committed, "batch %d is published, %d are committed", key[0], y.committed)
	if y.trouble > 0 && y.hurt[key] < 2 && y.rnd.IntN(10) == 0 {
		y.trouble--
		y.hurt[key]++
		y.did("parts lost")
		kind := []fault.Kind{fault.Retry, fault.Lost}[y.rnd.IntN(2)]
		y.soon(broke{op: opPublish, batch: cmd.commit.Batch, sink: cmd.sink, err: fault.New(kind, "sink away")})
		return
	}
	var rows uint64
	for _, p := range cmd.parts {
		var n uint64
		y.check(json.Unmarshal(p.Part, &n) == nil, "a part %q", p.Part)
		rows += n
	}
	if _, ok := y.sinks[key]; !ok {
		y.sinks[key] = rows
	} else {
		y.did("published again")
	}
	y.soon(published{batch: cmd.commit.Batch, sink: cmd.sink})
}

func fileOf(s work.State) string { return fmt.Sprint(s.Epoch, s.Batch, s.Stage, s.Index) }

// save answers with the state of a part as its node has it.
func (y *yard) save(cmd saveState) event {
	s, n := cmd.state, y.incarnation(y.core.slots.nodes[cmd.node])
	part := [2]int{s.Stage, s.Index}
	state, ok := n.frozen[part]
	if delete(n.frozen, part); !ok || state.batch != s.Batch {
		state = n.states[part]
	}
	if n.dead || state.batch > s.Batch {
		return stateSaved{state: s, err: fault.New(fault.Retry, "the state is at batch %d", state.batch)}
	}
	s.File = fileOf(s)
	y.files[s.File] = state
	return stateSaved{state: s}
}

func (y *yard) restore(cmd restoreStates) event {
	for at, parts := range cmd.parts {
		n := y.incarnation(y.core.slots.nodes[at])
		if len(parts) > 0 && len(y.core.revival.from.checkpoints) > 1 && y.trouble > 0 && y.rnd.IntN(2) == 0 {
			y.trouble--
			y.did("damaged checkpoint")
			return broke{op: opRestore, err: fault.New(fault.Lost, "damaged")}
		}
		if n.dead && len(parts) > 0 {
			return broke{op: opRestore, err: fault.New(fault.Retry, "%s cannot be reached", n.Name)}
		}
		n.states = map[[2]int]partState{}
		for _, s := range parts {
			state, ok := y.files[s.File]
			y.check(ok, "%+v was never saved", s)
			n.states[[2]int{s.Stage, s.Index}] = partState{batch: s.Batch, now: state.now, was: state.now}
		}
	}
	return statesRestored{}
}
