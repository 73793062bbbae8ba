package idag

import (
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/engine/cluster/processes"
	"github.com/idag/idag/planner"
)

// playsExecutor is what this program works with as an executor.
func playsExecutor(string) cluster.ExecutorConfig {
	return cluster.ExecutorConfig{Kinds: Kinds(), Functions: Functions()}
}

// threeProcesses starts three executors, e1 to e3, which end with the test.
func threeProcesses(t *testing.T) *processes.Cluster {
	t.Helper()
	c, err := processes.Start("e1", "e2", "e3")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// TestThreeProcesses proves that the jobs that ship come to the same on three
// processes as in one.
func TestThreeProcesses(t *testing.T) {
	p := threeProcesses(t)
	for _, j := range Jobs() {
		t.Run(j.Name, func(t *testing.T) {
			vars := map[string]string{}
			switch j.Name {
			case "meter":
				vars["path"] = filepath.Join(t.TempDir(), "events")
				call(t, "generate", "--rows", "30000", "--out", vars["path"])
			case "ev":
				vars["trips"], vars["central"] = "2", "on"
			case "ev-recorded":
				vars["path"] = filepath.Join(t.TempDir(), "fleet")
				call(t, "generate", "--set", "events=ev-fleet", "--set", "topics=electric_car_data", "--out", vars["path"])
			default:
				vars["data"] = recording(t, "")
			}
			for _, mode := range []planner.Mode{planner.IDAG, planner.Masked} {
				want := ran(t, j, vars, Config{Mode: mode, Executors: 3})
				got := ran(t, j, vars, Config{Mode: mode, Connect: p.Connect})
				sameRun(t, got, want)
			}
		})
	}
}

// ran runs a shipped job into a directory of its own.
func ran(t *testing.T, j Job, vars map[string]string, cfg Config) Summary {
	t.Helper()
	set := map[string]string{"out": t.TempDir()}
	for k, v := range vars {
		set[k] = v
	}
	job, err := j.Build(set)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Kinds, cfg.Ledger, cfg.DeadLetters = Kinds(), t.TempDir(), t.TempDir()
	s, err := Local(t.Context(), job, cfg)
	if err != nil {
		t.Fatalf("%s: %v", j.Name, err)
	}
	return s
}

// sameRun compares what two runs of a job came to.
func sameRun(t *testing.T, got, want Summary) {
	t.Helper()
	if got.Checksum != want.Checksum || got.RowsIn != want.RowsIn || got.RowsOut != want.RowsOut || got.DeadLetters != want.DeadLetters || got.RowsIn == 0 {
		t.Errorf("%d rows in, %d out with checksum %s, %d dead; in one process %d, %d with %s, %d",
			got.RowsIn, got.RowsOut, got.Checksum, got.DeadLetters, want.RowsIn, want.RowsOut, want.Checksum, want.DeadLetters)
	}
}

// TestKilledExecutor proves that a job of which one of three executors is killed in
// the middle comes to the same rows as in one process, by their checksum: also one whose
// models are trained in rounds, each from the one before. TestKills reads what such a job has
// written.
func TestKilledExecutor(t *testing.T) {
	events := filepath.Join(t.TempDir(), "events")
	call(t, "generate", "--rows", "200000", "--out", events)
	for _, c := range []struct {
		job   string
		vars  map[string]string
		rows  int64 // of a batch
		after int64 // batches
	}{
		{"meter", map[string]string{"path": events}, 10_000, 4},
		{"ev", map[string]string{"trips": "2"}, 400, 20},
	} {
		t.Run(c.job, func(t *testing.T) {
			job := Jobs()[slices.IndexFunc(Jobs(), func(j Job) bool { return j.Name == c.job })]
			small := func(cfg Config) Summary {
				t.Helper()
				c.vars["out"] = t.TempDir()
				made, err := job.Build(c.vars)
				if err != nil {
					t.Fatal(err)
				}
				set := made.Settings
				set.BatchRows, set.CheckpointEvery = c.rows, 200*time.Millisecond
				cfg.Kinds, cfg.Ledger = Kinds(), t.TempDir()
				s, err := Local(t.Context(), made.With(set), cfg)
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			want := small(Config{Executors: 3})
			p := threeProcesses(t)
			var once sync.Once
			killed := errors.New("nobody was killed")
			got := small(Config{Connect: p.Connect, Observe: func(g engine.Progress) {
				if g.Note != "" {
					t.Log(g.Note)
				}
				if g.Committed && int64(g.Batch) >= c.after {
					once.Do(func() { killed = p.Kill("e2") })
				}
			}})
			sameRun(t, got, want)
			if killed != nil {
				t.Error(killed)
			}
		})
	}
}
