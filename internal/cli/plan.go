package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/report"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/explain"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
	"github.com/spf13/cobra"
)

// planFlags are the flags of plan.
type planFlags struct {
	jobFlags
	mode      string
	json, dot bool
	svg       string
	analyze   bool
	executors int
}

func newPlan(s *session) *cobra.Command {
	var f planFlags
	c := &cobra.Command{
		GroupID: groupJobs,
		Use:     "plan JOB|FILE.yaml [flags]",
		Short:   "Show what a job does for each label, and what it leaves out",
		Long: `Show what a job does: the linear plan beside the I-DAG plan, the route of every
label with the operations that it leaves out and why, and what each operation
costs for each label in either plan. Sources are asked for their schemas and
sizes; no rows are read, and the costs are estimated.

With --analyze the job is run in both plans, its results thrown away, and rows,
time and bytes are those measured. With --linear or --mode one plan is shown,
without costs. docs/plan.md explains how to read it.`,
		Example: `  idag plan meter --set path=data/meter
  idag plan job.yaml --analyze
  idag plan job.yaml --schedule alerts
  idag plan job.yaml --svg plan.svg
  idag plan job.yaml --dot | dot -Tpng > plan.png`,
		Args:              exactly("a job or a job file"),
		ValidArgsFunction: s.complete,
		RunE: func(c *cobra.Command, args []string) error {
			job, err := s.job(args[0], &f.jobFlags)
			if err != nil {
				return err
			}
			if f.single() {
				return s.planOne(c.Context(), job, &f)
			}
			return s.planBoth(c.Context(), job, &f)
		},
	}
	f.add(c)
	fs := c.Flags()
	fs.StringVar(&f.mode, "mode", "", "one plan only: `idag`, masked, selection or staged")
	fs.BoolVar(&f.analyze, "analyze", false, "run the job in both plans, results thrown away, and show what was measured")
	fs.IntVar(&f.executors, "executors", 0, "with --analyze, `executors` in this process (default one a core)")
	fs.BoolVar(&f.json, "json", false, "print JSON: stages, routes, operations with digests, bypasses, costs")
	fs.BoolVar(&f.dot, "dot", false, "print a graph for Graphviz")
	fs.StringVar(&f.svg, "svg", "", "draw both plans as SVG into this `file`, - for standard output")
	c.MarkFlagsMutuallyExclusive("json", "dot", "svg")
	c.MarkFlagsMutuallyExclusive("analyze", "mode")
	c.MarkFlagsMutuallyExclusive("svg", "mode")
	c.MarkFlagsMutuallyExclusive("linear", "mode")
	return c
}

// single reports whether one plan is asked for: of two there is no graph for
// Graphviz, and --linear says which plan is to be shown, unless it says against
// which the I-DAG plan is measured or drawn.
func (f *planFlags) single() bool {
	return f.mode != "" || f.dot || f.linear != "" && !f.analyze && f.svg == ""
}

// plan is the one plan that is asked for.
func (f *planFlags) plan() (planner.Mode, error) {
	switch m := planner.Mode(f.mode); m {
	case "":
		return f.jobFlags.mode()
	case planner.IDAG, planner.Masked, planner.Selection, planner.Staged:
		return m, nil
	}
	return "", fault.New(fault.Invalid, "--mode=%s: there is idag, masked, selection and staged", f.mode)
}

// planOne shows one plan.
func (s *session) planOne(ctx context.Context, job *rdd.Job, f *planFlags) error {
	mode, err := f.plan()
	if err != nil {
		return err
	}
	plan, err := s.app.Engine.Compile(ctx, job, engine.Config{Mode: mode, Kinds: s.app.Kinds})
	switch {
	case err != nil:
		return err
	case f.dot:
		fmt.Fprint(s.io.Out, planner.Dot(plan))
	case f.json:
		text, err := planner.JSON(plan)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.io.Out, "%s\n", text)
	default:
		fmt.Fprint(s.io.Out, planner.Text(plan))
	}
	return nil
}

// pair is a job in both plans, and what it costs in them.
type pair struct {
	linear, idag *planner.Plan
	rows         []explain.Row
	splits       []rdd.Split
	totals       [2]total // linear, I-DAG
}

