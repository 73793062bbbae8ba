package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster/node"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/internal/wire/submission"
)

// town is a cluster that answers as it was told, a node an address.
type town struct {
	mu    sync.Mutex
	nodes map[string]*mayor
	saw   wire.Security // of the last call
}

// mayor is what answers at an address; nil errors mean that it drives.
type mayor struct {
	err       error       // of all calls but Nodes
	down      atomic.Bool // nobody answers
	members   []gossip.Member
	jobs      []submission.Info
	sent      []submission.Job
	lost      int // answers to Submit that get lost
	stops     []string
	unstopped []error // answers to Stop
	told      []submission.Info
	lines     []string
	breaks    error // ends a watch behind what is told
	onStop    func()
	useless   string                                                             // why the executors of members cannot be used
	rejected  error                                                              // of Submit
	watched   func(from int64, tell func(submission.Info, []string) error) error // in place of told, lines and breaks
}

func (t *town) dial(addr string, s wire.Security) (wire.Driver, io.Closer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.saw = s
	m := t.nodes[addr]
	if m == nil {
		m = &mayor{}
		m.down.Store(true)
	}
	return m, io.NopCloser(nil), nil
}

func (m *mayor) fails() error {
	if m.down.Load() {
		return fault.New(fault.Retry, "nobody answers")
	}
	return m.err
}

func (m *mayor) Submit(_ context.Context, j submission.Job) (submission.Info, error) {
	if m.sent = append(m.sent, j); len(m.sent) <= m.lost {
		return submission.Info{}, fault.New(fault.Retry, "the connection broke")
	}
	return submission.Info{ID: "meter", State: submission.Waiting}, errors.Join(m.fails(), m.rejected)
}

func (m *mayor) Jobs(context.Context) ([]submission.Info, error) { return m.jobs, m.fails() }

func (m *mayor) Stop(_ context.Context, id string, drain bool) error {
	m.stops = append(m.stops, fmt.Sprint(id, " ", drain))
	if m.onStop != nil {
		m.onStop()
	}
	if len(m.unstopped) > 0 {
		err := m.unstopped[0]
		m.unstopped = m.unstopped[1:]
		return err
	}
	return m.fails()
}

func (m *mayor) Watch(ctx context.Context, _ string, from int64, tell func(submission.Info, []string) error) error {
	if err := m.fails(); err != nil {
		return err
	}
	if m.watched != nil {
		return m.watched(from, tell)
	}
	for i, info := range m.told {
		var lines []string
		if i == 0 {
			lines = m.lines
		}
		if err := tell(info, lines); err != nil {
			return err
		}
	}
	if m.onStop != nil { // it goes on until it is stopped
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return m.breaks
}

func (m *mayor) Nodes(context.Context) ([]byte, error) {
	if m.down.Load() {
		return nil, m.fails()
	}
	var out []submission.Node
	for _, member := range m.members {
		n := submission.Node{Member: member}
		if member.Role == gossip.Executor {
			n.Unusable = m.useless
		}
		out = append(out, n)
	}
	return json.Marshal(out)
}

// settled is an app with a town, in a directory of its own.
func settled(t *testing.T, nodes map[string]*mayor) (App, *town) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range []string{envTo, envJoin, envKey, envCluster, envCA, envCert, envCertKey, envToken, envPlain} {
		t.Setenv(name, "")
	}
	home := &town{nodes: nodes}
	app := new(fake).app()
	app.Engine.Dial = home.dial
	return app, home
}

func progress(batch int, rows int64) []byte {
	text, _ := json.Marshal(map[string]any{"Batch": batch, "Rows": rows, "RowsTotal": 100, "Committed": true, "Watermark": int64(0)})
	return text
}

func finished() submission.Info {
	text, _ := json.Marshal(engine.Summary{Job: "meter", Plan: "idag", Batches: 2, RowsIn: 100, Checksum: "00ff"})
	return submission.Info{ID: "meter", State: submission.Finished, Batch: 2, Progress: progress(2, 100), Summary: text, Ended: 1}
}

