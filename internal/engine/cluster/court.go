package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
)

// How long it takes until an executor is tried again that refuses the run, or the driver:
// longer each time. One that does not answer is tried again after probeFor.
const (
	firstRest = time.Second
	mostRest  = 30 * time.Second
)

// noneFor is how long there may be no members until a run without a node is given up.
const noneFor = time.Second

// candidate is a member that is no node of the fleet. It becomes one when the run is open
// there. Until then it is tried again and again
//
//   - when it does not answer;
//   - when it does not let the driver in, or is not believed (wire.ErrRefused);
//   - when it is unfit: the run cannot be opened there, because its program is another one or
//     it does not find the paths of the job.
//
// So one executor that cannot take part is no matter of the run. What the author got wrong is
// found by the driver's own check; a run that every executor is unfit for fails nevertheless.
type candidate struct {
	why    error // nil: it has not been tried yet
	tries  int   // with the same kind of answer
	marked bool  // told as unfit
}

// unfit reports whether the run cannot be opened on an executor that gave this answer,
// though it may on others.
func unfit(err error) bool {
	kind := fault.Of(err)
	return err != nil && kind != fault.Retry && kind != fault.Lost && !errors.Is(err, wire.ErrSuperseded)
}

// final reports whether an answer will hardly be another one soon.
func final(err error) bool { return unfit(err) || errors.Is(err, wire.ErrRefused) }

// consider begins to try a member, unless it is being tried. The lock is held.
func (f *Fleet) consider(m gossip.Member) {
	if at := (place{m.Name, m.RPC}); f.away[at] == nil {
		f.away[at] = &candidate{}
		f.start(func() { f.court(at) })
	}
}

// doubt begins to try a member that was a node. The lock is held.
func (f *Fleet) doubt(m gossip.Member, why error) {
	at := place{m.Name, m.RPC}
	c := &candidate{}
	f.away[at] = c
	f.judge(at, c, why)
	f.start(func() {
		if f.rest(at, c) {
			f.court(at)
		} else {
			f.dismiss(at)
		}
	})
}

// court tries a member until it is a node or no member any more.
func (f *Fleet) court(at place) {
	f.mu.Lock()
	c := f.away[at]
	f.mu.Unlock()
	for {
		err := f.try(at)
		if err == nil {
			return
		}
		f.mu.Lock()
		f.judge(at, c, err)
		f.mu.Unlock()
		if !f.rest(at, c) {
			f.dismiss(at)
			return
		}
	}
}

// try opens the run on a member, which becomes a node.
func (f *Fleet) try(at place) error {
	f.mu.Lock()
	o, version := f.opening, f.version
	o.Node = fmt.Sprintf("%s#%d", at.name, f.known[at.name]+1)
	o.Peers = f.addresses()
	o.Peers[o.Node] = at.addr
	f.begun[at.addr] = true
	f.mu.Unlock()
	ctx, end := whileOpen(f.done)
	defer end()
	p, err := f.peers.get(ctx, at.addr)
	if err == nil {
		err = p.Executor().Open(ctx, o)
	}
	if errors.Is(err, wire.ErrSuperseded) && f.run() != o.Run {
		err = fault.Wrap(fault.Retry, err) // by this driver itself
	}
	n := &node{name: o.Node, addr: at.addr, turn: make(chan struct{}, 1), told: version, run: o.Run}
	if errors.Is(err, wire.ErrSuperseded) {
		n.told, n.run, err = -1, "", nil // its first task will be told, which ends the run
	}
	if err != nil {
		return err
	}
	n.turn <- struct{}{}
	var ok bool
	if n.member, ok = f.member(at); !ok {
		return fault.New(fault.Retry, "%s has left", at.name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.admit(n)
	return nil
}

// admit makes a candidate a node. The lock is held.
func (f *Fleet) admit(n *node) {
	at := place{n.member.Name, n.addr}
	if c := f.away[at]; c != nil && final(c.why) {
		f.note("%s takes part now", at.name)
	}
	f.clear(at)
	f.known[at.name]++
	f.nodes[n.name] = n
	f.tell()
	f.ring()
}

// judge takes what trying a candidate came to. The lock is held.
func (f *Fleet) judge(at place, c *candidate, err error) {
	defer f.ring()
	was := c.why
	if c.why = err; final(was) != final(err) {
		c.tries = 0
	}
	c.tries++
	if c.marked && !unfit(err) {
		c.marked = false
		f.mark(at.name, nil)
	}
	if unfit(err) {
		c.marked = true
		f.mark(at.name, err)
	}
	if final(err) && (was == nil || !final(was) || unfit(was) != unfit(err)) {
		f.note("%s cannot take part: %v", at.name, err)
	}
	if was == nil || final(was) != final(err) {
		f.lament()
	}
}

// dismiss forgets a candidate that is no member any more.
func (f *Fleet) dismiss(at place) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clear(at)
	f.ring()
	f.start(func() { f.peers.drop(at.addr) })
}

// clear forgets a candidate. The lock is held.
func (f *Fleet) clear(at place) {
	if c := f.away[at]; c != nil && c.marked {
		f.mark(at.name, nil)
	}
	delete(f.away, at)
}

// rest waits until a candidate is to be tried again: sooner, if it is another process now.
// It reports false when it is no member any more.
func (f *Fleet) rest(at place, c *candidate) bool {
	f.mu.Lock()
	long := probeFor
	if final(c.why) {
		long = min(firstRest<<min(c.tries-1, 10), mostRest)
	}
	f.mu.Unlock()
	before, ok := f.member(at)
	for end := time.Now().Add(long); ok && time.Now().Before(end); {
		if !f.pause(min(lookEvery, time.Until(end))) {
			return false
		}
		var now gossip.Member
		if now, ok = f.member(at); now.Version != before.Version || !now.Since.Equal(before.Since) {
			break
		}
	}
	return ok
}

// member returns the member at a place, if one is alive there.
func (f *Fleet) member(at place) (gossip.Member, bool) {
	for _, m := range f.cfg.Members() {
		if m.Name == at.name && m.RPC == at.addr && m.Condition == gossip.Alive {
			return m, true
		}
	}
	return gossip.Member{}, false
}

// setAside lets a node go that the run cannot be opened on. If there is no other that it can
// be, that is the end of the run: the error is that of the node.
func (f *Fleet) setAside(n *node, why error) error {
	f.expel(n, why)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.nodes) == 0 && f.hopeless() != nil {
		return why
	}
	return fault.Wrap(fault.Retry, &leftError{n.name, why})
}

