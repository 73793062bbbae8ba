package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// mostEfficient is the efficiency above which the ideal is none: then the
// measurement is wrong.
const mostEfficient = 1.02

// An efficiency is judged over so many rounds at least, of an ideal that took so
// many seconds: of less, a pause of the scheduler is a large part.
const (
	fewestJudged   = 3
	shortestJudged = 0.05
)

// benchReplay runs a job over data sets by every plan in turn.
func benchReplay() measurement {
	return measurement{
		name:    "replay",
		doc:     "a job over a data set: the linear plan in its forms, the I-DAG plan, the ideal and the bare reader",
		figures: replayFigures,
		run: func(ctx context.Context, s *session, f *benchFlags) (bench.Samples, error) {
			return s.measureReplay(ctx, f)
		},
	}
}

// replayFigures explains the figures of one mix, and lists those of the others
// behind it.
func replayFigures(f *benchFlags) [][2]string {
	one := [][2]string{
		{"idag_over_linear", "time of the I-DAG plan ÷ time of the faster of masked and selection"},
		{"staged_over_linear", "time of the linear plan with a stage a map, as in multi-stage MapReduce ÷ the same"},
		{"ideal_over_linear", "time of the same work with nothing to decide ÷ the same"},
		{"efficiency", "time of the same work with nothing to decide ÷ time of the I-DAG plan; aim 0.9, above 1.02 the bench is wrong and fails"},
		{"over_decode_limit", "time of the I-DAG plan ÷ time to decode its columns of these files to Arrow and release them; aim at most 2.5"},
		{"scale_2", "time of the I-DAG plan on one executor and core ÷ that on two; aim 0.95 of decode_scale_2 or 1.7, whichever is less"},
		{"decode_scale_2", "time of the bare reader on one thread and core ÷ that on two: what memory and disk allow"},
		{"rows_per_second", "rows read ÷ wall time, I-DAG plan"},
		{"peak_rss_bytes", "largest resident memory of a process of its own that runs the I-DAG plan only"},
		{"idag_seconds", "wall time of the I-DAG plan"},
		{"linear_masked_seconds", "wall time of the linear plan that computes all rows and blends"},
		{"linear_selection_seconds", "wall time of the linear plan that computes the rows of For and scatters"},
		{"staged_seconds", "wall time of the linear plan with a stage a map"},
		{"ideal_seconds", "wall time of the ideal, which is that of its four parts:"},
		{"ideal_read_seconds", "files opened, the plan's columns decoded"},
		{"ideal_tag_seconds", "rows labelled, and hashed where a hash is needed"},
		{"ideal_compute_seconds", "one loop a label over rows split beforehand, groups merged"},
		{"ideal_sink_seconds", "the result summed up, written to the job's sinks and published"},
		{"decode_seconds", "wall time of the bare reader"},
	}
	all := one
	for _, mix := range f.others() {
		for _, x := range one {
			all = append(all, [2]string{x[0] + suffix(mix), "the same for the mix " + mix})
		}
	}
	for _, rows := range f.rssRows {
		all = append(all, [2]string{fmt.Sprintf("peak_rss_bytes_%d", rows), fmt.Sprintf("peak_rss_bytes for %s rows", thousands(rows))})
	}
	return all
}

// others are the mixes that are measured besides the first.
func (f *benchFlags) others() []string {
	var out []string
	for _, mix := range f.mixes {
		if mix != "" && mix != f.mix && f.path == "" {
			out = append(out, mix)
		}
	}
	return out
}

// suffix is what the figures of a further mix are called by: _40_30_30.
func suffix(mix string) string {
	return "_" + strings.NewReplacer("/", "_", ".", "p", " ", "").Replace(mix)
}

