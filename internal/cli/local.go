package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire/pki"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/spf13/cobra"
)

const (
	localDir = ".idag/local"
	// localFor is how long the nodes of a local cluster may take to find each other.
	localFor = 30 * time.Second
)

// localFlags say what a local cluster is.
type localFlags struct {
	executors, slots int64
	standby          bool
}

func newLocal(s *session) *cobra.Command {
	var f localFlags
	c := &cobra.Command{
		GroupID: groupCluster,
		Use:     "local [flags]",
		Short:   "Start a cluster on this machine",
		Long: `Start a driver and executors as processes on this machine, on free ports of the
loopback, with certificates and keys made for them in .idag/local. In the same directory
submit, jobs, logs, stop and nodes need no flags then: .idag/cluster says where it is.
Ctrl-C stops all of it together; if this process dies the others end by themselves.

What the nodes say is in .idag/local/NAME.log. Jobs that had not ended go on when a
cluster is started here again.`,
		Example: `  idag local -n 3
  idag local -n 4 --slots 1 --standby`,
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return s.local(c.Context(), &f) },
	}
	fs := c.Flags()
	f.executors = 3
	fs.VarP(whole{&f.executors, 100}, "executors", "n", "how many `executors`")
	fs.Var(whole{&f.slots, 1 << 10}, "slots", "`tasks` that each runs at once (default the cores, divided)")
	fs.BoolVar(&f.standby, "standby", false, "start a second driver, which stands by")
	return c
}

// local runs a cluster until it is told to end.
func (s *session) local(ctx context.Context, f *localFlags) (err error) {
	if f.slots == 0 {
		f.slots = max(1, int64(runtime.GOMAXPROCS(0))/f.executors)
	}
	if err := settle(); err != nil {
		return err
	}
	defer os.Remove(clusterFile) //nolint:errcheck // it was of this cluster
	env, err := s.localSecrets()
	if err != nil {
		return err
	}
	nest, err := newNest(env)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	abort, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	asked := make(chan struct{})
	release := s.presses(func() { close(asked); cancel() }, stop)
	defer release()
	err = s.hatch(ctx, nest, f)
	if err == nil {
		select {
		case <-asked:
		case <-ctx.Done():
		case name := <-nest.empty:
			err = fault.New(fault.Retry, "%w: all its nodes have ended, the last one %s; see %s", errReach, name, localDir)
		}
		fmt.Fprintln(s.io.Err, "stopping: jobs finish their batches in flight and go on with the next cluster here; Ctrl-C again ends all at once")
	}
	nest.end(abort)
	select {
	case <-asked:
		return nil
	default:
		return err
	}
}

