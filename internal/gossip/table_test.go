package gossip

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// instant is a time of the tests.
func instant(s float64) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(s * float64(time.Second)))
}

func newTable() *table { return &table{nodes: map[string]row{}} }

// What the events of one node mean: its condition, since when, and what the log says.
func TestTableEvents(t *testing.T) {
	exec := said{Role: Executor, RPC: "h:1", Slots: 2}
	with := func(change func(*said)) said {
		s := exec
		change(&s)
		return s
	}
	type step struct {
		what  event
		says  said
		want  Condition
		since float64 // the step since which it is so
		log   string
		quiet bool // Members does not change
	}
	leavingNow := with(func(s *said) { s.Stance = leaving })
	farewell := with(func(s *said) { s.Stance = goodbye })
	slots := with(func(s *said) { s.Slots = 9 })
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"it comes, works and dies", []step{
			{came, exec, Alive, 0, "n (executor at h:1) has joined", false},
			{changed, slots, Alive, 0, "", false},
			{went, said{}, Dead, 2, "n is dead: it does not answer", false},
		}},
		{"it leaves", []step{
			{came, exec, Alive, 0, "n (executor at h:1) has joined", false},
			{changed, leavingNow, Leaving, 1, "n is leaving: it finishes what it has", false},
			{changed, farewell, Leaving, 1, "", false},
			{went, said{}, Left, 3, "n has left", false},
			{came, exec, Alive, 4, "n (executor at h:1) has joined", false},
		}},
		{"it leaves at once", []step{
			{came, exec, Alive, 0, "n (executor at h:1) has joined", false},
			{changed, farewell, Leaving, 1, "", false},
			{went, said{}, Left, 2, "n has left", false},
		}},
		{"it dies while it leaves", []step{
			{came, leavingNow, Leaving, 0, "n (executor at h:1) has joined", false},
			{went, said{}, Dead, 1, "n is dead: it does not answer", false},
		}},
		{"it changes its mind", []step{
			{came, leavingNow, Leaving, 0, "n (executor at h:1) has joined", false},
			{changed, exec, Alive, 1, "", false},
		}},
		{"it was only slow", []step{
			{came, exec, Alive, 0, "n (executor at h:1) has joined", false},
			{went, said{}, Dead, 1, "n is dead: it does not answer", false},
			{came, exec, Alive, 2, "n (executor at h:1) is back", false},
		}},
		{"it goes twice", []step{
			{came, exec, Alive, 0, "n (executor at h:1) has joined", false},
			{went, said{}, Dead, 1, "n is dead: it does not answer", false},
			{went, said{}, Dead, 1, "", true},
		}},
		{"a standby takes over", []step{
			{came, said{Role: Standby}, Alive, 0, "n (standby) has joined", false},
			{changed, said{Role: Driver}, Alive, 0, "n was standby and is driver now", false},
		}},
		{"an observer is not missed", []step{
			{came, said{Role: Observer}, Alive, 0, "n (observer) has joined", false},
			{went, said{}, "", 0, "n is dead: it does not answer", false},
		}},
		{"nobody has heard of it", []step{{went, said{}, "", 0, "", true}}},
		{"it talks nonsense", []step{
			{came, said{Role: "king"}, "", 0, "", true},
			{came, exec, Alive, 1, "n (executor at h:1) has joined", false},
			{changed, said{Role: "king"}, Alive, 1, "", true},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab := newTable()
			for i, s := range c.steps {
				changed, log := tab.see(instant(float64(i)), s.what, "n", "10.0.0.1:7946", s.says.encode(metaLimit))
				got := tab.nodes["n"]
				if got.Condition != s.want || changed == s.quiet || log != s.log {
					t.Fatalf("step %d: %q, changed %v, log %q", i, got.Condition, changed, log)
				}
				if s.want != "" && !got.Since.Equal(instant(s.since)) {
					t.Fatalf("step %d: %s since %s", i, got.Condition, got.Since)
				}
				if s.says.Role != "" && !s.quiet && (got.Slots != s.says.Slots || got.Gossip != "10.0.0.1:7946") {
					t.Fatalf("step %d: %+v", i, got)
				}
			}
		})
	}
}

