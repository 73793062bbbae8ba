package service

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster/home"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/rdd"
)

// manyEnded is how many jobs that have ended are remembered.
const manyEnded = 50

// Roster knows of executors that the driver cannot use, though they are alive.
type Roster interface {
	// Out says why no job can use an executor, or "".
	Out(gossip.Member) string
	// Doubts says that, or why single jobs cannot, for people; or "".
	Doubts(gossip.Member) string
}

// Config is what a driver's service needs. All but Roster and Log is required.
type Config struct {
	Home *home.Home
	// Members are the nodes of the cluster, Changes says that they may be others now.
	Members func() []gossip.Member
	Changes <-chan struct{}
	Roster  Roster // nil: all can be used
	Kinds   connectors.Registry
	// Build makes a submitted job; that of a job file is made from its text.
	Build func(submission.Job) (*rdd.Job, error)
	// Run runs a job on the executors of its seat, as engine.Run does.
	Run func(ctx context.Context, job *rdd.Job, cfg engine.Config, seat *Seat) (engine.Summary, error)
	Log func(string)
}

// Service is a driver as those who submit jobs see it: it checks jobs, runs them side
// by side on shares of the executors, remembers them in its home and takes up those
// that the driver before it has not ended. It is safe for concurrent use.
type Service struct {
	cfg    Config
	broker *broker
	quit   context.CancelCauseFunc
	end    context.Context //nolint:containedctx // The life of the service, which outlasts every call.
	leave  chan struct{}   // closed when the service ends in order
	jobs   sync.WaitGroup  // every goroutine

	mu    sync.Mutex
	known map[string]*task
	over  bool
}

var _ wire.Driver = (*Service)(nil)

// errOver ends what is under way when another driver has the home.
var errOver = errors.New("this driver does not drive any more")

// New begins to serve and takes up the jobs that were not ended. Who calls
// closes it, before the home.
func New(cfg Config) (*Service, error) {
	if cfg.Log == nil {
		cfg.Log = func(string) {}
	}
	s := &Service{cfg: cfg, known: map[string]*task{}, leave: make(chan struct{})}
	s.broker = newBroker(s.usable)
	s.end, s.quit = context.WithCancelCause(context.Background())
	left, err := s.recall()
	if err != nil {
		return nil, err
	}
	s.jobs.Go(s.attend)
	for _, t := range left {
		t.say("taken up by a new driver, term %d", cfg.Home.Term())
		s.begin(t)
	}
	return s, nil
}

// attend tells the broker of changes, and ends the service when its term is over.
func (s *Service) attend() {
	tick := time.NewTicker(time.Second) // a change that nobody told of is seen anyway
	defer tick.Stop()
	for {
		select {
		case <-s.cfg.Changes:
		case <-tick.C:
		case <-s.cfg.Home.Lost():
			s.cfg.Log("another driver has taken over: all jobs are let go")
			s.quit(fault.New(fault.Retry, "%w: another one has taken over", errOver))
			return
		case <-s.end.Done():
			return
		}
		s.broker.divide()
	}
}

// Close ends the service. In order, its jobs finish the batches in flight and are
// remembered as running, so that the next driver takes them up; when ctx ends, they
// are let go where they are.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.over {
		s.over = true
		close(s.leave)
	}
	s.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		for _, t := range s.all() {
			<-t.done
		}
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	s.quit(fault.New(fault.Retry, "%w: it was told to end", errOver))
	<-idle
	s.jobs.Wait()
	return nil
}

