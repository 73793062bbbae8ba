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
	ip             net.IP
	port           int    // 0: a free one
	advertised     string // an IP; "": the one it listens on, or a private one of this machine
	advertisedPort int    // 0: the one it listens on
}

// place finds the addresses of a Config. Memberlist takes a host that is no IP for all
// addresses; here it is looked up.
func place(ctx context.Context, cfg Config, find lookup) (spot, error) {
	if cfg.Bind == "" {
		cfg.Bind = ":" + strconv.Itoa(port)
	}
	host, p, err := net.SplitHostPort(cfg.Bind)
	if err != nil {
		return spot{}, fault.New(fault.Invalid, "cannot listen for the gossip at %q: want host:port", cfg.Bind)
	}
	s := spot{ip: net.IPv4zero}
	if s.port, err = portOf(p); err != nil {
		return spot{}, err
	}
	if host != "" {
		ip, err := oneAddress(ctx, find, host)
		if err != nil {
			return spot{}, fault.New(fault.Invalid, "cannot listen for the gossip at %q: %w", cfg.Bind, err)
		}
		s.ip = ip
	}
	if cfg.Advertise == "" {
		if s.ip.IsUnspecified() && s.ip.To4() == nil {
			return spot{}, fault.New(fault.Invalid, "listening at %q: say by which address the others reach this node (advertise)", cfg.Bind)
		}
		return s, nil
	}
	host, p, err = net.SplitHostPort(cfg.Advertise)
	if err != nil {
		host, p = cfg.Advertise, "0"
	}
	if s.advertisedPort, err = portOf(p); err != nil {
		return spot{}, err
	}
	ip, err := oneAddress(ctx, find, host)
	if err != nil || ip.IsUnspecified() || ip.IsMulticast() {
		return spot{}, fault.New(fault.Invalid, "the others cannot reach this node at %q: want an address of it, or host:port", cfg.Advertise)
	}
	s.advertised = ip.String()
	return s, nil
}

func portOf(text string) (int, error) {
	p, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fault.New(fault.Invalid, "%q is no port", text)
	}
	return int(p), nil
}

// oneAddress returns the first address of a host, of the fourth version if there is one.
func oneAddress(ctx context.Context, find lookup, host string) (net.IP, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return net.IP(ip.Unmap().AsSlice()), nil
	}
	ips, err := find(ctx, "ip", host)
	if err == nil && len(ips) == 0 {
		err = fault.New(fault.Retry, "it has no address")
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot find %s: %w", host, err)
	}
	best := ips[0]
	for _, ip := range ips {
		if ip.Unmap().Is4() {
			best = ip
			break
		}
	}
	return net.IP(best.Unmap().AsSlice()), nil
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
