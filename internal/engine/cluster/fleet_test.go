package cluster_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/engine/cluster/town"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/planner/work"
)

// gathered starts a cluster and the fleet of a run on it.
func gathered(t *testing.T, n int) (*town.Town, *cluster.Fleet) {
	t.Helper()
	c := town.New(n, cluster.ExecutorConfig{Kinds: kinds()})
	r, err := c.Connect(t.Context(), openingOf(t, printed, "printed/5", ""))
	if err != nil {
		t.Fatal(err)
	}
	f, _ := r.(*cluster.Fleet)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if open := c.Open(); len(open) > 0 {
			t.Errorf("the run is still open on %v", open)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, f
}

// hears waits until the fleet tells of these nodes.
func hears(t *testing.T, f *cluster.Fleet, want string) {
	t.Helper()
	last := ""
	for after := time.After(time.Minute); ; { // else it would be never
		select {
		case nodes := <-f.Changes():
			if last = spelled(nodes); last == want {
				return
			}
		case <-after:
			t.Fatalf("the nodes are %s, want %s", last, want)
		}
	}
}

func spelled(nodes []driver.Node) string {
	out := ""
	for _, n := range nodes {
		out += fmt.Sprintf("%s:%d ", n.Name, n.Slots)
		if n.Draining {
			out += "draining "
		}
	}
	return out
}

// TestFleet: members that come, leave, die and are started anew are told of, each time
// under a name of its own.
func TestFleet(t *testing.T) {
	c, f := gathered(t, 2)
	hears(t, f, "e1#1:1 e2#1:1 ")
	c.Start("e10")
	hears(t, f, "e1#1:1 e2#1:1 e10#1:1 ")
	c.Leave("e10")
	hears(t, f, "e1#1:1 e2#1:1 e10#1:1 draining ")
	if _, err := f.Run(t.Context(), "e1#1", work.Task{}); fault.Of(err) != fault.Invalid { // of no plan
		t.Fatal(err)
	}
	if err := c.Kill("e1"); err != nil {
		t.Fatal(err)
	}
	c.Start("e1") // the members do not notice
	if _, err := f.Run(t.Context(), "e1#1", work.Task{}); fault.Of(err) != fault.Retry {
		t.Errorf("a task for an executor that was started anew: %v", err)
	}
	hears(t, f, "e1#2:1 e2#1:1 e10#1:1 draining ")
	if _, err := f.Run(t.Context(), "e1#1", work.Task{}); fault.Of(err) != fault.Retry {
		t.Errorf("a task for a node that has left: %v", err)
	}
	c.Cut("e2", true)
	if _, err := f.Run(t.Context(), "e2#1", work.Task{}); fault.Of(err) != fault.Retry {
		t.Errorf("a task for an executor that is cut off: %v", err)
	}
	hears(t, f, "e1#2:1 e10#1:1 draining ")
	c.Cut("e2", false)
	hears(t, f, "e1#2:1 e2#2:1 e10#1:1 draining ")
}

// TestFleetTogether: of tasks that are sent together each has its own fault; if the
// executor has left, or was started anew, all of them are to be run elsewhere.
func TestFleetTogether(t *testing.T) {
	c, f := gathered(t, 1)
	hears(t, f, "e1#1:1 ")
	kinds := func() (out []fault.Kind) {
		f.RunTogether(t.Context(), "e1#1", make([]work.Task, 2), func(_ int, _ work.Receipt, err error) {
			if err == nil {
				t.Error("a task of no plan was run")
			}
			out = append(out, fault.Of(err))
		})
		return out
	}
	if got := kinds(); !slices.Equal(got, []fault.Kind{fault.Invalid, fault.Invalid}) {
		t.Errorf("tasks of no plan: %v", got)
	}
	if err := c.Kill("e1"); err != nil {
		t.Fatal(err)
	}
	c.Start("e1") // the members do not notice
	for range 2 {
		if got := kinds(); !slices.Equal(got, []fault.Kind{fault.Retry, fault.Retry}) {
			t.Errorf("tasks for an executor that was started anew: %v", got)
		}
	}
	hears(t, f, "e1#2:1 ")
}

// TestShortCut: an executor that fails a call and then answers stays in the fleet.
func TestShortCut(t *testing.T) {
	c, f := gathered(t, 1)
	hears(t, f, "e1#1:1 ")
	if _, err := f.Run(t.Context(), "e1#1", work.Task{}); fault.Of(err) != fault.Invalid {
		t.Fatal(err)
	}
	c.Cut("e1", true)
	time.AfterFunc(100*time.Millisecond, func() { c.Cut("e1", false) })
	if _, err := f.Run(t.Context(), "e1#1", work.Task{}); fault.Of(err) != fault.Retry {
		t.Errorf("%v", err)
	}
	if got := spelled(f.Nodes()); got != "e1#1:1 " {
		t.Errorf("the nodes are %s", got)
	}
}

// TestNobody: a fleet waits for its first executor, and says so when none comes.
func TestNobody(t *testing.T) {
	cfg := cluster.FleetConfig{Opening: openingOf(t, printed, "printed/5", ""), Wait: 50 * time.Millisecond,
		Members: func() []gossip.Member {
			return []gossip.Member{{Name: "d", Role: gossip.Driver, RPC: "d", Condition: gossip.Alive}}
		},
		Dial: func(context.Context, string) (cluster.Peer, error) { return nil, fault.New(fault.Retry, "nobody") }}
	_, err := cluster.NewFleet(t.Context(), cfg)
	kindOf(t, "no executor", err, fault.Retry)
	cfg.Wait = 0
	ctx, stop := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { stop(fault.New(fault.Invalid, "enough")) })
	_, err = cluster.NewFleet(ctx, cfg)
	kindOf(t, "nobody waits", err, fault.Invalid)
	cfg.Opening.Run = "no epoch"
	_, err = cluster.NewFleet(t.Context(), cfg)
	kindOf(t, "no run", err, fault.Invalid)
}
