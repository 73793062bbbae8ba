package rig

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
)

// starting is how long a node may take until it is ready.
const starting = 30 * time.Second

// Node is a driver or an executor, which may run or not. Its methods may be called by
// any goroutine.
type Node struct {
	Name string
	Link Link // nil without links

	rig   *Rig
	args  []string
	relay *relay // the Link, where it is one
	space string // the network namespace, where it has one

	mu   sync.Mutex
	skew time.Duration // of its clock, from the next start on
	self gossip.Member
	runs *running // nil: it has never run
}

// running is a process.
type running struct {
	cmd  *exec.Cmd
	in   io.Closer     // it ends with it
	done chan struct{} // closed when it has ended
}

// Start starts the node and waits until it is ready. A node that runs is left alone.
func (n *Node) Start(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.runs != nil && !n.runs.ended() {
		return nil
	}
	log, err := os.OpenFile(n.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the node has it too
	if n.relay != nil {
		if err := n.relay.up(ctx); err != nil {
			return err
		}
	}
	cmd := n.rig.command(n.space, n.args...)
	cmd.Stderr = log
	if n.skew != 0 {
		cmd.Env = append(cmd.Env, "IDAG_CLOCK_SKEW="+n.skew.String())
	}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return err
	}
	n.runs = &running{cmd: cmd, in: in, done: make(chan struct{})}
	return n.await(ctx, n.runs, out)
}

// await waits until the node is ready.
func (n *Node) await(ctx context.Context, p *running, out io.Reader) error {
	lines := make(chan string, 1)
	go func() {
		defer close(p.done)
		in := bufio.NewReader(out)
		line, _ := in.ReadString('\n')
		lines <- line
		_, _ = io.Copy(io.Discard, in)
		_ = p.cmd.Wait() // how it ended is in its log
	}()
	select {
	case line := <-lines:
		if json.Unmarshal([]byte(line), &n.self) == nil {
			return nil
		}
		<-p.done
		return fault.New(fault.Retry, "%s has ended before it was ready; see %s", n.Name, n.log())
	case <-time.After(starting):
		p.kill()
		return fault.New(fault.Retry, "%s is not ready after %v; see %s", n.Name, starting, n.log())
	case <-ctx.Done():
		p.kill()
		return context.Cause(ctx)
	}
}

func (p *running) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill ends the process, even one that is stopped, and waits for its end.
func (p *running) kill() {
	_ = p.cmd.Process.Kill() // it has ended already, or does now
	<-p.done
	_ = p.in.Close()
}

// Running reports whether there is a process, which may be stopped.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.runs != nil && !n.runs.ended()
}

// Kill ends the node as kill -9 does.
func (n *Node) Kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.runs != nil {
		n.runs.kill()
	}
	if n.relay != nil {
		n.relay.down()
	}
}

// Skew makes the node's clock wrong, from its next start on. Only drivers decide by a
// clock that others have as well.
func (n *Node) Skew(by time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.skew = by
}

// Signal sends a signal to the node, if it runs.
func (n *Node) Signal(s syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.runs != nil && !n.runs.ended() {
		_ = n.runs.cmd.Process.Signal(s) // it has just ended
	}
}

// Term returns the last term in which the node drove, or 0. Whoever has the highest one
// of all nodes drives, or did last.
func (n *Node) Term() int {
	text, err := os.ReadFile(n.log())
	if err != nil {
		return 0
	}
	last := 0
	for _, m := range regexp.MustCompile(`driving, term (\d+) of`).FindAllSubmatch(text, -1) {
		last, _ = strconv.Atoi(string(m[1]))
	}
	return last
}

// StandsBy reports whether the node is a driver that waits for another one's end.
func (n *Node) StandsBy() bool {
	text, err := os.ReadFile(n.log())
	at := strings.LastIndex(string(text), "standing by for the driver")
	return err == nil && at >= 0 && at > strings.LastIndex(string(text), "driving, term") && n.Running()
}

func (n *Node) log() string { return filepath.Join(n.rig.cfg.Dir, n.Name+".log") }

// member returns what the node said of itself when it was ready.
func (n *Node) member() gossip.Member {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.self
}

// place gives the node addresses that stay its own over its restarts, and a link to them.
func (n *Node) place() error {
	if n.rig.net != nil {
		w, err := n.rig.net.wire(n.Name)
		if err != nil {
			return err
		}
		n.Link, n.space = w, w.space
		n.args = append(n.args, "--name", n.Name, "--plain", "--listen", w.host+":7947", "--bind", w.host+":7946")
		return nil
	}
	var at [4]string
	var ports [4]int
	for i := range at {
		var err error
		if ports[i], at[i], err = n.rig.port(); err != nil {
			return err
		}
	}
	calls, packets := at[0], at[1]
	n.args = append(n.args, "--name", n.Name, "--listen", calls, "--bind", packets)
	if !n.rig.cfg.Links {
		return nil
	}
	n.relay = newRelay(calls, packets, [2]string(at[2:]), n.rig.cutOff)
	n.Link = n.relay
	n.rig.mu.Lock()
	n.rig.senders[ports[1]] = n.relay
	n.rig.mu.Unlock()
	n.args = append(n.args, "--advertise", n.relay.gossip, "--advertise-listen", n.relay.calls)
	return nil
}
