package cluster_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/engine/cluster/town"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/twin"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner/work"
)

// listener keeps what fleets tell.
type listener struct {
	mu    sync.Mutex
	notes []string
	marks map[string]error // those that cannot take part now
	was   map[string]error // that ever could not
}

func listen(c *town.Town) *listener {
	l := &listener{marks: map[string]error{}, was: map[string]error{}}
	c.Tell(l.note, func(member string, why error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if delete(l.marks, member); why != nil {
			l.marks[member], l.was[member] = why, why
		}
	})
	return l
}

func (l *listener) note(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notes = append(l.notes, text)
}

// count is how many notes have a text in them.
func (l *listener) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(strings.Join(l.notes, "\n"), text)
}

// marked returns who cannot take part.
func (l *listener) marked(name string) (now, ever error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.marks[name], l.was[name]
}

// until waits for something.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain: ", what)
		}
	}
}

// after connects, and waits for something before the run begins: how soon an executor is judged
// is the machine's matter.
func after(t *testing.T, connect connector, what string, is func() bool) connector {
	return func(ctx context.Context, o wire.Opening) (engine.Remote, error) {
		r, err := connect(ctx, o)
		if err == nil {
			until(t, what, is)
		}
		return r, err
	}
}

// connector is engine.Config.Connect.
type connector = func(context.Context, wire.Opening) (engine.Remote, error)

// lacking makes an executor one whose program lacks a function of the job.
func lacking(x *cluster.ExecutorConfig) {
	x.Functions = twin.Functions().Only("own_positive", "own_spread")
}

