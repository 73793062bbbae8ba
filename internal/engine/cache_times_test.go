package engine_test

import (
	"fmt"
	"slices"
	"testing"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/driver"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/ledger"
	"github.com/idag/idag/internal/twin"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// TestCachedTimes: rows from a cache move the watermark as they did when they were read: a
// run that finds all in the cache plans the batches of the one that filled it. (What is
// late by a watermark follows from the ledger, so that no comparison with the twin
// would tell.)
func TestCachedTimes(t *testing.T) {
	hits := int64(0)
	drawUntil(t, func() bool { return hits > 0 }, func(t *rapid.T) {
		c := twin.Draw(t, hashOf)
		if !slices.ContainsFunc(c.Job.Datasets(), func(d *rdd.Dataset) bool { return d.Op().Kind() == "cache" }) {
			return
		}
		mem := arrowmem.NewGoAllocator()
		store := memory.NewStore(mem)
		defer store.Release()
		if err := putInputs(c, mem, store); err != nil {
			t.Fatal(err)
		}
		cache := executor.NewCache(1<<30, mem)
		defer cache.Close()
		mode := modes()[rapid.IntRange(0, 3).Draw(t, "mode")]
		var first []string
		for range 2 {
			book, out := new(ledger.Memory), memory.NewStore(mem)
			_, s, err := runInto(c, engine.Config{Mode: mode, Executors: 2, Mem: mem, Keep: book, Cache: cache}, store.Kind(), out, engine.Run)
			out.Release()
			if err != nil {
				t.Fatalf("%s plan: %v\n%s\n%s", mode, err, jobfile.Format(c.Job), c)
			}
			var marks []string
			for e, err := range book.Replay(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if p, ok := e.(driver.Planned); ok {
					marks = append(marks, fmt.Sprint(len(p.Splits), " splits up to ", p.Watermark))
				}
			}
			if first == nil {
				first = marks
			} else if hits += cachedRows(s); !slices.Equal(marks, first) {
				t.Fatalf("%s plan: from the cache %v, and %v when it was read\n%s\n%s", mode, marks, first, jobfile.Format(c.Job), c)
			}
		}
	})
	if hits == 0 {
		t.Error("no row came from the cache")
	}
}

// TestShownResults: what events are shown of the job's own results is that of the run in
// which they are shown, though a Cache stands behind and runs share it. Each random job that
// reads its own results reads a source once more, to show them to all events; what was known
// of a column that is set by it says nothing of what a filter behind it makes of them.
func TestShownResults(t *testing.T) {
	shown := 0
	drawUntil(t, func() bool { return shown > 0 }, func(t *rapid.T) {
		c := twin.Draw(t, hashOf)
		sets := c.Job.Datasets()
		at := slices.IndexFunc(sets, func(d *rdd.Dataset) bool { return d.Op().Kind() == "broadcast" })
		if at < 0 {
			return
		}
		mem := arrowmem.NewGoAllocator()
		store := memory.NewStore(mem)
		defer store.Release()
		if err := putInputs(c, mem, store); err != nil {
			t.Fatal(err)
		}
		op, _ := sets[at].Op().(rdd.Broadcast)
		op.For = 0
		tag := slices.IndexFunc(sets, func(d *rdd.Dataset) bool { return d.Op().Kind() == "tag" })
		again := sets[tag].With(sets[tag].Op(), sets[tag].Parents()[0].With(sets[tag].Parents()[0].Op()))
		read, _ := sets[tag].Parents()[0].Op().(rdd.Read)
		column := op.Columns[0].Name
		where := (&expr.Column{Name: column}).String() + rapid.SampledFrom([]string{" IS NOT NULL", " IS NULL"}).Draw(t, "where") + " AND t0 IS NOT NULL" // of t0 bounds are known
		job := *c.Job
		job.Sinks = append(slices.Clone(job.Sinks), again.Broadcast(op).Cache().Filter(0, where).Write(rdd.Write{Connector: "memory", Options: rdd.Options{"name": "shown"}}).Named("shown"))
		job.Schedule = nil
		c.Job, c.Inputs = &job, append(slices.Clone(c.Inputs), c.Inputs[slices.IndexFunc(c.Inputs, func(in twin.Input) bool { return in.Name == read.Options["name"] })])
		cache := executor.NewCache(1<<30, mem)
		defer cache.Close()
		for range 2 {
			c := *c
			c.Job = otherRun(t, c.Job)
			book, out := new(ledger.Memory), memory.NewStore(mem)
			got, _, err := runInto(&c, engine.Config{Executors: 2, Mem: mem, Keep: book, Cache: cache}, store.Kind(), out, engine.Run)
			out.Release()
			if err == nil {
				err = fits(&c, book, got)
			}
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, jobfile.Format(c.Job), &c)
			}
			for _, r := range got.Sinks[len(got.Sinks)-1] {
				if r.Values[column] != nil {
					shown++
				}
			}
		}
	})
	if shown == 0 {
		t.Error("no event was shown a result")
	}
}
