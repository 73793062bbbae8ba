package engine

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/planner"
)

// Summary is the story of a run: the last line under --json. Its fields are
// stable.
type Summary struct {
	Job           string   `json:"job"`
	Plan          string   `json:"plan"`           // linear or idag
	Form          string   `json:"form,omitempty"` // of the linear plan: masked, selection or staged
	Digest        string   `json:"digest"`
	Batches       int64    `json:"batches"`
	RowsIn        int64    `json:"rows_in"` // tagged + pruned + dead-lettered at entry
	RowsTagged    int64    `json:"rows_tagged"`
	RowsPruned    int64    `json:"rows_pruned"`
	RowsUnbound   int64    `json:"rows_unbound,omitempty"` // with a header that is not theirs: they were taken as they are
	RowsOut       int64    `json:"rows_out"`
	DeadLetters   int64    `json:"dead_letters"`
	Late          int64    `json:"late"`
	Checksum      string   `json:"checksum"`
	WallSeconds   float64  `json:"wall_seconds"`
	RowsPerSecond float64  `json:"rows_per_second"`
	PeakRSSBytes  int64    `json:"peak_rss_bytes"`
	TasksAgain    int64    `json:"tasks_again,omitempty"` // sent out more than once by the driver that ended the run
	Bypassed      Bypassed `json:"bypassed"`
	// Labelling is how many seconds each step of labelling took, over all
	// executors: ingest, queue, tag, hash, dispatch.
	Labelling map[string]float64 `json:"labelling_seconds"`
	// Dead is the dead letters: reason → operation → rows.
	Dead map[string]map[string]int64 `json:"dead_letter_reasons,omitempty"`
	// Operations is what each operation did: operation → label → counts.
	Operations map[string]map[string]Count `json:"operations"`
	// Locator is how good the predictions were by which tasks were made and put in
	// order: one for each source and label.
	Locator []Located `json:"locator,omitempty"`
	// Stopped says where the sources stand if the run was stopped before the
	// end of its input: a line a source.
	Stopped []string `json:"stopped,omitempty"`
}

// Bypassed is the rows that passed by an operation: reason → label → operation
// → rows.
type Bypassed map[string]map[string]map[string]int64

// Count is what an operation did to the rows of one label.
type Count struct {
	In     int64 `json:"in"`
	Out    int64 `json:"out"`
	Nulled int64 `json:"nulled,omitempty"`
	// Seconds in it, over all executors, and bytes of the columns that it made:
	// where the run measured them.
	Seconds float64 `json:"seconds,omitempty"`
	Bytes   int64   `json:"bytes,omitempty"`
}

// Located is the empirical risk of the predictions for the route of one label of one
// source: of the next stage (0/1 loss) and of the cost (squared loss).
type Located struct {
	Source    string  `json:"source"`
	Route     string  `json:"route"`
	Tasks     int64   `json:"tasks"`
	StageLoss float64 `json:"stage_loss"`         // share of tasks whose rows entered elsewhere than predicted
	CostLoss  float64 `json:"cost_loss_s2"`       // mean squared error, in square seconds
	CostError float64 `json:"cost_error_of_mean"` // its root ÷ the mean cost
}

// opName names an operation in a summary as plans do: kind and ordinal.
func opName(p *planner.Plan, op int) string {
	return fmt.Sprintf("%s#%d", p.Ops[op].Dataset.Op().Kind(), op)
}

func summary(p *planner.Plan, out driver.Outcome, wall time.Duration) Summary {
	t := out.Tally
	s := Summary{Job: p.Job.Name, Digest: p.Digest, Batches: out.Batches, RowsIn: t.RowsIn, RowsTagged: t.Tagged,
		RowsPruned: t.Pruned, RowsUnbound: t.Unbound, RowsOut: t.RowsOut, DeadLetters: t.DeadLetters, Late: t.Late,
		Checksum:    fmt.Sprintf("%016x%016x", t.Checksum[0], t.Checksum[1]),
		WallSeconds: wall.Seconds(), RowsPerSecond: float64(t.RowsIn) / wall.Seconds(), PeakRSSBytes: peakRSS(), TasksAgain: out.Again,
		Bypassed: Bypassed{}, Operations: map[string]map[string]Count{}}
	s.Plan, s.Form = planName(p.Mode)
	l := t.Labelling
	s.Labelling = map[string]float64{"ingest": l.Ingest.Seconds(), "queue": l.Queue.Seconds(), "tag": l.Tag.Seconds(),
		"hash": l.Hash.Seconds(), "dispatch": l.Dispatch.Seconds()}
	label := func(l int) string { return p.Job.Labels[l] }
	for k, n := range t.Bypassed {
		why := string(k.Reason)
		if s.Bypassed[why] == nil {
			s.Bypassed[why] = map[string]map[string]int64{}
		}
		add(s.Bypassed[why], label(k.Label), opName(p, k.Op), n)
	}
	for k, c := range t.Ops {
		name := opName(p, k.Op)
		if s.Operations[name] == nil {
			s.Operations[name] = map[string]Count{}
		}
		s.Operations[name][label(k.Label)] = Count{In: c.In, Out: c.Out, Nulled: c.Nulled, Seconds: c.Time.Seconds(), Bytes: c.Bytes}
	}
	s.Locator = located(p, out)
	for k, n := range t.Dead {
		if s.Dead == nil {
			s.Dead = map[string]map[string]int64{}
		}
		add(s.Dead, k.Reason, opName(p, k.Op), n)
	}
	if out.Stopped {
		for i, o := range out.Offsets {
			s.Stopped = append(s.Stopped, fmt.Sprintf("%s: next %s", p.Ops[p.Reads[i]].Text, o))
		}
	}
	return s
}

func located(p *planner.Plan, out driver.Outcome) (list []Located) {
	for i, routes := range out.Located {
		for _, r := range routes {
			list = append(list, Located{Source: opName(p, p.Reads[i]), Route: r.Route, Tasks: r.Tasks,
				StageLoss: r.Stage(), CostLoss: r.Risk(), CostError: r.Error()})
		}
	}
	return list
}

func add(m map[string]map[string]int64, a, b string, n int64) {
	if m[a] == nil {
		m[a] = map[string]int64{}
	}
	m[a][b] += n
}

// peakRSS is the most memory this process has had resident, in bytes, or 0
// where the system does not say.
func peakRSS() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err == nil {
				return kb << 10
			}
		}
	}
	return 0
}
