package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/executor/snapshot"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner/work"
)

// How long the fleet waits: between two looks at the members, for the first executor,
// for one that does not answer, and for what is told to executors that need not be there.
const (
	lookEvery = 100 * time.Millisecond
	probeFor  = 300 * time.Millisecond
	probes    = 3
	tellFor   = 2 * time.Second
)

// FleetConfig is what a fleet is made of. Opening, without Node and Peers, is the run's;
// it, Members and Dial are required.
type FleetConfig struct {
	Opening wire.Opening
	// Members is asked for the nodes of the cluster, again and again.
	Members func() []gossip.Member
	Dial    Dial
	// Wait is how long to wait for the first executor; 0 means until the context ends or
	// there are no members any more.
	Wait time.Duration
	// Stop, when it is closed, ends the wait for the first executor.
	Stop <-chan struct{}
	// Mark is told of an executor that cannot take part in the run, and why; nil: it can again,
	// or is gone. Note is told what people should know. Why says, for people, why there are no
	// members. They are called with the fleet locked, and may be nil.
	Mark func(member string, why error)
	Note func(string)
	Why  func() string
}

// Fleet is the executors of a run as its driver sees them. It implements
// engine.Remote. A member takes part once the run is open there; see candidate. An executor that
// does not answer, or that says it knows nothing of the run any more, leaves the fleet
// before the members say so, and comes back under a new name.
type Fleet struct {
	cfg     FleetConfig
	job     string
	peers   *peers
	done    chan struct{}  // closed when the fleet is
	work    sync.WaitGroup // joined under mu, while done is open
	changes chan []driver.Node

	mu       sync.Mutex
	opening  wire.Opening         // of the epoch that runs now
	nodes    map[string]*node     // by the driver's names
	known    map[string]int       // by member: how often it came
	away     map[place]*candidate // members that are no nodes
	news     chan struct{}        // holds one token when a candidate has answered
	begun    map[string]bool      // addresses where the run may be open
	releases releases
	version  int    // of the peers
	lamented string // why the run waits, as it was said last
}

var _ engine.Remote = (*Fleet)(nil)

// NewFleet waits for an executor and returns the fleet. The caller closes it.
func NewFleet(ctx context.Context, cfg FleetConfig) (*Fleet, error) {
	f := &Fleet{cfg: cfg, peers: newPeers(cfg.Dial), opening: cfg.Opening, done: make(chan struct{}), changes: make(chan []driver.Node, 1),
		nodes: map[string]*node{}, known: map[string]int{}, away: map[place]*candidate{}, news: make(chan struct{}, 1), begun: map[string]bool{}, releases: newReleases()}
	var err error
	if f.job, _, err = split(cfg.Opening.Run); err == nil {
		err = f.gather(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	f.work.Go(f.follow)
	return f, nil
}

// follow looks at the members until the fleet is closed.
func (f *Fleet) follow() {
	tick, beats := time.NewTicker(lookEvery), time.NewTicker(beat)
	defer tick.Stop()
	defer beats.Stop()
	for {
		select {
		case <-f.done:
			return
		case <-tick.C:
			f.look()
		case <-beats.C:
			f.beat()
		}
	}
}

// beat lets the executors know that the run is still driven. One that knows nothing of
// it any more leaves the fleet; whether one that does not answer is dead is for its
// members to say.
func (f *Fleet) beat() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.nodes {
		if !f.begun[n.addr] {
			continue
		}
		f.start(func() {
			ctx, stop := whileOpen(f.done)
			defer stop()
			if err := f.ask(ctx, n, beat); fault.Of(err) == fault.Lost && err != nil {
				f.expel(n, err)
			}
		})
	}
}

// tell hands the nodes on, in place of what nobody has taken yet.
func (f *Fleet) tell() {
	f.version++
	select {
	case <-f.changes:
	default:
	}
	f.changes <- f.list()
	f.lament()
}

// list returns the nodes, by name. The lock is held.
func (f *Fleet) list() []driver.Node {
	var out []driver.Node
	for _, n := range f.nodes {
		out = append(out, driver.Node{Name: n.name, Slots: n.member.Slots, Site: n.member.Site, Draining: n.member.Condition == gossip.Leaving})
	}
	slices.SortFunc(out, func(a, b driver.Node) int { return compareNames(a.Name, b.Name) })
	return out
}

// Nodes implements driver.Fleet.
func (f *Fleet) Nodes() []driver.Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.list()
}

// Changes gives the nodes whenever they have changed: the last list only, if nobody
// has taken the ones before.
func (f *Fleet) Changes() <-chan []driver.Node { return f.changes }

