package home

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/idag/idag/internal/fault"
)

// Lease is how long a driver may be silent before another one takes over, although its
// process seems to live.
const Lease = 3 * time.Second

const (
	beatEvery  = Lease / 6
	watchEvery = 100 * time.Millisecond
	termPrefix = "term-"
)

// Owner is who holds a term, for people and for those who look for the driver.
type Owner struct {
	Name string `json:"name"`
	RPC  string `json:"rpc"` // host:port
	PID  int    `json:"pid"`
	// Clock is the driver's; nil means time.Now. Who watches looks whether what it says
	// changes, and never compares it with another one.
	Clock func() time.Time `json:"-"`
}

// Home is the home directory as the driver that holds its term has it.
type Home struct {
	dir   string
	term  int64
	file  *os.File // its term, locked
	clock func() time.Time

	once, shut sync.Once
	lost       chan struct{} // closed when there is a higher term
	quit       chan struct{}
	done       sync.WaitGroup
}

// Open takes the home for a driver. One that another driver has is a fault.Invalid
// that names it, and so is a directory where locks do not work.
func Open(dir string, who Owner) (*Home, error) {
	dir, err := prepare(dir)
	if err != nil {
		return nil, err
	}
	for {
		term, err := highest(dir)
		if err != nil {
			return nil, err
		}
		free, err := vacant(dir, term)
		if err != nil {
			return nil, err
		}
		if !free {
			owner, _ := ownerOf(dir, term)
			return nil, fault.New(fault.Invalid, "the driver %s at %s (process %d) has the home %s; start this one with --standby, or with a home of its own",
				owner.Name, owner.RPC, owner.PID, dir)
		}
		h, err := claim(dir, term+1, who)
		if h != nil || err != nil {
			return h, err
		}
	}
}

// Await waits until the driver that has the home is gone, and takes it. See, if not
// nil, is told who drives, at first and when it changes.
func Await(ctx context.Context, dir string, who Owner, see func(Owner)) (*Home, error) {
	dir, err := prepare(dir)
	if err != nil {
		return nil, err
	}
	w := watcher{dir: dir, see: see}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		gone, err := w.look(time.Now())
		if err != nil {
			return nil, err
		}
		if gone {
			if h, err := claim(dir, w.term+1, who); h != nil || err != nil {
				return h, err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// watcher looks at the highest term.
type watcher struct {
	dir   string
	see   func(Owner)
	term  int64
	beat  time.Time // as its file says
	since time.Time // when that was first seen
}

// look reports whether the driver of the highest term is gone.
func (w *watcher) look(now time.Time) (bool, error) {
	term, err := highest(w.dir)
	if err != nil {
		return false, err
	}
	if term != w.term || w.since.IsZero() {
		w.term, w.beat, w.since = term, time.Time{}, now
		if owner, err := ownerOf(w.dir, term); err == nil && w.see != nil {
			w.see(owner)
		}
	}
	free, err := vacant(w.dir, term)
	if free || err != nil {
		return free, err
	}
	info, err := os.Stat(termPath(w.dir, term))
	if err != nil {
		return false, retry(err)
	}
	if !info.ModTime().Equal(w.beat) {
		w.beat, w.since = info.ModTime(), now
	}
	return now.Sub(w.since) > Lease, nil
}

// claim makes a term, or returns nil if somebody else was faster.
func claim(dir string, term int64, who Owner) (*Home, error) {
	if who.PID = os.Getpid(); who.Clock == nil {
		who.Clock = time.Now
	}
	text, err := json.Marshal(who)
	if err != nil {
		return nil, fault.Wrap(fault.Bug, err)
	}
	f, err := os.CreateTemp(dir, ".claim-*")
	if err != nil {
		return nil, invalid(err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it has another name by then, or is of no use
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync()); err == nil {
		_, err = tryLock(f)
	}
	if err != nil {
		return nil, errors.Join(invalid(err), f.Close())
	}
	if err := os.Link(f.Name(), termPath(dir, term)); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, f.Close()
		}
		return nil, errors.Join(invalid(err), f.Close())
	}
	h := &Home{dir: dir, term: term, file: f, clock: who.Clock, lost: make(chan struct{}), quit: make(chan struct{})}
	h.done.Go(h.beat)
	tidy(dir, term)
	return h, syncDir(dir)
}

// tidy removes terms that are over. The last one stays, for people.
func tidy(dir string, term int64) {
	for _, t := range terms(dir) {
		if t < term-1 {
			_ = os.Remove(termPath(dir, t))
		}
	}
}

// Dir is the directory.
func (h *Home) Dir() string { return h.dir }

// Term is the number of the term.
func (h *Home) Term() int64 { return h.term }

// Now is the time by the clock of what the home is stored on, which all drivers have in
// common; where that cannot be had it is the driver's own.
func (h *Home) Now() time.Time {
	f, err := os.CreateTemp(h.dir, ".clock-*")
	if err != nil {
		return h.clock()
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is of no use
	info, err := f.Stat()
	if err = errors.Join(err, f.Close()); err != nil {
		return h.clock()
	}
	return info.ModTime()
}

// Lost is closed when another driver has taken over.
func (h *Home) Lost() <-chan struct{} { return h.lost }

// Check returns an error, a fault.Invalid, if another driver has taken over.
func (h *Home) Check() error {
	_, err := os.Lstat(termPath(h.dir, h.term+1))
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody may have gone on from the next term already, and tidied it away.
		if _, err = os.Lstat(termPath(h.dir, h.term)); err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return retry(err)
		}
	} else if err != nil {
		return retry(err)
	}
	h.once.Do(func() { close(h.lost) })
	return fault.New(fault.Invalid, "another driver has taken over the home %s: term %d is over", h.dir, h.term)
}

// beat touches the term's file until the home is closed or lost.
func (h *Home) beat() {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if fault.Of(h.Check()) == fault.Invalid {
				return
			}
			now := h.clock()
			_ = os.Chtimes(termPath(h.dir, h.term), now, now) // who cannot is silent, and is succeeded
		case <-h.quit:
			return
		}
	}
}

