package bypass

import (
	"context"
	"strings"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/planner"
)

// The jobs of the join operators, over events with labels and over one wide
// stream without. KIND and GET differ by operator.
const (
	joinTagged = `
job: joins
labels: [error, backup, information, pairs, sums]
vars: {path: "", out: ""}
datasets:
  sums:
    - read: {parquet: "${path}"}
    - tag: {column: COLUMN, time: ts}
    - join: {from: error, with: backup, kind: KIND, as: pairs, on: [meter], within: {time: ts, before: 1 hour, after: 1 hour}, prefix: b_}
    - reduce: {from: pairs, by: feeder, get: {GET}}
    - write: {parquet: "${out}"}
`
	joinUntagged = `
job: joins
labels: [event, pairs, sums]
vars: {path: "", out: ""}
datasets:
  events:
    - read: {parquet: "${path}"}
    - tag: {otherwise: event, time: ts}
  errors:
    - from: events
    - filter: kind = 'error'
  backups:
    - from: events
    - filter: kind = 'backup'
  sums:
    - from: errors
    - join: {from: event, with: event, right: backups, kind: KIND, as: pairs, on: [meter], within: {time: ts, before: 1 hour, after: 1 hour}, prefix: b_}
    - reduce: {from: pairs, by: feeder, get: {GET}}
    - write: {parquet: "${out}"}
`
	// What nobody would write who knows how joins work: all events with all others,
	// and a condition on the pairs.
	joinCondition = `
job: joins
labels: [event, pairs, sums]
vars: {path: "", out: ""}
datasets:
  sums:
    - read: {parquet: "${path}"}
    - tag: {otherwise: event, time: ts}
    - join: {from: event, with: event, as: pairs, on: [meter], where: kind = 'error' AND b_kind = 'backup', within: {time: ts, before: 1 hour, after: 1 hour}, prefix: b_}
    - reduce: {from: pairs, by: feeder, get: {GET}}
    - write: {parquet: "${out}"}
`
)

// queryGet is what the query operator sums up.
const queryGet = "n: count(), wh: sum(wh), back: sum(b_back), code: max(code)"

func joins() experiment {
	return experiment{
		name: "joins", title: "Joins, by operator",
		doc: "The query operator joins errors with the backup events of the same meter within an hour before or after, and sums the pairs up by feeder; the diff operator takes the " +
			"errors and backup events that have no such partner, and sums them up. Tagged, events lie as frames of one label each, as a job that tagged them wrote them, and the I-DAG plan joins " +
			"two labels. Untagged, events lie as they came, all have one label, and the job filters them by kind twice, before the join, as Spark would push it down; in the linear plan. " +
			"The same job over events as they came, that tags them itself, is given beside it: there the labels save no reading.",
		figures: func(*Settings) [][2]string {
			return [][2]string{
				{"join_query_speedup", "query operator: time untagged, the faster of masked and selection, ÷ time tagged"},
				{"join_query_speedup_raw", "the same with a job that tags the events itself, in the I-DAG plan over the same files as the untagged one"},
				{"join_query_speedup_staged", "the same with the linear plan that has a stage a map"},
				{"join_query_speedup_condition", "query operator over a quarter of the events, untagged without the filters: all events of a meter are joined with one another, and the kinds are a condition on the pairs"},
				{"join_query_seconds", "time tagged"},
				{"join_diff_speedup", "diff operator: time untagged, the faster of masked and selection, ÷ time tagged"},
				{"join_diff_speedup_raw", "the same with a job that tags the events itself, in the I-DAG plan over the same files as the untagged one"},
				{"join_diff_speedup_staged", "the same with the linear plan that has a stage a map"},
				{"join_diff_seconds", "time tagged"},
			}
		},
		run: measureJoins,
	}
}

func measureJoins(ctx context.Context, l *lab) error {
	path, err := l.events(ctx, l.set.Mixes[0], max(l.set.Rows/2, 1))
	if err != nil {
		return err
	}
	tagged, err := l.framed(ctx, max(l.set.Rows/2, 1))
	if err != nil {
		return err
	}
	chart := bars("joins", "Joins, tagged and untagged", "operator", "seconds", "tagged, I-DAG", "tagging, I-DAG", "untagged, masked", "untagged, selection", "untagged, staged")
	for _, x := range [][3]string{
		{"query", "inner", queryGet},
		{"diff", "diff", "n: count(), wh: sum(wh), back: sum(back)"},
	} {
		of := func(text, column string) job {
			return job{text: strings.NewReplacer("KIND", x[1], "GET", x[2], "COLUMN", column).Replace(text)}
		}
		list := append(l.forms(of(joinUntagged, "").over(path)), l.contender("tagging", of(joinTagged, "kind").over(path), planner.IDAG, nil),
			l.contender("tagged", of(joinTagged, "label").over(tagged), planner.IDAG, nil))
		got, times := l.out.Samples, make([][]float64, len(list))
		err := l.rounds(ctx, x[0], l.set.Runs, list, func(round []bench.Outcome) {
			tagged := seconds(round[len(list)-1])
			got.Add("join_"+x[0]+"_speedup", "ratio", linear(round)/tagged)
			got.Add("join_"+x[0]+"_speedup_raw", "ratio", linear(round)/seconds(round[len(list)-2]))
			got.Add("join_"+x[0]+"_speedup_staged", "ratio", seconds(round[formStaged])/tagged)
			got.Add("join_"+x[0]+"_seconds", "s", tagged)
			for i := range round {
				times[i] = append(times[i], seconds(round[i]))
			}
		})
		if err != nil {
			return err
		}
		chart.group(x[0], median(times[len(list)-1]), median(times[len(list)-2]), median(times[formMasked]), median(times[formSelection]), median(times[formStaged]))
	}
	l.out.Charts = append(l.out.Charts, chart)
	return l.joinCondition(ctx)
}

// joinCondition measures what tags save where the untagged job does not filter.
func (l *lab) joinCondition(ctx context.Context) error {
	path, err := l.events(ctx, l.set.Mixes[0], max(l.set.Rows/4, 1))
	if err != nil {
		return err
	}
	of := func(text string) job {
		return job{text: strings.NewReplacer("KIND", "inner", "GET", queryGet, "COLUMN", "kind").Replace(text)}.over(path)
	}
	list := append(l.forms(of(joinCondition))[:formStaged], l.contender("tagged", of(joinTagged), planner.IDAG, nil))
	return l.rounds(ctx, "query, a condition", l.set.few(), list, func(round []bench.Outcome) {
		l.out.Samples.Add("join_query_speedup_condition", "ratio", linear(round)/seconds(round[len(list)-1]))
	})
}
