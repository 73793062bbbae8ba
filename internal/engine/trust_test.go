package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// firstHalf is what is done near the devices, and the beginning of whole.
const firstHalf = `
    - tag: {column: kind, identity: [meter, ts], time: ts}
    - map: {for: [backup, information], set: {net: wh - back}}
    - map: {for: error, set: {severity: code / 100}}
    - filter: {for: error, where: severity > 1}
`

const edgeJob = `
job: edge
labels: [error, backup, information]
settings: {batch_rows: 5000}
datasets:
  events:
    - read: {generate: {events: meter, rows: 20000, partitions: 3}}` + firstHalf + `
    - write: {parquet: {path: TO, row_group_rows: 1000}}
`

const wholeJob = `
job: whole
labels: [error, backup, information]
settings: {lateness: 100 days}
datasets:
  events:
    - read: {generate: {events: meter, rows: 20000, partitions: 3}}` + firstHalf + `
    - window: {time: ts, tumbling: 1 hour}
    - write: {parquet: TO/errors, from: error, columns: [meter, ts, severity, _hash]}
  sums:
    - from: events
    - reduce: {from: [backup, information], by: [meter, window_start], get: {net: sum(net), n: count()}}
    - write: {parquet: TO/sums, columns: [meter, window_start, net, n]}
`

const readHalf = `{parquet: {path: FROM, union_by_name: true}}`

// half writes the first half of the work and returns where.
func half(t *testing.T, job string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "half")
	if _, err := run(t, parsed(t, strings.ReplaceAll(job, "TO", to), nil), engine.Config{Executors: 2}); err != nil {
		t.Fatal(err)
	}
	return to
}

// centre is the whole job over rows of which the first half is done.
func centre(t *testing.T, from, trust string) *rdd.Job {
	t.Helper()
	src := strings.Replace(wholeJob, `{generate: {events: meter, rows: 20000, partitions: 3}}`, strings.TrimSuffix(readHalf, "}")+trust+"}", 1)
	return parsed(t, strings.NewReplacer("FROM", from, "TO", t.TempDir()).Replace(src), nil)
}

// TestEdgeAndCentre proves that the whole job over what an edge has half done gives
// the checksum of the whole job over raw input, in every plan and whatever plan the edge
// has, and that the first half is not done again.
func TestEdgeAndCentre(t *testing.T) {
	raw, err := run(t, parsed(t, strings.ReplaceAll(wholeJob, "TO", t.TempDir()), nil), engine.Config{Executors: 2})
	if err != nil {
		t.Fatal(err)
	}
	from := half(t, edgeJob)
	for _, mode := range modes() {
		s, err := run(t, centre(t, from, ", trust: done"), engine.Config{Mode: mode, Executors: 3})
		if err != nil {
			t.Fatalf("%s plan: %v", mode, err)
		}
		if s.Checksum != raw.Checksum || s.RowsOut != raw.RowsOut || s.Late+raw.Late+s.DeadLetters > 0 {
			t.Errorf("%s plan: %d rows with checksum %s, from raw input %d with %s; %d late", mode, s.RowsOut, s.Checksum, raw.RowsOut, raw.Checksum, s.Late)
		}
		if again := s.Operations["tag#1"]; again != nil {
			t.Errorf("%s plan: rows were tagged again: %v", mode, again)
		}
		if mode != planner.IDAG {
			continue // there rows of all labels go through all that follows
		}
		for op, labels := range s.Operations {
			if kind, _, _ := strings.Cut(op, "#"); kind == "map" || kind == "filter" {
				t.Errorf("%s was done again: %v", op, labels)
			}
		}
		done := fmt.Sprint(s.Bypassed["done"])
		n := raw.Operations["filter#4"]["error"].Out
		if want := fmt.Sprintf("error:map[filter#4:%d map#3:%[1]d tag#1:%[1]d]", n); n == 0 || !strings.Contains(done, want) {
			t.Errorf("done are %s, want %s", done, want)
		}
		if s.Bypassed["label"]["error"]["map#2"] != n {
			t.Errorf("rows of errors pass by map#2 for %v", s.Bypassed["label"])
		}
	}
}

