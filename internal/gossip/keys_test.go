package gossip

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idag/idag/internal/fault"
)

// key is a key of n bytes, another for each seed.
func key(n int, seed byte) []byte { return bytes.Repeat([]byte{seed}, n) }

// Keys are read in hex and every base64, in all three lengths; comments do not count.
func TestParseKeys(t *testing.T) {
	k16, k24, k32 := key(16, 0xfb), key(24, 0x01), key(32, 0xff)
	for _, c := range []struct {
		name, text string
		want       [][]byte
	}{
		{"hex of 16", hex.EncodeToString(k16), [][]byte{k16}},
		{"hex of 24", strings.ToUpper(hex.EncodeToString(k24)), [][]byte{k24}},
		{"hex of 32", hex.EncodeToString(k32), [][]byte{k32}},
		{"base64", base64.StdEncoding.EncodeToString(k16), [][]byte{k16}},
		{"base64 for URLs", base64.URLEncoding.EncodeToString(k16), [][]byte{k16}},
		{"base64 without padding", base64.RawStdEncoding.EncodeToString(k32), [][]byte{k32}},
		{"base64 of 24, as long as hex of 16", base64.StdEncoding.EncodeToString(k24), [][]byte{k24}},
		{"several", hex.EncodeToString(k16) + "," + hex.EncodeToString(k24) + " \r\n" + hex.EncodeToString(k32) + "\n", [][]byte{k16, k24, k32}},
		{"with comments", "# new\n" + hex.EncodeToString(k16) + " # since May\n\n#" + hex.EncodeToString(k24), [][]byte{k16}},
	} {
		got, err := parseKeys(c.text)
		if err != nil || fmt.Sprintf("%x", got) != fmt.Sprintf("%x", c.want) {
			t.Errorf("%s: %x, %v", c.name, got, err)
		}
	}
}

// What is no key is refused, and the message does not give away what it was.
func TestParseKeysRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", " \n", "no key"},
		{"only a comment", "# abc", "no key"},
		{"a pass phrase", "correct-horse!battery", "neither base64 nor hex"},
		{"15 bytes", hex.EncodeToString(key(15, 7)), "22 bytes"}, // which is base64 of 22
		{"33 bytes", base64.StdEncoding.EncodeToString(key(33, 7)), "33 bytes"},
		{"the second", hex.EncodeToString(key(16, 1)) + " secret!", "key 2"},
	} {
		_, err := parseKeys(c.text)
		if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, word := range strings.Fields(c.text) {
			if len(word) > 4 && strings.Contains(err.Error(), word) {
				t.Errorf("%s: the message has the key: %v", c.name, err)
			}
		}
	}
}

