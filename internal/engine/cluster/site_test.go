package cluster_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner/work"
)

// counting counts the tasks of an executor that read.
type counting struct {
	wire.Executor
	read atomic.Int64
}

func (c *counting) Run(ctx context.Context, run wire.RunID, t work.Task) (work.Receipt, error) {
	if len(t.Splits) > 0 {
		c.read.Add(1)
	}
	return c.Executor.Run(ctx, run, t)
}

// TestSite: a source that names a site is read by the executors there, and the job comes to
// the same. With none there others read it, and the job says so.
func TestSite(t *testing.T) {
	want, err := engine.Run(t.Context(), parsed(t, sums, map[string]string{"to": t.TempDir()}), engine.Config{Executors: 2, Kinds: kinds(), DeadLetters: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for site, there := range map[string]bool{"edge": true, "moon": false} {
		counts := map[string]*counting{}
		connect := served(t, func(m *gossip.Member, x *wire.ServerConfig) {
			m.Site = map[string]string{"e1": "edge", "e2": "centre"}[m.Name]
			counts[m.Name] = &counting{Executor: x.Executor}
			x.Executor = counts[m.Name]
		})
		var notes atomic.Int64
		src := strings.Replace(sums, "meters: 100}}", "meters: 100}, at: "+site+"}", 1)
		got, err := engine.Run(t.Context(), parsed(t, src, map[string]string{"to": t.TempDir()}), engine.Config{Kinds: kinds(), DeadLetters: t.TempDir(), Ledger: t.TempDir(), Connect: connect,
			Observe: func(p engine.Progress) {
				if strings.Contains(p.Note, "site moon has no executors") {
					notes.Add(1)
				}
			}})
		if err != nil {
			t.Fatal(err)
		}
		if digest := digestOf(t, src); got.Checksum != want.Checksum || digest != digestOf(t, sums) {
			t.Errorf("at %s: plan %s with checksum %s, want %s with %s", site, digest, got.Checksum, digestOf(t, sums), want.Checksum)
		}
		if e1, e2 := counts["e1"].read.Load(), counts["e2"].read.Load(); e1 == 0 || (e2 == 0) != there || (notes.Load() == 1) == there {
			t.Errorf("at %s: %d tasks read there, %d elsewhere, said %d times", site, e1, e2, notes.Load())
		}
	}
}

func digestOf(t *testing.T, src string) string {
	t.Helper()
	p, err := engine.Compile(t.Context(), parsed(t, src, map[string]string{"to": "out"}), engine.Config{Kinds: kinds()})
	if err != nil {
		t.Fatal(err)
	}
	return p.Digest
}
