package bypass

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strings"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/planner"
)

// plainOps is how many maps the job has where nothing can be bypassed.
const plainOps = 8

func noBypass() experiment {
	return experiment{
		name: "nobypass", title: "Where nothing can be bypassed",
		doc: fmt.Sprintf("All events have one label and every one of %d maps is for it, so that both plans do the same work. Pairs of runs alternate, in another order each pair. The ratio is "+
			"the Hodges-Lehmann estimate over the logarithms of the pairs' ratios; its upper 95 %% bound is one-sided, by the signed-rank test, which one disturbed run hardly moves.", plainOps),
		figures: func(s *Settings) [][2]string {
			return [][2]string{
				{"no_bypass_ratio", fmt.Sprintf("time of the I-DAG plan ÷ time of the faster form of the linear plan, %d pairs", s.Pairs)},
				{"no_bypass_ratio_upper", "upper 95 % bound of the ratio; aim at most 1.02"},
			}
		},
		run: measureNoBypass,
	}
}

// plainJob has one label, and n maps for it.
func plainJob(n int) job {
	text := strings.NewReplacer("labels: [error, backup, information, error_sums, backup_sums, information_sums]", "labels: [event, event_sums]",
		"column: kind", "otherwise: event").Replace(chainHead)
	var b strings.Builder
	for i := range n {
		in := "x"
		if i == 0 {
			in = "wh"
		}
		fmt.Fprintf(&b, "    - map: {for: event, set: {x: %s * %v + %v}}\n", in, factor(i), term(i))
	}
	return job{text: text + b.String() + "  event_sums:\n    - from: events\n    - reduce: {from: event, by: feeder, get: {x: sum(x), n: count()}}\n    - write: {parquet: \"${out}\"}\n"}
}

func measureNoBypass(ctx context.Context, l *lab) error {
	path, err := l.events(ctx, l.set.Mixes[0], l.set.Long)
	if err != nil {
		return err
	}
	j := plainJob(plainOps).over(path)
	form, err := l.fasterForm(ctx, j)
	if err != nil {
		return err
	}
	list := []bench.Contender{
		l.contender(string(form), j, form, nil),
		l.contender("idag", j, planner.IDAG, nil),
	}
	var logs []float64
	err = l.rounds(ctx, "pairs", l.set.Pairs, list, func(round []bench.Outcome) {
		logs = append(logs, math.Log(seconds(round[1])/seconds(round[0])))
	})
	if err != nil {
		return err
	}
	middle, upper := centre(logs)
	for _, v := range logs {
		l.out.Samples.Add("no_bypass_ratio", "ratio", math.Exp(v))
	}
	if !math.IsInf(upper, 0) {
		l.out.Samples.Add("no_bypass_ratio_upper", "ratio", math.Exp(upper))
		l.fact("ratio %.4f, upper 95 %% bound %.4f, of %d pairs against the form %s", math.Exp(middle), math.Exp(upper), len(logs), form)
	}
	return nil
}

// fasterForm is the form of the linear plan that takes less over a few runs.
func (l *lab) fasterForm(ctx context.Context, j job) (planner.Mode, error) {
	list := l.forms(j)[:formStaged]
	times := [formStaged][]float64{}
	err := l.rounds(ctx, "which linear form is the faster", l.set.few(), list, func(round []bench.Outcome) {
		for i := range times {
			times[i] = append(times[i], seconds(round[i]))
		}
	})
	runtime.GC()
	if median(times[formSelection]) < median(times[formMasked]) {
		return planner.Selection, err
	}
	return planner.Masked, err
}
