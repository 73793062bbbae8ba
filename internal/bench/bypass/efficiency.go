package bypass

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
)

// mostEfficient is the efficiency above which the ideal is none: then the
// measurement is wrong. It is judged over so many rounds at least, of ideals
// that took so many seconds: of less, a pause of the scheduler is a large part.
const (
	mostEfficient  = 1.02
	fewestJudged   = 3
	shortestJudged = 0.05
)

// short is what the figures of a short run are called by.
const short = "_short"

func efficiency() experiment {
	return experiment{
		name: "efficiency", title: "Efficiency, by label mix and number of operations",
		doc: "The job of stage 0→n without a schedule, against the same work with nothing to decide: events lie in memory split by label, each label's maps are one loop written by hand over " +
			"registers, and reading, tagging and writing are measured by themselves and added. The result is the same, row by row. Of the I-DAG plan everything counts, from opening " +
			"the files to the last publication. Nothing can do the work in less time than its ideal: above 1.02 the measurement fails.",
		figures: efficiencyFigures,
		run:     measureEfficiency,
	}
}

func efficiencyFigures(s *Settings) [][2]string {
	out := [][2]string{{"efficiency", "time of the ideal ÷ time of the I-DAG plan: the mix and number of operations with the smallest median; aim at least 0.9"},
		{"efficiency_points", "the medians of all mixes and numbers of operations: the middle one, the smallest, the largest"}}
	for _, mix := range s.Mixes {
		out = append(out, [2]string{"efficiency" + suffix(mix), "the smallest of the mix " + mix})
	}
	if s.Rows != s.Long {
		out = append(out, [2]string{"efficiency" + short, fmt.Sprintf("mix %s, %d operations a label, over only %d events: what a run costs once counts", s.Mixes[0], s.Ops[0], s.Rows)},
			[2]string{"ideal_seconds" + short, "time of its ideal"})
	}
	_ = s.grid(func(mix string, ops int) error {
		out = append(out, [2]string{"efficiency" + point(mix, ops), fmt.Sprintf("mix %s, %d operations a label", mix, ops)},
			[2]string{"ideal_seconds" + point(mix, ops), "time of its ideal"})
		return nil
	})
	return out
}

// passes are how often all points are gone through, a few rounds each time: the worst of
// them is reported, and should not be the one that the machine was slow at.
const passes = 2

func measureEfficiency(ctx context.Context, l *lab) error {
	for range passes {
		if err := l.set.grid(func(mix string, ops int) error { return l.efficiencyAt(ctx, point(mix, ops), mix, ops, l.set.Long) }); err != nil {
			return err
		}
	}
	if l.set.Rows != l.set.Long {
		if err := l.efficiencyAt(ctx, short, l.set.Mixes[0], l.set.Ops[0], l.set.Rows); err != nil {
			return err
		}
		l.judge("efficiency"+short, "ideal_seconds"+short)
	}
	chart := bars("efficiency", "Efficiency: ideal ÷ I-DAG", "operations a label", "efficiency", l.set.Mixes...)
	for _, ops := range l.set.Ops {
		var row []float64
		for _, mix := range l.set.Mixes {
			l.judge("efficiency"+point(mix, ops), "ideal_seconds"+point(mix, ops))
			row = append(row, l.median("efficiency"+point(mix, ops)))
		}
		chart.group(fmt.Sprint(ops), row...)
	}
	var all []string
	for _, mix := range l.set.Mixes {
		var names []string
		for _, ops := range l.set.Ops {
			names = append(names, "efficiency"+point(mix, ops))
		}
		l.smallest("efficiency"+suffix(mix), names)
		all = append(all, names...)
	}
	l.smallest("efficiency", all)
	for _, n := range all {
		l.out.Samples.Add("efficiency_points", "ratio", l.median(n))
	}
	l.out.Charts = append(l.out.Charts, chart)
	return nil
}

// smallest makes a figure that of another with the smallest median.
func (l *lab) smallest(name string, of []string) {
	best := of[0]
	for _, n := range of[1:] {
		if l.median(n) < l.median(best) {
			best = n
		}
	}
	l.out.Samples[name] = l.out.Samples[best]
}

// efficiencyAt measures one mix and number of operations over so many events. What
// its figures are called by is in as.
func (l *lab) efficiencyAt(ctx context.Context, as, mix string, ops int, rows int64) error {
	path, err := l.events(ctx, mix, rows)
	if err != nil {
		return err
	}
	j := chainJob(ops).over(path)
	list := []bench.Contender{
		l.contender("idag", j, planner.IDAG, nil),
		{Name: "ideal", Run: func(ctx context.Context) (bench.Outcome, error) { return l.ideal(ctx, j, chains(ops)) }},
	}
	return l.rounds(ctx, fmt.Sprintf("mix %s, %d operations, %d events", mix, ops, rows), l.set.few()+1, list, func(round []bench.Outcome) {
		l.out.Samples.Add("efficiency"+as, "ratio", seconds(round[1])/seconds(round[0]))
		l.out.Samples.Add("ideal_seconds"+as, "s", seconds(round[1]))
	})
}

// judge notes an efficiency that cannot be.
func (l *lab) judge(name, took string) {
	x, _ := l.out.Samples.Figure(name)
	if x.Median > mostEfficient && x.N >= fewestJudged && l.median(took) >= shortestJudged {
		l.wrong = errors.Join(l.wrong, fault.New(fault.Bug, "%s is %.3f: nothing can do the same work in less time than its ideal", name, x.Median))
	}
}

// ideal runs the ideal of a job of chains.
func (l *lab) ideal(ctx context.Context, j job, c []bench.Chain) (o bench.Outcome, err error) {
	built, out, err := l.build(j)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(out)) }()
	p, err := l.Compile(ctx, built)
	if err != nil {
		return o, err
	}
	o, _, err = bench.IdealChains(ctx, p, c, l.Kinds, runtime.GOMAXPROCS(0))
	return o, err
}
