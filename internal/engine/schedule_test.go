package engine_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
)

// TestScheduleLeavesTheRestOut proves that of a job with three outputs, one of which
// is wanted, that one gets the rows it always gets, and the others nothing, in
// every plan; and that the I-DAG plan counts what it left out.
func TestScheduleLeavesTheRestOut(t *testing.T) {
	from, whole := manySplits(t), t.TempDir()
	mustCount(t, from, whole, "error", engine.Config{})
	for _, mode := range modes() {
		to := t.TempDir()
		job := parsed(t, counting, map[string]string{"from": from, "to": to}).Wanted("sums")
		s, err := run(t, job, engine.Config{Mode: mode, Executors: 2})
		if err != nil {
			t.Fatal(err)
		}
		got, want := rows(t, to), rows(t, whole)
		if strings.Join(got["sums"], "\n") != strings.Join(want["sums"], "\n") || len(got["events"]) != 0 {
			t.Errorf("%s plan: %d sums, want %d; %d events", mode, len(got["sums"]), len(want["sums"]), len(got["events"]))
		}
		if n := len(visible(t, filepath.Join(to, "events"))); n != 0 {
			t.Errorf("%s plan: %d files of an output that is not scheduled", mode, n)
		}
		passed := int64(0)
		for _, ops := range s.Bypassed["unscheduled"] {
			passed += ops["write#2"]
		}
		if want := s.RowsTagged; mode == planner.IDAG && passed != want || mode.Linear() && passed != 0 {
			t.Errorf("%s plan: %d rows passed by the write, of %d", mode, passed, want)
		}
	}
}

// TestScheduleReadsNoOtherSource proves that a source which only other outputs
// need is not read, and does not hold the watermark of those that are.
func TestScheduleReadsNoOtherSource(t *testing.T) {
	src := `
job: two
labels: [error, backup, information]
vars: {to: ""}
settings: {batch_rows: 500}
datasets:
  far:
    - read: {generate: {events: meter, rows: 3000, dirt: 0, span: 2 hours}}
    - tag: {column: kind, time: ts}
    - write: {json: "${to}/far"}
  near:
    - read: {generate: {events: meter, rows: 1000, dirt: 0, span: 2 hours}}
    - tag: {column: kind, time: ts}
    - window: {time: ts, tumbling: 10 minutes}
    - reduce: {by: [window_start], get: {n: count()}}
    - write: {json: "${to}/near"}
`
	sums := map[string]string{}
	for _, name := range []string{"far", "near", ""} {
		job := parsed(t, src, map[string]string{"to": t.TempDir()})
		want := int64(4000)
		if name != "" {
			job, want = job.Wanted(name), map[string]int64{"far": 3000, "near": 1000}[name]
		}
		for _, mode := range modes() {
			to := t.TempDir()
			job := parsed(t, src, map[string]string{"to": to}).Wanted(job.Schedule...)
			s, err := run(t, job, engine.Config{Mode: mode, Executors: 2})
			if err != nil {
				t.Fatal(err)
			}
			if s.RowsIn != want || s.Late != 0 {
				t.Errorf("schedule %q, %s plan: %d rows read, %d late; want %d", name, mode, s.RowsIn, s.Late, want)
			}
			if was, ok := sums[name]; ok && was != s.Checksum {
				t.Errorf("schedule %q, %s plan: checksum %s, others %s", name, mode, s.Checksum, was)
			}
			sums[name] = s.Checksum
		}
	}
}

// TestScheduleIsPartOfTheJob proves that an unfinished run does not go on under
// another schedule, and says why.
func TestScheduleIsPartOfTheJob(t *testing.T) {
	from, to, ledger := manySplits(t), t.TempDir(), t.TempDir()
	mustCount(t, from, to, "error", stopAfter(ledger, 2))
	job := parsed(t, counting, map[string]string{"from": from, "to": to})
	_, err := run(t, job.Wanted("sums"), engine.Config{Ledger: ledger, Executors: 2})
	if fault.Of(err) != fault.Invalid {
		t.Fatalf("taken up under another schedule: %v", err)
	}
	for _, part := range []string{"schedule: is sums, was all", "write#2: write parquet " + to + "/events is gone"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in\n%v", part, err)
		}
	}
	if _, err := run(t, job.Wanted("none", "sums", "events"), engine.Config{Ledger: ledger, Executors: 2}); err != nil {
		t.Errorf("with all outputs named it is the same job: %v", err)
	}
}
