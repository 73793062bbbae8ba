package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/idag/idag/rdd"
)

// TestTrustFlag proves that --trust answers for the reads that say nothing and can have
// headers, and for no others, and that it is one of two.
func TestTrustFlag(t *testing.T) {
	listed := func(app App) App {
		k, err := app.Kinds.Lookup("generate")
		if err != nil {
			t.Fatal(err)
		}
		k.Name, k.Listed = "files", true
		app.Kinds = app.Kinds.With(k)
		return app
	}
	src := `
job: two
labels: [a]
datasets:
  one:
    - read: {files: {rows: 1}}
    - tag: {otherwise: a}
    - write: {void: here}
  two:
    - read: {files: {rows: 2}, trust: none}
    - tag: {otherwise: a}
    - write: {void: there}
  three:
    - read: {generate: {rows: 3}}
    - tag: {otherwise: a}
    - write: {void: everywhere}
`
	file := filepath.Join(t.TempDir(), "job.yaml")
	if err := os.WriteFile(file, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{"": " none  ", "done": "done none  ", "none": "none none  "} {
		f := &fake{}
		args := []string{"run", file, "--no-ledger"}
		if flag != "" {
			args = append(args, "--trust", flag)
		}
		must(t, listed(f.app()), args...)
		got := ""
		for _, s := range f.job.Sinks {
			read, _ := s.Parents()[0].Parents()[0].Op().(rdd.Read)
			got += read.Trust + " "
		}
		if got != want {
			t.Errorf("--trust %q: %q, want %q", flag, got, want)
		}
	}
	for _, args := range [][]string{{"plan", file, "--trust", "blindly"}, {"plan", file, "--mode", "foo"}} {
		want := map[string]string{"--trust": "--trust=blindly: there is done,", "--mode": "--mode=foo: there is idag, masked, selection and staged"}[args[2]]
		if status, _, errs := call(t, listed(new(fake).app()), args...); status != statusMistake || !strings.Contains(errs, want) {
			t.Errorf("%v: status %d, %s", args, status, errs)
		}
	}
}