// Begin tells of the epoch under which the run is taken up: it is opened anew on all
// nodes, which thereby give up what they had of the epoch before.
func (f *Fleet) Begin(_ context.Context, epoch int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := wire.RunID(fmt.Sprintf("%s/%d", f.job, epoch))
	if id != f.opening.Run {
		f.opening.Run = id
		f.version++
		f.releases.owed = newReleases().owed // of other blocks
	}
	return nil
}

// run returns the run as it is called now.
func (f *Fleet) run() wire.RunID {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opening.Run
}

// Run implements driver.Fleet.
func (f *Fleet) Run(ctx context.Context, name string, t work.Task) (r work.Receipt, err error) {
	err = f.on(ctx, name, func(x wire.Executor, run wire.RunID) error {
		order, undo := f.withReleases(name, run, t)
		if r, err = x.Run(ctx, run, order); err != nil {
			undo()
		}
		return err
	})
	return r, err
}

// leftError says that a node has left in the middle of something.
type leftError struct {
	name string
	err  error
}

func (e *leftError) Error() string { return e.name + " has left: " + e.err.Error() }
func (e *leftError) Unwrap() error { return e.err }

// Save implements driver.States.
func (f *Fleet) Save(ctx context.Context, name string, s work.State) (out work.State, err error) {
	err = f.on(ctx, name, func(x wire.Executor, run wire.RunID) error {
		out, err = x.State(ctx, run, wire.StateOrder{Save: &s})
		return err
	})
	return out, err
}

// Restore implements driver.States.
func (f *Fleet) Restore(ctx context.Context, name string, parts []work.State) error {
	return f.on(ctx, name, func(x wire.Executor, run wire.RunID) error {
		_, err := x.State(ctx, run, wire.StateOrder{Restore: parts, All: true})
		return err
	})
}

// Adopt replaces single parts on a node: see driver.States.
func (f *Fleet) Adopt(ctx context.Context, name string, parts []work.State) error {
	return f.on(ctx, name, func(x wire.Executor, run wire.RunID) error {
		_, err := x.State(ctx, run, wire.StateOrder{Restore: parts})
		return err
	})
}

// Retain implements driver.States: the directory is one that all nodes see.
func (f *Fleet) Retain(_ context.Context, parts []work.State) error {
	return snapshot.Retain(f.cfg.Opening.States, parts)
}

// on does something on a node, on which the run is opened if it is not. If the node
// has lost the run, or does not answer, it leaves the fleet.
func (f *Fleet) on(ctx context.Context, name string, do func(wire.Executor, wire.RunID) error) error {
	f.mu.Lock()
	n := f.nodes[name]
	f.mu.Unlock()
	if n == nil {
		return fault.New(fault.Retry, "%s has left", name)
	}
	x, run, err := f.open(ctx, n)
	if err != nil && ctx.Err() == nil && unfit(err) {
		return f.setAside(n, err)
	}
	if err == nil {
		err = do(x, run)
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	if kind := fault.Of(err); kind != fault.Retry && kind != fault.Lost {
		return err
	}
	if f.gone(ctx, n) {
		return fault.Wrap(fault.Retry, &leftError{name, err})
	}
	return err
}

// open opens the run on a node, or tells it of new peers, and returns its executor and
// what the run is called.
func (f *Fleet) open(ctx context.Context, n *node) (wire.Executor, wire.RunID, error) {
	p, err := f.peers.get(ctx, n.addr)
	if err != nil {
		return nil, "", err
	}
	select {
	case <-n.turn:
	case <-ctx.Done():
		return nil, "", context.Cause(ctx)
	}
	defer func() { n.turn <- struct{}{} }()
	f.mu.Lock()
	o, version := f.opening, f.version
	o.Node, o.Peers = n.name, f.addresses()
	f.begun[n.addr] = true
	f.mu.Unlock()
	if n.told == version {
		return p.Executor(), o.Run, nil
	}
	if n.run == o.Run {
		o.Job, o.Schemas = nil, nil
	}
	if err := p.Executor().Open(ctx, o); err != nil {
		return nil, "", err
	}
	n.told, n.run = version, o.Run
	return p.Executor(), o.Run, nil
}

// addresses returns where the nodes are, by name. The lock is held.
func (f *Fleet) addresses() map[string]string {
	out := make(map[string]string, len(f.nodes))
	for _, n := range f.nodes {
		out[n.name] = n.addr
	}
	return out
}

// Close implements engine.Remote.
func (f *Fleet) Close() error {
	f.mu.Lock()
	close(f.done)
	f.mu.Unlock()
	f.work.Wait() // nobody opens the run any more
	run := f.run()
	f.mu.Lock()
	begun := slices.Collect(maps.Keys(f.begun))
	f.mu.Unlock()
	f.tellAll(begun, func(ctx context.Context, _ string, x wire.Executor) { _ = x.Close(ctx, run) })
	f.mu.Lock()
	for at := range f.away {
		f.clear(at)
	}
	f.mu.Unlock()
	return f.peers.close()
}
