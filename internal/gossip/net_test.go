package gossip

import (
	"encoding/binary"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

// Nodes that a cut network has parted take each other for dead, and find each other
// again when it is mended, though memberlist itself has given up by then.
func TestPartition(t *testing.T) {
	t.Parallel()
	var cut atomic.Bool
	sides := map[string]*atomic.Pointer[string]{"a": {}, "b": {}, "c": {}, "d": {}}
	left := func(name string) bool { return name == "a" || name == "b" }
	blocked := func(self string) world {
		return world{find: net.DefaultResolver.LookupNetIP, blocked: func(addr string) bool {
			if !cut.Load() {
				return false
			}
			for name, at := range sides {
				if p := at.Load(); p != nil && *p == addr {
					return left(name) != left(self)
				}
			}
			return false
		}}
	}
	nodes := map[string]*Node{}
	var all []*Node
	for _, name := range []string{"a", "b", "c", "d"} {
		c := local(name)
		if len(all) > 0 {
			c = local(name, nodes["a"])
		}
		nodes[name], _ = boot(t, c, blocked(name))
		sides[name].Store(&nodes[name].self.Gossip)
		all = append(all, nodes[name])
	}
	together := func() bool {
		for _, n := range all {
			if n.count(Alive) != 4 {
				return false
			}
		}
		return true
	}
	eventually(t, "all see each other", together)
	cut.Store(true)
	for _, n := range all {
		eventually(t, "each side takes the other for dead", func() bool { return n.count(Alive) == 2 && n.count(Dead) == 2 })
	}
	cut.Store(false)
	eventually(t, "all see each other again", together)
}

// A name stands for all its addresses: that nobody listens at the first does not matter.
func TestJoinByName(t *testing.T) {
	t.Parallel()
	c := local("a")
	c.Bind = "127.0.0.2:0"
	a, _ := boot(t, c)
	_, port, err := net.SplitHostPort(a.self.Gossip)
	if err != nil {
		t.Fatal(err)
	}
	c = local("b")
	c.Join = []string{"cluster.example:" + port}
	b, _ := boot(t, c, world{find: book(map[string][]string{"cluster.example": {"127.0.0.3", "127.0.0.2"}})})
	eventually(t, "b sees a", func() bool { return b.of("a").Condition == Alive && a.of("b").Condition == Alive })
}

// A file of seeds may come later than the node, and is read again while it is alone.
func TestJoinByFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "seeds")
	c := local("b")
	c.Join = []string{"file:" + file}
	b, log := boot(t, c)
	eventually(t, "the log says that the file is missing", func() bool { return log.has(file) })
	a, _ := boot(t, local("a"))
	if err := os.WriteFile(file, []byte("# seeds\n"+a.self.Gossip+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "b sees a", func() bool { return b.of("a").Condition == Alive })
}

// Where a node listens on all addresses, its tasks get the address that the others reach
// it by.
func TestAdvertise(t *testing.T) {
	t.Parallel()
	c := local("a")
	c.Bind, c.Advertise, c.Self.RPC = ":0", "127.0.0.1", ":7700"
	a, _ := boot(t, c)
	b, _ := boot(t, local("b", a))
	eventually(t, "b sees a", func() bool { return b.of("a").Condition == Alive })
	m := b.of("a")
	if m.RPC != "127.0.0.1:7700" || !strings.HasPrefix(m.Gossip, "127.0.0.1:") || strings.HasSuffix(m.Gossip, ":0") {
		t.Errorf("a is %+v", m)
	}
	for _, c := range []struct{ rpc, want string }{
		{"", ""}, {":1", "10.0.0.1:1"}, {"0.0.0.0:1", "10.0.0.1:1"}, {"[::]:1", "10.0.0.1:1"}, {"10.0.0.2:1", "10.0.0.2:1"},
		{"host:1", "host:1"}, {"garbage", "garbage"},
	} {
		if got := completed(c.rpc, "10.0.0.1:7946"); got != c.want {
			t.Errorf("%q is completed to %q", c.rpc, got)
		}
	}
}

// A cluster works on IPv6 as well.
func TestIPv6(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("this machine has no IPv6")
	} else if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c := local("a")
	c.Bind, c.Self.RPC = "[::1]:0", ":7700"
	a, _ := boot(t, c)
	c = local("b", a)
	c.Bind = "[::1]:0"
	b, _ := boot(t, c)
	eventually(t, "both see each other", func() bool { return b.of("a").RPC == "[::1]:7700" && a.of("b").Condition == Alive })
}

// stranger speaks memberlist's protocol with metadata of its own.
type stranger struct{ meta []byte }

func (s stranger) NodeMeta(int) []byte           { return s.meta }
func (stranger) NotifyMsg([]byte)                {}
func (stranger) GetBroadcasts(int, int) [][]byte { return nil }
func (stranger) LocalState(bool) []byte          { return nil }
func (stranger) MergeRemoteState([]byte, bool)   {}

// newStranger starts one, in the cluster of the test or, with another label, of another
// program.
func newStranger(t *testing.T, name string, inside bool, meta []byte) *memberlist.Memberlist {
	t.Helper()
	p := Local()
	c := p.settings(cluster(t))
	if !inside {
		c.Label = ""
	}
	c.Name, c.BindAddr, c.BindPort, c.Delegate = name, "127.0.0.1", 0, stranger{meta}
	c.Logger = log.New(io.Discard, "", 0)
	m, err := memberlist.Create(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Shutdown(); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * p.probe) // it may be at a probe
	})
	return m
}

