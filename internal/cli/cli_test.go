package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/rdd"
)

// A command line that is wrong is the user's mistake: status 2, one sentence,
// where the help is, nothing on standard output.
func TestUsageMistakes(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"rnu", "idag: unknown command \"rnu\"; did you mean \"run\"?\nSee 'idag --help'.\n"},
		{"run", "idag: missing a job or a job file\nSee 'idag run --help'.\n"},
		{"run a b", "idag: \"b\" is one word too many\nSee 'idag run --help'.\n"},
		{"run meter --lineer", "idag: unknown flag: --lineer\nSee 'idag run --help'.\n"},
		{"run meter --linear=maskd", "idag: --linear=maskd: there is masked, selection and staged\n"},
		{"run meter --set x", "idag: --set \"x\": expected key=value\n"},
		{"run meter --batch-rows -1", badFlag("-1", "--batch-rows", "expected a whole number from 1 to 9223372036854775807")},
		{"run meter --batch-rows 0", badFlag("0", "--batch-rows", "expected a whole number from 1 to 9223372036854775807")},
		{"run meter --batch-bytes 0", badFlag("0", "--batch-bytes", "expected a size of 1 byte or more, such as 64MB or 1 GiB")},
		{"run meter --in-flight 1001", badFlag("1001", "--in-flight", "expected a whole number from 1 to 1000")},
		{"run meter --key-groups 0", badFlag("0", "--key-groups", "expected a whole number from 1 to 32768")},
		{"run meter --key-groups 99999999999999999999", badFlag("99999999999999999999", "--key-groups", "expected a whole number from 1 to 32768")},
		{"run meter --frame-rows 0", badFlag("0", "--frame-rows", "expected a whole number from 1 to 1048576")},
		{"run meter --frame-rows 1048577", badFlag("1048577", "--frame-rows", "expected a whole number from 1 to 1048576")},
		{"run meter --lateness soon", badFlag("soon", "--lateness", "expected a duration such as \"10 minutes\", got \"soon\"")},
		{"run meter --lateness -1s", badFlag("-1s", "--lateness", "expected a duration of 0 or more, got \"-1s\"")},
		{"run meter --executors -1", "idag: --executors may not be negative\n"},
		{"run meetr", "idag: there is no job \"meetr\"; did you mean \"meter\"?\n"},
		{"run elsewhere", "idag: there is no job \"elsewhere\"; a job file ends in .yaml\n"},
		{"run gone.yaml", "idag: gone.yaml: no such file\n"},
		{"plan meter --linear=x", "idag: --linear=x: there is masked, selection and staged\n"},
		{"check", "idag: missing a job or a job file\nSee 'idag check --help'.\n"},
		{"replay /nowhere --job meter", "idag: /nowhere: no such file or directory\n"},
		{"replay .", "idag: missing --job\nSee 'idag replay --help'.\n"},
		{"generate", "idag: missing --out\nSee 'idag generate --help'.\n"},
		{"generate --out x --files 0", "idag: --rows, --files and --row-group-rows must be positive\n"},
		{"bench replya", "idag: there is no measurement \"replya\"; did you mean \"replay\"?\n"},
		{"bench replay --runs 0", "idag: --runs must be positive\n"},
		{"version now", "idag: \"now\" is one word too many\nSee 'idag version --help'.\n"},
	} {
		t.Run(c.args, func(t *testing.T) {
			status, out, errs := call(t, new(fake).app(), strings.Fields(c.args)...)
			if status != statusMistake || out != "" {
				t.Errorf("status %d, output %q", status, out)
			}
			want(t, errs, c.want)
		})
	}
}

func badFlag(value, flag, text string) string {
	return fmt.Sprintf("idag: invalid argument %q for %q flag: %s\nSee 'idag run --help'.\n", value, flag, text)
}

