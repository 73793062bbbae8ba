package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
)

// nest is the processes of a local cluster.
type nest struct {
	program string
	dir     string
	env     map[string]string
	empty   chan string // the last node that has ended by itself

	mu    sync.Mutex
	birds []*bird
	left  int
}

// bird is one of them.
type bird struct {
	name  string
	cmd   *exec.Cmd
	leash io.Closer     // its standard input: it ends with it
	done  chan struct{} // closed when it has ended
}

func newNest(env map[string]string) (*nest, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fault.Wrap(fault.Bug, err)
	}
	dir, err := absolute(localDir)
	return &nest{program: program, dir: dir, env: env, empty: make(chan string, 1)}, err
}

// start starts a node and waits until it is ready.
func (n *nest) start(ctx context.Context, name string, args ...string) (gossip.Member, error) {
	none := gossip.Member{}
	log, err := os.Create(filepath.Join(n.dir, name+".log"))
	if err != nil {
		return none, fault.Wrap(fault.Invalid, err)
	}
	defer log.Close() //nolint:errcheck // the node has it too
	cmd := exec.Command(n.program, append(args, "--name", name, "--json", "--tethered")...)
	cmd.Env, cmd.Stderr = n.environment(), log
	leash, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return none, fault.New(fault.Retry, "%s cannot be started: %w", name, err)
	}
	b := &bird{name: name, cmd: cmd, leash: leash, done: make(chan struct{})}
	n.mu.Lock()
	n.birds, n.left = append(n.birds, b), n.left+1
	n.mu.Unlock()
	lines := make(chan string, 1)
	go func() {
		in := bufio.NewReader(out)
		line, _ := in.ReadString('\n')
		lines <- line
		_, _ = io.Copy(io.Discard, in)
		_ = cmd.Wait() // how it ended is in its log
		n.ended(b)
	}()
	select {
	case line := <-lines:
		var m gossip.Member
		if json.Unmarshal([]byte(line), &m) == nil {
			return m, nil
		}
		<-b.done
		return none, fault.New(fault.Retry, "%s has ended before it was ready: %s", name, tail(log.Name()))
	case <-time.After(localFor):
		return none, fault.New(fault.Retry, "%s is not ready after %v; see %s", name, localFor, log.Name())
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// ended notes that a node has.
func (n *nest) ended(b *bird) {
	n.mu.Lock()
	n.left--
	last := n.left == 0
	n.mu.Unlock()
	close(b.done)
	if last {
		select {
		case n.empty <- b.name:
		default:
		}
	}
}

// environment is that of this process, with the secrets of the cluster in place of those
// of another one.
func (n *nest) environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(settingNames(), name)
	})
	for _, name := range slices.Sorted(maps.Keys(n.env)) {
		env = append(env, name+"="+n.env[name])
	}
	return env
}

// describe writes clusterFile.
func (n *nest) describe(to, join []string) error {
	var b strings.Builder
	b.WriteString(localMark + strconv.Itoa(os.Getpid()) + "\n")
	b.WriteString(envTo + "=" + strings.Join(to, ",") + "\n" + envJoin + "=" + strings.Join(join, ",") + "\n")
	for _, name := range slices.Sorted(maps.Keys(n.env)) {
		b.WriteString(name + "=" + n.env[name] + "\n")
	}
	return fault.Wrap(fault.Invalid, os.WriteFile(clusterFile, []byte(b.String()), 0o600))
}

// reached says how the nodes are reached that are at these addresses, whatever other
// cluster the environment names.
func (n *nest) reached(to []string) *toFlags {
	access := accessFlags{ca: n.env[envCA], cert: n.env[envCert], certKey: n.env[envCertKey], token: n.env[envToken]}
	return &toFlags{accessFlags: access, to: strings.Join(to, ",")}
}

// end ends all nodes in order, those that drive first; when ctx ends, at once.
func (n *nest) end(ctx context.Context) {
	n.mu.Lock()
	birds := slices.Clone(n.birds)
	n.mu.Unlock()
	drives := func(b *bird) bool { return !strings.HasPrefix(b.name, "executor") }
	for _, first := range []bool{true, false} {
		for _, b := range birds {
			if drives(b) == first {
				_ = b.leash.Close() // a node that has ended has no use for it
			}
		}
		for _, b := range birds {
			if drives(b) == first {
				b.await(ctx)
			}
		}
	}
}

// await waits until a node has ended.
func (b *bird) await(ctx context.Context) {
	select {
	case <-b.done:
		return
	case <-ctx.Done():
	case <-time.After(lastly + 10*time.Second):
	}
	_ = b.cmd.Process.Kill() // it has ended meanwhile, or does now
	<-b.done
}

// tail returns the last line of a file.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}
