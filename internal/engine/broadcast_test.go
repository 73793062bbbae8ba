package engine_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

const (
	bcError rdd.LabelSet = 1 << iota
	bcBackup
	bcInformation
	bcHourly
)

// running sums hour by hour: what all hours up to one came to, of what all hours up to
// the one before came to, which the job reads of itself.
func running(sets rdd.Settings) *rdd.Job {
	number := []fn.Column{{Name: "total", Type: arrow.PrimitiveTypes.Int64}, {Name: "name", Type: arrow.BinaryTypes.String}}
	hours := rdd.From("generate", rdd.Options{"events": "meter", "rows": int64(20_000), "partitions": int64(3), "span": 2 * 24 * time.Hour}).
		Tag(rdd.Tag{Column: "kind", Time: "ts"}).
		Broadcast(rdd.Broadcast{For: bcError, Of: "totals", Columns: number}).
		Map(bcError, "seen", "coalesce(total, 0)").
		Window(rdd.Tumbling("ts", time.Hour)).
		Reduce(rdd.Reduce{From: bcError | bcInformation, As: bcHourly, By: []string{rdd.WindowStart}, Get: []rdd.Assign{{Column: "n", Expr: "count()"}}}).
		Broadcast(rdd.Broadcast{For: bcHourly, Of: "totals", Columns: number}).
		Map(bcHourly, "before", "total", "total", "coalesce(total, 0) + n", "name", "concat(coalesce(name, ''), '.')").
		Named("hours")
	job := rdd.NewJob("running", []string{"error", "backup", "information", "hourly"},
		hours.Write(rdd.Write{From: bcHourly, Connector: "memory", Options: rdd.Options{"name": "hours"}}),
		hours.Write(rdd.Write{From: bcHourly, Connector: "broadcast", Options: rdd.Options{"name": "totals"}, Columns: []string{rdd.WindowStart, "total", "name"}}))
	job.Settings = sets
	return job
}

// Every hour goes on from what the hour before came to, whatever the plan, the size of a
// batch and the number of executors.
func TestBroadcast(t *testing.T) {
	var first string
	for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged} {
		for _, rows := range []int64{300, 100_000} {
			for _, executors := range []int{1, 3} {
				name := fmt.Sprintf("%s plan, batches of %d, %d executors", mode, rows, executors)
				mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
				store := memory.NewStore(mem)
				s, err := engine.Run(context.Background(), running(rdd.Settings{BatchRows: rows, InFlight: 1}),
					engine.Config{Mode: mode, Executors: executors, Mem: mem, Kinds: kinds().With(store.Kind(), broadcast.Kind())})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				checkRunning(t, name, store.Rows("hours"))
				if first == "" {
					first = s.Checksum
				}
				if s.Checksum != first {
					t.Errorf("%s: checksum %s, others have %s", name, s.Checksum, first)
				}
				store.Release()
				mem.AssertSize(t, 0)
			}
		}
	}
}

// checkRunning checks that the rows are a running sum over hours.
func checkRunning(t *testing.T, name string, rows []memory.Row) {
	t.Helper()
	start := func(r memory.Row) int64 { at, _ := r.Values[rdd.WindowStart].(arrow.Timestamp); return int64(at) }
	slices.SortFunc(rows, func(a, b memory.Row) int { return cmp.Compare(start(a), start(b)) })
	if len(rows) < 48 {
		t.Fatalf("%s: %d hours", name, len(rows))
	}
	total := int64(0)
	for i, r := range rows {
		before, _ := r.Values["before"].(int64)
		n, _ := r.Values["n"].(int64)
		text, _ := r.Values["name"].(string)
		if before != total || r.Values["total"] != total+n || len(text) != i+1 || i > 0 && r.Values["before"] == nil {
			t.Fatalf("%s: hour %d: %v before, %v now, %q; %d before and %d in it", name, i, r.Values["before"], r.Values["total"], text, total, n)
		}
		total += n
	}
}
