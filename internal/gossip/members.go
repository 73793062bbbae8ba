package gossip

import (
	"context"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/idag/idag/internal/fault"
)

// Members returns who is known, this node too, sorted by name. Those that have left or
// died are among them for five minutes. The caller owns the list.
func (n *Node) Members() []Member {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.table.members(time.Now())
}

// Changes returns a channel that holds a value when Members has changed since the last
// value was taken: look again. There is one channel, for one reader, never closed; for
// more readers there is Watch.
func (n *Node) Changes() <-chan struct{} { return n.changes }

// Watch gives the members, now and whenever they have changed, until ctx ends or the
// node does. There may be any number of watchers; one who is slow misses what was
// between, not how it ended.
func (n *Node) Watch(ctx context.Context) iter.Seq[[]Member] {
	return func(yield func([]Member) bool) {
		w := newBell()
		n.mu.Lock()
		n.watchers[w] = true
		n.mu.Unlock()
		defer func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			delete(n.watchers, w)
		}()
		for yield(n.Members()) {
			select {
			case <-w:
			case <-ctx.Done():
				return
			case <-n.ended:
				return
			}
		}
	}
}

// Announce changes what the node says of itself: role, slots, memory, plans, and its
// condition from Alive to Leaving or back. The others know within a second or so. It
// fails with fault.Invalid, and changes nothing, if that cannot be said.
func (n *Node) Announce(change func(self *Member)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.self
	m.Plans = slices.Clone(m.Plans)
	change(&m)
	s := stance(0)
	switch m.Condition {
	case Alive:
		s = staying
	case Leaving:
		s = leaving
	case Left, Dead:
		return fault.New(fault.Invalid, "a node cannot announce that it is %s", m.Condition)
	default:
		return fault.New(fault.Invalid, "there is no condition %q", m.Condition)
	}
	if m.Name != n.name {
		return fault.New(fault.Invalid, "a node keeps its name: %q is not %q", m.Name, n.name)
	}
	if err := says(m, s, n.claim).check(); err != nil {
		return err
	}
	m.Gossip, m.Plans = n.self.Gossip, slices.Clone(m.Plans)
	n.self = m
	if n.stance != goodbye {
		n.stance = s
		n.reflect()
	}
	return nil
}

// Leave says goodbye, so that the others know that the node has left and did not die,
// and takes about a second at most with the local preset. What it runs should be done:
// announce Leaving first and wait. When ctx ends it leaves without waiting for the news
// to spread. The node has to be closed afterwards.
func (n *Node) Leave(ctx context.Context) error {
	n.parting.Lock()
	defer n.parting.Unlock()
	if n.finished {
		return nil
	}
	select {
	case <-n.ended:
		return nil
	default:
	}
	n.finished = true
	n.mu.Lock()
	n.stance = goodbye
	n.reflect()
	others := len(n.table.present(n.name))
	n.mu.Unlock()
	if others > 0 {
		select {
		case <-time.After(n.spreading(others)):
		case <-ctx.Done():
		case <-n.ended:
			return nil
		}
	}
	n.telling.Lock()
	defer n.telling.Unlock()
	n.left = true
	if err := n.list.Leave(20 * n.preset.gossip); err != nil {
		return fault.New(fault.Retry, "left, but perhaps nobody has heard of it: %w", err)
	}
	return nil
}

// spreading is how long news take to reach all: each who knows tells others, so that
// those who know are at least twice as many after each interval.
func (n *Node) spreading(others int) time.Duration {
	return n.preset.gossip * time.Duration(4+math.Ceil(math.Log2(float64(others+1))))
}

// Close ends the node, without a word to the others if it has not left. It may be
// called more than once.
func (n *Node) Close() error {
	n.end(nil)
	n.running.Wait()
	return nil
}

// end stops the node, because of err if it had to.
func (n *Node) end(err error) {
	n.closing.Do(func() {
		n.mu.Lock()
		n.err = err
		n.mu.Unlock()
		close(n.ended)
		n.parting.Lock()
		defer n.parting.Unlock()
		n.finished = true
		_ = n.list.Shutdown() // its sockets are closed: there is nothing else that could fail
		n.stop()
		n.linger()
	})
}

// Done is closed when the node has ended, by Close or by itself: then Err says why.
func (n *Node) Done() <-chan struct{} { return n.ended }

// Err says why a node ended by itself: fault.Invalid if another one has its name. It is
// nil for a node that runs or was closed.
func (n *Node) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

// Keys returns the keys, the one that encrypts first; none if the gossip is open. To
// change the key of a running cluster install the new one on every node, then use it on
// every node, then remove the old one from every node. Nodes with a KeyFile do each step
// when the file has changed.
func (n *Node) Keys() [][]byte { return n.keys.keys() }

// InstallKey makes the node decrypt with a further key of 16, 24 or 32 bytes.
func (n *Node) InstallKey(key []byte) error { return n.keys.install(key) }

// UseKey makes the node encrypt with an installed key.
func (n *Node) UseKey(key []byte) error { return n.keys.use(key) }

// RemoveKey makes the node forget a key other than the one it encrypts with.
func (n *Node) RemoveKey(key []byte) error { return n.keys.remove(key) }
