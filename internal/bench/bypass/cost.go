package bypass

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/jobs/meter"
	"github.com/idag/idag/planner"
)

func cost() experiment {
	return experiment{
		name: "cost", title: "What a replay costs",
		doc: "The job meter over all files of the stated volume, by the I-DAG plan and by the linear plan in its form masked. Tasks and bytes are counted in this process, CPU time and memory " +
			"are those of processes of their own that do nothing else.",
		figures: func(*Settings) [][2]string {
			var out [][2]string
			for _, x := range costs() {
				for _, p := range []string{"idag", "linear"} {
					out = append(out, [2]string{"cost_" + p + "_" + x[0], x[2] + ", " + p})
				}
			}
			return append(out, [2]string{"cost_cpu_ratio", "CPU time of the linear plan ÷ that of the I-DAG plan"})
		},
		run: measureCost,
	}
}

// costs are the figures of each plan: name, unit, meaning.
func costs() [][3]string {
	return [][3]string{
		{"seconds", "s", "wall time of a process of its own, from its start to its end"},
		{"cpu_seconds", "s", "CPU time of the process, user and system"},
		{"peak_rss_bytes", "B", "largest resident memory of the process; aim at most 512 MiB, whatever the volume"},
		{"tasks", "", "tasks that were run"},
		{"bytes_read", "B", "bytes of the sources that tasks were given to read"},
		{"shuffled_bytes", "B", "bytes of the blocks that went from stage to stage"},
		{"allocated_bytes", "B", "bytes that columns asked of the run's pool, most of them used again and again"},
	}
}

func measureCost(ctx context.Context, l *lab) error {
	v, err := l.volume(ctx, l.set.Mixes[0])
	if err != nil {
		return err
	}
	l.fact("%d files, %s, %d events, mix %s", v.files, bytesText(v.bytes), v.total, l.set.Mixes[0])
	got := l.out.Samples
	j := job{text: string(meter.YAML())}.over(v.dir)
	var runs [2]Run
	list := []bench.Contender{
		l.contender("idag", j, planner.IDAG, func(r Run) { runs[0] = r }),
		l.contender("masked", j, planner.Masked, func(r Run) { runs[1] = r }),
	}
	if err := l.rounds(ctx, "tasks and bytes", 1, list, func([]bench.Outcome) {
		for i, p := range []string{"idag", "linear"} {
			got.Add("cost_"+p+"_tasks", "", float64(runs[i].Tasks))
			got.Add("cost_"+p+"_bytes_read", "B", float64(runs[i].BytesRead))
			got.Add("cost_"+p+"_shuffled_bytes", "B", float64(runs[i].Shuffled))
			got.Add("cost_"+p+"_allocated_bytes", "B", float64(runs[i].Allocated))
		}
	}); err != nil {
		return err
	}
	return l.processes(ctx, v)
}

// processes measures processes of their own, in turn.
func (l *lab) processes(ctx context.Context, v *volume) error {
	file := filepath.Join(l.dir, "meter.yaml")
	if err := os.WriteFile(file, meter.YAML(), 0o644); err != nil {
		return fault.Wrap(fault.Retry, err)
	}
	got, modes := l.out.Samples, []planner.Mode{planner.IDAG, planner.Masked}
	for round := range l.set.few() {
		l.say("processes, round %d", round+1)
		var took [2]Process
		for i := range modes {
			at := (i + round) % len(modes)
			l.runs++
			out := filepath.Join(l.dir, fmt.Sprint("out", l.runs))
			var err error
			if took[at], err = l.Alone(ctx, file, map[string]string{"path": v.dir, "out": out}, modes[at]); err != nil {
				return err
			}
			if err := os.RemoveAll(out); err != nil {
				return fault.Wrap(fault.Retry, err)
			}
		}
		for i, p := range []string{"idag", "linear"} {
			got.Add("cost_"+p+"_seconds", "s", took[i].Wall.Seconds())
			got.Add("cost_"+p+"_cpu_seconds", "s", took[i].CPU.Seconds())
			if took[i].Peak > 0 {
				got.Add("cost_"+p+"_peak_rss_bytes", "B", float64(took[i].Peak))
			}
		}
		if took[0].CPU > 0 {
			got.Add("cost_cpu_ratio", "ratio", took[1].CPU.Seconds()/took[0].CPU.Seconds())
		}
	}
	return nil
}
