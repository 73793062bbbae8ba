package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"github.com/spf13/cobra"
)

// jobFlags are the flags of every command that takes a job.
type jobFlags struct {
	set      []string
	linear   string
	schedule []string
	trust    string
	settings settingFlags
}

// settingFlags override a job's settings; zero fields leave them as they are.
type settingFlags struct {
	batchRows, batchBytes, memory  int64
	inFlight, keyGroups, frameRows int64
	lateness, batchWait            *time.Duration
}

func (f *jobFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.StringArrayVar(&f.set, "set", nil, "override a variable of the job; may be repeated (`key=value`)")
	fs.StringVar(&f.linear, "linear", "", "the linear plan in this `form` instead of the I-DAG plan:\nmasked, selection or staged")
	fs.Lookup("linear").NoOptDefVal = string(planner.Masked)
	fs.StringSliceVar(&f.schedule, "schedule", nil, "write only these `datasets` of the job, and leave out what only others need")
	fs.StringVar(&f.trust, "trust", "", "what reads that say nothing make of headers that list operations of the job\nas applied to the rows: `done` takes them for applied, none applies them anew")
	s := &f.settings // the limits are those of job files
	fs.Var(whole{&s.batchRows, math.MaxInt64}, "batch-rows", "`rows` of a micro-batch")
	fs.Var(size{&s.batchBytes}, "batch-bytes", "`size` of a micro-batch in the source's encoding, such as 64MB")
	fs.Var(lateness{&s.batchWait}, "batch-wait", "how long a batch waits for a source that has less than a whole one,\na `duration` such as 1s")
	fs.Var(whole{&s.inFlight, 1000}, "in-flight", "micro-`batches` under way at once")
	fs.Var(whole{&s.keyGroups, 1 << 15}, "key-groups", "`partitions` of every shuffle")
	fs.Var(whole{&s.frameRows, 1 << 20}, "frame-rows", "`rows` of one frame at the most")
	fs.Var(size{&s.memory}, "memory", "`size` of the rows that wait for a join in the memory of each executor;\nothers wait on disk")
	fs.Var(lateness{&s.lateness}, "lateness", "how long a window waits for late rows, a `duration` such as '10 minutes'")
}

// mode returns the plan that the flags ask for.
func (f *jobFlags) mode() (planner.Mode, error) {
	switch m := planner.Mode(f.linear); m {
	case "", planner.IDAG:
		return planner.IDAG, nil
	case planner.Masked, planner.Selection, planner.Staged:
		return m, nil
	}
	return "", fault.New(fault.Invalid, "--linear=%s: there is masked, selection and staged", f.linear)
}

// vars reads the --set flags.
func (f *jobFlags) vars() (map[string]string, error) {
	out := map[string]string{}
	for _, s := range f.set {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return nil, fault.New(fault.Invalid, "--set %s: expected key=value", strconv.Quote(s))
		}
		out[key] = value
	}
	return out, nil
}

// apply returns the settings that hold under the flags.
func (o settingFlags) apply(s rdd.Settings) rdd.Settings {
	override(&s.BatchRows, o.batchRows)
	override(&s.BatchBytes, o.batchBytes)
	override(&s.InFlight, int(o.inFlight))
	override(&s.KeyGroups, int(o.keyGroups))
	override(&s.FrameRows, int(o.frameRows))
	override(&s.Memory, o.memory)
	if o.lateness != nil {
		s.Lateness = *o.lateness
	}
	if o.batchWait != nil {
		s.BatchWait = *o.batchWait
	}
	return s
}

func override[T comparable](to *T, with T) {
	var zero T
	if with != zero {
		*to = with
	}
}

// job finds a job by its name or reads it from a file, and applies the flags.
func (s *session) job(name string, f *jobFlags) (*rdd.Job, error) {
	vars, err := f.vars()
	if err != nil {
		return nil, err
	}
	job, err := s.build(name, vars)
	if err != nil {
		return nil, err
	}
	return s.apply(job, f)
}

// apply applies settings, trust and schedule to a job.
func (s *session) apply(job *rdd.Job, f *jobFlags) (*rdd.Job, error) {
	job = job.With(f.settings.apply(job.Settings))
	switch f.trust {
	case "":
	case "done", "none":
		job = job.Trusting(f.trust, func(kind string) bool {
			k, err := s.app.Kinds.Lookup(kind)
			return err == nil && k.Listed
		})
	default:
		return nil, fault.New(fault.Invalid, "--trust=%s: there is done, to take what headers list for applied, and none, to apply it anew", f.trust)
	}
	if len(f.schedule) == 0 {
		return job, nil
	}
	return job.Wanted(f.schedule...), checkSchedule(job, f.schedule)
}

// checkSchedule refuses names of --schedule that no sink of the job has.
func checkSchedule(job *rdd.Job, names []string) error {
	outputs := job.Outputs()
	for _, name := range names {
		if slices.Contains(outputs, name) {
			continue
		}
		hint := "; it writes " + strings.Join(outputs, ", ")
		if near := connectors.Nearest(name, outputs); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		} else if len(outputs) == 0 {
			hint = "; none of them has a name"
		}
		return fault.New(fault.Invalid, "--schedule: the job %s writes no dataset %q%s", job.Name, name, hint)
	}
	return nil
}

func (s *session) build(name string, vars map[string]string) (*rdd.Job, error) {
	if !isFile(name) {
		return s.shipped(name, vars)
	}
	src, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Invalid, "%s: no such file", name)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err)
	}
	return s.using(jobfile.Parse(name, src, vars, s.app.Kinds))
}

// shipped builds a job by its name.
func (s *session) shipped(name string, vars map[string]string) (*rdd.Job, error) {
	j, err := s.find(name)
	if err != nil {
		return nil, err
	}
	return s.make(j, vars)
}

// make builds a job that the program has.
func (s *session) make(j Job, vars map[string]string) (*rdd.Job, error) {
	if j.Build == nil && j.YAML == nil {
		return nil, fault.New(fault.Invalid, "the job %q has neither a Build function nor a job file", j.Name)
	}
	if j.Build == nil {
		return s.using(jobfile.Parse(j.Name+".yaml", j.YAML, vars, s.app.Kinds))
	}
	job, err := s.using(j.Build(vars))
	if err != nil || !j.Shipped {
		return job, err
	}
	if s.hidden == nil {
		s.hidden = map[string]bool{}
	}
	for _, d := range job.Datasets() {
		s.hidden[d.At("").File] = true
	}
	return job, nil
}

// using lets a job call the functions of the program.
func (s *session) using(job *rdd.Job, err error) (*rdd.Job, error) {
	if err != nil {
		return nil, err
	}
	return job.Using(s.app.Functions), nil
}

// isFile reports whether a word means a file and not a job's name.
func isFile(word string) bool {
	ext := filepath.Ext(word)
	return ext == ".yaml" || ext == ".yml" || strings.ContainsRune(word, filepath.Separator)
}

// find returns the shipped job called name. The error suggests the nearest.
func (s *session) find(name string) (Job, error) {
	var names []string
	for _, j := range s.app.Jobs {
		if j.Name == name {
			return j, nil
		}
		names = append(names, j.Name)
	}
	hint := "; a job file ends in .yaml"
	if near := connectors.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return Job{}, fault.New(fault.Invalid, "there is no job %q%s", name, hint)
}

// complete offers the names of the jobs to the shell, besides files.
func (s *session) complete(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, j := range s.app.Jobs {
		out = append(out, j.Name+"\t"+j.Doc)
	}
	return out, cobra.ShellCompDirectiveDefault
}
