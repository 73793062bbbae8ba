package engine_test

import (
	"context"
	"testing"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/engine"
)

const summing = `
job: summing
labels: [error, backup, information]
vars: {to: ""}
settings: {batch_rows: 2000}
datasets:
  events:
    - read: {generate: {events: meter, rows: 5000, dirt: 0, span: 2 hours}}
    - tag: {column: kind, identity: [meter, ts], time: ts}
  sums:
    - from: events
    - map: {for: error, set: {severity: code / 100}}
    - window: {time: ts, tumbling: 10 minutes}
    - reduce: {by: [meter, window_start], get: {n: count(), worst: max(wh)}}
    - write: {parquet: "${to}"}
`

// TestAnalyze proves that a job which is analyzed gives the rows of a run, though
// nothing is written, and that what its operations took is within what its executors had.
func TestAnalyze(t *testing.T) {
	for _, mode := range modes() {
		ran, err := run(t, parsed(t, summing, map[string]string{"to": t.TempDir()}), engine.Config{Mode: mode, Executors: 2})
		if err != nil {
			t.Fatal(err)
		}
		to := t.TempDir()
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		a, err := engine.Analyze(context.Background(), parsed(t, summing, map[string]string{"to": to}),
			engine.Config{Mode: mode, Executors: 2, Kinds: kinds(), Mem: mem, Ledger: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		mem.AssertSize(t, 0)
		if len(visible(t, to)) != 0 {
			t.Errorf("%s: something was written", mode)
		}
		if a.Tally.RowsIn != ran.RowsIn || a.Tally.RowsOut != ran.RowsOut {
			t.Errorf("%s: %d rows in, %d out; a run has %d and %d", mode, a.Tally.RowsIn, a.Tally.RowsOut, ran.RowsIn, ran.RowsOut)
		}
		var time float64
		for k, c := range a.Tally.Ops {
			if c.Time < 0 {
				t.Errorf("%s: operation %d took %v", mode, k.Op, c.Time)
			}
			time += c.Time.Seconds()
		}
		if had := a.Wall.Seconds() * float64(a.Executors); time <= 0 || time > had {
			t.Errorf("%s: operations took %v s of %v s", mode, time, had)
		}
	}
}

// TestSurvey proves that all splits are found, with the source they are of, and none
// of a source that is not scheduled.
func TestSurvey(t *testing.T) {
	src := summing + `
  others:
    - read: {generate: {events: meter, rows: 700, dirt: 0}}
    - tag: {column: kind}
    - write: {parquet: "${to}-others"}
`
	for name, want := range map[string][2]int64{"": {5000, 700}, "sums": {5000, 0}, "others": {0, 700}} {
		job := parsed(t, src, map[string]string{"to": t.TempDir()})
		if name != "" {
			job = job.Wanted(name)
		}
		plan, splits, err := engine.Survey(context.Background(), job, engine.Config{Kinds: kinds()})
		if err != nil {
			t.Fatal(err)
		}
		var rows [2]int64
		for _, s := range splits {
			rows[s.Source] += s.Rows
		}
		if rows != want || plan == nil {
			t.Errorf("schedule %q: %v rows, want %v", name, rows, want)
		}
	}
}
