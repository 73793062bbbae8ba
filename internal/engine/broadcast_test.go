package engine_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/ledger"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
	"pgregory.net/rapid"
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

// A job ends however far off some events are: of the hours since 1970, or up to the end of
// time, those without rows take no batch. What is late or not, nobody is asked here: all
// come at once.
func TestBroadcastOverGaps(t *testing.T) {
	for _, flight := range []int{1, 3} {
		for _, lateness := range []time.Duration{0, 150 * time.Minute, 1000 * time.Hour} {
			last := int64(math.MaxInt64)
			if lateness > 0 {
				last = 1_704_078_000_000_000 // and the windows before are held back to the end
			}
			mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
			store := memory.NewStore(mem)
			b := array.NewRecordBuilder(mem, arrow.NewSchema([]arrow.Field{{Name: "ts", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true}}, nil))
			for _, at := range []int64{0, 1_704_067_200_000_000, 1_704_067_300_000_000, 1_704_070_800_000_000, 1_704_072_000_000_000, 1_704_074_400_000_000, last} {
				b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(at))
			}
			rec := b.NewRecordBatch()
			b.Release()
			if err := store.Put("events", []arrow.RecordBatch{rec}); err != nil {
				t.Fatal(err)
			}
			rec.Release()
			job := chained(rdd.From("memory", rdd.Options{"name": "events"}).Tag(rdd.Tag{Otherwise: bcInformation, Time: "ts"}))
			job.Settings = rdd.Settings{InFlight: flight, Lateness: lateness}
			s, err := engine.Run(t.Context(), job, engine.Config{Mem: mem, Kinds: kinds().With(store.Kind(), broadcast.Kind())})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range store.Rows("hours") {
				got = append(got, fmt.Sprint(r.Values["before"], "+", r.Values["n"]))
			}
			want := []string{"<nil>+1", "1+2", "3+2", "5+1", "6+1"}
			if flight == 3 {
				want = got // of earlier windows
			}
			if !slices.Equal(got, want) || len(got) != 5 || s.Batches > 40 {
				t.Errorf("%d in flight, lateness %s: %v in %d batches", flight, lateness, got, s.Batches)
			}
			store.Release()
			mem.AssertSize(t, 0)
		}
	}
}

// chained sums hour by hour, as running does, over events.
func chained(events *rdd.Dataset) *rdd.Job {
	total := []fn.Column{{Name: "total", Type: arrow.PrimitiveTypes.Int64}}
	hours := events.Window(rdd.Tumbling("ts", time.Hour)).
		Reduce(rdd.Reduce{From: bcInformation, As: bcHourly, By: []string{rdd.WindowStart}, Get: []rdd.Assign{{Column: "n", Expr: "count()"}}}).
		Broadcast(rdd.Broadcast{For: bcHourly, Of: "totals", Columns: total}).
		Map(bcHourly, "before", "total", "total", "coalesce(total, 0) + n")
	return rdd.NewJob("chained", []string{"error", "backup", "information", "hourly"},
		hours.Write(rdd.Write{From: bcHourly, Connector: "memory", Options: rdd.Options{"name": "hours"}}),
		hours.Write(rdd.Write{From: bcHourly, Connector: "broadcast", Options: rdd.Options{"name": "totals"}}))
}

// Every hour goes on from what the hour before came to also if the run is stopped, or
// aborted, between them, and taken up by others, from a checkpoint or from the beginning.
func TestBroadcastInterrupted(t *testing.T) {
	met, home, n := map[string]int{}, t.TempDir(), 0
	wanted := []string{"aborted", "stopped", "with a checkpoint"}
	enough := func() bool {
		return n >= 20 && !slices.ContainsFunc(wanted, func(w string) bool { return met[w] == 0 })
	}
	drawUntil(t, enough, func(rt *rapid.T) {
		if n++; n > 20 && enough() {
			return
		}
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		store := memory.NewStore(mem)
		set := rdd.Settings{BatchRows: rapid.Int64Range(100, 5000).Draw(rt, "batch rows"), InFlight: 1,
			CheckpointEvery: rapid.SampledFrom([]time.Duration{1, time.Hour}).Draw(rt, "checkpoints"), Lateness: rapid.SampledFrom([]time.Duration{0, 3 * time.Hour}).Draw(rt, "lateness")}
		mode := modes()[rapid.IntRange(0, 3).Draw(rt, "mode")]
		_, err := interrupted(rt, met)(t.Context(), running(set), engine.Config{Mode: mode, Mem: mem, Keep: new(ledger.Memory), Ledger: filepath.Join(home, fmt.Sprint(n)),
			Kinds: kinds().With(store.Kind(), broadcast.Kind())})
		if err != nil {
			rt.Fatalf("%s plan: %v", mode, err)
		}
		checkRunning(t, fmt.Sprintf("%s plan", mode), store.Rows("hours"))
		store.Release()
		mem.AssertSize(t, 0)
	})
	if t.Log(met); !enough() {
		t.Error("too few to prove anything")
	}
}

// A run that was stopped or aborted goes on as it would have gone on: with the batches that
// a run has which nobody interrupts, also where these read nothing.
func TestBroadcastGoesOnAlike(t *testing.T) {
	for _, flight := range []int{1, 2} {
		for _, every := range []time.Duration{1, time.Hour} {
			set := rdd.Settings{BatchRows: 4000, InFlight: flight, CheckpointEvery: every}
			want := batchesWith(t, set, 0, true)
			for at := 1; at < len(want)-1; at += 7 {
				orderly := at%2 == 0
				if got := batchesWith(t, set, at, orderly); !slices.Equal(got, want) {
					t.Errorf("%d in flight, interrupted after batch %d (in order: %t), checkpoints every %s:\n%v\ninstead of\n%v", flight, at, orderly, every, got, want)
				}
			}
		}
	}
}

// batchesWith runs the job of running, interrupts it once after as many batches, and returns
// what its ledger says that batches read, and their watermarks.
func batchesWith(t *testing.T, set rdd.Settings, after int, orderly bool) (out []string) {
	t.Helper()
	book, store, dir := new(ledger.Memory), memory.NewStore(nil), t.TempDir()
	defer store.Release()
	for left := after; ; left = 0 {
		ctx, abort := context.WithCancel(t.Context())
		stop := make(chan struct{})
		cfg := engine.Config{Executors: 2, Keep: book, Ledger: dir, Stop: stop, Kinds: kinds().With(store.Kind(), broadcast.Kind()), Observe: func(p engine.Progress) {
			if p.Committed {
				left--
			}
			switch {
			case left != 0 || after == 0 || !p.Committed:
			case orderly:
				close(stop)
			default:
				abort()
			}
		}}
		s, err := engine.Run(ctx, running(set), cfg)
		abort()
		switch {
		case err != nil && !errors.Is(err, context.Canceled):
			t.Fatal(err)
		case err != nil || len(s.Stopped) > 0:
			continue
		}
		for e, err := range book.Replay(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if p, ok := e.(driver.Planned); ok {
				out = append(out, fmt.Sprint(p.Batch, " reads ", len(p.Splits), " up to ", p.Watermark, " ", p.Final))
			}
		}
		return out
	}
}
