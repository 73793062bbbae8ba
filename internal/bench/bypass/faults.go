package bypass

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
)

// faultJob reads lines that bring their own tags.
const faultJob = `
job: faults
labels: [error, backup, information, sums]
vars: {path: "", out: ""}
datasets:
  sums:
    - read: {json: {path: "${path}", schema: "ts timestamp, meter string, kind string, wh double, hash bigint, seq bigint"}}
    - tag: {column: kind, identity: [meter, ts], time: ts, hash: hash, seq: seq}
    - reduce: {by: kind, get: {n: count(), wh: sum(wh)}}
    - write: {parquet: "${out}"}
`

// One event in so many has a fault, of one of four kinds.
const faultEvery = 50

// fewestLines are enough for faults of every kind.
const fewestLines = 2000

// faultKinds are the labelling errors that are seeded, as dead letters name
// them, each with what figures of it are called by.
func faultKinds() [4][2]string {
	return [4][2]string{{work.ImproperIngest, "improper_ingest"}, {work.AbnormalTag, "abnormal_tag"}, {work.InaccurateTag, "inaccurate_tag"}, {work.PartialRelease, "partial_release"}}
}

// faultLoads are the loads, in percent of the most events.
func faultLoads() []int { return []int{25, 50, 75, 100} }

func faults() experiment {
	return experiment{
		name: "faults", title: "Labelling errors, by kind",
		doc: fmt.Sprintf("Lines of JSON bring their own tags; one in %d has a seeded fault: cut off (improper ingest), of an unknown kind (abnormal tag), with another hash (inaccurate tag), or "+
			"without a sequence (partial release). The I-DAG plan and the linear plan run under a rising load. Errors counted must be those seeded, by kind, or the measurement fails. "+
			"Queue out of bound is not applicable: only a source that cannot be read again has a queue with a bound, and files can.", faultEvery),
		figures: func(*Settings) [][2]string {
			out := [][2]string{{"label_errors_counted", "errors counted ÷ errors seeded, of each load and plan: 1 or the measurement fails"}}
			for _, k := range faultKinds() {
				out = append(out, [2]string{"label_errors_" + k[1], "errors of the kind " + k[0] + " under full load"})
			}
			return append(out, [2]string{"label_errors_rows_per_second", "lines read, faulty ones included, I-DAG plan under full load"})
		},
		run: measureFaults,
	}
}

func measureFaults(ctx context.Context, l *lab) error {
	var names []string
	for _, k := range faultKinds() {
		names = append(names, k[0])
	}
	chart := bars("faults", "Labelling errors counted", "events", "dead letters", names...)
	for _, load := range faultLoads() {
		rows := max(int(l.set.Rows)/10, fewestLines) * load / 100
		counted, err := l.faultLoad(ctx, rows, load == 100)
		if err != nil {
			return err
		}
		row := make([]float64, len(names))
		for i, n := range names {
			row[i] = float64(counted[n])
		}
		chart.group(strconv.Itoa(rows), row...)
	}
	l.out.Charts = append(l.out.Charts, chart)
	return nil
}

// faultLoad measures one load and returns what was counted.
func (l *lab) faultLoad(ctx context.Context, rows int, full bool) (counted map[string]int64, err error) {
	dir := filepath.Join(l.dir, fmt.Sprint("faults-", rows))
	seeded, err := writeFaults(dir, rows, uint64(l.set.Seed))
	if err != nil {
		return nil, err
	}
	total := int64(0)
	for _, n := range seeded {
		total += n
	}
	got, j := l.out.Samples, job{text: faultJob}.over(dir)
	var wrong error
	seen := func(r Run) {
		counted = r.Dead
		if !maps.Equal(r.Dead, seeded) {
			wrong = fault.New(fault.Bug, "of %d lines: counted %v, seeded %v", rows, r.Dead, seeded)
		}
	}
	list := []bench.Contender{l.contender("idag", j, planner.IDAG, seen), l.contender("masked", j, planner.Masked, seen)}
	err = l.rounds(ctx, fmt.Sprint(rows, " lines"), l.set.few(), list, func(round []bench.Outcome) {
		sum := int64(0)
		for _, n := range counted {
			sum += n
		}
		got.Add("label_errors_counted", "ratio", float64(sum)/float64(max(total, 1)))
		if full {
			got.Add("label_errors_rows_per_second", "rows/s", float64(rows)/seconds(round[0]))
		}
	})
	if err == nil {
		err = wrong
	}
	for _, k := range faultKinds() {
		if full {
			got.Add("label_errors_"+k[1], "", float64(counted[k[0]]))
		}
	}
	return counted, err
}

