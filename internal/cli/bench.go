package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/fault"
	"github.com/spf13/cobra"
)

// measurement is one that bench makes.
type measurement struct {
	name string
	doc  string
	// figures explains every figure that run may give, in the order of print.
	figures func(f *benchFlags) [][2]string
	// run measures. With an error it may give the figures that led to it.
	run func(ctx context.Context, s *session, f *benchFlags) (bench.Samples, error)
}

// benches returns the measurements there are.
func benches() []measurement {
	return []measurement{benchReplay(), benchStart(), benchIngest(), benchCrash(), benchCluster(), benchChaos(), benchSchedule(), benchBypass(), benchEV(), benchClients()}
}

// benchFlags are the settings of a measurement, printed with its figures.
type benchFlags struct {
	generateFlags
	job     string
	path    string
	runs    int
	mixes   []string
	rssRows []int64
	kills   int
	faults  int
	tell    bool
	spaces  bool
	tasks   int
	bypass  bypassFlags
	ev      evFlags
	clients clientsFlags
}

// add adds the flags. The default number of rows makes 64 equal row groups: long
// enough that what a run costs once does not count.
func (f *benchFlags) add(c *cobra.Command) {
	f.generateFlags.add(c)
	fs := c.Flags()
	rows := fs.Lookup("rows")
	f.rows = 64 * 131_072
	rows.DefValue = strconv.FormatInt(f.rows, 10)
	fs.StringVar(&f.job, "job", "meter", "the `job` or job file to run")
	fs.StringVar(&f.path, "path", "", "`directory` of the job's data set (default one made for the measurement)")
	fs.IntVar(&f.kills, "kills", 100, "`kills` of the program at least, for crash")
	fs.IntVar(&f.faults, "faults", 30, "`faults` of nodes at least, for chaos, over --runs clusters")
	fs.BoolVar(&f.tell, "tell", false, "say what is done to which node, for chaos, on standard error")
	fs.BoolVar(&f.spaces, "namespaces", false, "cut and delay by network namespaces, for chaos: needs Linux, root, ip and tc (default relays)")
	fs.IntVar(&f.tasks, "tasks", 1_000_000, "`tasks` to decide about at least, for schedule")
	fs.IntVar(&f.runs, "runs", 5, "`runs` of each plan, after one that warms up")
	fs.StringSliceVar(&f.mixes, "mixes", []string{"40/30/30", "95/4/1"}, "further `mixes` to replay, each with figures of its own")
	f.bypass.add(fs)
	f.ev.add(fs)
	f.clients.add(fs)
	fs.Int64SliceVar(&f.rssRows, "rss-rows", nil, "`rows` of further data sets to measure the memory of one run on")
}

// benchReport is what bench --json prints.
type benchReport struct {
	Bench    string                  `json:"bench"`
	Machine  string                  `json:"machine"`
	Version  string                  `json:"version"`
	Settings map[string]string       `json:"settings"`
	Figures  map[string]bench.Figure `json:"figures"`
}

func newBench(s *session) *cobra.Command {
	var f benchFlags
	var asJSON, list bool
	c := &cobra.Command{
		GroupID: groupData,
		Use:     "bench NAME [flags]",
		Short:   "Measure, on this machine",
		Long: `Measure, on this machine. Every ratio comes from runs that alternate within one
call; a figure is the median of its runs, with the smallest and the largest.
Without a name, the measurements are listed; with --list, their figures.
Bypass also writes a report: a page of tables and charts.`,
		Example: `  idag bench replay
  idag bench replay --path data/meter --runs 9 --json
  idag bench start --list
  idag bench bypass --only frames,efficiency
  idag bench bypass --files 4500 --bytes 8.6GB --path data`,
		Args: atMost(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return benchNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return s.listBenches(benches(), list, &f)
			}
			b, err := findBench(args[0])
			switch {
			case err != nil:
				return err
			case list:
				return s.listBenches([]measurement{b}, true, &f)
			case f.runs < 1:
				return fault.New(fault.Invalid, "--runs must be positive")
			}
			return s.bench(c.Context(), b, &f, asJSON)
		},
	}
	f.add(c)
	fs := c.Flags()
	fs.BoolVar(&asJSON, "json", false, "print one JSON object")
	fs.BoolVar(&list, "list", false, "explain the figures instead of measuring")
	return c
}

