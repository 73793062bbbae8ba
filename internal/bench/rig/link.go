package rig

import (
	"context"
	"net"
	"sync"
	"time"
)

const (
	chunk  = 32 << 10 // bytes that a relay passes at once
	packet = 64 << 10 // bytes of a packet at most
)

// Link stands between a node and those that call it.
type Link struct {
	calls, gossip string // where others reach the node
	weather
	end   context.CancelFunc
	doors []interface{ Close() error }
	all   sync.WaitGroup
}

// weather is what passes a link.
type weather struct {
	mu    sync.Mutex
	open  chan struct{} // closed while anything passes
	delay time.Duration
}

// Cut lets nothing pass until Heal.
func (w *weather) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.open:
		w.open = make(chan struct{})
	default:
	}
}

// Delay lets whatever passes wait, each piece of a stream and each packet, until Heal.
func (w *weather) Delay(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay = d
}

// Heal lets everything pass at once.
func (w *weather) Heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay = 0
	select {
	case <-w.open:
	default:
		close(w.open)
	}
}

// now returns whether something passes, and how late.
func (w *weather) now() (open <-chan struct{}, delay time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open, w.delay
}

// isCut reports whether nothing passes.
func (w *weather) isCut() bool {
	open, _ := w.now()
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

// newLink opens a link to a node that serves calls and gossip at these addresses.
// Packets from ports for which lost is true do not arrive.
func newLink(ctx context.Context, calls, gossip string, lost func(port int) bool) (*Link, error) {
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	l := &Link{end: end, weather: weather{open: make(chan struct{})}}
	l.Heal()
	front, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		end()
		return nil, err
	}
	l.calls = front.Addr().String()
	l.serve(ctx, front, calls)
	streams, packets, err := both(0)
	if err != nil {
		l.close()
		return nil, err
	}
	l.gossip = streams.Addr().String()
	l.serve(ctx, streams, gossip)
	to, err := net.ResolveUDPAddr("udp", gossip)
	if err != nil {
		l.close()
		return nil, err
	}
	l.doors = append(l.doors, packets)
	l.all.Go(func() { l.packets(ctx, packets, to, lost) })
	return l, nil
}

// serve relays connections.
func (l *Link) serve(ctx context.Context, front net.Listener, to string) {
	l.doors = append(l.doors, front)
	l.all.Go(func() {
		for {
			in, err := front.Accept()
			if err != nil && ctx.Err() != nil {
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
func (l *Link) stream(ctx context.Context, in net.Conn, to string) {
	defer in.Close() //nolint:errcheck // nobody is told
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

func (l *Link) copy(ctx context.Context, to, from net.Conn) {
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

// packets relays packets; those that come while the link is cut are lost.
func (l *Link) packets(ctx context.Context, on *net.UDPConn, to *net.UDPAddr, lost func(port int) bool) {
	buf := make([]byte, packet)
	for {
		n, from, err := on.ReadFromUDPAddrPort(buf)
		if ctx.Err() != nil {
			return
		}
		if err != nil || l.isCut() || lost(int(from.Port())) {
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

func (l *Link) close() {
	l.end()
	for _, d := range l.doors {
		_ = d.Close()
	}
	l.all.Wait()
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