// TestTrustIsAsked: a list that matches stops the job, at the line of its read, with
// what was found where and what to write; the answer decides.
func TestTrustIsAsked(t *testing.T) {
	from := half(t, edgeJob)
	for _, mode := range modes() {
		_, err := run(t, centre(t, from, ""), engine.Config{Mode: mode, Executors: 2})
		var e *rdd.Error
		if !errors.As(err, &e) || fault.Of(err) != fault.Invalid || e.At.File != "job.yaml" || e.At.Line != 7 {
			t.Fatalf("%s plan: %v", mode, err)
		}
		for _, want := range []string{from, "tag, map", "write trust: done", "trust: none"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s plan: %v does not say %q", mode, err, want)
			}
		}
	}
	s, err := run(t, centre(t, from, ", trust: none"), engine.Config{Executors: 2})
	if err != nil || len(s.Bypassed["done"]) > 0 || s.Operations["tag#1"]["error"].In == 0 {
		t.Errorf("with trust: none %v was done, %v", s.Bypassed, err)
	}
}

// TestOtherListsProveNothing: where an edge has done something else, if only by an
// expression, nothing is skipped and there is nothing to ask; other labels are taken up.
func TestOtherListsProveNothing(t *testing.T) {
	from := half(t, strings.Replace(edgeJob, "wh - back", "wh - back + 0.0", 1))
	s, err := run(t, centre(t, from, ", trust: done"), engine.Config{Executors: 2})
	if err != nil {
		t.Fatal(err)
	}
	if s.Bypassed["done"]["information"] != nil || s.Bypassed["done"]["error"]["map#3"] == 0 || s.Operations["map#2"]["information"].In == 0 {
		t.Errorf("done are %v", s.Bypassed["done"])
	}
}

// TestWhatWasLeftOut: a column that the rest of the job needs and the edge did not
// write stops the job, in every plan; one that it does not need is not missed.
func TestWhatWasLeftOut(t *testing.T) {
	needs := func(columns string) string {
		return half(t, strings.Replace(edgeJob, "parquet: {path: TO, row_group_rows: 1000}", "parquet: {path: TO}, columns: ["+columns+"]", 1))
	}
	from := needs("meter, ts, kind, severity, wh, back, code")
	for _, mode := range modes() {
		_, err := run(t, addColumn(t, centre(t, from, ", trust: done"), "net"), engine.Config{Mode: mode, Executors: 2})
		if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), `column "net"`) || !strings.Contains(err.Error(), "job.yaml:7") {
			t.Errorf("%s plan: %v", mode, err)
		}
	}
	from = needs("meter, ts, kind, severity, net, wh, back, code") // without mv, ma, feeder
	if _, err := run(t, centre(t, from, ", trust: done"), engine.Config{Executors: 2}); err != nil {
		t.Error(err)
	}
}

// addColumn puts a file that has a column into the source of a job, so that its schema
// has it.
func addColumn(t *testing.T, job *rdd.Job, column string) *rdd.Job {
	t.Helper()
	from := fmt.Sprint(job.Datasets()[0].Op().(rdd.Read).Options["path"])
	src := "job: one\nlabels: [a]\ndatasets:\n  d:\n    - read: {generate: {events: meter, rows: 1}}\n    - tag: {otherwise: a}\n" +
		"    - map: {set: {" + column + ": wh}}\n    - write: {parquet: TO}\n"
	one := half(t, src)
	copyFile(t, someFile(t, one), filepath.Join(from, "batch=000009", "label=more", "one.parquet"))
	return job
}

