package cluster_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner/work"
)

// operator connects, and counts the connections that are open and those that ever were.
type operator struct {
	dial cluster.Dial

	mu         sync.Mutex
	open, ever map[string]int
}

func newOperator(dial cluster.Dial) *operator {
	return &operator{dial: dial, open: map[string]int{}, ever: map[string]int{}}
}

func (o *operator) connect(ctx context.Context, addr string) (cluster.Peer, error) {
	p, err := o.dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open[addr]++
	o.ever[addr]++
	return &line{p, o, addr}, nil
}

func (o *operator) to(addr string) (open, ever int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.open[addr], o.ever[addr]
}

// line is a connection that is counted.
type line struct {
	cluster.Peer
	of   *operator
	addr string
}

func (l *line) Close() error {
	l.of.mu.Lock()
	l.of.open[l.addr]--
	l.of.mu.Unlock()
	return l.Peer.Close()
}

// TestConnectionsOfDrivers: what a driver has to an executor that is dead by its members is
// closed and not made again, whatever it tells all others; one that comes back is connected to.
func TestConnectionsOfDrivers(t *testing.T) {
	t.Parallel()
	s := &street{t: t}
	for _, name := range []string{"e1", "e2"} {
		defer s.at(name, "127.0.0.1:0", wire.Plain())()
	}
	addr := s.member("e2").RPC
	calls := newOperator(func(_ context.Context, addr string) (cluster.Peer, error) {
		return wire.Dial(addr, wire.Plain(), arrowmem.NewGoAllocator())
	})
	f, err := cluster.NewFleet(t.Context(), cluster.FleetConfig{Opening: openingOf(t, printed, "printed/5", ""), Members: s.all, Dial: calls.connect})
	if err != nil {
		t.Fatal(err)
	}
	hears(t, f, "e1#1:1 e2#1:1 ")
	f.Release(1)
	s.become("e2", gossip.Dead, 0)
	hears(t, f, "e1#1:1 ")
	until(t, "the connection is closed", func() bool { open, _ := calls.to(addr); return open == 0 })
	_, before := calls.to(addr)
	f.Release(2)
	time.Sleep(500 * time.Millisecond) // who gets no task is told after a fifth of that
	if open, ever := calls.to(addr); open != 0 || ever != before {
		t.Errorf("%d connections to one who is dead, %d made", open, ever-before)
	}
	s.become("e2", gossip.Alive, 0)
	hears(t, f, "e1#1:1 e2#2:1 ")
	if _, err := f.Run(t.Context(), "e2#2", work.Task{}); fault.Of(err) != fault.Invalid { // of no plan
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	for _, m := range s.all() {
		if open, _ := calls.to(m.RPC); open != 0 {
			t.Errorf("%d connections to %s are open", open, m.Name)
		}
	}
}

// become changes how others see an executor.
func (s *street) become(name string, is gossip.Condition, ago time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.members {
		if s.members[i].Name == name {
			s.members[i].Condition, s.members[i].Since = is, time.Now().Add(-ago)
		}
	}
}

// TestConnectionsOfExecutors: what an executor has to others, whose blocks it fetched, is
// closed when they have been gone for long, not when they are missed for a moment, and made
// again when they are back.
func TestConnectionsOfExecutors(t *testing.T) {
	t.Parallel()
	s := &street{t: t}
	dial := func(_ context.Context, addr string) (cluster.Peer, error) {
		return wire.Dial(addr, wire.Plain(), arrowmem.NewGoAllocator())
	}
	calls := newOperator(dial)
	var all []*cluster.Executor
	for _, name := range []string{"e1", "e2"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		x := cluster.NewExecutor(cluster.ExecutorConfig{Name: name, Kinds: kinds(), Dial: calls.connect})
		served, err := wire.Serve(t.Context(), wire.ServerConfig{Listener: l, Executor: x, Blocks: x, Security: wire.Plain(), Mem: arrowmem.NewGoAllocator()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := errors.Join(served.Close(), x.Shutdown()); err != nil {
				t.Error(err)
			}
		})
		s.join(name, l.Addr().String())
		all = append(all, x)
	}
	addr := s.member("e2").RPC
	run := func() {
		t.Helper()
		_, err := engine.Run(t.Context(), parsed(t, sums, map[string]string{"to": t.TempDir()}), engine.Config{Kinds: kinds(),
			Connect: func(ctx context.Context, o wire.Opening) (engine.Remote, error) {
				return cluster.NewFleet(ctx, cluster.FleetConfig{Opening: o, Members: s.all, Dial: dial})
			}})
		if err != nil {
			t.Fatal(err)
		}
	}
	run()
	if open, _ := calls.to(addr); open != 1 {
		t.Fatalf("%d connections between executors", open)
	}
	for _, c := range []struct {
		is   gossip.Condition
		ago  time.Duration
		want int
	}{{gossip.Alive, time.Hour, 1}, {gossip.Leaving, time.Hour, 1}, {gossip.Dead, 0, 1}, {gossip.Left, time.Minute, 0}, {gossip.Dead, time.Minute, 0}} {
		s.become("e2", c.is, c.ago)
		all[0].Bury(s.all())
		if open, _ := calls.to(addr); open != c.want {
			t.Errorf("%s for %v: %d connections, want %d", c.is, c.ago, open, c.want)
		}
	}
	s.become("e2", gossip.Alive, 0)
	run()
	if open, ever := calls.to(addr); open != 1 || ever != 2 {
		t.Errorf("back again: %d connections of %d", open, ever)
	}
}
