package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/bench/chaos"
)

// What a run of chaos reads, and how fast.
const (
	chaosRows = 9000
	chaosRate = 1500
)

// benchChaos hurts clusters at work and judges what they publish.
func benchChaos() measurement {
	return measurement{
		name: "chaos",
		doc:  "clusters of processes whose nodes are killed, stopped, slowed, cut off and left without a disk: what is wrong with what they publish",
		figures: func(*benchFlags) [][2]string {
			out := [][2]string{
				{"runs", "of a job with rows, windows, groups and joins, each on a cluster of its own: two drivers, three executors; --runs"},
				{"faults", "that were done to nodes, over all runs; --faults sets how many at least, --tell shows them"},
				{"wrong", "rows, groups and dead letters that were lost, doubled or wrong, by rows that the generator makes and a reader of its own; and jobs that did not end"},
				{"lost", "of those, rows and dead letters that are not there"},
				{"doubled", "of those, rows, groups and dead letters that are there too often"},
				{"stuck", "of those, jobs that did not come to their end in time"},
				{"tasks_again", "tasks that the last driver of a run ran more than once, in a run"},
				{"resubmitted", "times that a job failed, was submitted again and went on"},
			}
			for _, k := range chaos.Kinds() {
				out = append(out, [2]string{"faults_" + string(k), "of this kind"},
					[2]string{"recovery_" + string(k) + "_s", "from such a fault until the second next batch was committed; other faults may fall in between"})
			}
			return out
		},
		run: func(ctx context.Context, s *session, f *benchFlags) (bench.Samples, error) {
			return s.measureChaos(ctx, f)
		},
	}
}

func (s *session) measureChaos(ctx context.Context, f *benchFlags) (got bench.Samples, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "idag-chaos-")
	if err != nil {
		return nil, err
	}
	c := chaos.Config{Program: []string{self}, Dir: dir, Seed: uint64(f.seed), Runs: f.runs, Faults: f.faults,
		Rows: int(min(f.rows, chaosRows)), Rate: chaosRate, Namespaces: f.spaces}
	if f.tell {
		c.Tell = func(line string) { fmt.Fprintln(s.io.Err, line) }
	}
	r, err := c.Run(ctx)
	got = chaosFigures(r)
	switch {
	case err != nil:
		return got, fmt.Errorf("%w\nwhat there is lies in %s", err, dir)
	case r.Wrong() > 0:
		return got, fmt.Errorf("%w: what was published lies in %s", errWrong, dir)
	}
	return got, os.RemoveAll(dir)
}

func chaosFigures(r chaos.Result) bench.Samples {
	got := bench.Samples{}
	for name, n := range map[string]int{"runs": r.Runs, "faults": r.Injected(), "wrong": r.Wrong(), "lost": r.Lost, "doubled": r.Doubled,
		"stuck": r.Stuck, "resubmitted": r.Resubmitted} {
		got.Add(name, "", float64(n))
	}
	for _, n := range r.Again {
		got.Add("tasks_again", "", float64(n))
	}
	for _, k := range chaos.Kinds() {
		got.Add("faults_"+string(k), "", float64(r.Faults[k]))
		for _, d := range r.Recovered[k] {
			got.Add("recovery_"+string(k)+"_s", "s", d.Seconds())
		}
	}
	return got
}
