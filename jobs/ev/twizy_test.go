package ev_test

import (
	"os"
	"testing"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/jobs/ev"
	"github.com/idag/idag/planner"
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

// TestTwizy proves that real recordings are learned from: three nodes, bad rows counted as
// dead letters, a model that beats guessing; and that plans and batches make no difference.
func TestTwizy(t *testing.T) {
	r := recorded(t, nil, nil)
	nodes := map[any]bool{}
	for _, row := range r.rows["nodes"] {
		nodes[row.Values["node"]] = true
	}
	accuracy, often := weighed(r)
	t.Logf("%d rounds, accuracy %.3f, the more frequent class %.3f, %d dead letters", len(r.rows["rounds"]), accuracy, often, r.dead)
	if !nodes["T1"] || !nodes["T2"] || !nodes["T3"] || len(nodes) != 3 || len(r.rows["rounds"]) < 50 || r.dead != 161 {
		t.Errorf("nodes %v, %d rounds, %d dead letters", nodes, len(r.rows["rounds"]), r.dead)
	}
	if accuracy < often+0.1 {
		t.Errorf("accuracy %.3f, the more frequent class has %.3f", accuracy, often)
	}
	linear := recorded(t, nil, func(_ *rdd.Job, c *engine.Config) { c.Mode, c.Executors = planner.Masked, 2 })
	if linear.checksum != r.checksum {
		t.Errorf("checksum %s, in the linear plan %s", r.checksum, linear.checksum)
	}
	cut := recorded(t, nil, func(j *rdd.Job, _ *engine.Config) { j.Settings.BatchRows = 3000 })
	if cut.rounds() != r.rounds() {
		t.Error("smaller batches come to other rounds")
	}
}