// Close gives the home up, so that a standby takes over at once. It may be called again.
func (h *Home) Close() (err error) {
	h.shut.Do(func() {
		close(h.quit)
		h.done.Wait()
		err = h.file.Close()
	})
	return err
}

func termPath(dir string, term int64) string {
	return filepath.Join(dir, fmt.Sprintf("%s%08d", termPrefix, term))
}

// terms returns the terms of a directory, in order.
func terms(dir string) []int64 {
	list, _ := os.ReadDir(dir)
	var out []int64
	for _, e := range list {
		if n, ok := number(e.Name(), termPrefix); ok {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

func number(name, prefix string) (int64, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, ok && err == nil && n > 0
}

// highest returns the highest term of a directory, or 0.
func highest(dir string) (int64, error) {
	if _, err := os.Stat(dir); err != nil {
		return 0, retry(err)
	}
	all := terms(dir)
	if len(all) == 0 {
		return 0, nil
	}
	return all[len(all)-1], nil
}

// vacant reports whether the process that holds a term has died or closed it.
func vacant(dir string, term int64) (bool, error) {
	if term == 0 {
		return true, nil
	}
	f, err := os.OpenFile(termPath(dir, term), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // there is a higher one
	}
	if err != nil {
		return false, retry(err)
	}
	free, err := tryLock(f)
	return free, errors.Join(err, f.Close())
}

func ownerOf(dir string, term int64) (Owner, error) {
	text, err := os.ReadFile(termPath(dir, term))
	var o Owner
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	return o, err
}

// OwnerOf returns who had the highest term of a home last, or has it; nobody is the
// zero Owner.
func OwnerOf(dir string) (Owner, error) {
	all := terms(dir)
	if len(all) == 0 {
		return Owner{}, nil
	}
	return ownerOf(dir, all[len(all)-1])
}

// prepare makes the directory and tries whether locks and links work in it. It returns
// its absolute path.
func prepare(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return dir, invalid(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return dir, invalid(err)
	}
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return dir, invalid(err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is gone unless something failed
	again, err := os.OpenFile(f.Name(), os.O_RDWR, 0)
	if err != nil {
		return dir, invalid(errors.Join(err, f.Close()))
	}
	linked := f.Name() + "-link"
	first, err := tryLock(f)
	second, err2 := tryLock(again)
	err = errors.Join(err, err2, os.Link(f.Name(), linked), f.Close(), again.Close())
	_ = os.Remove(linked)
	switch {
	case err != nil:
		return dir, invalid(err)
	case !first || second:
		return dir, fault.New(fault.Invalid, "home: locks do not work in %s: it takes a file system that has them", dir)
	}
	return dir, nil
}

func invalid(err error) error { return fault.New(fault.Invalid, "home: %w", err) }
func retry(err error) error   { return fault.New(fault.Retry, "home: %w", err) }

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return retry(err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return retry(err)
	}
	return nil
}
