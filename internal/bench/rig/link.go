package rig

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	chunk  = 32 << 10 // bytes that a relay passes at once
	packet = 64 << 10 // bytes of a packet at most
)

// Link is what a node is reached by. An error is one of the machinery.
type Link interface {
	Cut() error                  // lets nothing pass until Heal
	Half() error                 // cuts a part: calls pass, and gossip does not, or nothing that the node sends
	Delay(d time.Duration) error // makes whatever passes late until Heal
	Heal() error
}

// relay stands between a node and those that call it.
type relay struct {
	calls, gossip string // where others reach the node
	weather
	toCalls, toGossip string // where it serves
	lost              func(port int) bool

	// Of the node's process: changed by whoever starts and ends it, one at a time.
	doors []io.Closer
	life  context.CancelFunc // nil: it was never up
	all   sync.WaitGroup
}

// weather is what passes a link.
type weather struct {
	mu    sync.Mutex
	open  chan struct{} // closed while anything passes
	half  bool          // packets are lost
	delay time.Duration
}

// Cut implements Link: streams wait, packets are lost.
func (w *weather) Cut() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.open:
		w.open = make(chan struct{})
	default:
	}
	return nil
}

// Half implements Link: packets are lost, both ways, and streams pass.
func (w *weather) Half() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.half = true
	return nil
}

// Delay implements Link: each piece of a stream waits, and each packet.
func (w *weather) Delay(d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay = d
	return nil
}

// Heal implements Link.
func (w *weather) Heal() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay, w.half = 0, false
	select {
	case <-w.open:
	default:
		close(w.open)
	}
	return nil
}

// now returns whether something passes, and how late.
func (w *weather) now() (open <-chan struct{}, delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open, w.delay
}

// loses reports whether packets are lost.
func (w *weather) loses() bool {
	w.mu.Lock()
	half, open := w.half, w.open
	w.mu.Unlock()
	if half {
		return true
	}
	select {
	case <-open:
		return false
	default:
		return true
	}
}

// pass waits until something may pass; it is false when the link ends.
func (w *weather) pass(ctx context.Context) bool {
	open, delay := w.now()
	select {
	case <-open:
	case <-ctx.Done():
		return false
	}
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// newRelay makes a link to a node that serves calls and gossip at these addresses, for
// others at two ports. Packets from ports for which lost is true do not arrive.
func newRelay(calls, gossip string, ports [2]string, lost func(port int) bool) *relay {
	l := &relay{calls: ports[0], gossip: ports[1], toCalls: calls, toGossip: gossip, lost: lost, weather: weather{open: make(chan struct{})}}
	close(l.open)
	return l
}

// up lets the node be called. As long as it is not up, connections are refused, as they
// are on a machine where no process listens.
func (l *relay) up(ctx context.Context) error {
	l.down()
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	l.life = end
	front, err := new(net.ListenConfig).Listen(ctx, "tcp", l.calls)
	if err != nil {
		return err
	}
	l.serve(ctx, front, l.toCalls)
	at, err := net.ResolveUDPAddr("udp", l.gossip)
	if err != nil {
		return err
	}
	streams, packets, err := both(at.Port)
	if err != nil {
		return err
	}
	l.serve(ctx, streams, l.toGossip)
	to, err := net.ResolveUDPAddr("udp", l.toGossip)
	if err != nil {
		return errors.Join(err, packets.Close())
	}
	l.doors = append(l.doors, packets)
	l.all.Go(func() { l.packets(ctx, packets, to) })
	return nil
}

// down refuses connections, and ends those that there are.
func (l *relay) down() {
	if l.life != nil {
		l.life()
	}
	for _, d := range l.doors {
		_ = d.Close()
	}
	l.doors = nil
	l.all.Wait()
}

// serve relays connections.
func (l *relay) serve(ctx context.Context, front net.Listener, to string) {
	l.doors = append(l.doors, front)
	l.all.Go(func() {
		for {
			in, err := front.Accept()
			if err != nil && (ctx.Err() != nil || errors.Is(err, net.ErrClosed)) {
				return
			}
			if err != nil {
				time.Sleep(10 * time.Millisecond) // out of files: that may pass
				continue
			}
			l.all.Go(func() { l.stream(ctx, in, to) })
		}
	})
}

// stream relays one connection until either side ends it.
func (l *relay) stream(ctx context.Context, in net.Conn, to string) {
	defer in.Close() //nolint:errcheck // nobody is told
	defer context.AfterFunc(ctx, func() { _ = in.Close() })()
	if !l.pass(ctx) {
		return
	}
	out, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", to)
	if err != nil {
		return
	}
	defer out.Close() //nolint:errcheck // nobody is told
	ctx, end := context.WithCancel(ctx)
	defer end()
	defer context.AfterFunc(ctx, func() {
		_ = in.Close()
		_ = out.Close()
	})()
	var both sync.WaitGroup
	both.Go(func() {
		defer end()
		l.copy(ctx, out, in)
	})
	both.Go(func() {
		defer end()
		l.copy(ctx, in, out)
	})
	both.Wait()
}

func (l *relay) copy(ctx context.Context, to, from net.Conn) {
	buf := make([]byte, chunk)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !l.pass(ctx) {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// packets relays packets; those that come while the link is cut, or half of it, are lost.
func (l *relay) packets(ctx context.Context, on *net.UDPConn, to *net.UDPAddr) {
	buf := make([]byte, packet)
	for {
		n, from, err := on.ReadFromUDPAddrPort(buf)
		if ctx.Err() != nil {
			return
		}
		if err != nil || l.loses() || l.lost(int(from.Port())) {
			continue // an error is what became of a packet before
		}
		if _, delay := l.now(); delay > 0 {
			late := append([]byte(nil), buf[:n]...)
			time.AfterFunc(delay, func() { _, _ = on.WriteToUDP(late, to) }) // whether it arrives is the network's affair
			continue
		}
		_, _ = on.WriteToUDP(buf[:n], to)
	}
}

// both listens for streams and packets on one port, or on a free one.
func both(port int) (*net.TCPListener, *net.UDPConn, error) {
	host := net.IPv4(127, 0, 0, 1)
	for tries := 1; ; tries++ {
		tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: host, Port: port})
		if err != nil {
			return nil, nil, err
		}
		udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: host, Port: tcp.Addr().(*net.TCPAddr).Port})
		if err == nil {
			return tcp, udp, nil
		}
		_ = tcp.Close()
		if port != 0 || tries == 10 {
			return nil, nil, err
		}
	}
}
