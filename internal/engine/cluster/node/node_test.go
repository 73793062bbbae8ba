package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/generate"
	connjson "github.com/idag/idag/connectors/json"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func kinds() connectors.Registry { return connectors.NewRegistry(generate.Kind(), connjson.Kind()) }

// running is a node in a goroutine.
type running struct {
	t    *testing.T
	self gossip.Member
	stop chan struct{}
	once sync.Once
	done chan error
	mu   sync.Mutex
	said []string
}

// ask asks the node to end in order and returns what came of it.
func (r *running) ask() error {
	r.once.Do(func() { close(r.stop) })
	err := <-r.done
	r.done <- err
	return err
}

func (r *running) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.said, "\n")
}

// begin starts a node on the loopback and waits until it is ready or has ended.
func begin(t *testing.T, name, join string, slots int, run func(context.Context, Config) error) *running {
	t.Helper()
	r := &running{t: t, stop: make(chan struct{}), done: make(chan error, 1)}
	cfg := Config{Listen: "127.0.0.1:0", Security: wire.Plain(), Kinds: kinds(), Stop: r.stop, Temp: t.TempDir()}
	cfg.Gossip = gossip.Config{Self: gossip.Member{Name: name, Slots: slots}, Bind: "127.0.0.1:0", Preset: gossip.Local()}
	if join != "" {
		cfg.Gossip.Join = []string{join}
	}
	cfg.Log = func(line string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.said = append(r.said, line)
	}
	ready := make(chan gossip.Member, 1)
	cfg.Ready = func(m gossip.Member) { ready <- m }
	go func() { r.done <- run(context.Background(), cfg) }()
	select {
	case r.self = <-ready:
	case err := <-r.done:
		r.done <- err
	case <-time.After(20 * time.Second):
		t.Fatal(name, "is not ready")
	}
	t.Cleanup(func() {
		_ = r.ask()
		if t.Failed() {
			t.Log(name + ":\n" + r.log())
		}
	})
	return r
}

func drive(home string, standby bool) func(context.Context, Config) error {
	return func(ctx context.Context, cfg Config) error {
		return Drive(ctx, DriverConfig{Config: cfg, Home: home, Standby: standby, Build: func(j submission.Job) (*rdd.Job, error) {
			return jobfile.Parse(j.File, j.Source, j.Vars, kinds())
		}})
	}
}

const metered = `job: counted
labels: [error, backup, information]
settings: {batch_rows: 500}
datasets:
  hourly:
    - read: {generate: {events: meter, rows: 4000, rate: %d, partitions: 2, meters: 50}}
    - tag: {column: kind, identity: [meter, ts], time: ts}
    - window: {time: ts, tumbling: 1 hour}
    - reduce: {from: [backup, information], by: [meter, window_start], get: {wh: sum(wh), n: count()}}
    - write: {json: %s}
`

func dialed(t *testing.T, addr string) wire.Driver {
	t.Helper()
	d, conn, err := Dial(addr, wire.Plain())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return d
}

// A driver and two executors run a job; one of them leaves in the middle of it, in
// order, and takes nothing along. The driver ends in order, and another one knows what
// was run.
func TestTogether(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "home")
	first := begin(t, "first", "", 0, drive(home, false))
	if r := first.self; r.Role != gossip.Driver || r.RPC == "" || r.Slots != 0 {
		t.Fatalf("%+v", r)
	}
	one := begin(t, "one", first.self.Gossip, 1, Execute)
	two := begin(t, "two", first.self.Gossip, 1, Execute)
	if r := two.self; r.Role != gossip.Executor || r.Slots != 1 {
		t.Fatalf("%+v", r)
	}
	d := dialed(t, first.self.RPC)
	if _, err := d.Submit(t.Context(), submission.Job{File: "c.yaml", Source: fmt.Appendf(nil, metered, 2000, t.TempDir())}); err != nil {
		t.Fatal(err)
	}
	var last submission.Info
	left := make(chan error, 1)
	var leaving sync.Once
	err := d.Watch(t.Context(), "counted", 0, func(i submission.Info, _ []string) error {
		if last = i; i.Batch >= 2 {
			leaving.Do(func() { go func() { left <- one.ask() }() })
		}
		return nil
	})
	if err != nil || last.State != submission.Finished {
		t.Fatalf("%v %+v", err, last)
	}
	if err := <-left; err != nil || !strings.Contains(one.log(), "leaving: no more tasks") || strings.Contains(one.log(), "will be run elsewhere") {
		t.Error(err, one.log())
	}
	job, err := jobfile.Parse("c.yaml", fmt.Appendf(nil, metered, 0, t.TempDir()), nil, kinds())
	if err != nil {
		t.Fatal(err)
	}
	want, err := engine.Run(t.Context(), job, engine.Config{Kinds: kinds()})
	var got engine.Summary
	if err := errors.Join(err, json.Unmarshal(last.Summary, &got)); err != nil || got.Checksum != want.Checksum || got.RowsIn != 4000 {
		t.Errorf("%v: %+v, want %+v", err, got, want)
	}
	if _, err := dialed(t, two.self.RPC).Jobs(t.Context()); fault.Of(err) != fault.Retry || !strings.Contains(err.Error(), "the driver first is at "+first.self.RPC) {
		t.Error("an executor asked for jobs:", err)
	}
	refused := begin(t, "second", first.self.Gossip, 0, drive(home, false))
	if err := refused.ask(); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "the driver first at") {
		t.Error("a second driver:", err)
	}
	second := begin(t, "second", first.self.Gossip, 0, drive(home, true))
	if second.self.Role != gossip.Standby {
		t.Errorf("%+v", second.self)
	}
	if err := first.ask(); err != nil {
		t.Error(err)
	}
	next := dialed(t, second.self.RPC)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		jobs, err := next.Jobs(t.Context())
		if err == nil && len(jobs) == 1 && jobs[0].State == submission.Finished {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the standby does not know the job: ", jobs, err)
		}
	}
	if err := errors.Join(second.ask(), two.ask()); err != nil {
		t.Error(err)
	}
}

