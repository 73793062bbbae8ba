package cli

import (
	"context"
	"fmt"
	"runtime"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/fault"
)

// benchSchedule measures how fast the driver's core decides, without executors.
func benchSchedule() measurement {
	return measurement{
		name: "schedule",
		doc:  "the driver's decisions alone, on one core, over executors that are simulated",
		figures: func(*benchFlags) [][2]string {
			return [][2]string{
				{"decisions_per_second_1000", "tasks assigned, and their receipts handled, in a second of one core's time, over 1,000 executors; aim at least 200,000. --tasks sets how many"},
				{"decisions_per_second_10000", "the same over 10,000 executors; aim at least 200,000"},
				{"bytes_per_executor", "of the driver's memory for each of 10,000 executors, with the batches and tasks that are in flight"},
				{"bytes_per_executor_1000", "the same for each of 1,000: what both are equal in grows with the executors, and not faster"},
				{"allocated_per_decision", "bytes, over 10,000 executors, receipts included"},
			}
		},
		run: func(ctx context.Context, _ *session, f *benchFlags) (bench.Samples, error) {
			return measureSchedule(ctx, f)
		},
	}
}

func measureSchedule(ctx context.Context, f *benchFlags) (bench.Samples, error) {
	if f.tasks < 1 {
		return nil, fault.New(fault.Invalid, "--tasks must be positive")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	got := bench.Samples{}
	for round := range f.runs + 1 {
		for _, nodes := range []int{1000, 10_000} {
			s := driver.Simulation{Nodes: nodes, Tasks: f.tasks, Seed: uint64(f.seed), Clock: cpuTime}
			if round == 0 { // warms up
				s.Tasks = min(f.tasks, 100_000)
			}
			if err := s.Run(ctx); err != nil {
				return nil, err
			}
			if round == 0 {
				continue
			}
			got.Add(fmt.Sprint("decisions_per_second_", nodes), "1/s", s.PerSecond())
			if nodes == 1000 {
				got.Add("bytes_per_executor_1000", "B", s.BytesPerNode())
				continue
			}
			got.Add("bytes_per_executor", "B", s.BytesPerNode())
			got.Add("allocated_per_decision", "B", float64(s.AllocBytes)/float64(s.Decisions))
		}
	}
	return got, nil
}