// TestDeadLettersOfEnteredRows: what is wrong with a row that was half done is found
// behind its place; its original is the row as it was read.
func TestDeadLettersOfEnteredRows(t *testing.T) {
	first := strings.Replace(firstHalf, "time: ts}", "time: ts, otherwise: error}", 1)
	from := half(t, strings.Replace(edgeJob, firstHalf, strings.Replace(first, "severity > 1", "true", 1), 1))
	src := strings.Replace(wholeJob, firstHalf, strings.Replace(first, "severity > 1", "true", 1)+"    - map: {for: error, set: {code: strict(cast(meter as int))}}\n", 1)
	src = strings.Replace(src, `{generate: {events: meter, rows: 20000, partitions: 3}}`, strings.TrimSuffix(readHalf, "}")+", trust: done}", 1)
	var sums []string
	for _, mode := range modes() {
		letters := t.TempDir()
		job := parsed(t, strings.NewReplacer("FROM", from, "TO", t.TempDir()).Replace(src), nil)
		s, err := run(t, job, engine.Config{Mode: mode, Executors: 2, DeadLetters: letters})
		if err != nil || s.DeadLetters == 0 {
			t.Fatalf("%s plan: %d dead letters, %v", mode, s.DeadLetters, err)
		}
		sums = append(sums, s.Checksum)
		if text := contents(t, letters); strings.Count(text, `\"severity\":`) != int(s.DeadLetters) {
			t.Errorf("%s plan: %d dead letters, originals: %.400s", mode, s.DeadLetters, text)
		}
	}
	for _, sum := range sums {
		if sum != sums[0] {
			t.Errorf("the plans differ: %v", sums)
		}
	}
}

// contents is the text of all files below a directory.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestResumeOfEnteredRows: a run over half done rows that was stopped goes on by its
// ledger to the same rows; one whose trust has changed since is another job.
func TestResumeOfEnteredRows(t *testing.T) {
	from := half(t, edgeJob)
	whole, err := run(t, centre(t, from, ", trust: done"), engine.Config{Executors: 2})
	if err != nil {
		t.Fatal(err)
	}
	ledger := t.TempDir()
	job := centre(t, from, ", trust: done")
	small := job.Settings
	small.BatchRows = 2000
	job = job.With(small)
	s, err := run(t, job, stopAfter(ledger, 2))
	if err != nil || len(s.Stopped) == 0 {
		t.Fatalf("the run was not stopped: %v", err)
	}
	other := centre(t, from, ", trust: none").With(small)
	if _, err := run(t, other, engine.Config{Ledger: ledger}); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "trust: none") {
		t.Errorf("with another trust the run goes on: %v", err)
	}
	s, err = run(t, job, engine.Config{Ledger: ledger})
	if err != nil || s.Checksum != whole.Checksum || s.RowsIn != whole.RowsIn {
		t.Errorf("stopped and taken up: checksum %s of %d rows, want %s of %d; %v", s.Checksum, s.RowsIn, whole.Checksum, whole.RowsIn, err)
	}
}

// TestHeadersOfOtherRows: a header that was changed proves nothing and raises no
// question; its rows are taken as they are, and counted.
func TestHeadersOfOtherRows(t *testing.T) {
	from := half(t, edgeJob)
	err := filepath.WalkDir(from, func(path string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".parquet" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, bytes.ReplaceAll(b, []byte(`"map:`), []byte(`"mop:`)), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, trust := range []string{"", ", trust: done", ", trust: none"} {
		s, err := run(t, centre(t, from, trust), engine.Config{Executors: 2})
		if err != nil {
			t.Fatalf("%s: %v", trust, err)
		}
		if want == "" {
			want = s.Checksum
		}
		if s.RowsUnbound != s.RowsIn || s.RowsIn == 0 || len(s.Bypassed["done"]) > 0 || s.Checksum != want {
			t.Errorf("%q: of %d rows %d are under headers of others, done are %v, checksum %s and %s", trust, s.RowsIn, s.RowsUnbound, s.Bypassed["done"], s.Checksum, want)
		}
	}
}
