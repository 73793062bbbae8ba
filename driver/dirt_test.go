package driver

import (
	"strings"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// A run that has more dead letters than its job puts up with says how many of
// how many, and why, the commonest reason first.
func TestTooDirty(t *testing.T) {
	tally := &work.Tally{RowsIn: 2000, DeadLetters: 30, Dead: map[work.Death]int64{
		{Op: 1, Reason: work.AbnormalTag}: 9, {Op: 3, Reason: work.LateRow}: 7, {Op: 4, Reason: work.LateRow}: 13, {Op: 1, Reason: work.ImproperIngest}: 1,
	}}
	err := tooDirty(rdd.DeadLetters{MaxShare: 0.01}, tally)
	want := "30 of 2000 rows are dead letters (1.5%), more than the job puts up with (max: 1%): 20 late, 9 abnormal tag, 1 improper ingest"
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}
