package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/console"
	"github.com/idag/idag/connectors/csv"
	"github.com/idag/idag/connectors/generate"
	connjson "github.com/idag/idag/connectors/json"
	"github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/jobs/meter"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// wired is a program with the real engine, the job meter, and the test binary
// for what it starts anew.
func wired(t *testing.T) App {
	t.Helper()
	t.Setenv("IDAG_TEST_PROGRAM", "1")
	t.Setenv("TMPDIR", t.TempDir())
	return App{
		Name: "idag", Version: "v1", Kinds: connectors.NewRegistry(console.Kind(), generate.Kind(), parquet.Kind()),
		Jobs:   []Job{{Name: "meter", Doc: "Meter events.", YAML: meter.YAML(), Build: meter.Job}},
		Engine: Engine{Run: engine.Run, Compile: engine.Compile},
	}
}

// bench replay gives every figure that it explains, for every mix, and leaves
// nothing behind.
func TestBenchReplay(t *testing.T) {
	app := wired(t)
	args := []string{"bench", "replay", "--rows", "4000", "--row-group-rows", "500", "--mixes", "40/30/30", "--rss-rows", "1000"}
	out, _ := must(t, app, append(args, "--runs", "1", "--json")...)
	var r benchReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	f := &benchFlags{generateFlags: generateFlags{mix: "5/15/80"}, mixes: []string{"40/30/30"}, rssRows: []int64{1000}}
	for _, x := range replayFigures(f) {
		fig, ok := r.Figures[x[0]]
		if alone := strings.Contains(x[0], "scale_2") && runtime.GOMAXPROCS(0) == 1; ok == alone || ok && (fig.N != 1 || fig.Median <= 0) {
			t.Errorf("%s: %+v", x[0], fig)
		}
	}
	if r.Bench != "replay" || r.Version != "v1" || r.Machine == "" || r.Settings["job"] != "meter" {
		t.Errorf("report %+v", r)
	}
	want(t, files(t, os.TempDir()), "")
}

// bench ingest gives every figure, of formats that come to one result, and leaves
// nothing behind.
func TestBenchIngest(t *testing.T) {
	app := wired(t)
	app.Kinds = app.Kinds.With(connjson.Kind(), csv.Kind())
	out, _ := must(t, app, "bench", "ingest", "--rows", "2000", "--runs", "1", "--json")
	var r benchReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	for _, x := range benchIngest().figures(nil) {
		if fig := r.Figures[x[0]]; fig.N != 1 || fig.Median <= 0 {
			t.Errorf("%s: %+v", x[0], fig)
		}
	}
	want(t, files(t, os.TempDir()), "")
}

// bench bypass gives every figure that it explains, and a report; of what it
// measured on nothing is left behind.
func TestBenchBypass(t *testing.T) {
	app := wired(t)
	app.Kinds = app.Kinds.With(connjson.Kind())
	dir := t.TempDir()
	out, _ := must(t, app, "bench", "bypass", "--rows", "3000", "--bytes", "200kB", "--files", "4", "--runs", "1", "--pairs", "5", "--ops", "2",
		"--mixes", "5/15/80", "--report", dir, "--json")
	var r benchReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	f := &benchFlags{generateFlags: generateFlags{mix: "5/15/80"}}
	f.bypass.ops = []int{2}
	for _, x := range benchBypass().figures(f) {
		fig, ok := r.Figures[x[0]]
		if !ok || fig.N < 1 || fig.Median <= 0 && fig.Unit != "ns" {
			t.Errorf("%s: %+v", x[0], fig)
		}
	}
	if r.Bench != "bypass" || r.Settings["data"] != "3000 rows, seed 1; of stated volume about 200,000 bytes in 4 files" {
		t.Errorf("report %+v", r.Settings)
	}
	if _, err := os.Stat(filepath.Join(dir, "index.md")); err != nil {
		t.Error(err)
	}
	want(t, files(t, os.TempDir()), "")
}

