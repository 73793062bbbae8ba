package engine_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/ledger"
	"github.com/idag/idag/internal/twin"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// liar is a source that claims of its splits whatever comes to its mind.
type liar struct {
	connectors.Source
	labels []string
	rnd    *rand.Rand
}

func (l *liar) Cut(ctx context.Context, from rdd.Offset, wish rdd.Size) ([]rdd.Split, rdd.Offset, error) {
	splits, next, err := l.Source.Cut(ctx, from, wish)
	for i := range splits {
		l.lie(&splits[i])
	}
	return splits, next, err
}

func (l *liar) lie(s *rdd.Split) {
	absurd := []int64{-1, 0, 1, math.MinInt64, math.MaxInt64, 1 << 60, l.rnd.Int64()}
	odd := func() int64 { return absurd[l.rnd.IntN(len(absurd))] }
	s.Labels = map[string]int64{"no label": odd()}
	for _, name := range l.labels {
		if l.rnd.IntN(2) == 0 {
			s.Labels[name] = odd()
		}
	}
	s.Done = []string{"", "tag:0000000000000000", "map:ffffffffffffffff", "\x00"}[l.rnd.IntN(4)]
	s.Bytes = odd() >> 8
}

// lying wraps the sources of a registry.
func lying(kinds connectors.Registry, labels []string, seed uint64) connectors.Registry {
	for _, name := range kinds.Names() {
		k, err := kinds.Lookup(name)
		if err != nil || k.Source == nil {
			continue
		}
		open := k.Source
		k.Source = func(ctx context.Context, o rdd.Options, env connectors.Env) (connectors.Source, error) {
			s, err := open(ctx, o, env)
			if err != nil {
				return nil, err
			}
			return &liar{Source: s, labels: labels, rnd: rand.New(rand.NewPCG(seed, 1))}, nil
		}
		kinds = kinds.With(k)
	}
	return kinds
}

// TestFalseClaims: what a source claims of rows that nobody has read decides what
// is done first and by whom, and never a row.
func TestFalseClaims(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := twin.Draw(t, hashOf)
		mode := modes()[rapid.IntRange(0, 3).Draw(t, "mode")]
		seed := rapid.Uint64().Draw(t, "seed")
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		book, store := new(ledger.Memory), memory.NewStore(mem)
		cfg := engine.Config{Mode: mode, Executors: rapid.IntRange(1, 4).Draw(t, "executors"), Mem: mem, Keep: book}
		_, _, err := checkBy(c, cfg, book, mem, store, func(ctx context.Context, job *rdd.Job, cfg engine.Config) (engine.Summary, error) {
			cfg.Kinds = lying(cfg.Kinds, job.Labels, seed)
			return engine.Run(ctx, job, cfg)
		})
		if err != nil {
			t.Fatalf("%s plan: %v\n%s\n%s", mode, err, jobfile.Format(c.Job), c)
		}
	})
}
