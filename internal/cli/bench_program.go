package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// benchData returns the data set to measure on, made in dir if the flags name
// none.
func (s *session) benchData(ctx context.Context, f *benchFlags, dir string) (string, error) {
	if f.path != "" {
		return f.path, nil
	}
	f.out = dir
	_, err := s.generate(ctx, &f.generateFlags)
	return f.out, err
}

// benchJob builds the job. Shipped jobs are given their variables path and out;
// a job file reads path as Parquet and writes where it says.
func (s *session) benchJob(f *benchFlags, path, out string) (*rdd.Job, error) {
	if isFile(f.job) {
		return s.replayed(f.job, []string{path}, &runFlags{})
	}
	return s.job(f.job, &jobFlags{set: []string{"path=" + path, "out=" + out}})
}

// benchArgs are the words of a command line that does the same.
func benchArgs(f *benchFlags, path, out string) []string {
	if isFile(f.job) {
		return []string{"replay", path, "--job", f.job}
	}
	return []string{"run", f.job, "--no-ledger", "--set", "path=" + path, "--set", "out=" + out}
}

// rss runs the I-DAG plan in processes of their own and notes how much memory
// they had.
func (r *replayer) rss(ctx context.Context, figure string, times int) error {
	for range times {
		r.runs++
		out := filepath.Join(r.dir, fmt.Sprint("out", r.runs))
		ran, err := program(ctx, append(benchArgs(r.f, r.path, out), "--json")...)
		if err != nil {
			return err
		}
		sum, err := lastLine(ran.out)
		if err != nil {
			return err
		}
		r.got.Add(figure, "B", float64(sum.PeakRSSBytes))
		if err := os.RemoveAll(out); err != nil {
			return err
		}
	}
	return nil
}

// lastLine is the summary that a run under --json ends with.
func lastLine(out []byte) (sum engine.Summary, err error) {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &sum); err != nil {
		return sum, fault.New(fault.Bug, "the last line is not a summary: %w", err)
	}
	return sum, nil
}

// large measures the memory of one run over a data set of its own size.
func (r *replayer) large(ctx context.Context, rows int64) error {
	f := *r.f
	f.rows, f.path = rows, ""
	var err error
	if r.path, err = r.s.benchData(ctx, &f, filepath.Join(r.dir, fmt.Sprint("events-", rows))); err != nil {
		return err
	}
	if err := r.rss(ctx, fmt.Sprintf("peak_rss_bytes_%d", rows), 1); err != nil {
		return err
	}
	return os.RemoveAll(r.path)
}

// ran is what a run of the program gave.
type ran struct {
	out         []byte
	byte1, line time.Duration // from start to its first byte and its first line
	whole       time.Duration // from start to its end
	cpu         time.Duration // of user and system
}

// program runs this program anew, to its end.
func program(ctx context.Context, args ...string) (ran, error) {
	self, err := os.Executable()
	if err != nil {
		return ran{}, err
	}
	var out ran
	var errs bytes.Buffer
	start := time.Now()
	c := exec.CommandContext(ctx, self, args...)
	c.Stderr = &errs
	pipe, err := c.StdoutPipe()
	if err != nil {
		return out, err
	}
	if err := c.Start(); err != nil {
		return out, err
	}
	in := bufio.NewReader(pipe)
	_, readErr := in.Peek(1)
	out.byte1 = time.Since(start)
	first, lineErr := in.ReadBytes('\n')
	out.line = time.Since(start)
	rest, restErr := io.ReadAll(in)
	if err := errors.Join(c.Wait(), readErr, lineErr, restErr); err != nil {
		return out, fault.New(fault.Bug, "%s %v: %w\n%s", self, args, err, errs.Bytes())
	}
	out.whole = time.Since(start)
	out.cpu = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	out.out = append(first, rest...)
	return out, nil
}

// stamp is a writer that notes when it was first written to.
type stamp struct{ at time.Time }

// Write implements io.Writer. A sink publishes one batch at a time.
func (s *stamp) Write(p []byte) (int, error) {
	if s.at.IsZero() {
		s.at = time.Now()
	}
	return len(p), nil
}

// milliseconds adds a time to a figure.
func milliseconds(got bench.Samples, name string, d time.Duration) {
	got.Add(name, "ms", float64(d)/float64(time.Millisecond))
}
