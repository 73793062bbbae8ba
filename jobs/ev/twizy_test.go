package ev_test

import (
	"os"
	"testing"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/jobs/ev"
	"github.com/idag/idag/rdd"
)

// recorded runs the job over the recording, which is not everywhere.
func recorded(t *testing.T, vars map[string]string, change func(*rdd.Job, *engine.Config)) results {
	t.Helper()
	if os.Getenv("IDAG_DATA") == "" {
		t.Skip("no recordings: IDAG_DATA is not set")
	}
	all := map[string]string{"sink": "memory", "out": "r"}
	for k, v := range vars {
		all[k] = v
	}
	job, err := ev.TwizyJob(all)
	if err != nil {
		t.Fatal(err)
	}
	return runJob(t, job, change)
}

// weighed is the accuracy of the models that nodes had, and the share of the more
// frequent class, over all rows that were scored.
func weighed(r results) (accuracy, often float64) {
	right, ones, all := int64(0), int64(0), int64(0)
	for _, row := range r.rows["nodes"] {
		n := func(c string) int64 { v, _ := row.Values[c].(int64); return v }
		right += n("tp") + n("tn")
		ones += n("tp") + n("fn")
		all += n("tp") + n("tn") + n("fp") + n("fn")
	}
	share := float64(ones) / float64(all)
	return float64(right) / float64(all), max(share, 1-share)
}

func TestTwizyTmp(t *testing.T) {
	for _, v := range []map[string]string{{}, {"low": "0.0"}, {"low": "0.0", "points": "3.0"}, {"epochs": "2"}, {"round": "15m"}, {"round": "30m"}, {"participants": "T1,T2"}, {"model": "linear"}, {"model": "logistic"}, {"model": "forest"}, {"low": "0.0", "model": "forest"}} {
		r := recorded(t, v, nil)
		a, o := weighed(r)
		t.Logf("%v: %.3f, %.3f, %d rounds", v, a, o, len(r.rows["rounds"]))
	}
}
