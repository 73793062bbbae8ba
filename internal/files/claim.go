package files

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// marker says whose a directory is. It is replaced as a whole, after what it
// does not speak for has gone: batches beside a marker are those of its run.
type marker struct {
	Job   string `json:"job"`
	Run   int64  `json:"run"`
	Epoch int64  `json:"epoch"` // of the driver that published last
}

func readMarker(dir string) (marker, error) {
	var m marker
	b, err := os.ReadFile(filepath.Join(dir, markerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		return m, fault.New(fault.Invalid, "%s: cannot be read: %w", filepath.Join(dir, markerFile), err)
	}
	return m, nil
}

// readMarker reads the marker of the home; there may be none.
func (k *Sink) readMarker(ctx context.Context) (marker, error) {
	if k.objects != nil {
		return k.objects.readMarker(ctx, k.home)
	}
	return readMarker(k.home)
}

func (k *Sink) writeMarker(m marker) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	tmp := filepath.Join(k.own, markerFile)
	if err := writeSynced(tmp, append(b, '\n')); err != nil {
		return wrapWrite(tmp, err)
	}
	to := filepath.Join(k.home, markerFile)
	if err := os.Rename(tmp, to); err != nil {
		return wrapWrite(to, err)
	}
	// In mode append the home may be as new as its marker.
	for dir := k.home; dir != k.root; dir = filepath.Dir(dir) {
		if err := syncPath(dir); err != nil {
			return err
		}
	}
	return syncPath(k.root)
}

// admit refuses a directory whose content the run may neither go on with nor
// replace, before any row is read.
func (k *Sink) admit(ctx context.Context) error {
	m, err := k.readMarker(ctx)
	if err != nil {
		return err
	}
	k.seen = m
	mine := k.env.Resume && m.Job == k.env.Job && m.Run == k.env.Run
	gone := k.env.Resume && k.env.Published && !mine
	switch {
	case gone && (k.mode != modeOverwrite || m.Run <= k.env.Run):
		return fault.New(fault.Invalid, "%s: what this run of job %q had published is gone, but its ledger counts it as done "+
			"(give it back, or give the run up and begin anew, with --restart)", k.root, k.env.Job)
	case k.mode == modeAppend || mine:
		return nil
	}
	if k.mode == modeOverwrite {
		if k.env.Resume && m.Run > k.env.Run {
			return fault.New(fault.Invalid, "%s: a later run, of job %q, has replaced what this run of job %q had published: "+
				"begin a new run, or give it another path", k.root, m.Job, k.env.Job)
		}
		return k.replaceable(m)
	}
	name, err := k.content(ctx)
	switch {
	case err != nil || name == "":
		return err
	case m.Job == k.env.Job && m.Job != "" && !k.env.Resume:
		on := ""
		if k.env.Ledger != "" {
			on = "; with its ledger, " + k.env.Ledger + ", the earlier run goes on"
		}
		return fault.New(fault.Invalid, "%s: the directory holds %s of an earlier run of job %q (mode: overwrite replaces it, "+
			"mode: append adds to it, another path leaves it%s)", k.root, name, k.env.Job, on)
	case k.env.Resume:
		return fault.New(fault.Invalid, "%s: the directory holds %s, which is not of the run of job %q that the ledger tells of "+
			"(begin a new run, or give back what that run had published)", k.root, name, k.env.Job)
	}
	return fault.New(fault.Invalid, "%s: the directory holds %s, which job %q did not write (mode: overwrite "+
		"replaces it, mode: append adds to it, another path leaves it)", k.root, name, k.env.Job)
}

// content returns the name of something in the root that readers could see, or
// "".
func (k *Sink) content(ctx context.Context) (string, error) {
	if k.objects != nil {
		return k.objects.content(ctx, k.root)
	}
	entries, err := os.ReadDir(k.root)
	if err != nil {
		return "", wrapWrite(k.root, err)
	}
	for _, e := range entries {
		if n := e.Name(); n[0] != '.' && n != markerFile {
			return n, nil
		}
	}
	return "", nil
}

// hold waits until nobody else publishes in the home, another process neither.
// The hold ends when the file is closed.
func (k *Sink) hold(ctx context.Context) (*os.File, error) {
	if err := os.MkdirAll(k.home, 0o777); err != nil {
		return nil, wrapWrite(k.home, err)
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		lock, err := lockDir(k.home)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return lock, wrapWrite(k.home, err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// check reports whether what is in the home is this run's, as far as another
// sink or an earlier driver of the run has published. If it is not it is to be
// taken over, unless a later driver or another run was faster.
func (k *Sink) check(ctx context.Context, c rdd.Commit) (m marker, ours bool, err error) {
	if m, err = k.readMarker(ctx); err != nil {
		return m, false, err
	}
	ours = m.Job == c.Job && m.Run == k.env.Run && (k.entered || k.env.Resume || m != k.seen)
	switch {
	case ours && c.Epoch < m.Epoch:
		return m, ours, fault.New(fault.Invalid, "%s: a newer driver of job %q has taken over (its epoch is %d, this one's %d)",
			k.root, c.Job, m.Epoch, c.Epoch)
	case !ours && (k.entered || m != k.seen):
		return m, ours, fault.New(fault.Invalid, "%s: another run, of job %q, has begun to write here after this one of job %q",
			k.root, m.Job, c.Job)
	}
	return m, ours, nil
}

// enter makes the home this run's. A process that dies in it leaves the old
// marker, and the next one begins it again.
func (k *Sink) enter(c rdd.Commit, was marker, ours bool) error {
	if !ours && k.mode == modeOverwrite {
		if err := k.sweep(was); err != nil {
			return err
		}
	}
	if want := (marker{Job: c.Job, Run: k.env.Run, Epoch: c.Epoch}); was != want || !ours {
		if err := k.writeMarker(want); err != nil {
			return err
		}
	}
	k.entered = true
	return nil
}