// Flags and job files take the same sizes.
func TestSizesAsInJobFiles(t *testing.T) {
	for _, text := range []string{"1", "64MB", "64 mb", "1.5 GiB", "7k", "0", "0.5", "-1", "MB", "", "1 TB", "9e30", "9223372036854775807", "9223372036854775807k"} {
		src := strings.Replace(jobFile, "labels:", "settings: {batch_bytes: "+strconv.Quote(text)+"}\nlabels:", 1)
		job, err := jobfile.Parse("j.yaml", []byte(src), nil, new(fake).app().Kinds)
		got, ok := parseSize(text)
		if ok != (err == nil) || ok && got != job.Settings.BatchBytes {
			t.Errorf("%q: %d, %t; the job file says %v", text, got, ok, err)
		}
	}
}

// A program's job is made by its function, or else from its job file; without
// either it is refused by name.
func TestJobWithoutBuild(t *testing.T) {
	f := new(fake)
	app := f.app()
	app.Jobs = append(app.Jobs, Job{Name: "written", YAML: []byte(strings.Replace(jobFile, "rows: 5", "rows: \"${n}\"", 1) + "vars: {n: 5}\n")}, Job{Name: "empty"})
	must(t, app, "run", "written", "--set", "n=9", "-q")
	if f.job.Name != "filed" {
		t.Errorf("ran %s", f.job.Name)
	}
	for _, args := range [][]string{{"run", "empty"}, {"jobs", "empty"}} {
		status, _, errs := call(t, app, args...)
		if status != statusMistake {
			t.Errorf("%v: status %d", args, status)
		}
		want(t, errs, "idag: the job \"empty\" has neither a Build function nor a job file\n")
	}
}

// Whoever runs a job that ships with idag did not write its Go lines, whoever
// runs a job of his own did.
func TestPositionsOfShippedJobs(t *testing.T) {
	for _, shipped := range []bool{true, false} {
		f := new(fake)
		f.run = func(context.Context, engine.Config) (engine.Summary, error) {
			return engine.Summary{}, &rdd.Error{At: f.job.Sinks[0].At(""), Text: "refused"}
		}
		app := f.app()
		app.Jobs[0].Shipped = shipped
		status, _, errs := call(t, app, "run", "meter", "-q")
		if status != statusMistake || shipped != (errs == "idag: refused\n") || shipped == strings.Contains(errs, "main_test.go:") {
			t.Errorf("shipped %t, status %d: %s", shipped, status, errs)
		}
	}
}

// The status says who must act; the message has no Go in it.
func TestErrors(t *testing.T) {
	at := func(line int, text string) error {
		return &rdd.Error{At: rdd.Pos{File: "gone.yaml", Line: line, Column: 7}, Text: text}
	}
	for _, c := range []struct {
		name   string
		err    error
		status int
		want   string
	}{
		{"invalid", invalid("a.parquet: not a Parquet file"), 2, "idag: a.parquet: not a Parquet file\n"},
		{"position", at(3, "unknown column"), 2, "gone.yaml:3:7: error: unknown column\n"},
		{"no position", &rdd.Error{Text: "no sinks"}, 2, "idag: no sinks\n"},
		{"several", errors.Join(at(3, "one"), at(9, "two")), 2, "gone.yaml:3:7: error: one\ngone.yaml:9:7: error: two\n"},
		{"several, classed", fault.Wrap(fault.Invalid, errors.Join(at(3, "one"), at(9, "two"))), 2,
			"gone.yaml:3:7: error: one\ngone.yaml:9:7: error: two\n"},
		{"one of several fails", errors.Join(at(3, "one"), fault.New(fault.Retry, "disk full")), 1,
			"gone.yaml:3:7: error: one\nidag: disk full\n"},
		{"retry, once", fault.New(fault.Retry, "disk full"), 1, "idag: disk full\n"},
		{"retry", fault.New(fault.Retry, "publish: given up after 4 attempts: %w", fault.New(fault.Retry, "disk full")), 1,
			"idag: publish: given up after 4 attempts: disk full\n"},
		{"lost", fault.New(fault.Lost, "block 7"), 1, "idag: block 7 (lost, and could not be recomputed)\n"},
		{"cancelled", fmt.Errorf("task: %w", context.Canceled), 1, "idag: aborted; batches that were not committed will be run again\n"},
		{"bug", errors.New("index out of range"), 1,
			"idag: internal error: index out of range\nThis is a mistake in idag, not in the job.\n"},
		{"panic", fault.Panicked("boom", []byte("goroutine 1")), 1,
			"idag: internal error: panic: boom\ngoroutine 1\nThis is a mistake in idag, not in the job.\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{run: func(context.Context, engine.Config) (engine.Summary, error) { return engine.Summary{}, c.err }}
			status, _, errs := call(t, f.app(), "run", "meter", "--quiet")
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			want(t, errs, c.want)
		})
	}
}

