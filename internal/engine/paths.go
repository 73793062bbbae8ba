package engine

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// place is a path that a job reads or writes.
type place struct {
	path string // as the job spells it
	dir  string // absolute, without links and wildcards
	at   rdd.Pos
	// flat says that it is a pattern of files, such as data/*.parquet, which matches
	// nothing in a directory below dir.
	flat bool
}

// distinctPaths refuses a write into a place of another write, which would take
// a batch of the other for one of its own that is published already, or into a
// place that the job reads: it would replace its own input, or read its output.
func distinctPaths(p *planner.Plan, kinds connectors.Registry) error {
	var inputs, outputs []place
	for _, d := range p.Job.Datasets() {
		if read, ok := d.Op().(rdd.Read); ok {
			for _, in := range placesOf(read.Connector, read.Options, kinds) {
				pattern := in.dir
				in.dir, in.flat, in.at = resolvePath(fixedPrefix(pattern)), flatPattern(pattern), d.At("options.path")
				inputs = append(inputs, in)
			}
		}
	}
	for _, d := range writesOf(p) {
		w, _ := d.Op().(rdd.Write)
		for _, out := range placesOf(w.Connector, w.Options, kinds) {
			out.dir, out.at = resolvePath(out.dir), d.At("options.path")
			for _, in := range inputs {
				if err := out.apart(in, "read"); err != nil {
					return err
				}
			}
			for _, first := range outputs {
				if err := out.apart(first, "written"); err != nil {
					return err
				}
			}
			outputs = append(outputs, out)
		}
	}
	return nil
}

// writesOf are the writes of a plan, and that of its dead letters.
func writesOf(p *planner.Plan) []*rdd.Dataset {
	var out []*rdd.Dataset
	for _, id := range p.Writes {
		out = append(out, p.Ops[id].Dataset)
	}
	dead := p.Job.Dead
	return append(out, rdd.Extend(rdd.Write{Connector: dead.Connector, Options: dead.Options}, dead.At, dead.Marks))
}

// apart refuses an output that is, contains or lies inside of another place.
func (p place) apart(other place, verb string) error {
	how := ""
	switch {
	case p.dir == other.dir:
		how = "is"
	case within(p.dir, other.dir) && !other.flat:
		how = "lies inside of"
	case within(other.dir, p.dir):
		how = "contains"
	default:
		return nil
	}
	return fault.Wrap(fault.Invalid, &rdd.Error{At: p.at,
		Text: fmt.Sprintf("write: %s %s %s, which is %s at %s already; give each write a place of its own", p.path, how, other.path, verb, other.at)})
}

// within reports whether path lies below dir. Both are clean and absolute.
func within(path, dir string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator))
}

// placesOf returns the paths of a connector's options, as the job spells them and
// as they are with the values of the environment, where these are known.
func placesOf(connector string, o rdd.Options, kinds connectors.Registry) []place {
	spelled := pathsOf(o)
	out := make([]place, len(spelled))
	for i, path := range spelled {
		out[i] = place{path: path, dir: path}
		if k, err := kinds.Lookup(connector); err == nil {
			if e, err := k.Expand(rdd.Options{"path": path}); err == nil {
				out[i].dir, _ = e["path"].(string)
			}
		}
		out[i].path, out[i].dir = bare(out[i].path), bare(out[i].dir)
	}
	return out
}

// bare is a path without what a URL says behind a question mark: how its place is
// reached, with secrets perhaps.
func bare(path string) string {
	if strings.Contains(path, "://") {
		path, _, _ = strings.Cut(path, "?")
	}
	return path
}

// pathsOf is the option path, one or a list, without what is empty.
func pathsOf(o rdd.Options) []string {
	var all []string
	switch p := o["path"].(type) {
	case string:
		all = append(all, p)
	case []string:
		all = append(all, p...)
	case []any:
		for _, v := range p {
			if s, ok := v.(string); ok {
				all = append(all, s)
			}
		}
	}
	out := all[:0:0]
	for _, p := range all {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}

// wild are the characters that make a path a pattern.
const wild = "*?[{"

// fixedPrefix is the directory before the first wildcard of a pattern, or a
// path that has none.
func fixedPrefix(pattern string) string {
	at := strings.IndexAny(pattern, wild)
	if at < 0 {
		return pattern
	}
	if at = strings.LastIndexByte(pattern[:at], '/'); at < 0 {
		return "."
	}
	return pattern[:at+1]
}

// flatPattern reports whether a pattern has wildcards in the names of files only.
func flatPattern(pattern string) bool {
	dir, file := filepath.Split(pattern)
	ext := filepath.Ext(file)
	return strings.ContainsAny(file, wild) && !strings.Contains(file, "**") && !strings.ContainsAny(dir, wild) && len(ext) > 1 && !strings.ContainsAny(ext, wild)
}

// resolvePath makes a path absolute and follows the links of as much of it as
// exists, so that two spellings of one place are equal.
func resolvePath(path string) string {
	if scheme, rest, ok := strings.Cut(path, "://"); ok {
		rest, _, _ = strings.Cut(rest, "?")
		if scheme != "file" {
			return scheme + "://" + strings.TrimPrefix(filepath.Clean("/"+rest), "/")
		}
		path = rest
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	rest := ""
	for dir := path; ; dir = filepath.Dir(dir) {
		if target, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(target, rest)
		}
		if dir == filepath.Dir(dir) {
			return path
		}
		rest = filepath.Join(filepath.Base(dir), rest)
	}
}
