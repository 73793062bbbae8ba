package gossip

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idag/idag/internal/fault"
)

// Three nodes see each other, sorted, with what each says of itself.
func TestThreeNodes(t *testing.T) {
	t.Parallel()
	a, b, c := trio(t)
	for _, n := range []*Node{a, b, c} {
		ms := n.Members()
		names := []string{}
		for _, m := range ms {
			names = append(names, m.Name)
			if m.Role != Executor || m.Slots != 2 || m.Memory != 1<<30 || m.Site != "centre" || m.Version != "1.0" || m.RPC != "127.0.0.1:7700" {
				t.Errorf("%s sees %s as %+v", n.name, m.Name, m)
			}
			if m.Since.IsZero() || time.Since(m.Since) > time.Minute {
				t.Errorf("%s sees %s since %s", n.name, m.Name, m.Since)
			}
		}
		if !slices.Equal(names, []string{"a", "b", "c"}) {
			t.Errorf("%s sees %v", n.name, names)
		}
		if n.of("b").Gossip != b.of("b").Gossip || n.of("b").Gossip == "" {
			t.Errorf("%s has b at %q, b itself at %q", n.name, n.of("b").Gossip, b.of("b").Gossip)
		}
	}
}

// What Members returns is the caller's.
func TestMembersAreACopy(t *testing.T) {
	t.Parallel()
	c := local("a")
	c.Self.Plans = []string{"0123"}
	a, _ := boot(t, c)
	a.Members()[0].Plans[0] = "changed"
	if got := a.Members()[0].Plans[0]; got != "0123" {
		t.Errorf("the plan is %q", got)
	}
}

// A node that is closed without a word is seen dead within 2 s. One of three rounds has
// to do it, for on a busy machine the survivors may be slow themselves.
func TestDeathIsSeenWithinTwoSeconds(t *testing.T) {
	var took []time.Duration
	for range 3 {
		a, b, c := trio(t)
		began := time.Now()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		for _, n := range []*Node{a, b} {
			eventually(t, n.name+" sees that c is dead", func() bool { return n.of("c").Condition == Dead })
		}
		took = append(took, time.Since(began))
		if took[len(took)-1] <= 2*time.Second {
			return
		}
	}
	t.Errorf("it took %v", took)
}

// Who leaves is seen leaving, then left, not dead; whoever dies while leaving is dead.
func TestLeaving(t *testing.T) {
	t.Parallel()
	a, b, c := trio(t)
	if err := b.Announce(func(m *Member) { m.Condition = Leaving }); err != nil {
		t.Fatal(err)
	}
	if got := b.of("b").Condition; got != Leaving {
		t.Errorf("b sees itself %s", got)
	}
	eventually(t, "b is leaving", func() bool { return a.of("b").Condition == Leaving && c.of("b").Condition == Leaving })
	if err := b.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "b has left", func() bool { return a.of("b").Condition == Left && c.of("b").Condition == Left })
	if got := b.of("b").Condition; got != Left {
		t.Errorf("b sees itself %s", got)
	}
	if err := b.Leave(t.Context()); err != nil {
		t.Errorf("leaving twice: %v", err)
	}
	if err := c.Announce(func(m *Member) { m.Condition = Leaving }); err != nil {
		t.Fatal(err)
	}
	eventually(t, "c is leaving", func() bool { return a.of("c").Condition == Leaving })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "c is dead", func() bool { return a.of("c").Condition == Dead })
}

// Leaving at once, without an announcement before, is leaving too; so is a node alone,
// and a node after its end does not mind.
func TestLeavingAtOnce(t *testing.T) {
	t.Parallel()
	a, b, c := trio(t)
	if err := c.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*Node{a, b} {
		eventually(t, "c has left", func() bool { return n.of("c").Condition == Left })
	}
	if err := c.Leave(t.Context()); err != nil {
		t.Errorf("leaving after the end: %v", err)
	}
	// Nobody has to hear of it where there is nobody: with news this slow that would take long.
	slow := local("alone")
	slow.Preset.gossip = 10 * time.Minute
	alone, _ := boot(t, slow)
	began := time.Now()
	if err := alone.Leave(t.Context()); err != nil || time.Since(began) > time.Minute {
		t.Errorf("a node alone takes %s to leave: %v", time.Since(began), err)
	}
}

