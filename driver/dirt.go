package driver

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// tooDirty says that more rows than the job puts up with are dead letters, and
// of what reasons. The batch that went too far is committed, so that its letters
// can be read.
func tooDirty(most rdd.DeadLetters, t *work.Tally) error {
	share := 0.0
	if t.RowsIn > 0 {
		share = 100 * float64(t.DeadLetters) / float64(t.RowsIn)
	}
	return fault.New(fault.Invalid, "%d of %d rows are dead letters (%.3g%%), more than the job puts up with (max: %s): %s",
		t.DeadLetters, t.RowsIn, share, most.Limit(), reasons(t))
}

// reasons lists the reasons for dead letters, the commonest first.
func reasons(t *work.Tally) string {
	by := map[string]int64{}
	for d, n := range t.Dead {
		by[d.Reason] += n
	}
	names := slices.SortedFunc(maps.Keys(by), func(a, b string) int {
		return cmp.Or(cmp.Compare(by[b], by[a]), cmp.Compare(a, b))
	})
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("%d %s", by[name], name)
	}
	return strings.Join(parts, ", ")
}
