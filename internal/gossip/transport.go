package gossip

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/idag/idag/internal/fault"
)

const (
	packetLimit  = 1 << 16 // bytes of a packet
	packetBuffer = 2 << 20 // bytes that the kernel keeps of packets nobody has read
	streamLimit  = 256     // connections that others may have open
)

// transport carries the gossip: packets over UDP, all that is large over TCP, on the
// same port. Memberlist has one of its own, which takes 64 KiB of memory for each packet
// and leaves connections open behind its end; this one does neither.
type transport struct {
	tcp     *net.TCPListener
	udp     *net.UDPConn
	packets chan *memberlist.Packet
	streams chan net.Conn

	advertised netip.AddrPort
	dial       func(addr string, timeout time.Duration) (net.Conn, error)
	blocked    func(addr string) bool // tests cut the network by it
	ended      <-chan struct{}
	end        context.CancelFunc
	listening  sync.WaitGroup

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

// listen opens the sockets of a node.
func listen(ctx context.Context, at spot, blocked func(string) bool) (*transport, error) {
	tcp, udp, err := bind(at.ip, at.port)
	if err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	t := &transport{tcp: tcp, udp: udp, packets: make(chan *memberlist.Packet), streams: make(chan net.Conn), blocked: blocked,
		ended: life.Done(), end: end, conns: map[*conn]bool{}}
	t.dial = func(addr string, timeout time.Duration) (net.Conn, error) {
		return (&net.Dialer{Timeout: timeout}).DialContext(life, "tcp", addr)
	}
	port := at.advertisedPort
	if port == 0 {
		port = t.port()
	}
	t.advertised = netip.AddrPortFrom(at.advertised, uint16(port))
	t.listening.Add(2)
	go t.accept()
	go t.receive()
	return t, nil
}

// bind listens. With port 0 the kernel picks one for TCP, which may be taken for UDP:
// then it is asked again.
func bind(ip netip.Addr, port int) (*net.TCPListener, *net.UDPConn, error) {
	for tries := 1; ; tries++ {
		tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(port))))
		if err != nil {
			return nil, nil, fault.New(fault.Invalid, "cannot listen for the gossip: %w", err)
		}
		at := netip.AddrPortFrom(ip, uint16(tcp.Addr().(*net.TCPAddr).Port))
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err == nil {
			_ = udp.SetReadBuffer(packetBuffer) // the kernel may allow for less
			return tcp, udp, nil
		}
		_ = tcp.Close()
		if port != 0 || tries == 10 {
			return nil, nil, fault.New(fault.Invalid, "cannot listen for the gossip: %w", err)
		}
	}
}

func (t *transport) port() int { return t.tcp.Addr().(*net.TCPAddr).Port }

// accept takes connections.
func (t *transport) accept() {
	defer t.listening.Done()
	for {
		c, err := t.tcp.Accept()
		if err != nil {
			// Out of files, most likely: that may pass.
			select {
			case <-t.ended:
				return
			case <-time.After(50 * time.Millisecond):
				continue
			}
		}
		known, ok := t.know(c, streamLimit)
		if !ok {
			continue
		}
		select {
		case t.streams <- known:
		case <-t.ended:
			_ = known.Close()
		}
	}
}

// receive takes packets.
func (t *transport) receive() {
	defer t.listening.Done()
	buf := make([]byte, packetLimit)
	for {
		n, from, err := t.udp.ReadFromUDPAddrPort(buf)
		at := time.Now()
		if err != nil {
			select {
			case <-t.ended:
				return
			case <-time.After(time.Millisecond): // what became of a packet that was sent
				continue
			}
		}
		if n == 0 {
			continue
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		select {
		case t.packets <- &memberlist.Packet{Buf: append([]byte(nil), buf[:n]...), From: net.UDPAddrFromAddrPort(from), Timestamp: at}:
		case <-t.ended:
			return
		}
	}
}

// know keeps a connection in mind until it is closed. After the shutdown, and when there
// are limit already, it is closed at once.
func (t *transport) know(c net.Conn, limit int) (net.Conn, bool) {
	k := &conn{Conn: c}
	k.closed = func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.conns, k)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conns == nil || len(t.conns) >= limit {
		_ = c.Close()
		return nil, false
	}
	t.conns[k] = true
	return k, true
}

// FinalAdvertiseAddr returns where the others reach this node.
func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.IP(t.advertised.Addr().AsSlice()), int(t.advertised.Port()), nil
}

// PacketCh gives the packets that come in.
func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh gives the connections that come in.
func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

// DialTimeout connects to ip:port.
func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	if t.blocked != nil && t.blocked(addr) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}
	}
	c, err := t.dial(addr, timeout)
	if err != nil {
		return nil, err
	}
	k, ok := t.know(c, 2*streamLimit)
	if !ok {
		return nil, net.ErrClosed
	}
	return k, nil
}

// DialAddressTimeout connects to a node.
func (t *transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(a.Addr, timeout)
}

// WriteTo sends a packet to ip:port.
func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return time.Time{}, fault.Wrap(fault.Invalid, err)
	}
	if t.blocked == nil || !t.blocked(addr) {
		_, err = t.udp.WriteToUDPAddrPort(b, to)
	}
	return time.Now(), err
}

// WriteToAddress sends a packet to a node.
func (t *transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, a.Addr)
}

// Shutdown closes the sockets and all connections.
func (t *transport) Shutdown() error {
	t.mu.Lock()
	open := t.conns
	t.conns = nil
	t.mu.Unlock()
	t.end()
	for c := range open {
		_ = c.Conn.Close()
	}
	_ = t.tcp.Close()
	_ = t.udp.Close()
	t.listening.Wait()
	return nil
}

// address is where a node is reached, as ip:port.
func (t *transport) address() string {
	return net.JoinHostPort(t.advertised.Addr().String(), strconv.Itoa(int(t.advertised.Port())))
}