// With a context that has ended, leaving does not wait for the news to spread.
func TestLeavingInHaste(t *testing.T) {
	t.Parallel()
	_, _, c := trio(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Leave(ctx); err != nil && fault.Of(err) != fault.Retry {
		t.Error(err)
	}
}

// What a node announces arrives everywhere; the last word counts.
func TestAnnounce(t *testing.T) {
	t.Parallel()
	a, b, c := trio(t)
	for i := range 50 {
		if err := b.Announce(func(m *Member) { m.Slots, m.Role = i, Standby }); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Announce(func(m *Member) { m.Slots, m.Role, m.Plans = 7, Driver, append(m.Plans, strings.Repeat("e", 64)) }); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*Node{a, b, c} {
		eventually(t, "b is a driver of 7 slots", func() bool {
			m := n.of("b")
			return m.Slots == 7 && m.Role == Driver && slices.Equal(m.Plans, []string{strings.Repeat("e", planLimit)})
		})
	}
}

// What cannot be announced is refused, and nothing of it holds.
func TestAnnounceRefuses(t *testing.T) {
	t.Parallel()
	a, _ := boot(t, local("a"))
	for name, change := range map[string]func(*Member){
		"another name":        func(m *Member) { m.Name = "z" },
		"a long site":         func(m *Member) { m.Site = strings.Repeat("s", siteLimit+1) },
		"no role":             func(m *Member) { m.Role = "" },
		"dead":                func(m *Member) { m.Condition = Dead },
		"left":                func(m *Member) { m.Condition = Left },
		"no condition":        func(m *Member) { m.Condition = "" },
		"slots below nothing": func(m *Member) { m.Slots = -1 },
		"no port":             func(m *Member) { m.RPC = "127.0.0.1" },
	} {
		before := a.Members()[0]
		err := a.Announce(func(m *Member) { m.Version = "9"; change(m) })
		if fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
		if after := a.Members()[0]; after.Version != before.Version || after.Condition != before.Condition {
			t.Errorf("%s: it is %+v now", name, after)
		}
	}
}

// Changes holds one value, however much has changed, and none when nothing has.
func TestChanges(t *testing.T) {
	t.Parallel()
	a, _ := boot(t, local("a"))
	boot(t, local("b", a))
	eventually(t, "a sees b", func() bool { return a.count(Alive) == 2 })
	time.Sleep(300 * time.Millisecond) // what b has to say is said by now
	<-a.Changes()
	select {
	case <-a.Changes():
		t.Error("two values for what could be seen at once")
	default:
	}
	if err := a.Announce(func(m *Member) { m.Slots++ }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-a.Changes():
	case <-time.After(5 * time.Second):
		t.Error("a change goes unnoticed")
	}
}

// Each watcher sees how it ends; watchers end with their context or the node.
func TestWatch(t *testing.T) {
	t.Parallel()
	a, _ := boot(t, local("a"))
	seen := make(chan int, 2)
	for range 2 {
		go func() {
			last := 0
			for ms := range a.Watch(t.Context()) {
				last = len(ms)
			}
			seen <- last
		}()
	}
	brief, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range a.Watch(brief) {
		cancel()
	}
	for range a.Watch(t.Context()) {
		break
	}
	boot(t, local("b", a))
	boot(t, local("c", a))
	eventually(t, "a sees all", func() bool { return a.count(Alive) == 3 })
	time.Sleep(50 * time.Millisecond)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := <-seen; got != 3 {
			t.Errorf("a watcher saw %d nodes at last", got)
		}
	}
	if len(a.watchers) != 0 {
		t.Errorf("%d watchers stay behind", len(a.watchers))
	}
}

// A node that starts before the others finds them when they come.
func TestJoinLater(t *testing.T) {
	t.Parallel()
	first, _ := boot(t, local("first"))
	addr := first.self.Gossip
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	c := local("early")
	c.Join = []string{addr}
	early, log := boot(t, c)
	eventually(t, "the log says so", func() bool { return log.has("cannot join " + addr + ": nobody listens there") })
	c = local("late")
	c.Bind = addr
	boot(t, c)
	eventually(t, "early sees late", func() bool { return early.of("late").Condition == Alive })
}

// The second node of a name is told so and ends; the first one does not notice.
func TestTwoOfAName(t *testing.T) {
	t.Parallel()
	a, b, _ := trio(t)
	before := b.of("b")
	second := local("b", a)
	second.Cluster = cluster(t)
	_, err := Start(t.Context(), second)
	if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), `"b"`) || !strings.Contains(err.Error(), before.Gossip) {
		t.Fatalf("the second b: %v", err)
	}
	// Also when it asks the first one itself.
	second.Join = []string{before.Gossip}
	if _, err := Start(t.Context(), second); fault.Of(err) != fault.Invalid || err == nil {
		t.Fatalf("the third b: %v", err)
	}
	time.Sleep(500 * time.Millisecond)
	if after := a.of("b"); after.Gossip != before.Gossip || after.Condition != Alive || b.Err() != nil {
		t.Errorf("b is %+v now, and says %v", after, b.Err())
	}
}

