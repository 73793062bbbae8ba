package twin

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Result is what a job gave: the rows of every Write in the order of
// job.Datasets, and the dead letters. Those of the connector "broadcast", which the job
// writes for itself, have none.
type Result struct {
	Sinks [][]Row
	Dead  []Dead
	// Loose are the columns that hold standard deviations, and no others: they
	// compare within a part in 10^9, all else bit for bit.
	Loose map[string]bool
}

// Row is a row of a sink. A column that is null and one that is not there are
// the same.
type Row struct {
	Label  string
	Values map[string]any
}

// Dead is a dead letter. After a grouping operation Source is -1, and the
// partition, sequence and child mean nothing and are not compared.
type Dead struct {
	Reason    string // as the planner's constants spell it
	Op        string // the operation's kind
	Source    int
	Partition int32
	Seq       int64
	// Child is the ordinal among the rows made of the event: a FlatMap with n
	// elements makes c*n to c*n+n-1 of c.
	Child int64
}

// String prints the row canonically: rows that print alike are equal.
func (r Row) String() string { return r.print(nil) }

func (r Row) print(without map[string]bool) string {
	if r.Values == nil {
		return r.Label
	}
	var cols []string
	for _, name := range slices.Sorted(maps.Keys(r.Values)) {
		if r.Values[name] != nil && !without[name] {
			cols = append(cols, name+"="+text(r.Values[name]))
		}
	}
	return r.Label + "{" + strings.Join(cols, ", ") + "}"
}

// String prints the dead letter canonically.
func (d Dead) String() string {
	if d.Source < 0 {
		return fmt.Sprintf("%s at %s, of a group", d.Reason, d.Op)
	}
	return fmt.Sprintf("%s at %s, of source %d/%d event %d.%d", d.Reason, d.Op, d.Source, d.Partition, d.Seq, d.Child)
}

// Compare tells how got differs from want, which is the twin's: the rows of
// each sink and the dead letters as multisets. Nil says that they are equal.
func Compare(got, want *Result) error {
	var errs []error
	if len(got.Sinks) != len(want.Sinks) {
		return fmt.Errorf("got %d sinks, want %d", len(got.Sinks), len(want.Sinks))
	}
	for i := range want.Sinks {
		errs = append(errs, diff(fmt.Sprintf("sink %d", i), got.Sinks[i], want.Sinks[i], want.Loose))
	}
	dead := func(list []Dead) []Row {
		var out []Row
		for _, d := range list {
			out = append(out, Row{Label: d.String()})
		}
		return out
	}
	errs = append(errs, diff("dead letters", dead(got.Dead), dead(want.Dead), nil))
	return errors.Join(errs...)
}

// diff pairs off rows that are equal and lists the others: "-" is missing in
// got, "+" should not be there.
func diff(what string, got, want []Row, loose map[string]bool) error {
	const most = 20
	left := map[string][]Row{}
	for _, r := range got {
		k := r.print(loose)
		left[k] = append(left[k], r)
	}
	var lines []string
	for _, w := range want {
		k := w.print(loose)
		i := slices.IndexFunc(left[k], func(g Row) bool { return near(g, w, loose) })
		if i < 0 {
			lines = append(lines, "  - "+w.String())
			continue
		}
		left[k] = slices.Delete(left[k], i, i+1)
	}
	for _, rows := range left {
		for _, g := range rows {
			lines = append(lines, "  + "+g.String())
		}
	}
	if len(lines) == 0 {
		return nil
	}
	// A row and the one it should have been stand side by side.
	slices.SortFunc(lines, func(a, b string) int {
		return strings.Compare(a[4:]+a[:4], b[4:]+b[:4])
	})
	if n := len(lines); n > most {
		lines = append(lines[:most], fmt.Sprintf("  and %d more", n-most))
	}
	return fmt.Errorf("%s: got %d rows, want %d (- missing, + unexpected)\n%s",
		what, len(got), len(want), strings.Join(lines, "\n"))
}

// near reports whether the loose columns of two rows are near enough.
func near(a, b Row, loose map[string]bool) bool {
	for c := range loose {
		if (a.Values[c] == nil) != (b.Values[c] == nil) {
			return false
		}
		x, y := number(a.Values[c]), number(b.Values[c])
		if a.Values[c] == nil || x == y || math.IsNaN(x) && math.IsNaN(y) {
			continue
		}
		if !(math.Abs(x-y) <= 1e-9*(1+math.Max(math.Abs(x), math.Abs(y)))) {
			return false
		}
	}
	return true
}
