package jobfile_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/rdd"
)

// timed parses a job file and says how long that takes.
func timed(src string) (*rdd.Job, time.Duration, error) {
	began := time.Now()
	job, err := jobfile.Parse("f", []byte(src), nil, kinds())
	return job, time.Since(began), err
}

// FuzzParse proves that no file makes Parse panic, that every error is an
// rdd.Error with a place in the file, and that a job which parses can be
// formatted and parsed again.
func FuzzParse(f *testing.F) {
	f.Add(whole)
	raw, err := os.ReadFile("testdata/errors.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range strings.Split(string(raw), "\n== ")[1:] {
		src, _, _ := strings.Cut(c, "----")
		_, src, _ = strings.Cut(src, "\n")
		f.Add(src)
	}
	f.Add("a: &a [*a, *a]")
	f.Add("a: &a {b: *a}")
	f.Fuzz(func(t *testing.T, src string) {
		job, d, err := timed(src)
		for try := 1; d > 2*time.Second && try < 5; try++ { // the machine may have other things to do
			_, again, _ := timed(src)
			d = min(d, again)
		}
		if d > 2*time.Second {
			t.Fatalf("%d bytes took %s, each time", len(src), d)
		}
		if err != nil {
			var re *rdd.Error
			if fault.Of(err) != fault.Invalid || !errors.As(err, &re) || re.At.File != "f" || re.At.Line < 1 {
				t.Fatalf("%v is a %s", err, fault.Of(err))
			}
			return
		}
		again, err := jobfile.Parse("f", jobfile.Format(job), nil, kinds())
		if err != nil {
			t.Fatalf("%v\n%s", err, jobfile.Format(job))
		}
		if d := difference(job, again); d != "" {
			t.Fatalf("%s\n%s", d, jobfile.Format(job))
		}
	})
}