// presses calls first and then second at the user's first two Ctrl-C.
func (s *session) presses(first, second func()) (release func()) {
	ended, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		for _, f := range []func(){first, second} {
			select {
			case <-s.io.Interrupts:
				f()
			case <-ended:
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-finished
	}
}

// hatch starts the nodes and says how to use them.
func (s *session) hatch(ctx context.Context, nest *nest, f *localFlags) error {
	at := []string{"--bind", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--preset", "local"}
	home := filepath.Join(nest.dir, "home")
	driver, err := nest.start(ctx, "driver", append([]string{"driver", "--home", home}, at...)...)
	if err != nil {
		return err
	}
	at = append(at, "--join", driver.Gossip)
	to, join := []string{driver.RPC}, []string{driver.Gossip}
	if f.standby {
		second, err := nest.start(ctx, "standby", append([]string{"driver", "--home", home, "--standby"}, at...)...)
		if err != nil {
			return err
		}
		to, join = append(to, second.RPC), append(join, second.Gossip)
	}
	for i := range f.executors {
		name := fmt.Sprintf("executor-%d", i+1)
		if _, err := nest.start(ctx, name, append([]string{"executor", "--slots", strconv.FormatInt(f.slots, 10)}, at...)...); err != nil {
			return err
		}
	}
	if err := nest.describe(to, join); err != nil {
		return err
	}
	members, err := s.assembled(ctx, nest.reached(to), int(f.executors))
	if err != nil {
		return err
	}
	if err := s.writeNodes(members, false); err != nil {
		return err
	}
	s.lineOut("\nready. In this directory:\n  %s submit JOB      runs a job on it\n  %s jobs            lists them\n  %s nodes --watch   shows the nodes\nCtrl-C here stops all of it.",
		s.app.Name, s.app.Name, s.app.Name)
	if other := os.Getenv(envTo); other != "" {
		fmt.Fprintf(s.io.Err, "$%s is set: where it is, these commands go to %s\n", envTo, other)
	}
	return nil
}

// assembled waits until the driver sees all executors.
func (s *session) assembled(ctx context.Context, to *toFlags, executors int) ([]submission.Node, error) {
	for end := time.Now().Add(localFor); ; {
		l, err := s.reach(ctx, to)
		var members []submission.Node
		if err == nil {
			members, err = nodesOf(ctx, l.now())
			l.close()
		}
		n := 0
		for _, m := range members {
			if m.Role == gossip.Executor && m.Condition == gossip.Alive && m.Slots > 0 {
				n++
			}
		}
		switch {
		case err == nil && n >= executors:
			return members, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case time.Now().After(end):
			return nil, fault.New(fault.Retry, "%w: after %v the driver sees %d of %d executors; see %s/*.log (%v)", errReach, localFor, n, executors, localDir, err)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// localSecrets makes the certificates and keys of a local cluster, anew each time, and
// returns where they are.
func (s *session) localSecrets() (map[string]string, error) {
	dir, err := absolute(localDir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Wrap(fault.Invalid, err)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"ca.pem", "ca-key.pem", "node.pem", "node-key.pem", "token", "key"} {
		if err := os.Remove(in(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fault.Wrap(fault.Invalid, err)
		}
	}
	const valid = 10 * 365 * 24 * time.Hour
	ca, err := pki.NewCA("idag local", valid)
	if err != nil {
		return nil, err
	}
	node, err := ca.Issue([]string{"localhost", "127.0.0.1", "::1"}, valid-time.Hour)
	if err != nil {
		return nil, err
	}
	err = errors.Join(node.Write(in("node.pem"), in("node-key.pem")), os.WriteFile(in("ca.pem"), ca.Certificate, 0o600),
		os.WriteFile(in("token"), []byte(rand.Text()+"\n"), 0o600),
		os.WriteFile(in("key"), []byte(newKey()+"\n"), 0o600))
	return map[string]string{envCA: in("ca.pem"), envCert: in("node.pem"), envCertKey: in("node-key.pem"),
		envToken: "file:" + in("token"), envKey: "file:" + in("key")}, fault.Wrap(fault.Invalid, err)
}

// settle makes this directory that of the cluster to come, and refuses to start a second
// one in it. Whose cluster it is stands in clusterFile from the start.
func settle() error {
	of, local := localOf()
	if local && alive(of) {
		return fault.New(fault.Invalid, "a cluster runs in this directory already: process %d; if that is another program, remove %s", of, clusterFile)
	}
	if local {
		if err := os.Remove(clusterFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.Wrap(fault.Invalid, err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(clusterFile), 0o700); err != nil {
		return fault.Wrap(fault.Invalid, err)
	}
	file, err := os.OpenFile(clusterFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist) && !local:
		return fault.New(fault.Invalid, "%s names a cluster already, and 'local' did not write it: remove it, or work in another directory", clusterFile)
	case err != nil:
		return fault.Wrap(fault.Invalid, err)
	}
	_, err = file.WriteString(localMark + strconv.Itoa(os.Getpid()) + "\n")
	return fault.Wrap(fault.Invalid, errors.Join(err, file.Close()))
}

// localOf returns the process that started the cluster of this directory; local: one did.
func localOf() (process int, local bool) {
	text, err := os.ReadFile(clusterFile)
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(text), "\n")
	number, local := strings.CutPrefix(first, localMark)
	process, err = strconv.Atoi(number)
	return process, local && err == nil
}

// alive reports whether there is a process.
func alive(process int) bool {
	p, err := os.FindProcess(process)
	return err == nil && p.Signal(syscall.Signal(0)) == nil
}

// localMark begins a clusterFile that local has written; the process follows.
const localMark = "# idag local, process "