// Of two that start at the same time under one name one stays, and all agree which.
func TestTwoOfANameAtOnce(t *testing.T) {
	t.Parallel()
	a, _ := boot(t, local("a"))
	b, _ := boot(t, local("b", a))
	var both [2]*Node
	var failed [2]error
	var starting sync.WaitGroup
	for i, peer := range []*Node{a, b} {
		starting.Go(func() {
			c := local("x", peer)
			c.Cluster = cluster(t)
			both[i], failed[i] = Start(t.Context(), c)
		})
	}
	starting.Wait()
	running := func() (out []*Node) {
		for _, n := range both {
			if n != nil && n.Err() == nil {
				out = append(out, n)
			}
		}
		return out
	}
	t.Cleanup(func() {
		for _, n := range both {
			if n != nil {
				_ = n.Close() // it never fails
			}
		}
	})
	eventually(t, "one stays, and all see it", func() bool {
		x := running()
		return len(x) == 1 && a.of("x").Gossip == x[0].self.Gossip && b.of("x").Gossip == x[0].self.Gossip &&
			a.of("x").Condition == Alive && b.of("x").Condition == Alive
	})
	for i, n := range both {
		err := failed[i]
		if n != nil {
			err = n.Err()
		}
		if err != nil && fault.Of(err) != fault.Invalid {
			t.Errorf("the other says %v", err)
		}
	}
}

// A node that finds out only later that its name is taken ends, says why, and does not
// pull the other one with it.
func TestNameTakenLater(t *testing.T) {
	t.Parallel()
	seeds := filepath.Join(t.TempDir(), "seeds")
	c := local("x")
	c.Join = []string{"file:" + seeds}
	late, log := boot(t, c)
	x, _ := boot(t, local("x"))
	a, _ := boot(t, local("a", x))
	eventually(t, "a and x see each other", func() bool { return a.count(Alive) == 2 && x.count(Alive) == 2 })
	if err := os.WriteFile(seeds, []byte(a.self.Gossip), 0o600); err != nil {
		t.Fatal(err)
	}
	select {
	case <-late.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("two nodes have one name")
	}
	if err := late.Err(); fault.Of(err) != fault.Invalid || err == nil || !strings.Contains(err.Error(), x.self.Gossip) {
		t.Errorf("it ends with %v", err)
	}
	eventually(t, "it logs why", func() bool { return log.has("give this one another name") })
	if err := errors.Join(late.Leave(t.Context()), late.Close()); err != nil {
		t.Error(err)
	}
	time.Sleep(300 * time.Millisecond)
	if got := a.of("x"); got.Gossip != x.self.Gossip || got.Condition != Alive || x.Err() != nil {
		t.Errorf("x is %+v, and says %v", got, x.Err())
	}
}

