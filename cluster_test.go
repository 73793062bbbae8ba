package idag

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire/submission"
)

// process is this program, running.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	in   *bufio.Reader // its standard output
	errs *safeText
	once sync.Once
	err  error
}

// safeText may be written while it is read.
type safeText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeText) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeText) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// start starts the program in a directory. It is killed when the test ends.
func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, name: strings.Join(args, " "), cmd: exec.Command(self, args...), errs: &safeText{}}
	p.cmd.Dir, p.cmd.Stderr = dir, p.errs
	p.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "IDAG_") && !strings.HasPrefix(v, "IDAG_DATA") }),
		"IDAG_TEST_PROGRAM=1")
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGCONT)
		_ = p.cmd.Process.Kill()
		_ = p.wait()
		if t.Failed() {
			t.Logf("%s:\n%s", p.name, p.errs)
		}
	})
	return p
}

func (p *process) wait() error {
	p.once.Do(func() {
		_, _ = io.Copy(io.Discard, p.in)
		p.err = p.cmd.Wait()
	})
	return p.err
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(p.name, err)
	}
}

// line returns the next line of standard output for which ok is true.
func (p *process) line(ok func(string) bool) string {
	p.t.Helper()
	for {
		line, err := p.in.ReadString('\n')
		if ok(line) {
			return line
		}
		if err != nil {
			p.t.Fatalf("%s ended: %v\n%s", p.name, err, p.errs)
		}
	}
}

// idag runs the program to its end and returns what it printed.
func runs(t *testing.T, dir string, status int, args ...string) (out, errs string) {
	t.Helper()
	p := start(t, dir, args...)
	text, err := io.ReadAll(p.in)
	if err != nil {
		t.Fatal(err)
	}
	_ = p.wait()
	if got := p.cmd.ProcessState.ExitCode(); got != status {
		t.Fatalf("idag %s: status %d, not %d\n%s%s", p.name, got, status, text, p.errs)
	}
	return string(text), p.errs.String()
}

// node starts a driver or an executor and waits until it is ready.
func startNode(t *testing.T, dir string, args ...string) (*process, gossip.Member) {
	t.Helper()
	p := start(t, dir, append(args, "--bind", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--preset", "local", "--json")...)
	var m gossip.Member
	if err := json.Unmarshal([]byte(p.line(func(string) bool { return true })), &m); err != nil {
		t.Fatalf("%s: %v\n%s", p.name, err, p.errs)
	}
	return p, m
}

// paced is a job that takes rows/rate seconds and has state all the while.
const paced = `job: paced
labels: [error, backup, information]
settings: {batch_rows: 500, checkpoint_every: 200 ms, key_groups: 8}
vars: {out: out, rows: "6000", rate: "2000"}
datasets:
  hourly:
    - read: {generate: {events: meter, rows: "${rows}", rate: "${rate}", partitions: 2, meters: 60}}
    - tag: {column: kind, identity: [meter, ts], time: ts}
    - window: {time: ts, tumbling: 1 hour}
    - reduce: {from: [backup, information], by: [meter, window_start], get: {wh: sum(wh), n: count()}}
    - write: {json: "${out}"}
`

// written returns the rows of a directory of JSON lines, sorted.
func written(t *testing.T, dir string) string {
	t.Helper()
	var rows []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".jsonl" && filepath.Ext(path) != ".json" || strings.HasPrefix(e.Name(), "_") || strings.HasPrefix(e.Name(), ".") {
			return err
		}
		text, err := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			rows = append(rows, line)
		}
		return err
	})
	if err != nil || len(rows) == 0 {
		t.Fatal(len(rows), err)
	}
	slices.Sort(rows)
	return strings.Join(rows, "")
}

// wanted is what the job comes to in one process.
func wanted(t *testing.T, dir string) (sum engine.Summary, rows string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "paced.yaml"), []byte(paced), 0o600); err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(t.TempDir(), "alone")
	out, _ := runs(t, dir, 0, "run", "paced.yaml", "--no-ledger", "--json", "--set", "rate=0", "--set", "out="+alone)
	return lastLine(t, out), written(t, alone)
}

