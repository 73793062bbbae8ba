package service

import (
	"fmt"
	"strings"
	"testing"

	"github.com/idag/idag/internal/gossip"
	"pgregory.net/rapid"
)

func member(name string, slots int) gossip.Member {
	return gossip.Member{Name: name, Role: gossip.Executor, Slots: slots, Condition: gossip.Alive}
}

func shown(shares [][]gossip.Member) string {
	var jobs []string
	for _, s := range shares {
		var nodes []string
		for _, m := range s {
			nodes = append(nodes, fmt.Sprintf("%s:%d", m.Name, m.Slots))
		}
		jobs = append(jobs, "["+strings.Join(nodes, " ")+"]")
	}
	return strings.Join(jobs, " ")
}

// Each job has a share of each executor.
func TestDivide(t *testing.T) {
	three := []gossip.Member{member("b", 4), member("a", 4), member("c", 4)}
	leaving := member("x", 4)
	leaving.Condition = gossip.Leaving
	dead := member("y", 4)
	dead.Condition = gossip.Dead
	for _, c := range []struct {
		members []gossip.Member
		jobs    int
		want    string
	}{
		{three, 0, ""},
		{three, 1, "[a:4 b:4 c:4]"},
		{three, 2, "[a:2 b:2 c:2] [a:2 b:2 c:2]"},
		{three, 3, "[a:2 b:1 c:1] [a:1 b:2 c:1] [a:1 b:1 c:2]"},
		{three, 5, "[a:1 b:1 c:1] [a:1 b:1 c:1] [a:1 b:1 c:1] [a:1 b:1 c:1] [a:1 b:1 c:1]"},
		{[]gossip.Member{member("a", 1), member("b", 1)}, 3, "[a:1 b:1] [a:1 b:1] []"},
		{[]gossip.Member{member("a", 2), leaving, dead, member("z", 0), {Name: "d", Role: gossip.Driver, Slots: 3, Condition: gossip.Alive}}, 1, "[a:2 x:4]"},
		{[]gossip.Member{leaving}, 1, "[]"},
		{nil, 2, "[] []"},
	} {
		if got := shown(divide(c.members, c.jobs)); got != c.want {
			t.Errorf("%d jobs: %s, want %s", c.jobs, got, c.want)
		}
	}
}

// Whatever the cluster: every job that runs sees every executor, no slot of an executor
// with enough of them is given twice or left over, and no two jobs differ by more than
// one slot on any executor.
func TestDivideFairly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var members []gossip.Member
		for i, slots := range rapid.SliceOfN(rapid.IntRange(1, 9), 1, 6).Draw(t, "slots") {
			members = append(members, member(fmt.Sprint(i), slots))
		}
		total := 0
		for _, m := range members {
			total += m.Slots
		}
		jobs := rapid.IntRange(1, 12).Draw(t, "jobs")
		shares := divide(members, jobs)
		running := min(jobs, total)
		for i, m := range members {
			sum, least, most := 0, 99, 0
			for _, s := range shares[:running] {
				sum, least, most = sum+s[i].Slots, min(least, s[i].Slots), max(most, s[i].Slots)
			}
			if most-least > 1 || least < 1 || sum != max(m.Slots, running) {
				t.Fatalf("%d jobs on %d slots of %s: %s", jobs, m.Slots, m.Name, shown(shares))
			}
		}
		for _, s := range shares[running:] {
			if len(s) != 0 {
				t.Fatalf("%d of %d jobs run: %s", running, jobs, shown(shares))
			}
		}
	})
}

// A seat is told of changes that concern it, once, and of no others.
func TestSeat(t *testing.T) {
	members := []gossip.Member{member("a", 4)}
	b := newBroker(func() []gossip.Member { return members })
	told := func(s *Seat) bool {
		select {
		case <-s.Changes():
			return true
		default:
			return false
		}
	}
	first := b.join("first", nil, nil)
	if !told(first) || told(first) {
		t.Error("of the beginning")
	}
	members[0].Plans = []string{"p"}
	if b.divide(); told(first) {
		t.Error("of what does not concern it")
	}
	second := b.join("second", nil, nil)
	if !told(first) || first.Members()[0].Slots != 2 || second.Members()[0].Slots != 2 {
		t.Error("a second job takes its half")
	}
	b.part(second)
	if !told(first) || first.Members()[0].Slots != 4 {
		t.Error("the half comes back")
	}
}