// A mistake in a file shows the line, with a mark under the column.
func TestErrorShowsLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "job.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(jobFile, "write:", "wriet:", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	status, _, errs := call(t, new(fake).app(), "run", file)
	if status != statusMistake {
		t.Errorf("status %d", status)
	}
	head, line, _ := strings.Cut(errs, "\n")
	if !strings.HasPrefix(head, file+":7:7: error: ") {
		t.Errorf("message %s", head)
	}
	want(t, line, "    7 |     - wriet: {void: gone}\n      |       ^\n")
}

// check reports every job, good or bad, and fails if one is bad.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	for file, text := range map[string]string{good: jobFile, bad: strings.Replace(jobFile, "[l]", "[l, l]", 1)} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := new(fake)
	status, out, errs := call(t, f.app(), "check", good, bad, "meter")
	want(t, out, good+": ok\nmeter: ok\n")
	if status != statusMistake || !strings.Contains(errs, "bad.yaml:2:13: error: ") || len(f.cfgs) != 2 {
		t.Errorf("status %d, compiled %d, errors %s", status, len(f.cfgs), errs)
	}
	must(t, f.app(), "check", "meter", "--offline")
	if len(f.cfgs) != 2 {
		t.Error("--offline compiled")
	}
}

func TestAbout(t *testing.T) {
	app := new(fake).app()
	out, _ := must(t, app, "version")
	if !strings.HasPrefix(out, "idag v1 go1.") {
		t.Errorf("version: %s", out)
	}
	if flag, _ := must(t, app, "--version"); flag != out {
		t.Errorf("--version: %s", flag)
	}
	out, _ = must(t, app, "jobs")
	want(t, out, "  job\n  meter  Meter events.\n  coded  Only in Go.\n")
	out, _ = must(t, app, "jobs", "meter")
	want(t, out, "job: meter\n")
	out, _ = must(t, app, "jobs", "coded")
	if !strings.Contains(out, "- write: {void: {path: gone}}") {
		t.Errorf("a job without a file, as a job file:\n%s", out)
	}
	out, _ = must(t, app, "connectors")
	want(t, out, "  connector  reads  writes\n  generate   yes    –       Makes rows\n  void       –      yes     Takes rows\n")
	out, _ = must(t, app, "connectors", "generate")
	if !strings.Contains(out, "| `rows` | int |") {
		t.Errorf("connectors generate: %s", out)
	}
	out, _ = must(t, app)
	if !strings.Contains(out, "Run the meter job both ways") {
		t.Errorf("help: %s", out)
	}
}

// full is a writer on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
}

// A result that cannot be printed is a failure.
func TestFullDisk(t *testing.T) {
	for _, args := range [][]string{{"run", "meter"}, {"run", "meter", "--json"}, {"jobs", "meter"}, {"version"}, {"--version"}, {"plan", "meter"}} {
		var e strings.Builder
		status := Main(t.Context(), story().app(), args, IO{Out: full{}, Err: &e})
		if status != statusFailed {
			t.Errorf("%v: status %d", args, status)
		}
		if !strings.HasSuffix(e.String(), "idag: standard output: no space left on device\n") {
			t.Errorf("%v: %s", args, e.String())
		}
	}
}