func (s *session) measureReplay(ctx context.Context, f *benchFlags) (got bench.Samples, err error) {
	dir, err := os.MkdirTemp("", "idag-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	got = bench.Samples{}
	r := replayer{s: s, f: f, dir: dir, got: got}
	for _, mix := range append([]string{f.mix}, f.others()...) {
		r.suffix = ""
		if mix != f.mix {
			r.suffix = suffix(mix)
		}
		if err := r.mix(ctx, mix); err != nil {
			return nil, err
		}
	}
	for _, rows := range f.rssRows {
		if err := r.large(ctx, rows); err != nil {
			return nil, err
		}
	}
	return got, believable(got, f)
}

// believable fails where the engine was faster than the ideal. Runs too short to
// tell one from the other give no verdict.
func believable(got bench.Samples, f *benchFlags) error {
	suffixes := []string{""}
	for _, mix := range f.others() {
		suffixes = append(suffixes, suffix(mix))
	}
	for _, suffix := range suffixes {
		name := "efficiency" + suffix
		x, ok := got.Figure(name)
		took, _ := got.Figure("ideal_seconds" + suffix)
		if ok && x.Median > mostEfficient && x.N >= fewestJudged && took.Median >= shortestJudged {
			return fault.New(fault.Bug, "%s is %.3f: nothing can do the same work in less time than its ideal", name, x.Median)
		}
	}
	return nil
}

// replayer measures one data set after another.
type replayer struct {
	s      *session
	f      *benchFlags
	dir    string
	got    bench.Samples
	suffix string
	path   string
	runs   int          // so far, to name directories
	phases bench.Phases // of the ideal's last run
}

// The contenders of a round. Those on one core and on two come last.
const (
	runMasked = iota
	runSelection
	runIDAG
	runDecode
	runIDAG1
	runDecode1
	runStaged
	runIdeal // of the job meter only
)

// mix measures one mix of labels.
func (r *replayer) mix(ctx context.Context, mix string) error {
	f := *r.f
	f.mix = mix
	f.groupRows = equalGroups(f.rows, f.files, f.groupRows)
	var err error
	if r.path, err = r.s.benchData(ctx, &f, filepath.Join(r.dir, "events"+r.suffix)); err != nil {
		return err
	}
	list := []bench.Contender{
		runMasked:    r.plan(planner.Masked),
		runSelection: r.plan(planner.Selection),
		runIDAG:      r.plan(planner.IDAG),
		runDecode:    {Name: "reader", Run: r.decode},
		runIDAG1:     bench.OnCores(1, r.plan(planner.IDAG)),
		runDecode1:   bench.OnCores(1, bench.Contender{Name: "reader", Run: r.decode}),
		runStaged:    r.plan(planner.Staged),
	}
	if r.f.job == "meter" {
		list = append(list, bench.Contender{Name: "ideal", Run: r.ideal})
	}
	two := [2]int{runIDAG, runDecode}
	if cores := runtime.GOMAXPROCS(0); cores > 2 {
		two = [2]int{len(list), len(list) + 1}
		list = append(list, bench.OnCores(2, list[runIDAG]), bench.OnCores(2, list[runDecode]))
	} else if cores < 2 {
		two = [2]int{-1, -1}
	}
	if err := bench.Rounds(ctx, r.f.runs, list, func(round []bench.Outcome) { r.record(round, two) }); err != nil {
		return err
	}
	if err := r.rss(ctx, "peak_rss_bytes"+r.suffix, r.f.runs); err != nil || r.f.path != "" {
		return err
	}
	return os.RemoveAll(r.path)
}

// equalGroups returns the largest size of row groups of at most the given size
// that makes all groups of a data set equal, 16 of them at least: then no thread
// is left with more than another.
func equalGroups(rows int64, files, most int) int {
	if rows <= 0 || files <= 0 || most <= 0 {
		return most
	}
	file := (rows + int64(files) - 1) / int64(files)
	groups := max((file+int64(most)-1)/int64(most), int64((15+files)/files))
	return int(max(1, (file+groups-1)/groups))
}

// plan is a run of the job by one plan.
func (r *replayer) plan(m planner.Mode) bench.Contender {
	return bench.Contender{Name: string(m), Run: func(ctx context.Context) (out bench.Outcome, err error) {
		job, done, err := r.job()
		if err != nil {
			return out, err
		}
		defer func() { err = errors.Join(err, done()) }()
		sum, err := r.s.whole(ctx, job, m, &silent{w: r.s.io.Err, errs: r.s.io.Err})
		return bench.Outcome{Wall: time.Duration(sum.WallSeconds * float64(time.Second)), Rows: sum.RowsIn,
			RowsOut: sum.RowsOut, Checksum: sum.Checksum}, err
	}}
}

// job builds the job over the data set, with its results in a directory of its
// own that done removes.
func (r *replayer) job() (job *rdd.Job, done func() error, err error) {
	r.runs++
	out := filepath.Join(r.dir, fmt.Sprint("out", r.runs))
	job, err = r.s.benchJob(r.f, r.path, out)
	return job, func() error { return os.RemoveAll(out) }, err
}

// compiled is the I-DAG plan of the job, for what runs without the engine.
func (r *replayer) compiled(ctx context.Context) (*planner.Plan, func() error, error) {
	job, done, err := r.job()
	if err != nil {
		return nil, done, err
	}
	p, err := r.s.app.Engine.Compile(ctx, job, engine.Config{Mode: planner.IDAG, Kinds: r.s.app.Kinds})
	return p, done, err
}

func (r *replayer) decode(ctx context.Context) (bench.Outcome, error) {
	p, _, err := r.compiled(ctx)
	if err != nil {
		return bench.Outcome{}, err
	}
	return bench.Decode(ctx, p, r.s.app.Kinds, runtime.GOMAXPROCS(0))
}

func (r *replayer) ideal(ctx context.Context) (out bench.Outcome, err error) {
	p, done, err := r.compiled(ctx)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, done()) }()
	out, r.phases, err = bench.IdealMeter(ctx, p, r.s.app.Kinds, runtime.GOMAXPROCS(0))
	return out, err
}

