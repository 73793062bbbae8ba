package part

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// seesAlike refuses a job with a path that is relative, if this process would look for
// it elsewhere than the driver, whose directory is dir.
func seesAlike(p *planner.Plan, dir string) error {
	own, err := os.Getwd()
	if err != nil {
		return fault.New(fault.Invalid, "%w", err)
	}
	if dir == "" || bare(own) == bare(dir) {
		return nil
	}
	for _, d := range p.Job.Datasets() {
		var o rdd.Options
		switch op := d.Op().(type) {
		case rdd.Read:
			o = op.Options
		case rdd.Write:
			o = op.Options
		default:
			continue
		}
		if path := relative(o["path"]); path != "" {
			return fault.Wrap(fault.Invalid, &rdd.Error{At: d.At("options.path"),
				Text: path + " is relative to " + dir + " for the driver and to " + own + " for an executor: " +
					"give an absolute path, or start all nodes of the cluster in one directory"})
		}
	}
	return nil
}

// bare is a directory without links, as far as that can be known here.
func bare(dir string) string {
	if target, err := filepath.EvalSymlinks(dir); err == nil {
		return target
	}
	return dir
}

// relative returns the first path of an option that is relative, or "". What a
// variable of the environment begins is not known here.
func relative(v any) string {
	var all []string
	switch v := v.(type) {
	case string:
		all = []string{v}
	case []string:
		all = v
	}
	for _, path := range all {
		if path != "" && !filepath.IsAbs(path) && !strings.Contains(path, "://") && !strings.HasPrefix(path, "${") {
			return path
		}
	}
	return ""
}