// The flags reach the driver; what it tells is shown as run shows it: an object a batch,
// once, the summary last, what console sinks wrote elsewhere.
func TestSubmit(t *testing.T) {
	d := &mayor{lines: []string{"2026-01-01T00:00:00Z running", "2026-01-01T00:00:00Z | from a sink"}, told: []submission.Info{
		{ID: "meter", State: submission.Waiting},
		{ID: "meter", State: submission.Waiting, Waits: "for executors: there are none"},
		{ID: "meter", State: submission.Waiting, Waits: "for executors: there are none"},
		{ID: "meter", State: submission.Waiting, Waits: "for executors: 1 alive, none usable: e: the token is wrong"},
		{ID: "meter", State: submission.Running, Progress: progress(1, 50)},
		{ID: "meter", State: submission.Running, Progress: progress(1, 50)},
		finished(), finished(),
	}}
	app, _ := settled(t, map[string]*mayor{"d:7947": d})
	out, errs := must(t, app, "submit", "meter", "--to", "d", "--json", "--set", "a=b", "--linear", "--batch-rows", "7", "--lateness", "0s",
		"--restart", "--schedule", "x", "--dead-letters", "dead")
	if strings.Count(out, "\n") != 3 || !strings.HasPrefix(out, `{"batch":1,"rows":50,"rows_total":100,`) || !strings.Contains(out, `{"job":"meter",`) {
		t.Error(out)
	}
	if errs != "from a sink\nmeter waits for executors: there are none\nmeter waits for executors: 1 alive, none usable: e: the token is wrong\n" {
		t.Error(errs)
	}
	j := d.sent[0]
	if j.Name != "meter" || j.Mode != "masked" || !maps.Equal(j.Vars, map[string]string{"a": "b"}) || j.Settings.BatchRows != 7 || *j.Settings.Lateness != 0 ||
		!j.Restart || j.Schedule[0] != "x" || !filepath.IsAbs(j.DeadLetters) {
		t.Errorf("%+v", j)
	}
	if out, _ := must(t, app, "submit", "meter", "--to", "d"); !strings.HasPrefix(out, "from a sink\nmeter done, idag plan, 2 batches") {
		t.Error(out)
	}
	if out, _ := must(t, app, "submit", "meter", "--to", "d", "-d"); !strings.Contains(out, "meter is submitted to d:7947; 'idag logs meter -f' follows it") {
		t.Error(out)
	}
	if out, _ := must(t, app, "submit", "meter", "--to", "d", "--check"); out != "meter: ok\n" {
		t.Error(out)
	}
}

// A job file travels as it is; the driver makes the job that run would.
func TestSubmitFile(t *testing.T) {
	d := &mayor{told: []submission.Info{finished()}}
	app, _ := settled(t, map[string]*mayor{"d:1": d})
	if err := os.WriteFile("j.yaml", []byte(jobFile), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, app, "submit", "j.yaml", "--to", "d:1", "-q", "--batch-rows", "9", "--in-flight", "2")
	s := &session{app: app}
	job, err := s.submitted(d.sent[0])
	if err != nil || job.Name != "filed" || job.Settings.BatchRows != 9 || job.Settings.InFlight != 2 {
		t.Error(job, err)
	}
	if _, err := s.submitted(submission.Job{Name: "metre"}); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), `did you mean "meter"?`) {
		t.Error(err)
	}
	if _, err := s.submitted(submission.Job{Name: "meter", Schedule: []string{"nothing"}}); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
}

