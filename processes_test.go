package idag

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner"
)

// playExecutor is what this program does as an executor: it serves on a port of
// loopback, which it prints, until its input ends. It fails if memory is left then.
func playExecutor(name string) int {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, name+":", err)
		return 1
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fail(err)
	}
	x := cluster.NewExecutor(cluster.ExecutorConfig{Name: name, Kinds: Kinds(), Functions: Functions(), Dial: dialPlainly(mem), Mem: mem})
	s, err := wire.Serve(context.Background(), wire.ServerConfig{Listener: l, Executor: x, Blocks: x, Security: wire.Plain(), Mem: mem})
	if err != nil {
		return fail(err)
	}
	fmt.Println(l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := s.Close(); err != nil {
		return fail(err)
	}
	if err := x.Shutdown(); err != nil {
		return fail(err)
	}
	if n := mem.CurrentAlloc(); n != 0 {
		return fail(fmt.Errorf("%d bytes of Arrow memory were not released", n))
	}
	return 0
}

func dialPlainly(mem memory.Allocator) cluster.Dial {
	return func(_ context.Context, addr string) (cluster.Peer, error) { return wire.Dial(addr, wire.Plain(), mem) }
}

// processes is executors that are processes of their own.
type processes struct {
	mu      sync.Mutex
	members []gossip.Member
	running []*executorProcess
}

type executorProcess struct {
	cmd    *exec.Cmd
	in     io.Closer
	killed bool
}

// newProcesses starts executors, which end with the test.
func newProcesses(t *testing.T, n int) *processes {
	t.Helper()
	p := &processes{}
	t.Cleanup(func() { p.close(t) })
	for i := range n {
		p.start(t, fmt.Sprintf("e%d", i+1))
	}
	return p
}

func (p *processes) start(t *testing.T, name string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	x := &executorProcess{cmd: exec.Command(self)}
	x.cmd.Env = append(os.Environ(), "IDAG_TEST_EXECUTOR="+name)
	x.cmd.Stderr = os.Stderr
	out, err := x.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if x.in, err = x.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = append(p.running, x)
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	p.members = append(p.members, gossip.Member{Name: name, Role: gossip.Executor, RPC: strings.TrimSpace(addr), Slots: 1, Condition: gossip.Alive})
}

// kill ends an executor as kill -9 does. The members do not hear of it.
func (p *processes) kill(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running[i].killed = true
	_ = p.running[i].cmd.Process.Kill()
}

// close ends the executors; those that were not killed must end well.
func (p *processes) close(t *testing.T) {
	for i, x := range p.running {
		_ = x.in.Close()
		if err := x.cmd.Wait(); err != nil && !x.killed {
			t.Errorf("executor %d: %v", i+1, err)
		}
	}
}

func (p *processes) list() []gossip.Member {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.members)
}

func (p *processes) connect(ctx context.Context, o wire.Opening) (engine.Remote, error) {
	return cluster.NewFleet(ctx, cluster.FleetConfig{Opening: o, Members: p.list, Dial: dialPlainly(memory.NewGoAllocator()), Wait: 10 * time.Second})
}

// TestThreeProcesses proves that the jobs that ship come to the same on three
// processes as in one.
func TestThreeProcesses(t *testing.T) {
	p := newProcesses(t, 3)
	for _, j := range Jobs() {
		t.Run(j.Name, func(t *testing.T) {
			vars := map[string]string{}
			if j.Name == "meter" {
				vars["path"] = filepath.Join(t.TempDir(), "events")
				call(t, "generate", "--rows", "30000", "--out", vars["path"])
			} else {
				vars["data"] = recording(t, "")
			}
			for _, mode := range []planner.Mode{planner.IDAG, planner.Masked} {
				want := ran(t, j, vars, Config{Mode: mode, Executors: 3})
				got := ran(t, j, vars, Config{Mode: mode, Connect: p.connect})
				sameRun(t, got, want)
			}
		})
	}
}

// ran runs a shipped job into a directory of its own.
func ran(t *testing.T, j Job, vars map[string]string, cfg Config) Summary {
	t.Helper()
	set := map[string]string{"out": t.TempDir()}
	for k, v := range vars {
		set[k] = v
	}
	job, err := j.Build(set)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Kinds, cfg.Ledger, cfg.DeadLetters = Kinds(), t.TempDir(), t.TempDir()
	s, err := Local(t.Context(), job, cfg)
	if err != nil {
		t.Fatalf("%s: %v", j.Name, err)
	}
	return s
}

// sameRun compares what two runs of a job came to.
func sameRun(t *testing.T, got, want Summary) {
	t.Helper()
	if got.Checksum != want.Checksum || got.RowsIn != want.RowsIn || got.RowsOut != want.RowsOut || got.DeadLetters != want.DeadLetters || got.RowsIn == 0 {
		t.Errorf("%d rows in, %d out with checksum %s, %d dead; in one process %d, %d with %s, %d",
			got.RowsIn, got.RowsOut, got.Checksum, got.DeadLetters, want.RowsIn, want.RowsOut, want.Checksum, want.DeadLetters)
	}
}

// TestKilledExecutor proves that a job of which one of three executors is killed in
// the middle comes to the same rows: those that were published, read by a run of its own.
func TestKilledExecutor(t *testing.T) {
	events := filepath.Join(t.TempDir(), "events")
	call(t, "generate", "--rows", "200000", "--out", events)
	job := Jobs()[slices.IndexFunc(Jobs(), func(j Job) bool { return j.Name == "meter" })]
	small := func(cfg Config, out string) Summary {
		t.Helper()
		made, err := job.Build(map[string]string{"path": events, "out": out})
		if err != nil {
			t.Fatal(err)
		}
		set := made.Settings
		set.BatchRows, set.CheckpointEvery = 10_000, 200*time.Millisecond
		cfg.Kinds, cfg.Ledger = Kinds(), t.TempDir()
		s, err := Local(t.Context(), made.With(set), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	want := small(Config{Executors: 3}, t.TempDir())
	p := newProcesses(t, 3)
	var once sync.Once
	out := t.TempDir()
	got := small(Config{Connect: p.connect, Observe: func(g engine.Progress) {
		if g.Note != "" {
			t.Log(g.Note)
		}
		if g.Committed && g.Batch >= 4 {
			once.Do(func() { p.kill(1) })
		}
	}}, out)
	sameRun(t, got, want)
	if !p.running[1].killed {
		t.Error("nobody was killed")
	}
}