// Submit implements wire.Driver.
func (s *Service) Submit(ctx context.Context, j submission.Job) (submission.Info, error) {
	job, err := s.check(ctx, j)
	if err != nil || j.Check {
		return submission.Info{ID: nameOf(job), State: submission.Waiting}, err
	}
	if err := s.settled(ctx, job.Name); err != nil {
		return submission.Info{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.alive(); err != nil {
		return submission.Info{}, err
	}
	if t := s.known[job.Name]; t != nil && j.Key != "" && t.asks.Key == j.Key {
		return t.info(), nil // its answer got lost
	}
	if t := s.known[job.Name]; t != nil && !t.ended() {
		return t.info(), fault.New(fault.Invalid, "the job %s is %s already; stop it first, or give this one another name", job.Name, t.info().State)
	}
	first := s.first()
	if was := s.known[job.Name]; was != nil {
		if err := s.setAside(was); err != nil {
			return submission.Info{}, err
		}
		first = was.number()
	}
	t := newTask(job, j, s.dirOf(job.Name), first)
	if err := s.keep(t); err != nil {
		return submission.Info{}, err
	}
	s.known[job.Name] = t
	s.forget()
	s.begin(t)
	return t.info(), nil
}

// settled waits until the record of a job that has ended is written: the next one of its
// name has the same.
func (s *Service) settled(ctx context.Context, id string) error {
	s.mu.Lock()
	t := s.known[id]
	s.mu.Unlock()
	if t == nil || !t.ended() {
		return nil
	}
	select {
	case <-t.done:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Retry, context.Cause(ctx))
	}
}

func nameOf(job *rdd.Job) string {
	if job == nil {
		return ""
	}
	return job.Name
}

// check makes a job and compiles it against its sources.
func (s *Service) check(ctx context.Context, j submission.Job) (*rdd.Job, error) {
	job, err := s.cfg.Build(j)
	if err == nil {
		err = nameable(job.Name)
	}
	if err != nil {
		return nil, mistake(err)
	}
	if _, err = engine.Compile(ctx, job, engine.Config{Mode: j.Mode, Kinds: s.cfg.Kinds}); err != nil {
		return nil, mistake(err)
	}
	return job, nil
}

// mistake makes an error without a kind, such as that of a position in a job, one of
// the author's.
func mistake(err error) error {
	var at *rdd.Error
	if errors.As(err, &at) && fault.Of(err) == fault.Bug {
		return fault.Wrap(fault.Invalid, err)
	}
	return err
}

// Jobs implements wire.Driver: those under way first, then the last ones that ended.
func (s *Service) Jobs(context.Context) ([]submission.Info, error) {
	if err := s.live(); err != nil {
		return nil, err
	}
	var out []submission.Info
	for _, t := range s.all() {
		out = append(out, t.info())
	}
	slices.SortFunc(out, func(a, b submission.Info) int {
		return cmp.Or(cmp.Compare(min(a.Ended, 1), min(b.Ended, 1)), cmp.Compare(b.Ended, a.Ended), cmp.Compare(a.Began, b.Began), strings.Compare(a.ID, b.ID))
	})
	return out, nil
}

// Stop implements wire.Driver. It does not wait until the job has ended; if the driver dies
// before, the next one stops it.
func (s *Service) Stop(_ context.Context, id string, drain bool) error {
	t, err := s.find(id)
	if err != nil {
		return err
	}
	if err := t.stop(drain); err != nil {
		return err
	}
	if err := s.keep(t); err != nil {
		return fault.New(fault.Retry, "the job %s is stopping, but a driver that takes over would not know: %w", id, err)
	}
	return nil
}

// Watch implements wire.Driver.
func (s *Service) Watch(ctx context.Context, id string, from int64, tell func(submission.Info, []string) error) error {
	t, err := s.find(id)
	if err != nil {
		return err
	}
	return t.watch(ctx, s.end, from, tell)
}

func (s *Service) find(id string) (*task, error) {
	if err := s.live(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.known[id]; t != nil {
		return t, nil
	}
	var names []string
	for name := range s.known {
		names = append(names, name)
	}
	slices.Sort(names)
	hint := "; there is none"
	if near := connectors.Nearest(id, names); near != "" {
		hint = "; did you mean " + near + "?"
	} else if len(names) > 0 {
		hint = "; there is " + strings.Join(names, ", ")
	}
	return nil, fault.New(fault.Invalid, "no job %q was submitted%s", id, hint)
}

func (s *Service) live() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alive()
}

// alive returns why the service takes no more calls. The caller has the lock.
func (s *Service) alive() error {
	if err := context.Cause(s.end); err != nil {
		return err
	}
	if s.over {
		return fault.New(fault.Retry, "%w: it was told to end", errOver)
	}
	return nil
}

func (s *Service) all() []*task {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*task, 0, len(s.known))
	for _, t := range s.known {
		out = append(out, t)
	}
	return out
}

// first is the number of the first line of a job in this term: higher than all before it.
// So somebody who follows a job from driver to driver sees no line twice, and all of the next
// driver's; what the one before had not told yet goes with it.
func (s *Service) first() int64 { return s.cfg.Home.Term() << 32 }

// dirOf is where the story of a job lies.
func (s *Service) dirOf(job string) string {
	return filepath.Join(s.cfg.Home.Dir(), "jobs", dirName(job))
}
