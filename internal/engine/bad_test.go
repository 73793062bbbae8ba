package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/generate"
	"github.com/idag/idag/connectors/json"
	"github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/rdd"
)

// copying is a job that copies events from one place to another.
const copying = `
job: copying
labels: [error, backup, information]
vars: {from: "", to: "", kind: parquet}
datasets:
  events:
    - read: {"${kind}": "${from}"}
    - tag: {column: kind, identity: [meter, ts], time: ts}
    - write: {parquet: "${to}"}
`

func parsed(t *testing.T, src string, vars map[string]string) *rdd.Job {
	t.Helper()
	job, err := jobfile.Parse("job.yaml", []byte(src), vars, kinds())
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func kinds() connectors.Registry {
	return connectors.NewRegistry(parquet.Kind(), generate.Kind(), json.Kind())
}

// run runs a job with everything checked: Arrow memory must come back to zero.
func run(t *testing.T, job *rdd.Job, cfg engine.Config) (engine.Summary, error) {
	t.Helper()
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	cfg.Kinds, cfg.Mem = kinds(), mem
	s, err := engine.Run(context.Background(), job, cfg)
	mem.AssertSize(t, 0)
	return s, err
}

// events writes a small data set of made-up events and returns its directory.
func events(t *testing.T, rows string, dirt string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "events")
	src := strings.Replace(strings.Replace(copying, `{"${kind}": "${from}"}`, "{generate: {events: meter, rows: "+rows+", dirt: "+dirt+"}}", 1),
		"information]", "information, odd]", 1)
	src = strings.Replace(src, "identity: [meter, ts], time: ts", "identity: [meter, ts], time: ts, otherwise: odd", 1)
	if _, err := run(t, parsed(t, src, map[string]string{"to": dir}), engine.Config{Executors: 2}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// someFile returns a Parquet file below dir.
func someFile(t *testing.T, dir string) string {
	t.Helper()
	found := ""
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".parquet") {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("no file below %s: %v", dir, err)
	}
	return found
}

// TestBadInput proves that what is wrong with a data set is said with its path,
// as the user's mistake, and that no output is to be seen then.
func TestBadInput(t *testing.T) {
	good := events(t, "5000", "0")
	file := someFile(t, good)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	middle := append([]byte(nil), whole...)
	for i := len(middle) / 3; i < len(middle)/3+200; i++ {
		middle[i] ^= 0x5a
	}
	for name, c := range map[string]struct{ from, says string }{
		"missing":   {filepath.Join(t.TempDir(), "nothing"), "no such file"},
		"truncated": {write("a.parquet", whole[:len(whole)/2]), "a.parquet"},
		"foreign":   {write("b.parquet", []byte("name,value\na,1\n")), "b.parquet"},
		"empty":     {write("c.parquet", nil), "c.parquet"},
		"damaged":   {write("d.parquet", middle), "d.parquet"},
	} {
		t.Run(name, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "out")
			_, err := run(t, parsed(t, copying, map[string]string{"from": c.from, "to": to}), engine.Config{Executors: 2})
			if err == nil || !strings.Contains(err.Error(), c.says) || fault.Of(err) != fault.Invalid {
				t.Errorf("got %v (%s), want an invalid input that says %q", err, fault.Of(err), c.says)
			}
			if seen := visible(t, to); len(seen) > 0 {
				t.Errorf("output is to be seen: %v", seen)
			}
		})
	}
}

// visible lists the Parquet files that a reader of dir would find.
func visible(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if err == nil && !d.IsDir() && strings.HasPrefix(d.Name(), "part-") {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestUnwritable proves that a sink that cannot be written is found before any
// row is read, and named.
func TestUnwritable(t *testing.T) {
	from := events(t, "100", "0")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := run(t, parsed(t, copying, map[string]string{"from": from, "to": filepath.Join(file, "out")}), engine.Config{})
	if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v (%s), want an invalid output that names %s", err, fault.Of(err), file)
	}
}

// TestFullDisk runs into a real file system of one megabyte, which needs the
// right to mount one.
func TestFullDisk(t *testing.T) {
	from := events(t, "60000", "0")
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no small file system to fill: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(small, 0); err != nil {
			t.Error(err)
		}
	}()
	to := filepath.Join(small, "out")
	job := parsed(t, copying, map[string]string{"from": from, "to": to})
	s, err := run(t, job.With(rdd.Settings{BatchRows: 8192}), engine.Config{Executors: 2})
	if err == nil || !strings.Contains(err.Error(), "the disk is full") || !strings.Contains(err.Error(), small) {
		t.Fatalf("got %v, want that the disk is full, and where", err)
	}
	if s.RowsOut >= 60000 {
		t.Errorf("%d rows out of 60000 were published on a full disk", s.RowsOut)
	}
	again := filepath.Join(t.TempDir(), "again")
	if len(visible(t, to)) == 0 {
		return // the first batch did not fit
	}
	got, err := run(t, parsed(t, copying, map[string]string{"from": to, "to": again}), engine.Config{})
	if err != nil || got.RowsIn != s.RowsOut {
		t.Errorf("the published part has %d rows (%v), the summary says %d", got.RowsIn, err, s.RowsOut)
	}
}

