package explain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
)

// Measured is what a run came to whose tasks measured.
func Measured(p *planner.Plan, t work.Tally) Figures {
	out := Figures{}
	for k, c := range t.Ops {
		out[k] = Figure{Rows: float64(c.In), Out: float64(c.Out), Bytes: float64(c.Bytes), Seconds: c.Time.Seconds()}
	}
	for i := range p.Stages {
		root := p.Stages[i].Root
		scan, ok := root.Action.(physical.Scan)
		for _, l := range root.Labels.Each() {
			k := work.OpLabel{Op: root.Op, Label: l}
			if f, seen := out[k]; seen && ok { // a source counts no labels, what follows it does
				n := float64(t.Ops[work.OpLabel{Op: scan.Tag.Op, Label: l}].In)
				f.Rows, f.Out = n, n
				out[k] = f
			}
		}
	}
	return out
}

// Row is one operation and label in both plans.
type Row struct {
	Op    int    `json:"op"`
	Name  string `json:"name"` // such as map#3
	Label string `json:"label"`
	// Linear and IDAG are what it costs in the plans.
	Linear Figure `json:"linear"`
	IDAG   Figure `json:"idag"`
	// Reasons for which the I-DAG plan leaves it out; of some rows only, where there
	// are rows.
	Reasons []bypass.Reason `json:"reasons,omitempty"`
}

// Compare sets two plans of one job side by side. Passed are the bypasses with how
// many rows took them, which is nil before a run.
func Compare(idag *planner.Plan, linear, mine Figures, passed map[physical.Bypass]int64) []Row {
	reasons := map[work.OpLabel][]bypass.Reason{}
	note := func(s physical.Bypass) {
		k := work.OpLabel{Op: s.Op, Label: s.Label}
		if !slices.Contains(reasons[k], s.Reason) {
			reasons[k] = append(reasons[k], s.Reason)
		}
	}
	for _, s := range idag.Skipped {
		note(s)
	}
	for s := range passed {
		note(s)
	}
	keys := map[work.OpLabel]bool{}
	for k := range reasons {
		keys[k] = true
	}
	for _, f := range []Figures{linear, mine} {
		for k := range f {
			keys[k] = true
		}
	}
	order := slices.SortedFunc(maps.Keys(keys), func(a, b work.OpLabel) int {
		return cmp.Or(cmp.Compare(a.Op, b.Op), cmp.Compare(a.Label, b.Label))
	})
	rows := make([]Row, 0, len(order))
	for _, k := range order {
		why := reasons[k]
		slices.SortFunc(why, func(a, b bypass.Reason) int {
			return cmp.Compare(slices.Index(bypass.Reasons(), a), slices.Index(bypass.Reasons(), b))
		})
		rows = append(rows, Row{Op: k.Op, Name: fmt.Sprintf("%s#%d", idag.Ops[k.Op].Dataset.Op().Kind(), k.Op),
			Label: idag.Job.Labels[k.Label], Linear: linear[k], IDAG: mine[k], Reasons: why})
	}
	return rows
}
