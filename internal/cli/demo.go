package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"github.com/spf13/cobra"
)

// demoRounds is how often each plan runs; the best of its runs counts, so that one
// disturbed run does not tell the wrong story.
const demoRounds = 2

// demoFlags say what the demonstration runs on.
type demoFlags struct {
	generateFlags
	dir string
}

func newDemo(s *session) *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		GroupID: groupData,
		Use:     "demo [flags]",
		Short:   "Run the meter job both ways and compare",
		Long: `Make a data set of meter events, run the job meter over it by the linear plan in
its two forms and by the I-DAG plan, and compare: the rows and their checksum must
be equal, the work must not. The exit status is 1 if the results differ. The runs
alternate, two of each plan, and the faster of the two is shown; for figures to
rely on there is 'idag bench replay'.`,
		Example: `  idag demo
  idag demo --rows 10000000 --mix 1/9/90 --dir data/demo`,
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return s.demo(c.Context(), &f) },
	}
	f.add(c)
	c.Flags().StringVar(&f.dir, "dir", "", "keep events and results in this `directory` (default a temporary one)")
	return c
}

// demo makes the data, shows the plans, runs them and compares.
func (s *session) demo(ctx context.Context, f *demoFlags) (err error) {
	dir := f.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "idag-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	f.out, f.overwrite = filepath.Join(dir, "events"), true
	s.title(1, "Events")
	set, err := s.generate(ctx, &f.generateFlags)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.io.Out, "  %s meter events, error/backup/information %s, %s of Parquet in %s\n",
		thousands(set.rows), f.mix, bytesText(set.bytes), count(int64(set.files), "file", "files"))

	modes := []planner.Mode{planner.Masked, planner.Selection, planner.IDAG}
	s.title(2, "Plans")
	for _, m := range modes {
		if m == planner.Selection {
			continue // looks like masked
		}
		job, err := s.demoJob(f.out, filepath.Join(dir, string(m)))
		if err != nil {
			return err
		}
		plan, err := s.app.Engine.Compile(ctx, job, engine.Config{Mode: m, Kinds: s.app.Kinds})
		if err != nil {
			return err
		}
		fmt.Fprintln(s.io.Out, s.out.clip(planner.Text(plan)))
	}
	s.title(3, "Runs")
	sums := make([]engine.Summary, len(modes))
	for round := range demoRounds {
		for i, m := range modes {
			sum, err := s.demoRun(ctx, f.out, filepath.Join(dir, string(m)), m)
			switch {
			case err != nil:
				return err
			case round > 0 && !sameResult(sum, sums[i]):
				fmt.Fprintf(s.io.Out, "%s two runs of %s differ\n", s.out.bad("not equal:"), planName(m))
				return errUnequal
			case round == 0 || sum.WallSeconds < sums[i].WallSeconds:
				sums[i] = sum
			}
		}
	}
	return s.compare(modes, sums)
}

// demoRun runs the job over the events by one plan, in place of its run before.
func (s *session) demoRun(ctx context.Context, events, out string, m planner.Mode) (engine.Summary, error) {
	job, err := s.demoJob(events, out)
	if err != nil {
		return engine.Summary{}, err
	}
	return s.whole(ctx, job, m, s.reporter(planName(m), &runFlags{}))
}

// whole runs a job to the end of its input: a run that the user stopped cannot
// be compared with another.
func (s *session) whole(ctx context.Context, job *rdd.Job, m planner.Mode, rep reporter) (engine.Summary, error) {
	sum, err := s.run(ctx, job, engine.Config{Mode: m}, rep)
	if err == nil && len(sum.Stopped) > 0 {
		err = errStopped
	}
	return sum, err
}

// demoJob builds the job meter over events, with its results in out.
func (s *session) demoJob(events, out string) (*rdd.Job, error) {
	if err := os.RemoveAll(out); err != nil {
		return nil, err
	}
	j, err := s.find("meter")
	if err != nil {
		return nil, err
	}
	return s.make(j, map[string]string{"path": events, "out": out})
}

func (s *session) title(number int, text string) {
	if number > 1 {
		fmt.Fprintln(s.io.Out)
	}
	fmt.Fprintf(s.io.Out, "%s %s\n", s.out.faint(fmt.Sprint(number)), s.out.strong(text))
}

func planName(m planner.Mode) string {
	if m.Linear() {
		return "linear, " + string(m)
	}
	return "I-DAG"
}

// compare prints the runs side by side and what the last one, the I-DAG plan,
// left out. It fails if the results are not the same.
func (s *session) compare(modes []planner.Mode, sums []engine.Summary) error {
	t := table{head: []string{"plan", "rows in", "rows out", "checksum", "best time", "rows/s"}}
	for i, sum := range sums {
		t.add(planName(modes[i]), thousands(sum.RowsIn), thousands(sum.RowsOut), sum.Checksum,
			seconds(sum.WallSeconds), short(sum.RowsPerSecond))
	}
	t.write(s.io.Out, s.out)
	idag := sums[len(sums)-1]
	if len(idag.Bypassed) > 0 {
		s.title(4, "What the I-DAG plan left out")
		writeBypassed(s.io.Out, s.out, idag.Bypassed)
	}
	best := sums[0].WallSeconds
	for i, sum := range sums[:len(sums)-1] {
		best = min(best, sum.WallSeconds)
		if !sameResult(sum, idag) {
			fmt.Fprintf(s.io.Out, "%s the results of %s and %s differ\n", s.out.bad("not equal:"), planName(modes[i]), planName(planner.IDAG))
			return errUnequal
		}
	}
	fmt.Fprintf(s.io.Out, "%s the same %s rows, %s of the time of the faster linear plan\n",
		s.out.good("equal:"), thousands(idag.RowsOut), percent(idag.WallSeconds, best))
	return nil
}

// sameResult reports whether two runs gave the same rows, dead letters
// included: the checksum covers both.
func sameResult(a, b engine.Summary) bool {
	return a.Checksum == b.Checksum && a.RowsIn == b.RowsIn && a.RowsOut == b.RowsOut &&
		a.DeadLetters == b.DeadLetters && a.Late == b.Late
}

func percent(part, whole float64) string {
	if whole <= 0 {
		return "?"
	}
	return fmt.Sprintf("%.0f %%", 100*part/whole)
}
