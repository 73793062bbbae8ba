// Package explain says what plans of a job cost, per operation and label: as
// estimated before anything is read, or as measured by a run. It sets the linear plan
// beside the I-DAG plan, operation by operation, with the reason where the I-DAG plan
// leaves one out.
//
//	figures := explain.Estimate(plan, splits)           // or explain.Measured(tally)
//	rows := explain.Compare(linear, idag, lf, figures)
//
// The package is pure and holds no Arrow memory.
//
// # The estimate
//
// It is a simple one, and says no more than where to look. Rows come from what the
// sources tell of their splits: by label, where file headers claim that, else each
// label of a Tag has an equal share. A row costs 0.5 ns a byte to read (10 ns where
// bytes are not known), 5 ns in each operation that computes for it, 20 ns to be
// aggregated, matched or ranked, 10 ns to be sent and 30 ns to be written. In the
// linear plan the masked and the staged form compute for rows of all labels; the
// selection form looks at rows of others for 1 ns. A filter keeps a third of its
// rows, a list has 4 elements, and ten rows make a group. A value has 8 bytes.
package explain

import (
	"github.com/idag/idag/planner/work"
)

// Figure is what an operation does with the rows of one label.
type Figure struct {
	Rows    float64 `json:"rows"`    // that it looks at
	Out     float64 `json:"out"`     // that leave it
	Bytes   float64 `json:"bytes"`   // of the columns that it makes; of a source, of what is decoded
	Seconds float64 `json:"seconds"` // over all executors, without the operations behind it
}

func (f Figure) plus(o Figure) Figure {
	return Figure{f.Rows + o.Rows, f.Out + o.Out, f.Bytes + o.Bytes, f.Seconds + o.Seconds}
}

// Figures are what the operations of a plan cost, by operation and label.
type Figures map[work.OpLabel]Figure

func (f Figures) add(op, label int, x Figure) {
	k := work.OpLabel{Op: op, Label: label}
	f[k] = f[k].plus(x)
}

// Total is the sum of all seconds.
func (f Figures) Total() float64 {
	sum := 0.0
	for _, x := range f {
		sum += x.Seconds
	}
	return sum
}
