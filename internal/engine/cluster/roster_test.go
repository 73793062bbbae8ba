package cluster_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
)

// street is executors that are members, at their addresses.
type street struct {
	t *testing.T

	mu      sync.Mutex
	members []gossip.Member
	said    []string
}

// at serves an executor at an address, or at a free one, until stop is called.
func (s *street) at(name, addr string, secured wire.Security) (stop func()) {
	s.t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		s.t.Fatal(err)
	}
	x := cluster.NewExecutor(cluster.ExecutorConfig{Name: name, Kinds: kinds()})
	served, err := wire.Serve(s.t.Context(), wire.ServerConfig{Listener: l, Executor: x, Blocks: x, Security: secured, Mem: arrowmem.NewGoAllocator()})
	if err != nil {
		s.t.Fatal(err)
	}
	s.join(name, l.Addr().String())
	return func() {
		if err := errors.Join(served.Close(), x.Shutdown()); err != nil {
			s.t.Error(err)
		}
	}
}

func (s *street) join(name, addr string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.members = slices.DeleteFunc(s.members, func(m gossip.Member) bool { return m.Name == name })
	s.members = append(s.members, gossip.Member{Name: name, Role: gossip.Executor, RPC: addr, Slots: 1, Condition: gossip.Alive})
}

func (s *street) all() []gossip.Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.members)
}

func (s *street) member(name string) gossip.Member {
	all := s.all()
	return all[slices.IndexFunc(all, func(m gossip.Member) bool { return m.Name == name })]
}

func (s *street) say(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, line)
}

func (s *street) count(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(strings.Join(s.said, "\n"), text)
}

// TestRoster: an executor with another token, and one that nobody reaches though it is alive,
// cannot be used, which is said once, by its reason; one with the right token can, and so can
// the others when they are right.
func TestRoster(t *testing.T) {
	t.Parallel()
	s := &street{t: t}
	mine, theirs := wire.Plain(), wire.Plain()
	mine.Token, theirs.Token = "mine", "theirs"
	defer s.at("good", "127.0.0.1:0", mine)()
	stop := s.at("bad", "127.0.0.1:0", theirs)
	s.at("silent", "127.0.0.1:0", mine)() // nobody listens there now
	r := cluster.NewRoster(cluster.RosterConfig{Members: s.all, Patience: 500 * time.Millisecond, Log: s.say,
		Dial: func(_ context.Context, addr string) (cluster.Peer, error) {
			return wire.Dial(addr, mine, arrowmem.NewGoAllocator())
		}})
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	for name, why := range map[string]string{"bad": "the token is wrong or missing", "silent": "cannot be reached"} {
		until(t, name+" is unusable", func() bool { return r.Out(s.member(name)) != "" })
		if got := r.Out(s.member(name)); !strings.Contains(got, why) || r.Doubts(s.member(name)) != got {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := r.Doubts(s.member("good")); got != "" {
		t.Errorf("good: %q", got)
	}
	r.Mark("sums", "good", fault.New(fault.Invalid, "another plan"))
	r.Mark("sums", "good", fault.New(fault.Invalid, "another plan"))
	if got := r.Doubts(s.member("good")); got != "by the job sums: another plan" || r.Out(s.member("good")) != "" {
		t.Errorf("good: %q", got)
	}
	r.Mark("sums", "good", nil)
	if got := r.Doubts(s.member("good")); got != "" {
		t.Errorf("good: %q", got)
	}
	stop()
	defer s.at("bad", s.member("bad").RPC, mine)()
	defer s.at("silent", s.member("silent").RPC, mine)()
	for _, name := range []string{"bad", "silent"} {
		until(t, name+" is usable", func() bool { return r.Out(s.member(name)) == "" })
	}
	for text, want := range map[string]int{"the executor bad at ": 2, "the executor silent at ": 2, "can be used now": 2, "the executor good cannot be used by the job sums: another plan": 1} {
		if got := s.count(text); got != want {
			t.Errorf("%q is said %d times, want %d: %q", text, got, want, s.said)
		}
	}
}

// TestRosterQuiet: what goes on for long is said once.
func TestRosterQuiet(t *testing.T) {
	t.Parallel()
	s := &street{t: t}
	s.join("e", "far:1")
	var mu sync.Mutex
	asked := 0
	r := cluster.NewRoster(cluster.RosterConfig{Members: s.all, Log: s.say, Dial: func(context.Context, string) (cluster.Peer, error) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return nil, fault.New(fault.Invalid, "attempt %d: connections there need certificates", asked)
	}})
	until(t, "it was asked again", func() bool { mu.Lock(); defer mu.Unlock(); return asked > 1 })
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if n := s.count("the executor e at far:1 cannot be used: attempt 1: connections there need certificates"); n != 1 || len(s.said) != 1 {
		t.Errorf("%q", s.said)
	}
}
