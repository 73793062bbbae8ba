package files

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/idag/idag/internal/fault"
)

// sweep takes away what runs have published in the directory, but for the
// marker and for what is being staged. It is moved first, so that readers see
// little of the sweeping. What came from elsewhere is refused, and then nothing
// goes.
func (k *Sink) sweep(was marker) error {
	if err := k.replaceable(was); err != nil {
		return err
	}
	entries, err := os.ReadDir(k.root)
	if err != nil {
		return wrapWrite(k.root, err)
	}
	old, err := makeDir(k.own, "old-")
	if err != nil {
		return wrapWrite(k.own, err)
	}
	for _, e := range entries {
		if !isBatch(e) && !isJob(e) {
			continue
		}
		from := filepath.Join(k.root, e.Name())
		if os.Rename(from, filepath.Join(old, e.Name())) == nil {
			continue
		}
		if err := os.RemoveAll(from); err != nil { // another file system's, perhaps
			return wrapWrite(from, err)
		}
	}
	if err := syncPath(k.root); err != nil {
		return err
	}
	_ = os.RemoveAll(old) // what stays goes with the sink
	return nil
}

// replaceable refuses to replace a directory that holds something that no sink
// has published.
func (k *Sink) replaceable(m marker) error {
	name, err := foreign(k.root, m)
	if err != nil || name == "" {
		return err
	}
	return fault.New(fault.Invalid, "%s: the directory holds %s, which no run of idag has written; mode: overwrite replaces "+
		"only what runs have published (move it away, or give job %q another path)", k.root, name, k.env.Job)
}

// foreign returns something in the root of a sink that no sink has published,
// preferably a file, as a path from there, or "". Batches are a sink's if there
// is a marker beside them; those of a data set that somebody else has
// partitioned by batch have none.
func foreign(root string, m marker) (string, error) {
	return firstOther(root, func(e fs.DirEntry) (string, error) {
		switch {
		case e.Name() == markerFile, e.Name() == stagingDir && e.IsDir(), isBatch(e) && m != (marker{}):
			return "", nil
		case isJob(e):
			return foreignOfJob(filepath.Join(root, e.Name()))
		}
		return ".", nil
	})
}

// foreignOfJob is foreign for what mode append keeps of a job.
func foreignOfJob(job string) (string, error) {
	return firstOther(job, func(e fs.DirEntry) (string, error) {
		if !e.IsDir() || !isNumbered(e.Name(), "run=") {
			return ".", nil
		}
		run := filepath.Join(job, e.Name())
		m, err := readMarker(run)
		if err != nil {
			return "", err
		}
		return firstOther(run, func(e fs.DirEntry) (string, error) {
			if e.Name() == markerFile || isBatch(e) && m != (marker{}) {
				return "", nil
			}
			return ".", nil
		})
	})
}

// firstOther returns what of finds first in the entries of dir, as a path from
// there. "." stands for the entry itself: of a directory a file in it is named.
func firstOther(dir string, of func(fs.DirEntry) (string, error)) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", wrapWrite(dir, err)
	}
	for _, e := range entries {
		name, err := of(e)
		if err != nil {
			return "", err
		}
		if name == "." && e.IsDir() {
			name = someFile(filepath.Join(dir, e.Name()))
		}
		if name != "" {
			return filepath.Join(e.Name(), name), nil
		}
	}
	return "", nil
}

// someFile returns the first file below dir as a path from there, or ".".
func someFile(dir string) string {
	found := "."
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if rel, err := filepath.Rel(dir, path); err == nil {
			found = rel
		}
		return fs.SkipAll
	})
	return found
}

func isBatch(e fs.DirEntry) bool { return e.IsDir() && isNumbered(e.Name(), "batch=") }

func isJob(e fs.DirEntry) bool { return e.IsDir() && strings.HasPrefix(e.Name(), "job=") }

// isNumbered reports whether name is the key and a number.
func isNumbered(name, key string) bool {
	number, ok := strings.CutPrefix(name, key)
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}
