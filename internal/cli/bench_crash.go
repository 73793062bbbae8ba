package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/idag/idag/internal/bench"
)

// benchCrash kills the program at work and judges what it publishes.
func benchCrash() measurement {
	return measurement{
		name: "crash",
		doc:  "the program killed at any time and at every step, and started again: what is lost, what is doubled",
		figures: func(*benchFlags) [][2]string {
			return [][2]string{
				{"runs", "of a job with rows, windows and groups that wait for the end, each killed again and again until it ended by itself"},
				{"kills", "of the process by SIGKILL; --kills sets how many at least"},
				{"kills_at_steps", "of those, at a step of the run such as a publication that is half done"},
				{"steps", "different steps at which it was killed"},
				{"stops", "by SIGTERM, which ends the process in order"},
				{"resumed", "starts that went on behind a checkpoint"},
				{"lost", "rows and dead letters that were not published"},
				{"doubled", "rows, groups and dead letters that were published more than once, or should not have been"},
				{"wrong_groups", "groups whose count or sum is not that of their rows"},
				{"wrong_totals", "summaries that were not equal to that of a run nobody killed, checksum included"},
			}
		},
		run: func(ctx context.Context, s *session, f *benchFlags) (bench.Samples, error) {
			return s.measureCrash(ctx, f)
		},
	}
}

func (s *session) measureCrash(ctx context.Context, f *benchFlags) (got bench.Samples, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "idag-crash-")
	if err != nil {
		return nil, err
	}
	c := bench.Crash{Program: []string{self}, Dir: dir, Seed: uint64(f.seed), Kills: f.kills, Rows: int(min(f.rows, 4000)),
		Points: bench.CrashPoints()}
	r, err := c.Run(ctx)
	steps := 0
	for _, n := range r.Points {
		steps += n
	}
	got = bench.Samples{}
	for name, n := range map[string]int{"runs": r.Runs, "kills": r.Kills, "kills_at_steps": steps, "steps": len(r.Points), "stops": r.Stops,
		"resumed": r.Resumed, "lost": r.Lost, "doubled": r.Doubled, "wrong_groups": r.Sums, "wrong_totals": r.Totals} {
		got.Add(name, "", float64(n))
	}
	switch {
	case err != nil:
		return got, fmt.Errorf("%w\nwhat there is lies in %s", err, dir)
	case r.Wrong() > 0:
		return got, fmt.Errorf("%w: what was published lies in %s", errWrong, dir)
	}
	return got, errors.Join(err, os.RemoveAll(dir))
}
