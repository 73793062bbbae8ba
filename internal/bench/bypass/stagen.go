package bypass

import (
	"context"
	"fmt"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/planner"
)

func stageN() experiment {
	return experiment{
		name: "stage0n", title: "Stage 0→n: a schedule wants one output of three",
		doc: "A job has a number of maps for each of three labels, and an output each. Its schedule wants the output of information only. The I-DAG plan leaves out what no wanted output " +
			"needs, and of the rest what is not for an event's label; the linear plan takes every event through every operation that it has.",
		figures: stageNFigures,
		run:     measureStageN,
	}
}

func stageNFigures(s *Settings) [][2]string {
	out := [][2]string{{"stage0n_speedup", "time of the linear plan, the faster of masked and selection, ÷ time of the I-DAG plan: of each round the median over all mixes and numbers of operations"},
		{"stage0n_speedup_staged", "the same with the linear plan that has a stage a map"}}
	_ = s.grid(func(mix string, ops int) error {
		out = append(out, [2]string{"stage0n_speedup" + point(mix, ops), fmt.Sprintf("mix %s, %d operations a label", mix, ops)})
		return nil
	})
	return out
}

// wanted is the output that the schedule of stage 0→n names.
const wanted = "information_sums"

func measureStageN(ctx context.Context, l *lab) error {
	got, chart := l.out.Samples, bars("stage0n", "Stage 0→n: one output of three", "mix, operations a label", "speedup", "over the faster linear form", "over staged")
	over, staged := make([][]float64, l.set.few()), make([][]float64, l.set.few())
	err := l.set.grid(func(mix string, ops int) error {
		path, err := l.events(ctx, mix, max(l.set.Rows/4, 1))
		if err != nil {
			return err
		}
		j := chainJob(ops).over(path)
		j.alter = schedule(wanted)
		list := append(l.forms(j), l.contender("idag", j, planner.IDAG, nil))
		name, at := "stage0n_speedup"+point(mix, ops), 0
		apart := bench.Samples{}
		err = l.rounds(ctx, fmt.Sprintf("mix %s, %d operations", mix, ops), l.set.few(), list, func(round []bench.Outcome) {
			idag := seconds(round[len(round)-1])
			got.Add(name, "ratio", linear(round)/idag)
			apart.Add("", "ratio", seconds(round[formStaged])/idag)
			over[at], staged[at] = append(over[at], linear(round)/idag), append(staged[at], seconds(round[formStaged])/idag)
			at++
		})
		if err != nil {
			return err
		}
		s, _ := apart.Figure("")
		chart.group(fmt.Sprintf("%s, %d", mix, ops), l.median(name), s.Median)
		return nil
	})
	if err != nil {
		return err
	}
	for i := range over {
		got.Add("stage0n_speedup", "ratio", median(over[i]))
		got.Add("stage0n_speedup_staged", "ratio", median(staged[i]))
	}
	l.out.Charts = append(l.out.Charts, chart)
	return nil
}

// median of some values.
func median(values []float64) float64 {
	s := bench.Samples{}
	for _, v := range values {
		s.Add("", "", v)
	}
	f, _ := s.Figure("")
	return f.Median
}
