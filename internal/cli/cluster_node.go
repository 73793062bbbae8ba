package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/idag/idag/internal/engine/cluster/node"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/spf13/cobra"
)

// lastly is how long a node whose parent is gone may take to end.
const lastly = 30 * time.Second

// nodeFlags are the flags of driver and executor.
type nodeFlags struct {
	accessFlags
	name, cluster      string
	join, key          string
	bind, listen       string
	advertise, callsAt string
	preset             gossip.Preset
	temp               string
	json, tethered     bool
}

func (f *nodeFlags) add(c *cobra.Command) {
	fs := c.Flags()
	f.preset = gossip.LAN()
	fs.StringVar(&f.name, "name", "", "what the node is called, `unique` in the cluster (default HOST-driver or HOST-executor)")
	fs.StringVar(&f.cluster, "cluster", "", "the `name` of the cluster: nodes of another one are not let in ($IDAG_CLUSTER)")
	fs.StringVar(&f.join, "join", "", "nodes to join, `HOST[:PORT],...`, or file:PATH with one a line ($IDAG_JOIN)")
	fs.StringVar(&f.key, "key", "", "the key of the gossip, or file:PATH: 16, 24 or 32 bytes in base64 or hex (`key`; $IDAG_KEY)")
	fs.StringVar(&f.bind, "bind", "", "`host:port` of the gossip, TCP and UDP (default :7946; of this machine only if plain)")
	fs.StringVar(&f.listen, "listen", "", "`host:port` for tasks, blocks and jobs (default :7947; of this machine only if plain)")
	fs.StringVar(&f.advertise, "advertise", "", "`host[:port]` where the others reach the gossip, if not where it listens")
	fs.StringVar(&f.callsAt, "advertise-listen", "", "`host[:port]` where the others reach --listen (default the host of --advertise)")
	fs.Var(&f.preset, "preset", "how fast nodes look after each other: local, lan or wan")
	fs.StringVar(&f.temp, "temp", "", "`directory` for what memory has no room for (default the system's)")
	fs.BoolVar(&f.json, "json", false, "print one JSON object with the addresses when the node is ready")
	fs.BoolVar(&f.tethered, "tethered", false, "end with standard input, and leave Ctrl-C to whoever started this")
	_ = fs.MarkHidden("tethered")
	f.accessFlags.add(c)
}

// config is what the flags come to for a node with a role.
func (f *nodeFlags) config(s *session, role gossip.Role) (node.Config, error) {
	var cfg node.Config
	var err error
	if cfg.Security, err = f.security(s.app.Version); err != nil {
		return cfg, err
	}
	if f.temp != "" {
		if there, err := os.Stat(f.temp); err == nil && !there.IsDir() { // one that is not there will be made
			return cfg, fault.New(fault.Invalid, "--temp: %s is no directory", f.temp)
		}
	}
	join, err1 := setting(f.join, envJoin)
	key, err2 := setting(f.key, envKey)
	cluster, err3 := setting(f.cluster, envCluster)
	if err := errors.Join(err1, err2, err3); err != nil {
		return cfg, err
	}
	host := ""
	if cfg.Security.Plain && !cfg.Security.AllowPlain {
		host = "127.0.0.1"
	}
	g := gossip.Config{Cluster: cluster, Bind: orAt(f.bind, host, portOfGossip), Advertise: f.advertise, Preset: f.preset, Join: words(join)}
	if key != "" {
		if err := g.AddKeys(key); err != nil {
			return cfg, err
		}
	}
	cfg.Listen, cfg.Advertise, cfg.Kinds, cfg.Functions, cfg.Temp = orAt(f.listen, host, portOfCalls), f.callsAt, s.app.Kinds, s.app.Functions, f.temp
	if cfg.Advertise == "" && f.advertise != "" {
		if cfg.Advertise, _, err = net.SplitHostPort(f.advertise); err != nil {
			cfg.Advertise = f.advertise
		}
	}
	if key == "" && !cfg.Security.AllowPlain && !local(g.Bind) {
		return cfg, fault.New(fault.Invalid, "the gossip at %s needs a --key, or --plain to let everybody take part who reaches it", g.Bind)
	}
	g.Self = gossip.Member{Name: f.name, Version: s.app.Version}
	if g.Self.Name == "" {
		g.Self.Name = nameOfNode(role, cfg.Listen)
	}
	cfg.Gossip = g
	cfg.Log = func(line string) { fmt.Fprintln(s.io.Err, time.Now().Format(time.TimeOnly), line) }
	cfg.Ready = func(m gossip.Member) { s.announce(m, f.json) }
	return cfg, nil
}

// announce says that the node is ready.
func (s *session) announce(m gossip.Member, asJSON bool) {
	if asJSON {
		_ = writeJSON(s.io.Out, m) // the writer keeps the error
		return
	}
	s.lineOut("%s is ready: %s, gossip at %s, tasks and jobs at %s", s.out.strong(m.Name), m.Role, m.Gossip, m.RPC)
}

// orAt is an address, or that of a port on a host.
func orAt(addr, host, port string) string {
	if addr != "" {
		return addr
	}
	return net.JoinHostPort(host, port)
}

// local reports whether an address is of this machine only.
func local(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// nameOfNode calls a node after its host, its role and, where several may be on one
// host, something of its own.
func nameOfNode(role gossip.Role, listen string) string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "node"
	}
	name := host + "-" + string(role)
	switch _, port, _ := net.SplitHostPort(listen); port {
	case portOfCalls:
		return name
	case "0", "":
		return name + "-" + rand.Text()[:6]
	default:
		return name + "-" + port
	}
}

// asNode runs a node until Ctrl-C or SIGTERM ends it in order, and a second one at once.
func (s *session) asNode(ctx context.Context, f *nodeFlags, cfg *node.Config, run func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop, ended := make(chan struct{}), make(chan struct{})
	cfg.Stop = stop
	gone := make(chan struct{})
	if f.tethered {
		go func() { // ends with the process, for a read cannot be given up
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(gone)
		}()
	}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		s.endings(f.tethered, gone, ended, func() { close(stop) }, cancel)
	}()
	err := run(ctx)
	close(ended)
	<-finished
	if fault.Of(err) == fault.Retry {
		err = fmt.Errorf("%w: %w", errNode, err)
	}
	return err
}

// errNode ends a node that something in the world has ended.
var errNode = errors.New("the node has ended")

// endings calls first and then last as the node is asked to end, until it has.
func (s *session) endings(tethered bool, gone, ended <-chan struct{}, first, last func()) {
	var patience <-chan time.Time
	for n := 0; ; {
		select {
		case sig := <-s.io.Interrupts:
			if tethered && sig == os.Interrupt {
				continue // whoever started this has it too
			}
		case <-gone:
			gone, patience = nil, time.After(lastly)
		case <-patience:
			n = max(n, 1)
		case <-ended:
			return
		}
		switch n++; n {
		case 1:
			first()
		case 2:
			last()
		}
	}
}
