package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/generate"
	connjson "github.com/idag/idag/connectors/json"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster/home"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/rdd"
)

func kinds() connectors.Registry { return connectors.NewRegistry(generate.Kind(), connjson.Kind()) }

// metered is a job that takes about rows/rate seconds.
const metered = `job: %s
labels: [error, backup, information]
settings: {batch_rows: 500, checkpoint_every: 1 ms}
datasets:
  hourly:
    - read: {generate: {events: meter, rows: %d, rate: %d, partitions: 2, meters: 50}}
    - tag: {column: kind, identity: [meter, ts], time: ts}
    - window: {time: ts, tumbling: 1 hour}
    - reduce: {from: [backup, information], by: [meter, window_start], get: {wh: sum(wh), n: count()}}
    - write: {json: {path: %s, mode: overwrite}}
`

func asked(name string, rows, rate int, out string) submission.Job {
	return submission.Job{File: name + ".yaml", Source: fmt.Appendf(nil, metered, name, rows, rate, out)}
}

func build(j submission.Job) (*rdd.Job, error) {
	return jobfile.Parse(j.File, j.Source, j.Vars, kinds())
}

// site is a cluster whose executors are in the driver's process.
type site struct {
	t       *testing.T
	dir     string
	changes chan struct{}

	mu      sync.Mutex
	members []gossip.Member
	run     func(context.Context, *rdd.Job, engine.Config, *Seat) (engine.Summary, error)
}

func newSite(t *testing.T, executors int) *site {
	s := &site{t: t, dir: t.TempDir(), changes: make(chan struct{}, 1)}
	s.run = func(ctx context.Context, job *rdd.Job, cfg engine.Config, _ *Seat) (engine.Summary, error) {
		cfg.Executors = 2
		return engine.Run(ctx, job, cfg)
	}
	s.set(executors)
	return s
}

func (s *site) set(executors int) {
	s.mu.Lock()
	s.members = nil
	for i := range executors {
		s.members = append(s.members, member(fmt.Sprint("e", i), 2))
	}
	s.mu.Unlock()
	select {
	case s.changes <- struct{}{}:
	default:
	}
}

func (s *site) all() []gossip.Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.members
}

// drive starts a driver. It ends with the test, if it has not before.
func (s *site) drive() (svc *Service, end func(context.Context)) {
	s.t.Helper()
	h, err := home.Open(filepath.Join(s.dir, "home"), home.Owner{Name: "d"})
	if err != nil {
		s.t.Fatal(err)
	}
	svc, err = New(Config{Home: h, Members: s.all, Changes: s.changes, Kinds: kinds(), Build: build,
		Run: s.run, Log: func(line string) { s.t.Log(line) }})
	if err != nil {
		s.t.Fatal(err)
	}
	var once sync.Once
	end = func(ctx context.Context) {
		once.Do(func() {
			if err := errors.Join(svc.Close(ctx), h.Close()); err != nil {
				s.t.Error(err)
			}
		})
	}
	s.t.Cleanup(func() {
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		end(gone)
	})
	return svc, end
}

