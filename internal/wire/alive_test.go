package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// tunnel carries bytes to a server until it is told to carry none: as a network does
// that is cut.
type tunnel struct {
	l      net.Listener
	to     string
	frozen atomic.Bool
	wg     sync.WaitGroup
}

func newTunnel(t *testing.T, to string) *tunnel {
	t.Helper()
	p := &tunnel{l: listen(t), to: to}
	p.wg.Go(func() {
		for {
			c, err := p.l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.carry(t.Context(), c) })
		}
	})
	t.Cleanup(func() { _ = p.l.Close(); p.frozen.Store(false); p.wg.Wait() })
	return p
}

func (p *tunnel) carry(ctx context.Context, in net.Conn) {
	var d net.Dialer
	out, err := d.DialContext(ctx, "tcp", p.to)
	if err != nil {
		_ = in.Close()
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = in.Close(); _ = out.Close() })
	defer stop()
	copyAll := func(to, from net.Conn) {
		defer func() { _ = to.Close() }()
		buf := make([]byte, 1<<16)
		for {
			n, err := from.Read(buf)
			for p.frozen.Load() && ctx.Err() == nil {
				time.Sleep(5 * time.Millisecond)
			}
			if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
				return
			}
		}
	}
	p.wg.Go(func() { copyAll(out, in) })
	copyAll(in, out)
}

// When nothing comes through any more, both sides know by themselves: the caller's call
// is a reason to try elsewhere, and the task is given up. That takes 1.5 to 2.5 s, and
// gRPC alone would take ten at the least; how long it takes on a machine that is busy
// with other tests is not this test's to judge.
func TestSilence(t *testing.T) {
	t.Parallel()
	const without = 10 * time.Second
	began, ended := make(chan struct{}, 3), make(chan time.Time, 3)
	wait := func(ctx context.Context) error {
		began <- struct{}{}
		<-ctx.Done()
		ended <- time.Now()
		return ctx.Err()
	}
	n := &node{
		run: func(ctx context.Context, _ RunID, _ work.Task) (work.Receipt, error) {
			return work.Receipt{}, wait(ctx)
		},
		block: func(ctx context.Context, _ RunID, _ rdd.Block) (*rdd.Frames, error) { return nil, wait(ctx) },
	}
	d := &desk{watch: func(ctx context.Context, _ string, _ int64, _ func(submission.Info, []string) error) error {
		return wait(ctx)
	}}
	s := serve(t, ServerConfig{Security: Plain(), Executor: n, Blocks: n, Driver: d})
	p := newTunnel(t, s.Addr())
	c := dial(t, p.l.Addr().String(), Plain(), nil)
	errs := make(chan error, 3)
	go func() { _, err := c.Executor().Run(t.Context(), "r", work.Task{}); errs <- err }()
	go func() { _, err := c.Blocks().Block(t.Context(), "r", rdd.Block{}); errs <- err }()
	go func() { errs <- c.Driver().Watch(t.Context(), "j", 0, nil) }()
	for range 3 {
		<-began
	}
	time.Sleep(3 * beat) // a call that takes its time is not silence
	select {
	case err := <-errs:
		t.Fatalf("given up too early: %v", err)
	default:
	}
	p.frozen.Store(true)
	cut := time.Now()
	for range 3 {
		if err := <-errs; fault.Of(err) != fault.Retry || !errors.Is(err, errSilent) {
			t.Errorf("the caller is told %v", err)
		}
	}
	told := time.Since(cut)
	for range 3 {
		if at := (<-ended).Sub(cut); at > without {
			t.Errorf("a task goes on for %v", at)
		}
	}
	if told > without {
		t.Errorf("the caller knows after %v", told)
	}
	t.Logf("known after %v", told)
}

// A server that ends in the middle of a call is a reason to try again, at once; and the
// client finds the next server at the same address.
func TestServerEnds(t *testing.T) {
	began := make(chan struct{})
	n := &node{run: func(ctx context.Context, _ RunID, _ work.Task) (work.Receipt, error) {
		close(began)
		<-ctx.Done()
		return work.Receipt{}, ctx.Err()
	}}
	s := serve(t, ServerConfig{Security: Plain(), Executor: n})
	c := dial(t, s.Addr(), Plain(), nil)
	go func() { <-began; _ = s.Close() }()
	_, err := c.Executor().Run(t.Context(), "r", work.Task{})
	if fault.Of(err) != fault.Retry || !strings.Contains(err.Error(), s.Addr()) {
		t.Errorf("got %v", err)
	}
	l, err := net.Listen("tcp", s.Addr())
	if err != nil {
		t.Skip(err) // somebody else has the port now
	}
	ok := func(context.Context, RunID, work.Task) (work.Receipt, error) { return work.Receipt{}, nil }
	next, err := Serve(t.Context(), ServerConfig{Listener: l, Security: Plain(), Executor: &node{run: ok}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = next.Close() }()
	for until := time.Now().Add(5 * time.Second); ; {
		if _, err = c.Executor().Run(t.Context(), "r", work.Task{}); err == nil || time.Now().After(until) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Errorf("the next server is not found: %v", err)
	}
}

// Drain waits for calls under way and takes no more; when its time is over it ends them.
func TestDrain(t *testing.T) {
	began, finish := make(chan struct{}, 2), make(chan struct{})
	n := &node{run: func(ctx context.Context, _ RunID, _ work.Task) (work.Receipt, error) {
		began <- struct{}{}
		select {
		case <-finish:
			return work.Receipt{Node: "done"}, nil
		case <-ctx.Done():
			return work.Receipt{}, ctx.Err()
		}
	}}
	for _, patient := range []bool{true, false} {
		s := serve(t, ServerConfig{Security: Plain(), Executor: n})
		c := dial(t, s.Addr(), Plain(), nil)
		result := make(chan error, 1)
		go func() { _, err := c.Executor().Run(t.Context(), "r", work.Task{}); result <- err }()
		<-began
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if patient {
			time.AfterFunc(50*time.Millisecond, func() { finish <- struct{}{} })
		}
		err := s.Drain(ctx)
		cancel()
		if got := <-result; (got == nil) != patient || (err == nil) != patient {
			t.Errorf("patient %v: drained with %v, the call ended with %v", patient, err, got)
		}
	}
}

var _ io.Closer = (*Server)(nil)
