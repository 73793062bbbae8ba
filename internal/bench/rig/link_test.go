package rig

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// end is what stands behind a link: it sends back what comes by streams, and keeps what
// comes by packets.
type end struct {
	addr    string
	packets chan string
}

func newEnd(t *testing.T) *end {
	t.Helper()
	tcp, udp, err := both(0)
	if err != nil {
		t.Fatal(err)
	}
	e := &end{addr: tcp.Addr().String(), packets: make(chan string, 16)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			})
		}
	})
	all.Go(func() {
		buf := make([]byte, 64)
		for {
			n, err := udp.Read(buf)
			if err != nil {
				return
			}
			e.packets <- string(buf[:n])
		}
	})
	t.Cleanup(func() {
		_ = tcp.Close()
		_ = udp.Close()
		all.Wait()
	})
	return e
}

// linked is a link that is up.
func linked(t *testing.T, lost func(int) bool) (*relay, *end) {
	t.Helper()
	r := &Rig{used: map[int]bool{}}
	var at [2]string
	for i := range at {
		var err error
		if _, at[i], err = r.port(); err != nil {
			t.Fatal(err)
		}
	}
	e := newEnd(t)
	l := newRelay(e.addr, e.addr, at, lost)
	t.Cleanup(l.down)
	if err := l.up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l, e
}

// arrives reports whether a packet does, within a time.
func (e *end) arrives(t *testing.T, c net.Conn, text string, within time.Duration) bool {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-e.packets:
		return got == text
	case <-time.After(within):
		return false
	}
}

func dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// answered reports whether what is sent comes back within a time.
func answered(t *testing.T, c net.Conn, text string, within time.Duration) bool {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return comes(t, c, text, within)
}

func comes(t *testing.T, c net.Conn, text string, within time.Duration) bool {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, len(text))
	_, err := io.ReadFull(c, buf)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return err == nil && string(buf) == text
}

// A cut link holds what is sent on a connection until it is healed, and loses packets
// for ever.
func TestCut(t *testing.T) {
	l, e := linked(t, func(int) bool { return false })
	calls, streams, packets := dial(t, "tcp", l.calls), dial(t, "tcp", l.gossip), dial(t, "udp", l.gossip)
	both := []net.Conn{calls, streams}
	for _, c := range both {
		if !answered(t, c, "open", 5*time.Second) {
			t.Fatal("no answer over a link that is open")
		}
	}
	if !e.arrives(t, packets, "open", 5*time.Second) {
		t.Fatal("no packet over a link that is open")
	}
	_ = l.Cut()
	_ = l.Cut() // the same
	for _, c := range both {
		if answered(t, c, "shut", 100*time.Millisecond) {
			t.Fatal("an answer over a link that is cut")
		}
	}
	if e.arrives(t, packets, "shut", 100*time.Millisecond) {
		t.Fatal("a packet over a link that is cut")
	}
	_ = l.Heal()
	for _, c := range both {
		if !comes(t, c, "shut", 5*time.Second) {
			t.Fatal("what was sent is lost")
		}
	}
	if !e.arrives(t, packets, "healed", 5*time.Second) { // and not "shut", which did not wait
		t.Fatal("no packet over a link that was healed")
	}
}

// A link that is half cut loses packets and lets streams pass.
func TestHalf(t *testing.T) {
	l, e := linked(t, func(int) bool { return false })
	packets := dial(t, "udp", l.gossip)
	_ = l.Half()
	if !answered(t, dial(t, "tcp", l.calls), "open", 5*time.Second) || !l.loses() {
		t.Fatal("no answer over a link that is half cut")
	}
	if e.arrives(t, packets, "shut", 100*time.Millisecond) {
		t.Fatal("a packet over a link that is half cut")
	}
	_ = l.Heal()
	if !e.arrives(t, packets, "healed", 5*time.Second) || l.loses() {
		t.Fatal("no packet over a link that was healed")
	}
}

// A late link delays streams both ways, and packets.
func TestDelay(t *testing.T) {
	const late = 30 * time.Millisecond
	l, e := linked(t, func(int) bool { return false })
	_ = l.Delay(late)
	began := time.Now()
	if !answered(t, dial(t, "tcp", l.calls), "late", 5*time.Second) || time.Since(began) < 2*late {
		t.Errorf("answered after %v", time.Since(began))
	}
	began = time.Now()
	if !e.arrives(t, dial(t, "udp", l.gossip), "late", 5*time.Second) || time.Since(began) < late {
		t.Errorf("there after %v", time.Since(began))
	}
}

// Packets of those who are cut off do not arrive, those of others do.
func TestLost(t *testing.T) {
	var stranger atomic.Int64
	l, e := linked(t, func(port int) bool { return int64(port) == stranger.Load() })
	one, other := dial(t, "udp", l.gossip), dial(t, "udp", l.gossip)
	stranger.Store(int64(one.LocalAddr().(*net.UDPAddr).Port))
	if e.arrives(t, one, "lost", 100*time.Millisecond) || !e.arrives(t, other, "here", 5*time.Second) {
		t.Error("packets are told apart wrongly")
	}
}

// A link that is down ends connections and refuses others; up again, it is where it was.
func TestDown(t *testing.T) {
	l, _ := linked(t, func(int) bool { return false })
	c := dial(t, "tcp", l.calls)
	if !answered(t, c, "open", 5*time.Second) {
		t.Fatal("no answer")
	}
	l.down()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("a connection outlived its link")
	}
	if _, err := net.Dial("tcp", l.calls); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("not refused: %v", err)
	}
	if err := l.up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !answered(t, dial(t, "tcp", l.calls), "open", 5*time.Second) {
		t.Error("no answer")
	}
}
