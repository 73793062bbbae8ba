package engine_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/engine/cluster/town"
	"github.com/idag/idag/internal/engine/part"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/ledger"
	"github.com/idag/idag/internal/twin"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// TestInvariantOnCluster is the invariant on executors that share nothing with the
// driver but tables and sinks: every plan gives the rows and the dead letters of the
// twin there, and the checksum of one process where the ledger cuts alike.
func TestInvariantOnCluster(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := twin.Draw(t, hashOf)
		mode := modes()[rapid.IntRange(0, 3).Draw(t, "mode")]
		executors := rapid.IntRange(1, 4).Draw(t, "executors")
		local, cuts, err := check(c, mode, executors)
		if err != nil {
			t.Fatalf("%s plan on %d executors: %v\n%s\n%s", mode, executors, err, jobfile.Format(c.Job), c)
		}
		sum, cutsToo, err := checkOnTown(c, mode, executors, rapid.SampledFrom([]int64{0, 1, 500}).Draw(t, "memory"), nil, nil)
		if err != nil {
			t.Fatalf("%s plan on a cluster of %d: %v\n%s\n%s", mode, executors, err, jobfile.Format(c.Job), c)
		}
		if cuts == cutsToo && sum != local {
			t.Fatalf("%s plan on a cluster of %d: the same ledger, but checksum %s instead of %s\n%s\n%s", mode, executors, sum, local, jobfile.Format(c.Job), c)
		}
	})
}

// checkOnTown is check on a cluster; harm, if not nil, returns who is told of calls
// before they arrive, and settled is called before the cluster ends.
func checkOnTown(c *twin.Case, mode planner.Mode, executors int, bytes int64, harm func(*town.Town) func(name, call string), settled func()) (sum, cuts string, err error) {
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	store, book := memory.NewStore(mem), new(ledger.Memory)
	return checkBy(c, engine.Config{Mode: mode, Mem: mem, Keep: book}, book, mem, store,
		func(ctx context.Context, job *rdd.Job, cfg engine.Config) (s engine.Summary, err error) {
			there := *job
			there.Dead = rdd.DeadLetters{Connector: "memory", Options: rdd.Options{"name": "dead letters"}}
			all := town.New(executors, cluster.ExecutorConfig{Kinds: cfg.Kinds, Functions: twin.Functions(), Mem: mem, Memory: bytes})
			if harm != nil {
				all.Before(harm(all))
			}
			cfg.Connect, cfg.Dead = all.Connect, nil
			s, err = engine.Run(ctx, &there, cfg)
			if settled != nil {
				settled()
			}
			if open := all.Open(); err == nil && harm == nil && len(open) > 0 {
				err = fmt.Errorf("the run is still open on %v", open)
			}
			if e := all.Close(); err == nil {
				err = e
			}
			return s, err
		})
}

// TestJobsTravel proves that a job comes to the same plan where it is compiled from
// what has travelled, whatever job it is, in every plan.
func TestJobsTravel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := twin.Draw(t, hashOf)
		mem := arrowmem.NewGoAllocator()
		store := memory.NewStore(mem)
		defer store.Release()
		if err := putInputs(c, mem, store); err != nil {
			t.Fatal(err)
		}
		reg := connectors.NewRegistry(store.Kind(), broadcast.Kind())
		mode := modes()[rapid.IntRange(0, 3).Draw(t, "mode")]
		plan, err := engine.Compile(context.Background(), c.Job, engine.Config{Mode: mode, Kinds: reg})
		if err != nil {
			t.Fatal(err)
		}
		travels(t, plan, reg)
	})
}

