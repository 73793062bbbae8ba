package gossip

import (
	"context"
	"errors"
	"log"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/idag/idag/internal/fault"
)

// Node is this process in the cluster. Its methods may be called by any goroutine.
type Node struct {
	name   string
	preset Preset
	keys   *keyring
	list   *memberlist.Memberlist
	find   lookup
	seeds  seeds
	file   keyFile

	changes  bell // for Changes
	tell     bell // there is something to announce
	look     bell // there is a reason to look for the others
	lines    chan string
	ended    chan struct{}
	missed   atomic.Int64 // when a probe was not answered last, in nanoseconds since the epoch
	stop     context.CancelFunc
	running  sync.WaitGroup
	closing  sync.Once
	parting  sync.Mutex // held by Leave and Close
	finished bool       // by one of them; under parting
	telling  sync.Mutex // held while memberlist tells the others something
	left     bool       // it has told them that it left; under telling
	quiet    sync.Mutex // for sieve
	sieve    *sieve

	mu       sync.Mutex
	self     Member
	stance   stance
	table    table
	watchers map[bell]bool
	since    time.Time // when it was first among others
	claim    claim     // to its name, without the address
	rival    string    // the address of another node with its name that this node yields to, unless it is dead
	err      error     // why it ended by itself

	contested time.Time // when another node claimed its name last
}

// bell rings for one who waits; it rings once, however often it was rung before.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) wake() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// Start begins to take part. It waits for the first answer of a peer, for a second or a
// few as the preset says, and goes on trying in the background when none comes. It fails
// with fault.Invalid when the Config is wrong or a node with this name is there already.
// Its ctx is for the start only: the node runs until it is closed.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	return start(ctx, cfg, world{find: net.DefaultResolver.LookupNetIP})
}

// world is what a node meets outside.
type world struct {
	find    lookup
	blocked func(addr string) bool
}

func start(ctx context.Context, cfg Config, w world) (*Node, error) {
	n, err := newNode(cfg, w.find)
	if err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	n.stop = stop
	if err := n.listen(ctx, cfg, w); err != nil {
		stop()
		return nil, err
	}
	first := make(chan struct{})
	n.running.Add(3)
	go n.keep(life)
	go n.seek(life, first)
	go n.print(life, cfg.Log)
	select {
	case <-first:
	case <-n.ended:
	case <-ctx.Done():
	case <-time.After(n.preset.wait):
	}
	if err := errors.Join(n.Err(), fault.Wrap(fault.Retry, ctx.Err())); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// newNode checks what can be checked without a network.
func newNode(cfg Config, find lookup) (*Node, error) {
	if cfg.Preset == (Preset{}) {
		cfg.Preset = LAN()
	}
	if err := checkName(cfg.Self.Name); err != nil {
		return nil, err
	}
	if err := checkText("the name of the cluster", cfg.Cluster, siteLimit); err != nil {
		return nil, err
	}
	seeds, err := parseSeeds(cfg.Join)
	if err != nil {
		return nil, err
	}
	file := keyFile{path: cfg.KeyFile, more: cfg.Keys}
	keys, _, err := file.read()
	if err != nil {
		return nil, err
	}
	ring, err := newKeyring(keys)
	if err != nil {
		return nil, err
	}
	self := cfg.Self
	self.Plans = slices.Clone(self.Plans)
	self.Condition = Alive
	// One that looks for nobody founds the cluster: nobody can have its name before it.
	claim := claim{settled: len(cfg.Join) == 0, from: time.Now().UnixMicro()}
	return &Node{name: self.Name, preset: cfg.Preset, keys: ring, find: find, seeds: seeds, file: file,
		changes: newBell(), tell: newBell(), look: newBell(), lines: make(chan string, 256), ended: make(chan struct{}),
		claim: claim, self: self, table: table{nodes: map[string]row{}}, watchers: map[bell]bool{}, sieve: newSieve()}, nil
}

// listen opens the sockets and begins to answer.
func (n *Node) listen(ctx context.Context, cfg Config, w world) error {
	at, err := place(ctx, cfg, w.find)
	if err != nil {
		return err
	}
	t, err := listen(ctx, at, w.blocked)
	if err != nil {
		return err
	}
	n.self.Gossip = t.address()
	n.self.RPC = completed(n.self.RPC, n.self.Gossip)
	if err := says(n.self, staying, n.claim).check(); err != nil {
		return errors.Join(err, t.Shutdown())
	}
	c := n.preset.settings(cfg.Cluster)
	c.Name, c.Logger, c.Transport, c.Keyring = n.name, log.New(memo{n}, "", 0), t, n.keys.ring
	c.Delegate, c.Events, c.Conflict, c.Alive, c.Merge = ear{n}, ear{n}, ear{n}, ear{n}, ear{n}
	// Called when a probe was not answered in time: a notice, TCP is tried nevertheless.
	c.DisableTcpPingsForNode = func(string) bool {
		n.missed.Store(time.Now().UnixNano())
		return false
	}
	c.BindPort, c.AdvertisePort = t.port(), int(t.advertised.Port())
	n.list, err = memberlist.Create(c)
	if err != nil {
		return fault.New(fault.Invalid, "cannot begin to gossip: %w", errors.Join(err, t.Shutdown()))
	}
	return nil
}

// see notes what memberlist tells of a node.
func (n *Node) see(what event, m *memberlist.Node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if m.Name != n.name && n.since.IsZero() {
		n.since = now
	}
	n.note(now, what, m.Name, m.Address(), m.Meta)
}

// note enters news into the table. The caller holds mu.
func (n *Node) note(now time.Time, what event, name, addr string, meta []byte) {
	changed, line := n.table.see(now, what, name, addr, meta)
	if changed {
		n.ring()
	}
	if name != n.name {
		n.say(line)
	}
}

// reflect enters what the node says of itself. The caller holds mu.
func (n *Node) reflect() {
	n.note(time.Now(), changed, n.name, n.self.Gossip, n.meta(metaLimit))
	n.tell.wake()
}

// meta is what the node says of itself. The caller holds mu.
func (n *Node) meta(limit int) []byte {
	return says(n.self, n.stance, n.claim).encode(min(limit, metaLimit))
}

// room says whether there is room for another node.
func (n *Node) room(name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.table.nodes[name]; !known && len(n.table.nodes) >= nodeLimit {
		return fault.New(fault.Invalid, "there are %d nodes already", nodeLimit)
	}
	return nil
}

// ring wakes those who wait for changes. The caller holds mu.
func (n *Node) ring() {
	n.changes.wake()
	for w := range n.watchers {
		w.wake()
	}
}
