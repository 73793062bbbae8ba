package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"golang.org/x/sync/errgroup"
)

// syncers is how many files of a batch are made durable at once: the file
// system writes what comes together with one commit of its journal.
const syncers = 8

// Publish makes the parts of a batch visible at once. All files of a batch are moved into one
// staging directory, made durable, and appear by the rename of that directory.
// Nothing else is visible of it, whenever the process dies: what a run replaces
// goes when all is ready, before the directory is the run's. After an error a
// next call goes on with the files that this one has moved.
func (k *Sink) Publish(ctx context.Context, c rdd.Commit, parts []rdd.Staged) (err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if k.env.Stages {
		return fault.New(fault.Bug, "%s: this sink only stages, and was asked to publish", k.root)
	}
	files, err := filesOf(parts)
	if err != nil || len(files) == 0 && k.mode != modeOverwrite {
		return err
	}
	if k.objects != nil {
		return k.publishObjects(ctx, c, files)
	}
	lock, err := k.hold(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	was, ours, err := k.check(ctx, c)
	if err != nil {
		return err
	}
	if ours && len(files) > 0 {
		err = k.enter(c, was, ours)
	}
	final := filepath.Join(k.home, fmt.Sprintf("batch=%06d", c.Batch))
	switch {
	case err != nil || ours && len(files) == 0:
		return err
	case len(files) == 0:
		return k.enter(c, was, ours)
	case ours && exists(final):
		k.discard(c.Batch, files)
		return syncPath(k.home) // a try before this one may have ended with the rename
	}
	ready, err := k.gather(ctx, c.Batch, files)
	if err == nil && !ours {
		err = k.enter(c, was, ours)
	}
	if err == nil && k.env.Point != nil {
		k.env.Point("publish.half")
	}
	if err == nil {
		err = k.show(c.Batch, ready, final)
	}
	return err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// show is the moment from which readers see a batch.
func (k *Sink) show(batch rdd.BatchID, ready, final string) error {
	err := os.Rename(ready, final)
	switch {
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTEMPTY):
		k.discard(batch, nil) // another publisher was first
	case err != nil:
		return wrapWrite(final, err)
	}
	delete(k.gathered, batch)
	return syncPath(k.home)
}

// filesOf lists the files of the parts.
func filesOf(parts []rdd.Staged) ([]partFile, error) {
	var out []partFile
	for _, p := range parts {
		var pt part
		if err := json.Unmarshal(p.Part, &pt); err != nil {
			return nil, fault.New(fault.Bug, "files: not a part of this sink: %v", err)
		}
		for _, f := range pt.Files {
			if !filepath.IsLocal(f.Path) || !filepath.IsLocal(f.Name) || filepath.Base(f.Name) != f.Name {
				return nil, fault.New(fault.Bug, "files: a part lies outside of the sink's directory: %s, %s", f.Path, f.Name)
			}
			out = append(out, f)
		}
	}
	return out, nil
}

// syncAll makes files and directories durable, several at once.
func syncAll(ctx context.Context, paths []string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(syncers)
	for _, p := range paths {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return syncPath(p)
		})
	}
	return g.Wait()
}

// syncPath makes a file or the entries of a directory durable.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return wrapWrite(path, err)
	}
	return wrapWrite(path, errors.Join(f.Sync(), f.Close()))
}

func writeSynced(path string, b []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// escape makes a directory name of a value, as Hive does.
func escape(s string) string {
	if s == "" {
		return HiveNull
	}
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
