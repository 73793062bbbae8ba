package files

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/store"
)

// Places finds and opens files, on disks and in object storage. The zero Places
// is ready for use, by several goroutines at once.
type Places struct{ remote store.Store }

// Add notes how the object storage of URLs is reached and returns the paths
// without that. A file:// URL becomes a path.
func (l *Places) Add(paths []string) ([]string, error) {
	out := make([]string, len(paths))
	for i, p := range paths {
		scheme, rest, ok := strings.Cut(p, "://")
		switch {
		case store.IsURL(p):
			bare, err := l.remote.Add(p)
			if err != nil {
				return nil, err
			}
			out[i] = bare
		case ok && scheme == "file":
			out[i] = rest
		case ok && strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789") == "":
			bare, _, _ := strings.Cut(p, "?") // what follows may be a secret
			return nil, fault.New(fault.Invalid, "%s: paths are of files, file:// or s3://", bare)
		default:
			out[i] = p
		}
	}
	return out, nil
}

// Close closes the connections.
func (l *Places) Close() error { return l.remote.Close() }

// Handle is an open file.
type Handle struct {
	io.ReaderAt
	Size int64
	// Changed is another number when the file has another content of the same size.
	Changed int64
	now     func() (stamp, error)
	file    *os.File // nil in object storage
}

// Close closes the file.
func (h *Handle) Close() error {
	if h.file == nil {
		return nil
	}
	return h.file.Close()
}

// Rest frees what is kept of a file that is open and not read for now.
func (h *Handle) Rest() {
	if f, ok := h.ReaderAt.(*store.File); ok {
		f.Rest()
	}
}

// Open opens a regular file. In object storage ctx is for all that is read of it.
func (l *Places) Open(ctx context.Context, path string) (*Handle, error) {
	if store.IsURL(path) {
		f, err := l.remote.Open(ctx, path)
		if err != nil {
			return nil, err
		}
		first := true
		return &Handle{ReaderAt: f, Size: f.Size, Changed: stampOfObject(f.Info).at(), now: func() (stamp, error) {
			if first {
				first = false
				return stampOfObject(f.Info), nil
			}
			i, err := f.Now()
			return stampOfObject(i), err
		}}, nil
	}
	s, err := statFile(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, WrapOpen(path, err)
	}
	return &Handle{ReaderAt: f, Size: s.Size, Changed: s.at(), file: f, now: func() (stamp, error) {
		info, err := f.Stat()
		if err != nil {
			return stamp{}, WrapOpen(path, err)
		}
		return stampOf(info), nil
	}}, nil
}

func stampOfObject(i store.Info) stamp {
	return stamp{Size: i.Size, Time: i.Time.UnixNano(), ETag: i.Tag}
}

// stat returns the stamp of a file that was found, and what tells it from another
// that takes its name. An object never changes: one that has is another.
func (l *Places) stat(f Found) (stamp, string, error) {
	if f.object != nil {
		return *f.object, f.object.ETag, nil
	}
	return stampAndTag(f.Path)
}

// listObjects lists what a URL means: an object, all below a prefix, or those
// that a pattern matches.
func (l *Places) listObjects(ctx context.Context, p string) ([]Found, error) {
	if !strings.ContainsAny(p, wild) {
		info, err := l.remote.Stat(ctx, p)
		if err == nil {
			s := stampOfObject(info)
			return []Found{{Path: p, object: &s}}, nil
		}
		if fault.Of(err) != fault.Invalid {
			return nil, err
		}
		return l.below(ctx, strings.TrimSuffix(p, "/")+"/", func(string) bool { return true })
	}
	patterns, err := braces(p)
	if err != nil {
		return nil, err
	}
	var out []Found
	for _, one := range patterns {
		if !strings.ContainsAny(one, wild) {
			list, err := l.listObjects(ctx, one)
			if err != nil {
				return nil, err
			}
			out = append(out, list...)
			continue
		}
		base := one[:strings.IndexAny(one, wild)]
		base = base[:strings.LastIndexByte(base, '/')+1]
		want := strings.Split(one[len(base):], "/")
		list, err := l.below(ctx, base, func(rel string) bool { return matches(want, strings.Split(rel, "/")) })
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// below lists the objects below a prefix that ends with a slash, as walk does
// files.
func (l *Places) below(ctx context.Context, base string, wanted func(rel string) bool) ([]Found, error) {
	var out []Found
	var done commits
	err := l.remote.List(ctx, base, func(i store.Info) error {
		rel := strings.TrimPrefix(i.Path, base)
		done.note(rel)
		hidden := strings.HasSuffix(rel, "/") // how some programs make a directory
		for part := range strings.SplitSeq(rel, "/") {
			hidden = hidden || strings.HasPrefix(part, ".") || strings.HasPrefix(part, "_")
		}
		if !hidden && wanted(rel) {
			s := stampOfObject(i)
			out = append(out, Found{Path: i.Path, Keys: hiveKeys(rel), object: &s})
		}
		return nil
	})
	return slices.DeleteFunc(out, func(f Found) bool { return !done.has(strings.TrimPrefix(f.Path, base)) }), err
}
