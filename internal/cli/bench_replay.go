package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// benchReplay runs a job over one data set by every plan in turn.
func benchReplay() bench {
	return bench{
		name: "replay",
		doc:  "a job over a data set: the linear plan in both forms against the I-DAG plan",
		figures: [][2]string{
			{"idag_over_linear", "time of the I-DAG plan ÷ time of the faster form of the linear plan, by medians of a round"},
			{"idag_seconds", "wall time of the I-DAG plan"},
			{"linear_masked_seconds", "wall time of the linear plan that computes all rows and blends"},
			{"linear_selection_seconds", "wall time of the linear plan that computes the rows of For and scatters"},
			{"idag_rows_per_second", "rows read ÷ wall time, I-DAG plan"},
			{"linear_rows_per_second", "rows read ÷ wall time, the faster form of the linear plan"},
			{"peak_rss_bytes", "largest resident memory of the process so far"},
		},
		run: func(ctx context.Context, s *session, f *benchFlags) (samples, error) {
			return s.measureReplay(ctx, f)
		},
	}
}

func (s *session) measureReplay(ctx context.Context, f *benchFlags) (got samples, err error) {
	dir, err := os.MkdirTemp("", "idag-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path, err := s.benchData(ctx, f, dir)
	if err != nil {
		return nil, err
	}
	got = samples{}
	modes := []planner.Mode{planner.Masked, planner.Selection, planner.IDAG}
	for round := range f.runs + 1 {
		sums := make([]engine.Summary, len(modes))
		for i := range modes {
			at := (i + round) % len(modes) // no plan always goes first
			out := filepath.Join(dir, fmt.Sprintf("out-%d-%s", round, modes[at]))
			if sums[at], err = s.benchRun(ctx, f, path, out, modes[at]); err != nil {
				return nil, err
			}
			if err := os.RemoveAll(out); err != nil {
				return nil, err
			}
		}
		for i := range sums[1:] {
			if !sameResult(sums[0], sums[i+1]) {
				return nil, fmt.Errorf("%w: %s %s, %s %s", errUnequal, modes[0], sums[0].Checksum, modes[i+1], sums[i+1].Checksum)
			}
		}
		if round > 0 { // the first warms up
			record(got, sums[0], sums[1], sums[2])
		}
	}
	return got, nil
}

func record(got samples, masked, selection, idag engine.Summary) {
	linear := min(masked.WallSeconds, selection.WallSeconds)
	got.add("idag_over_linear", "ratio", idag.WallSeconds/linear)
	got.add("idag_seconds", "s", idag.WallSeconds)
	got.add("linear_masked_seconds", "s", masked.WallSeconds)
	got.add("linear_selection_seconds", "s", selection.WallSeconds)
	got.add("idag_rows_per_second", "rows/s", float64(idag.RowsIn)/idag.WallSeconds)
	got.add("linear_rows_per_second", "rows/s", float64(masked.RowsIn)/linear)
	got.add("peak_rss_bytes", "B", float64(idag.PeakRSSBytes))
}

// benchData returns the data set to measure on, made in dir if the flags name
// none.
func (s *session) benchData(ctx context.Context, f *benchFlags, dir string) (string, error) {
	if f.path != "" {
		return f.path, nil
	}
	f.out = filepath.Join(dir, "events")
	_, err := s.generate(ctx, &f.generateFlags)
	return f.out, err
}

// benchRun runs the job once. Shipped jobs are given their variables path and
// out; a job file reads path as Parquet and writes where it says.
func (s *session) benchRun(ctx context.Context, f *benchFlags, path, out string, m planner.Mode) (engine.Summary, error) {
	var job *rdd.Job
	var err error
	if isFile(f.job) {
		job, err = s.replayed(f.job, []string{path}, &runFlags{})
	} else {
		job, err = s.job(f.job, &jobFlags{set: []string{"path=" + path, "out=" + out}})
	}
	if err != nil {
		return engine.Summary{}, err
	}
	return s.whole(ctx, job, m, &silent{w: s.io.Err, errs: s.io.Err})
}

// cpu names the processor as far as the system says, or is "unknown processor".
func cpu() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return "unknown processor"
}
