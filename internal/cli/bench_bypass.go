package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/bench/bypass"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"github.com/spf13/pflag"
)

// bypassRows is what most experiments are made on, at the most. Those that are to tell
// what a run costs for each event take half of --rows.
const bypassRows = 2_000_000

// bypassFlags are the settings of the measurement bypass.
type bypassFlags struct {
	bytes  int64
	pairs  int
	ops    []int
	only   []string
	report string
}

// benchBypass makes the experiments of the I-DAG paper.
func benchBypass() measurement {
	return measurement{
		name: "bypass",
		doc:  "the I-DAG paper's evaluation: labelling, joins, frames, stages, efficiency; with a report of tables and charts",
		figures: func(f *benchFlags) [][2]string {
			var out [][2]string
			set := f.bypassSettings()
			for _, x := range bypass.Figures(&set) {
				out = append(out, [2]string{x.Name, x.Doc})
			}
			return out
		},
		run: func(ctx context.Context, s *session, f *benchFlags) (bench.Samples, error) {
			return s.measureBypass(ctx, f)
		},
	}
}

// bypassSettings are the flags as settings.
func (f *benchFlags) bypassSettings() bypass.Settings {
	mixes := []string{f.mix}
	for _, mix := range f.mixes {
		if mix != "" && !slices.Contains(mixes, mix) {
			mixes = append(mixes, mix)
		}
	}
	return bypass.Settings{Rows: min(f.rows, bypassRows), Long: max(f.rows/2, min(f.rows, bypassRows)), Files: f.files, Bytes: f.bypass.bytes, Keep: f.path, Seed: f.seed,
		Runs: f.runs, Pairs: f.bypass.pairs, Mixes: mixes, Ops: f.bypass.ops, Only: f.bypass.only}
}

func (s *session) measureBypass(ctx context.Context, f *benchFlags) (bench.Samples, error) {
	set := f.bypassSettings()
	for _, mix := range set.Mixes {
		if err := checkMix(mix); err != nil {
			return nil, err
		}
	}
	last := ""
	tell := func(text string) {
		if s.errs.terminal {
			fmt.Fprintf(s.io.Err, "\r\x1b[K%s", s.errs.clip(text))
		} else if what, _, _ := strings.Cut(text, ", round"); what != last {
			last = what
			fmt.Fprintln(s.io.Err, text)
		}
	}
	got, err := bypass.Measure(ctx, s.bypassEngine(), set, tell)
	if s.errs.terminal {
		fmt.Fprint(s.io.Err, "\r\x1b[K")
	}
	if got.Samples == nil {
		return nil, err
	}
	if f.bypass.report != "" {
		page := bypass.Page{Machine: machine(), Version: s.app.Version, Date: time.Now().UTC().Format(time.DateOnly), Settings: f.settings("bypass")}
		if failed := bypass.Write(f.bypass.report, got, set, page); failed != nil {
			return got.Samples, errors.Join(err, failed)
		}
		fmt.Fprintf(s.io.Err, "report in %s\n", filepath.Join(f.bypass.report, "index.md"))
	}
	return got.Samples, err
}

// checkMix refuses a mix before anything is made of it.
func checkMix(mix string) error {
	sum, parts := 0.0, strings.Split(mix, "/")
	for _, p := range parts {
		share, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
		if err != nil || !(share >= 0 && share <= 100) {
			sum = math.NaN()
		}
		sum += share
	}
	if len(parts) != 3 || !(math.Abs(sum-100) < 0.001) {
		return fault.New(fault.Invalid, `--mix and --mixes: expected three percentages that add up to 100, such as 5/15/80, got %q`, mix)
	}
	return nil
}

// bypassEngine is the engine as the experiments see it.
func (s *session) bypassEngine() bypass.Engine {
	return bypass.Engine{
		Kinds:    s.app.Kinds,
		Run:      s.bypassRun,
		Generate: s.bypassGenerate,
		Alone:    alone,
		Compile: func(ctx context.Context, job *rdd.Job) (*planner.Plan, error) {
			return s.app.Engine.Compile(ctx, job, engine.Config{Mode: planner.IDAG, Kinds: s.app.Kinds})
		},
	}
}

