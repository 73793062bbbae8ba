package rig

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/idag/idag/internal/fault"
)

// Config is what a cluster is.
type Config struct {
	Program   []string // and its first arguments; the command and its flags follow
	Env       []string // besides this process's, without what says which cluster is meant
	Dir       string   // where all processes run, with the home and the logs; what is in it stays
	Drivers   int      // all but the first stand by; 0 means 1
	Executors int
	Slots     int  // of each executor; 0 means 1
	Links     bool // nodes reach each other by links
	// Namespaces gives each node a network namespace, and links that are wires between
	// them. It needs Linux, root and the programs ip and tc.
	Namespaces bool
	// Memory is that of an executor, as its flag has it; "": that of the machine.
	Memory string
	// Temp gives a node its directory for what memory has no room for; nil: the system's.
	Temp func(node string) string
}

// Rig is a cluster that runs.
type Rig struct {
	cfg       Config
	cluster   string
	used      map[int]bool // ports
	drivers   []*Node
	executors []*Node
	net       *wires // nil without namespaces

	mu      sync.Mutex
	senders map[int]*relay // by the port from which the packets of a node come
}

// Start starts a cluster. Who calls closes it, unless there is an error.
func Start(ctx context.Context, cfg Config) (*Rig, error) {
	cfg.Drivers, cfg.Slots = max(cfg.Drivers, 1), max(cfg.Slots, 1)
	r := &Rig{cfg: cfg, cluster: rand.Text()[:8], used: map[int]bool{}, senders: map[int]*relay{}}
	if err := errors.Join(os.MkdirAll(cfg.Dir, 0o755), r.start(ctx)); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Rig) start(ctx context.Context) error {
	if r.cfg.Namespaces {
		var err error
		if r.net, err = newWires(r.cluster); err != nil {
			return err
		}
	}
	join := ""
	for i := range r.cfg.Drivers {
		args := []string{"driver", "--home", filepath.Join(r.cfg.Dir, "home")}
		if i > 0 {
			args = append(args, "--standby", "--join", join)
		}
		n, err := r.add(fmt.Sprint("driver-", i+1), args)
		if err != nil {
			return err
		}
		r.drivers = append(r.drivers, n)
		if err := n.Start(ctx); err != nil {
			return err
		}
		if i == 0 {
			join = n.member().Gossip
			// Started anew, it finds another one that drives, or drives again.
			n.args = append(n.args, "--standby")
		}
	}
	if len(r.drivers) > 1 {
		others := make([]string, 0, len(r.drivers)-1)
		for _, d := range r.drivers[1:] {
			others = append(others, d.member().Gossip)
		}
		r.drivers[0].args = append(r.drivers[0].args, "--join", strings.Join(others, ","))
		join += "," + strings.Join(others, ",")
	}
	for i := range r.cfg.Executors {
		args := []string{"executor", "--join", join, "--slots", fmt.Sprint(r.cfg.Slots)}
		if r.cfg.Memory != "" {
			args = append(args, "--memory", r.cfg.Memory)
		}
		n, err := r.add(fmt.Sprint("executor-", i+1), args)
		if err != nil {
			return err
		}
		r.executors = append(r.executors, n)
		if err := n.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// add makes a node, which does not run yet.
func (r *Rig) add(name string, args []string) (*Node, error) {
	n := &Node{Name: name, rig: r, args: append(args, "--preset", "local", "--cluster", r.cluster, "--json", "--tethered")}
	if r.cfg.Temp != nil {
		n.args = append(n.args, "--temp", r.cfg.Temp(name))
	}
	return n, n.place()
}

// command is the program, in the directory of the cluster, and in a network namespace
// if one is named.
func (r *Rig) command(space string, args ...string) *exec.Cmd {
	line := slices.Concat(r.cfg.Program, args)
	if space != "" {
		line = slices.Concat([]string{"ip", "netns", "exec", space}, line)
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = r.cfg.Dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), ofCluster), r.cfg.Env...)
	return cmd
}

// ofCluster reports whether a variable of the environment is about another cluster.
func ofCluster(v string) bool {
	name, _, _ := strings.Cut(v, "=")
	return slices.Contains([]string{"IDAG_TO", "IDAG_JOIN", "IDAG_CLUSTER", "IDAG_KEY", "IDAG_CA", "IDAG_CERT", "IDAG_CERT_KEY", "IDAG_TOKEN", "IDAG_PLAIN"}, name)
}

// Executors returns the executors, which may run or not.
func (r *Rig) Executors() []*Node { return r.executors }

// Drivers returns those that drive or stand by, and may run or not.
func (r *Rig) Drivers() []*Node { return r.drivers }

// Driver returns the one that drives, or did last.
func (r *Rig) Driver() *Node {
	return slices.MaxFunc(r.drivers, func(a, b *Node) int { return a.Term() - b.Term() })
}

// Close ends all processes and links.
func (r *Rig) Close() {
	for _, n := range slices.Concat(r.drivers, r.executors) {
		n.Kill()
	}
	if r.net != nil {
		r.net.close()
	}
}

// CanDelay reports whether links can make late what passes: wires need a kernel that has
// netem.
func (r *Rig) CanDelay() bool { return r.net == nil || r.net.netem }

// outside is the network namespace of those who submit jobs.
func (r *Rig) outside() string {
	if r.net == nil {
		return ""
	}
	return r.net.client
}

// cutOff reports whether the node whose packets come from a port is cut off: they reach
// nobody.
func (r *Rig) cutOff(port int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.senders[port]
	return l != nil && l.loses()
}

// Ports below those that the system gives to connections, so that a node that is
// started again finds its own free.
const (
	lowPort  = 20_000
	manyPort = 12_000
)

// port returns a port that is free for streams and packets, and its address.
func (r *Rig) port() (int, string, error) {
	for range 100 {
		p := lowPort + mathrand.IntN(manyPort)
		if r.used[p] {
			continue
		}
		r.used[p] = true
		tcp, udp, err := both(p)
		if err != nil {
			continue
		}
		at := tcp.Addr().String()
		return p, at, errors.Join(tcp.Close(), udp.Close())
	}
	return 0, "", fault.New(fault.Retry, "no free port: %w", &net.AddrError{Err: "in use", Addr: "127.0.0.1"})
}
