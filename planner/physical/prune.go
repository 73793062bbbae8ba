package physical

import (
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
)

// Prune says when a row group may be left out: if every row of it is proven to
// be taggable and then to be removed. Dead letters are part of the result, so a
// row that might become one keeps its group.
type Prune struct {
	// Column is the source column that holds the label, or "" where rules give it.
	Column string
	Values map[string]int
	// Total says that every row gets a label whatever it holds.
	Total bool
	// Time is the source column of the event time, which the watermark must
	// know even of rows left out; "" where the job has none.
	Time string
	// Removed gives, per label, the filters that stand on each of its ways: a
	// row is removed if on every way one of them cannot be true. A label that is
	// not here cannot be proven removed; one with no ways always is.
	Removed map[int][][]*expr.Program
}

// Skips reports whether a row group with these bounds may be left out.
func (p *Prune) Skips(bounds expr.Bounds) bool {
	if p.Time != "" && !maxKnown(bounds, p.Time) {
		return false
	}
	if p.Column != "" {
		if v, ok := constant(bounds, p.Column); ok {
			label, known := p.Values[v]
			return known && p.removes(label, bounds)
		}
	}
	if !p.Total {
		return false
	}
	for l := range p.Removed {
		if !p.removes(l, bounds) {
			return false
		}
	}
	return true
}

// Reads returns the source columns whose bounds decide.
func (p *Prune) Reads() []string {
	seen := map[string]bool{p.Column: true, p.Time: true}
	for _, ways := range p.Removed {
		for _, filters := range ways {
			for _, f := range filters {
				for _, name := range expr.Columns(f.Node()) {
					seen[name] = true
				}
			}
		}
	}
	delete(seen, "")
	return slices.Sorted(maps.Keys(seen))
}

// LatestTime returns the largest event time within bounds.
func (p *Prune) LatestTime(bounds expr.Bounds) (int64, bool) {
	if p.Time == "" {
		return 0, false
	}
	return largest(bounds, p.Time)
}

func (p *Prune) removes(label int, bounds expr.Bounds) bool {
	ways, ok := p.Removed[label]
	if !ok {
		return false
	}
	for _, filters := range ways {
		gone := false
		for _, f := range filters {
			gone = gone || !f.CanBeTrue(bounds)
		}
		if !gone {
			return false
		}
	}
	return true
}

// constant returns the value of a column that is the same in every row.
func constant(b expr.Bounds, column string) (string, bool) {
	r, ok := b[column]
	if !ok || r.Nulls || r.Min == nil || r.Max == nil {
		return "", false
	}
	lo, isText := r.Min.(string)
	hi, _ := r.Max.(string)
	return lo, isText && lo == hi
}

func maxKnown(b expr.Bounds, column string) bool {
	_, ok := largest(b, column)
	return ok
}

// largest returns the largest value of a timestamp column.
func largest(b expr.Bounds, column string) (int64, bool) {
	t, ok := b[column].Max.(arrow.Timestamp)
	return int64(t), ok
}
