package service

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/rdd"
)

// recordName is the name of the record of a job in its directory.
const recordName = "job"

// recordVersion goes up with every change of a record that a driver of before would
// misunderstand.
const recordVersion = 1

// asideSuffix is what a record that cannot be read has behind its name when there is a new
// one in its place.
const asideSuffix = ".unreadable"

// A record that the storage does not give is asked for so often, with a pause between,
// before it counts as one that cannot be read: a job is not left out for a hiccup.
const (
	recallTries = 10
	recallPause = 200 * time.Millisecond
)

// record is what the home keeps of a job.
type record struct {
	Version int             `json:"version"` // 0: as 1
	Asks    submission.Job  `json:"asks"`
	Info    submission.Info `json:"info"`
	// Before is when the run ended that the ledger told of before that of this job, by
	// its last entry, or 0; nil: the job's run has not begun.
	Before *int64 `json:"before,omitempty"`
}

// keep makes durable what is known of a job.
func (s *Service) keep(t *task) error {
	t.keeping.Lock() // what is known last is written last
	defer t.keeping.Unlock()
	t.mu.Lock()
	r := record{Version: recordVersion, Asks: t.asks, Info: t.now, Before: t.before}
	t.mu.Unlock()
	r.Info.Progress = nil
	text, err := json.Marshal(r)
	if err != nil {
		return fault.Wrap(fault.Bug, err)
	}
	return s.cfg.Home.Save(t.dir, recordName, text)
}

// recall reads the records of all jobs. It returns those that have not ended; one that
// cannot be made any more has failed, and of one whose record cannot be read it is known that it cannot.
func (s *Service) recall() (left []*task, err error) {
	dir := filepath.Join(s.cfg.Home.Dir(), "jobs")
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Invalid, "home: %w", err)
	}
	for _, e := range list {
		t, err := s.remember(filepath.Join(dir, e.Name()))
		for again := 0; fault.Of(err) == fault.Retry && again < recallTries; again++ {
			time.Sleep(recallPause)
			t, err = s.remember(filepath.Join(dir, e.Name()))
		}
		if err != nil {
			t = s.unreadable(filepath.Join(dir, e.Name()), err)
		}
		if t == nil {
			continue
		}
		if s.known[t.now.ID] = t; over(t.now.State) {
			close(t.done)
			continue
		}
		left = append(left, t)
	}
	slices.SortFunc(left, func(a, b *task) int { return cmp.Compare(a.now.Began, b.now.Began) })
	return left, nil
}

// remember makes a job from its record, or returns nil where there is none. An error means
// that the record cannot be read.
func (s *Service) remember(dir string) (*task, error) {
	r, err := s.readRecord(dir)
	if r == nil || err != nil {
		return nil, err
	}
	job, err := s.cfg.Build(r.Asks)
	t := newTask(jobOr(job, r.Info.ID), r.Asks, dir, s.first())
	t.now, t.before = r.Info, r.Before
	t.events.put(t.now)
	switch {
	case over(r.Info.State):
	case err != nil:
		t.now.State, t.now.Error, t.now.Invalid = submission.Failed, fmt.Sprintf("it cannot be taken up: %v", err), true
		if err := s.keep(t); err != nil {
			s.cfg.Log(t.now.ID + ": that it has failed is not remembered: " + err.Error())
		}
		return t, nil
	case r.Info.State == submission.Stopping:
		t.asked = true
		close(t.halt)
	default:
		t.now.State = submission.Waiting
	}
	t.say("%s, as the driver before this one has told", t.now.State)
	return t, nil
}

// readRecord reads the record of the job in a directory, or returns nil where there is none.
func (s *Service) readRecord(dir string) (*record, error) {
	text, err := s.cfg.Home.Load(dir, recordName)
	if text == nil || err != nil {
		return nil, err
	}
	var r record
	switch err := json.Unmarshal(text, &r); {
	case err != nil:
		return nil, err
	case r.Version < 0 || r.Version > recordVersion:
		return nil, fmt.Errorf("it is of version %d, this program knows %d: a newer one has written it", r.Version, recordVersion)
	case dirName(r.Info.ID) != filepath.Base(dir):
		return nil, fmt.Errorf("it is of the job %q", r.Info.ID)
	}
	switch r.Info.State {
	case submission.Waiting, submission.Running, submission.Stopping, submission.Stopped, submission.Finished, submission.Failed:
		return &r, nil
	case submission.Unreadable:
	}
	return nil, fmt.Errorf("there is no state %q", r.Info.State)
}

// unreadable makes of a record that cannot be read a job of which nothing else is known.
// Record and ledger stay: submitted again, the job goes on.
func (s *Service) unreadable(dir string, why error) *task {
	name, err := url.PathUnescape(filepath.Base(dir))
	if err != nil {
		name = filepath.Base(dir)
	}
	t := newTask(&rdd.Job{Name: name}, submission.Job{}, dir, s.first())
	if info, err := os.Stat(dir); err == nil {
		t.now.Began = info.ModTime().UnixMicro()
	}
	t.now.State, t.now.Ended = submission.Unreadable, t.now.Began
	t.now.Error = fmt.Sprintf("its record in %s cannot be read: %v; submit the job again and it goes on", dir, why)
	t.events.put(t.now)
	t.say("%s", t.now.Error)
	s.cfg.Log("job " + name + " is left out: " + t.now.Error)
	return t
}

// setAside gives the record of a job that cannot be read another name, before there is a new one.
func (s *Service) setAside(t *task) error {
	if t.info().State != submission.Unreadable {
		return nil
	}
	all, err := os.ReadDir(t.dir)
	for _, e := range all {
		if name := e.Name(); strings.HasPrefix(name, recordName+"-") && !strings.HasSuffix(name, asideSuffix) {
			err = errors.Join(err, os.Rename(filepath.Join(t.dir, name), filepath.Join(t.dir, name+asideSuffix)))
		}
	}
	return fault.Wrap(fault.Retry, err)
}

// jobOr returns a job, or one that has only a name.
func jobOr(job *rdd.Job, name string) *rdd.Job {
	if job == nil {
		return &rdd.Job{Name: name}
	}
	return job
}

// forget removes what there is of the jobs that ended first, if there are too many. The
// caller has the lock.
func (s *Service) forget() {
	var ended []*task
	for _, t := range s.known {
		if t.ended() && t.info().State != submission.Unreadable {
			ended = append(ended, t)
		}
	}
	if len(ended) <= manyEnded {
		return
	}
	slices.SortFunc(ended, func(a, b *task) int { return cmp.Compare(a.info().Ended, b.info().Ended) })
	for _, t := range ended[:len(ended)-manyEnded] {
		if s.cfg.Home.Check() == nil {
			delete(s.known, t.now.ID)
			_ = os.RemoveAll(t.dir)
		}
	}
}

// longName is how long the name of a job's directory may be: file systems take 255 bytes.
const longName = 200

// nameable refuses names that no directory can have, or that people cannot be shown.
func nameable(job string) error {
	switch {
	case len(dirName(job)) > longName:
		return fault.New(fault.Invalid, "the name of the job is too long for a directory of the home: %d bytes, it may have %d", len(dirName(job)), longName)
	case strings.ContainsFunc(job, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fault.New(fault.Invalid, "the name of the job %q has characters that cannot be shown", job)
	}
	return nil
}

// dirName spells any name as one of a directory. Escaping leaves dots, of which some
// mean other directories.
func dirName(job string) string {
	if strings.Trim(job, ".") == "" {
		return strings.ReplaceAll(job, ".", "%2E")
	}
	return url.PathEscape(job)
}