// TestUnlabelled proves that rows no rule labels become dead letters with their
// original, and that the numbers add up.
func TestUnlabelled(t *testing.T) {
	from := events(t, "20000", "0.01")
	to, dead := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "dead")
	s, err := run(t, parsed(t, copying, map[string]string{"from": from, "to": to}), engine.Config{Executors: 2, DeadLetters: dead})
	if err != nil {
		t.Fatal(err)
	}
	if s.RowsIn != 20000 || s.DeadLetters == 0 || s.RowsTagged+s.DeadLetters != s.RowsIn || s.RowsOut != s.RowsTagged {
		t.Errorf("the numbers do not add up: %+v", s)
	}
	var lines int64
	for _, f := range visible(t, dead) {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines += int64(strings.Count(string(text), "\n"))
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, `"original":"{`) || !strings.Contains(line, `"reason":"abnormal tag"`) {
				t.Fatalf("a dead letter without its original or reason: %s", line)
			}
		}
	}
	if lines != s.DeadLetters {
		t.Errorf("%d dead letters were written, the summary says %d", lines, s.DeadLetters)
	}
}

// TestStop proves that a run that is asked to stop finishes the batches in
// flight, publishes them whole, and says where it stands.
func TestStop(t *testing.T) {
	src := strings.Replace(copying, `{"${kind}": "${from}"}`, "{generate: {events: meter, rows: 10000000, rate: 200000}}", 1)
	to := filepath.Join(t.TempDir(), "out")
	stop := make(chan struct{})
	time.AfterFunc(300*time.Millisecond, func() { close(stop) })
	s, err := run(t, parsed(t, src, map[string]string{"to": to}), engine.Config{Executors: 2, Stop: stop})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Stopped) != 1 || s.RowsIn == 0 || s.RowsIn == 10000000 || s.RowsOut != s.RowsIn {
		t.Errorf("stopped %q after %d rows in, %d out", s.Stopped, s.RowsIn, s.RowsOut)
	}
	got, err := run(t, parsed(t, copying, map[string]string{"from": to, "to": filepath.Join(t.TempDir(), "again")}), engine.Config{})
	if err != nil || got.RowsIn != s.RowsOut {
		t.Errorf("published are %d rows (%v); the summary says %d", got.RowsIn, err, s.RowsOut)
	}
}

// TestTwoWritesOnePlace proves that a job cannot write twice into one directory.
func TestTwoWritesOnePlace(t *testing.T) {
	src := copying + `    - write: {parquet: "${to}/"}` + "\n"
	_, err := run(t, parsed(t, src, map[string]string{"from": events(t, "100", "0"), "to": filepath.Join(t.TempDir(), "out")}), engine.Config{})
	if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "job.yaml:10:") || !strings.Contains(err.Error(), "job.yaml:9:") {
		t.Errorf("got %v, want the second write refused at its line, with the line of the first", err)
	}
}

// TestTooDirty proves that a job which puts up with few dead letters stops behind
// the batch that goes too far, whose letters are in the job's own sink, and that
// a job which puts up with more does not.
func TestTooDirty(t *testing.T) {
	from, to := events(t, "20000", "0.01"), t.TempDir()
	src := "deadletter: {json: \"" + filepath.Join(to, "dead") + "\", max: 0.5%}\n" + copying
	vars := map[string]string{"from": from, "to": filepath.Join(to, "a")}
	s, err := run(t, parsed(t, src, vars).With(rdd.Settings{BatchRows: 4000}), engine.Config{Executors: 2})
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "(max: 0.5%)") || !strings.Contains(err.Error(), "abnormal tag") {
		t.Fatalf("got %v", err)
	}
	if s.RowsIn == 0 || len(visible(t, filepath.Join(to, "dead"))) == 0 {
		t.Errorf("%d rows in; the letters are in %v", s.RowsIn, visible(t, filepath.Join(to, "dead")))
	}
	src = "deadletter: {json: \"" + filepath.Join(to, "dead2") + "\", max: [5%, 1000]}\n" + copying
	vars["to"] = filepath.Join(to, "b")
	s, err = run(t, parsed(t, src, vars), engine.Config{Executors: 2})
	if err != nil || s.DeadLetters == 0 {
		t.Fatalf("%d dead letters: %v", s.DeadLetters, err)
	}
	letters := `{labels: [dead_letter], job: again, datasets: {d: [{read: {json: "` + filepath.Join(to, "dead2") +
		`"}}, {tag: {otherwise: dead_letter}}, {write: {parquet: "` + filepath.Join(to, "copy") + `"}}]}}`
	again, err := run(t, parsed(t, letters, nil), engine.Config{})
	if err != nil || again.RowsIn != s.DeadLetters {
		t.Errorf("%d letters were kept of %d: %v", again.RowsIn, s.DeadLetters, err)
	}
}