// Those that have gone are shown for five minutes and looked for, if dead, for an hour.
func TestTableForgets(t *testing.T) {
	tab := newTable()
	s := said{Role: Executor}
	for _, n := range []string{"dead", "left", "there"} {
		tab.see(instant(0), came, n, n+":1", s.encode(metaLimit))
	}
	s.Stance = goodbye
	tab.see(instant(1), changed, "left", "left:1", s.encode(metaLimit))
	tab.see(instant(2), went, "left", "", nil)
	tab.see(instant(2), went, "dead", "", nil)
	names := func(at float64) string {
		var out []string
		for _, m := range tab.members(instant(at)) {
			out = append(out, m.Name)
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		before, now float64
		changed     bool
		shown, dead string
	}{
		{2, 3, false, "dead left there", "dead:1"},
		{3, 301.9, false, "dead left there", "dead:1"},
		{301.9, 302, true, "there", "dead:1"},
		{302, 303, false, "there", "dead:1"},
		{303, 3601, false, "there", "dead:1"},
		{3601, 3602, false, "there", ""},
	} {
		if got := tab.forget(instant(c.before), instant(c.now)); got != c.changed {
			t.Errorf("at %v: changed is %v", c.now, got)
		}
		if got := names(c.now); got != c.shown {
			t.Errorf("at %v: shown are %s", c.now, got)
		}
		if got := strings.Join(tab.dead(), " "); got != c.dead {
			t.Errorf("at %v: %q are looked for", c.now, got)
		}
	}
	if got := tab.present("nobody"); len(tab.nodes) != 1 || !got["there:1"] {
		t.Errorf("left is %v, present %v", tab.nodes, got)
	}
}

// Of those that have gone a thousand are kept: the last ones.
func TestTableIsBounded(t *testing.T) {
	tab := newTable()
	s := said{Role: Executor}
	for i := range goneLimit + 50 {
		name := fmt.Sprintf("n%05d", i)
		tab.see(instant(0), came, name, name+":1", s.encode(metaLimit))
		tab.see(instant(1+float64(i)/1000), went, name, "", nil)
	}
	if !tab.forget(instant(3), instant(4)) || len(tab.nodes) != goneLimit {
		t.Errorf("%d are kept", len(tab.nodes))
	}
	if _, old := tab.nodes["n00049"]; old {
		t.Error("an old one is kept")
	}
	if _, young := tab.nodes["n00050"]; !young {
		t.Error("a young one is not kept")
	}
}

// The table against one that is too simple to be wrong: the last event of each node
// decides.
func TestTableAgainstTheLastEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab, last := newTable(), map[string]Condition{}
		bye := map[string]bool{}
		for i := range rapid.IntRange(1, 60).Draw(t, "events") {
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
			s := said{Role: Executor, Stance: stance(rapid.IntRange(0, 2).Draw(t, "stance"))}
			what := event(rapid.IntRange(0, 2).Draw(t, "event"))
			tab.see(instant(float64(i)), what, name, name+":1", s.encode(metaLimit))
			switch {
			case what != went && s.Stance == staying:
				last[name], bye[name] = Alive, false
			case what != went:
				last[name], bye[name] = Leaving, s.Stance == goodbye
			case last[name] == Alive || last[name] == Leaving:
				last[name] = Dead
				if bye[name] {
					last[name] = Left
				}
			}
		}
		got := map[string]Condition{}
		for _, m := range tab.members(instant(61)) {
			got[m.Name] = m.Condition
		}
		for name, want := range last {
			if got[name] != want {
				t.Fatalf("%s is %q, want %q", name, got[name], want)
			}
		}
		if !slices.IsSortedFunc(tab.members(instant(61)), func(a, b Member) int { return strings.Compare(a.Name, b.Name) }) {
			t.Fatal("members are not sorted")
		}
	})
}
