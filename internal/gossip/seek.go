package gossip

import (
	"bufio"
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idag/idag/internal/fault"
)

// port is where nodes gossip if nobody says otherwise.
const port = 7946

// seeds is where a node looks for the others.
type seeds struct {
	hosts []string // host:port
	files []string // of hosts, one a line
}

// parseSeeds reads what stands in Config.Join.
func parseSeeds(join []string) (seeds, error) {
	var s seeds
	for _, j := range join {
		if path, ok := strings.CutPrefix(j, "file:"); ok {
			if path == "" {
				return s, fault.New(fault.Invalid, "cannot join by %q: no path", j)
			}
			s.files = append(s.files, path)
			continue
		}
		h, err := hostPort(j)
		if err != nil {
			return s, fault.New(fault.Invalid, "cannot join by %q: %w", j, err)
		}
		s.hosts = append(s.hosts, h)
	}
	return s, nil
}

// hostPort completes host, [host] or host:port with the usual port.
func hostPort(text string) (string, error) {
	host, p, err := net.SplitHostPort(text)
	if err != nil {
		host, p = strings.Trim(text, "[]"), strconv.Itoa(port)
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", fault.New(fault.Invalid, "want host, host:port or file:PATH")
		}
	}
	if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
		return "", fault.New(fault.Invalid, "%q is no port", p)
	}
	if host == "" || checkText("host", host, 253) != nil || strings.ContainsAny(host, "/@") {
		return "", fault.New(fault.Invalid, "%q is no host", host)
	}
	return net.JoinHostPort(host, p), nil
}

// lookup finds the addresses of a name.
type lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

// addresses returns where the seeds are now, as ip:port, each once, and what of them
// could not be found.
func (s seeds) addresses(ctx context.Context, find lookup) (out []string, failed []error) {
	hosts := slices.Clone(s.hosts)
	for _, path := range s.files {
		more, err := readSeeds(path)
		if err != nil {
			failed = append(failed, err)
		}
		hosts = append(hosts, more...)
	}
	for _, h := range hosts {
		ips, err := resolve(ctx, find, h)
		if err != nil {
			failed = append(failed, err)
		}
		out = append(out, ips...)
	}
	slices.Sort(out)
	return slices.Compact(out), failed
}

// resolve returns all addresses of a host:port.
func resolve(ctx context.Context, find lookup, hostport string) ([]string, error) {
	host, p, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err)
	}
	ips, err := find(ctx, "ip", host)
	if err != nil {
		return nil, fault.New(fault.Retry, "cannot find %s: %w", host, err)
	}
	var out []string
	for _, ip := range ips {
		out = append(out, net.JoinHostPort(ip.Unmap().String(), p))
	}
	return out, nil
}

// readSeeds reads a file of hosts: one a line, empty lines and what follows a # do not
// count. Lines that are no host are an error; the others count.
func readSeeds(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(fault.Retry, err)
	}
	defer f.Close() //nolint:errcheck // It is only read.
	var hosts []string
	var failed error
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		h, err := hostPort(text)
		if err != nil {
			failed = fault.New(fault.Retry, "%s:%d: %w", path, n, err)
			continue
		}
		hosts = append(hosts, h)
	}
	if err := lines.Err(); err != nil {
		failed = fault.New(fault.Retry, "%s: %w", path, err)
	}
	return hosts, failed
}

// look is one look for the others: what is known before it.
type look struct {
	self    string          // own gossip address
	present map[string]bool // addresses of those that are there
	seeds   []string
	dead    []string
	turn    int // how many looks there were
}

// targets decides whom to try to join: all if nobody is there, else a few of those that
// are missing, in turn, for they may live on the other side of a network that was cut.
func (l look) targets() []string {
	const few = 3
	var out []string
	for _, a := range slices.Concat(l.seeds, l.dead) {
		if a != l.self && !l.present[a] && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	if len(l.present) == 0 || len(out) <= few {
		return out
	}
	some := make([]string, 0, few)
	for i := range few {
		some = append(some, out[(l.turn*few+i)%len(out)])
	}
	return some
}

// pause is how long to wait until the next look, chance is between 0 and 1: twice as
// long each time while alone, so that those who start together do not come together.
func (p *Preset) pause(alone bool, tries int, chance float64) time.Duration {
	d := p.look
	if alone {
		d = min(p.retry, p.retry>>max(0, 5-tries))
	}
	return d*3/4 + time.Duration(chance*float64(d)/2)
}

// claim is the claim of a node to its name. All nodes compare two claims alike, so that
// of two nodes with one name exactly one yields, however they come to know of each other.
type claim struct {
	settled bool   // it founded the cluster, or has been among others for a while
	from    int64  // when it was first among others, else when it began; microseconds since the epoch by its own clock
	addr    string // of its gossip
}

// yields decides whether a node has to take another name than its rival: the one that is
// not settled, then the later one.
func (c claim) yields(rival claim) bool {
	switch {
	case c.settled != rival.settled:
		return rival.settled
	case c.from != rival.from:
		return rival.from < c.from
	}
	return rival.addr < c.addr
}
