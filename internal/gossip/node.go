package gossip

import (
	"context"
	"iter"

	"github.com/idag/idag/internal/fault"
)

// Config is how a node takes part.
type Config struct {
	Self      Member       // Name, Role, RPC, Slots, Memory, Site and Version; the rest is filled in
	Bind      string       // host:port to listen on, both TCP and UDP; port 0 takes a free one
	Advertise string       // host or host:port where the others reach it, if not where it listens
	Join      []string     // host, host:port or file:PATH with one of these a line; none: the first node
	Keys      [][]byte     // of 16, 24 or 32 bytes; the first encrypts, all decrypt; none: not encrypted
	KeyFile   string       // more keys, one a line; followed while the node runs
	Preset    Preset       // the zero value is LAN()
	Log       func(string) // lines for people; nil: none
}

// AddKeys adds the keys of a text: keys in base64 or hex, split by commas, spaces or
// lines, or file:PATH, which becomes the KeyFile.
func (c *Config) AddKeys(text string) error {
	return fault.New(fault.Bug, "not built: %d bytes", len(text))
}

// Node is this process in the cluster.
type Node struct{ changes chan struct{} }

// Start begins to take part. It waits a moment for the first peer to answer; when none
// does it goes on trying in the background.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	return nil, fault.New(fault.Bug, "not built: %s, %w", cfg.Self.Name, ctx.Err())
}

// Members returns who is known, this node too, sorted by name. Those that have left or
// died stay for some minutes. The caller owns the list.
func (n *Node) Members() []Member { return nil }

// Changes returns a channel that holds a value when Members has changed since the last
// one was taken. There is one channel, for one reader: for more see Watch.
func (n *Node) Changes() <-chan struct{} { return n.changes }

// Watch gives the members, now and each time that they change, until ctx ends or the
// node is closed. There may be any number of watchers.
func (n *Node) Watch(ctx context.Context) iter.Seq[[]Member] {
	return func(func([]Member) bool) { <-ctx.Done() }
}

// Announce changes what the node says of itself: role, slots, memory, plans, and
// Leaving for its condition.
func (n *Node) Announce(change func(self *Member)) error {
	change(&Member{})
	return nil
}

// Leave says goodbye. The tasks should be done: announce Leaving before.
func (n *Node) Leave(ctx context.Context) error { return ctx.Err() }

// Close ends the node without a word. It may be called more than once.
func (n *Node) Close() error { return nil }

// Done is closed when the node has ended, by Close or because it had to; see Err.
func (n *Node) Done() <-chan struct{} { return nil }

// Err says why a node ended by itself, or nil.
func (n *Node) Err() error { return nil }

// Keys returns the keys in use, the one that encrypts first.
func (n *Node) Keys() [][]byte { return nil }

// InstallKey makes the node decrypt with a further key.
func (n *Node) InstallKey(key []byte) error { return fault.New(fault.Bug, "not built: %d", len(key)) }

// UseKey makes the node encrypt with an installed key.
func (n *Node) UseKey(key []byte) error { return fault.New(fault.Bug, "not built: %d", len(key)) }

// RemoveKey makes the node forget a key that it does not encrypt with.
func (n *Node) RemoveKey(key []byte) error { return fault.New(fault.Bug, "not built: %d", len(key)) }