// A data set of stated volume is kept where the user says, and made no second
// time.
func TestBenchBypassKeeps(t *testing.T) {
	app := wired(t)
	dir := t.TempDir()
	args := []string{"bench", "bypass", "--only", "labelling", "--rows", "1000", "--bytes", "100kB", "--files", "3", "--runs", "1", "--report", "", "--path", dir}
	must(t, app, args...)
	made, err := filepath.Glob(filepath.Join(dir, "*", "000", "part-*.parquet"))
	if err != nil || len(made) != 3 {
		t.Fatalf("made %v, %v", made, err)
	}
	before, err := os.Stat(made[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(made[1]); err != nil {
		t.Fatal(err)
	}
	must(t, app, args...)
	after, err := os.Stat(made[0])
	if err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("made again: %v, %v", after, err)
	}
	if _, err := os.Stat(made[1]); err != nil {
		t.Errorf("not made again: %v", err)
	}
}

// Plans that disagree end the measurement.
func TestBenchUnequal(t *testing.T) {
	app := wired(t)
	app.Engine.Run = func(ctx context.Context, job *rdd.Job, cfg engine.Config) (engine.Summary, error) {
		sum, err := engine.Run(ctx, job, cfg)
		if cfg.Mode == planner.IDAG {
			sum.Checksum = "another"
		}
		return sum, err
	}
	status, out, errs := call(t, app, "bench", "replay", "--rows", "1000", "--runs", "1")
	if status != statusFailed || !strings.Contains(errs, "the plans disagree") || out != "" {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

// An engine that is faster than the ideal gives the measurement the lie, for any
// of the mixes, unless the runs are too short to tell.
func TestBenchTooEfficient(t *testing.T) {
	f := &benchFlags{generateFlags: generateFlags{mix: "5/15/80"}, mixes: []string{"40/30/30"}}
	for _, c := range []struct {
		name               string
		efficiency, second float64
		rounds             int
		wrong              string
	}{
		{"efficiency", 1.01, 1, 3, ""},
		{"efficiency", 1.03, 1, 3, "efficiency is 1.030: nothing can do the same work in less time"},
		{"efficiency", 1.5, 0.01, 3, ""},
		{"efficiency", 1.5, 1, 2, ""},
		{"efficiency_40_30_30", 1.03, 1, 5, "efficiency_40_30_30 is 1.030"},
	} {
		got := bench.Samples{}
		for range c.rounds {
			got.Add(c.name, "ratio", c.efficiency)
			got.Add("ideal_seconds"+strings.TrimPrefix(c.name, "efficiency"), "s", c.second)
		}
		err := believable(got, f)
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s %v in %v s: %v", c.name, c.efficiency, c.second, err)
		}
	}
}

// bench start measures the program itself, for which the test binary stands,
// and the engine in this process.
func TestBenchStart(t *testing.T) {
	out, _ := must(t, wired(t), "bench", "start", "--runs", "1", "--rows", "100")
	for _, f := range benchStart().figures(nil) {
		if !strings.Contains(out, f[0]) {
			t.Errorf("%s is missing in\n%s", f[0], out)
		}
	}
}

// bench schedule decides about as many tasks as it is told, and says how fast.
func TestBenchSchedule(t *testing.T) {
	out, _ := must(t, new(fake).app(), "bench", "schedule", "--runs", "1", "--tasks", "100")
	for _, f := range benchSchedule().figures(nil) {
		if !strings.Contains(out, f[0]) {
			t.Errorf("%s is missing in\n%s", f[0], out)
		}
	}
	if !strings.Contains(out, "100 tasks, seed") {
		t.Error(out)
	}
}

// Every figure is explained, those of all mixes and sizes asked for.
func TestBenchList(t *testing.T) {
	out, _ := must(t, new(fake).app(), "bench", "replay", "--list", "--rss-rows", "20000000,40000000")
	for _, name := range []string{
		"idag_over_linear ", "staged_over_linear ", "ideal_over_linear ", "efficiency ", "over_decode_limit ", "scale_2 ",
		"decode_scale_2 ", "rows_per_second ", "peak_rss_bytes ", "efficiency_40_30_30 ", "scale_2_95_4_1 ",
		"peak_rss_bytes_20000000 ", "peak_rss_bytes_40000000 ",
	} {
		if !strings.Contains(out, "  "+name) {
			t.Errorf("%q is missing in\n%s", name, out)
		}
	}
	out, _ = must(t, new(fake).app(), "bench")
	if strings.Contains(out, "_seconds") || !strings.Contains(out, "start") {
		t.Errorf("list:\n%s", out)
	}
}

// Row groups are equal, at least 16 of them, and no larger than asked for.
func TestEqualGroups(t *testing.T) {
	for _, c := range []struct {
		rows              int64
		files, most, want int
	}{
		{16 * 131_072, 4, 131_072, 131_072},
		{2_000_000, 4, 131_072, 125_000},
		{20_000_000, 4, 131_072, 128_206},
		{100_000, 4, 131_072, 6_250},
		{100_000, 1, 131_072, 6_250},
		{1_000, 20, 131_072, 50},
		{3, 4, 131_072, 1},
		{0, 4, 131_072, 131_072},
	} {
		if got := equalGroups(c.rows, c.files, c.most); got != c.want {
			t.Errorf("%d rows in %d files: got groups of %d, want %d", c.rows, c.files, got, c.want)
		}
	}
}

// A program that fails is an error with what it said.
func TestProgramFails(t *testing.T) {
	t.Setenv("IDAG_TEST_PROGRAM", "fail")
	if _, err := program(t.Context(), "run"); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("got %v", err)
	}
	r := replayer{f: &benchFlags{job: "meter"}, dir: t.TempDir(), got: bench.Samples{}}
	t.Setenv("IDAG_TEST_PROGRAM", "1")
	if err := r.rss(t.Context(), "x", 2); err != nil {
		t.Fatal(err)
	}
	if fig, _ := r.got.Figure("x"); fig.N != 2 || fig.Median != 7 {
		t.Errorf("got %+v", fig)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "out1")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}