// with gives a node another token.
func with(token string, run func(context.Context, Config) error) func(context.Context, Config) error {
	return func(ctx context.Context, cfg Config) error {
		cfg.Security.Token = token
		return run(ctx, cfg)
	}
}

// An executor with another token is alive and of no use: whoever looks is told why, the
// driver's log once, and a job that has no other waits and says so.
func TestWrongToken(t *testing.T) {
	t.Parallel()
	const why = "the token is wrong or missing"
	first := begin(t, "first", "", 0, with("a", drive(filepath.Join(t.TempDir(), "home"), false)))
	begin(t, "one", first.self.Gossip, 1, with("b", Execute))
	s := wire.Plain()
	s.Token = "a"
	d, conn, err := Dial(first.self.RPC, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := d.Submit(t.Context(), submission.Job{File: "c.yaml", Source: fmt.Appendf(nil, metered, 0, t.TempDir())}); err != nil {
		t.Fatal(err)
	}
	var last submission.Info
	var other sync.Once
	var said []string
	err = d.Watch(t.Context(), "counted", 0, func(i submission.Info, lines []string) error {
		said = append(said, lines...)
		if last = i; i.State == submission.Waiting && strings.Contains(i.Waits, "1 alive, none usable: one: ") && strings.Contains(i.Waits, why) {
			other.Do(func() { begin(t, "two", first.self.Gossip, 1, with("a", Execute)) })
		}
		return nil
	})
	if err != nil || last.State != submission.Finished {
		t.Fatalf("%v %+v %q", err, last, said)
	}
	text, err := d.Nodes(t.Context())
	var nodes []submission.Node
	if err := errors.Join(err, json.Unmarshal(text, &nodes)); err != nil || len(nodes) != 3 {
		t.Fatal(string(text), err)
	}
	for _, n := range nodes {
		if (n.Name == "one") != strings.Contains(n.Unusable, why) || n.Name != "one" && n.Unusable != "" {
			t.Errorf("%s: %q", n.Name, n.Unusable)
		}
	}
	if n := strings.Count(first.log(), "the executor one at "); n != 1 || strings.Count(first.log(), "cannot be used: ") != 1 {
		t.Errorf("it is said %d times", n)
	}
}

// What cannot be a node says so, and leaves nothing open.
func TestNoNode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "home")
	for name, run := range map[string]func(context.Context, Config) error{
		"listens where it cannot": func(ctx context.Context, c Config) error {
			c.Listen = "256.0.0.1:1"
			return Execute(ctx, c)
		},
		"gossips where it cannot": func(ctx context.Context, c Config) error {
			c.Gossip.Bind = "nowhere"
			return Execute(ctx, c)
		},
		"is plain for everybody": func(ctx context.Context, c Config) error {
			c.Listen = "0.0.0.0:0"
			return Execute(ctx, c)
		},
		"has no home": drive("/dev/null/home", false),
		"drives with a broken gossip": func(ctx context.Context, c Config) error {
			c.Gossip.Bind = "nowhere"
			return drive(file, false)(ctx, c)
		},
	} {
		r := begin(t, "n", "", 1, run)
		if err := r.ask(); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The home is free after all that.
	if err := begin(t, "n", "", 0, drive(file, false)).ask(); err != nil {
		t.Error(err)
	}
}

// Where the others reach a node: where it says, where it listens, or where its gossip is.
func TestReached(t *testing.T) {
	for _, c := range []struct{ advertise, want string }{
		{"", "127.0.0.1:"}, {"me", "me:"}, {"me:5", "me:5"}, {"::1", "[::1]:"},
	} {
		r := begin(t, "n", "", 1, func(ctx context.Context, cfg Config) error {
			cfg.Advertise = c.advertise
			return Execute(ctx, cfg)
		})
		if !strings.HasPrefix(r.self.RPC, c.want) {
			t.Errorf("%q: %s", c.advertise, r.self.RPC)
		}
		_ = r.ask()
	}
}

// An executor waits for further tasks before it leaves only where a driver could send
// some. The best of three counts: the machine may be slow.
func TestLeavesAtOnce(t *testing.T) {
	best := time.Hour
	for range 3 {
		r := begin(t, "n", "", 1, Execute)
		began := time.Now()
		if err := r.ask(); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(began))
	}
	if best >= quiet {
		t.Errorf("it left after %v", best)
	}
}
