package cluster_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/engine/cluster/town"
	"github.com/idag/idag/internal/engine/part"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

const printed = `
job: printed
labels: [error, backup, information]
datasets:
  events:
    - read: {generate: {events: meter, rows: 100}}
    - tag: {column: kind, identity: [meter, ts], time: ts}
    - write: console
`

// openingOf is what a driver sends of a job.
func openingOf(t testing.TB, src string, run wire.RunID, node string) wire.Opening {
	t.Helper()
	return openingFor(t, parsed(t, src, nil), run, node)
}

func openingFor(t testing.TB, job *rdd.Job, run wire.RunID, node string) wire.Opening {
	t.Helper()
	plan, err := engine.Compile(t.Context(), job, engine.Config{Kinds: kinds()})
	if err != nil {
		t.Fatal(err)
	}
	o := wire.Opening{Run: run, Node: node, Mode: planner.IDAG, Digest: plan.Digest, Epoch: 1, Desk: string(run)}
	if err := part.Pack(plan.Job, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// started starts an executor that leaves nothing behind.
func started(t testing.TB, cfg cluster.ExecutorConfig) *cluster.Executor {
	t.Helper()
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	cfg.Name, cfg.Kinds, cfg.Mem = "e1", kinds(), mem
	x := cluster.NewExecutor(cfg)
	t.Cleanup(func() {
		if err := errors.Join(x.Shutdown(), x.Shutdown()); err != nil {
			t.Error(err)
		}
		mem.AssertSize(t, 0)
	})
	return x
}

func kindOf(t testing.TB, what string, err error, want fault.Kind) {
	t.Helper()
	if err == nil || fault.Of(err) != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

// TestEpochs: a later driver of a job ends the runs of those before, who are told; runs
// of other jobs go on, and so does a run that is opened again for new peers.
func TestEpochs(t *testing.T) {
	x := started(t, cluster.ExecutorConfig{})
	for _, id := range []wire.RunID{"printed/5", "other/9", "printed/6"} {
		if err := x.Open(t.Context(), openingOf(t, printed, id, "e1#1")); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(x.Plans()); got != 2 {
		t.Errorf("%d runs are open", got)
	}
	err := x.Open(t.Context(), openingOf(t, printed, "printed/5", "e1#1"))
	kindOf(t, "an earlier driver", err, fault.Invalid)
	if !strings.Contains(err.Error(), "6") || !strings.Contains(err.Error(), "newer driver") {
		t.Error(err)
	}
	_, err = x.Run(t.Context(), "printed/5", work.Task{})
	kindOf(t, "a task of an earlier driver", err, fault.Lost)
	kindOf(t, "its blocks", x.Release(t.Context(), "printed/5", 1), fault.Lost)
	_, err = x.State(t.Context(), "printed/5", wire.StateOrder{All: true})
	kindOf(t, "its state", err, fault.Lost)
	_, err = x.Block(t.Context(), "printed/6", rdd.Block{Node: "e1#1"})
	kindOf(t, "a block that is not there", err, fault.Lost)
	_, err = x.Block(t.Context(), "printed/6", rdd.Block{Node: "e1#7"})
	kindOf(t, "a block of another incarnation", err, fault.Lost)
	if err := x.Close(t.Context(), "printed/7"); err != nil || len(x.Plans()) != 1 {
		t.Errorf("%v are open after the job is closed, %v", x.Plans(), err)
	}
}

// TestQuestion: without a job it is asked whether a run is open under a name. Under
// another name it is begun anew.
func TestQuestion(t *testing.T) {
	x := started(t, cluster.ExecutorConfig{})
	asked := wire.Opening{Run: "printed/5", Node: "e1#1"}
	kindOf(t, "before it is open", x.Open(t.Context(), asked), fault.Lost)
	for _, node := range []string{"e1#1", "e1#2"} {
		if err := x.Open(t.Context(), openingOf(t, printed, "printed/5", node)); err != nil {
			t.Fatal(err)
		}
	}
	kindOf(t, "under the name before", x.Open(t.Context(), asked), fault.Lost)
	asked.Node = "e1#2"
	if err := x.Open(t.Context(), asked); err != nil {
		t.Error(err)
	}
}

// TestForgets: a run of whose driver nothing is heard any more ends.
func TestForgets(t *testing.T) {
	x := started(t, cluster.ExecutorConfig{Forget: 40 * time.Millisecond})
	if err := x.Open(t.Context(), openingOf(t, printed, "printed/5", "e1#1")); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(time.Minute); len(x.Plans()) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the run is still open")
		}
	}
	kindOf(t, "a run that was forgotten", x.Open(t.Context(), wire.Opening{Run: "printed/5", Node: "e1#1"}), fault.Lost)
}

// TestBadOpenings: whatever a driver sends, the executor says what is wrong with it, has
// nothing open and takes the next.
func TestBadOpenings(t *testing.T) {
	x := started(t, cluster.ExecutorConfig{})
	for what, spoil := range map[string]func(*wire.Opening){
		"no epoch":    func(o *wire.Opening) { o.Run = "printed" },
		"a bad epoch": func(o *wire.Opening) { o.Run = "printed/x" },
		"garbage":     func(o *wire.Opening) { o.Job = []byte("\x00{[") },
		"no schema":   func(o *wire.Opening) { o.Schemas = nil },
		"two schemas": func(o *wire.Opening) { o.Schemas = append(o.Schemas, o.Schemas[0]) },
		"a broken schema": func(o *wire.Opening) {
			o.Schemas = [][]byte{[]byte("\xff\xff\xff\xff\x10\x00\x00\x00nonsense...........")}
		},
		"half a schema":    func(o *wire.Opening) { o.Schemas = [][]byte{o.Schemas[0][:len(o.Schemas[0])/2]} },
		"an unknown plan":  func(o *wire.Opening) { o.Mode = "magic" },
		"another digest":   func(o *wire.Opening) { o.Digest = "0" },
		"published sinks":  func(o *wire.Opening) { o.Published = []bool{true, true} },
		"no letters there": func(o *wire.Opening) { o.DeadLetters = t.TempDir() },
	} {
		o := openingOf(t, printed, "printed/5", "e1#1")
		spoil(&o)
		kindOf(t, what, x.Open(t.Context(), o), fault.Invalid)
		_, err := x.Run(t.Context(), "printed/5", work.Task{})
		kindOf(t, what+", and a task", err, fault.Lost)
	}
	good := openingOf(t, printed, "printed/6", "e1#1")
	good.Places = []byte("nonsense")
	if err := x.Open(t.Context(), good); err != nil {
		t.Error(err)
	}
	_, err := x.Run(t.Context(), "printed/6", work.Task{Plan: good.Digest, Stage: 77})
	kindOf(t, "a stage that there is not", err, fault.Bug)
	_, err = x.Run(t.Context(), "printed/6", work.Task{Plan: "other"})
	kindOf(t, "a task of another plan", err, fault.Invalid)
}

// TestAuthorsLine proves that what an executor finds wrong with a job is told at the
// author's line: a sink that cannot be used on a cluster, and a path that means another
// place there.
func TestAuthorsLine(t *testing.T) {
	own, others := memory.NewStore(nil), memory.NewStore(nil)
	src := strings.Replace(printed, "write: console", "write: {memory: rows}", 1)
	at := func(store *memory.Store) connectors.Registry { return kinds().With(store.Kind()) }
	c := town.New(2, cluster.ExecutorConfig{Kinds: at(others)})
	defer func() { _ = c.Close() }()
	_, err := engine.Run(t.Context(), parsedWith(t, src, at(own)), engine.Config{Kinds: at(own), Connect: c.Connect})
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "job.yaml:8:23") || !strings.Contains(err.Error(), "cluster") {
		t.Errorf("%v", err)
	}
	t.Chdir(t.TempDir())
	src = strings.Replace(printed, "write: console", "write: {parquet: out}", 1)
	_, err = engine.Run(t.Context(), parsed(t, src, nil), engine.Config{Kinds: kinds(),
		Connect: func(ctx context.Context, o wire.Opening) (engine.Remote, error) {
			o.Dir = "/elsewhere"
			return c.Connect(ctx, o)
		}})
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "job.yaml:8:24") || !strings.Contains(err.Error(), "/elsewhere") {
		t.Errorf("%v", err)
	}
}