// total is what a plan costs altogether.
type total struct {
	Seconds   float64 `json:"seconds"`                // of all operations, over all executors
	Wall      float64 `json:"wall_seconds,omitempty"` // measured
	Executors int     `json:"executors,omitempty"`
	Rows      int64   `json:"rows"` // of the sources
}

// planBoth shows both plans and what they cost.
func (s *session) planBoth(ctx context.Context, job *rdd.Job, f *planFlags) error {
	p, err := s.survey(ctx, job, f)
	if err != nil {
		return err
	}
	if f.analyze {
		if err := s.analyze(ctx, job, f, p); err != nil {
			return err
		}
	}
	switch {
	case f.json:
		return s.planJSON(p, f.analyze)
	case f.svg != "":
		return s.planSVG(p, f)
	}
	s.writePair(p, f.analyze)
	return nil
}

// survey compiles both plans and estimates their costs.
func (s *session) survey(ctx context.Context, job *rdd.Job, f *planFlags) (*pair, error) {
	if f.linear == "" {
		f.linear = string(planner.Masked)
	}
	form, err := f.jobFlags.mode()
	if err != nil {
		return nil, err
	}
	p := &pair{}
	if p.idag, p.splits, err = s.app.Engine.Survey(ctx, job, engine.Config{Mode: planner.IDAG, Kinds: s.app.Kinds}); err != nil {
		return nil, err
	}
	if p.linear, err = s.app.Engine.Compile(ctx, job, engine.Config{Mode: form, Kinds: s.app.Kinds}); err != nil {
		return nil, err
	}
	linear, mine := explain.Estimate(p.linear, p.splits), explain.Estimate(p.idag, p.splits)
	p.compare(linear, mine, nil)
	for i := range p.splits {
		for j := range p.totals {
			p.totals[j].Rows += max(0, p.splits[i].Rows)
		}
	}
	return p, nil
}

func (p *pair) compare(linear, mine explain.Figures, passed map[physical.Bypass]int64) {
	p.rows = explain.Compare(p.idag, linear, mine, passed)
	p.totals[0].Seconds, p.totals[1].Seconds = linear.Total(), mine.Total()
}

// analyze runs the job in both plans, each twice in turn, and keeps the quicker run:
// the first reads the files from the disk.
func (s *session) analyze(ctx context.Context, job *rdd.Job, f *planFlags, p *pair) error {
	if f.executors < 0 {
		return fault.New(fault.Invalid, "--executors may not be negative")
	}
	var best [2]engine.Analysis
	for range 2 {
		for i, plan := range []*planner.Plan{p.linear, p.idag} {
			cfg := engine.Config{Mode: plan.Mode, Kinds: s.app.Kinds, Executors: f.executors}
			a, err := s.app.Engine.Analyze(ctx, job, cfg)
			if err != nil {
				return err
			}
			if best[i].Plan == nil || a.Wall < best[i].Wall {
				best[i] = a
			}
		}
	}
	linear, mine := best[0], best[1]
	p.compare(explain.Measured(linear.Plan, linear.Tally), explain.Measured(mine.Plan, mine.Tally), mine.Tally.Bypassed)
	for i, a := range best {
		t := &p.totals[i]
		t.Wall, t.Executors, t.Rows = a.Wall.Seconds(), a.Executors, a.Tally.RowsIn
	}
	if linear.Tally.Checksum != mine.Tally.Checksum {
		return fault.New(fault.Bug, "%w: the linear plan gives %016x, the I-DAG plan %016x", errUnequal, linear.Tally.Checksum, mine.Tally.Checksum)
	}
	return nil
}

// planSVG draws both plans.
func (s *session) planSVG(p *pair, f *planFlags) error {
	draw := func(w io.Writer) error {
		return report.Picture{Plans: []*planner.Plan{p.linear, p.idag}, Rows: p.rows, Measured: f.analyze}.Write(w)
	}
	if f.svg == "-" {
		return draw(s.io.Out)
	}
	file, err := os.Create(f.svg)
	if err != nil {
		return fault.Wrap(fault.Invalid, err)
	}
	err = draw(file)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

// brief spells a short time for people.
func brief(seconds float64) string {
	switch d := time.Duration(seconds * 1e9); {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return fmt.Sprintf("%.3g µs", seconds*1e6)
	case d < time.Second:
		return fmt.Sprintf("%.3g ms", seconds*1e3)
	}
	return fmt.Sprintf("%.3g s", seconds)
}