func lastLine(t *testing.T, out string) (sum engine.Summary) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return sum
}

// same compares what a submitted job came to with what it comes to in one process.
func same(t *testing.T, dir string, got engine.Summary) {
	t.Helper()
	want, rows := wanted(t, dir)
	if got.Checksum != want.Checksum || got.RowsIn != want.RowsIn || got.RowsOut != want.RowsOut {
		t.Errorf("got %d rows in, %d out, checksum %s; want %d, %d, %s", got.RowsIn, got.RowsOut, got.Checksum, want.RowsIn, want.RowsOut, want.Checksum)
	}
	if written(t, filepath.Join(dir, "out")) != rows {
		t.Error("what was written is not what one process writes")
	}
}

func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it starts several processes")
	}
	t.Parallel()
}

// A local cluster starts with one command, runs jobs without flags, lists what there is,
// stops jobs, and ends with Ctrl-C, all its processes together.
func TestLocal(t *testing.T) {
	slow(t)
	dir := t.TempDir()
	cluster := start(t, dir, "local", "-n", "3")
	cluster.line(func(s string) bool { return strings.HasPrefix(s, "ready.") })
	_, errs := runs(t, dir, 2, "local")
	if !strings.Contains(errs, "a cluster runs in this directory already") {
		t.Error(errs)
	}
	want, _ := wanted(t, dir)
	out, _ := runs(t, dir, 0, "submit", "paced.yaml", "--json", "--set", "rate=0", "--set", "out="+filepath.Join(dir, "out"))
	if got := lastLine(t, out); got.Checksum != want.Checksum || got.RowsIn != 6000 || !strings.HasPrefix(out, `{"batch":1,`) {
		t.Errorf("%s", out)
	}
	same(t, dir, lastLine(t, out))

	out, _ = runs(t, dir, 0, "nodes", "--json")
	if strings.Count(out, `"executor"`) != 3 || strings.Count(out, `"driver"`) != 2 { // one is its name
		t.Error(out)
	}
	out, _ = runs(t, dir, 0, "submit", "paced.yaml", "--detach", "--set", "rate=500", "--set", "out="+filepath.Join(dir, "slow"))
	if !strings.Contains(out, "paced is submitted to 127.0.0.1:") {
		t.Error(out)
	}
	if _, errs = runs(t, dir, 2, "submit", "paced.yaml"); !strings.Contains(errs, "already; stop it first") {
		t.Error(errs)
	}
	if out, _ = runs(t, dir, 0, "stop", "paced", "--drain"); !strings.Contains(out, "paced is stopped after ") {
		t.Error(out)
	}
	if out, _ = runs(t, dir, 0, "jobs"); !strings.Contains(out, "paced") || !strings.Contains(out, "stopped") {
		t.Error(out)
	}
	if out, _ = runs(t, dir, 0, "logs", "paced"); !strings.Contains(out, " running\n") || !strings.Contains(out, " stopped\n") {
		t.Error(out)
	}
	bad := strings.Replace(paced, "sum(wh)", "sum(hw)", 1)
	if err := os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs = runs(t, dir, 2, "submit", "bad.yaml"); !strings.Contains(errs, "bad.yaml:10:86: error: reduce:") || !strings.Contains(errs, "   10 |     - reduce:") {
		t.Error(errs)
	}

	children := childrenOf(t, cluster.cmd.Process.Pid)
	if len(children) != 4 {
		t.Errorf("%d processes, not 4", len(children))
	}
	cluster.signal(os.Interrupt)
	if err := cluster.wait(); err != nil {
		t.Error(err)
	}
	gone(t, children)
	if _, errs = runs(t, dir, 1, "jobs", "--to", "127.0.0.1:1"); !strings.Contains(errs, "the cluster does not answer: 127.0.0.1:1 ") {
		t.Error(errs)
	}
}

