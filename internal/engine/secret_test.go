package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/planner"
)

// TestSecretsStayHidden proves that a value from the environment, here a part of
// the paths, stands in nothing that a run leaves but in its output: plans in every
// form, digests, the summary, the ledger, dead letters and errors.
func TestSecretsStayHidden(t *testing.T) {
	const secret = "s3cr3t-place"
	root := t.TempDir()
	if err := os.Rename(events(t, "2000", "0.05"), filepath.Join(root, secret)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PLACE", secret)
	src := strings.NewReplacer(`"${from}"`, root+"/${PLACE}", `"${to}"`, root+"/${PLACE}-out").Replace(copying)
	job := parsed(t, src, nil)
	ledger, dead := t.TempDir(), t.TempDir()
	var out strings.Builder
	p, err := engine.Compile(context.Background(), job, engine.Config{Kinds: kinds()})
	if err != nil {
		t.Fatal(err)
	}
	text, err := planner.JSON(p)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(&out, planner.Text(p), planner.Dot(p), string(text), jobfile.Format(job))
	s, err := run(t, job, engine.Config{Ledger: ledger, DeadLetters: dead})
	if err != nil {
		t.Fatal(err)
	}
	summary, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(&out, string(summary))
	_, err = run(t, job, engine.Config{}) // the output is there
	fmt.Fprintf(&out, "%v\n%+v\n", err, err)
	if err == nil || s.RowsIn != 2000 {
		t.Errorf("%d rows, %v", s.RowsIn, err)
	}
	for _, dir := range []string{ledger, dead} {
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
	}
	t.Setenv("PLACE", secret+"-none")
	_, err = engine.Compile(context.Background(), job, engine.Config{Kinds: kinds()})
	fmt.Fprintln(&out, err)
	if all := out.String(); strings.Contains(all, secret) || !strings.Contains(all, "${PLACE}") || !strings.Contains(all, "***") {
		at := max(0, strings.Index(all, secret)-200)
		t.Error(all[at:min(len(all), at+400)])
	}
}
