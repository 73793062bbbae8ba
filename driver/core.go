package driver

import (
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/locator"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// core decides what a run does next. It is pure: Step's answer depends on
// nothing but the events before. What it decides is told by file:
//
//	cut.go       what the next batch reads, and its watermark
//	schedule.go  which task becomes ready when
//	parts.go     how the stages that merge are divided
//	locate.go    what a task is expected to cost
//	slots.go     which ready task goes to which node
//	fleet.go     nodes that come and go
//	move.go      parts that move to other nodes
//	late.go      tasks that take too long, and nodes that fail too often
//	commit.go    receipts, publication, ledger, release, end
//	failure.go   what a failure leads to
//	checkpoint.go  when state is saved, and how a run goes on behind what was
//
// Its work is in proportion to what changed: no event scans the tasks of a
// batch but those that begin, end or repair one.
type core struct {
	graph  graph
	job    string
	digest string
	set    rdd.Settings
	dead   rdd.DeadLetters
	epoch  int64

	measure bool // the tasks are to measure their operations

	now int64 // microseconds since the epoch, of the last tick
	out []command

	turns []turn // of one dispatch

	input   input
	results results
	slots   slots
	fleet   fleet
	journal journal
	parts   parts
	repairs repairs
	saves   saves
	revival revival
	locate  []*locator.Locator // by source
	started Started

	batches []*batch // planned and not yet committed in the ledger, without gaps
	next    rdd.BatchID
	done    rdd.BatchID // all tasks of the batches up to it have been accepted
	shown   rdd.BatchID // the batches up to it are published
	dropped Planned     // the last batch that was let go

	progress Progress
	outcome  Outcome
	begun    bool // there was a node to begin with
	over     bool // finish or abort has been said
}

// newCore makes the core of a run of a plan.
func newCore(p *planner.Plan, pace Pace) (*core, error) {
	g, err := newGraph(p)
	if err != nil {
		return nil, err
	}
	c := &core{graph: g, job: p.Job.Name, digest: p.Digest, set: p.Job.Settings.WithDefaults(), dead: p.Job.Dead, next: 1}
	c.input = newInput(len(p.Reads), pace)
	c.input.leaveOut(&g)
	c.results = newResults(p)
	c.repairs = newRepairs()
	c.locate = locators(p)
	c.fleet.lease, c.fleet.usual = pace.lease().Microseconds(), make([]int64, len(g.stages))
	c.fleet.took = make([]int64, len(g.stages))
	c.progress.Watermark, c.outcome.Watermark = work.NoTime, work.NoTime
	return c, nil
}

// step takes one event and returns what is to be done, in order. The slice is
// lent until the next step. After finish or abort there is nothing more to do.
func (c *core) step(e event) []command {
	c.out = c.out[:0]
	if c.over {
		return nil
	}
	switch e := e.(type) {
	case started:
		c.start(e)
	case ticked:
		c.now = max(c.now, e.now)
		c.wake()
	case sliced:
		c.sliced(e)
	case logged:
		c.logged()
	case nodesChanged:
		c.fleetChanged(e)
	case taskDone:
		c.taskDone(e)
	case taskFailed:
		c.taskFailed(e)
	case published:
		c.published(e)
	case broke:
		c.broke(e)
	case stateSaved:
		c.saved(e.state, e.err)
	case stateMoved:
		c.moved(e)
	case tidied:
		c.rest()
	case statesRestored:
		c.revived()
	case stopped:
		c.stop()
	}
	c.settle()
	return c.out
}

// start begins the run, behind what an earlier one planned.
func (c *core) start(e started) {
	c.epoch = e.epoch
	c.slots = newSlots(e.nodes)
	c.fleet.elastic, c.fleet.movable = e.elastic, e.elastic && e.moves
	if c.slots.total == 0 {
		c.hold(e)
		return
	}
	c.begun = true
	c.parts = newParts(c.graph, c.set.KeyGroups, c.partsOf(e), c.shun(e.shun))
	c.input.history, c.input.tallies, c.input.committed = e.history, e.tallies, e.committed
	c.started = e.story
	c.started.Epoch, c.started.At, c.started.Parts = c.epoch, c.now, c.parts.count
	c.journal.queue = append(c.journal.queue, c.started)
	c.startSaves(e.saves)
	c.revival.from = e
	c.revival.from.checkpoints = slices.DeleteFunc(slices.Clone(e.checkpoints), func(e Checkpointed) bool {
		return !c.fitting(e) || len(e.Parts) > 0 && !c.saves.on
	})
	c.revive()
}

// settle does what may follow any event once the run has begun.
func (c *core) settle() {
	if !c.begun {
		c.endUnbegun()
		return
	}
	if c.revival.on || c.over {
		return
	}
	for more := true; more; {
		c.advance()
		more = c.publish() || c.plan()
	}
	c.cut()
	c.dispatch()
	c.flush()
	c.setAlarm()
	c.end()
}

func (c *core) do(cmd command) {
	if !c.over {
		c.out = append(c.out, cmd)
	}
}

// abort ends the run. Nothing said before in this step counts any more, but what
// was said to people.
func (c *core) abort(err error) {
	if !c.over {
		c.over = true
		c.out = slices.DeleteFunc(c.out, func(cmd command) bool {
			n, ok := cmd.(notify)
			return !ok || n.progress.Note == ""
		})
		c.out = append(c.out, abort{err})
	}
}

// say tells people something, once.
func (c *core) say(format string, args ...any) {
	p := c.progress
	p.Batch, p.Note = c.next-1, fmt.Sprintf(format, args...)
	c.do(notify{p})
}

// batch is one micro-batch under way.
type batch struct {
	id     rdd.BatchID
	plan   Planned
	again  bool        // an earlier run has committed it: nothing is staged, published or logged
	was    *work.Tally // of such a batch, as it was committed
	known  known       // what its tasks may be given of what the job wrote
	began  int64
	stages []stageRun

	unopened int // stages whose inputs are not complete
	pending  int // tasks not accepted

	sinks   []sinkRun // while it is being published
	missing int       // sinks not published
	state   batchState
	tally   work.Tally
	wall    time.Duration
}

// tasks yields all tasks of a batch, by stage and index.
func (b *batch) tasks() iter.Seq[*task] {
	return func(yield func(*task) bool) {
		for i := range b.stages {
			for j := range b.stages[i].tasks {
				if !yield(&b.stages[i].tasks[j]) {
					return
				}
			}
		}
	}
}

type batchState uint8

const (
	planning   batchState = iota // its planned entry is on its way to the ledger
	running                      // tasks
	publishing                   // all tasks are accepted
	complete                     // published; its committed entry is on its way
)

// stageRun is a stage in one batch.
type stageRun struct {
	tasks   []task
	todo    int // tasks that are not skipped
	waiting int // producers that are not complete
	left    int // tasks not accepted
	opened  bool
	closed  bool  // was complete once; consumers have been told
	late    int64 // how long a task may run until it is late; 0: not known yet
	watched bool  // for late ones
	remade  int   // how often a task that feeds it was run again
	filled  int   // remade when the tasks were last given their blocks
}

// task is a group of splits of a reading stage, or a part of a merging one, in a
// batch.
type task struct {
	batch   *batch
	stage   int
	index   int
	state   taskState
	node    int      // where it must run, or anyNode; where it runs or was accepted
	attempt int      // the last one launched, from 1
	excused int      // how many attempts are not held against it
	out     attempt  // launched; or that was accepted
	twin    *attempt // a second one that is out, of a task that is late
	leases  int      // how often it was late
	splits  []rdd.Split
	expect  locator.Prediction // of a task that reads
	blocks  []rdd.Block
	receipt *work.Receipt // of the last accepted attempt

	waits   int     // producers that are being run again for it
	waiters []*task // tasks that wait for this one to be run again
}

type taskState uint8

const (
	blocked  taskState = iota // its part has not come to this batch
	parked                    // waits for a retry or for a producer
	ready                     // waits for a slot
	launched                  // out
	accepted                  // has a receipt
	skipped                   // has nothing to do
)

// attempt is one try at a task.
type attempt struct {
	no     int
	node   int
	remade int   // of its stage, when it was launched
	since  int64 // when it was launched; once it is accepted, how long it took
}

// reads reports whether a task is of a reading stage: no other has splits, and
// none of these is without.
func (t *task) reads() bool { return len(t.splits) > 0 }

// anyNode is the node of a task that may run anywhere.
const anyNode = -1

// at returns a batch that is under way, or nil.
func (c *core) at(id rdd.BatchID) *batch {
	if len(c.batches) == 0 {
		return nil
	}
	i := id - c.batches[0].id
	if i < 0 || i >= rdd.BatchID(len(c.batches)) {
		return nil
	}
	return c.batches[i]
}

// running returns the task that an answer is about if that very attempt is
// out, else nil: a second answer, or one of an attempt given up, changes
// nothing. Where another one is out as well, rest is that one.
func (c *core) running(r taskRef) (t *task, a attempt, rest *attempt) {
	b := c.at(r.batch)
	if b == nil || r.stage < 0 || r.stage >= len(b.stages) {
		return nil, a, nil
	}
	tasks := b.stages[r.stage].tasks
	if r.index < 0 || r.index >= len(tasks) {
		return nil, a, nil
	}
	t = &tasks[r.index]
	switch {
	case t.state != launched:
	case t.out.no == r.attempt:
		return t, t.out, t.twin
	case t.twin != nil && t.twin.no == r.attempt:
		return t, *t.twin, &t.out
	}
	return nil, a, nil
}

// report tells the observer how far the run is.
func (c *core) report(done *Report) {
	p := c.progress
	p.Batch, p.InFlight, p.Ended, p.Committed = c.next-1, int(c.next-1-c.shown), c.input.final, done
	c.do(notify{p})
}

// finished returns what the run came to.
func (c *core) finished() Outcome {
	o := c.outcome
	for _, l := range c.locate {
		o.Located = append(o.Located, l.Reports())
	}
	o.Final, o.Stopped = c.input.final, c.input.stopping && !c.input.final
	o.Offsets = slices.Clone(c.input.planned)
	return o
}