// What the driver finds in a job is shown at the author's line; what ended a job, with
// the status it deserves.
func TestSubmitFails(t *testing.T) {
	for _, c := range []struct {
		rejected error
		last     submission.Info
		status   int
		want     string
	}{
		{rejected: invalid("j.yaml:2:9: unknown label\nj.yaml:3:1: and this"), status: statusMistake,
			want: "j.yaml:2:9: error: unknown label\n    2 | labels: [l]\n      |         ^\nj.yaml:3:1: error: and this\n    3 | datasets:\n      | ^\n"},
		{rejected: invalid("the job filed is running already"), status: statusMistake, want: "idag: the job filed is running already\n"},
		{last: submission.Info{State: submission.Failed, Error: "j.yaml:2:9: bad data", Invalid: true}, status: statusMistake, want: "j.yaml:2:9: error: bad data\n"},
		{last: submission.Info{State: submission.Failed, Error: "the disk is gone"}, status: statusFailed, want: "idag: the job failed: the disk is gone\n"},
		{last: submission.Info{ID: "filed", State: submission.Finished, Batch: 2, RowsIn: 30}, status: statusOK,
			want: "filed has finished after 2 batches, 30 rows in, 0 out; its summary was lost with its driver"},
		{last: submission.Info{ID: "filed", State: submission.Stopped}, status: statusFailed, want: "filed is stopped, and has no summary"},
	} {
		app, _ := settled(t, map[string]*mayor{"d:1": {rejected: c.rejected, told: []submission.Info{c.last}}})
		if err := os.WriteFile("j.yaml", []byte(jobFile), 0o600); err != nil {
			t.Fatal(err)
		}
		status, out, errs := call(t, app, "submit", "j.yaml", "--to", "d:1")
		if status != c.status || !strings.Contains(out+errs, c.want) {
			t.Errorf("status %d, %s%s, want %d, %s", status, out, errs, c.status, c.want)
		}
	}
}

// When the driver is gone, the next one is found by what any node said before, and the
// job is followed there: no batch is told twice.
func TestSubmitFailsOver(t *testing.T) {
	second := gossip.Member{Name: "s", Role: gossip.Standby, RPC: "s:1", Condition: gossip.Alive}
	next := &mayor{err: fault.New(fault.Retry, "this node does not drive"), members: []gossip.Member{second},
		told: []submission.Info{{State: submission.Running, Progress: progress(1, 50)}, finished()}}
	d := &mayor{members: []gossip.Member{second}, told: []submission.Info{{State: submission.Running, Progress: progress(1, 50)}},
		breaks: fault.New(fault.Retry, "the connection broke")}
	app, home := settled(t, map[string]*mayor{"d:1": d, "s:1": next})
	dial := app.Engine.Dial
	asked := 0
	app.Engine.Dial = func(addr string, s wire.Security) (wire.Driver, io.Closer, error) {
		if asked++; asked == 2 {
			d.down.Store(true)
		}
		if asked == 5 {
			next.err = nil
		}
		return dial(addr, s)
	}
	out, errs := must(t, app, "submit", "meter", "--to", "d:1", "--json")
	if strings.Count(out, `{"batch"`) != 2 || !strings.Contains(errs, "the driver is gone; looking for another one\nthe driver is at s:1 now\n") {
		t.Error(out, errs)
	}
	if home.saw.Version != "v1" || !home.saw.Plain || home.saw.AllowPlain {
		t.Errorf("%+v", home.saw)
	}
}

// Somebody who follows a job over a broken connection, and then over another driver, sees
// each line once, whether they submitted it or look at its log.
func TestFollowedOnce(t *testing.T) {
	say := func(number int64, text string) string { return fmt.Sprintf("2026-01-02T03:04:05Z %s%d", text, number) }
	d := &mayor{members: []gossip.Member{{Name: "d", Role: gossip.Driver, RPC: "d:1", Condition: gossip.Alive}}}
	calls := 0
	d.watched = func(from int64, tell func(submission.Info, []string) error) error {
		calls++
		// The first two are one driver's, the third is another's, who begins a log of its own.
		all := [][]int64{{0, 1, 2}, {0, 1, 2, 3}, {1 << 32}}[calls-1]
		var lines []string
		for _, n := range all {
			if n >= from {
				lines = append(lines, say(n, "| line "))
			}
		}
		state, broken := submission.Running, fault.New(fault.Retry, "the connection broke")
		if calls == 3 {
			state, broken = submission.Finished, nil
		}
		for _, n := range all {
			note, err := json.Marshal(engine.Progress{Batch: 1, Note: say(n, "note ")})
			if err = errors.Join(err, tell(submission.Info{ID: "meter", State: state, Seq: n + 1, Progress: note}, nil)); err != nil {
				return err
			}
		}
		sum := []byte(`{"job": "meter"}`)
		return cmp.Or(tell(submission.Info{ID: "meter", State: state, Lines: all[len(all)-1] + 1, Summary: sum}, lines), broken)
	}
	app, _ := settled(t, map[string]*mayor{"d:1": d})
	out, _ := must(t, app, "logs", "meter", "-f", "--to", "d:1")
	want := ""
	for _, n := range []int64{0, 1, 2, 3, 1 << 32} {
		want += say(n, "| line ") + "\n"
	}
	if out != want {
		t.Errorf("%s, want\n%s", out, want)
	}
	calls = 0
	out, errs := must(t, app, "submit", "meter", "--to", "d:1")
	for _, n := range []int64{0, 1, 2, 3, 1 << 32} {
		if strings.Count(out, fmt.Sprintf("line %d\n", n)) != 1 || strings.Count(errs, fmt.Sprintf("note %d\n", n)) != 1 {
			t.Errorf("line %d is not there once: %s%s", n, out, errs)
		}
	}
}

