package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/ledger"
	"github.com/idag/idag/internal/twin"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// interrupted runs a job that is stopped in order, or aborted where it is, a few
// times after some batches, each time with another number of executors, and goes
// on until it has come to the end of its input.
func interrupted(t *rapid.T, met map[string]int) runner {
	return func(ctx context.Context, job *rdd.Job, cfg engine.Config) (engine.Summary, error) {
		for left := rapid.IntRange(1, 4).Draw(t, "interruptions"); ; left-- {
			here, abort := context.WithCancel(ctx)
			stop, stopped := make(chan struct{}), false
			after, orderly := rapid.IntRange(1, 3).Draw(t, "batches"), rapid.Bool().Draw(t, "orderly")
			cfg.Executors, cfg.Stop = rapid.IntRange(1, 4).Draw(t, "executors"), stop
			cfg.Observe = func(p engine.Progress) {
				if p.Committed {
					after--
				}
				if after > 0 || left <= 0 || stopped {
					return
				}
				stopped = true
				if orderly {
					close(stop)
				} else {
					abort()
				}
			}
			if entries, err := os.ReadDir(cfg.Ledger + "/state"); err == nil && len(entries) > 0 {
				met["with a checkpoint"]++
			}
			s, err := engine.Run(here, job, cfg)
			abort()
			switch {
			case err != nil && !errors.Is(err, context.Canceled):
				return s, err
			case err == nil && len(s.Stopped) == 0:
				met["ended"]++
				return s, nil
			case err == nil:
				met["stopped"]++
			default:
				met["aborted"]++
			}
		}
	}
}

// TestInterrupted proves that a run that is interrupted at any batch and taken up,
// also by another number of executors, gives the rows, the dead letters and the
// counts that the twin gives for its ledger.
func TestInterrupted(t *testing.T) {
	met, left := map[string]int{}, 150                                   // as many draws are enough here
	wanted := []string{"aborted", "with a checkpoint", "join", "reduce"} // few have batches enough to be stopped in order
	enough := func() bool { return !slices.ContainsFunc(wanted, func(w string) bool { return met[w] == 0 }) }
	home := t.TempDir()
	drawUntil(t, enough, func(t *rapid.T) {
		if left--; left < 0 && enough() {
			return
		}
		c := twin.Draw(t, hashOf)
		set := c.Job.Settings
		set.CheckpointEvery = 1
		c.Job = c.Job.With(set)
		dir := filepath.Join(home, fmt.Sprint(left))
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		book, store := new(ledger.Memory), memory.NewStore(mem)
		mode := modes()[rapid.IntRange(0, 3).Draw(t, "mode")]
		cfg := engine.Config{Mode: mode, Mem: mem, Keep: book, Ledger: dir}
		for _, d := range c.Job.Datasets() {
			met[d.Op().Kind()]++
		}
		if _, _, err := checkBy(c, cfg, book, mem, store, interrupted(t, met)); err != nil {
			t.Fatalf("%s plan: %v\n%s\n%s", mode, err, jobfile.Format(c.Job), c)
		}
	})
	t.Log(met)
	for _, what := range wanted {
		if met[what] == 0 {
			t.Errorf("no run was, or had a, %s", what)
		}
	}
}
