package executor

import (
	"testing"

	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// What fails in the rules and in the event time of a tag is counted for the tag
// by label; a row without a label is a dead letter and nothing more.
func TestTagFailuresAreCounted(t *testing.T) {
	rules := []rdd.Rule{{Label: Err, When: "CAST(meter AS bigint) > 1"}, {Label: Info, When: "code > 1"}}
	r := newRig(t, planner.IDAG, "meter code", rdd.Tag{Rules: rules, Time: "timestamp_micros(10 div (code - 2))"}, plainJob,
		[]string{`"meter":"5","code":2`, `"meter":"x","code":2`, `"meter":"x","code":3`, `"meter":"x","code":1`})
	tally := r.run(r.scan(1, 0, 1)).Tally
	for label, want := range []int64{1, 3} { // the event time of row 0; the rule of rows 1 and 2, the event time of row 1
		if got := tally.Ops[work.OpLabel{Op: 1, Label: label}].Nulled; got != want {
			t.Errorf("%d failures in the tag for label %d, want %d", got, label, want)
		}
	}
}
