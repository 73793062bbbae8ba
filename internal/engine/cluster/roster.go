package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
)

// How often a roster asks an executor whether it can be used: one that can, and one that does
// not answer, after mostSilence at the latest. One that refuses rests as a candidate does.
const (
	askEvery    = 15 * time.Second
	askFor      = 2 * time.Second
	mostSilence = 5 * time.Second
	silentFor   = 10 * time.Second // until one that does not answer is told of
)

// RosterConfig is what a roster is made of. Members and Dial are required.
type RosterConfig struct {
	Members func() []gossip.Member
	Dial    Dial
	// Patience is how long an executor that is alive by its members may not answer; 0 is
	// ten seconds.
	Patience time.Duration
	Log      func(string) // told, once, of who cannot be used, and of who can again; may be nil
}

// Roster knows which executors a driver can use, whether jobs run or not. That an executor is
// alive by gossip says only that it has the key of the gossip: its token, its certificate or
// its protocol may be others, or nobody reaches the address of its tasks. Each is asked, now
// and then, as a fleet would ask it. It is safe for concurrent use.
type Roster struct {
	cfg   RosterConfig
	peers *peers
	done  chan struct{}
	work  sync.WaitGroup

	mu    sync.Mutex
	seen  map[place]*standing
	marks map[string]map[string]string // by member and job: why a run cannot be opened there
}

// standing is what is known of an executor.
type standing struct {
	member gossip.Member
	why    string // no job can use it; "": as far as is known jobs can
	silent bool   // it does not answer
	asking bool
	tries  int       // that failed, one behind the other
	since  time.Time // of the first of them
	next   time.Time // when it is asked again
}

// NewRoster begins to ask. Who calls closes it.
func NewRoster(cfg RosterConfig) *Roster {
	if cfg.Patience <= 0 {
		cfg.Patience = silentFor
	}
	r := &Roster{cfg: cfg, peers: newPeers(cfg.Dial), done: make(chan struct{}), seen: map[place]*standing{}, marks: map[string]map[string]string{}}
	r.work.Go(r.follow)
	return r
}

// Close ends the asking.
func (r *Roster) Close() error {
	close(r.done)
	r.work.Wait()
	return r.peers.close()
}

// Out says why the driver can use an executor for nothing, or "".
func (r *Roster) Out(m gossip.Member) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.seen[place{m.Name, m.RPC}]; s != nil {
		return s.why
	}
	return ""
}

// Doubts says for people what an executor cannot be used for, and why, or "".
func (r *Roster) Doubts(m gossip.Member) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.seen[place{m.Name, m.RPC}]; s != nil && s.why != "" {
		return s.why
	}
	var all []string
	for _, job := range slices.Sorted(maps.Keys(r.marks[m.Name])) {
		all = append(all, "by the job "+job+": "+r.marks[m.Name][job])
	}
	return strings.Join(all, "; ")
}

// Mark notes that the run of a job cannot be opened on an executor; nil: it can, or has ended.
func (r *Roster) Mark(job, member string, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if why == nil {
		delete(r.marks[member], job)
		return
	}
	if r.marks[member] == nil {
		r.marks[member] = map[string]string{}
	}
	if _, known := r.marks[member][job]; !known {
		r.log("the executor %s cannot be used by the job %s: %v", member, job, why)
	}
	r.marks[member][job] = why.Error()
}

// follow asks until the roster is closed.
func (r *Roster) follow() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		r.look()
		select {
		case <-tick.C:
		case <-r.done:
			return
		}
	}
}

// look asks those whose turn it is, and forgets those that are gone.
func (r *Roster) look() {
	members := r.cfg.Members()
	r.mu.Lock()
	defer r.mu.Unlock()
	there := map[place]bool{}
	for _, m := range members {
		if m.Role != gossip.Executor || m.RPC == "" || !present(m) {
			continue
		}
		at := place{m.Name, m.RPC}
		there[at] = true
		s := r.seen[at]
		if s == nil {
			s = &standing{}
			r.seen[at] = s
		} else if s.member.Version != m.Version || !s.member.Since.Equal(m.Since) {
			s.next = time.Time{} // it may be another process
		}
		s.member = m
		if !s.asking && !time.Now().Before(s.next) {
			s.asking = true
			r.work.Go(func() { r.ask(at, s) })
		}
	}
	for at, s := range r.seen {
		if !there[at] && !s.asking {
			delete(r.seen, at)
			r.work.Go(func() { r.peers.drop(at.addr) })
		}
	}
}

// ask asks one executor. An executor that takes no part in a run that there is not says so.
func (r *Roster) ask(at place, s *standing) {
	life, end := whileOpen(r.done)
	defer end()
	ctx, stop := context.WithTimeout(life, askFor)
	defer stop()
	p, err := r.peers.get(ctx, at.addr)
	if err == nil {
		err = p.Executor().Open(ctx, wire.Opening{Run: "/0", Node: at.name})
	}
	if kind := fault.Of(err); kind == fault.Lost || err != nil && p != nil && kind != fault.Retry && !errors.Is(err, wire.ErrRefused) {
		err = nil // it has answered
	}
	if err != nil {
		r.peers.drop(at.addr) // so that the next call connects anew
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.asking = false
	r.judge(at, s, err)
}

// judge notes what asking came to. The lock is held.
func (r *Roster) judge(at place, s *standing, err error) {
	now := time.Now()
	if err == nil {
		if s.why != "" {
			r.log("the executor %s at %s can be used now", at.name, at.addr)
		}
		s.why, s.tries, s.next = "", 0, now.Add(askEvery)
		return
	}
	if s.tries == 0 {
		s.since = now
	}
	s.tries++
	silent := fault.Of(err) == fault.Retry && !errors.Is(err, wire.ErrRefused)
	rest := min(firstRest<<min(s.tries-1, 10), mostRest)
	if silent {
		rest = min(rest, mostSilence)
	}
	s.next = now.Add(rest)
	if silent && now.Sub(s.since) < r.cfg.Patience && s.why == "" {
		return // gossip will soon say that it is dead
	}
	if s.why == "" || s.silent && !silent {
		r.log("the executor %s at %s cannot be used: %v", at.name, at.addr, err)
	}
	s.why, s.silent = err.Error(), silent
}

func (r *Roster) log(format string, args ...any) {
	if r.cfg.Log != nil {
		r.cfg.Log(fmt.Sprintf(format, args...))
	}
}