func benchNames() []string {
	var out []string
	for _, b := range benches() {
		out = append(out, b.name)
	}
	return out
}

func findBench(name string) (measurement, error) {
	for _, b := range benches() {
		if b.name == name {
			return b, nil
		}
	}
	hint := ""
	if near := connectors.Nearest(name, benchNames()); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return measurement{}, fault.New(fault.Invalid, "there is no measurement %q%s", name, hint)
}

func (s *session) listBenches(list []measurement, figures bool, flags *benchFlags) error {
	t := table{head: []string{"measurement", ""}}
	for _, b := range list {
		t.add(b.name, b.doc)
		if !figures {
			continue
		}
		for _, f := range b.figures(flags) {
			t.add("  "+f[0], f[1])
		}
	}
	t.write(s.io.Out, s.out)
	return nil
}

// bench measures and prints.
func (s *session) bench(ctx context.Context, b measurement, f *benchFlags, asJSON bool) error {
	got, failed := b.run(ctx, s, f)
	if got == nil {
		return failed
	}
	r := benchReport{
		Bench:    b.name,
		Machine:  machine(),
		Version:  s.app.Version,
		Settings: f.settings(b.name),
		Figures:  map[string]bench.Figure{},
	}
	t := table{head: []string{"figure", "median", "min", "max", "unit"}}
	for _, x := range b.figures(f) {
		fig, ok := got.Figure(x[0])
		if !ok {
			continue
		}
		r.Figures[x[0]] = fig
		t.add(x[0], number(fig.Median), number(fig.Min), number(fig.Max), fig.Unit)
	}
	if asJSON {
		return errors.Join(failed, writeJSON(s.io.Out, r))
	}
	fmt.Fprintf(s.io.Out, "%s  %s, %s\n", s.out.strong(b.name), r.Machine, r.Settings["data"])
	t.write(s.io.Out, s.out)
	return failed
}

// machine says what is measured on.
func machine() string {
	return fmt.Sprintf("%s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cpu())
}

// settings are those of a measurement, as they are printed.
func (f *benchFlags) settings(name string) map[string]string {
	if name == "bypass" {
		return f.bypassNotes()
	}
	if name == "cluster" {
		return map[string]string{"runs": fmt.Sprint(f.runs), "data": f.data()}
	}
	if name == "chaos" {
		data := fmt.Sprintf("%d rows a run, %d a second, seed %d", min(f.rows, chaosRows), chaosRate, f.seed)
		return map[string]string{"runs": fmt.Sprint(f.runs), "faults": fmt.Sprint(f.faults), "data": data}
	}
	if name == "ev" {
		return f.evNotes()
	}
	if name == "clients" {
		return f.clientsNotes()
	}
	if name == "schedule" {
		data := fmt.Sprintf("%d tasks, seed %d", f.tasks, f.seed)
		return map[string]string{"runs": fmt.Sprint(f.runs), "data": data}
	}
	return map[string]string{"job": f.job, "runs": fmt.Sprint(f.runs), "data": f.data()}
}

// data spells what is measured on.
func (f *benchFlags) data() string {
	if f.path != "" {
		return f.path
	}
	return fmt.Sprintf("%d rows, seed %d, mix %s, %d files, row groups of %d", f.rows, f.seed, f.mix, f.files, f.groupRows)
}

// number spells a figure with four digits that count.
func number(v float64) string {
	if v >= 10_000 {
		return thousands(int64(v))
	}
	return fmt.Sprintf("%.4g", v)
}