// record makes figures of a round. Two holds the ordinals of the runs on two
// cores, -1 where there are none.
func (r *replayer) record(round []bench.Outcome, two [2]int) {
	wall := func(i int) float64 { return round[i].Wall.Seconds() }
	add := func(name, unit string, v float64) { r.got.Add(name+r.suffix, unit, v) }
	linear := min(wall(runMasked), wall(runSelection))
	add("idag_over_linear", "ratio", wall(runIDAG)/linear)
	add("staged_over_linear", "ratio", wall(runStaged)/linear)
	add("over_decode_limit", "ratio", wall(runIDAG)/wall(runDecode))
	add("rows_per_second", "rows/s", float64(round[runIDAG].Rows)/wall(runIDAG))
	add("idag_seconds", "s", wall(runIDAG))
	add("linear_masked_seconds", "s", wall(runMasked))
	add("linear_selection_seconds", "s", wall(runSelection))
	add("staged_seconds", "s", wall(runStaged))
	add("decode_seconds", "s", wall(runDecode))
	if two[0] >= 0 {
		add("scale_2", "ratio", wall(runIDAG1)/wall(two[0]))
		add("decode_scale_2", "ratio", wall(runDecode1)/wall(two[1]))
	}
	if r.f.job != "meter" {
		return
	}
	add("ideal_over_linear", "ratio", wall(runIdeal)/linear)
	add("efficiency", "ratio", wall(runIdeal)/wall(runIDAG))
	add("ideal_seconds", "s", wall(runIdeal))
	add("ideal_read_seconds", "s", r.phases.Read.Seconds())
	add("ideal_tag_seconds", "s", r.phases.Tag.Seconds())
	add("ideal_compute_seconds", "s", r.phases.Compute.Seconds())
	add("ideal_sink_seconds", "s", r.phases.Sink.Seconds())
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
