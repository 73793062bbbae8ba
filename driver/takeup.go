package driver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/work"
)

// members is the fleet as the shell knows it, from one taking-up of the run to the
// next.
type members struct {
	nodes   []Node
	changes <-chan []Node // nil: it stays as it is
	elastic bool
	shun    []string // names of nodes that the last takings-up had trouble with
}

func newMembers(cfg *Config) *members {
	m := &members{nodes: cfg.Fleet.Nodes(), changes: cfg.Changes, elastic: cfg.Changes != nil}
	if m.elastic {
		return m
	}
	var usable []Node
	for _, n := range m.nodes {
		if n.Slots > 0 {
			usable = append(usable, n)
		}
	}
	m.nodes = usable
	return m
}

// heard takes what has come over changes: the nodes that there are now, or that there
// will be no other change.
func (m *members) heard(nodes []Node, ok bool) event {
	if !ok {
		m.changes = nil
		return nodesChanged{m.nodes}
	}
	m.nodes = nodes
	return nodesChanged{nodes}
}

// rest waits, and hears of changes meanwhile.
func (m *members) rest(ctx context.Context, d time.Duration) error {
	over := time.NewTimer(d)
	defer over.Stop()
	for {
		select {
		case <-over.C:
			return nil
		case nodes, ok := <-m.changes:
			m.heard(nodes, ok)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// patience is how often a run is taken up again without a batch having been
// committed in between, and firstRest how long it waits before the second time;
// before every further one twice as long.
const (
	patience  = 8
	firstRest = 100 * time.Millisecond
)

// keepUp drives the run of which past tells, and takes it up again from its last
// checkpoint, in an epoch of its own, each time that a part's state is gone with its
// node.
func keepUp(ctx context.Context, cfg Config, past *Past) (Outcome, error) {
	fleet, again := newMembers(&cfg), int64(0)
	for tries := 0; ; tries++ {
		out, err := takeWhole(ctx, cfg, fleet, past)
		again += out.Again
		out.Epoch, out.Again = past.Epoch, again
		var back *setback
		if !errors.As(err, &back) {
			return out, err
		}
		next, recallErr := Recall(ctx, cfg.Ledger)
		switch {
		case recallErr != nil:
			return out, errors.Join(err, recallErr)
		case next.Committed > past.Committed:
			tries, fleet.shun = 0, nil
		case next.Committed < past.Committed || int64(next.Committed) < out.Batches:
			return out, fmt.Errorf("%w; the ledger does not tell how to go on", err)
		case tries >= patience:
			return out, fault.New(fault.Lost, "given up: %d times taken up without a batch that was committed: %w", tries, err)
		}
		if next.Started == nil {
			next.Run = past.Run
		}
		next.Epoch = max(next.Epoch, past.Epoch+1)
		past = next
		if back.shun.Name != "" {
			fleet.shun = append(fleet.shun, back.shun.Name)
			cfg.Pace.Lease = 2 * cfg.Pace.lease()
		}
		cfg.Observe(Progress{Batch: past.Committed, Note: fmt.Sprintf("going back to the last checkpoint: %v", err)})
		if tries > 0 {
			if err := fleet.rest(ctx, firstRest<<(tries-1)); err != nil {
				return out, err
			}
		}
	}
}

// takeWhole takes up the run of which past tells, from its beginning where no
// checkpoint can be used.
func takeWhole(ctx context.Context, cfg Config, fleet *members, past *Past) (Outcome, error) {
	out, err := take(ctx, cfg, fleet, past)
	if errors.Is(err, errNoCheckpoint) {
		whole, recallErr := recall(ctx, cfg.Ledger, true)
		if recallErr != nil {
			return out, recallErr
		}
		whole.Run, whole.Epoch = past.Run, past.Epoch
		out, err = take(ctx, cfg, fleet, whole)
	}
	return out, err
}

// take takes up the run of which past tells.
func take(ctx context.Context, cfg Config, fleet *members, past *Past) (Outcome, error) {
	if err := past.Fits(cfg.Plan); err != nil {
		return Outcome{}, err
	}
	if past.over() {
		return past.outcome(), nil
	}
	if f, ok := cfg.Fleet.(beginner); ok {
		if err := f.Begin(ctx, past.Epoch); err != nil {
			return Outcome{}, err
		}
	}
	core, err := newCore(cfg.Plan, cfg.Pace)
	if err != nil {
		return Outcome{}, err
	}
	told, err := story(cfg.Plan, past.Run)
	if err != nil {
		return Outcome{}, err
	}
	if past.Started != nil {
		told.Parts = past.Started.Parts
	}
	core.measure = cfg.Measure
	_, moves := cfg.States.(adopter)
	s := &shell{cfg: cfg, core: core, fleet: fleet, events: make(chan event), out: map[taskRef]context.CancelFunc{}}
	inner, cancel := context.WithCancel(ctx)
	defer s.tasks.Wait()
	defer cancel()
	return s.drive(ctx, inner, started{
		nodes: fleet.nodes, epoch: past.Epoch, story: told, saves: cfg.States != nil, history: past.planned, tallies: past.tallies,
		committed: past.Committed, rows: past.Tally.RowsIn, checkpoints: past.checkpoints, elastic: fleet.elastic, shun: fleet.shun, moves: moves,
	})
}

// adopter is what States may do besides: parts then move while a run is under way.
type adopter interface {
	// Adopt replaces the state of these parts on a node and leaves that of all others
	// as it is. A part without a file is emptied: another node has it now.
	Adopt(ctx context.Context, node string, parts []work.State) error
}

// move brings the state of a part from one node to another. Where it stays behind as
// well, because the node could not be asked to empty it, nobody looks at it again.
func (s *shell) move(ctx context.Context, from, to string, state work.State) event {
	e := stateMoved{stage: state.Stage, part: state.Index}
	states, ok := s.cfg.States.(adopter)
	if !ok {
		e.err = fault.New(fault.Bug, "driver: state cannot move")
		return e
	}
	if state.File == "" {
		if state, e.err = s.cfg.States.Save(ctx, from, state); e.err != nil {
			return e
		}
	}
	if e.err = states.Adopt(ctx, to, []work.State{state}); e.err != nil {
		return e
	}
	state.File = ""
	_ = states.Adopt(ctx, from, []work.State{state})
	return e
}
