package gossip

import (
	"context"
	"net"
	"net/netip"
	"strconv"

	"github.com/idag/idag/internal/fault"
)

// spot is where a node listens and where the others reach it.
type spot struct {
	ip             netip.Addr
	port           int // 0: a free one
	advertised     netip.Addr
	advertisedPort int // 0: the one it listens on
}

// place finds the addresses of a Config.
func place(ctx context.Context, cfg Config, find lookup) (spot, error) {
	if cfg.Bind == "" {
		cfg.Bind = ":" + strconv.Itoa(port)
	}
	host, p, err := net.SplitHostPort(cfg.Bind)
	if err != nil {
		return spot{}, fault.New(fault.Invalid, "cannot listen for the gossip at %q: want host:port", cfg.Bind)
	}
	s := spot{ip: netip.IPv4Unspecified()}
	if s.port, err = portOf(p); err != nil {
		return spot{}, err
	}
	if host != "" {
		if s.ip, err = oneAddress(ctx, find, host); err != nil {
			return spot{}, fault.New(fault.Invalid, "cannot listen for the gossip at %q: %w", cfg.Bind, err)
		}
	}
	if cfg.Advertise != "" {
		return s, s.advertise(ctx, cfg.Advertise, find)
	}
	s.advertised = s.ip
	if s.ip.IsUnspecified() {
		if s.advertised, err = outward(); err != nil {
			return spot{}, fault.New(fault.Invalid, "listening at %q: say by which address the others reach this node (advertise)", cfg.Bind)
		}
	}
	return s, nil
}

// advertise takes host or host:port for where the others reach the node.
func (s *spot) advertise(ctx context.Context, text string, find lookup) error {
	host, p, err := net.SplitHostPort(text)
	if err != nil {
		host, p = text, "0"
	}
	if s.advertisedPort, err = portOf(p); err != nil {
		return err
	}
	s.advertised, err = oneAddress(ctx, find, host)
	if err != nil || s.advertised.IsUnspecified() || s.advertised.IsMulticast() {
		return fault.New(fault.Invalid, "the others cannot reach this node at %q: want an address of it, or host:port", text)
	}
	return nil
}

func portOf(text string) (int, error) {
	p, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fault.New(fault.Invalid, "%q is no port", text)
	}
	return int(p), nil
}

// oneAddress returns an address of a host, of IPv4 if there is one.
func oneAddress(ctx context.Context, find lookup, host string) (netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap(), nil
	}
	ips, err := find(ctx, "ip", host)
	if err == nil && len(ips) == 0 {
		err = fault.New(fault.Retry, "it has no address")
	}
	if err != nil {
		return netip.Addr{}, fault.New(fault.Invalid, "cannot find %s: %w", host, err)
	}
	for _, ip := range ips {
		if ip.Unmap().Is4() {
			return ip.Unmap(), nil
		}
	}
	return ips[0], nil
}

// outward returns the address by which this machine goes out, or a private one of it.
// Nothing is sent: the addresses asked for are those of documentation.
func outward() (netip.Addr, error) {
	for _, to := range []string{"192.0.2.1:9", "[2001:db8::1]:9"} {
		c, err := net.Dial("udp", to)
		if err != nil {
			continue
		}
		from := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		_ = c.Close()
		return from, nil
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, fault.Wrap(fault.Invalid, err)
	}
	for _, a := range own {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().IsPrivate() {
			return p.Addr(), nil
		}
	}
	return netip.Addr{}, fault.New(fault.Invalid, "this machine has no address but loopback")
}

// completed returns an RPC address that says which host it is on: that of the gossip
// if it has none of its own.
func completed(rpc, gossip string) string {
	host, p, err := net.SplitHostPort(rpc)
	if err != nil {
		return rpc
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		if own, _, err := net.SplitHostPort(gossip); err == nil {
			return net.JoinHostPort(own, p)
		}
	}
	return rpc
}
