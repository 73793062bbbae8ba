package bypass

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/bypass"
)

// Operations of a label in stage 0→1, and how many of them the edge has done.
const (
	edgeOps  = 4
	wholeOps = 8
)

func stage01() experiment {
	return experiment{
		name: "stage01", title: "Stage 0→1: the edge has done half",
		doc: fmt.Sprintf("A job has %d maps for each of three labels. An edge job does the first %d and writes Parquet, whose headers say what was done. The central job enters behind it "+
			"(trust: done). Compared are the linear plan over the raw events and the I-DAG plan over what the edge wrote: the time of the edge is not in it. The result is the same.", wholeOps, edgeOps),
		figures: func(s *Settings) [][2]string {
			out := [][2]string{
				{"stage01_speedup", "time of the linear plan over raw events, the faster of masked and selection, ÷ time of the I-DAG plan over the edge's: of each round the median over all mixes"},
				{"stage01_speedup_staged", "the same with the linear plan that has a stage a map"},
				{"stage01_over_raw", "the same with the I-DAG plan over raw events: what the list of what was done saves alone"},
			}
			for _, mix := range s.Mixes {
				out = append(out, [2]string{"stage01_speedup" + suffix(mix), "mix " + mix})
			}
			return append(out, [2]string{"stage01_done", "operations that the I-DAG plan passed by as done, of the first mix, a row and operation each"})
		},
		run: measureStage01,
	}
}

func measureStage01(ctx context.Context, l *lab) error {
	got, chart := l.out.Samples, bars("stage01", "Stage 0→1: the edge has done half", "mix", "seconds", "I-DAG, edge", "I-DAG, raw", "masked, raw", "selection, raw", "staged, raw")
	ratios := make([][3][]float64, l.set.few())
	for i, mix := range l.set.Mixes {
		list, done, err := l.edge(ctx, mix)
		if err != nil {
			return err
		}
		at, times := 0, make([][]float64, len(list))
		err = l.rounds(ctx, "mix "+mix, l.set.few(), list, func(round []bench.Outcome) {
			edge := seconds(round[len(list)-1])
			got.Add("stage01_speedup"+suffix(mix), "ratio", linear(round)/edge)
			for j, v := range []float64{linear(round), seconds(round[formStaged]), seconds(round[formStaged+1])} {
				ratios[at][j] = append(ratios[at][j], v/edge)
			}
			for j := range round {
				times[j] = append(times[j], seconds(round[j]))
			}
			at++
		})
		if err != nil {
			return err
		}
		if *done == 0 {
			return fault.New(fault.Bug, "mix %s: nothing was passed by as done", mix)
		}
		if i == 0 {
			got.Add("stage01_done", "", float64(*done))
		}
		chart.group(mix, median(times[formStaged+2]), median(times[formStaged+1]), median(times[formMasked]), median(times[formSelection]), median(times[formStaged]))
	}
	for _, r := range ratios {
		for j, name := range []string{"stage01_speedup", "stage01_speedup_staged", "stage01_over_raw"} {
			got.Add(name, "ratio", median(r[j]))
		}
	}
	l.out.Charts = append(l.out.Charts, chart)
	return nil
}

// edge runs the edge job, and returns the runs that are compared: the forms of
// the linear plan, the I-DAG plan over raw events, and that over the edge's, of
// which done is told what it passed by.
func (l *lab) edge(ctx context.Context, mix string) (list []bench.Contender, done *int64, err error) {
	raw, err := l.events(ctx, mix, max(l.set.Rows/2, 1))
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(l.dir, "edge"+suffix(mix))
	half := job{text: chainHead + chainMaps(0, edgeOps) + "    - write: {parquet: \"${out}\"}\n"}.over(raw).with("out", dir)
	if _, err := l.once(ctx, half, planner.IDAG); err != nil {
		return nil, nil, err
	}
	whole := job{text: chainHead + chainMaps(0, edgeOps) + chainMaps(edgeOps, wholeOps) + chainSums()}
	central := whole.over(dir)
	central.text = strings.Replace(whole.text, `{parquet: "${path}"}`, `{parquet: "${path}", trust: done}`, 1)
	done = new(int64)
	list = append(l.forms(whole.over(raw)), l.contender("idag over raw", whole.over(raw), planner.IDAG, nil),
		l.contender("idag over the edge's", central, planner.IDAG, func(r Run) { *done = r.Bypassed[string(bypass.Done)] }))
	return list, done, nil
}
