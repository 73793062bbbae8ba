package parquet

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/idag/idag/internal/fault"
)

// found is a file of the data set.
type found struct {
	path string
	keys []hiveKey // of its key=value directories, outermost first
}

// hiveKey is one key=value directory. null is Hive's word for a null.
type hiveKey struct {
	name, value string
	null        bool
}

// hiveNull is how Hive and Spark spell a null in a directory name.
const hiveNull = "__HIVE_DEFAULT_PARTITION__"

// find lists the files that paths mean, each once, sorted by path. A path may
// be a file, a directory, or a pattern in which * and ? stand for parts of a
// name and ** for directories.
func find(ctx context.Context, paths []string) ([]found, error) {
	var out []found
	for _, p := range paths {
		files, err := listOne(ctx, p)
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fault.New(fault.Invalid, "%s: no Parquet files here", p)
		}
		out = append(out, files...)
	}
	slices.SortFunc(out, func(a, b found) int { return strings.Compare(a.path, b.path) })
	return slices.CompactFunc(out, func(a, b found) bool { return a.path == b.path }), nil
}

func listOne(ctx context.Context, p string) ([]found, error) {
	if strings.ContainsAny(p, "*?[") {
		if _, err := os.Lstat(p); err != nil { // not a file that has such a name
			return glob(ctx, p)
		}
	}
	info, err := os.Stat(p)
	if err != nil {
		return nil, wrapOpen(p, err)
	}
	if !info.IsDir() {
		return []found{{path: filepath.Clean(p)}}, nil
	}
	return walk(ctx, p, func(string) bool { return true })
}

// glob walks the directory before the first wildcard.
func glob(ctx context.Context, pattern string) ([]found, error) {
	pattern = filepath.ToSlash(filepath.Clean(pattern))
	if _, err := path.Match(strings.ReplaceAll(pattern, "**", "*"), ""); err != nil {
		return nil, fault.New(fault.Invalid, "%s: not a pattern: %v", pattern, err)
	}
	base := pattern[:strings.IndexAny(pattern, "*?[")]
	base = base[:strings.LastIndexByte(base, '/')+1]
	want := strings.Split(pattern[len(base):], "/")
	root := base
	if root == "" {
		root = "."
	}
	if _, err := os.Stat(root); err != nil {
		return nil, wrapOpen(pattern, err)
	}
	return walk(ctx, root, func(rel string) bool { return matches(want, strings.Split(rel, "/")) })
}

// matches compares the parts of a path with those of a pattern.
func matches(want, have []string) bool {
	for len(want) > 0 {
		if want[0] == "**" {
			for i := range len(have) + 1 {
				if matches(want[1:], have[i:]) {
					return true
				}
			}
			return false
		}
		if len(have) == 0 {
			return false
		}
		if ok, err := path.Match(want[0], have[0]); !ok || err != nil {
			return false
		}
		want, have = want[1:], have[1:]
	}
	return len(have) == 0
}

// walk lists the files below root whose path from there is wanted. Names that
// start with _ or . are passed over, as Spark does; so are files that are
// plainly something else. Below a pattern any name counts as a Parquet file.
func walk(ctx context.Context, root string, wanted func(rel string) bool) ([]found, error) {
	var out []found
	root = strings.TrimSuffix(root, "/") + "/" // which follows it if it is a link
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return wrapOpen(p, err)
		case ctx.Err() != nil:
			return ctx.Err()
		case p == root:
			return nil
		case strings.HasPrefix(d.Name(), "_") || strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if wanted(rel) {
			out = append(out, found{path: p, keys: hiveKeys(rel)})
		}
		return nil
	})
	return out, err
}

// hiveKeys reads the key=value directories of a path.
func hiveKeys(rel string) []hiveKey {
	var out []hiveKey
	dirs := strings.Split(rel, "/")
	for _, d := range dirs[:len(dirs)-1] {
		k, v, ok := strings.Cut(d, "=")
		if !ok || k == "" {
			continue
		}
		out = append(out, hiveKey{name: unescape(k), value: unescape(v), null: v == hiveNull})
	}
	return out
}

// unescape undoes percent-encoding; what is not one stands for itself.
func unescape(s string) string {
	if v, err := url.PathUnescape(s); err == nil {
		return v
	}
	return s
}

// wrapOpen says what kind of fault it is not to be able to open p.
func wrapOpen(p string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Invalid, "%s: no such file or directory", p)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Invalid, "%s: permission denied", p)
	}
	return fault.New(fault.Retry, "%s: %w", p, err)
}