// travels checks a plan whose job is packed, unpacked and compiled.
func travels(t interface {
	Helper()
	Fatalf(string, ...any)
}, plan *planner.Plan, reg connectors.Registry) {
	t.Helper()
	var o wire.Opening
	if err := part.Pack(plan.Job, &o); err != nil {
		t.Fatalf("%v", err)
	}
	text := o.Job
	job, err := part.Unpack(o, reg, plan.Job.Functions)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	again, err := planner.Compile(job, plan.Mode)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if again.Digest != plan.Digest || again.Job.Settings != plan.Job.Settings || strings.Join(again.Job.Schedule, ",") != strings.Join(plan.Job.Schedule, ",") {
		t.Fatalf("digest %s became %s, settings %+v became %+v, schedule %v became %v\n%s", plan.Digest, again.Digest,
			plan.Job.Settings, again.Job.Settings, plan.Job.Schedule, again.Job.Schedule, text)
	}
	for i, d := range plan.Job.Datasets() {
		there := again.Job.Datasets()[i]
		if there.At("") != d.At("") || !maps.Equal(there.Marks(), d.Marks()) {
			t.Fatalf("dataset %d was written at %s %v, and came from %s %v\n%s", i, d.At(""), d.Marks(), there.At(""), there.Marks(), text)
		}
	}
}

// harmful is a cluster on which executors die, are started anew, are cut off, and
// leave, at the calls that were drawn.
type harmful struct {
	town  *town.Town
	mu    sync.Mutex
	calls int
	at    map[int]harm
	done  map[string]int
	jobs  sync.WaitGroup
}

// harm is what happens at a call.
type harm struct{ what, who string }

func (h *harmful) before(_, call string) {
	if call != "run" && call != "block" {
		return
	}
	h.mu.Lock()
	h.calls++
	next, ok := h.at[h.calls]
	if ok {
		h.done[next.what]++
	}
	h.mu.Unlock()
	if !ok {
		return
	}
	h.jobs.Go(func() {
		switch next.what {
		case "kill": // and start anew, before anybody has noticed perhaps
			_ = h.town.Kill(next.who)
			h.town.Start(next.who)
		case "die": // for a while
			_ = h.town.Kill(next.who)
			time.Sleep(300 * time.Millisecond)
			h.town.Start(next.who)
		case "cut":
			h.town.Cut(next.who, true)
			time.Sleep(100 * time.Millisecond)
			h.town.Cut(next.who, false)
		case "cut for long":
			h.town.Cut(next.who, true)
			time.Sleep(1500 * time.Millisecond)
			h.town.Cut(next.who, false)
		}
	})
}

// TestInvariantOnHarmedCluster is the invariant while executors die, come back with
// nothing, and are cut off: the rows stay the same, and no memory is left.
func TestInvariantOnHarmedCluster(t *testing.T) {
	met := map[string]int{}
	kinds := []string{"kill", "die", "cut", "cut for long"}
	enough := func() bool {
		return !slices.ContainsFunc(kinds, func(k string) bool { return met[k] == 0 })
	}
	drawUntil(t, enough, func(t *rapid.T) {
		if rapid.IntRange(0, 3).Draw(t, "one of four") > 0 { // harm takes time
			return
		}
		c := twin.Draw(t, hashOf)
		mode := modes()[rapid.IntRange(0, 3).Draw(t, "mode")]
		h := &harmful{at: map[int]harm{}, done: map[string]int{}}
		for range rapid.IntRange(1, 3).Draw(t, "harms") {
			h.at[rapid.IntRange(1, 20).Draw(t, "at call")] = harm{rapid.SampledFrom(kinds).Draw(t, "harm"), rapid.SampledFrom([]string{"e1", "e2", "e3"}).Draw(t, "executor")}
		}
		_, _, err := checkOnTown(c, mode, 3, 500, func(all *town.Town) func(string, string) {
			h.town = all
			return h.before
		}, h.jobs.Wait)
		if err != nil {
			t.Fatalf("%s plan, %v: %v\n%s\n%s", mode, h.at, err, jobfile.Format(c.Job), c)
		}
		for k, n := range h.done {
			met[k] += n
		}
	})
	t.Logf("harm: %v", met)
}
