package driver

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// world is everything around a core: it answers commands in any order, with
// failures, and holds the core to its promises. What a task gives is a function
// of its batch, stage and index, as it should be of an executor.
type world struct {
	core    *core
	plan    *planner.Plan
	nodes   []Node
	rnd     *rand.Rand
	sources [][]rdd.Split // what each source holds
	hostile bool
	stopAt  int      // step at which to stop, or -1
	past    *started // of a run that takes up another

	out     []event // answers that may come, in any order
	again   []event // answers that came and may come once more
	alarm   int64
	now     int64
	lost    int              // how many losses may still be
	failed  map[taskRef]bool // without attempt: failed already
	running map[taskRef]int  // attempts that are out, and where
	last    map[taskRef]work.Receipt

	checkpoints []Checkpointed
	files       map[work.State]bool // that were saved
	entries     []Entry             // of the ledger
	trims       bool
	crashAt     int // step at which everything ends, or 0
	planned     []Planned
	logging     bool           // an append is out
	committed   rdd.BatchID    // in the ledger
	publishes   map[[2]int]int // acknowledged, by batch and sink
	merged      map[[2]int]rdd.BatchID
	frozen      map[[2]int]rdd.BatchID
	homes       map[[2]int]int // of parts, by stage and part
	released    rdd.BatchID
	ending      command
	err         error
}

