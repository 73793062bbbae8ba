package bypass

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/planner"
)

// framesJob writes events as frames of one label each: label=NAME/….
const framesJob = `
job: frames
labels: [error, backup, information]
vars: {path: "", out: ""}
datasets:
  events:
    - read: {parquet: "${path}"}
    - tag: {column: kind, time: ts}
    - write: {parquet: "${out}"}
`

// retrieveJob takes all columns of all frames of one label. TAG says where the
// label is.
const retrieveJob = `
job: retrieve
labels: [error, backup, information, found]
vars: {path: "", out: ""}
datasets:
  found:
    - read: {parquet: {path: "${path}", hive_partitioning: HIVE}}
    - tag: {TAG}
    - reduce:
        from: LABEL
        by: [feeder, firmware]
        get: {n: count(), wh: sum(wh), back: sum(back), mv: max(mv), ma: min(ma), code: max(code), meter: max(meter), first: min(ts), last: max(ts)}
    - write: {parquet: "${out}"}
`

// tagScan labels by a condition on the rows that no statistics prove anything of.
const tagScan = `rules: [{label: error, when: "lower(kind) = 'error'"}, {label: backup, when: "lower(kind) = 'backup'"}], otherwise: information`

func frames() experiment {
	return experiment{
		name: "frames", title: "Finding the frames of a label",
		doc: "Events lie in Parquet, one label a file. All columns of the frames of one label are taken: by header, where what a file says of itself proves that its rows are of " +
			"another label and they are never decoded; by scan, where every row is read and the label is a condition on it. The result is the same.",
		figures: func(s *Settings) [][2]string {
			return [][2]string{
				{"frame_retrieval_speedup", "time by scan ÷ time by header, label error, mix " + s.Mixes[0]},
				{"frame_retrieval_speedup_backup", "the same for the label backup"},
				{"frame_retrieval_speedup_information", "the same for the label information"},
				{"frame_header_seconds", "time by header, label error"},
				{"frame_scan_seconds", "time by scan, label error"},
			}
		},
		run: measureFrames,
	}
}

func measureFrames(ctx context.Context, l *lab) error {
	dir, err := l.framed(ctx, l.set.Rows)
	if err != nil {
		return err
	}
	chart := bars("frames", "All frames of a label", "label", "seconds", "by header", "by scan")
	got := l.out.Samples
	for i, label := range []string{"error", "backup", "information"} {
		retrieve := func(hive, tag string) job {
			return job{text: strings.NewReplacer("HIVE", hive, "TAG", tag, "LABEL", label).Replace(retrieveJob)}.over(dir)
		}
		list := []bench.Contender{
			l.contender("by header", retrieve("true", "column: label"), planner.IDAG, nil),
			l.contender("by scan", retrieve("false", tagScan), planner.IDAG, nil),
		}
		header, scan := bench.Samples{}, bench.Samples{}
		err := l.rounds(ctx, label, l.set.Runs, list, func(round []bench.Outcome) {
			name := "frame_retrieval_speedup"
			if i > 0 {
				name += "_" + label
			} else {
				got.Add("frame_header_seconds", "s", seconds(round[0]))
				got.Add("frame_scan_seconds", "s", seconds(round[1]))
			}
			got.Add(name, "ratio", seconds(round[1])/seconds(round[0]))
			header.Add("", "s", seconds(round[0]))
			scan.Add("", "s", seconds(round[1]))
		})
		if err != nil {
			return err
		}
		h, _ := header.Figure("")
		s, _ := scan.Figure("")
		chart.group(label, h.Median, s.Median)
	}
	l.out.Charts = append(l.out.Charts, chart)
	return nil
}

// framed returns a data set of so many events, of the first mix, as frames of one
// label each, made once.
func (l *lab) framed(ctx context.Context, rows int64) (string, error) {
	key := fmt.Sprint("frames-", rows)
	if dir := l.data[key]; dir != "" {
		return dir, nil
	}
	raw, err := l.events(ctx, l.set.Mixes[0], rows)
	if err != nil {
		return "", err
	}
	l.data[key] = filepath.Join(l.dir, key)
	_, err = l.once(ctx, job{text: framesJob}.over(raw).with("out", l.data[key]), planner.IDAG)
	return l.data[key], err
}

// bars starts a chart of groups of bars.
func bars(name, title, x, y string, series ...string) Chart {
	return lines(name, title, x, y, series...)
}
