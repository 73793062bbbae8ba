package bypass

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// Engine is what the experiments ask of the engine.
type Engine struct {
	Kinds connectors.Registry
	// Run runs a job to the end of its input.
	Run func(ctx context.Context, job *rdd.Job, mode planner.Mode) (Run, error)
	// Compile makes the I-DAG plan of a job.
	Compile func(ctx context.Context, job *rdd.Job) (*planner.Plan, error)
	// Alone runs a job file, with its variables, in a process of its own.
	Alone func(ctx context.Context, file string, vars map[string]string, mode planner.Mode) (Process, error)
	// Generate writes the events that options of the connector generate ask for into
	// an empty or half-filled directory: a Parquet file a partition, those that are
	// there already excepted. It calls told, from any goroutine, after each file.
	Generate func(ctx context.Context, dir string, o rdd.Options, groupRows int, told func()) error
}

// Run is what one run of a job came to.
type Run struct {
	bench.Outcome
	Dead      map[string]int64         // dead letters by reason
	Labelling map[string]time.Duration // by step, over all executors
	Bypassed  map[string]int64         // rows by reason, once an operation
	Tasks     int64
	BytesRead int64 // of the sources, as far as they say
	Shuffled  int64 // bytes of the blocks between stages
	Allocated int64 // bytes that columns were allocated
}

// Process is what a process of its own took to run a job.
type Process struct {
	CPU  time.Duration // user and system
	Peak int64         // bytes of resident memory
	Wall time.Duration
}

// Settings say how much is measured. All fields are given.
type Settings struct {
	Rows  int64 // events of most experiments
	Long  int64 // events where what a run costs once should not count: of efficiency, and where nothing can be bypassed
	Files int   // of the data set whose volume is stated
	Bytes int64 // of the same, about
	// Keep is the directory where that data set is kept, or "" for a temporary one.
	Keep  string
	Seed  int64    // of all events
	Runs  int      // rounds of each comparison
	Pairs int      // of runs where nothing can be bypassed
	Mixes []string // of labels, as the connector generate spells them
	Ops   []int    // maps of each label
	Only  []string // names of experiments; empty: all
}

// Figure explains one figure of an experiment.
type Figure struct {
	Experiment, Name, Doc string
}

// Result is what was measured.
type Result struct {
	Samples bench.Samples
	Charts  []Chart
	// Facts are what the report states beside its figures, an experiment's under its
	// name: sizes of data sets, methods.
	Facts map[string][]string
}

// experiment is one of those that Measure runs.
type experiment struct {
	name  string
	title string
	doc   string // how it is measured
	// figures explains those that run may give, in the order of print.
	figures func(s *Settings) [][2]string
	run     func(ctx context.Context, l *lab) error
}

func experiments() []experiment {
	return []experiment{labelling(), faults(), joins(), frames(), stage01(), stageN(), efficiency(), noBypass(), cost()}
}

// Names lists the experiments, in their order.
func Names() []string {
	var out []string
	for _, x := range experiments() {
		out = append(out, x.name)
	}
	return out
}

// Figures explains every figure that Measure may give.
func Figures(s *Settings) []Figure {
	var out []Figure
	for _, x := range s.chosen() {
		for _, f := range x.figures(s) {
			out = append(out, Figure{x.name, f[0], f[1]})
		}
	}
	return out
}

// chosen are the experiments that are asked for.
func (s *Settings) chosen() []experiment {
	var out []experiment
	for _, x := range experiments() {
		if len(s.Only) == 0 || contains(s.Only, x.name) {
			out = append(out, x)
		}
	}
	return out
}

func contains(list []string, name string) bool {
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}

// check refuses settings that nothing can be measured with.
func (s *Settings) check() error {
	for _, name := range s.Only {
		if !contains(Names(), name) {
			hint := ""
			if near := connectors.Nearest(name, Names()); near != "" {
				hint = fmt.Sprintf("; did you mean %q?", near)
			}
			return fault.New(fault.Invalid, "there is no experiment %q%s; there are %s", name, hint, strings.Join(Names(), ", "))
		}
	}
	if s.Rows < 1 || s.Files < 1 || s.Bytes < 1 || s.Runs < 1 || s.Pairs < 1 || len(s.Mixes) == 0 || len(s.Ops) == 0 {
		return fault.New(fault.Invalid, "rows, files, bytes, runs, pairs, mixes and operations of the experiments must be positive")
	}
	for _, n := range s.Ops {
		if n < 1 || n > mostOps {
			return fault.New(fault.Invalid, "%d operations of a label: expected 1 to %d", n, mostOps)
		}
	}
	return nil
}

// Measure runs the experiments and says on tell what it is doing. With an error
// it gives what was measured before: a ratio that cannot be is fault.Bug.
func Measure(ctx context.Context, e Engine, s Settings, tell func(text string)) (r Result, err error) {
	if err := s.check(); err != nil {
		return r, err
	}
	dir, err := os.MkdirTemp("", "idag-bench-")
	if err != nil {
		return r, fault.Wrap(fault.Retry, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l := &lab{Engine: e, set: s, dir: dir, tell: tell, data: map[string]string{},
		out: Result{Samples: bench.Samples{}, Facts: map[string][]string{}}}
	for _, x := range s.chosen() {
		l.name = x.name
		if err := x.run(ctx, l); err != nil {
			return l.out, fmt.Errorf("%s: %w", x.name, err)
		}
	}
	return l.out, l.wrong
}
