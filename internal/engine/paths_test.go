package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
)

// TestOutputMeetsInput proves that a job whose output is, contains or lies
// inside of its input is refused when it is compiled, at the line of the write,
// however the two are spelled, and that neighbours are not.
func TestOutputMeetsInput(t *testing.T) {
	in := events(t, "100", "0")
	parent := filepath.Dir(in)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(parent, link); err != nil {
		t.Fatal(err)
	}
	t.Chdir(parent)
	t.Setenv("EVENTS", in)
	base := filepath.Base(in)
	files := filepath.Dir(someFile(t, in))
	for _, c := range []struct {
		from, to string
		refused  bool
	}{
		{in, in, true},
		{in, in + "/", true},
		{in, parent, true},
		{in, filepath.Join(in, "deep", "out"), true},
		{base, in, true},
		{in, base, true},
		{in, filepath.Join(link, base), true},
		{in, filepath.Join(link, base, "new"), true},
		{in + "/**/*.parquet", in, true},
		{in + "/**/*.parquet", filepath.Join(in, "out"), true},
		{files + "/*.parquet", filepath.Join(files, "out"), false}, // the pattern matches nothing down there
		{files + "/*", filepath.Join(files, "out"), true},
		{in + "/batch=*/**", filepath.Join(in, "out"), true},
		{in, in + "2", false},
		{in, "${EVENTS}", true},
		{"${EVENTS}", "file://" + in + "/out", true},
		{in, "${EVENTS}2", false},
		{"{" + in + ",x}/**", in, true},
		{in, filepath.Join(parent, "out"), false},
		{in + "/**/*.parquet", filepath.Join(parent, "out"), false},
	} {
		job := parsed(t, copying, map[string]string{"from": c.from, "to": c.to})
		_, err := engine.Compile(context.Background(), job, engine.Config{Kinds: kinds()})
		switch {
		case !c.refused && err != nil:
			t.Errorf("%s to %s: %v", c.from, c.to, err)
		case c.refused && (fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "job.yaml:9:") || !strings.Contains(err.Error(), "job.yaml:7:")):
			t.Errorf("%s to %s: got %v, want it refused at the write", c.from, c.to, err)
		}
	}
}

// TestWriteInsideWrite proves that of two writes one cannot lie in the other.
func TestWriteInsideWrite(t *testing.T) {
	from := events(t, "100", "0")
	for second, refused := range map[string]bool{"${to}/sub": true, "${to}/..": true, "${to}2": false} {
		src := copying + `    - write: {parquet: "` + second + `"}` + "\n"
		job := parsed(t, src, map[string]string{"from": from, "to": filepath.Join(t.TempDir(), "a", "out")})
		_, err := engine.Compile(context.Background(), job, engine.Config{Kinds: kinds()})
		if got := fault.Of(err) == fault.Invalid && strings.Contains(err.Error(), "job.yaml:10:"); got != refused || !refused && err != nil {
			t.Errorf("%s: %v", second, err)
		}
	}
}

// TestResumeOutputGone proves that a run whose published output was removed is
// not reported a success when it is taken up again.
func TestResumeOutputGone(t *testing.T) {
	from := events(t, "1000", "0")
	for _, write := range []string{`{parquet: "${to}"}`, `{parquet: {path: "${to}", mode: append}}`, `{parquet: {path: "${to}", mode: overwrite}}`} {
		src := strings.Replace(copying, `{parquet: "${to}"}`, write, 1)
		to, ledger := filepath.Join(t.TempDir(), "out"), t.TempDir()
		job := parsed(t, src, map[string]string{"from": from, "to": to})
		for range 2 {
			if _, err := run(t, job, engine.Config{Ledger: ledger}); err != nil {
				t.Fatal(err)
			}
			unend(t, ledger)
		}
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		_, err := run(t, job, engine.Config{Ledger: ledger})
		if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "gone") {
			t.Errorf("%s: got %v", write, err)
		}
	}
}

// unend takes the last line off a ledger, as if the process had died just before it
// noted that the run was over.
func unend(t *testing.T, ledger string) {
	t.Helper()
	path := filepath.Join(ledger, "000001.jsonl")
	text, err := os.ReadFile(path)
	lines := strings.SplitAfter(string(text), "\n")
	if n := len(lines) - 2; err != nil || n < 0 || !strings.Contains(lines[n], `"ended"`) {
		t.Fatalf("the ledger does not end with the end of a run: %v\n%s", err, text)
	} else if err := os.WriteFile(path, []byte(strings.Join(lines[:n], "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestResumeOutputOfOneWriteGone proves the same of one write among several, of
// which one is right behind a tag and one behind a reduce; a write that never got a
// row may have no output.
func TestResumeOutputOfOneWriteGone(t *testing.T) {
	src := strings.Replace(copying, `    - write: {parquet: "${to}"}`, `    - write: {parquet: "${to}/all"}
    - write: {parquet: "${to}/none", from: error, columns: [meter]}
  sums:
    - from: events
    - reduce: {from: information, by: [feeder], get: {n: count()}}
    - write: {parquet: "${to}/sums"}`, 1)
	src = strings.Replace(src, "column: kind,", "column: kind, values: {backup: backup, information: information, never: error}, otherwise: information,", 1)
	from := events(t, "1000", "0")
	for gone, refused := range map[string]bool{"all": true, "sums": true, "none": false} {
		to, ledger := filepath.Join(t.TempDir(), "out"), t.TempDir()
		job := parsed(t, src, map[string]string{"from": from, "to": to})
		if _, err := run(t, job, engine.Config{Ledger: ledger}); err != nil {
			t.Fatal(err)
		}
		unend(t, ledger)
		if err := os.RemoveAll(filepath.Join(to, gone)); err != nil {
			t.Fatal(err)
		}
		_, err := run(t, job, engine.Config{Ledger: ledger})
		if refused != (fault.Of(err) == fault.Invalid && err != nil) {
			t.Errorf("%s gone: got %v", gone, err)
		}
	}
}