func (w *world) check(ok bool, format string, args ...any) {
	if !ok && w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// play runs to the end, or to the first broken promise.
func (w *world) play() error {
	w.failed, w.running, w.last = map[taskRef]bool{}, map[taskRef]int{}, map[taskRef]work.Receipt{}
	w.publishes, w.merged, w.homes = map[[2]int]int{}, map[[2]int]rdd.BatchID{}, map[[2]int]int{}
	w.frozen = map[[2]int]rdd.BatchID{}
	if w.files == nil {
		w.files = map[work.State]bool{}
	}
	if w.past == nil {
		w.past = &started{nodes: w.nodes, epoch: 1}
	}
	w.send(ticked{1})
	w.send(*w.past)
	for step := 0; w.ending == nil && w.err == nil; step++ {
		if step > 100_000 {
			return fmt.Errorf("no end")
		}
		if step == w.crashAt && step > 0 {
			return nil
		}
		if step == w.stopAt {
			w.send(stopped{})
			continue
		}
		w.next()
	}
	return w.err
}

// next lets one thing happen.
func (w *world) next() {
	switch {
	case w.hostile && len(w.again) > 0 && w.rnd.IntN(10) == 0:
		w.send(w.again[w.rnd.IntN(len(w.again))])
	case len(w.out) > 0:
		i := w.rnd.IntN(len(w.out))
		e := w.out[i]
		w.out = slices.Delete(w.out, i, i+1)
		w.answer(e)
	case w.alarm > w.now:
		w.now = w.alarm
		w.send(ticked{w.now})
	default:
		w.check(false, "nothing is out, no alarm is set, and the run is not over")
	}
}

// answer delivers an answer, and keeps it for a second time.
func (w *world) answer(e event) {
	switch e := e.(type) {
	case taskDone:
		if w.fails(e.ref) {
			return
		}
		delete(w.running, e.ref)
		w.last[taskRef{e.ref.batch, e.ref.stage, e.ref.index, 0}] = *e.receipt
		if w.core.graph.stages[e.ref.stage].Stateful {
			w.merged[[2]int{e.ref.stage, e.ref.index}] = e.ref.batch
			if m := w.core.saves.mark; m != nil && m.id == e.ref.batch {
				w.frozen[[2]int{e.ref.stage, e.ref.index}] = e.ref.batch
			}
		}
		w.again = append(w.again, e)
	case published:
		if w.hostile && w.rnd.IntN(4) == 0 {
			w.hurt(broke{op: opPublish, batch: e.batch, sink: e.sink, err: fault.New(w.kind(), "sink away")}, [2]int{int(e.batch), e.sink})
			return
		}
		w.publishes[[2]int{int(e.batch), e.sink}]++
		w.again = append(w.again, e)
	case logged:
		w.logging = false
	case started, ticked, sliced, taskFailed, broke, stopped, stateSaved, statesRestored, tidied, nodesChanged, stateMoved:
	}
	w.send(e)
}

// fails may fail a task instead: once by itself, and a few times in a run
// because its blocks are gone.
func (w *world) fails(ref taskRef) bool {
	key := taskRef{ref.batch, ref.stage, ref.index, 0}
	if !w.hostile || w.failed[key] || w.rnd.IntN(4) != 0 {
		return false
	}
	w.failed[key] = true
	delete(w.running, ref)
	w.send(taskFailed{ref: ref, err: fault.New(w.kind(), "hostile")})
	return true
}

// kind draws what a failure is: there are only so many losses.
func (w *world) kind() fault.Kind {
	if w.lost == 0 || w.rnd.IntN(2) == 0 {
		return fault.Retry
	}
	w.lost--
	return fault.Lost
}

// hurt sends a failure of a publication, at most twice for the same one.
func (w *world) hurt(e broke, key [2]int) {
	ref := taskRef{rdd.BatchID(key[0]), -1, key[1], 0}
	if w.failed[ref] {
		w.answerPublished(e)
		return
	}
	w.failed[ref] = true
	w.send(e)
}

func (w *world) answerPublished(e broke) {
	w.publishes[[2]int{int(e.batch), e.sink}]++
	w.send(published{batch: e.batch, sink: e.sink})
}

func (w *world) send(e event) {
	for _, cmd := range w.core.step(e) {
		w.obey(cmd)
	}
}

// obey checks a command and prepares its answer.
func (w *world) obey(cmd command) {
	switch cmd := cmd.(type) {
	case cutSources:
		w.out = append(w.out, w.cut(cmd))
	case appendLog:
		w.append(cmd)
	case runTask:
		w.run(cmd)
	case publishParts:
		w.publish(cmd)
	case releaseBlocks:
		w.check(cmd.batch <= w.committed, "batch %d is released before it is committed", cmd.batch)
		w.check(cmd.batch == w.released+1 || w.released < 0, "batch %d is released after batch %d", cmd.batch, w.released)
		w.released = cmd.batch
	case saveState:
		w.out = append(w.out, w.save(cmd))
	case restoreStates:
		w.out = append(w.out, w.restore(cmd))
	case tidyUp:
		w.tidy(cmd)
		w.out = append(w.out, tidied{})
	case setAlarm:
		w.alarm = cmd.at
	case moveState:
		w.check(false, "%v moves though the fleet stays", cmd.state)
	case cancelTask:
		w.check(false, "%v is given up though the fleet stays", cmd.ref)
	case notify:
	case finish, abort:
		w.ending = cmd
	}
}

// save checks that the state of a part can still be had, and saves it.
func (w *world) save(cmd saveState) event {
	s := cmd.state
	w.check(s.Batch <= w.committed, "the state of batch %d is saved before it is committed", s.Batch)
	part := [2]int{s.Stage, s.Index}
	frozen := w.frozen[part] == s.Batch
	w.check(frozen || w.merged[part] <= s.Batch, "the state of part %v is saved as of batch %d, but is at %d", part, s.Batch, w.merged[part])
	for ref := range w.running {
		w.check(frozen || ref.stage != s.Stage || ref.index != s.Index, "the state of part %v is saved while task %v runs", part, ref)
	}
	if w.hostile && w.rnd.IntN(8) == 0 {
		return stateSaved{state: s, err: fault.New(fault.Retry, "no room")}
	}
	s.File = fmt.Sprint(s.Batch, s.Stage, s.Index)
	w.files[s] = true
	return stateSaved{state: s}
}

// restore gives the state back, or finds that a file is damaged.
func (w *world) restore(cmd restoreStates) event {
	if w.hostile && w.rnd.IntN(2) == 0 && len(w.core.revival.from.checkpoints) > 1 {
		return broke{op: opRestore, err: fault.New(fault.Lost, "damaged")}
	}
	for _, parts := range cmd.parts {
		for _, s := range parts {
			w.check(w.files[s], "%v was never saved, or removed", s)
			w.merged[[2]int{s.Stage, s.Index}] = s.Batch
		}
	}
	return statesRestored{}
}

// tidy removes what is not to be kept.
func (w *world) tidy(cmd tidyUp) {
	for s := range w.files {
		if !slices.Contains(cmd.keep, s) {
			delete(w.files, s)
		}
	}
	w.check(len(w.checkpoints) > 0 && cmd.below < w.checkpoints[len(w.checkpoints)-1].Batch, "the ledger forgets up to %d", cmd.below)
	for w.trims && len(w.entries) > 0 && cmd.below > 0 {
		keep := false
		switch e := w.entries[0].(type) {
		case Started:
		case Planned:
			keep = e.Batch > cmd.below
		case Committed:
			keep = e.Batch > cmd.below
		case Checkpointed:
			keep = e.Batch >= cmd.below
		case Ended:
		}
		if keep {
			break
		}
		w.entries = w.entries[1:]
	}
}

// cut gives what is wished; the offset is how many splits are gone.
func (w *world) cut(cmd cutSources) event {
	var e sliced
	for _, f := range cmd.from {
		s := slice{source: f.source}
		var at int
		fmt.Sscan(string(f.from), &at) //nolint:errcheck // empty is 0
		for rows := int64(0); at < len(w.sources[f.source]) && rows < f.wish.Rows; at++ {
			s.splits = append(s.splits, w.sources[f.source][at])
			rows += w.sources[f.source][at].Rows
		}
		s.next, s.ended = rdd.Offset(fmt.Sprint(at)), at == len(w.sources[f.source])
		e.slices = append(e.slices, s)
	}
	return e
}

func (w *world) append(cmd appendLog) {
	w.check(!w.logging, "two appends are out")
	w.logging = true
	w.entries = append(w.entries, cmd.entries...)
	for _, e := range cmd.entries {
		switch e := e.(type) {
		case Started:
		case Planned:
			w.check(e.Batch == rdd.BatchID(len(w.planned)+1), "batch %d is planned after %d", e.Batch, len(w.planned))
			w.planned = append(w.planned, e)
		case Committed:
			w.check(e.Batch == w.committed+1, "batch %d is committed after %d", e.Batch, w.committed)
			w.committed = e.Batch
		case Checkpointed:
			w.check(e.Batch <= w.committed, "a checkpoint of batch %d after batch %d is committed", e.Batch, w.committed)
			w.checkpoints = append(w.checkpoints, e)
		case Ended:
			w.check(false, "the core ends the run")
		}
	}
	w.check(len(w.planned)-int(w.committed) <= 2*w.core.set.InFlight, "%d batches are in flight", len(w.planned)-int(w.committed))
	w.out = append(w.out, logged{})
}

func (w *world) run(cmd runTask) {
	t := cmd.task
	ref := taskRef{t.Batch, t.Stage, t.Index, t.Attempt}
	w.check(int(t.Batch) <= len(w.planned), "task %v runs before its batch is logged", ref)
	w.check(t.Attempt > 1 || len(w.planned) < int(t.Batch)+w.core.set.InFlight || w.past.history != nil,
		"task %v has not been run, and %d batches are planned", ref, len(w.planned))
	busy := 0
	for other, node := range w.running {
		if node == cmd.node {
			busy++
		}
		w.check(other.batch != ref.batch || other.stage != ref.stage || other.index != ref.index, "task %v is out twice", ref)
		if w.core.graph.stages[ref.stage].Stateful {
			w.check(other.stage != ref.stage || other.index != ref.index, "part of %v and %v is out twice", ref, other)
		}
	}
	w.check(busy < w.nodes[cmd.node].Slots, "node %d has more tasks than slots", cmd.node)
	if w.core.graph.stages[t.Stage].Stateful {
		w.part(t, cmd.node)
	}
	w.inputs(t)
	w.running[ref] = cmd.node
	r := w.receipt(t)
	w.out = append(w.out, taskDone{ref: ref, receipt: &r})
}

// part checks that a part of a stateful stage stays where it is, that its node
// has not more parts of the stage than slots, and that it does not go back.
func (w *world) part(t work.Task, node int) {
	part, beside := [2]int{t.Stage, t.Index}, 0
	home, known := w.homes[part]
	w.check(!known || home == node, "part %v moves from node %d to %d", part, home, node)
	w.check(w.merged[part] <= t.Batch, "part %v goes back from batch %d to %d", part, w.merged[part], t.Batch)
	w.homes[part] = node
	for other, home := range w.homes {
		if other[0] == t.Stage && home == node {
			beside++
		}
	}
	w.check(beside <= w.nodes[node].Slots || w.past.story.Parts > 0, "node %d has %d parts of stage %d", node, beside, t.Stage)
}

// parts is how many tasks a stage that merges has in a batch.
func (w *world) parts() int {
	if w.past.story.Parts > 0 {
		return w.past.story.Parts
	}
	slots := 0
	for _, n := range w.nodes {
		slots += n.Slots
	}
	return min(slots, w.core.set.KeyGroups)
}

// inputs checks that a task gets every block of its key groups, once, from the
// receipts that were given last.
func (w *world) inputs(t work.Task) {
	stage := w.core.graph.stages[t.Stage]
	if stage.Source >= 0 {
		return
	}
	var want []rdd.Block
	for ref, r := range w.last {
		for _, b := range r.Blocks {
			mine := b.Partition%w.parts() == t.Index
			if stage.Narrow {
				mine = b.Task == t.Index
			}
			if ref.batch == t.Batch && mine && slices.Contains(stage.Inputs, planner.Edge{Stage: b.Stage, Outlet: b.Outlet}) {
				want = append(want, b)
			}
		}
	}
	got := slices.Clone(t.Blocks)
	order := func(a, b rdd.Block) int {
		return slices.Compare([]int{a.Stage, a.Outlet, a.Task, a.Partition}, []int{b.Stage, b.Outlet, b.Task, b.Partition})
	}
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	w.check(slices.Equal(got, want), "task %d.%d.%d#%d gets blocks %v, not %v", t.Batch, t.Stage, t.Index, t.Attempt, got, want)
}

// receipt is what a task gives, by its place and nothing else.
func (w *world) receipt(t work.Task) work.Receipt {
	r := work.Receipt{Batch: t.Batch, Stage: t.Stage, Index: t.Index, Attempt: t.Attempt}
	seed := mix(uint64(t.Batch)<<40 ^ uint64(t.Stage)<<20 ^ uint64(t.Index))
	for _, s := range t.Splits {
		r.Tally.RowsIn += s.Rows
		r.Times = append(r.Times, work.PartTime{Source: s.Source, Partition: s.Partition, Max: s.Times.Max})
	}
	for _, next := range w.core.graph.consumers[t.Stage] {
		for _, e := range w.core.graph.stages[next].Inputs {
			for group := range w.core.set.KeyGroups {
				if seed = mix(seed); e.Stage == t.Stage && seed%3 > 0 {
					r.Blocks = append(r.Blocks, rdd.Block{Batch: t.Batch, Stage: t.Stage, Task: t.Index, Outlet: e.Outlet,
						Partition: group, Node: fmt.Sprintf("%d#%d", t.Index, t.Attempt)})
				}
			}
		}
	}
	for _, sink := range w.core.graph.stages[t.Stage].Sinks {
		r.Staged = append(r.Staged, rdd.Staged{Sink: sink, Rows: 1, Part: fmt.Appendf(nil, "%d.%d.%d#%d", t.Batch, t.Stage, t.Index, t.Attempt)})
	}
	return r
}

func (w *world) publish(cmd publishParts) {
	b := cmd.commit.Batch
	for ref := range w.running {
		w.check(ref.batch != b, "batch %d is published while task %v runs", b, ref)
	}
	var want []string
	for ref, r := range w.last {
		for _, s := range r.Staged {
			if ref.batch == b && s.Sink == cmd.sink {
				want = append(want, string(s.Part))
			}
		}
	}
	var got []string
	for _, p := range cmd.parts {
		got = append(got, string(p.Part))
	}
	slices.Sort(want)
	slices.Sort(got)
	w.check(slices.Equal(got, want), "batch %d sink %d is published with %v, not %v", b, cmd.sink, got, want)
	for key := range w.publishes {
		w.check(key[0] <= int(b), "batch %d is published after batch %d", b, key[0])
	}
	w.out = append(w.out, published{batch: b, sink: cmd.sink})
}
