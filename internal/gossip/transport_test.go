package gossip

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

func newTransport(t *testing.T) *transport {
	t.Helper()
	here := netip.MustParseAddr("127.0.0.1")
	tr, err := listen(t.Context(), spot{ip: here, advertised: here}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return tr
}

// Packets arrive as they were sent, each in memory of its own, whoever keeps it.
func TestPackets(t *testing.T) {
	t.Parallel()
	a, b := newTransport(t), newTransport(t)
	first, second := make([]byte, 60_000), []byte("second")
	first[0], first[59_999] = 1, 2
	var got [][]byte
	for _, p := range [][]byte{first, second} {
		if _, err := a.WriteTo(p, b.address()); err != nil {
			t.Fatal(err)
		}
		select {
		case in := <-b.PacketCh():
			if in.From.String() != a.address() || in.Timestamp.IsZero() {
				t.Errorf("it comes from %s at %s", in.From, in.Timestamp)
			}
			got = append(got, in.Buf)
		case <-time.After(10 * time.Second):
			t.Fatal("a packet was lost on loopback")
		}
	}
	if len(got[0]) != 60_000 || got[0][0] != 1 || got[0][59_999] != 2 || string(got[1]) != "second" {
		t.Errorf("packets of %d and %d bytes arrive", len(got[0]), len(got[1]))
	}
	if _, err := a.WriteTo(second, "nowhere"); err == nil {
		t.Error("a packet to nowhere is no error")
	}
}

// The shutdown ends what hangs: dialing, connections in both directions, one that nobody
// has taken, and packets that nobody has read. Afterwards nothing goes in or out.
func TestShutdownHangsUp(t *testing.T) {
	t.Parallel()
	a, b := newTransport(t), newTransport(t)
	out, err := a.DialTimeout(b.address(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	in := <-b.StreamCh()
	untaken, err := net.Dial("tcp", b.address())
	if err != nil {
		t.Fatal(err)
	}
	defer untaken.Close() //nolint:errcheck // The other side has hung up.
	if _, err := a.WriteTo([]byte("unread"), b.address()); err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		_, err := in.Read(make([]byte, 1))
		read <- err
	}()
	time.Sleep(20 * time.Millisecond)
	if err := b.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err == nil {
		t.Error("a connection goes on")
	}
	for _, c := range []net.Conn{out, untaken} {
		if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, err := c.Read(make([]byte, 1))
		var late net.Error
		if err == nil || errors.As(err, &late) && late.Timeout() {
			t.Errorf("the other side has not hung up: %v", err)
		}
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	if c, err := b.DialTimeout(a.address(), time.Second); err == nil {
		t.Errorf("it dials: %v", c.Close())
	}
	if _, err := b.WriteTo([]byte("x"), a.address()); err == nil {
		t.Error("it sends")
	}
	if err := b.Shutdown(); err != nil {
		t.Errorf("twice: %v", err)
	}
}

// Whoever opens connections without end gets so many.
func TestStreamLimit(t *testing.T) {
	t.Parallel()
	a := newTransport(t)
	done := make(chan struct{})
	taken := make(chan net.Conn, 2*streamLimit)
	go func() {
		for {
			select {
			case c := <-a.StreamCh():
				taken <- c
			case <-done:
				return
			}
		}
	}()
	defer close(done)
	dial := func() net.Conn {
		c, err := net.Dial("tcp", a.address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	for range streamLimit {
		dial()
	}
	eventually(t, "as many are taken as may be", func() bool { return len(taken) == streamLimit })
	for range 5 {
		c := dial()
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		var late net.Error
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.As(err, &late) && late.Timeout() {
			t.Errorf("one too many is not hung up on: %v", err)
		}
	}
	if len(taken) != streamLimit {
		t.Errorf("%d were taken", len(taken))
	}
	// There is room again when one is closed.
	if err := (<-taken).Close(); err != nil {
		t.Fatal(err)
	}
	dial()
	eventually(t, "another one is taken", func() bool { return len(taken) == streamLimit })
}

// A port that is taken is an error, not another port.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	a := newTransport(t)
	here := netip.MustParseAddr("127.0.0.1")
	if b, err := listen(t.Context(), spot{ip: here, port: a.port(), advertised: here}, nil); err == nil {
		t.Errorf("two listen on one port: %v", b.Shutdown())
	}
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close() //nolint:errcheck // It is not used.
	there := netip.MustParseAddr("127.0.0.2")
	if b, err := listen(t.Context(), spot{ip: there, port: udp.LocalAddr().(*net.UDPAddr).Port, advertised: there}, nil); err == nil {
		t.Errorf("it listens on TCP only: %v", b.Shutdown())
	}
}