// taggedLine is an event that brings its tag.
type taggedLine struct {
	Time  string  `json:"ts"`
	Meter string  `json:"meter"`
	Kind  string  `json:"kind"`
	Wh    float64 `json:"wh"`
	Hash  int64   `json:"hash"`
	Seq   *int64  `json:"seq"`
}

// writeFaults writes a file of lines and returns how many faults of each kind it
// has.
func writeFaults(dir string, rows int, seed uint64) (seeded map[string]int64, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fault.Wrap(fault.Retry, err)
	}
	f, err := os.Create(filepath.Join(dir, "events.json"))
	if err != nil {
		return nil, fault.Wrap(fault.Retry, err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	seeded = map[string]int64{}
	for at := 0; at < rows && err == nil; at += 1 << 14 {
		err = writeLines(w, at, min(1<<14, rows-at), seed, seeded)
	}
	if err == nil {
		err = w.Flush()
	}
	if failed := f.Close(); err == nil {
		err = failed
	}
	return seeded, fault.Wrap(fault.Retry, err)
}

// writeLines writes n lines from place first on.
func writeLines(w *bufio.Writer, first, n int, seed uint64, seeded map[string]int64) error {
	meters, times := make([]string, n), make([]arrow.Timestamp, n)
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	for i := range n {
		meters[i] = fmt.Sprintf("m%05d", draw(seed, first+i, 1)%10_000)
		times[i] = arrow.Timestamp(start.Add(time.Duration(first+i) * time.Second).UnixMicro())
	}
	for i, hash := range identities(meters, times) {
		seq := int64(first + i)
		line := taggedLine{Time: time.UnixMicro(int64(times[i])).UTC().Format(time.RFC3339), Meter: meters[i],
			Kind: [...]string{"error", "backup", "information"}[draw(seed, first+i, 2)%3], Wh: float64(draw(seed, first+i, 3)%20_000) / 10, Hash: int64(hash), Seq: &seq}
		why := ""
		if draw(seed, first+i, 4)%faultEvery == 0 {
			why = faultKinds()[draw(seed, first+i, 5)%4][0]
			seeded[why]++
		}
		switch why {
		case work.AbnormalTag:
			line.Kind = "noise"
		case work.InaccurateTag:
			line.Hash++
		case work.PartialRelease:
			line.Seq = nil
		}
		text, err := json.Marshal(line)
		if err != nil {
			return err
		}
		if why == work.ImproperIngest {
			text = text[:len(text)/2]
		}
		if _, err := w.Write(append(text, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// identities are the hashes that the engine gives to events with these
// identities.
func identities(meters []string, times []arrow.Timestamp) []uint64 {
	mem := memory.NewGoAllocator()
	text := array.NewStringBuilder(mem)
	defer text.Release()
	text.AppendValues(meters, nil)
	at := array.NewTimestampBuilder(mem, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"})
	defer at.Release()
	at.AppendValues(times, nil)
	cols := []arrow.Array{text.NewArray(), at.NewArray()}
	defer cols[0].Release()
	defer cols[1].Release()
	return kernel.HashRows(cols, make([]uint64, len(meters)))
}

// draw is a number that follows from a seed, a row and a column: the finaliser
// of SplitMix64 over their sum.
func draw(seed uint64, row, column int) uint64 {
	x := seed*0x9e3779b97f4a7c15 + uint64(row)*0xd1342543de82ef95 + uint64(column)*0xaf251af3b0f025b5
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