// Nodes of another program, of another version, or that lie about themselves are not
// members; the log says why; the others do not mind.
func TestStrangers(t *testing.T) {
	for _, c := range []struct {
		name   string
		inside bool
		meta   []byte
		says   string
	}{
		{"another program", false, nil, "it is of another cluster, or no node of idag"},
		{"nothing to say", true, nil, "it says nothing of itself"},
		{"a format of tomorrow", true, []byte{9, 1, 2, 3}, "it speaks format 9 of the gossip, this node format 1"},
		{"garbage", true, []byte{metaFormat, 1, 0, 255, 255, 255}, "garbled"},
		{"a terminal's escape", true, said{Role: Executor, Site: "\x1b[2J"}.encode(metaLimit), "cannot be printed"},
		{"as much as there is room for", true, make([]byte, metaLimit), "it speaks format 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, log := boot(t, local("a"))
			b, _ := boot(t, local("b", a))
			eventually(t, "a and b see each other", func() bool { return a.count(Alive) == 2 && b.count(Alive) == 2 })
			x := newStranger(t, "x", c.inside, c.meta)
			_, err := x.Join([]string{a.self.Gossip})
			t.Log(err)
			eventually(t, "the log tells", func() bool { return log.has("refused") && log.has(c.says) })
			if a.count(Alive) != 2 || b.count(Alive) != 2 || a.of("x").Name != "" {
				t.Errorf("a sees %v", a.Members())
			}
			// A node that asks such a one to be let in is told as well.
			alone := newStranger(t, "z", c.inside, c.meta)
			cfg := local("y")
			cfg.Join = []string{alone.LocalNode().Address()}
			_, asks := boot(t, cfg)
			says := c.says
			if !c.inside {
				says = "it hung up: is it a node of idag, of this cluster?"
			}
			eventually(t, "who asks is told", func() bool { return asks.has("cannot join "+cfg.Join[0]+": ") && asks.has(says) })
		})
	}
}

// A stranger with the name of a member, or with a name that is none, changes nothing.
func TestStrangersByName(t *testing.T) {
	t.Parallel()
	a, b, _ := trio(t)
	good := said{Role: Executor, Slots: 99}.encode(metaLimit)
	for _, name := range []string{"b", "name with spaces", strings.Repeat("x", 200)} {
		x := newStranger(t, name, true, good)
		_, err := x.Join([]string{a.self.Gossip})
		t.Log(name, err)
	}
	time.Sleep(500 * time.Millisecond)
	if a.count(Alive) != 3 || a.of("b").Slots != 2 || b.Err() != nil {
		t.Errorf("a sees %v, b says %v", a.Members(), b.Err())
	}
}

// Garbage on both ports, some of it shaped like messages, does not end a node and makes
// nobody a member; its neighbours go on seeing it.
func TestGarbage(t *testing.T) {
	t.Parallel()
	a, b, _ := trio(t)
	chance := rand.New(rand.NewPCG(1, 2))
	udp, err := net.Dial("udp", a.self.Gossip)
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close() //nolint:errcheck // Nothing is waited for.
	for range 2000 {
		if _, err := udp.Write(garbage(chance)); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		tcp, err := net.Dial("tcp", a.self.Gossip)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = tcp.Write(garbage(chance)) // it may hang up in between
		if err := tcp.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// One who connects and is silent does not keep it from ending.
	silent, err := net.Dial("tcp", a.self.Gossip)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() //nolint:errcheck // The node hangs up.
	time.Sleep(500 * time.Millisecond)
	if len(a.Members()) != 3 || b.of("a").Condition != Alive || a.count(Alive) != 3 {
		t.Errorf("a sees %v, b sees %v", a.Members(), b.Members())
	}
	began := time.Now()
	if err := a.Close(); err != nil || time.Since(began) > 3*time.Second {
		t.Errorf("closing took %s: %v", time.Since(began), err)
	}
}

// garbage is bytes that begin like a message of memberlist more often than not.
func garbage(chance *rand.Rand) []byte {
	b := make([]byte, chance.IntN(200))
	for i := range b {
		b[i] = byte(chance.Uint32())
	}
	header := append([]byte{244, 4}, "idag"...)
	switch chance.IntN(4) {
	case 0: // nothing of the protocol
	case 1:
		b = append(append(header, byte(chance.IntN(15))), b...)
	case 2: // several messages in one
		b = append(append(header, 7, byte(chance.IntN(4)), 0, byte(chance.IntN(50))), b...)
	case 3: // a map of MessagePack with lengths that lie
		b = append(append(header, byte(chance.IntN(15)), 0xde, 0xff, 0xff, 0xa4), b...)
		if chance.IntN(2) == 0 {
			b = append(append(header, 6), binary.BigEndian.AppendUint32([]byte{0xdd}, chance.Uint32())...)
		}
	}
	return b
}

// Nodes of two clusters do not meet, even where one is told the address of the other.
func TestTwoClusters(t *testing.T) {
	t.Parallel()
	a, inside := boot(t, local("a"))
	c := local("b", a)
	c.Cluster = "another"
	b, outside := boot(t, c)
	eventually(t, "both are told", func() bool { return inside.has("it is of another cluster") && outside.has("it hung up") })
	if len(a.Members()) != 1 || len(b.Members()) != 1 {
		t.Errorf("a sees %v, b sees %v", a.Members(), b.Members())
	}
}