// When the process that started a local cluster is killed, the others end.
func TestLocalKilled(t *testing.T) {
	slow(t)
	dir := t.TempDir()
	cluster := start(t, dir, "local", "-n", "1", "--standby")
	cluster.line(func(s string) bool { return strings.HasPrefix(s, "ready.") })
	children := childrenOf(t, cluster.cmd.Process.Pid)
	if len(children) != 3 {
		t.Errorf("%d processes, not 3", len(children))
	}
	cluster.signal(os.Kill)
	gone(t, children)
}

// Executors that have the key of the gossip and are strangers otherwise, by another token or
// by certificates of another authority, are in the list of nodes, alive, with the reason why
// they are of no use, and in the driver's log, once.
func TestUselessExecutors(t *testing.T) {
	slow(t)
	dir, far := t.TempDir(), t.TempDir()
	cluster := start(t, dir, "local", "-n", "1", "--standby")
	cluster.line(func(s string) bool { return strings.HasPrefix(s, "ready.") })
	how, err := os.ReadFile(filepath.Join(dir, ".idag", "cluster"))
	if err != nil {
		t.Fatal(err)
	}
	if _, join, _ := strings.Cut(string(how), "IDAG_JOIN="); strings.Count(strings.SplitN(join, "\n", 2)[0], ",") != 1 {
		t.Errorf("whoever joins asks one of two drivers only: %s", join)
	}
	runs(t, far, 0, "cert", "ca")
	runs(t, far, 0, "cert", "node", "x", "127.0.0.1")
	certs := filepath.Join(far, "certs")
	at := []string{"executor", "--bind", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--preset", "local"}
	start(t, dir, append(at, "--name", "guesser", "--token", "guess")...)
	start(t, dir, append(at, "--name", "foreigner", "--ca", filepath.Join(certs, "ca.pem"), "--cert", filepath.Join(certs, "x.pem"), "--cert-key", filepath.Join(certs, "x-key.pem"))...)
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		out, _ := runs(t, dir, 0, "nodes")
		if strings.Count(out, "alive, unusable") == 2 && strings.Contains(out, "guesser is unusable: ") && strings.Contains(out, "the token is wrong or missing") &&
			strings.Contains(out, "foreigner is unusable: ") && strings.Contains(out, "is not of an authority") && !strings.Contains(out, "executor-1 is unusable") {
			break
		}
		if time.Now().After(end) {
			t.Fatal(out)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, ".idag", "local", "driver.log"))
	if err != nil || strings.Count(string(log), "cannot be used") != 2 {
		t.Errorf("%v\n%s", err, log)
	}
}

// childrenOf returns the processes that a process has started.
func childrenOf(t *testing.T, pid int) []string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		t.Skip("this system does not tell the children of a process")
	}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, path := range tasks {
		more, _ := os.ReadFile(path)
		for _, p := range strings.Fields(string(more)) {
			all[p] = true
		}
	}
	for _, p := range strings.Fields(string(text)) {
		all[p] = true
	}
	out := make([]string, 0, len(all))
	for p := range all {
		out = append(out, p)
	}
	return out
}

// gone waits until processes have ended.
func gone(t *testing.T, pids []string) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		left := slices.DeleteFunc(slices.Clone(pids), func(pid string) bool {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			return err != nil || bytes.Contains(stat, []byte(") Z "))
		})
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the processes %v go on", left)
		}
	}
}

// follows submits the job and returns the process that follows it, after some batches.
func follows(t *testing.T, dir string, to string, batches int) *process {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "paced.yaml"), []byte(paced), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, dir, "submit", "paced.yaml", "--json", "--to", to, "--set", "out="+filepath.Join(dir, "out"))
	p.atBatch(batches)
	return p
}

