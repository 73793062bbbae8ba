package gossip

import (
	"flag"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The tests wait for the network more than they work: many run at once.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// cluster is the cluster of a test: those of others, who may be given a port that a node
// of this one had, do not get in.
func cluster(t *testing.T) string { return fingerprint([]byte(t.Name())) }

// diary keeps what a node logs.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) log(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) has(text string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.lines, func(l string) bool { return strings.Contains(l, text) })
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, "\n")
}

// local is the Config of a node on loopback.
func local(name string, join ...*Node) Config {
	c := Config{Self: Member{Name: name, Role: Executor, RPC: "127.0.0.1:7700", Slots: 2, Memory: 1 << 30, Site: "centre", Version: "1.0"},
		Bind: "127.0.0.1:0", Preset: Local()}
	for _, n := range join {
		c.Join = append(c.Join, n.self.Gossip)
	}
	return c
}

// boot starts a node that ends with the test.
func boot(t *testing.T, c Config, w ...world) (*Node, *diary) {
	t.Helper()
	d := &diary{}
	c.Log = d.log
	if c.Cluster == "" {
		c.Cluster = cluster(t)
	}
	outside := world{find: net.DefaultResolver.LookupNetIP}
	if len(w) > 0 {
		outside = w[0]
	}
	n, err := start(t.Context(), c, outside)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", n.name, d)
		}
	})
	return n, d
}

// trio starts three nodes that see each other.
func trio(t *testing.T) (a, b, c *Node) {
	t.Helper()
	a, _ = boot(t, local("a"))
	b, _ = boot(t, local("b", a))
	c, _ = boot(t, local("c", a))
	for _, n := range []*Node{a, b, c} {
		eventually(t, "all see each other", func() bool { return n.count(Alive) == 3 })
	}
	return a, b, c
}

// eventually waits for something that takes a second or two and gives it ten times as
// long: the machine may have other things to do.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for began := time.Now(); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("after 20 s not: " + what)
		}
	}
}

// of returns how a node sees another one; the zero member if it does not know it.
func (n *Node) of(name string) Member {
	for _, m := range n.Members() {
		if m.Name == name {
			return m
		}
	}
	return Member{}
}
