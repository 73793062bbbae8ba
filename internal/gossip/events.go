package gossip

import (
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/idag/idag/internal/fault"
)

// ear is what memberlist calls. It may hold its own lock meanwhile, so nothing here asks
// it anything.
type ear struct{ n *Node }

var (
	_ memberlist.Delegate         = ear{}
	_ memberlist.EventDelegate    = ear{}
	_ memberlist.ConflictDelegate = ear{}
	_ memberlist.AliveDelegate    = ear{}
	_ memberlist.MergeDelegate    = ear{}
)

// NodeMeta says what this node says of itself.
func (e ear) NodeMeta(limit int) []byte {
	e.n.mu.Lock()
	defer e.n.mu.Unlock()
	return e.n.meta(limit)
}

// NotifyJoin is told of a node that has come.
func (e ear) NotifyJoin(m *memberlist.Node) { e.n.see(came, m) }

// NotifyUpdate is told of a node that says something else of itself.
func (e ear) NotifyUpdate(m *memberlist.Node) { e.n.see(changed, m) }

// NotifyLeave is told of a node that has gone, whether it said so or not.
func (e ear) NotifyLeave(m *memberlist.Node) { e.n.see(went, m) }

// NotifyAlive refuses nodes that are out of order.
func (e ear) NotifyAlive(m *memberlist.Node) error {
	if err := acceptable(m); err != nil {
		return err
	}
	return e.n.room(m.Name)
}

// NotifyMerge refuses a cluster none of whose nodes is in order; a single one that is
// not does not keep the others out.
func (e ear) NotifyMerge(peers []*memberlist.Node) error {
	var failed error
	for _, p := range peers {
		if p.State != memberlist.StateAlive {
			continue
		}
		err := acceptable(p)
		if err == nil {
			return nil
		}
		failed = err
	}
	return failed
}

// NotifyConflict is told of two nodes with one name. It concerns this node if the name
// is its own.
func (e ear) NotifyConflict(existing, other *memberlist.Node) {
	s, err := decode(other.Meta)
	if existing.Name != e.n.name || err != nil {
		return
	}
	e.n.mu.Lock()
	defer e.n.mu.Unlock()
	e.n.contested = time.Now()
	mine := e.n.claim
	mine.addr = existing.Address()
	if mine.yields(s.claim(other.Address())) {
		e.n.rival = other.Address()
		e.n.look.wake()
	}
}

// NotifyMsg, GetBroadcasts, LocalState and MergeRemoteState are for messages of the
// program's own: it has none.
func (e ear) NotifyMsg([]byte) {}

// GetBroadcasts has nothing to send.
func (e ear) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState has nothing to tell.
func (e ear) LocalState(bool) []byte { return nil }

// MergeRemoteState has nothing to learn.
func (e ear) MergeRemoteState([]byte, bool) {}

// acceptable says what is wrong with a node that wants to be in the cluster, or is said
// to be in it.
func acceptable(m *memberlist.Node) error {
	if err := checkName(m.Name); err != nil {
		return err
	}
	ip, ok := netip.AddrFromSlice(m.Addr)
	if !ok || m.Port == 0 || ip.IsUnspecified() || ip.IsMulticast() {
		return fault.New(fault.Invalid, "nobody can be at %s", m.Address())
	}
	_, err := decode(m.Meta)
	return err
}