// TestNotedOnce: what a job had to note is shown once, though it stays with its progress
// until that goes on, and again when it is noted again.
func TestNotedOnce(t *testing.T) {
	var out bytes.Buffer
	v := &viewer{rep: &jsonLines{w: io.Discard, errs: &out}}
	tell := func(seq int64, note string) {
		t.Helper()
		text, err := json.Marshal(engine.Progress{Rows: 5, Note: note})
		if err != nil {
			t.Fatal(err)
		}
		if err := v.tell(submission.Info{ID: "j", State: submission.Running, Seq: seq, Progress: text}, nil); err != nil {
			t.Fatal(err)
		}
	}
	tell(1, "a node is gone")
	tell(0, "a node is gone")
	tell(0, "a node is gone")
	tell(0, "")
	tell(2, "a node is gone")
	tell(0, "a node is gone")
	if n := strings.Count(out.String(), "a node is gone"); n != 2 {
		t.Errorf("noted %d times, twice would be right:\n%s", n, &out)
	}
}

// A job whose answer was lost is sent again, as the same submission, but not for ever.
func TestSubmitAgain(t *testing.T) {
	d := &mayor{lost: 2}
	app, _ := settled(t, map[string]*mayor{"d:1": d})
	_, errs := must(t, app, "submit", "meter", "--to", "d:1", "-d")
	if len(d.sent) != 3 || d.sent[0].Key == "" || d.sent[1].Key != d.sent[0].Key || d.sent[2].Key != d.sent[0].Key ||
		strings.Count(errs, "the job could not be handed over (the connection broke); looking for a driver\nthe driver is at d:1 now\n") != 2 {
		t.Error(len(d.sent), errs)
	}
	d.sent, d.lost = nil, 9
	status, _, errs := call(t, app, "submit", "meter", "--to", "d:1", "-d")
	if status != statusFailed || len(d.sent) != 3 || !strings.HasSuffix(errs, "idag: the connection broke\n") {
		t.Error(status, len(d.sent), errs)
	}
	key := d.sent[0].Key
	d.sent, d.lost = nil, 0
	if must(t, app, "submit", "meter", "--to", "d:1", "-d"); d.sent[0].Key == key {
		t.Error("two submissions have one key:", key)
	}
}

// Whoever stops a job waits for its end from driver to driver, and is heard though the answer
// was lost.
func TestStopFollows(t *testing.T) {
	d := &mayor{unstopped: []error{fault.New(fault.Retry, "the connection broke"), invalid("the job meter is stopping already")}}
	app, _ := settled(t, map[string]*mayor{"d:1": d})
	watches := 0
	d.watched = func(_ int64, tell func(submission.Info, []string) error) error {
		if watches++; watches == 1 {
			return fault.New(fault.Retry, "the connection broke")
		}
		return tell(submission.Info{ID: "meter", State: submission.Stopped, Batch: 3}, nil)
	}
	out, errs := must(t, app, "stop", "meter", "--to", "d:1")
	if len(d.stops) != 2 || !strings.Contains(out, "meter is stopped after 3 batches") || strings.Count(errs, "the driver is gone; looking for another one\nthe driver is at d:1 now\n") != 2 {
		t.Error(d.stops, out, errs)
	}
}

