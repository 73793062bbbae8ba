package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire/submission"
)

// A directory has one local cluster; one that ended without a word makes room for the
// next, and whoever looks for it is told.
func TestSettle(t *testing.T) {
	app, _ := settled(t, nil)
	if err := settle(); err != nil {
		t.Fatal(err)
	}
	if of, local := localOf(); of != os.Getpid() || !local {
		t.Error(of, local)
	}
	if err := settle(); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), fmt.Sprint("runs in this directory already: process ", os.Getpid())) {
		t.Error(err)
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(clusterFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(fmt.Sprint(localMark, gone.Process.Pid, "\nIDAG_TO=there:1\n"))
	if status, _, errs := call(t, app, "nodes"); status != statusFailed || !strings.Contains(errs, "'idag local' was ended here without its word: start it again, or remove .idag/cluster") {
		t.Error(status, errs)
	}
	if _, _, errs := call(t, app, "nodes", "--to", "elsewhere"); strings.Contains(errs, "ended") {
		t.Error(errs)
	}
	if err := settle(); err != nil {
		t.Error(err)
	}
	write("IDAG_TO=there:1\n")
	if err := settle(); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "'local' did not write it") {
		t.Error(err)
	}
}

// What gRPC says of a node that is not there, in plain words.
func TestPlainly(t *testing.T) {
	const grpc = `a:1 cannot be reached: connection error: desc = "transport: `
	for _, c := range []struct{ text, want string }{
		{grpc + `Error while dialing: dial tcp a:1: connect: connection refused"`, "a:1 cannot be reached: nobody listens there"},
		{grpc + `Error while dialing: dial tcp: lookup a on 10.0.0.1:53: no such host"`, "a:1 cannot be reached: lookup a on 10.0.0.1:53: no such host"},
		{grpc + `Error while dialing: dial tcp: address 99999: invalid port"`, "a:1 cannot be reached: address 99999: invalid port"},
		{grpc + `authentication handshake failed: EOF"`, "a:1 cannot be reached: it hung up; is that where it listens for jobs (--listen), not its gossip (--bind)?"},
		{grpc + `authentication handshake failed: context deadline exceeded"`, "a:1 cannot be reached: it does not answer"},
		{"a:1 cannot be reached: for some reason", "a:1 cannot be reached: for some reason"},
		{"anything else", "anything else"},
	} {
		if got := plainly(c.text); got != c.want {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
	}
}

// Jobs are listed for machines with the summary that run prints, and for people without
// what would move their cursor, or a line of a program that is not theirs.
func TestListed(t *testing.T) {
	d := &mayor{jobs: []submission.Info{finished(), {ID: "a\x1b[31mb\nc", State: submission.Failed, Error: "x\x07", Ended: 1},
		{ID: "meter", State: submission.Failed, Error: "far/meter.go:60: the directory is full", Ended: 1},
		{ID: "own", State: submission.Failed, Error: "own/job.go:60: the directory is full", Ended: 1}}}
	app, _ := settled(t, map[string]*mayor{"d:1": d})
	app.Jobs[0].Shipped = true
	out, _ := must(t, app, "jobs", "--to", "d:1", "--json")
	var first struct {
		ID       string
		Summary  struct{ Checksum string }
		Progress *string
	}
	line, _, _ := strings.Cut(out, "\n")
	if err := json.Unmarshal([]byte(line), &first); err != nil || first.ID != "meter" || first.Summary.Checksum != "00ff" || first.Progress != nil {
		t.Error(err, line)
	}
	out, _ = must(t, app, "jobs", "--to", "d:1")
	if strings.Count(out, "\n") != 5 || strings.ContainsAny(out, "\x1b\x07") || strings.Contains(out, "far/meter.go") || !strings.Contains(out, "own/job.go:60: ") {
		t.Errorf("%q", out)
	}
}
