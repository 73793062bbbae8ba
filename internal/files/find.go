package files

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
	"github.com/idag/idag/internal/store"
)

// Found is a file of a data set.
type Found struct {
	Path string
	Keys []Key // of its key=value directories, outermost first

	object *stamp // of an object, which comes with the listing
}

// Key is one key=value directory. Null says that its value is Hive's word for a
// null.
type Key struct {
	Name, Value string
	Null        bool
}

// SetKeys leaves of each file's keys those that are wanted: its key=value
// directories, and its own path under the name filename unless that is "". A
// filename that a directory's key has too, or that is not free for columns of
// the user's, is fault.Invalid.
func SetKeys(list []Found, hive bool, filename string) error {
	if strings.HasPrefix(filename, "_") {
		return fault.New(fault.Invalid, "filename: %q begins with an underscore, as no column that is added may", filename)
	}
	for i := range list {
		f := &list[i]
		if !hive {
			f.Keys = nil
		}
		if filename != "" {
			if slices.ContainsFunc(f.Keys, func(k Key) bool { return k.Name == filename }) {
				return NameTaken(filename, f.Path)
			}
			f.Keys = append(f.Keys, Key{Name: filename, Value: f.Path})
		}
	}
	return nil
}

// NameTaken is the error of an option filename that names a column which the
// file at path has already: its values would be gone without a word.
func NameTaken(filename, path string) error {
	return fault.New(fault.Invalid, "filename: %s has a column %q already; give the path of the file another name", path, filename)
}

// HiveNull is how Hive and Spark spell a null in a directory name.
const HiveNull = "__HIVE_DEFAULT_PARTITION__"

// Find lists the files that paths mean, each once, sorted by path. A path may
// be a file, a directory, or a pattern in which * and ? stand for parts of a
// name, {a,b} for either and ** for directories. A path that means no file is a
// fault.Invalid, which calls the files by what.
func (l *Places) Find(ctx context.Context, paths []string, what string) ([]Found, error) {
	var out []Found
	for _, p := range paths {
		files, err := l.list(ctx, p)
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fault.New(fault.Invalid, "%s: no %s here", p, what)
		}
		out = append(out, files...)
	}
	slices.SortFunc(out, func(a, b Found) int { return strings.Compare(a.Path, b.Path) })
	return slices.CompactFunc(out, func(a, b Found) bool { return a.Path == b.Path }), nil
}

// wild are the characters that make a path a pattern.
const wild = "*?[{"

// list lists the files that one path means.
func (l *Places) list(ctx context.Context, p string) ([]Found, error) {
	if store.IsURL(p) {
		return l.listObjects(ctx, p)
	}
	return listOne(ctx, p)
}

func listOne(ctx context.Context, p string) ([]Found, error) {
	if strings.ContainsAny(p, wild) {
		if _, err := os.Lstat(p); err != nil { // not a file that has such a name
			return globAll(ctx, p)
		}
	}
	info, err := os.Stat(p)
	if err != nil {
		return nil, WrapOpen(p, err)
	}
	if !info.IsDir() {
		return []Found{{Path: filepath.Clean(p)}}, nil
	}
	return walk(ctx, p, func(string) bool { return true })
}

// globAll lists what the patterns mean that p stands for, each of which may mean
// nothing.
func globAll(ctx context.Context, p string) ([]Found, error) {
	patterns, err := braces(p)
	if err != nil {
		return nil, err
	}
	var out []Found
	for _, one := range patterns {
		files, err := glob(ctx, one, len(patterns) > 1)
		if err != nil {
			return nil, err
		}
		out = append(out, files...)
	}
	return out, nil
}

// braces returns the patterns that p stands for: one for each alternative of
// {a,b}, which may be nested.
func braces(p string) ([]string, error) {
	const most = 1 << 10
	todo, out := []string{p}, []string(nil)
	for len(todo) > 0 {
		one := todo[0]
		todo = todo[1:]
		alternatives, err := expand(one)
		switch {
		case err != nil:
			return nil, fault.New(fault.Invalid, "%s: not a pattern: %w", p, err)
		case alternatives == nil:
			out = append(out, one)
		default:
			todo = append(alternatives, todo...)
		}
		if len(todo)+len(out) > most {
			return nil, fault.New(fault.Invalid, "%s: the pattern stands for more than %d", p, most)
		}
	}
	return out, nil
}

// expand replaces the first group of alternatives by each of them; nil if there
// is none.
func expand(p string) ([]string, error) {
	from := strings.IndexByte(p, '{')
	if from < 0 {
		return nil, nil
	}
	var out []string
	depth, start := 0, from+1
	for i := from; i < len(p); i++ {
		switch {
		case p[i] == '{':
			depth++
		case p[i] == ',' && depth == 1:
			out, start = append(out, p[start:i]), i+1
		case p[i] == '}':
			if depth--; depth > 0 {
				continue
			}
			out = append(out, p[start:i])
			for j := range out {
				out[j] = p[:from] + out[j] + p[i+1:]
			}
			return out, nil
		}
	}
	return nil, errors.New("a { is not closed")
}

// glob walks the directory before the first wildcard. One that is not there is
// an error, unless the pattern is one of several alternatives.
func glob(ctx context.Context, pattern string, alternative bool) ([]Found, error) {
	pattern = filepath.ToSlash(filepath.Clean(pattern))
	if _, err := path.Match(strings.ReplaceAll(pattern, "**", "*"), ""); err != nil {
		return nil, fault.New(fault.Invalid, "%s: not a pattern: %v", pattern, err)
	}
	base := pattern
	if i := strings.IndexAny(pattern, wild); i >= 0 {
		base = pattern[:i]
	}
	base = base[:strings.LastIndexByte(base, '/')+1]
	want := strings.Split(pattern[len(base):], "/")
	root := base
	if root == "" {
		root = "."
	}
	literal := len(want) == 1 && !strings.ContainsAny(want[0], wild)
	looked := root
	if literal {
		looked = pattern
	}
	if _, err := os.Stat(looked); err != nil {
		if alternative && errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, WrapOpen(pattern, err)
	}
	if literal {
		return listOne(ctx, pattern)
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
// plainly something else. Below a pattern any name counts.
func walk(ctx context.Context, root string, wanted func(rel string) bool) ([]Found, error) {
	var out []Found
	root = strings.TrimSuffix(root, "/") + "/" // which follows it if it is a link
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return WrapOpen(p, err)
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
			out = append(out, Found{Path: p, Keys: hiveKeys(rel)})
		}
		return nil
	})
	return out, err
}

// hiveKeys reads the key=value directories of a path.
func hiveKeys(rel string) []Key {
	var out []Key
	dirs := strings.Split(rel, "/")
	for _, d := range dirs[:len(dirs)-1] {
		k, v, ok := strings.Cut(d, "=")
		if !ok || k == "" {
			continue
		}
		out = append(out, Key{Name: unescape(k), Value: unescape(v), Null: v == HiveNull})
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

// WrapOpen says what kind of fault it is not to be able to open or read p.
func WrapOpen(p string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(fault.Invalid, missing(p))
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Invalid, "%s: permission denied", p)
	}
	return fault.New(fault.Retry, "%s: %w", p, err)
}

// missing is the path of a file that there is not.
type missing string

// Error implements error.
func (m missing) Error() string { return string(m) + ": no such file or directory" }

// Is makes it a fs.ErrNotExist.
func (missing) Is(target error) bool { return target == fs.ErrNotExist }
