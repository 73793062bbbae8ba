package cli

import (
	"os"
	"strings"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"github.com/spf13/cobra"
)

func newReplay(s *session) *cobra.Command {
	var f runFlags
	var name string
	c := &cobra.Command{
		GroupID: groupJobs,
		Use:     "replay PATH... --job JOB|FILE.yaml [flags]",
		Short:   "Run a job over Parquet files instead of its source",
		Long: `Run a job with its first source replaced by Parquet: files, directories or globs.
Files that cover the same time are replayed side by side, in event time.`,
		Example: `  idag replay data/meter --job meter
  idag replay 'archive/2025-*/*.parquet' --job job.yaml --json`,
		Args: some("a path"),
		RunE: func(c *cobra.Command, args []string) error {
			if name == "" {
				return usage(c, fault.New(fault.Invalid, "missing --job"))
			}
			job, err := s.replayed(name, args, &f)
			if err != nil {
				return err
			}
			return s.runAndTell(c.Context(), job, &f)
		},
	}
	f.add(c)
	c.Flags().StringVar(&name, "job", "", "the `job` or job file to run")
	_ = c.RegisterFlagCompletionFunc("job", s.complete) // fails only for a flag that is not there
	return c
}

// replayed returns a job whose first source reads Parquet from paths.
func (s *session) replayed(name string, paths []string, f *runFlags) (*rdd.Job, error) {
	for _, p := range paths {
		if strings.ContainsAny(p, "*?[") {
			continue
		}
		if _, err := os.Stat(p); err != nil {
			return nil, fault.New(fault.Invalid, "%s: no such file or directory", p)
		}
	}
	job, err := s.job(name, &f.jobFlags)
	if err != nil {
		return nil, err
	}
	first := true
	return withSources(job, func(rdd.Read) (*rdd.Read, error) {
		if !first {
			return nil, nil
		}
		first = false
		return &rdd.Read{Connector: "parquet", Options: rdd.Options{"path": list(paths)}}, nil
	})
}

// list spells paths as an option: one path as itself.
func list(paths []string) any {
	if len(paths) == 1 {
		return paths[0]
	}
	out := make([]any, len(paths))
	for i, p := range paths {
		out[i] = p
	}
	return out
}

// withSources returns the job with other sources: replace is called for each
// Read, in the order of the plan, and returns another, or nil to keep it. All
// datasets that stand on a new one are made anew, shared ones once.
func withSources(job *rdd.Job, replace func(rdd.Read) (*rdd.Read, error)) (*rdd.Job, error) {
	made := map[*rdd.Dataset]*rdd.Dataset{}
	reads := 0
	for _, d := range job.Datasets() {
		op, changed := d.Op(), false
		if r, ok := op.(rdd.Read); ok {
			other, err := replace(r)
			if err != nil {
				return nil, err
			}
			if other != nil {
				op, changed = *other, true
			}
			reads++
		}
		parents := make([]*rdd.Dataset, len(d.Parents()))
		for i, p := range d.Parents() {
			parents[i] = made[p]
			changed = changed || made[p] != p
		}
		made[d] = d
		if changed {
			made[d] = d.With(op, parents...)
		}
	}
	if reads == 0 {
		return nil, fault.New(fault.Invalid, "the job %s reads nothing", job.Name)
	}
	out := *job
	out.Sinks = make([]*rdd.Dataset, len(job.Sinks))
	for i, w := range job.Sinks {
		out.Sinks[i] = made[w]
	}
	return &out, nil
}
