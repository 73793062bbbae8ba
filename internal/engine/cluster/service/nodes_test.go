package service

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster/home"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/rdd"
)

// doubter is a roster that says what it is told to.
type doubter struct {
	mu  sync.Mutex
	out map[string]string
}

func (d *doubter) Out(m gossip.Member) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out[m.Name]
}

func (d *doubter) Doubts(m gossip.Member) string { return d.Out(m) }

func (d *doubter) set(name, why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.out[name] = why
}

// Executors that cannot be used are no part of the shares of jobs; a job that waits for them
// says so and why, and runs when they can. Who asks for the nodes is told as well.
func TestUnusable(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2)
	h, err := home.Open(t.TempDir(), home.Owner{Name: "d"})
	if err != nil {
		t.Fatal(err)
	}
	roster := &doubter{out: map[string]string{"e0": "the token is wrong", "e1": "nobody answers"}}
	d, err := New(Config{Home: h, Members: s.all, Changes: s.changes, Roster: roster, Kinds: kinds(), Build: build, Run: s.run})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(d.Close(t.Context()), h.Close()); err != nil {
			t.Error(err)
		}
	})
	text, err := d.Nodes(t.Context())
	var nodes []submission.Node
	if err := errors.Join(err, json.Unmarshal(text, &nodes)); err != nil || len(nodes) != 2 || nodes[0].Unusable != "the token is wrong" {
		t.Error(string(text), err)
	}
	submit(t, d, asked("j", 10, 0, t.TempDir()))
	waits := func(want string) {
		t.Helper()
		err := d.Watch(t.Context(), "j", 0, func(i submission.Info, _ []string) error {
			if i.State == submission.Waiting && i.Waits == want {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			t.Errorf("%v: the job has not waited %s", err, want)
		}
	}
	waits("for executors: 2 alive, none usable: e0: the token is wrong; e1: nobody answers")
	s.set(1)
	waits("for executors: 1 alive, none usable: e0: the token is wrong")
	s.set(0)
	waits("for executors: there are none")
	s.set(2)
	roster.set("e1", "")
	all, lines := follow(t, d, "j")
	if last := all[len(all)-1]; last.State != submission.Finished || last.Waits != "" {
		t.Errorf("%+v", last)
	}
	if n := strings.Count(strings.Join(lines, "\n"), "waiting for executors: 2 alive, none usable: e0: the token is wrong; e1: nobody answers"); n == 0 || n > 2 {
		t.Errorf("said %d times: %q", n, lines)
	}
}

// A job that waits because others have all slots says that, and what cannot be used besides.
func TestLacks(t *testing.T) {
	s := newSite(t, 2)
	d := &Service{cfg: Config{Members: s.all}}
	if got := d.lacks(); got != "for a slot: other jobs have all" {
		t.Error(got)
	}
	d.cfg.Roster = &doubter{out: map[string]string{"e1": "nobody answers"}}
	if got := d.lacks(); got != "for a slot: other jobs have all; 1 of 2 executors cannot be used: e1: nobody answers" {
		t.Error(got)
	}
}

// A job that found no executors when it was to begin does not fail because there are some
// again when that is found out: it begins once more.
func TestNobody(t *testing.T) {
	s := newSite(t, 1)
	began, run := 0, s.run
	s.run = func(ctx context.Context, job *rdd.Job, cfg engine.Config, seat *Seat) (engine.Summary, error) {
		if began++; began == 1 {
			return engine.Summary{}, fault.Wrap(fault.Retry, engine.ErrNobody)
		}
		return run(ctx, job, cfg, seat)
	}
	d, _ := s.drive()
	submit(t, d, asked("j", 10, 0, t.TempDir()))
	all, lines := follow(t, d, "j")
	if last := all[len(all)-1]; last.State != submission.Finished || began != 2 || !strings.Contains(strings.Join(lines, "\n"), engine.ErrNobody.Error()) {
		t.Errorf("begun %d times: %+v %q", began, last, lines)
	}
}
