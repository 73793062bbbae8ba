package idag

import (
	"bytes"
	"encoding/json"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/idag/idag/internal/cli"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster/processes"
	"github.com/idag/idag/internal/jobfile"
	"go.uber.org/goleak"
)

// TestMain also plays the program that TestCrash kills.
func TestMain(m *testing.M) {
	if os.Getenv("IDAG_TEST_PROGRAM") != "" {
		os.Exit(Main("test", Jobs(), Kinds(), Functions()))
	}
	if status, ok := processes.Play(playsExecutor); ok {
		os.Exit(status)
	}
	goleak.VerifyTestMain(m)
}

func call(t *testing.T, args ...string) (out string) {
	t.Helper()
	var o, e strings.Builder
	app := cli.App{Name: "idag", Version: "test", Jobs: Jobs(), Kinds: Kinds(), Engine: node()}
	if status := cli.Main(t.Context(), app, args, cli.IO{Out: &o, Err: &e}); status != 0 {
		t.Fatalf("idag %s: status %d\n%s%s", strings.Join(args, " "), status, o.String(), e.String())
	}
	return o.String()
}

// What ships is whole: every job has a name, a line of documentation, and a job
// file that parses with the connectors that ship.
func TestShipped(t *testing.T) {
	seen := map[string]bool{}
	for _, j := range Jobs() {
		if j.Name == "" || j.Doc == "" || seen[j.Name] {
			t.Errorf("job %q, doc %q", j.Name, j.Doc)
		}
		seen[j.Name] = true
		if _, err := j.Build(nil); err != nil {
			t.Errorf("%s: %v", j.Name, err)
		}
		if _, err := jobfile.Parse(j.Name+".yaml", j.YAML, nil, Kinds()); err != nil {
			t.Errorf("%s.yaml: %v", j.Name, err)
		}
	}
}

// A supervisor's SIGTERM asks a run to end as Ctrl-C does.
func TestSignals(t *testing.T) {
	c := make(chan os.Signal, 2)
	listen(c)
	defer signal.Stop(c)
	for _, sent := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		if err := syscall.Kill(os.Getpid(), sent); err != nil {
			t.Fatal(err)
		}
		if got := <-c; got != sent {
			t.Errorf("got %v, want %v", got, sent)
		}
	}
}

// The shipped job's refusal names the output, not a Go line of idag's.
func TestRefusedOutput(t *testing.T) {
	dir := t.TempDir()
	events, args := filepath.Join(dir, "events"), []string{"run", "meter", "-q"}
	call(t, "generate", "--rows", "1000", "--out", events)
	args = append(args, "--set", "path="+events, "--set", "out="+filepath.Join(dir, "out"))
	call(t, args...)
	var e strings.Builder
	app := cli.App{Name: "idag", Version: "test", Jobs: Jobs(), Kinds: Kinds(), Engine: node()}
	status := cli.Main(t.Context(), app, args, cli.IO{Out: &e, Err: &e})
	if status != 2 || !strings.HasPrefix(e.String(), "idag: "+dir) || strings.Contains(e.String(), ".go:") {
		t.Errorf("status %d: %s", status, e.String())
	}
}

// The whole way, as a user goes it: events, both plans, equal results.
func TestDemo(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	out := call(t, "demo", "--rows", "40000", "--row-group-rows", "4096")
	if !strings.Contains(out, "equal: the same ") {
		t.Errorf("the plans disagree:\n%s", out)
	}
}

// A job by name, its file, and its replay are one job with one result, which
// the last line of --json tells.
func TestRunAndReplayAgree(t *testing.T) {
	dir := t.TempDir()
	events := filepath.Join(dir, "events")
	call(t, "generate", "--rows", "20000", "--out", events)
	file := filepath.Join(dir, "job.yaml")
	writeFile(t, file, call(t, "jobs", "meter"))
	sums := map[string]engine.Summary{}
	for name, args := range map[string][]string{
		"run":    {"run", "meter", "--set", "path=" + events},
		"linear": {"run", "meter", "--set", "path=" + events, "--linear=selection"},
		"file":   {"run", file, "--set", "path=" + events},
		"replay": {"replay", events, "--job", file},
	} {
		lines := bytes.Split([]byte(strings.TrimSpace(call(t, append(args, "--set", "out="+filepath.Join(dir, name), "--json")...))), []byte("\n"))
		var sum engine.Summary
		if err := json.Unmarshal(lines[len(lines)-1], &sum); err != nil {
			t.Fatal(err)
		}
		sums[name] = sum
	}
	want := sums["run"]
	if want.RowsIn != 20000 || want.RowsOut == 0 || len(want.Bypassed["label"]) != 3 {
		t.Errorf("summary %+v", want)
	}
	for name, sum := range sums {
		if sum.Checksum != want.Checksum || sum.RowsOut != want.RowsOut || sum.DeadLetters != want.DeadLetters {
			t.Errorf("%s: checksum %s of %d rows, want %s of %d", name, sum.Checksum, sum.RowsOut, want.Checksum, want.RowsOut)
		}
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