// atBatch waits until a batch is committed.
func (p *process) atBatch(n int) {
	p.t.Helper()
	p.line(func(line string) bool {
		var b struct {
			Batch int
			Job   string
		}
		if err := json.Unmarshal([]byte(line), &b); err != nil || b.Job != "" {
			p.t.Fatalf("%v: %s\n%s", err, line, p.errs)
		}
		return b.Batch >= n
	})
}

// summary waits for the end of a job that is followed.
func (p *process) summary() engine.Summary {
	p.t.Helper()
	line := p.line(func(line string) bool { return strings.HasPrefix(line, `{"job"`) || line == "" })
	return lastLine(p.t, line)
}

// An executor is killed in the middle of a job, then the driver: the standby takes over,
// how soon is logged, and the job comes to what it comes to in one process.
func TestKills(t *testing.T) {
	slow(t)
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	driver, d := startNode(t, dir, "driver", "--home", home, "--name", "first")
	standby, _ := startNode(t, dir, "driver", "--home", home, "--name", "second", "--standby", "--join", d.Gossip)
	var executors []*process
	for range 3 {
		x, _ := startNode(t, dir, "executor", "--join", d.Gossip, "--slots", "1")
		executors = append(executors, x)
	}
	job := follows(t, dir, d.RPC, 3)
	executors[1].signal(os.Kill)
	job.atBatch(7)
	began := time.Now()
	driver.signal(os.Kill)
	var over time.Duration
	for over == 0 {
		if strings.Contains(standby.errs.String(), "driving, term 2") {
			over = time.Since(began)
		}
		if time.Since(began) > time.Minute { // else it would be never
			t.Fatal("the standby has not taken over")
		}
		time.Sleep(10 * time.Millisecond)
	}
	job.atBatch(9)
	t.Logf("taken over after %v, the next batch was committed after %v", over, time.Since(began))
	same(t, dir, job.summary())
	if !strings.Contains(job.errs.String(), "the driver is gone") {
		t.Error(job.errs)
	}
}

// Garbage on every port of every node, in the middle of a job, and people who connect and
// say nothing: the nodes stay, and the job comes to what it comes to in one process.
func TestGarbageEverywhere(t *testing.T) {
	slow(t)
	dir := t.TempDir()
	_, d := startNode(t, dir, "driver", "--home", filepath.Join(dir, "home"), "--name", "d")
	nodes := []gossip.Member{d}
	for _, name := range []string{"e1", "e2"} {
		_, m := startNode(t, dir, "executor", "--name", name, "--join", d.Gossip, "--slots", "1")
		nodes = append(nodes, m)
	}
	job := follows(t, dir, d.RPC, 2)
	chance := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		for _, m := range nodes {
			for _, to := range [][2]string{{"tcp", m.RPC}, {"tcp", m.Gossip}, {"udp", m.Gossip}} {
				throw(t, chance, to[0], to[1])
			}
		}
	}
	same(t, dir, job.summary())
	out, _ := runs(t, dir, 0, "nodes", "--json", "--to", d.RPC)
	if strings.Count(out, `"condition":"alive"`) != len(nodes) {
		t.Errorf("the nodes are\n%s", out)
	}
}

// throw sends something to a port: noise, the beginning of HTTP/2 or of TLS and then
// noise, or nothing. Whoever is there may hang up.
func throw(t *testing.T, chance *rand.Rand, network, to string) {
	t.Helper()
	c, err := net.Dial(network, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	noise := make([]byte, chance.IntN(300))
	for i := range noise {
		noise[i] = byte(chance.Uint32())
	}
	switch chance.IntN(4) {
	case 0:
		noise = append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), noise...)
	case 1:
		noise = append([]byte{22, 3, 1, 1, 0, 1}, noise...)
	case 2:
		return
	}
	_, _ = c.Write(noise)
}

