package bypass

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// labelJob counts and sums events that TAG labels. Its second output asks for the
// hash, so that one is made where there is an identity; no event is as it wants
// them, so that all jobs have one result.
const labelJob = `
job: labelling
labels: [LABELS, sums]
vars: {out: ""}
datasets:
  events:
    - read: {parquet: {path: PATHS}}
    - tag: {TAG, time: ts}
  sums:
    - from: events
    - reduce: {by: feeder, get: {n: count(), wh: sum(wh)}}
    - write: {parquet: "${out}/sums"}
  hashes:
    - from: events
    - filter: wh = 0.05
    - write: {parquet: "${out}/hashes", columns: [COLUMN]}
`

// Tags that are compared.
const (
	tagNone   = `otherwise: event`
	tagColumn = `column: kind, identity: [meter, ts]`
	tagRules  = `rules: [{label: error, when: code IS NOT NULL}, {label: backup, when: "kind = 'backup'"}, {label: information, when: "kind = 'information'"}], identity: [meter, ts]`
)

// labelShares are the parts of the volume that labelling is measured at, in
// percent; the last is all.
func labelShares() []int { return []int{25, 50, 75, 100} }

func labelling() experiment {
	return experiment{
		name: "labelling", title: "Labelling, by volume",
		doc: "One job counts and sums all events by feeder, over a growing part of the files. Untagged, all events get one label and no hash. Tagged, they get one of three labels " +
			"from a column, and an identity hash of meter and time; by rules, the label comes from three conditions. The result is the same.",
		figures: labellingFigures,
		run:     measureLabelling,
	}
}

func labellingFigures(*Settings) [][2]string {
	out := [][2]string{
		{"label_overhead", "time of the tagged job ÷ time of the untagged one, all of the volume, labels from a column"},
		{"label_overhead_rules", "the same, labels by rules"},
	}
	for _, s := range labelShares() {
		out = append(out, [2]string{fmt.Sprintf("label_seconds%s", part(s)), fmt.Sprintf("time of the tagged job over %d %% of the volume", s)},
			[2]string{fmt.Sprintf("unlabelled_seconds%s", part(s)), "time of the untagged job over the same"})
	}
	for _, s := range labelSteps() {
		out = append(out, [2]string{"label_" + s + "_ns", "step " + s + " of labelling an event, all of the volume, over all cores"})
	}
	return append(out, [2]string{"volume_files", "files of the data set"}, [2]string{"volume_bytes", "their size"}, [2]string{"volume_rows", "their events"})
}

// labelSteps are the five steps of labelling.
func labelSteps() []string { return []string{"ingest", "queue", "tag", "hash", "dispatch"} }

// part spells a share of the volume in a figure's name.
func part(percent int) string {
	if percent == 100 {
		return ""
	}
	return fmt.Sprint("_", percent)
}

func measureLabelling(ctx context.Context, l *lab) error {
	v, err := l.volume(ctx, l.set.Mixes[0])
	if err != nil {
		return err
	}
	got := l.out.Samples
	got.Add("volume_files", "", float64(v.files))
	got.Add("volume_bytes", "B", float64(v.bytes))
	got.Add("volume_rows", "", float64(v.total))
	l.fact("%d files, %s, %d events, mix %s", v.files, bytesText(v.bytes), v.total, l.set.Mixes[0])
	chart := lines("labelling", "Labelling by volume", "million events", "seconds", "tagged, a column", "tagged, rules", "untagged")
	for _, share := range labelShares() {
		files := max(1, v.files*share/100)
		if err := l.labelShare(ctx, v, share, files); err != nil {
			return err
		}
		x := float64(v.rows) * float64(files) / 1e6
		chart.point(0, x, l.median("label_seconds"+part(share)))
		chart.point(1, x, l.median("rules"+part(share)))
		chart.point(2, x, l.median("unlabelled_seconds"+part(share)))
	}
	l.out.Charts = append(l.out.Charts, chart)
	return nil
}

// labelShare measures one part of the volume.
func (l *lab) labelShare(ctx context.Context, v *volume, share, files int) error {
	paths, err := json.Marshal(v.paths(files))
	if err != nil {
		return fault.Wrap(fault.Bug, err)
	}
	text := func(labels, tag, column string) job {
		return job{text: strings.NewReplacer("PATHS", string(paths), "LABELS", labels, "TAG", tag, "COLUMN", column).Replace(labelJob)}
	}
	const three = "error, backup, information"
	var last Run
	list := []bench.Contender{
		l.contender("tagged", text(three, tagColumn, "_hash"), planner.IDAG, func(r Run) { last = r }),
		l.contender("tagged by rules", text(three, tagRules, "_hash"), planner.IDAG, nil),
		l.contender("untagged", text("event", tagNone, "_seq"), planner.IDAG, nil),
	}
	got := l.out.Samples
	return l.rounds(ctx, fmt.Sprintf("%d %% of the volume", share), l.set.Runs, list, func(round []bench.Outcome) {
		got.Add("label_seconds"+part(share), "s", seconds(round[0]))
		got.Add("rules"+part(share), "s", seconds(round[1]))
		got.Add("unlabelled_seconds"+part(share), "s", seconds(round[2]))
		if share != 100 {
			return
		}
		got.Add("label_overhead", "ratio", seconds(round[0])/seconds(round[2]))
		got.Add("label_overhead_rules", "ratio", seconds(round[1])/seconds(round[2]))
		for _, s := range labelSteps() {
			got.Add("label_"+s+"_ns", "ns", float64(last.Labelling[s].Nanoseconds())/float64(max(last.Rows, 1)))
		}
	})
}

// schedule returns a change of a job that wants some of its outputs only.
func schedule(names ...string) func(*rdd.Job) {
	return func(j *rdd.Job) { j.Schedule = names }
}