// While nodes answer and none of them drives, whoever asks waits for the next driver, and
// is told that.
func TestBetweenDrivers(t *testing.T) {
	gone, next := &mayor{}, &mayor{}
	next.err = fault.New(fault.Retry, "this node does not drive, and it knows of no driver")
	app, home := settled(t, map[string]*mayor{"gone:1": gone, "next:1": next})
	gone.down.Store(true)
	dials := 0
	app.Engine.Dial = func(addr string, s wire.Security) (wire.Driver, io.Closer, error) {
		if dials++; dials > 6 {
			next.err = nil
		}
		return home.dial(addr, s)
	}
	out, errs := must(t, app, "submit", "meter", "--to", "gone:1,next:1", "-d")
	if !strings.Contains(out, "submitted to next:1") || errs != "the cluster has no driver at the moment; waiting for one\n" || len(next.sent) != 1 {
		t.Error(out, errs)
	}
}

// Ctrl-C drains the job, a second one aborts it, however fast it comes. A driver that
// does not hear of it is named: the job may go on there.
func TestSubmitInterrupted(t *testing.T) {
	for _, c := range []struct {
		name       string
		fast, deaf bool
		want       string
	}{
		{name: "one by one", want: "idag: aborted; batches that were not committed will be run again\n"},
		{name: "at once", fast: true, want: "idag: aborted; batches that were not committed will be run again\n"},
		{name: "not heard", deaf: true, want: "idag: the cluster does not answer, which may go on with meter: 'idag stop meter' when it does (nobody answers)\n"},
	} {
		interrupts := make(chan os.Signal, 2)
		d := &mayor{told: []submission.Info{{State: submission.Running, Progress: progress(1, 50)}}}
		d.onStop = func() {
			d.down.Store(c.deaf)
			if len(d.stops) == 1 && !c.fast {
				interrupts <- os.Interrupt
			}
		}
		app, _ := settled(t, map[string]*mayor{"d:1": d})
		if interrupts <- os.Interrupt; c.fast {
			interrupts <- os.Interrupt
		}
		var o, e strings.Builder
		status := Main(t.Context(), app, []string{"submit", "meter", "--to", "d:1"}, IO{Out: &o, Err: &e, Interrupts: interrupts})
		if status != statusFailed || len(d.stops) == 0 || d.stops[len(d.stops)-1] != "meter false" || d.stops[0] != "meter true" {
			t.Error(c.name, status, d.stops)
		}
		if !strings.HasSuffix(e.String(), c.want) || strings.Count(e.String(), "idag: ") != 1 {
			t.Errorf("%s: %s", c.name, e.String())
		}
	}
}