// bypassRun runs a job and counts its tasks and bytes.
func (s *session) bypassRun(ctx context.Context, job *rdd.Job, m planner.Mode) (bypass.Run, error) {
	mem := &counted{to: kernel.NewPool(64 << 20)}
	var fleet *counting
	cfg := engine.Config{Mode: m, Mem: mem, Fleet: func(f engine.Fleet) engine.Fleet {
		fleet = &counting{Fleet: f}
		return fleet
	}}
	sum, err := s.run(ctx, job, cfg, &silent{w: s.io.Err, errs: s.io.Err})
	if err == nil && len(sum.Stopped) > 0 {
		err = errStopped
	}
	out := bypass.Run{Dead: map[string]int64{}, Labelling: map[string]time.Duration{}, Bypassed: map[string]int64{}, Allocated: mem.bytes.Load(),
		Outcome: bench.Outcome{Wall: time.Duration(sum.WallSeconds * float64(time.Second)), Rows: sum.RowsIn, RowsOut: sum.RowsOut, Checksum: sum.Checksum}}
	for reason, ops := range sum.Dead {
		for _, n := range ops {
			out.Dead[reason] += n
		}
	}
	for step, took := range sum.Labelling {
		out.Labelling[step] = time.Duration(took * float64(time.Second))
	}
	for reason, labels := range sum.Bypassed {
		for _, ops := range labels {
			for _, n := range ops {
				out.Bypassed[reason] += n
			}
		}
	}
	if fleet != nil {
		out.Tasks, out.BytesRead, out.Shuffled = fleet.tasks.Load(), fleet.read.Load(), fleet.shuffled.Load()
	}
	return out, err
}

// counting counts what executors do. Tasks that failed are not counted.
type counting struct {
	engine.Fleet
	tasks, read, shuffled atomic.Int64
}

// Run implements driver.Fleet.
func (c *counting) Run(ctx context.Context, node string, t work.Task) (work.Receipt, error) {
	r, err := c.Fleet.Run(ctx, node, t)
	if err == nil {
		c.tasks.Add(1)
		c.read.Add(r.Tally.BytesRead)
		for _, b := range r.Blocks {
			c.shuffled.Add(b.Bytes)
		}
	}
	return r, err
}

// counted counts the bytes that are asked of an allocator.
type counted struct {
	to    memory.Allocator
	bytes atomic.Int64
}

// Allocate implements memory.Allocator.
func (c *counted) Allocate(size int) []byte {
	c.bytes.Add(int64(size))
	return c.to.Allocate(size)
}

// Reallocate implements memory.Allocator.
func (c *counted) Reallocate(size int, b []byte) []byte {
	c.bytes.Add(int64(max(size-len(b), 0)))
	return c.to.Reallocate(size, b)
}

// Free implements memory.Allocator.
func (c *counted) Free(b []byte) { c.to.Free(b) }

// bypassGenerate writes the files of a data set that are not there yet.
func (s *session) bypassGenerate(ctx context.Context, dir string, o rdd.Options, groupRows int, told func()) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	w := datasetWriter{kinds: s.app.Kinds, dir: dir, groupRows: groupRows, threads: runtime.GOMAXPROCS(0), told: told, keep: true}
	_, err := w.write(ctx, "generate", o)
	return err
}

// alone runs a job file in a process of its own.
func alone(ctx context.Context, file string, vars map[string]string, m planner.Mode) (bypass.Process, error) {
	args := []string{"run", file, "--no-ledger", "--json"}
	for name, value := range vars {
		args = append(args, "--set", name+"="+value)
	}
	if m.Linear() {
		args = append(args, "--linear="+string(m))
	}
	ran, err := program(ctx, args...)
	if err != nil {
		return bypass.Process{}, err
	}
	sum, err := lastLine(ran.out)
	return bypass.Process{CPU: ran.cpu, Peak: sum.PeakRSSBytes, Wall: ran.whole}, err
}

func (f *bypassFlags) add(fs *pflag.FlagSet) {
	f.bytes = 64e6
	fs.Var(size{&f.bytes}, "bytes", "`size` of the data set of --files files that bypass labels and replays: with\n--files 4500 --bytes 8.6GB the paper's; kept in --path, if given, and not made again")
	fs.IntVar(&f.pairs, "pairs", 80, "`pairs` of runs where nothing can be bypassed, for bypass")
	fs.IntSliceVar(&f.ops, "ops", []int{2, 4, 8, 16}, "`operations` of each label, for bypass")
	fs.StringSliceVar(&f.only, "only", nil, "`experiments` of bypass or ev to make, instead of all")
	fs.StringVar(&f.report, "report", "bench-bypass", "`directory` for the report of bypass, or \"\" for none")
}

// bypassNotes are the settings as they are printed.
func (f *benchFlags) bypassNotes() map[string]string {
	set := f.bypassSettings()
	rows := fmt.Sprint(set.Rows, " rows")
	if set.Long != set.Rows {
		rows += fmt.Sprintf(", %d for efficiency and where nothing can be bypassed", set.Long)
	}
	return map[string]string{
		"mixes":      strings.Join(set.Mixes, ", "),
		"operations": strings.Trim(fmt.Sprint(set.Ops), "[]"),
		"runs":       fmt.Sprintf("%d, %d where there are many points, and %d pairs where nothing can be bypassed", set.Runs, (set.Runs+1)/2, set.Pairs),
		"data":       fmt.Sprintf("%s, seed %d; of stated volume about %s bytes in %d files", rows, set.Seed, thousands(set.Bytes), set.Files),
	}
}
