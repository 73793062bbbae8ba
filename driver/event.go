package driver

import (
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// event is something that happened. The set is closed.
//
//sumtype:decl
type event interface{ event() }

// taskRef names one attempt at one task.
type taskRef struct {
	batch   rdd.BatchID
	stage   int
	index   int
	attempt int
}

// refOf names the attempt that a work order is.
func refOf(t work.Task) taskRef {
	return taskRef{batch: t.Batch, stage: t.Stage, index: t.Index, attempt: t.Attempt}
}

type (
	// started is the first event. history is what earlier drivers planned that a
	// checkpoint, or batch 1, may still need; the batches up to committed, of rows
	// in all, were published by them, and came to the tallies.
	started struct {
		nodes       []Node
		epoch       int64
		story       Started // without Epoch, At and, in a new run, Parts
		saves       bool    // somebody keeps state
		history     []Planned
		tallies     []work.Tally // of the first batches of history
		committed   rdd.BatchID
		rows        int64
		checkpoints []Checkpointed // the older first
		elastic     bool           // the fleet may change
		moves       bool           // and parts may move
		shun        []string       // names of nodes to do without for a while
	}
	// nodesChanged says which nodes there are now: all others are gone.
	nodesChanged struct{ nodes []Node }
	// ticked says what time it is, in microseconds since the epoch. Time
	// stands still between ticks.
	ticked struct{ now int64 }
	// sliced answers cutSources, with one slice for each source that was asked.
	sliced struct{ slices []slice }
	// logged answers appendLog.
	logged struct{}
	// taskDone and taskFailed answer runTask. The receipt is the core's from then on.
	taskDone struct {
		ref     taskRef
		receipt *work.Receipt
	}
	taskFailed struct {
		ref taskRef
		err error
	}
	// published answers publishParts.
	published struct {
		batch rdd.BatchID
		sink  int
	}
	// stateSaved answers saveState, also where that failed.
	stateSaved struct {
		state work.State
		err   error
	}
	// stateMoved answers moveState, also where that failed.
	stateMoved struct {
		stage, part int
		err         error
	}
	// statesRestored answers restoreStates, and tidied tidyUp.
	statesRestored struct{}
	tidied         struct{}
	// broke says that a command other than runTask, saveState and moveState failed; batch and
	// sink are those of a publishParts.
	broke struct {
		op    operation
		batch rdd.BatchID
		sink  int
		err   error
	}
	// stopped asks for an orderly end: nothing more is planned, what is planned
	// is finished.
	stopped struct{}
)

// slice is what a source had behind an offset.
type slice struct {
	source int
	splits []rdd.Split
	next   rdd.Offset
	ended  bool // nothing will ever come after next
}

func (started) event()      {}
func (nodesChanged) event() {}

func (ticked) event()     {}
func (sliced) event()     {}
func (logged) event()     {}
func (taskDone) event()   {}
func (taskFailed) event() {}
func (published) event()  {}
func (broke) event()      {}
func (stopped) event()    {}

func (stateSaved) event()     {}
func (stateMoved) event()     {}
func (statesRestored) event() {}
func (tidied) event()         {}

// command is something to do. The set is closed. Every cutSources, appendLog,
// runTask, publishParts, saveState, moveState, restoreStates and tidyUp is answered by
// exactly one event, however long it takes; the others are not answered.
//
//sumtype:decl
type command interface{ command() }

type (
	// cutSources asks sources what lies behind an offset.
	cutSources struct{ from []cutFrom }
	// appendLog makes entries durable with one append. There is never more
	// than one out.
	appendLog struct{ entries []Entry }
	// runTask runs a task on a node, by the node's place in slots.nodes. With says that
	// it shares the slot of the task before it in the same list, which is one for the
	// same node: it runs when that one has ended.
	runTask struct {
		node int
		task work.Task
		with bool
	}
	// cancelTask says that an attempt's answer is not waited for any more. One that
	// comes nevertheless changes nothing.
	cancelTask struct{ ref taskRef }
	// publishParts makes the parts of a batch visible in one sink.
	publishParts struct {
		sink   int // planner.DeadLetters or a place in Plan.Writes
		commit rdd.Commit
		parts  []rdd.Staged
	}
	// releaseBlocks says that nobody will read the blocks of a batch again.
	releaseBlocks struct{ batch rdd.BatchID }
	// saveState makes the state of a part durable that a task of its batch froze, or
	// that no task has changed since.
	saveState struct {
		node  int
		state work.State
	}
	// restoreStates replaces the state of every node, by its place in slots.nodes.
	restoreStates struct{ parts [][]work.State }
	// moveState saves the state of a part that no task changes, unless it has a file,
	// brings it to another node, and empties the part where it was.
	moveState struct {
		from, to int
		state    work.State
	}
	// tidyUp removes all saved state but what is to be kept, and lets the ledger
	// forget what concerns only batches up to below.
	tidyUp struct {
		keep  []work.State
		below rdd.BatchID
	}
	// setAlarm asks for a tick at or after a time. Only the last one counts.
	setAlarm struct{ at int64 }
	// notify tells the observer how far the run is.
	notify struct{ progress Progress }
	// finish and abort are the last command of a run.
	finish struct{ outcome Outcome }
	abort  struct{ err error }
)

// cutFrom asks one source for about wish.
type cutFrom struct {
	source int
	from   rdd.Offset
	wish   rdd.Size
}

func (cutSources) command()    {}
func (appendLog) command()     {}
func (runTask) command()       {}
func (cancelTask) command()    {}
func (publishParts) command()  {}
func (releaseBlocks) command() {}
func (saveState) command()     {}
func (restoreStates) command() {}
func (moveState) command()     {}
func (tidyUp) command()        {}
func (setAlarm) command()      {}
func (notify) command()        {}
func (finish) command()        {}
func (abort) command()         {}

// operation is what a retry is a retry of.
type operation uint8

const (
	opTask operation = iota
	opCut
	opLog
	opPublish
	opPoll // not a failure: a source that had nothing is asked again
	opRestore
	opTidy
	opLate  // no failures either: a look at tasks that are late,
	opSweep // at those whose lease is over,
	opBack  // and a node that was set aside is let back in;
	opMove  // parts that could not move may try again
)

func (o operation) String() string {
	switch o {
	case opTask:
		return "running a task"
	case opCut:
		return "cutting the sources"
	case opLog:
		return "writing the ledger"
	case opPublish:
		return "publishing"
	case opPoll:
		return "polling"
	case opRestore:
		return "restoring state"
	case opTidy:
		return "removing old checkpoints"
	case opLate, opSweep, opBack, opMove:
		return "looking after the fleet"
	}
	return "?"
}