// FuzzParseKeys: whatever is accepted are keys.
func FuzzParseKeys(f *testing.F) {
	f.Add("0123456789abcdef0123456789abcdef")
	f.Add("# x\nAAAAAAAAAAAAAAAAAAAAAA==, AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := parseKeys(text)
		if err == nil && len(keys) == 0 {
			t.Fatal("no keys, no error")
		}
		for _, k := range keys {
			if err := checkKey(k); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// AddKeys takes texts and files; a file is only named, and followed later.
func TestAddKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	write(t, path, key(32, 1))
	var c Config
	if err := c.AddKeys(hex.EncodeToString(key(16, 2))); err != nil {
		t.Fatal(err)
	}
	if err := c.AddKeys("file:" + path); err != nil {
		t.Fatal(err)
	}
	if len(c.Keys) != 1 || c.KeyFile != path {
		t.Errorf("%+v", c)
	}
	for _, bad := range []string{"file:/nowhere", "file:", "short", ""} {
		before := len(c.Keys)
		if err := c.AddKeys(bad); err == nil || fault.Of(err) != fault.Invalid || len(c.Keys) != before {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func write(t *testing.T, path string, keys ...[]byte) {
	t.Helper()
	var text strings.Builder
	for _, k := range keys {
		fmt.Fprintln(&text, hex.EncodeToString(k))
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What can be done with a ring of keys, and what cannot.
func TestKeyring(t *testing.T) {
	a, b, c := key(16, 1), key(24, 2), key(32, 3)
	ring, err := newKeyring([][]byte{a, b})
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, err error, want string) {
		t.Helper()
		if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	state := func(want ...[]byte) {
		t.Helper()
		if got := ring.keys(); fmt.Sprintf("%x", got) != fmt.Sprintf("%x", want) {
			t.Errorf("keys are %x, want %x", got, want)
		}
	}
	refused("removing the key in use", ring.remove(a), "in use")
	refused("using one that is not there", ring.use(c), "not installed")
	refused("removing one that is not there", ring.remove(c), "not installed")
	refused("installing a short one", ring.install(c[:5]), "5 bytes")
	state(a, b)
	for _, err := range []error{ring.install(c), ring.install(c)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	state(a, b, c)
	if err := ring.remove(b); err != nil {
		t.Fatal(err)
	}
	state(a, c)
	if err := ring.use(c); err != nil {
		t.Fatal(err)
	}
	state(c, a)
	if err := ring.replace([][]byte{b, a}); err != nil {
		t.Fatal(err)
	}
	state(b, a)
	ring.keys()[0][0] = 99
	state(b, a)

	open, err := newKeyring(nil)
	if err != nil {
		t.Fatal(err)
	}
	refused("installing a key where none is", open.install(a), "not encrypted")
	refused("using", open.use(a), "not encrypted")
	refused("removing", open.remove(a), "not encrypted")
	if open.keys() != nil {
		t.Error("it has keys")
	}
	if _, err := newKeyring([][]byte{a, c[:3]}); err == nil || !strings.Contains(err.Error(), "key 2") {
		t.Errorf("a short second key: %v", err)
	}
}

// Keys are changed while others read them: with the race detector this would show what
// memberlist does to a list that somebody has.
func TestKeyringWhileRead(t *testing.T) {
	keys := [][]byte{key(16, 1), key(32, 2), key(24, 3), key(16, 4)}
	ring, err := newKeyring(keys)
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, k := range ring.ring.GetKeys() {
					if checkKey(k) != nil || !bytes.Equal(k, bytes.Repeat(k[:1], len(k))) {
						t.Errorf("a key is %x", k)
						return
					}
				}
			}
		})
	}
	for range 200 {
		if err := ring.remove(keys[1]); err != nil {
			t.Fatal(err)
		}
		if err := ring.install(keys[1]); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	readers.Wait()
}

// The key of a running cluster is changed without that any node misses another one, and
// in the end only the new one opens the door.
func TestRotation(t *testing.T) {
	t.Parallel()
	old, young := key(16, 1), key(32, 2)
	nodes := map[string]*Node{}
	logs := map[string]*diary{}
	for _, name := range []string{"a", "b", "c"} {
		c := local(name)
		if name != "a" {
			c = local(name, nodes["a"])
		}
		c.Keys = [][]byte{old}
		nodes[name], logs[name] = boot(t, c)
	}
	together := func() bool {
		for _, n := range nodes {
			if n.count(Alive) != 3 {
				return false
			}
		}
		return true
	}
	eventually(t, "all see each other", together)
	for _, step := range []func(*Node) error{
		func(n *Node) error { return n.InstallKey(young) },
		func(n *Node) error { return n.UseKey(young) },
		func(n *Node) error { return n.RemoveKey(old) },
	} {
		for _, n := range nodes {
			if err := step(n); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond) // some have done it, some have not
		}
		if !together() {
			t.Fatal("a node was lost")
		}
	}
	time.Sleep(time.Second) // longer than one who is mute stays unsuspected
	if !together() {
		t.Fatal("a node was lost")
	}
	for name, log := range logs {
		if log.has("is dead") || log.has("another key") {
			t.Errorf("%s: %s", name, log)
		}
	}
	late := local("late", nodes["a"])
	late.Keys = [][]byte{old}
	_, log := boot(t, late)
	eventually(t, "the old key is refused", func() bool { return log.has("it has another key") })
	good := local("good", nodes["a"])
	good.Keys = [][]byte{young}
	d, _ := boot(t, good)
	eventually(t, "the new key is let in", func() bool { return d.count(Alive) == 4 })
}

// Keys in a file that all nodes follow are changed by changing the file.
func TestKeyFile(t *testing.T) {
	t.Parallel()
	old, young := key(16, 1), key(16, 2)
	path := filepath.Join(t.TempDir(), "keys")
	write(t, path, old)
	c := local("a")
	c.KeyFile = path
	a, log := boot(t, c)
	c = local("b", a)
	c.KeyFile = path
	b, _ := boot(t, c)
	eventually(t, "both see each other", func() bool { return a.count(Alive) == 2 && b.count(Alive) == 2 })
	if err := os.WriteFile(path, []byte("half a ke"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what is no key is told", func() bool { return log.has("the keys stay as they are: " + path + ": key 1") })
	if got := a.Keys(); len(got) != 1 || !bytes.Equal(got[0], old) {
		t.Errorf("keys are %x", got)
	}
	for _, keys := range [][][]byte{{old, young}, {young, old}, {young}} {
		write(t, path, keys...)
		for _, n := range []*Node{a, b} {
			eventually(t, "the keys are those of the file", func() bool { return fmt.Sprintf("%x", n.Keys()) == fmt.Sprintf("%x", keys) })
		}
	}
	if a.count(Alive) != 2 || b.count(Alive) != 2 {
		t.Errorf("a sees %v, b sees %v", a.Members(), b.Members())
	}
	if !log.has("the keys have changed: " + fingerprint(young) + " encrypts") {
		t.Error("the log does not tell of the change")
	}
}

// Whoever has another key, or none where there is one, or one where there is none, is
// not let in, and both sides say why.
func TestWrongKey(t *testing.T) {
	for _, c := range []struct {
		name            string
		inside, outside []byte
		says, hears     string
	}{
		{"another key", key(32, 1), key(32, 2), "it has another key, or none", "it has another key"},
		{"no key", key(32, 1), nil, "it is not encrypted, this node is", "it is encrypted and this node has no key"},
		{"a key too many", nil, key(32, 2), "it is encrypted, this node is not", "it has no key, this node has one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			with := func(cfg Config, key []byte) Config {
				if key != nil {
					cfg.Keys = [][]byte{key}
				}
				return cfg
			}
			a, inside := boot(t, with(local("a"), c.inside))
			b, _ := boot(t, with(local("b", a), c.inside))
			eventually(t, "a and b see each other", func() bool { return a.count(Alive) == 2 && b.count(Alive) == 2 })
			x, outside := boot(t, with(local("x", a), c.outside))
			eventually(t, "the newcomer is told", func() bool { return outside.has("cannot join " + a.self.Gossip + ": " + c.hears) })
			eventually(t, "the node inside tells", func() bool { return inside.has("refused 127.0.0.1") && inside.has(c.says) })
			if len(x.Members()) != 1 || len(a.Members()) != 2 || len(b.Members()) != 2 {
				t.Errorf("x sees %v, a sees %v", x.Members(), a.Members())
			}
		})
	}
}
