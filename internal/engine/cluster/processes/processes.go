// Package processes is a cluster for tests whose executors are processes: the program of
// the test itself, started again. They have nothing in common with the driver, which
// stays in the test, but the network and the files of this machine.
//
//	func TestMain(m *testing.M) {
//		if status, ok := processes.Play(func(name string) cluster.ExecutorConfig { … }); ok {
//			os.Exit(status)
//		}
//		…
//	}
//
//	c, err := processes.Start("e1", "e2", "e3")
//	cfg.Connect = c.Connect
//	summary, err := engine.Run(ctx, job, cfg)
//	…
//	err = c.Close()
//
// Memory that an executor has not released when it ends is an error of Close.
package processes

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
)

// variable of the environment makes a process an executor of that name.
const variable = "IDAG_TEST_EXECUTOR"

// Play does what this process is for, if that is to be an executor: it serves on a port
// of the loopback, which it prints, until its input ends, and returns the status to exit
// with. Each says what an executor works with, by its name, but for name, memory and
// connections.
func Play(each func(name string) cluster.ExecutorConfig) (status int, ok bool) {
	name := os.Getenv(variable)
	if name == "" {
		return 0, false
	}
	if err := serve(name, each(name)); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		return 1, true
	}
	return 0, true
}

func serve(name string, cfg cluster.ExecutorConfig) error {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	cfg.Name, cfg.Mem, cfg.Dial = name, mem, plainly(mem)
	x := cluster.NewExecutor(cfg)
	s, err := wire.Serve(context.Background(), wire.ServerConfig{Listener: l, Executor: x, Blocks: x, Security: wire.Plain(), Mem: mem})
	if err != nil {
		return errors.Join(err, l.Close(), x.Shutdown())
	}
	fmt.Println(l.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	if err = errors.Join(err, s.Close(), x.Shutdown()); err == nil && mem.CurrentAlloc() != 0 {
		err = fmt.Errorf("%d bytes of Arrow memory were not released", mem.CurrentAlloc())
	}
	return err
}

func plainly(mem memory.Allocator) cluster.Dial {
	return func(_ context.Context, addr string) (cluster.Peer, error) { return wire.Dial(addr, wire.Plain(), mem) }
}

// Cluster is executors that are processes. It is safe for concurrent use.
type Cluster struct {
	mu      sync.Mutex
	members []gossip.Member
	running []*executor
}

// executor is a process.
type executor struct {
	name   string
	cmd    *exec.Cmd
	in     io.Closer    // it ends with it
	errs   bytes.Buffer // read when it has ended
	killed bool
}

// Start starts executors of one slot each. Who calls closes the cluster.
func Start(names ...string) (*Cluster, error) {
	c := &Cluster{}
	for _, name := range names {
		if err := c.start(name); err != nil {
			return nil, errors.Join(fmt.Errorf("executor %s: %w", name, err), c.Close())
		}
	}
	return c, nil
}

func (c *Cluster) start(name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	x := &executor{name: name, cmd: exec.Command(self)}
	x.cmd.Env, x.cmd.Stderr = append(os.Environ(), variable+"="+name), &x.errs
	out, err1 := x.cmd.StdoutPipe()
	in, err2 := x.cmd.StdinPipe()
	if err := errors.Join(err1, err2, x.cmd.Start()); err != nil {
		return err
	}
	x.in = in
	c.running = append(c.running, x)
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("it has no address: %w", err)
	}
	c.members = append(c.members, gossip.Member{Name: name, Role: gossip.Executor, RPC: strings.TrimSpace(addr), Slots: 1, Condition: gossip.Alive})
	return nil
}

// Connect opens a run on the executors: it is for engine.Config.
func (c *Cluster) Connect(ctx context.Context, o wire.Opening) (engine.Remote, error) {
	return cluster.NewFleet(ctx, cluster.FleetConfig{Opening: o, Members: c.list, Dial: plainly(memory.NewGoAllocator()), Wait: 10 * time.Second})
}

func (c *Cluster) list() []gossip.Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.members)
}

// Kill ends an executor as kill -9 does. The members do not hear of it.
func (c *Cluster) Kill(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.running {
		if x.name == name {
			x.killed = true
			return x.cmd.Process.Kill()
		}
	}
	return fmt.Errorf("there is no executor %s", name)
}

// Close ends the executors and waits for them; those that were not killed must end well.
func (c *Cluster) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, x := range c.running {
		_ = x.in.Close() // one that was killed has no input
	}
	for _, x := range c.running {
		if err := x.cmd.Wait(); err != nil && !x.killed {
			errs = append(errs, fmt.Errorf("executor %s: %w\n%s", x.name, err, x.errs.Bytes()))
		}
	}
	c.running, c.members = nil, nil
	return errors.Join(errs...)
}
