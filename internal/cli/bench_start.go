package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/idag/idag/internal/fault"
)

// benchStart starts the program anew for every run.
func benchStart() bench {
	return bench{
		name: "start",
		doc:  "a cold start: the program is started for a small data set",
		figures: [][2]string{
			{"version_seconds", "from start to exit of the command version: what the program costs alone"},
			{"first_batch_seconds", "from start until the first micro-batch is committed"},
			{"run_seconds", "from start to exit of the run"},
		},
		run: func(ctx context.Context, s *session, f *benchFlags) (samples, error) {
			return s.measureStart(ctx, f)
		},
	}
}

func (s *session) measureStart(ctx context.Context, f *benchFlags) (got samples, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "idag-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	f.rows = min(f.rows, 10_000)
	path, err := s.benchData(ctx, f, dir)
	if err != nil {
		return nil, err
	}
	got = samples{}
	for i := range f.runs {
		_, took, err := timed(ctx, program, "version")
		if err != nil {
			return nil, err
		}
		got.add("version_seconds", "s", took.Seconds())
		args := []string{"run", f.job, "--json", "--set", "path=" + path, "--set", "out=" + filepath.Join(dir, fmt.Sprint("out", i))}
		if isFile(f.job) {
			args = []string{"replay", path, "--job", f.job, "--json"}
		}
		first, took, err := timed(ctx, program, args...)
		if err != nil {
			return nil, err
		}
		got.add("first_batch_seconds", "s", first.Seconds())
		got.add("run_seconds", "s", took.Seconds())
	}
	return got, nil
}

// timed runs the program and returns when its first line came and when it
// ended.
func timed(ctx context.Context, program string, args ...string) (first, whole time.Duration, err error) {
	start := time.Now()
	c := exec.CommandContext(ctx, program, args...)
	out, err := c.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	if err := c.Start(); err != nil {
		return 0, 0, err
	}
	r := bufio.NewReader(out)
	line, readErr := r.ReadBytes('\n')
	first = time.Since(start)
	_, copyErr := io.Copy(io.Discard, r)
	if err := errors.Join(c.Wait(), readErr, copyErr); err != nil {
		return 0, 0, fault.New(fault.Bug, "%s %v: %w", program, args, err)
	}
	if args[0] != "version" && !json.Valid(line) {
		return 0, 0, fault.New(fault.Bug, "%s %v: the first line is not JSON: %s", program, args, line)
	}
	return first, time.Since(start), nil
}
