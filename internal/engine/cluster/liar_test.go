package cluster_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/rdd"
)

// liar is an executor whose blocks are others than its receipts say, for a while.
type liar struct {
	wire.Blocks
	lies atomic.Int64 // that are left
	told atomic.Int64
}

// Block gives a block whose first frame lacks its last row.
func (l *liar) Block(ctx context.Context, run wire.RunID, b rdd.Block) (*rdd.Frames, error) {
	got, err := l.Blocks.Block(ctx, run, b)
	if err != nil || l.lies.Add(-1) < 0 {
		return got, err
	}
	defer got.Release()
	l.told.Add(1)
	out := new(rdd.Frames)
	for i, f := range got.List() {
		if i == 0 && f.Batch != nil && f.Batch.NumRows() > 0 {
			f.Batch = f.Batch.NewSlice(0, f.Batch.NumRows()-1)
			defer f.Batch.Release()
		}
		out.Keep(&f)
	}
	return out, nil
}

// TestLyingExecutor: what an executor hands out that is not what its receipts say is
// noticed by who fetches it, and made anew; the job comes to what it comes to in one process.
func TestLyingExecutor(t *testing.T) {
	want, err := engine.Run(t.Context(), parsed(t, sums, map[string]string{"to": t.TempDir()}), engine.Config{Executors: 2, Kinds: kinds(), DeadLetters: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	lying := new(liar)
	lying.lies.Store(3)
	connect := served(t, func(m *gossip.Member, x *wire.ServerConfig) {
		if m.Name == "e1" {
			lying.Blocks = x.Blocks
			x.Blocks = lying
		}
	})
	got, err := engine.Run(t.Context(), parsed(t, sums, map[string]string{"to": t.TempDir()}), engine.Config{Kinds: kinds(), DeadLetters: t.TempDir(), Ledger: t.TempDir(),
		Connect: connect})
	if err != nil {
		t.Fatal(err)
	}
	if got.Checksum != want.Checksum || got.RowsOut != want.RowsOut || lying.told.Load() == 0 || got.TasksAgain == 0 {
		t.Errorf("%d lies, %d tasks again: %d rows with checksum %s; in one process %d with %s", lying.told.Load(), got.TasksAgain, got.RowsOut, got.Checksum, want.RowsOut, want.Checksum)
	}
}

// served is two executors that are reached over the network, until the test ends. Change
// may change what each serves, and is.
func served(t *testing.T, change func(*gossip.Member, *wire.ServerConfig)) func(context.Context, wire.Opening) (engine.Remote, error) {
	t.Helper()
	return servedTo(t, change, func(*cluster.FleetConfig) {})
}

// servedTo is served to fleets that are made otherwise.
func servedTo(t *testing.T, change func(*gossip.Member, *wire.ServerConfig), made func(*cluster.FleetConfig)) func(context.Context, wire.Opening) (engine.Remote, error) {
	t.Helper()
	var members []gossip.Member
	dial := func(_ context.Context, addr string) (cluster.Peer, error) {
		return wire.Dial(addr, wire.Plain(), arrowmem.NewGoAllocator())
	}
	for _, name := range []string{"e1", "e2"} {
		x := cluster.NewExecutor(cluster.ExecutorConfig{Name: name, Kinds: kinds(), Dial: dial})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		m := gossip.Member{Name: name, Role: gossip.Executor, RPC: l.Addr().String(), Slots: 1, Condition: gossip.Alive}
		sc := wire.ServerConfig{Listener: l, Executor: x, Blocks: x, Security: wire.Plain(), Mem: arrowmem.NewGoAllocator()}
		change(&m, &sc)
		s, err := wire.Serve(t.Context(), sc)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = s.Close()
			if err := x.Shutdown(); err != nil {
				t.Error(err)
			}
		})
		members = append(members, m)
	}
	return func(ctx context.Context, o wire.Opening) (engine.Remote, error) {
		cfg := cluster.FleetConfig{Opening: o, Members: func() []gossip.Member { return members }, Dial: dial}
		made(&cfg)
		return cluster.NewFleet(ctx, cfg)
	}
}