func submit(t *testing.T, s *Service, j submission.Job) submission.Info {
	t.Helper()
	info, err := s.Submit(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// follow watches a job until it has ended.
func follow(t *testing.T, s *Service, id string) (all []submission.Info, lines []string) {
	t.Helper()
	err := s.Watch(t.Context(), id, 0, func(i submission.Info, l []string) error {
		all, lines = append(all, i), append(lines, l...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, lines
}

func summaryOf(t *testing.T, i submission.Info) (s engine.Summary) {
	t.Helper()
	if err := json.Unmarshal(i.Summary, &s); err != nil {
		t.Fatalf("%s: %v %+v", i.Summary, err, i)
	}
	return s
}

// checksum is what a job of metered comes to in this process alone.
func checksum(t *testing.T, rows int) string {
	t.Helper()
	job, err := build(asked("alone", rows, 0, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	s, err := engine.Run(t.Context(), job, engine.Config{Kinds: kinds()})
	if err != nil {
		t.Fatal(err)
	}
	return s.Checksum
}

// A job that is submitted runs to its end; who watches is told of each batch in order,
// of its states, and of the summary, which is that of the same job run alone.
func TestSubmitted(t *testing.T) {
	s := newSite(t, 1)
	d, _ := s.drive()
	if i := submit(t, d, asked("j", 3000, 0, t.TempDir())); i.ID != "j" {
		t.Fatalf("%+v", i)
	}
	all, lines := follow(t, d, "j")
	batch := int64(0)
	for _, i := range all {
		if i.Batch < batch && i.State != submission.Waiting {
			t.Errorf("batch %d is told behind %d", i.Batch, batch)
		}
		batch = max(batch, i.Batch)
	}
	last := all[len(all)-1]
	if last.State != submission.Finished || last.Ended == 0 || summaryOf(t, last).Checksum != checksum(t, 3000) {
		t.Errorf("%+v", last)
	}
	if text := strings.Join(lines, "\n"); !strings.Contains(text, " running\n") || !strings.HasSuffix(text, " finished") {
		t.Error(text)
	}
	jobs, err := d.Jobs(t.Context())
	if err != nil || len(jobs) != 1 || jobs[0].State != submission.Finished {
		t.Error(jobs, err)
	}
}

// What cannot run is refused before anything has begun: a mistake at its line, a job
// that runs already, one that is only to be checked; and so is what nobody submitted.
func TestRefused(t *testing.T) {
	d, _ := newSite(t, 0).drive()
	bad := submission.Job{File: "bad.yaml", Source: []byte("job: bad\nlabels: [a]\ndatasets:\n  x:\n    - red: {generate: meter}\n")}
	var at *rdd.Error
	if _, err := d.Submit(t.Context(), bad); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "bad.yaml:5") || !errors.As(err, &at) {
		t.Error(err)
	}
	column := asked("c", 1, 0, t.TempDir())
	column.Source = []byte(strings.Replace(string(column.Source), "sum(wh)", "sum(hw)", 1))
	if _, err := d.Submit(t.Context(), column); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "c.yaml:9") {
		t.Error(err)
	}
	good := asked("j", 10, 0, t.TempDir())
	good.Check = true
	if i := submit(t, d, good); i.ID != "j" {
		t.Errorf("%+v", i)
	}
	if jobs, err := d.Jobs(t.Context()); len(jobs) != 0 || err != nil {
		t.Error(jobs, err)
	}
	good.Check = false
	submit(t, d, good)
	if i, err := d.Submit(t.Context(), good); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "is waiting already") || i.State != submission.Waiting {
		t.Error(i, err)
	}
	for _, err := range []error{d.Stop(t.Context(), "i", true), d.Watch(t.Context(), "i", 0, nil)} {
		if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "did you mean j?") {
			t.Error(err)
		}
	}
}

// What is submitted again because its answer was lost is one submission, also for the next
// driver; with another key it is another one.
func TestSameKey(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	d, end := s.drive()
	j := asked("j", 3000, 6000, t.TempDir())
	j.Key = "a"
	submit(t, d, j)
	submit(t, d, j)
	end(ended(t))
	d, _ = s.drive()
	submit(t, d, j)
	other := j
	for _, other.Key = range []string{"b", ""} {
		if _, err := d.Submit(t.Context(), other); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "already") {
			t.Errorf("key %q: %v", other.Key, err)
		}
	}
	all, _ := follow(t, d, "j")
	if i := submit(t, d, j); i.State != submission.Finished || i.Ended != all[len(all)-1].Ended {
		t.Errorf("it was run anew: %+v", i)
	}
	submit(t, d, other)
	if all, _ := follow(t, d, "j"); all[len(all)-1].State != submission.Finished {
		t.Errorf("%+v", all)
	}
}

// A job waits for executors and begins when there are some; one that waits can be stopped.
func TestWaits(t *testing.T) {
	s := newSite(t, 0)
	d, _ := s.drive()
	submit(t, d, asked("first", 100, 0, t.TempDir()))
	submit(t, d, asked("second", 100, 0, t.TempDir()))
	if jobs, err := d.Jobs(t.Context()); err != nil || len(jobs) != 2 || jobs[0].State != submission.Waiting {
		t.Fatal(jobs, err)
	}
	if err := d.Stop(t.Context(), "second", true); err != nil {
		t.Fatal(err)
	}
	if all, _ := follow(t, d, "second"); all[len(all)-1].State != submission.Stopped {
		t.Errorf("%+v", all)
	}
	if err := d.Stop(t.Context(), "second", true); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	s.set(1)
	if all, _ := follow(t, d, "first"); all[len(all)-1].State != submission.Finished {
		t.Errorf("%+v", all)
	}
}

// begun waits until a job has committed a batch.
func begun(t *testing.T, d *Service, id string) {
	t.Helper()
	enough := errors.New("enough")
	err := d.Watch(t.Context(), id, 0, func(i submission.Info, _ []string) error {
		if i.Batch > 1 || over(i.State) {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
}

// A job that is stopped, drained or not, can be submitted again and goes on; with
// Restart it begins anew. Either way its result is that of one run.
func TestStopAndGoOn(t *testing.T) {
	for _, drain := range []bool{true, false} {
		for _, restart := range []bool{false, true} {
			d, _ := newSite(t, 1).drive()
			j := asked("j", 3000, 6000, t.TempDir())
			submit(t, d, j)
			begun(t, d, "j")
			if err := d.Stop(t.Context(), "j", drain); err != nil {
				t.Fatal(err)
			}
			all, _ := follow(t, d, "j")
			last := all[len(all)-1]
			if last.State != submission.Stopped || last.RowsIn >= 3000 {
				t.Fatalf("drain %v: %+v", drain, last)
			}
			j.Restart = restart
			submit(t, d, j)
			all, _ = follow(t, d, "j")
			last = all[len(all)-1]
			if last.State != submission.Finished || summaryOf(t, last).Checksum != checksum(t, 3000) {
				t.Errorf("drain %v, restart %v: %+v", drain, restart, last)
			}
		}
	}
}

// ended is a context that has ended: a driver that is closed with it dies.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// A job that somebody stopped is stopped by the next driver, if the first dies before it has
// ended.
func TestStopOutlivesDriver(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	run, deaf := s.run, make(chan struct{})
	s.run = func(ctx context.Context, _ *rdd.Job, _ engine.Config, _ *Seat) (engine.Summary, error) {
		close(deaf)
		<-ctx.Done()
		return engine.Summary{}, context.Cause(ctx)
	}
	d, end := s.drive()
	submit(t, d, asked("j", 3000, 0, t.TempDir()))
	<-deaf
	if err := d.Stop(t.Context(), "j", true); err != nil {
		t.Fatal(err)
	}
	end(ended(t))
	s.run = run
	d, _ = s.drive()
	all, _ := follow(t, d, "j")
	if last := all[len(all)-1]; last.State != submission.Stopped {
		t.Errorf("%+v", last)
	}
}

// A driver that ends, in order or not, leaves its jobs to the next one, which takes them
// up where they were and remembers those that have ended.
func TestTakenUp(t *testing.T) {
	for _, orderly := range []bool{true, false} {
		s := newSite(t, 1)
		d, end := s.drive()
		submit(t, d, asked("done", 10, 0, t.TempDir()))
		follow(t, d, "done")
		submit(t, d, asked("j", 3000, 6000, t.TempDir()))
		begun(t, d, "j")
		ctx, cancel := context.WithCancel(t.Context())
		if !orderly {
			cancel()
		}
		end(ctx)
		cancel()
		if _, err := d.Jobs(t.Context()); fault.Of(err) != fault.Retry {
			t.Errorf("a driver that has ended answers: %v", err)
		}
		next, _ := s.drive()
		jobs, err := next.Jobs(t.Context())
		if err != nil || len(jobs) != 2 || jobs[0].ID != "j" || jobs[1].State != submission.Finished {
			t.Fatal(jobs, err)
		}
		all, lines := follow(t, next, "j")
		if got := all[len(all)-1]; got.State != submission.Finished || summaryOf(t, got).Checksum != checksum(t, 3000) {
			t.Errorf("orderly %v: %+v", orderly, got)
		}
		if !strings.Contains(strings.Join(lines, "\n"), "taken up by a new driver, term 2") {
			t.Error(lines)
		}
	}
}

// A job that fails says why, and whose fault it is.
func TestFails(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Invalid, fault.Bug} {
		s := newSite(t, 1)
		s.run = func(context.Context, *rdd.Job, engine.Config, *Seat) (engine.Summary, error) {
			return engine.Summary{}, fault.New(kind, "broken")
		}
		d, _ := s.drive()
		submit(t, d, asked("j", 10, 0, t.TempDir()))
		all, _ := follow(t, d, "j")
		if got := all[len(all)-1]; got.State != submission.Failed || got.Error != "broken" || got.Invalid != (kind == fault.Invalid) {
			t.Errorf("%+v", got)
		}
	}
}

// What stands in the way of a job comes with advice that somebody who submits can take.
func TestAdvice(t *testing.T) {
	t.Parallel()
	d, _ := newSite(t, 1).drive()
	j := asked("j", 10, 0, t.TempDir())
	j.Source = []byte(strings.Replace(string(j.Source), ", mode: overwrite", "", 1))
	for _, want := range []submission.State{submission.Finished, submission.Failed} {
		submit(t, d, j)
		all, _ := follow(t, d, "j")
		last := all[len(all)-1]
		if last.State != want || strings.Contains(last.Error, "--ledger") || want == submission.Failed && !strings.Contains(last.Error, "another path leaves it)") {
			t.Errorf("%+v", last)
		}
	}
}

// A job that panics fails alone.
func TestPanics(t *testing.T) {
	s := newSite(t, 1)
	run := s.run
	s.run = func(ctx context.Context, job *rdd.Job, cfg engine.Config, seat *Seat) (engine.Summary, error) {
		if job.Name == "mad" {
			panic("mad")
		}
		return run(ctx, job, cfg, seat)
	}
	d, _ := s.drive()
	submit(t, d, asked("mad", 10, 0, t.TempDir()))
	submit(t, d, asked("sane", 10, 0, t.TempDir()))
	for id, want := range map[string]submission.State{"mad": submission.Failed, "sane": submission.Finished} {
		if all, _ := follow(t, d, id); all[len(all)-1].State != want {
			t.Errorf("%s: %+v", id, all[len(all)-1])
		}
	}
}

// Jobs that have ended are forgotten, the oldest first, with all that the home has of
// them; those that run never are.
func TestForgets(t *testing.T) {
	s := newSite(t, 1)
	s.run = func(ctx context.Context, job *rdd.Job, _ engine.Config, _ *Seat) (engine.Summary, error) {
		if job.Name == "long" {
			<-ctx.Done()
			return engine.Summary{}, context.Cause(ctx)
		}
		return engine.Summary{Job: job.Name}, nil
	}
	d, _ := s.drive()
	submit(t, d, asked("long", 10, 0, t.TempDir()))
	for i := range manyEnded + 3 {
		name := fmt.Sprint("j", i)
		submit(t, d, asked(name, 10, 0, t.TempDir()))
		j, err := d.find(name)
		if err != nil {
			t.Fatal(err)
		}
		<-j.done
	}
	jobs, err := d.Jobs(t.Context())
	if err != nil || len(jobs) != manyEnded+2 || jobs[0].ID != "long" || jobs[1].ID != fmt.Sprint("j", manyEnded+2) {
		t.Errorf("%d jobs, %v", len(jobs), err)
	}
	dirs, err := os.ReadDir(filepath.Join(s.dir, "home", "jobs"))
	if err != nil || len(dirs) != len(jobs) {
		t.Errorf("%d directories for %d jobs, %v", len(dirs), len(jobs), err)
	}
}

// Names of jobs are names of directories, whatever they are.
func TestOddNames(t *testing.T) {
	names := map[string]bool{}
	for _, name := range []string{"..", ".", "a/b", "../x", "a b", "ä", "%2E", "a%2Fb"} {
		dir := dirName(name)
		if names[dir] || dir != filepath.Base(dir) || dir == "." || dir == ".." {
			t.Errorf("%q is in %q", name, dir)
		}
		names[dir] = true
	}
}

// Names that make no directory, or that move the cursor of whoever lists the jobs, are
// refused.
func TestNames(t *testing.T) {
	d, _ := newSite(t, 1).drive()
	for name, want := range map[string]string{
		strings.Repeat("x", 201): "too long", strings.Repeat("ä", 34): "too long", `"a\eb"`: "cannot be shown", `"a\nb"`: "cannot be shown",
		strings.Repeat("x", 200): "", strings.Repeat("ä", 33): "", "a b": "",
	} {
		j := asked(name, 10, 0, t.TempDir())
		j.Check = true
		_, err := d.Submit(t.Context(), j)
		if want == "" && err != nil || want != "" && (fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A driver whose home is taken lets all its jobs go and marks none of them as ended.
func TestUsurped(t *testing.T) {
	s := newSite(t, 1)
	d, end := s.drive()
	submit(t, d, asked("j", 40000, 1000, t.TempDir()))
	begun(t, d, "j")
	// As a standby does that believes the driver dead.
	term := filepath.Join(s.dir, "home", "term-00000002")
	if err := os.WriteFile(term, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := d.Watch(t.Context(), "j", 0, func(submission.Info, []string) error { return nil })
	if fault.Of(err) != fault.Retry || !errors.Is(err, errOver) {
		t.Error(err)
	}
	end(t.Context())
	next, _ := s.drive()
	if jobs, err := next.Jobs(t.Context()); err != nil || len(jobs) != 1 || over(jobs[0].State) {
		t.Error(jobs, err)
	}
}

// Only a node that drives takes jobs; the others say who does.
func TestDesk(t *testing.T) {
	s := newSite(t, 1)
	desk := NewDesk(s.all)
	if _, err := desk.Jobs(t.Context()); fault.Of(err) != fault.Retry || !strings.Contains(err.Error(), "knows of no driver") {
		t.Error(err)
	}
	s.members = append(s.members, gossip.Member{Name: "d", Role: gossip.Driver, RPC: "h:1", Condition: gossip.Alive})
	for _, err := range []error{desk.Stop(t.Context(), "x", true), desk.Watch(t.Context(), "x", 0, nil)} {
		if fault.Of(err) != fault.Retry || !strings.Contains(err.Error(), "the driver d is at h:1") {
			t.Error(err)
		}
	}
	text, err := desk.Nodes(t.Context())
	var members []gossip.Member
	if err := errors.Join(err, json.Unmarshal(text, &members)); err != nil || len(members) != 2 {
		t.Error(string(text), err)
	}
	d, _ := s.drive()
	desk.Drive(d)
	if i, err := desk.Submit(t.Context(), asked("j", 10, 0, t.TempDir())); err != nil || i.ID != "j" {
		t.Error(i, err)
	}
}

// A ring keeps the last of what was put into it, under numbers that stay.
func TestRing(t *testing.T) {
	r := ring[int]{most: 8}
	for i := range 100 {
		r.put(i)
		got, end := r.since(int64(i) - 2)
		if end != int64(i)+1 || got[len(got)-1] != i || i > 2 && len(got) != 3 {
			t.Fatalf("%v %d after %d", got, end, i)
		}
	}
	if got, _ := r.since(0); len(got) < 6 || len(got) > 8 || got[0] != 100-len(got) {
		t.Error(got)
	}
	if got, end := r.since(1000); len(got) != 0 || end != 100 {
		t.Error(got, end)
	}
}

// The lines of a job do not grow without end, and neither does what is remembered of it.
func TestManyLines(t *testing.T) {
	job := newTask(&rdd.Job{Name: "j"}, submission.Job{}, "", 0)
	for range 10 * manyLines {
		job.say("line")
		job.observe(engine.Progress{Committed: true})
	}
	if len(job.lines.kept) > manyLines || len(job.events.kept) > manyEvents {
		t.Error(len(job.lines.kept), len(job.events.kept))
	}
	before := time.Now()
	if lines, _ := job.lines.since(0); len(lines) == 0 || !strings.HasPrefix(lines[0], before.UTC().Format("2006-")) {
		t.Error("no lines")
	}
}
