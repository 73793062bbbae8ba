package gossip

import (
	"context"
	"log"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/idag/idag/internal/fault"
)

// transport is memberlist's own, but when it is shut down nothing of it remains: it
// gives up dialing and hangs up on everybody.
type transport struct {
	*memberlist.NetTransport
	streams chan net.Conn
	dial    func(addr string, timeout time.Duration) (net.Conn, error)
	blocked func(addr string) bool // tests cut the network by it
	hangUp  context.CancelFunc
	pumped  chan struct{} // closed when no streams come in any more

	mu    sync.Mutex
	conns map[*conn]bool // open ones; nil: shut down
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

// conn is a connection that the transport knows to be open.
type conn struct {
	net.Conn
	closed func()
}

func (c *conn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// listen makes the transport of a node, on TCP and UDP with the same port.
func listen(ctx context.Context, ip net.IP, port int, logger *log.Logger, blocked func(string) bool) (*transport, error) {
	inner, err := bind(&memberlist.NetTransportConfig{BindAddrs: []string{ip.String()}, BindPort: port, Logger: logger})
	if err != nil {
		return nil, err
	}
	alive, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	t := &transport{NetTransport: inner, streams: make(chan net.Conn), hangUp: hangUp, pumped: make(chan struct{}), conns: map[*conn]bool{}, blocked: blocked}
	t.dial = func(addr string, timeout time.Duration) (net.Conn, error) {
		return (&net.Dialer{Timeout: timeout}).DialContext(alive, "tcp", addr)
	}
	go t.pump(alive)
	return t, nil
}

// bind listens. With port 0 the kernel picks one for TCP, which may be taken for UDP:
// then it is asked again.
func bind(c *memberlist.NetTransportConfig) (*memberlist.NetTransport, error) {
	for tries := 1; ; tries++ {
		t, err := memberlist.NewNetTransport(c)
		if err == nil {
			return t, nil
		}
		if c.BindPort != 0 || tries == 10 || !strings.Contains(err.Error(), "address already in use") {
			return nil, fault.New(fault.Invalid, "cannot listen for the gossip: %w", err)
		}
	}
}

// pump hands incoming connections on.
func (t *transport) pump(ctx context.Context) {
	defer close(t.pumped)
	for {
		select {
		case c := <-t.NetTransport.StreamCh():
			known, ok := t.know(c)
			if !ok {
				continue
			}
			select {
			case t.streams <- known:
			case <-ctx.Done():
				_ = known.Close()
			}
		case <-ctx.Done():
			return
		}
	}
}

// know keeps a connection in mind until it is closed. After the shutdown it is closed
// at once.
func (t *transport) know(c net.Conn) (net.Conn, bool) {
	k := &conn{Conn: c}
	k.closed = func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.conns, k)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conns == nil {
		_ = c.Close()
		return nil, false
	}
	t.conns[k] = true
	return k, true
}

// StreamCh gives the incoming connections.
func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

// DialTimeout connects to host:port.
func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	if t.blocked != nil && t.blocked(addr) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}
	}
	c, err := t.dial(addr, timeout)
	if err != nil {
		return nil, err
	}
	k, ok := t.know(c)
	if !ok {
		return nil, net.ErrClosed
	}
	return k, nil
}

// DialAddressTimeout connects to a node.
func (t *transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(a.Addr, timeout)
}

// WriteTo sends a packet to host:port.
func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	if t.blocked != nil && t.blocked(addr) {
		return time.Now(), nil
	}
	return t.NetTransport.WriteTo(b, addr)
}

// WriteToAddress sends a packet to a node.
func (t *transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, a.Addr)
}

// Shutdown ends it all. The pump goes last: the listener waits for somebody to take the
// connection that it has accepted.
func (t *transport) Shutdown() error {
	t.mu.Lock()
	open := t.conns
	t.conns = nil
	t.mu.Unlock()
	for c := range open {
		_ = c.Conn.Close()
	}
	err := t.NetTransport.Shutdown()
	t.hangUp()
	<-t.pumped
	return err
}
