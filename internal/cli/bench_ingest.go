package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// ingestRows is what reading is measured on, at the most.
const ingestRows = 2_000_000

// ingestJob reads all ten columns of meter events and keeps little of them.
const ingestJob = `
job: ingest
labels: [error, backup, information, kinds]
vars: {from: "", out: ""}
datasets:
  kinds:
    - read: {FORMAT: {path: "${from}", hive_partitioning: false OPTIONS}}
    - tag: {column: kind, time: ts}
    - reduce:
        from: [error, backup, information]
        by: [kind, feeder, firmware]
        get: {n: count(), wh: sum(wh), back: sum(back), mv: max(mv), ma: min(ma), code: max(code), meter: max(meter), first: min(ts), last: max(ts)}
    - write: {parquet: "${out}"}
`

// textJob writes meter events as text.
const textJob = `
job: text
labels: [error, backup, information]
vars: {from: "", out: ""}
datasets:
  events:
    - read: {parquet: "${from}"}
    - tag: {column: kind, time: ts}
    - write: {FORMAT: "${out}"}
`

// eventTypes are the columns of meter events.
const eventTypes = "ts timestamp, meter string, feeder string, kind string, wh double, back double, mv double, ma double, code bigint, firmware string"

// benchIngest measures how fast text is read.
func benchIngest() measurement {
	return measurement{
		name: "ingest",
		doc:  "reading the same events as JSON lines, CSV and Parquet",
		figures: func(*benchFlags) [][2]string {
			return [][2]string{
				{"json_rows_per_second", "JSON lines decoded on one core, ten columns of about 170 bytes a row; aim at least 1,000,000"},
				{"csv_rows_per_second", "CSV decoded on one core"},
				{"parquet_rows_per_second", "Parquet decoded on one core"},
				{"json_over_parquet", "time of the whole job over JSON lines by the time over Parquet, on all cores"},
				{"csv_over_parquet", "the same for CSV"},
				{"json_job_rows_per_second", "rows of the whole job over JSON lines, on all cores"},
				{"csv_job_rows_per_second", "the same for CSV"},
				{"json_bytes_per_second", "JSON lines decoded on one core"},
				{"csv_bytes_per_second", "CSV decoded on one core"},
				{"peak_rss_bytes", "resident memory of a process that runs the job over JSON lines"},
			}
		},
		run: func(ctx context.Context, s *session, f *benchFlags) (bench.Samples, error) {
			return s.measureIngest(ctx, f)
		},
	}
}

// ingest measures one data set in three formats.
type ingest struct {
	s    *session
	dir  string
	got  bench.Samples
	runs int
	size map[string]int64 // bytes by format
}

func formats() []string { return []string{"json", "csv", "parquet"} }

func (s *session) measureIngest(ctx context.Context, f *benchFlags) (got bench.Samples, err error) {
	dir, err := os.MkdirTemp("", "idag-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	f.rows, f.out, f.path = min(f.rows, ingestRows), filepath.Join(dir, "parquet"), ""
	if _, err := s.generate(ctx, &f.generateFlags); err != nil {
		return nil, err
	}
	in := &ingest{s: s, dir: dir, got: bench.Samples{}, size: map[string]int64{}}
	var list []bench.Contender
	for _, format := range formats() {
		if err := in.prepare(ctx, format); err != nil {
			return nil, err
		}
		list = append(list, bench.Contender{Name: format, Run: func(ctx context.Context) (bench.Outcome, error) { return in.job(ctx, format) }},
			bench.OnCores(1, bench.Contender{Name: format + " reader", Run: func(ctx context.Context) (bench.Outcome, error) { return in.decode(ctx, format) }}))
	}
	if err := bench.Rounds(ctx, f.runs, list, in.record); err != nil {
		return nil, err
	}
	return in.got, in.memory(ctx, f.runs)
}

// prepare makes the events in a format, with the job that reads them.
func (in *ingest) prepare(ctx context.Context, format string) error {
	if format != "parquet" {
		src := strings.ReplaceAll(textJob, "FORMAT", format)
		job, err := in.parse(src, filepath.Join(in.dir, "parquet"), filepath.Join(in.dir, format))
		if err != nil {
			return err
		}
		if _, err := in.s.whole(ctx, job, planner.IDAG, &silent{w: in.s.io.Err, errs: in.s.io.Err}); err != nil {
			return err
		}
	}
	err := filepath.WalkDir(filepath.Join(in.dir, format), func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			in.size[format] += info.Size()
		}
		return err
	})
	if err != nil {
		return err
	}
	return os.WriteFile(in.file(format), []byte(ingestOf(format)), 0o666)
}

