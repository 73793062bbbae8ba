package home

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/ledger"
	"github.com/idag/idag/rdd"
)

// logBytes is the size of the files of a job's ledger. The last one is copied by who
// takes over.
const logBytes = 8 << 20

// Ledger is the ledger of one job, for as long as the term lasts.
type Ledger struct {
	log   *ledger.Log
	check func() error
}

var _ driver.Ledger = (*Ledger)(nil)

// Ledger opens the ledger in a directory for this term: a copy of that of the last
// term, which nobody else can write. Who calls closes it.
func (h *Home) Ledger(dir string) (*Ledger, error) {
	if err := h.Check(); err != nil {
		return nil, err
	}
	mine := termPath(dir, h.term)
	if _, err := os.Stat(mine); errors.Is(err, fs.ErrNotExist) {
		if err := h.inherit(dir, mine); err != nil {
			return nil, err
		}
	}
	log, err := ledger.Open(mine, ledger.Options{FileBytes: logBytes})
	if err != nil {
		return nil, err
	}
	for _, t := range terms(dir) {
		if t < h.term {
			_ = os.RemoveAll(termPath(dir, t))
		}
	}
	return &Ledger{log: log, check: h.Check}, nil
}

// draftPrefix begins the names of what is not whole yet.
const draftPrefix = ".draft-"

// inherit makes the directory of this term from that of the last one. Files that are
// not written any more are the same; the last one is copied.
func (h *Home) inherit(dir, mine string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return invalid(err)
	}
	unfinished, _ := os.ReadDir(dir)
	for _, e := range unfinished {
		if strings.HasPrefix(e.Name(), draftPrefix) {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
	draft, err := os.MkdirTemp(dir, draftPrefix+"*")
	if err != nil {
		return invalid(err)
	}
	defer os.RemoveAll(draft) //nolint:errcheck // it has another name by then, or is of no use
	before := slices.DeleteFunc(terms(dir), func(t int64) bool { return t >= h.term })
	if len(before) > 0 {
		if err := inheritFrom(termPath(dir, before[len(before)-1]), draft); err != nil {
			return invalid(err)
		}
	}
	if err := errors.Join(syncDir(draft), os.Rename(draft, mine)); err != nil {
		return invalid(err)
	}
	return syncDir(dir)
}

func inheritFrom(from, to string) error {
	list, err := os.ReadDir(from)
	list = slices.DeleteFunc(list, func(e fs.DirEntry) bool { return filepath.Ext(e.Name()) != ".jsonl" })
	for i, e := range list {
		path, name := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if i < len(list)-1 {
			if linked := os.Link(path, name); !errors.Is(linked, fs.ErrNotExist) { // not just trimmed
				err = errors.Join(err, linked)
			}
			continue
		}
		err = errors.Join(err, copyFile(path, name))
	}
	return err
}

// copyFile copies a file as it is, and makes the copy durable.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it was only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// Note says what had to be repaired, or is "".
func (l *Ledger) Note() string { return l.log.Note() }

// Close closes the ledger.
func (l *Ledger) Close() error { return l.log.Close() }

// Append implements driver.Ledger. An append during which the term ended is not
// confirmed, and nobody will read it.
func (l *Ledger) Append(ctx context.Context, entries ...driver.Entry) error {
	if err := l.check(); err != nil {
		return err
	}
	if err := l.log.Append(ctx, entries...); err != nil {
		return err
	}
	return l.check()
}

// Replay implements driver.Ledger.
func (l *Ledger) Replay(ctx context.Context) iter.Seq2[driver.Entry, error] { return l.log.Replay(ctx) }

// Trim implements driver.Ledger.
func (l *Ledger) Trim(ctx context.Context, below rdd.BatchID) error {
	if err := l.check(); err != nil {
		return err
	}
	return l.log.Trim(ctx, below)
}

// Save makes a record durable under a name in a directory, in place of what earlier
// terms and this one have saved under it.
func (h *Home) Save(dir, name string, record []byte) error {
	if err := h.Check(); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return invalid(err)
	}
	f, err := os.CreateTemp(dir, draftPrefix+"*")
	if err != nil {
		return invalid(err)
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%08d", name, h.term))
	_, err = f.Write(record)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fault.New(fault.Retry, "home: %w", err)
	}
	before, _ := saved(dir, name) // what is not removed now is the next time
	for _, old := range before {
		if old < h.term {
			_ = os.Remove(filepath.Join(dir, fmt.Sprintf("%s-%08d", name, old)))
		}
	}
	return syncDir(dir)
}

// Load returns the last record that was saved under a name in a directory, or nil.
func (h *Home) Load(dir, name string) ([]byte, error) {
	all, err := saved(dir, name)
	switch {
	case err != nil:
		return nil, retry(err)
	case len(all) == 0:
		return nil, nil
	}
	data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%s-%08d", name, all[len(all)-1])))
	if err != nil {
		return nil, retry(err)
	}
	return data, nil
}

// saved returns the terms that have saved a record, in order; none where there is no
// directory.
func saved(dir, name string) ([]int64, error) {
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []int64
	for _, e := range list {
		if n, ok := number(e.Name(), name+"-"); ok {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}