// hopeless returns why the run can be opened on none of the candidates, or nil where it
// may be on one of them. The lock is held.
func (f *Fleet) hopeless() error {
	var all []string
	reasons := map[string]error{}
	for _, c := range f.away {
		if !unfit(c.why) {
			return nil
		}
		reasons[c.why.Error()] = c.why
	}
	for text := range reasons {
		all = append(all, text)
	}
	if len(all) == 0 {
		return nil
	}
	return reasons[slices.Min(all)]
}

// gather waits for the first executor, and a moment for those that are there as well. A run
// that is taken up has had executors which could take part: it waits for one of them, whatever
// those say that are there.
func (f *Fleet) gather(ctx context.Context) error {
	if f.cfg.Wait > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, f.cfg.Wait, fault.New(fault.Retry, "no executor came within %s", f.cfg.Wait))
		defer stop()
	}
	var first time.Time
	seen := time.Now() // when there was a member last
	for {
		f.look()
		f.mu.Lock()
		nodes, tried, known, end := len(f.nodes), f.tried(), len(f.away), f.hopeless()
		f.mu.Unlock()
		switch {
		case nodes > 0 && first.IsZero():
			first = time.Now()
		case known > 0:
			seen = time.Now()
		}
		switch {
		case nodes > 0 && (tried || time.Since(first) > probeFor):
			return nil
		case nodes == 0 && end != nil && !f.cfg.Opening.Resume:
			return end
		case nodes == 0 && known == 0 && f.cfg.Wait == 0 && time.Since(seen) > noneFor:
			return fault.Wrap(fault.Retry, engine.ErrNobody)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-f.cfg.Stop:
			return nil
		case <-f.news:
		case <-time.After(lookEvery):
		}
	}
}

// tried reports whether all candidates have been. The lock is held.
func (f *Fleet) tried() bool {
	for _, c := range f.away {
		if c.why == nil {
			return false
		}
	}
	return true
}

// ring wakes whoever waits for candidates.
func (f *Fleet) ring() {
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// lament says why the run waits, while it has no node. The lock is held.
func (f *Fleet) lament() {
	if len(f.nodes) > 0 {
		f.lamented = ""
	}
	if len(f.nodes) > 0 || !f.tried() {
		return
	}
	var why []string
	for at, c := range f.away {
		why = append(why, at.name+": "+c.why.Error())
	}
	slices.Sort(why)
	text := ""
	switch {
	case len(why) > 0:
		text = fmt.Sprintf("waiting for executors: %d alive, none usable: %s", len(why), strings.Join(why, "; "))
	case f.cfg.Why != nil:
		text = "waiting " + f.cfg.Why()
	}
	if text != f.lamented {
		f.lamented = text
		f.note("%s", text)
	}
}

func (f *Fleet) note(format string, args ...any) {
	if f.cfg.Note != nil {
		f.cfg.Note(fmt.Sprintf(format, args...))
	}
}

func (f *Fleet) mark(member string, why error) {
	if f.cfg.Mark != nil {
		f.cfg.Mark(member, why)
	}
}