// Jobs, nodes, logs and stop show what the driver says.
func TestLooks(t *testing.T) {
	d := &mayor{
		jobs: []submission.Info{{ID: "meter", State: submission.Running, Batch: 3, RowsIn: 4000, RowsOut: 7, Began: 1, Ended: 2_500_001}, {ID: "bad", State: submission.Failed, Error: "broken\nbadly", Ended: 1, Began: 1}},
		members: []gossip.Member{{Name: "e", Role: gossip.Executor, Slots: 2, Memory: 3 << 30, RPC: "e:1", Condition: gossip.Alive, Version: "v1"},
			{Name: "d", Role: gossip.Driver, RPC: "d:1", Condition: gossip.Alive, Version: "v1"}},
		told: []submission.Info{{ID: "meter", State: submission.Stopped, Batch: 3, RowsIn: 4000}}, lines: []string{"one", "two"},
	}
	app, _ := settled(t, map[string]*mayor{"d:1": d})
	t.Setenv(envTo, "d:1")
	out, _ := must(t, app, "jobs")
	for _, want := range []string{"meter  running      3    4,000         7", "2.5s", "broken\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%s\nhas no %q", out, want)
		}
	}
	if out, _ := must(t, app, "jobs", "--json"); strings.Count(out, "\n") != 2 || !strings.HasPrefix(out, `{"id":"meter","state":"running","batch":3,`) {
		t.Error(out)
	}
	if out, _ := must(t, app, "jobs", "--shipped"); !strings.Contains(out, "Meter events.") {
		t.Error(out)
	}
	out, _ = must(t, app, "nodes")
	if lines := strings.Split(out, "\n"); len(lines) != 4 || !strings.Contains(lines[1], "executor  alive          2  3.00 GiB") || !strings.Contains(lines[2], "driver    alive") {
		t.Error(out)
	}
	if out, _ := must(t, app, "nodes", "--json"); !strings.HasPrefix(out, `{"name":"e","role":"executor",`) {
		t.Error(out)
	}
	d.useless = "e:1 refuses\nthe \x1b[2Jcall"
	if out, _ = must(t, app, "nodes"); !strings.HasSuffix(out, "e is unusable: e:1 refuses the [2Jcall\n") {
		t.Errorf("%q", out)
	}
	d.useless = "e:1 refuses the call: the token is wrong or missing"
	out, _ = must(t, app, "nodes")
	if lines := strings.Split(out, "\n"); len(lines) != 5 || !strings.Contains(lines[1], "alive, unusable") || lines[3] != "e is unusable: "+d.useless || strings.Contains(lines[2], "unusable") {
		t.Error(out)
	}
	if out, _ := must(t, app, "nodes", "--json"); strings.Count(out, `"unusable":"e:1 refuses the call: the token is wrong or missing"`) != 1 {
		t.Error(out)
	}
	d.jobs[0].State, d.jobs[0].Waits = submission.Waiting, "for executors: 1 alive, none usable: e: refused"
	if out, _ := must(t, app, "jobs"); !strings.Contains(out, "none usable: e: refused") {
		t.Error(out)
	}
	d.jobs[0].State, d.jobs[0].Waits = submission.Running, ""
	if out, _ := must(t, app, "logs", "meter"); out != "one\ntwo\n" {
		t.Error(out)
	}
	if out, _ := must(t, app, "logs", "meter", "-f"); out != "one\ntwo\n" {
		t.Error(out)
	}
	if out, _ := must(t, app, "stop", "meter", "--drain"); out != "meter is stopped after 3 batches, 4,000 rows in, 0 out\n" || d.stops[0] != "meter true" {
		t.Error(out, d.stops)
	}
	if out, _ := must(t, app, "stop", "meter", "--wait=false"); out != "meter is stopping\n" || d.stops[1] != "meter false" {
		t.Error(out, d.stops)
	}
	if out, _ := must(t, app, "__complete", "stop", ""); !strings.Contains(out, "meter\trunning\nbad\tfailed\n") {
		t.Error(out)
	}
	d.jobs = nil
	if out, _ := must(t, app, "jobs"); !strings.Contains(out, "no jobs at d:1") {
		t.Error(out)
	}
}

// Without a cluster the user is told how to name one; a cluster that does not answer is
// no mistake of the user's, one that refuses is.
func TestNoCluster(t *testing.T) {
	app, _ := settled(t, map[string]*mayor{"r:7947": {err: invalid("r:7947 refuses the call: the token is wrong or missing")}})
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"submit", "meter"}, statusMistake, "which cluster? give --to HOST, set $IDAG_TO, or start one in this directory with 'idag local'"},
		{[]string{"nodes", "--to", "x,y"}, statusFailed, "the cluster does not answer: nobody answers"},
		{[]string{"nodes", "--to", "r"}, statusMistake, "the token is wrong or missing"},
		{[]string{"nodes", "--to", "r", "--ca", "x"}, statusMistake, "--ca, --cert and --cert-key go together"},
		{[]string{"nodes", "--to", "r", "--token", "file:none"}, statusMistake, "none: no such file"},
		{[]string{"submit", "none.yaml", "--to", "r"}, statusMistake, "none.yaml: no such file"},
		{[]string{"executor"}, statusMistake, "missing --join"},
		{[]string{"driver", "--bind", "0.0.0.0:1"}, statusMistake, "needs a --key, or --plain"},
		{[]string{"driver", "--key", "short"}, statusMistake, "key"},
		{[]string{"driver", "--preset", "mars"}, statusMistake, "mars"},
		{[]string{"driver", "--temp", "file"}, statusMistake, "--temp: file is no directory"},
	} {
		status, _, errs := call(t, app, c.args...)
		if status != c.status || !strings.Contains(errs, c.want) {
			t.Errorf("%v: status %d, %s; want %d, %s", c.args, status, errs, c.status, c.want)
		}
	}
}

