package wire

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is an executor, blocks and a driver that do what a test says.
type node struct {
	open    func(Opening) error
	run     func(context.Context, RunID, work.Task) (work.Receipt, error)
	state   func(RunID, StateOrder) (work.State, error)
	release func(RunID, rdd.BatchID) error
	closed  func(RunID) error
	block   func(context.Context, RunID, rdd.Block) (*rdd.Frames, error)
}

func (n *node) Open(_ context.Context, o Opening) error { return n.open(o) }
func (n *node) Run(ctx context.Context, run RunID, t work.Task) (work.Receipt, error) {
	return n.run(ctx, run, t)
}
func (n *node) State(_ context.Context, run RunID, o StateOrder) (work.State, error) {
	return n.state(run, o)
}
func (n *node) Release(_ context.Context, run RunID, b rdd.BatchID) error { return n.release(run, b) }
func (n *node) Close(_ context.Context, run RunID) error                  { return n.closed(run) }
func (n *node) Block(ctx context.Context, run RunID, b rdd.Block) (*rdd.Frames, error) {
	return n.block(ctx, run, b)
}

// desk is a driver that does what a test says.
type desk struct {
	submit func(submission.Job) (submission.Info, error)
	jobs   func() ([]submission.Info, error)
	stop   func(string, bool) error
	watch  func(context.Context, string, int64, func(submission.Info, []string) error) error
	nodes  func() ([]byte, error)
}

func (d *desk) Submit(_ context.Context, j submission.Job) (submission.Info, error) {
	return d.submit(j)
}
func (d *desk) Jobs(context.Context) ([]submission.Info, error)     { return d.jobs() }
func (d *desk) Stop(_ context.Context, id string, drain bool) error { return d.stop(id, drain) }
func (d *desk) Nodes(context.Context) ([]byte, error)               { return d.nodes() }
func (d *desk) Watch(ctx context.Context, id string, from int64, tell func(submission.Info, []string) error) error {
	return d.watch(ctx, id, from, tell)
}

// listen listens on this machine.
func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serve serves on this machine until the test ends.
func serve(t testing.TB, c ServerConfig) *Server {
	t.Helper()
	c.Listener = listen(t)
	if c.Mem == nil {
		c.Mem = memory.DefaultAllocator
	}
	s, err := Serve(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// dial makes a client until the test ends.
func dial(t testing.TB, addr string, s Security, mem memory.Allocator) *Client {
	t.Helper()
	c, err := Dial(addr, s, mem)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// pair serves on this machine and dials it.
func pair(t testing.TB, c ServerConfig) *Client {
	t.Helper()
	c.Security.Plain = true
	return dial(t, serve(t, c).Addr(), Plain(), memory.DefaultAllocator)
}

var errTest = errors.New("a test's error")
