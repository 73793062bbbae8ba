package engine_test

import (
	"testing"
	"time"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/driver"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/ledger"
	"github.com/idag/idag/internal/twin"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// cachedRows is how many rows a run took from the cache.
func cachedRows(s engine.Summary) (n int64) {
	for _, ops := range s.Bypassed["cached"] {
		for _, rows := range ops {
			n += rows
		}
	}
	return n
}

// fits compares what a run gave with the twin.
func fits(c *twin.Case, book driver.Ledger, got *twin.Result) error {
	batches, err := batchesOf(c, book)
	if err != nil {
		return err
	}
	want, err := twin.Run(c.Job, batches, hashOf)
	if err != nil {
		return err
	}
	return twin.Compare(got, want)
}

// otherRun is a job of which other rows are late, by other watermarks, or other sinks are
// wanted, so that other rows are pruned: at least in half of the cases each.
func otherRun(t *rapid.T, job *rdd.Job) *rdd.Job {
	set := job.Settings
	if rapid.Bool().Draw(t, "other times") {
		set.Lateness = rapid.SampledFrom([]time.Duration{0, time.Minute, time.Hour, 48 * time.Hour}).Draw(t, "lateness")
		set.InFlight = rapid.IntRange(1, 3).Draw(t, "in flight")
		set.BatchRows = rapid.Int64Range(1, 50).Draw(t, "batch rows")
	}
	other := job.With(set)
	if outputs := job.Outputs(); len(outputs) > 1 && rapid.Bool().Draw(t, "other sinks") {
		other.Schedule = []string{rapid.SampledFrom(outputs).Draw(t, "scheduled")}
	}
	return other
}

// TestCachedRuns: runs that share a cache give the rows of the twin, whichever of
// them filled it, whatever fits into it, in whichever plan, and whatever is late or
// wanted in one of them; what the cache holds stays within its budget, and nothing is left when
// it is closed.
func TestCachedRuns(t *testing.T) {
	hits := int64(0)
	drawUntil(t, func() bool { return hits > 0 }, func(t *rapid.T) {
		c := twin.Draw(t, hashOf)
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		store := memory.NewStore(mem)
		budget := rapid.SampledFrom([]int64{1, 2000, 1 << 30}).Draw(t, "budget")
		cache := executor.NewCache(budget, mem)
		if err := putInputs(c, mem, store); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			mode := modes()[rapid.IntRange(0, 3).Draw(t, "mode")]
			book := new(ledger.Memory)
			out := memory.NewStore(mem)
			c := *c
			c.Job = otherRun(t, c.Job)
			got, s, err := runInto(&c, engine.Config{Mode: mode, Executors: 2, Mem: mem, Keep: book, Cache: cache}, store.Kind(), out, engine.Run)
			out.Release()
			if err == nil {
				err = fits(&c, book, got)
			}
			if err != nil {
				t.Fatalf("%s plan: %v\n%s\n%s", mode, err, jobfile.Format(c.Job), &c)
			}
			hits += cachedRows(s)
			if n := s.RowsTagged + s.RowsPruned + atEntry(s); n != s.RowsIn {
				t.Fatalf("%s plan: rows in %d, accounted for %d", mode, s.RowsIn, n)
			}
			if cache.Bytes() > budget {
				t.Fatalf("%d bytes of %d", cache.Bytes(), budget)
			}
		}
		cache.Close()
		store.Release()
		if left := mem.CurrentAlloc(); left != 0 {
			t.Fatalf("%d bytes of Arrow memory were not released\n%s", left, jobfile.Format(c.Job))
		}
	})
	if hits == 0 {
		t.Error("no row came from the cache in the whole run")
	}
}
