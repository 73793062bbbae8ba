package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
)

// smallRows is what a start is measured on, at the most.
const smallRows = 10_000

// benchStart measures how long the first row takes, in a process that has run
// and in one that is started for it.
func benchStart() measurement {
	return measurement{
		name: "start",
		doc:  "the first row of a small data set, in a warm process and from a cold start",
		figures: func(*benchFlags) [][2]string {
			return [][2]string{
				{"first_row_ms", "first_row_ms_warm"},
				{"first_row_ms_warm", "in a process that has run the job before: from the call until the first row is published to a console sink; aim at most 20"},
				{"first_row_ms_cold", "from the start of the program until the first byte of a row is on its standard output; aim at most 60"},
				{"version_seconds", "from start to exit of the command version: what the program costs alone"},
				{"first_batch_seconds", "from start until the first micro-batch is committed to Parquet files"},
				{"run_seconds", "from start to exit of that run"},
			}
		},
		run: func(ctx context.Context, s *session, f *benchFlags) (bench.Samples, error) {
			return s.measureStart(ctx, f)
		},
	}
}

func (s *session) measureStart(ctx context.Context, f *benchFlags) (got bench.Samples, err error) {
	dir, err := os.MkdirTemp("", "idag-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	f.rows = min(f.rows, smallRows)
	path, err := s.benchData(ctx, f, filepath.Join(dir, "events"))
	if err != nil {
		return nil, err
	}
	got = bench.Samples{}
	for round := range f.runs + 1 {
		to := got
		if round == 0 { // warms up
			to = bench.Samples{}
		}
		if err := s.cold(ctx, f, to, path, filepath.Join(dir, fmt.Sprint("out", round))); err != nil {
			return nil, err
		}
		if isFile(f.job) { // it writes where it says, not to a console
			continue
		}
		if err := s.firstRow(ctx, f, to, path); err != nil {
			return nil, err
		}
	}
	return got, nil
}

// cold starts the program: to do nothing, and to run the job into files.
func (s *session) cold(ctx context.Context, f *benchFlags, got bench.Samples, path, out string) error {
	idle, err := program(ctx, "version")
	if err != nil {
		return err
	}
	got.Add("version_seconds", "s", idle.whole.Seconds())
	run, err := program(ctx, append(benchArgs(f, path, out), "--json")...)
	if err != nil {
		return err
	}
	if !json.Valid(run.out[:len(firstLine(run.out))]) {
		return fault.New(fault.Bug, "the first line is not JSON: %s", firstLine(run.out))
	}
	got.Add("first_batch_seconds", "s", run.line.Seconds())
	got.Add("run_seconds", "s", run.whole.Seconds())
	return nil
}

func firstLine(text []byte) []byte {
	for i, b := range text {
		if b == '\n' {
			return text[:i]
		}
	}
	return text
}

// firstRow runs the job into a console sink: in the program started anew, and
// in this process.
func (s *session) firstRow(ctx context.Context, f *benchFlags, got bench.Samples, path string) error {
	set := []string{"path=" + path, "sink=console"}
	run, err := program(ctx, "run", f.job, "--set", set[0], "--set", set[1], "--quiet")
	if err != nil {
		return err
	}
	milliseconds(got, "first_row_ms_cold", run.byte1)
	job, err := s.job(f.job, &jobFlags{set: set})
	if err != nil {
		return err
	}
	var first stamp
	start := time.Now()
	if _, err := s.whole(ctx, job, planner.IDAG, &silent{w: &first, errs: s.io.Err}); err != nil {
		return err
	}
	if first.at.IsZero() {
		return fault.New(fault.Invalid, "the job %s wrote no row", f.job)
	}
	milliseconds(got, "first_row_ms_warm", first.at.Sub(start))
	milliseconds(got, "first_row_ms", first.at.Sub(start))
	return nil
}
