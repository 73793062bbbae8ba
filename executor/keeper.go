package executor

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/executor/snapshot"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// keeper is what one part of a stateful stage keeps from batch to batch. Tasks of
// the part come one at a time and in the order of batches; the one for batch n
// reads what n-1 left and writes n. It may run again, until a task for a later
// batch shows that n was accepted. Nothing of a keeper is called while a task of
// its part runs, but by that task.
type keeper interface {
	// freeze returns the last batch that a task ran for, 0 where none did, and all
	// that has to be known after it, as record batches that the caller releases. It
	// changes nothing: the task may still run again.
	freeze() (rdd.BatchID, []arrow.RecordBatch, error)
	// restore fills a new keeper with what freeze gave. The record batches are lent;
	// text that was dictionary-encoded still is. A later run of the batch itself
	// will not come.
	restore(batch rdd.BatchID, frozen []arrow.RecordBatch) error
	// release gives everything up.
	release()
}

// stateID names the state of one part of a stateful stage.
type stateID struct{ stage, index int }

// frozen is the state of a part at the end of a batch, until it is saved.
type frozen struct {
	batch  rdd.BatchID
	tables []arrow.RecordBatch
}

func (f *frozen) release() {
	for _, b := range f.tables {
		b.Release()
	}
	f.tables = nil
}

// newKeeper makes the empty state of a part of a stage.
func (x *Executor) newKeeper(stage int) (keeper, error) {
	if stage < 0 || stage >= len(x.Plan.Stages) {
		return nil, fault.New(fault.Bug, "plan %s has no stage %d", x.Plan.Digest, stage)
	}
	switch act := x.Plan.Stages[stage].Root.Action.(type) {
	case physical.Rank:
		return &rankKeeper{mem: x.Mem, k: &act.Ranking}, nil
	case physical.Merge:
		switch {
		case act.Grouping == nil:
		case act.Grouping.Gap != 0:
			return newSessions(x.Mem, act.Grouping), nil
		default:
			return newState(x.Mem, act.Grouping), nil
		}
	case physical.Join:
		return newJoinState(x, &act), nil
	default:
	}
	return nil, fault.New(fault.Bug, "stage %d of plan %s keeps no state", stage, x.Plan.Digest)
}

// keeper returns the state of a part, empty at first.
func (x *Executor) keeper(id stateID) (keeper, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if k := x.states[id]; k != nil {
		return k, nil
	}
	k, err := x.newKeeper(id.stage)
	if err == nil {
		x.states[id] = k
	}
	return k, err
}

// keeperOf returns the state of a task's part as what the stage keeps.
func keeperOf[K keeper](r *run) (K, error) {
	var none K
	k, err := r.x.keeper(stateID{r.task.Stage, r.task.Index})
	if err != nil {
		return none, err
	}
	typed, ok := k.(K)
	if !ok {
		return none, fault.New(fault.Bug, "stage %d keeps a %T, not a %T", r.task.Stage, k, none)
	}
	return typed, nil
}

// freeze keeps the state of a part as the task that has just ended leaves it.
func (x *Executor) freeze(t work.Task) error {
	id := stateID{t.Stage, t.Index}
	f, err := x.frozen(id)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if old := x.kept[id]; old != nil {
		old.release()
	}
	x.kept[id] = f
	return nil
}

func (x *Executor) frozen(id stateID) (*frozen, error) {
	k, err := x.keeper(id)
	if err != nil {
		return nil, err
	}
	f := new(frozen)
	f.batch, f.tables, err = k.freeze()
	for _, b := range f.tables {
		for _, c := range b.Columns() {
			types.Settle(c)
		}
	}
	return f, err
}

// Save writes the state of a part to a file. The state must have been frozen at
// that batch, or no task of the part may run now and none of a later batch have
// run: else it is a fault.Lost, and another checkpoint has to be made.
func (x *Executor) Save(ctx context.Context, s work.State) (work.State, error) {
	id := stateID{s.Stage, s.Index}
	x.mu.Lock()
	f := x.kept[id]
	delete(x.kept, id)
	x.mu.Unlock()
	if f == nil || f.batch != s.Batch {
		if f != nil {
			f.release()
		}
		var err error
		if f, err = x.frozen(id); err != nil {
			return work.State{}, err
		}
	}
	defer f.release()
	if f.batch > s.Batch {
		return work.State{}, fault.New(fault.Lost, "the state of stage %d part %d has gone on to batch %d from batch %d", s.Stage, s.Index, f.batch, s.Batch)
	}
	return snapshot.Write(ctx, x.States, s, f.tables, x.Point)
}

// Restore replaces all state of the executor by what was saved; none empties it.
// A file that is gone or damaged is a fault.Lost, one that does not fit the plan a
// fault.Invalid; the executor's state is empty then.
func (x *Executor) Restore(ctx context.Context, parts []work.State) error {
	x.forget()
	for _, p := range parts {
		if err := x.restore(ctx, p); err != nil {
			x.forget()
			return err
		}
	}
	return nil
}

// Adopt replaces the state of these parts by what was saved and leaves all others as
// they are. A part without a file is emptied: another executor has it now. No task of
// these parts may run. Errors are as those of Restore; the part is empty then.
func (x *Executor) Adopt(ctx context.Context, parts []work.State) error {
	for _, p := range parts {
		x.leave(stateID{p.Stage, p.Index})
		if p.File == "" {
			continue
		}
		if err := x.restore(ctx, p); err != nil {
			x.leave(stateID{p.Stage, p.Index})
			return err
		}
	}
	return nil
}

// leave gives up the state of a part.
func (x *Executor) leave(id stateID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s := x.states[id]; s != nil {
		s.release()
	}
	if f := x.kept[id]; f != nil {
		f.release()
	}
	delete(x.states, id)
	delete(x.kept, id)
}

func (x *Executor) restore(ctx context.Context, p work.State) error {
	tables, err := snapshot.Read(ctx, x.States, p, x.Mem)
	if err != nil {
		return err
	}
	f := frozen{tables: tables}
	defer f.release()
	k, err := x.keeper(stateID{p.Stage, p.Index})
	if err != nil {
		return err
	}
	return k.restore(p.Batch, tables)
}

// forget gives up all state.
func (x *Executor) forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range x.states {
		s.release()
	}
	for _, f := range x.kept {
		f.release()
	}
	clear(x.states)
	clear(x.kept)
}
