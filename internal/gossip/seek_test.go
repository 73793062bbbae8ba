package gossip

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Which spellings of a seed are understood, and as what.
func TestHostPort(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"10.0.0.1:80", "10.0.0.1:80"},
		{"10.0.0.1", "10.0.0.1:7946"},
		{"driver", "driver:7946"},
		{"driver.example.org:1", "driver.example.org:1"},
		{"::1", "[::1]:7946"},
		{"[::1]", "[::1]:7946"},
		{"[::1]:9", "[::1]:9"},
		{"", ""},
		{":80", ""},
		{"a:b:c", ""},
		{"driver:0", ""},
		{"driver:65536", ""},
		{"driver:http", ""},
		{"dri ver", ""},
		{"http://driver", ""},
		{"me@driver", ""},
		{"name/10.0.0.1:80", ""},
		{strings.Repeat("h", 254), ""},
	} {
		got, err := hostPort(c.text)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q is %q, %v; want %q", c.text, got, err, c.want)
		}
	}
}

// book looks names up in a map.
func book(entries map[string][]string) lookup {
	return func(_ context.Context, _, host string) ([]netip.Addr, error) {
		if ip, err := netip.ParseAddr(host); err == nil {
			return []netip.Addr{ip}, nil
		}
		var out []netip.Addr
		for _, a := range entries[host] {
			out = append(out, netip.MustParseAddr(a))
		}
		if out == nil {
			return nil, errors.New("no such host")
		}
		return out, nil
	}
}

// Seeds are all addresses of all names, those in files too, each once; what cannot be
// found does not keep the others back.
func TestSeeds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seeds")
	text := "# the cluster\n\n10.0.0.9:1  # the driver\n  many:5\nnot a host\nunknown\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := parseSeeds([]string{"many:5", "10.0.0.1", "file:" + file, "file:/nowhere/seeds"})
	if err != nil {
		t.Fatal(err)
	}
	got, failed := s.addresses(t.Context(), book(map[string][]string{"many": {"10.0.0.2", "10.0.0.3", "::ffff:10.0.0.2", "fd00::1"}}))
	want := []string{"10.0.0.1:7946", "10.0.0.2:5", "10.0.0.3:5", "10.0.0.9:1", "[fd00::1]:5"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	all := errors.Join(failed...).Error()
	for _, part := range []string{"seeds:5: ", "no such host", "/nowhere/seeds"} {
		if !strings.Contains(all, part) {
			t.Errorf("%q is not told of: %s", part, all)
		}
	}
	if len(failed) != 3 {
		t.Errorf("%d failed: %v", len(failed), failed)
	}
}

