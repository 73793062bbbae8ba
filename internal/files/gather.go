package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// gathered are the files of a batch that lie together in one staging directory,
// ready to appear. They stay over a publication that failed, so that the next
// try finds what this one has moved.
type gathered struct {
	dir   string
	moved map[string]string // where a staged file lies now, by its path below the root
	taken map[string]bool   // the paths in moved
}

// gather moves the files of a batch into one staging directory, one directory a
// label, and makes all of it durable.
func (k *Sink) gather(ctx context.Context, batch rdd.BatchID, files []partFile) (dir string, err error) {
	g := k.gathered[batch]
	if g == nil {
		g = &gathered{moved: map[string]string{}, taken: map[string]bool{}}
		if g.dir, err = makeDir(k.own, fmt.Sprintf("publish-%06d-", batch)); err != nil {
			return "", wrapWrite(k.own, err)
		}
		k.gathered[batch] = g
	}
	if err := g.keep(files); err != nil {
		return "", err
	}
	dirs, durable := []string{g.dir}, make([]string, 0, len(files))
	for _, f := range files {
		to, err := g.move(k.desk, f)
		if err != nil {
			return "", err
		}
		if in := filepath.Dir(to); !slices.Contains(dirs, in) {
			dirs = append(dirs, in)
		}
		durable = append(durable, to)
	}
	// With the files most file systems have made durable what the directories hold: then
	// there is nothing left to wait for.
	if err := syncAll(ctx, durable); err != nil {
		return "", err
	}
	return g.dir, syncAll(ctx, dirs)
}

// keep removes what an earlier try has moved that is not of files: a task has
// run again since.
func (g *gathered) keep(files []partFile) error {
	want := make(map[string]bool, len(files))
	for _, f := range files {
		want[f.Path] = true
	}
	for from, to := range g.moved {
		if want[from] {
			continue
		}
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return wrapWrite(to, err)
		}
		_ = os.Remove(filepath.Dir(to)) // if it was the last of its label
		delete(g.moved, from)
		delete(g.taken, to)
	}
	return nil
}

// move moves a staged file into the directory of its label, unless it lies
// there already, and returns its path.
func (g *gathered) move(root string, f partFile) (string, error) {
	if to, ok := g.moved[f.Path]; ok {
		return to, nil
	}
	in := filepath.Join(g.dir, "label="+escape(f.Label))
	if err := os.Mkdir(in, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", wrapWrite(in, err)
	}
	to := filepath.Join(in, f.Name)
	for i := 1; g.taken[to]; i++ {
		to = filepath.Join(in, another(f.Name, i))
	}
	from := filepath.Join(root, filepath.FromSlash(f.Path))
	if err := os.Rename(from, to); err != nil {
		_ = os.Remove(in) // a label without a file must not appear
		if errors.Is(err, fs.ErrNotExist) {
			return "", fault.New(fault.Lost, "%s: a staged part is gone", from)
		}
		return "", wrapWrite(from, err)
	}
	g.moved[f.Path], g.taken[to] = to, true
	return to, nil
}

// another is the i-th other name of a file, for both attempts of one task or two
// tasks of one place.
func another(name string, i int) string {
	base, ext := name, ""
	if dot := strings.IndexByte(base, '.'); dot >= 0 {
		base, ext = base[:dot], base[dot:]
	}
	return fmt.Sprintf("%s-%d%s", base, i, ext)
}

// discard removes staged files of a batch that nobody needs.
func (k *Sink) discard(batch rdd.BatchID, files []partFile) {
	for _, f := range files {
		_ = os.Remove(filepath.Join(k.desk, filepath.FromSlash(f.Path)))
	}
	if g := k.gathered[batch]; g != nil {
		_ = os.RemoveAll(g.dir)
		delete(k.gathered, batch)
	}
}