// Peers that are silent delay a start by what the preset says, and an end not at all.
func TestSilentPeer(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() //nolint:errcheck // It takes nothing.
	c := local("a")
	c.Join = []string{silent.Addr().String()}
	c.Preset.dial = time.Minute
	began := time.Now()
	a, _ := boot(t, c)
	if took := time.Since(began); took < c.Preset.wait || took > c.Preset.wait+10*time.Second {
		t.Errorf("the start took %s", took)
	}
	began = time.Now()
	if err := a.Close(); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("the end took %s: %v", time.Since(began), err)
	}
}

// A node that was killed comes back at once on another port, before the others have seen
// that it was dead.
func TestKilledAndBack(t *testing.T) {
	t.Parallel()
	a, b, c := trio(t)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	again, _ := boot(t, local("c", a, b))
	for _, n := range []*Node{a, b, again} {
		eventually(t, n.name+" sees the new c", func() bool {
			m := n.of("c")
			return m.Condition == Alive && m.Gossip == again.self.Gossip
		})
	}
	if err := again.Err(); err != nil {
		t.Error(err)
	}
}

// A node that has left may come back, too.
func TestLeftAndBack(t *testing.T) {
	t.Parallel()
	a, b, c := trio(t)
	if err := errors.Join(c.Leave(t.Context()), c.Close()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "c has left", func() bool { return a.of("c").Condition == Left && b.of("c").Condition == Left })
	again, _ := boot(t, local("c", b))
	for _, n := range []*Node{a, b} {
		eventually(t, n.name+" sees the new c", func() bool { return n.of("c").Gossip == again.self.Gossip && n.of("c").Condition == Alive })
	}
}

// A start that is called off leaves nothing behind.
func TestStartCalledOff(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := Start(ctx, local("a")); err == nil {
		t.Errorf("started: %v", n.Close())
	}
}

// What is wrong with a Config is said at once and in plain words.
func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, want string
		change     func(*Config)
	}{
		{"no name", "needs a name", func(c *Config) { c.Self.Name = "" }},
		{"a long name", "the name has 129 bytes, the limit is 128", func(c *Config) { c.Self.Name = strings.Repeat("n", 129) }},
		{"a name with a line break", "cannot be printed", func(c *Config) { c.Self.Name = "a\nb" }},
		{"a long site", "the site has 65 bytes", func(c *Config) { c.Self.Site = strings.Repeat("s", 65) }},
		{"a long version", "the version has 65 bytes", func(c *Config) { c.Self.Version = strings.Repeat("v", 65) }},
		{"a cluster of two lines", "the name of the cluster", func(c *Config) { c.Cluster = "a\nb" }},
		{"no role", "no role", func(c *Config) { c.Self.Role = "" }},
		{"another role", `no role "king"`, func(c *Config) { c.Self.Role = "king" }},
		{"no RPC port", "not host:port", func(c *Config) { c.Self.RPC = "10.0.0.1" }},
		{"RPC port 0", "no port", func(c *Config) { c.Self.RPC = "10.0.0.1:0" }},
		{"a short key", "key 1: it has 5 bytes", func(c *Config) { c.Keys = [][]byte{[]byte("short")} }},
		{"no key file", "no such file", func(c *Config) { c.KeyFile = "/nowhere/keys" }},
		{"no port to bind", "want host:port", func(c *Config) { c.Bind = "127.0.0.1" }},
		{"another's address", "cannot listen", func(c *Config) { c.Bind = "192.0.2.1:0" }},
		{"a port beyond", "no port", func(c *Config) { c.Bind = "127.0.0.1:70000" }},
		{"a host that is not", "cannot find", func(c *Config) { c.Bind = "no.such.host.invalid:0" }},
		{"advertising nothing", "cannot reach", func(c *Config) { c.Advertise = "0.0.0.0" }},
		{"a seed without a host", "cannot join", func(c *Config) { c.Join = []string{":7946"} }},
		{"a seed of URL form", "cannot join", func(c *Config) { c.Join = []string{"http://x/y"} }},
		{"a seed file without a path", "no path", func(c *Config) { c.Join = []string{"file:"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := local("a")
			c.change(&cfg)
			n, err := Start(t.Context(), cfg)
			if err == nil {
				t.Fatalf("it starts: %v", n.Close())
			}
			if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", fault.Of(err), err, c.want)
			}
		})
	}
}
