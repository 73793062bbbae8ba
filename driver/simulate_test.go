package driver

import (
	"context"
	"errors"
	"testing"

	"github.com/idag/idag/internal/fault"
)

// A simulation runs whole batches, decides the same for the same seed, and says what
// it cannot do.
func TestSimulation(t *testing.T) {
	a, b := Simulation{Nodes: 20, Tasks: 5000, Seed: 7}, Simulation{Nodes: 20, Tasks: 5000, Seed: 7}
	if err := errors.Join(a.Run(t.Context()), b.Run(t.Context())); err != nil {
		t.Fatal(err)
	}
	if a.Decisions < 5000 || a.Decisions != b.Decisions || a.Batches < 100 || a.Batches != b.Batches || a.PerSecond() <= 0 || a.Took <= 0 {
		t.Errorf("%+v and %+v", a, b)
	}
	none := Simulation{Tasks: 1}
	if err := none.Run(t.Context()); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Run(ctx); !errors.Is(err, context.Canceled) {
		// It has done what it was asked for already.
		a.Decisions = 0
		if err := a.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// BenchmarkSimulation decides a million tasks over 1,000 and over 10,000 executors.
func BenchmarkSimulation(b *testing.B) {
	for name, nodes := range map[string]int{"1000": 1000, "10000": 10000} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s := Simulation{Nodes: nodes, Tasks: 1_000_000}
				if err := s.Run(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(s.PerSecond(), "decisions/s")
				b.ReportMetric(s.BytesPerNode(), "B/node")
				b.ReportMetric(float64(s.AllocBytes)/float64(s.Decisions), "allocB/task")
			}
		})
	}
}
