package parquet

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
)

// marker says whose a directory is.
type marker struct {
	Job   string `json:"job"`
	Epoch int64  `json:"epoch"` // of the driver that published last
}

func readMarker(root string) (marker, error) {
	var m marker
	b, err := os.ReadFile(filepath.Join(root, markerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		return m, fault.New(fault.Invalid, "%s: cannot be read: %w", filepath.Join(root, markerFile), err)
	}
	return m, nil
}

// writeMarker replaces the marker as a whole.
func (k *sink) writeMarker(m marker) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	tmp := filepath.Join(k.own, markerFile)
	if err := writeSynced(tmp, append(b, '\n')); err != nil {
		return wrapWrite(tmp, err)
	}
	to := filepath.Join(k.root, markerFile)
	if err := os.Rename(tmp, to); err != nil {
		return wrapWrite(to, err)
	}
	return syncDir(k.root)
}

func writeSynced(path string, b []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return wrapWrite(path, err)
	}
	return wrapWrite(path, errors.Join(d.Sync(), d.Close()))
}

// Publish implements connectors.Sink. All files of a batch are moved into one
// staging directory, made durable, and appear by the rename of that directory.
func (k *sink) Publish(ctx context.Context, c rdd.Commit, parts []rdd.Staged) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	files, err := filesOf(parts)
	if err != nil {
		return err
	}
	if err := k.enter(c); err != nil {
		return err
	}
	final := k.batchDir(c)
	if _, err := os.Lstat(final); err == nil {
		k.discard(files)
		return nil
	}
	if len(files) == 0 {
		return nil
	}
	tmp, err := makeDir(k.own, "publish-")
	if err != nil {
		return wrapWrite(k.own, err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := k.gather(tmp, files); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(final), 0o777); err != nil {
		return wrapWrite(final, err)
	}
	if err := os.Rename(tmp, final); err != nil {
		if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTEMPTY) {
			k.discard(files) // another publisher was first
			return nil
		}
		return wrapWrite(final, err)
	}
	k.discard(files) // the directories they were in
	return syncDir(filepath.Dir(final))
}

// batchDir is where a batch appears. Where jobs share a directory, each has a
// directory of its own in it.
func (k *sink) batchDir(c rdd.Commit) string {
	name := fmt.Sprintf("batch=%06d", c.Batch)
	if k.settings.mode == modeAppend {
		return filepath.Join(k.root, "job="+escape(c.Job), name)
	}
	return filepath.Join(k.root, name)
}

// enter checks the epoch and takes the directory over.
func (k *sink) enter(c rdd.Commit) error {
	m, err := readMarker(k.root)
	if err != nil {
		return err
	}
	if m.Job == c.Job && c.Epoch < m.Epoch {
		return fault.New(fault.Invalid, "%s: a newer driver of job %q has taken over (its epoch is %d, this one's %d)",
			k.root, c.Job, m.Epoch, c.Epoch)
	}
	if k.settings.mode == modeOverwrite && !k.started && (c.Batch == 1 || m.Job != c.Job) {
		if err := k.wipe(); err != nil {
			return err
		}
	}
	k.started = true
	if want := (marker{Job: c.Job, Epoch: c.Epoch}); m != want {
		return k.writeMarker(want)
	}
	return nil
}

// wipe deletes what the directory holds, but for what is being staged.
func (k *sink) wipe() error {
	entries, err := os.ReadDir(k.root)
	if err != nil {
		return wrapWrite(k.root, err)
	}
	for _, e := range entries {
		if e.Name() == stagingDir || e.Name() == markerFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(k.root, e.Name())); err != nil {
			return wrapWrite(filepath.Join(k.root, e.Name()), err)
		}
	}
	return syncDir(k.root)
}

// filesOf lists the files of the parts.
func filesOf(parts []rdd.Staged) ([]partFile, error) {
	var out []partFile
	for _, p := range parts {
		var pt part
		if err := json.Unmarshal(p.Part, &pt); err != nil {
			return nil, fault.New(fault.Bug, "parquet: not a part of this sink: %v", err)
		}
		for _, f := range pt.Files {
			if !filepath.IsLocal(f.Path) {
				return nil, fault.New(fault.Bug, "parquet: a part lies outside of the sink's directory: %s", f.Path)
			}
			out = append(out, f)
		}
	}
	return out, nil
}

// gather moves the files to dir and makes the directories durable; the files
// are already.
func (k *sink) gather(dir string, files []partFile) error {
	made := map[string]bool{}
	for i, f := range files {
		to := filepath.Join(dir, "label="+escape(f.Label))
		if !made[to] {
			made[to] = true
			if err := os.MkdirAll(to, 0o777); err != nil {
				return wrapWrite(to, err)
			}
		}
		from := filepath.Join(k.root, filepath.FromSlash(f.Path))
		name := filepath.Base(f.Path)
		if _, err := os.Lstat(filepath.Join(to, name)); err == nil {
			name = fmt.Sprintf("%s-%d.parquet", strings.TrimSuffix(name, ".parquet"), i)
		}
		if err := os.Rename(from, filepath.Join(to, name)); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return fault.New(fault.Lost, "%s: a staged part is gone", from)
			}
			return wrapWrite(from, err)
		}
	}
	for to := range made {
		if err := syncDir(to); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// discard removes staged files that nobody needs.
func (k *sink) discard(files []partFile) {
	for _, f := range files {
		path := filepath.Join(k.root, filepath.FromSlash(f.Path))
		_ = os.Remove(path)
		_ = os.Remove(filepath.Dir(path))
		_ = os.Remove(filepath.Dir(filepath.Dir(path)))
	}
}

// escape makes a directory name of a value, as Hive does.
func escape(s string) string {
	if s == "" {
		return hiveNull
	}
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