// owning is a town of executors that know the functions of the job owned.
func owning(t *testing.T, n int, lack ...string) (*town.Town, *listener) {
	t.Helper()
	c := town.New(0, cluster.ExecutorConfig{Kinds: kinds(), Functions: twin.Functions()})
	for _, name := range lack {
		c.Differ(name, lacking)
	}
	for _, name := range []string{"e1", "e2", "e3"}[:n] {
		c.Start(name)
	}
	t.Cleanup(func() {
		if open := c.Open(); len(open) > 0 {
			t.Errorf("open after the run: %v", open)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, listen(c)
}

// TestUnfit: an executor that a run cannot be opened on is set aside and told of, and the
// others come to what one process comes to.
func TestUnfit(t *testing.T) {
	t.Parallel()
	want, err := engine.Run(t.Context(), parsed(t, owned, map[string]string{"to": t.TempDir()}).Using(twin.Functions()), engine.Config{Executors: 2, Kinds: kinds()})
	if err != nil {
		t.Fatal(err)
	}
	for _, lack := range [][]string{{"e1"}, {"e3"}, {"e1", "e2"}} {
		c, l := owning(t, 3, lack...)
		got, err := engine.Run(t.Context(), parsed(t, owned, map[string]string{"to": t.TempDir()}).Using(twin.Functions()),
			engine.Config{Kinds: kinds(), Ledger: t.TempDir(), Connect: after(t, c.Connect, "all are judged", func() bool { return l.count("cannot take part") >= len(lack) })})
		if err != nil {
			t.Fatalf("%v lack a function: %v", lack, err)
		}
		if got.Checksum != want.Checksum || got.RowsOut != want.RowsOut || want.RowsOut == 0 {
			t.Errorf("%v lack a function: %d rows with checksum %s, in one process %d with %s", lack, got.RowsOut, got.Checksum, want.RowsOut, want.Checksum)
		}
		for _, name := range lack {
			now, ever := l.marked(name)
			if n := l.count(name + ` cannot take part: job.yaml:12:`); n != 1 || ever == nil || now != nil || !strings.Contains(ever.Error(), `no function is called "own_weighed"`) {
				t.Errorf("%s is told of %d times; marked %v, after the run %v\n%q", name, n, ever, now, l.notes)
			}
		}
		if n := l.count("cannot take part"); n != len(lack) {
			t.Errorf("%v lack a function: %q", lack, l.notes)
		}
	}
}

// TestAllUnfit: a run that no executor can be opened on fails with what they say.
func TestAllUnfit(t *testing.T) {
	c, l := owning(t, 3, "e1", "e2", "e3")
	_, err := engine.Run(t.Context(), parsed(t, owned, map[string]string{"to": t.TempDir()}).Using(twin.Functions()), engine.Config{Kinds: kinds(), Connect: c.Connect})
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), `no function is called "own_weighed"`) {
		t.Errorf("a %s: %v", fault.Of(err), err)
	}
	for _, name := range []string{"e1", "e2", "e3"} {
		if now, ever := l.marked(name); now != nil || ever == nil {
			t.Errorf("%s is marked %v, after the run %v", name, ever, now)
		}
	}
}

// owningFleet is the fleet of a run of a job with functions, which prints.
func owningFleet(t *testing.T, c *town.Town, run wire.RunID) *cluster.Fleet {
	t.Helper()
	job := parsed(t, strings.Replace(owned, `{parquet: "${to}"}`, "console", 1), nil).Using(twin.Functions())
	r, err := c.Connect(t.Context(), openingFor(t, job, run, ""))
	if err != nil {
		t.Fatal(err)
	}
	f, _ := r.(*cluster.Fleet)
	return f
}

// TestFitAgain: an executor that was set aside takes part when its program is the right one,
// and nothing is said of it any more. While only such ones are left the run waits and says why.
func TestFitAgain(t *testing.T) {
	t.Parallel()
	c, l := owning(t, 2, "e2")
	f := owningFleet(t, c, "owned/5")
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	until(t, "e2 is set aside", func() bool { now, _ := l.marked("e2"); return now != nil })
	if got := spelled(f.Nodes()); got != "e1#1:1 " {
		t.Fatal(got)
	}
	if err := c.Kill("e1"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Run(t.Context(), "e1#1", work.Task{}); fault.Of(err) != fault.Retry {
		t.Errorf("a task while one that takes part is only gone: %v", err)
	}
	until(t, "the run says why it waits", func() bool {
		return l.count("waiting for executors: 2 alive, none usable: e1: e1: connection refused; e2: job.yaml:12:") == 1
	})
	if err := c.Kill("e2"); err != nil {
		t.Fatal(err)
	}
	c.Differ("e2", nil)
	c.Start("e2")
	hears(t, f, "e2#1:1 ")
	if now, _ := l.marked("e2"); now != nil || l.count("e2 takes part now") != 1 {
		t.Errorf("%v %q", now, l.notes)
	}
	c.Start("e1")
	hears(t, f, "e1#2:1 e2#1:1 ")
}

// TestTakenUpByUnfit: a run that is taken up while only executors are there that it cannot be
// opened on waits for one that it can be, and says why.
func TestTakenUpByUnfit(t *testing.T) {
	c, l := owning(t, 1, "e1")
	job := parsed(t, strings.Replace(owned, `{parquet: "${to}"}`, "console", 1), nil).Using(twin.Functions())
	o := openingFor(t, job, "owned/5", "")
	o.Resume = true
	var f engine.Remote
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f, err = c.Connect(t.Context(), o)
	}()
	until(t, "the run says why it waits", func() bool {
		return l.count("waiting for executors: 1 alive, none usable: e1: job.yaml:12:") == 1
	})
	c.Start("e2")
	if <-ended; err != nil {
		t.Fatal(err)
	}
	if got := spelled(f.Nodes()); got != "e2#1:1 " {
		t.Error(got)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// TestUnfitLater: a node that the run cannot be opened on when it is taken up is set aside
// as long as there are others, and the last one's error is that of the run.
func TestUnfitLater(t *testing.T) {
	c, l := owning(t, 2)
	f := owningFleet(t, c, "owned/5")
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	hears(t, f, "e1#1:1 e2#1:1 ")
	for _, name := range []string{"e1", "e2"} {
		if err := c.Kill(name); err != nil {
			t.Fatal(err)
		}
		c.Differ(name, lacking)
		c.Start(name)
	}
	if err := f.Begin(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Run(t.Context(), "e1#1", work.Task{}); fault.Of(err) != fault.Retry {
		t.Errorf("on the first: %v", err)
	}
	if _, err := f.Run(t.Context(), "e2#1", work.Task{}); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "own_weighed") {
		t.Errorf("on the last: %v", err)
	}
	if l.count("cannot take part") != 2 {
		t.Errorf("%q", l.notes)
	}
}

// TestSuperseded: that a newer driver has a job is no fault of an executor, and ends the run
// of the one before.
func TestSuperseded(t *testing.T) {
	c, l := owning(t, 2)
	newer := owningFleet(t, c, "owned/6")
	f := owningFleet(t, c, "owned/5")
	for _, n := range f.Nodes() {
		if _, err := f.Run(t.Context(), n.Name, work.Task{}); fault.Of(err) != fault.Invalid || !errors.Is(err, wire.ErrSuperseded) {
			t.Errorf("%v", err)
		}
	}
	if len(f.Nodes()) == 0 || l.count("cannot take part") > 0 {
		t.Errorf("%v %q", f.Nodes(), l.notes)
	}
	if err := errors.Join(f.Close(), newer.Close()); err != nil {
		t.Error(err)
	}
}

// TestRefusing: an executor that does not let the driver in is told of, by what it says, and
// the run is carried out by others.
func TestRefusing(t *testing.T) {
	t.Parallel()
	l := &listener{}
	connect := servedTo(t, func(m *gossip.Member, x *wire.ServerConfig) {
		if m.Name == "e1" {
			x.Security.Token = "another"
		}
	}, func(cfg *cluster.FleetConfig) { cfg.Note = l.note })
	got, err := engine.Run(t.Context(), parsed(t, sums, map[string]string{"to": t.TempDir()}), engine.Config{Kinds: kinds(),
		Connect: after(t, connect, "e1 refuses", func() bool { return l.count("cannot take part") > 0 })})
	if err != nil || got.RowsOut == 0 {
		t.Error(err)
	}
	if l.count("e1 cannot take part: ") != 1 || l.count("the token is wrong or missing") != 1 {
		t.Errorf("%q", l.notes)
	}
}