// A driver that is stopped for longer than its lease, and goes on when the standby has
// taken over, publishes and appends nothing more, and ends with what has happened.
func TestStoppedDriver(t *testing.T) {
	slow(t)
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	driver, d := startNode(t, dir, "driver", "--home", home, "--name", "first")
	if _, errs := runs(t, dir, 2, "driver", "--home", home, "--bind", "127.0.0.1:0", "--listen", "127.0.0.1:0"); !strings.Contains(errs, "the driver first at ") {
		t.Error(errs)
	}
	_, s := startNode(t, dir, "driver", "--home", home, "--name", "second", "--standby", "--join", d.Gossip)
	if _, errs := runs(t, dir, 2, "driver", "--home", home+"-2", "--standby", "--join", d.Gossip, "--bind", "127.0.0.1:0", "--listen", "127.0.0.1:0"); !strings.Contains(errs, "is the directory shared") {
		t.Error(errs)
	}
	for range 2 {
		startNode(t, dir, "executor", "--join", d.Gossip, "--slots", "1")
	}
	job := follows(t, dir, d.RPC+","+s.RPC, 3)
	driver.signal(syscall.SIGSTOP)
	began := time.Now()
	job.atBatch(8)
	t.Logf("the job goes on after %v", time.Since(began))
	driver.signal(syscall.SIGCONT)
	if driver.wait() == nil || !strings.Contains(driver.errs.String(), "another driver has taken over") {
		t.Errorf("the first driver ended: %v\n%s", driver.err, driver.errs)
	}
	same(t, dir, job.summary())
	out, _ := runs(t, dir, 0, "jobs", "--json", "--to", s.RPC)
	var info struct{ State submission.State }
	if err := json.Unmarshal([]byte(out), &info); err != nil || info.State != submission.Finished {
		t.Error(out, err)
	}
}

// Who has another key, another authority, no certificate or no token is refused, and
// told why; the cluster goes on.
func TestStrangers(t *testing.T) {
	slow(t)
	dir := t.TempDir()
	for _, args := range []string{"cert ca", "cert node n localhost 127.0.0.1", "cert ca --dir other", "cert node n localhost 127.0.0.1 --dir other"} {
		runs(t, dir, 0, strings.Fields(args)...)
	}
	for _, name := range []string{"key", "token", "other.key"} {
		out, _ := runs(t, dir, 0, "cert", "key")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certs := func(dir string) []string {
		return []string{"--ca", dir + "/ca.pem", "--cert", dir + "/n.pem", "--cert-key", dir + "/n-key.pem"}
	}
	ours, token := certs("certs"), []string{"--token", "file:token"}
	all := slices.Concat(ours, token, []string{"--key", "file:key"})
	driver, d := startNode(t, dir, append([]string{"driver", "--home", "home", "--name", "d"}, all...)...)
	startNode(t, dir, append([]string{"executor", "--name", "e", "--join", d.Gossip}, all...)...)
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{slices.Concat(ours, token), 0, ""},
		{ours, 2, "token"},
		{slices.Concat(certs("other"), token), 2, "authority"},
		{token, 2, d.RPC + " wants certificates: --ca, --cert and --cert-key"},
	} {
		out, errs := runs(t, dir, c.status, append([]string{"nodes", "--to", d.RPC}, c.args...)...)
		if !strings.Contains(errs, c.want) || c.status == 0 && !strings.Contains(out, "\n  e  ") {
			t.Errorf("%v: %s%s", c.args, out, errs)
		}
	}
	stranger, _ := startNode(t, dir, slices.Concat([]string{"executor", "--name", "x", "--join", d.Gossip, "--key", "file:other.key"}, ours, token)...)
	for end := time.Now().Add(10 * time.Second); !strings.Contains(stranger.errs.String(), "key") || !strings.Contains(driver.errs.String(), "key"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("a node with another key is told nothing:\n%s\nor the driver:\n%s", stranger.errs, driver.errs)
		}
	}
	if out, _ := runs(t, dir, 0, slices.Concat([]string{"nodes", "--json", "--to", d.RPC}, ours, token)...); strings.Contains(out, `"x"`) || strings.Count(out, "\n") != 2 {
		t.Error(out)
	}
}