func (in *ingest) file(format string) string { return filepath.Join(in.dir, format+".yaml") }

// ingestOf is the job over a format. Text is told its types, that all formats
// give the same.
func ingestOf(format string) string {
	options := ""
	switch format {
	case "json":
		options = `, schema: "` + eventTypes + `"`
	case "csv":
		options = `, types: {` + strings.ReplaceAll(strings.ReplaceAll(eventTypes, ", ", ","), " ", ": ") + `}`
		options = strings.ReplaceAll(options, ",", ", ")
	}
	return strings.NewReplacer("FORMAT", format, " OPTIONS", options).Replace(ingestJob)
}

func (in *ingest) parse(src, from, out string) (*rdd.Job, error) {
	return jobfile.Parse("ingest.yaml", []byte(src), map[string]string{"from": from, "out": out}, in.s.app.Kinds)
}

// build is the job over a format, with its results in a directory of its own.
func (in *ingest) build(format string) (job *rdd.Job, out string, err error) {
	in.runs++
	out = filepath.Join(in.dir, fmt.Sprint("out", in.runs))
	job, err = in.parse(ingestOf(format), filepath.Join(in.dir, format), out)
	return job, out, err
}

func (in *ingest) job(ctx context.Context, format string) (bench.Outcome, error) {
	job, out, err := in.build(format)
	if err != nil {
		return bench.Outcome{}, err
	}
	sum, err := in.s.whole(ctx, job, planner.IDAG, &silent{w: in.s.io.Err, errs: in.s.io.Err})
	err = errors.Join(err, os.RemoveAll(out))
	if err == nil && sum.DeadLetters > 0 {
		err = fault.New(fault.Bug, "%d of %d rows of %s could not be read", sum.DeadLetters, sum.RowsIn, format)
	}
	return bench.Outcome{Wall: time.Duration(sum.WallSeconds * float64(time.Second)), Rows: sum.RowsIn, RowsOut: sum.RowsOut, Checksum: sum.Checksum}, err
}

func (in *ingest) decode(ctx context.Context, format string) (bench.Outcome, error) {
	job, _, err := in.build(format)
	if err != nil {
		return bench.Outcome{}, err
	}
	p, err := in.s.app.Engine.Compile(ctx, job, engine.Config{Mode: planner.IDAG, Kinds: in.s.app.Kinds})
	if err != nil {
		return bench.Outcome{}, err
	}
	return bench.Decode(ctx, p, in.s.app.Kinds, runtime.GOMAXPROCS(0))
}

// record makes figures of a round: of each format the job, then the reader.
func (in *ingest) record(round []bench.Outcome) {
	at := map[string]int{}
	for i, format := range formats() {
		at[format] = 2 * i
		reader := round[2*i+1]
		in.got.Add(format+"_rows_per_second", "rows/s", float64(reader.Rows)/reader.Wall.Seconds())
		in.got.Add(format+"_bytes_per_second", "B/s", float64(in.size[format])/reader.Wall.Seconds())
		in.got.Add(format+"_job_rows_per_second", "rows/s", float64(round[2*i].Rows)/round[2*i].Wall.Seconds())
	}
	for _, format := range []string{"json", "csv"} {
		in.got.Add(format+"_over_parquet", "ratio", round[at[format]].Wall.Seconds()/round[at["parquet"]].Wall.Seconds())
	}
}

// memory runs the job over JSON lines in processes of their own.
func (in *ingest) memory(ctx context.Context, times int) error {
	for i := range times {
		out := filepath.Join(in.dir, fmt.Sprint("rss", i))
		ran, err := program(ctx, "run", in.file("json"), "--set", "from="+filepath.Join(in.dir, "json"), "--set", "out="+out, "--json")
		if err != nil {
			return err
		}
		sum, err := lastLine(ran.out)
		if err != nil {
			return err
		}
		in.got.Add("peak_rss_bytes", "B", float64(sum.PeakRSSBytes))
	}
	return nil
}
