package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

// TestMain also plays the program that bench starts: with the variable below set,
// the test binary prints what idag would.
func TestMain(m *testing.M) {
	switch os.Getenv("IDAG_TEST_PROGRAM") {
	case "":
	case "fail":
		fmt.Fprintln(os.Stderr, "broken")
		os.Exit(1)
	default:
		fmt.Println(`{"batch":1}`)
		fmt.Println(`{"job":"x","peak_rss_bytes":7}`)
		return
	}
	goleak.VerifyTestMain(swept{m})
}

// swept removes the ledgers of the jobs that tests run, before and after.
type swept struct{ m *testing.M }

func (s swept) Run() int {
	_ = os.RemoveAll(".idag")
	defer func() { _ = os.RemoveAll(".idag") }()
	return s.m.Run()
}

// fake is an engine that notes what it was asked and gives what it was told.
type fake struct {
	job      *rdd.Job
	vars     map[string]string
	cfgs     []engine.Config
	progress []engine.Progress
	summary  engine.Summary
	run      func(ctx context.Context, cfg engine.Config) (engine.Summary, error) // nil: progress, then summary
	err      error                                                                // of Compile, Survey, Analyze and Build
	unequal  uint64                                                               // what the linear plan's checksum is off by in Analyze
}

func (f *fake) app() App {
	build := func(vars map[string]string) (*rdd.Job, error) {
		f.vars = vars
		return rdd.NewJob("meter", []string{"a"}, rdd.From("generate", nil).Write(rdd.Write{Connector: "void", Options: rdd.Options{"path": "gone"}})), f.err
	}
	return App{
		Name: "idag", Version: "v1", Kinds: connectors.NewRegistry(generator(), void()),
		Jobs: []Job{
			{Name: "meter", Doc: "Meter events.", YAML: []byte("job: meter\n"), Build: build},
			{Name: "coded", Doc: "Only in Go.", Build: build},
		},
		Engine: Engine{
			Run: func(ctx context.Context, job *rdd.Job, cfg engine.Config) (engine.Summary, error) {
				f.job, f.cfgs = job, append(f.cfgs, cfg)
				if f.run != nil {
					return f.run(ctx, cfg)
				}
				for _, p := range f.progress {
					cfg.Observe(p)
				}
				return f.summary, nil
			},
			Compile: func(_ context.Context, job *rdd.Job, cfg engine.Config) (*planner.Plan, error) {
				f.job, f.cfgs = job, append(f.cfgs, cfg)
				return &planner.Plan{Job: job, Mode: cfg.Mode}, f.err
			},
			Survey: func(_ context.Context, job *rdd.Job, cfg engine.Config) (*planner.Plan, []rdd.Split, error) {
				f.job, f.cfgs = job, append(f.cfgs, cfg)
				return &planner.Plan{Job: job, Mode: cfg.Mode}, nil, f.err
			},
			Analyze: func(_ context.Context, job *rdd.Job, cfg engine.Config) (engine.Analysis, error) {
				f.job, f.cfgs = job, append(f.cfgs, cfg)
				a := engine.Analysis{Plan: &planner.Plan{Job: job, Mode: cfg.Mode}, Executors: 2, Wall: time.Second}
				if cfg.Mode.Linear() {
					a.Tally.Checksum[0] = f.unequal
				}
				return a, f.err
			},
		},
	}
}

// jobFile is a good one.
const jobFile = `job: filed
labels: [l]
datasets:
  all:
    - read: {generate: {rows: 5}}
    - tag: {rules: [{label: l, when: "true"}], identity: [n]}
    - write: {void: gone}
`

// call runs one command line without a terminal.
func call(t *testing.T, app App, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e strings.Builder
	status = Main(t.Context(), app, args, IO{Out: &o, Err: &e})
	return status, o.String(), e.String()
}

// must runs one command line that has to succeed.
func must(t *testing.T, app App, args ...string) (out, errs string) {
	t.Helper()
	status, out, errs := call(t, app, args...)
	if status != statusOK {
		t.Fatalf("idag %s: status %d, %s", strings.Join(args, " "), status, errs)
	}
	return out, errs
}

// want compares text and shows both in full.
func want(t *testing.T, got, wanted string) {
	t.Helper()
	if got != wanted {
		t.Errorf("got:\n%s\nwant:\n%s", got, wanted)
	}
}

func invalid(text string) error { return fault.New(fault.Invalid, "%s", text) }