// A driver's clock is as wrong as trials want it, and right where nobody asks.
func TestSkewed(t *testing.T) {
	t.Setenv(envSkew, "-1h")
	clock, err := skewed()
	if err != nil || time.Since(clock()).Round(time.Minute) != time.Hour {
		t.Errorf("%v", err)
	}
	t.Setenv(envSkew, "yesterday")
	if _, err = skewed(); fault.Of(err) != fault.Invalid || err == nil || !strings.Contains(err.Error(), envSkew) {
		t.Errorf("%v", err)
	}
	t.Setenv(envSkew, "")
	if clock, err = skewed(); clock != nil || err != nil {
		t.Errorf("%v", err)
	}
}

// A flag goes before the environment, the environment before the file.
func TestSettings(t *testing.T) {
	app, home := settled(t, map[string]*mayor{"flag:7947": {}, "env:7947": {}, "file:1": {}, "[::1]:7947": {}})
	if err := os.MkdirAll(".idag", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(clusterFile, []byte("# a comment\n\nIDAG_TO = file:1\nIDAG_TOKEN=secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	reached := func(args ...string) string {
		out, _ := must(t, app, append([]string{"submit", "meter", "-d"}, args...)...)
		_, out, _ = strings.Cut(out, "submitted to ")
		out, _, _ = strings.Cut(out, ";")
		return out
	}
	if got := reached(); got != "file:1" || home.saw.Token != "secret" {
		t.Error(got, home.saw)
	}
	if got := reached("--to", "none, ::1"); got != "[::1]:7947" {
		t.Error(got)
	}
	t.Setenv(envTo, "env")
	t.Setenv(envPlain, "1")
	if got := reached(); got != "env:7947" || !home.saw.AllowPlain {
		t.Error(got, home.saw)
	}
	if err := os.WriteFile("token", []byte(" t \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := reached("--to", "flag", "--token", "file:token"); got != "flag:7947" || home.saw.Token != "t" {
		t.Error(got, home.saw)
	}
	if _, _, errs := call(t, app, "nodes", "--ca", "none", "--cert", "none", "--cert-key", "none"); !strings.Contains(errs, "none: no such file") {
		t.Error("certificates that are named go before $IDAG_PLAIN:", errs)
	}
	t.Setenv(envPlain, "perhaps")
	if _, _, errs := call(t, app, "nodes"); !strings.Contains(errs, "IDAG_PLAIN=perhaps: expected 1 or 0") {
		t.Error(errs)
	}
	t.Setenv(envPlain, "")
	if err := os.WriteFile(clusterFile, []byte("IDAG_TO=x\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, errs := call(t, app, "submit", "meter"); !strings.Contains(errs, ".idag/cluster:2: expected NAME=VALUE") {
		t.Error(errs)
	}
	if err := os.WriteFile(clusterFile, []byte("IDAG_TOO=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, errs := call(t, app, "submit", "meter"); !strings.Contains(errs, `.idag/cluster:1: there is no setting "IDAG_TOO": expected one of IDAG_TO, `) {
		t.Error(errs)
	}
}

// Certificates that idag cert makes are those that nodes and clients load.
func TestCertificates(t *testing.T) {
	app, home := settled(t, map[string]*mayor{"d:1": {}})
	must(t, app, "cert", "ca")
	must(t, app, "cert", "node", "me")
	must(t, app, "nodes", "--to", "d:1", "--ca", "certs/ca.pem", "--cert", "certs/me.pem", "--cert-key", "certs/me-key.pem")
	if home.saw.Plain || home.saw.Roots == nil || home.saw.Certificate.Leaf.Subject.CommonName != "me" {
		t.Errorf("%+v", home.saw)
	}
	must(t, app, "cert", "ca", "--dir", "other", "--name", "strangers")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"cert", "ca"}, "ca-key.pem is there already"},
		{[]string{"cert", "node", "x", "--dir", "none"}, "'idag cert ca' makes an authority"},
		{[]string{"cert", "node", "x", "--valid", "9999 days"}, "longer than its authority"},
		{[]string{"cert", "node", "x", "--valid", "never"}, "--valid"},
		{[]string{"cert", "node", "../x"}, "it is the name of a file"},
		{[]string{"cert", "node", "ca"}, "it is the name of a file"},
		{[]string{"cert", "node", ".."}, "it is the name of a file"},
		{[]string{"nodes", "--to", "d:1", "--ca", "other/ca.pem", "--cert", "certs/me.pem", "--cert-key", "certs/me-key.pem"}, "not of an authority that is believed here"},
	} {
		if status, _, errs := call(t, app, c.args...); status != statusMistake || !strings.Contains(errs, c.want) {
			t.Errorf("%v: status %d, %s; want %s", c.args, status, errs, c.want)
		}
	}
	first, _ := must(t, app, "cert", "key")
	second, _ := must(t, app, "cert", "key")
	if len(first) != 45 || first == second {
		t.Error(first, second)
	}
}

// The flags of nodes reach them, and Ctrl-C ends them in order.
func TestNodes(t *testing.T) {
	app, _ := settled(t, nil)
	var got node.Config
	interrupts := make(chan os.Signal, 1)
	run := func(_ context.Context, cfg node.Config) error {
		got = cfg
		cfg.Ready(gossip.Member{Name: cfg.Gossip.Self.Name, Role: gossip.Executor, Gossip: "g:1", RPC: "r:1"})
		interrupts <- os.Interrupt
		<-cfg.Stop
		return nil
	}
	var home string
	app.Engine.Execute = run
	app.Engine.Drive = func(ctx context.Context, cfg node.DriverConfig) error {
		home = cfg.Home
		return run(ctx, cfg.Config)
	}
	starts := func(args ...string) string {
		var o, e strings.Builder
		if status := Main(t.Context(), app, args, IO{Out: &o, Err: &e, Interrupts: interrupts}); status != statusOK {
			t.Fatal(args, status, e.String())
		}
		return o.String()
	}
	key := strings.Repeat("ab", 16)
	out := starts("executor", "--join", "d,e:1", "--key", key, "--slots", "3", "--memory", "1 GiB", "--site", "north", "--name", "x", "--listen", "127.0.0.1:0", "--advertise", "me:5", "--preset", "wan", "--cluster", "c")
	if out != "x is ready: executor, gossip at g:1, tasks and jobs at r:1\n" {
		t.Error(out)
	}
	g := got.Gossip
	if g.Self.Slots != 3 || g.Self.Memory != 1<<30 || g.Self.Site != "north" || g.Self.Name != "x" || strings.Join(g.Join, " ") != "d e:1" || len(g.Keys) != 1 ||
		g.Bind != "127.0.0.1:7946" || got.Listen != "127.0.0.1:0" || got.Advertise != "me" || g.Preset.String() != "wan" || g.Cluster != "c" {
		t.Errorf("%+v", got)
	}
	starts("driver", "--plain", "--home", "h")
	if got.Listen != ":7947" || got.Gossip.Bind != ":7946" || home != "h" || !strings.HasSuffix(got.Gossip.Self.Name, "-driver") {
		t.Errorf("%+v", got)
	}
	app.Engine.Execute = func(context.Context, node.Config) error { return fault.New(fault.Retry, "the net is gone") }
	if status, _, errs := call(t, app, "executor", "--join", "d"); status != statusFailed || errs != "idag: the node has ended: the net is gone\n" {
		t.Error(status, errs)
	}
}
