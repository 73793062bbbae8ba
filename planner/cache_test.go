package planner_test

import (
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// TestWhatIsCached: rows are cached where what they are depends on their split alone, and
// where they are all that comes of it; a Cache behind anything else is without effect, in
// every plan. (In the staged one maps are in stages of their own, and hardly anything is.)
func TestWhatIsCached(t *testing.T) {
	tagged := func() *rdd.Dataset { return read().Tag(byKind()) }
	hours := read().Tag(byKind()).Window(rdd.Tumbling("ts", time.Hour)).
		Reduce(rdd.Reduce{From: Info, As: Sums, By: []string{rdd.WindowStart}, Get: set("total", "sum(wh)")})
	last := hours.Write(rdd.Write{From: Sums, Connector: "broadcast", Options: rdd.Options{"name": "last"}})
	total := rdd.Broadcast{For: Err, Of: "last", Columns: []fn.Column{{Name: "total", Type: arrow.PrimitiveTypes.Float64}}}
	one := tagged().Map(Err, "code", "code + 1")
	for _, c := range []struct {
		name string
		job  *rdd.Job
		want bool
	}{
		{"a map and a filter", jobOf(tagged().Map(Err, "code", "code + 1").Filter(Info, "wh > 0").Cache()), true},
		{"nothing", jobOf(tagged().Cache()), true},
		{"a window: what is late leaves there", jobOf(tagged().Window(rdd.Tumbling("ts", time.Hour)).Cache()), false},
		{"a window, and a map behind it", jobOf(tagged().Window(rdd.Tumbling("ts", time.Hour)).Map(Err, "code", "code + 1").Cache()), false},
		{"a window behind the cache", jobOf(tagged().Cache().Window(rdd.Tumbling("ts", time.Hour))), true},
		{"the job's own last result", withSink(jobOf(tagged().Broadcast(total).Cache()), last), false},
		{"the job's own last result behind the cache", withSink(jobOf(tagged().Cache().Broadcast(total)), last), true},
		{"strict", jobOf(tagged().Map(Err, "n", "strict(CAST(meter AS bigint))").Cache()), false},
		{"the time of the batch", jobOf(tagged().Map(Err, "at", "now()").Cache()), false},
		{"rows that also go another way", jobOf(one.Cache(), one.Filter(Err, "code > 1")), false},
		{"a shuffle", jobOf(tagged().Shuffle(rdd.Shuffle{Keys: []string{"meter"}}).Cache()), false},
	} {
		for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection} {
			got := false
			eachNode(compile(t, c.job, mode), func(n *physical.Node) { got = got || n.Cache != "" })
			if got != c.want {
				t.Errorf("behind %s, %s plan: cached %t, want %t", c.name, mode, got, c.want)
			}
		}
	}
}

func withSink(job *rdd.Job, sink *rdd.Dataset) *rdd.Job {
	job.Sinks = append(job.Sinks, sink)
	return job
}
