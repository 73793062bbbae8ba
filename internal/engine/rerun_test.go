package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// counting has a sink that gets rows from the first batch on, one whose rows
// leave state as windows pass, and one that no row comes to.
const counting = `
job: counting
labels: [error, backup, information]
vars: {from: "", to: "", mode: error}
settings: {batch_rows: 2000, in_flight: 2}
datasets:
  events:
    - read: {parquet: "${from}"}
    - tag: {column: kind, identity: [meter, ts], time: ts}
    - write: {parquet: {path: "${to}/events", mode: "${mode}"}}
  sums:
    - from: events
    - window: {time: ts, tumbling: 10 minutes}
    - reduce: {by: [meter, window_start], get: {n: count()}}
    - write: {parquet: {path: "${to}/sums", mode: "${mode}"}}
  none:
    - from: events
    - filter: "meter = 'there is none'"
    - write: {parquet: {path: "${to}/none", mode: "${mode}"}}
`

func outputs() []string { return []string{"events", "sums", "none"} }

// manySplits writes 20,000 events in row groups of 1,000.
func manySplits(t *testing.T) string {
	t.Helper()
	src := strings.Replace(copying, `{"${kind}": "${from}"}`, "{generate: {events: meter, rows: 20000, dirt: 0, span: 2 hours}}", 1)
	src = strings.Replace(src, `{parquet: "${to}"}`, `{parquet: {path: "${to}", row_group_rows: 1000}}`, 1)
	dir := filepath.Join(t.TempDir(), "events")
	if _, err := run(t, parsed(t, src, map[string]string{"to": dir}), engine.Config{Executors: 2}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func count(t *testing.T, from, to, mode string, cfg engine.Config) (engine.Summary, error) {
	t.Helper()
	cfg.Executors = 2
	return run(t, parsed(t, counting, map[string]string{"from": from, "to": to, "mode": mode}), cfg)
}

func mustCount(t *testing.T, from, to, mode string, cfg engine.Config) engine.Summary {
	t.Helper()
	s, err := count(t, from, to, mode, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stopAfter returns a configuration that stops a run once n batches are
// committed.
func stopAfter(ledger string, n int) engine.Config {
	stop := make(chan struct{})
	return engine.Config{Ledger: ledger, Stop: stop, Observe: func(p engine.Progress) {
		if p.Committed {
			if n--; n == 0 {
				close(stop)
			}
		}
	}}
}

// rows are the rows that a reader finds in each output of a job, sorted, with
// their labels but without what says in which batch and run they came.
func rows(t *testing.T, to string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, name := range outputs() {
		out[name] = rowsOf(t, filepath.Join(to, name))
	}
	return out
}

func rowsOf(t *testing.T, dir string) []string {
	t.Helper()
	if len(visible(t, dir)) == 0 {
		return nil
	}
	ctx, mem := context.Background(), arrowmem.DefaultAllocator
	src, err := parquet.Kind().Source(ctx, rdd.Options{"path": dir}, connectors.Env{Mem: mem})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	schema, err := src.Schema(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	for _, f := range schema.Fields() {
		if !slices.Contains([]string{"batch", "run", "job"}, f.Name) {
			columns = append(columns, f.Name)
		}
	}
	splits, _, err := src.Cut(ctx, "", rdd.Size{Rows: 1 << 40})
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	var out []string
	for _, s := range splits {
		for f, err := range src.Read(ctx, s, rdd.Projection{Columns: columns, Mem: mem}) {
			if err != nil {
				t.Fatal(err)
			}
			for i := range int(f.Batch.NumRows()) {
				line := ""
				for c := range columns {
					line += f.Batch.Column(c).ValueStr(i) + " "
				}
				out = append(out, line)
			}
		}
	}
	slices.Sort(out)
	return out
}

func wantRows(t *testing.T, what string, got, want map[string][]string) {
	t.Helper()
	for _, name := range outputs() {
		if !slices.Equal(got[name], want[name]) {
			t.Errorf("%s: %s holds %d rows, which are not the %d of one run", what, name, len(got[name]), len(want[name]))
		}
	}
}

// once runs the job into a directory of its own and returns what it gives.
func once(t *testing.T, from string) map[string][]string {
	t.Helper()
	to := t.TempDir()
	mustCount(t, from, to, "error", engine.Config{})
	want := rows(t, to)
	if len(want["events"]) != 20000 || len(want["sums"]) < 100 || len(want["none"]) > 0 {
		t.Fatalf("the job gives %d events, %d sums, %d others", len(want["events"]), len(want["sums"]), len(want["none"]))
	}
	return want
}

// TestRerun proves what a second run into the same place does: it is refused
// and told so, or replaces what is there, or adds to it. It never drops its
// result in silence.
func TestRerun(t *testing.T) {
	from := manySplits(t)
	want := once(t, from)
	to := t.TempDir()
	mustCount(t, from, to, "error", engine.Config{})
	_, err := count(t, from, to, "error", engine.Config{})
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "mode: overwrite") || !strings.Contains(err.Error(), "--ledger") {
		t.Fatalf("a second run into the same place: %v", err)
	}
	wantRows(t, "after a refused run", rows(t, to), want)
	mustCount(t, from, to, "overwrite", engine.Config{})
	wantRows(t, "overwritten", rows(t, to), want)

	// Rows that a run does not have must not be left of the one before.
	saved := filepath.Join(to, "none", "batch=000001", "label=error", "x.parquet")
	copyFile(t, someFile(t, filepath.Join(to, "events")), saved)
	mustCount(t, from, to, "overwrite", engine.Config{})
	wantRows(t, "overwritten by nothing", rows(t, to), want)

	to = t.TempDir()
	for range 2 {
		mustCount(t, from, to, "append", engine.Config{})
	}
	got := rows(t, to)
	if len(got["events"]) != 2*len(want["events"]) || len(got["sums"]) != 2*len(want["sums"]) {
		t.Errorf("two runs appended %d events and %d sums", len(got["events"]), len(got["sums"]))
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(to), 0o777), os.WriteFile(to, content, 0o666))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestResume proves, in every mode, that a run that was stopped and is taken up
// by its ledger gives exactly the rows of one that was not, and that with the
// ledger of a finished run the job begins anew.
func TestResume(t *testing.T) {
	from := manySplits(t)
	want := once(t, from)
	for _, mode := range []string{"error", "overwrite", "append"} {
		t.Run(mode, func(t *testing.T) {
			to, ledger := t.TempDir(), t.TempDir()
			if mode == "overwrite" {
				mustCount(t, from, to, "append", engine.Config{}) // is replaced
				copyFile(t, someFile(t, from), filepath.Join(to, "none", "job=old", "run=1", "batch=000001", "old.parquet"))
				copyFile(t, filepath.Join(to, "sums", "job=counting", markerIn(t, filepath.Join(to, "sums", "job=counting"))),
					filepath.Join(to, "none", "job=old", "run=1", "_idag.json"))
			}
			for range 2 {
				if s := mustCount(t, from, to, mode, stopAfter(ledger, 1)); len(s.Stopped) == 0 {
					t.Fatal("the run did not stop")
				}
			}
			if got := len(rowsOf(t, filepath.Join(to, "events"))); got == 0 || got >= 20000 {
				t.Fatalf("stopped with %d rows published", got)
			}
			s := mustCount(t, from, to, mode, engine.Config{Ledger: ledger})
			wantRows(t, "resumed", rows(t, to), want)
			if s.RowsIn != 20000 {
				t.Errorf("the summary counts %d rows", s.RowsIn)
			}
			was := listing(t, to)
			again, err := count(t, from, to, mode, engine.Config{Ledger: ledger})
			switch mode {
			case "error":
				if fault.Of(err) != fault.Invalid || listing(t, to) != was {
					t.Errorf("a new run into the place of a finished one: %v", err)
				}
			case "overwrite":
				wantRows(t, "run again", rows(t, to), want)
				fallthrough
			default:
				if err != nil || again.RowsIn != 20000 || again.Batches != s.Batches {
					t.Errorf("a new run behind a finished one came to %+v, %v", again, err)
				}
			}
		})
	}
}

// markerIn is the path of the marker of the only run below dir.
func markerIn(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "run=*", "_idag.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("markers below %s: %v, %v", dir, found, err)
	}
	rel, err := filepath.Rel(dir, found[0])
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

// TestDeadLettersOfRuns proves that each run has its letters to itself, and that a run without letters leaves nothing.
func TestDeadLettersOfRuns(t *testing.T) {
	from := events(t, "20000", "0.01")
	dead, ledger := t.TempDir(), t.TempDir()
	letters := func(to string, cfg engine.Config) int64 {
		t.Helper()
		cfg.DeadLetters, cfg.Executors = dead, 2
		s, err := run(t, parsed(t, copying, map[string]string{"from": from, "to": to}), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return s.DeadLetters
	}
	want := letters(t.TempDir(), engine.Config{})
	to := t.TempDir()
	if got := letters(to, engine.Config{Ledger: ledger}); got != want {
		t.Errorf("%d letters, then %d", want, got)
	}
	runs, err := filepath.Glob(filepath.Join(dead, "job=*", "run=*"))
	if err != nil || len(runs) != 2 {
		t.Fatalf("the runs left %v, %v", runs, err)
	}
	for _, r := range runs {
		lines := int64(0)
		files, err := filepath.Glob(filepath.Join(r, "batch=*", "label=*", "*.jsonl"))
		for _, f := range files {
			text, readErr := os.ReadFile(f)
			err = errors.Join(err, readErr)
			lines += int64(strings.Count(string(text), "\n"))
		}
		if err != nil || lines != want {
			t.Errorf("%s holds %d letters of %d, %v", r, lines, want, err)
		}
	}
	from = events(t, "100", "0")
	if n := letters(t.TempDir(), engine.Config{}); n != 0 {
		t.Fatalf("%d letters of clean data", n)
	}
	if now, _ := filepath.Glob(filepath.Join(dead, "job=*", "run=*")); len(now) != 2 {
		t.Errorf("a run without letters left %v", now)
	}
}

// listing is every name below dir with its size and time.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			_, err = fmt.Fprintln(&out, path, info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}