// A file that is no list of hosts, or has no end, is an error and no crash.
func TestSeedFileOfGarbage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seeds")
	if err := os.WriteFile(file, []byte(strings.Repeat("x", 1<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	if hosts, err := readSeeds(file); err == nil || len(hosts) > 0 {
		t.Errorf("%d hosts, %v", len(hosts), err)
	}
	if _, err := readSeeds(t.TempDir()); err == nil {
		t.Error("a directory is no list of hosts")
	}
}

// Whom to try to join.
func TestTargets(t *testing.T) {
	there := func(addrs ...string) map[string]bool {
		out := map[string]bool{}
		for _, a := range addrs {
			out[a] = true
		}
		return out
	}
	for _, c := range []struct {
		name string
		look look
		want string
	}{
		{"nobody is known", look{self: "me"}, ""},
		{"alone: all, but not oneself, each once", look{self: "me", seeds: []string{"a", "b", "c", "d", "me"}, dead: []string{"a", "e"}}, "a b c d e"},
		{"all are there", look{self: "me", seeds: []string{"a", "b"}, present: there("a", "b", "x")}, ""},
		{"one is missing", look{self: "me", seeds: []string{"a", "b"}, present: there("a", "x")}, "b"},
		{"who died may live behind the cut", look{self: "me", dead: []string{"z"}, present: there("a")}, "z"},
		{"many are missing: three", look{seeds: []string{"a", "b", "c", "d"}, present: there("x")}, "a b c"},
		{"and three others next", look{seeds: []string{"a", "b", "c", "d"}, present: there("x"), turn: 1}, "d a b"},
	} {
		if got := strings.Join(c.look.targets(), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// In turn each who is missing is tried, nobody twice at once, and never one who is there.
func TestTargetsMissNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		addr := rapid.StringMatching("[a-h]")
		l := look{self: "a", seeds: rapid.SliceOf(addr).Draw(t, "seeds"), dead: rapid.SliceOf(addr).Draw(t, "dead"), present: map[string]bool{"i": true}}
		for _, p := range rapid.SliceOf(addr).Draw(t, "present") {
			l.present[p] = true
		}
		tried := map[string]bool{}
		for l.turn = range 20 {
			targets := l.targets()
			for i, a := range targets {
				if l.present[a] || a == l.self || slices.Contains(targets[:i], a) {
					t.Fatalf("tried: %v", targets)
				}
				tried[a] = true
			}
		}
		for _, a := range slices.Concat(l.seeds, l.dead) {
			if a != l.self && !l.present[a] && !tried[a] {
				t.Fatalf("%s was never tried", a)
			}
		}
	})
}

// Pauses double while alone, up to the longest, and differ by chance.
func TestPause(t *testing.T) {
	p := LAN()
	last := time.Duration(0)
	for tries := range 40 {
		d := p.pause(true, tries, 0.5)
		if d < last || d > p.retry || d < p.retry/64 {
			t.Errorf("pause %d is %s", tries, d)
		}
		last = d
	}
	if last != p.retry {
		t.Errorf("the longest pause is %s", last)
	}
	if got := p.pause(false, 0, 0.5); got != p.look {
		t.Errorf("in company the pause is %s", got)
	}
	if low, high := p.pause(true, 9, 0), p.pause(true, 9, 1); low != p.retry*3/4 || high != p.retry*5/4 {
		t.Errorf("by chance it is %s to %s", low, high)
	}
}

// Who has to take another name: the newcomer, and of two of a kind the later one.
func TestYields(t *testing.T) {
	for _, c := range []struct {
		name        string
		mine, rival claim
		want        bool
	}{
		{"a newcomer with a slow clock", claim{from: 1}, claim{settled: true, from: 9}, true},
		{"one that is there, and a newcomer", claim{settled: true, from: 9}, claim{from: 1}, false},
		{"two newcomers, the other is older", claim{from: 2}, claim{from: 1}, true},
		{"two newcomers, the other is younger", claim{from: 1}, claim{from: 2}, false},
		{"two halves of a cluster meet, the other was there before", claim{settled: true, from: 2}, claim{settled: true, from: 1}, true},
		{"two of one instant, the other's address is lower", claim{from: 1, addr: "b"}, claim{from: 1, addr: "a"}, true},
		{"two of one instant, the other's address is higher", claim{from: 1, addr: "a"}, claim{from: 1, addr: "b"}, false},
	} {
		if got := c.mine.yields(c.rival); got != c.want {
			t.Errorf("%s: yields is %v", c.name, got)
		}
	}
}

// Of two nodes that know the claims of each other exactly one yields; of any number
// exactly one yields to nobody.
func TestOneStays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		claims := make([]claim, rapid.IntRange(2, 6).Draw(t, "nodes"))
		for i := range claims {
			claims[i] = claim{settled: rapid.Bool().Draw(t, "settled"), from: rapid.Int64Range(0, 3).Draw(t, "from"), addr: string(rune('a' + i))}
		}
		stay := 0
		for i, c := range claims {
			yields := false
			for j, rival := range claims {
				if i != j && c.yields(rival) == rival.yields(c) {
					t.Fatalf("both yield, or none: %+v, %+v", c, rival)
				}
				yields = yields || i != j && c.yields(rival)
			}
			if !yields {
				stay++
			}
		}
		if stay != 1 {
			t.Fatalf("%d stay", stay)
		}
	})
}
