package cluster

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
)

// node is a member under one name of the driver's.
type node struct {
	name   string
	addr   string
	member gossip.Member

	turn chan struct{} // holds one token: who opens the run there, or asks after it, takes it
	told int           // the version of the fleet that it knows
	run  wire.RunID    // that was opened there, or ""
}

// place is where a member is.
type place struct{ name, addr string }

// look compares the fleet with the members.
func (f *Fleet) look() {
	members := f.cfg.Members()
	f.mu.Lock()
	defer f.mu.Unlock()
	there, addrs, changed := map[string]gossip.Member{}, map[string]bool{}, false
	for _, m := range members {
		if m.Role == gossip.Executor && m.RPC != "" && present(m) {
			there[m.Name], addrs[m.RPC] = m, true
		}
	}
	for name, n := range f.nodes {
		m, ok := there[n.member.Name]
		if !ok || m.RPC != n.addr {
			f.forget(name)
			changed = true
			continue
		}
		changed = changed || n.member.Slots != m.Slots || n.member.Site != m.Site || n.member.Condition != m.Condition
		n.member = m
		delete(there, m.Name)
	}
	for _, m := range there {
		if m.Condition == gossip.Alive {
			f.consider(m)
		}
	}
	for addr := range f.begun {
		if !addrs[addr] { // whatever is open there, nobody will ask for it
			delete(f.begun, addr)
			f.start(func() { f.peers.drop(addr) })
		}
	}
	if changed {
		f.tell()
	}
}

// present reports whether a member is still there.
func present(m gossip.Member) bool {
	return m.Condition == gossip.Alive || m.Condition == gossip.Leaving
}

// forget lets a node go. The lock is held.
func (f *Fleet) forget(name string) {
	n := f.nodes[name]
	delete(f.nodes, name)
	f.start(func() { f.peers.drop(n.addr) }) // what was called there ends
}

// start does something in a goroutine, unless the fleet is closed. The lock is held.
func (f *Fleet) start(do func()) {
	select {
	case <-f.done:
	default:
		f.work.Go(do)
	}
}

// gone finds out whether a node that has failed still takes part. One that says no,
// and one that does not answer for a while, leaves the fleet.
func (f *Fleet) gone(ctx context.Context, n *node) bool {
	for try := 1; ; try++ {
		f.mu.Lock()
		left := f.nodes[n.name] != n
		f.mu.Unlock()
		if left {
			return true
		}
		begin := time.Now()
		err := f.ask(ctx, n, probeFor)
		switch {
		case err == nil || ctx.Err() != nil:
			return false
		case fault.Of(err) != fault.Retry || try == probes:
			f.expel(n, err)
			return true
		}
		f.pause(probeFor - time.Since(begin))
	}
}

// ask asks a node whether it takes part in the run, if it was to.
func (f *Fleet) ask(ctx context.Context, n *node, wait time.Duration) error {
	ctx, stop := context.WithTimeoutCause(ctx, wait, fault.New(fault.Retry, "%s does not answer", n.name))
	defer stop()
	select {
	case <-n.turn:
	case <-ctx.Done():
		return nil // somebody else is about to find out
	}
	defer func() { n.turn <- struct{}{} }()
	p, err := f.peers.get(ctx, n.addr)
	if err != nil {
		return err
	}
	f.mu.Lock()
	run, addrs := f.opening.Run, f.addresses()
	f.mu.Unlock()
	err = p.Executor().Open(ctx, wire.Opening{Run: run, Node: n.name, Peers: addrs})
	if n.run != run && fault.Of(err) == fault.Lost {
		return nil // it answers, and that is how it should be
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// expel lets a node go that its members still know, until it answers.
func (f *Fleet) expel(n *node, why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nodes[n.name] != n {
		return
	}
	f.forget(n.name)
	f.doubt(n.member, why)
	f.tell()
}

// whileOpen returns a context that ends when done is closed.
func whileOpen(done <-chan struct{}) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-done:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		cancel()
		watch.Wait()
	}
}

// pause waits, and reports whether the fleet is still open then.
func (f *Fleet) pause(d time.Duration) bool {
	select {
	case <-f.done:
		return false
	case <-time.After(max(0, d)):
		return true
	}
}

// compareNames puts e2 before e10.
func compareNames(a, b string) int {
	an, ai := stem(a)
	bn, bi := stem(b)
	return cmp.Or(cmp.Compare(an, bn), cmp.Compare(ai, bi), cmp.Compare(a, b))
}

// stem takes the number in a name off: that behind its last letter.
func stem(name string) (string, int) {
	name, _, _ = strings.Cut(name, "#")
	digits := len(name)
	for digits > 0 && name[digits-1] >= '0' && name[digits-1] <= '9' {
		digits--
	}
	n, _ := strconv.Atoi(name[digits:])
	return name[:digits], n
}
