package cli

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/idag/idag/rdd"
)

// The first source is replaced under everything that stands on it; datasets
// that two sinks share stay shared, and what stands on other sources is not
// touched.
func TestWithSource(t *testing.T) {
	a, b := rdd.From("kafka", nil), rdd.From("http", nil)
	shared := a.Filter(1, "x > 1")
	other := b.Filter(1, "y > 1")
	left := shared.Union(other).Write(rdd.Write{Connector: "one"})
	right := shared.Write(rdd.Write{Connector: "two"})
	alone := other.Write(rdd.Write{Connector: "three"})
	job, err := withFirst(rdd.NewJob("j", []string{"l"}, left, right, alone), "parquet", rdd.Options{"path": "p"})
	if err != nil {
		t.Fatal(err)
	}
	var reads []string
	for _, d := range job.Datasets() {
		if r, ok := d.Op().(rdd.Read); ok {
			reads = append(reads, r.Connector)
		}
	}
	if !slices.Equal(reads, []string{"parquet", "http"}) {
		t.Errorf("reads %v", reads)
	}
	if len(job.Datasets()) != 8 {
		t.Errorf("%d datasets, want 8: sharing was lost", len(job.Datasets()))
	}
	if job.Sinks[2] != alone {
		t.Error("a sink on another source was made anew")
	}
	if job.Sinks[1].Parents()[0] != job.Sinks[0].Parents()[0].Parents()[0] {
		t.Error("the shared dataset is there twice")
	}
	if shared.Parents()[0] != a {
		t.Error("the job given was changed")
	}
	if _, err := withFirst(rdd.NewJob("j", nil), "parquet", nil); err == nil {
		t.Error("a job without a source was replayed")
	}
}

// replay runs the job over the paths, and checks them before it runs.
func TestReplay(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "1.parquet"), filepath.Join(dir, "*.parquet")
	if err := os.WriteFile(one, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f := story()
	must(t, f.app(), "replay", one, two, "--job", "meter", "-q")
	read, ok := f.job.Datasets()[0].Op().(rdd.Read)
	if !ok || read.Connector != "parquet" || !slices.Equal(read.Options["path"].([]any), []any{one, two}) {
		t.Errorf("read %+v", read)
	}
	must(t, f.app(), "replay", one, "--job", "meter", "-q")
	if read := f.job.Datasets()[0].Op().(rdd.Read); read.Options["path"] != one {
		t.Errorf("read %+v", read)
	}
}

// withFirst replaces the first source of a job.
func withFirst(job *rdd.Job, connector string, o rdd.Options) (*rdd.Job, error) {
	first := true
	return withSources(job, func(rdd.Read) (*rdd.Read, error) {
		if !first {
			return nil, nil
		}
		first = false
		return &rdd.Read{Connector: connector, Options: o}, nil
	})
}
