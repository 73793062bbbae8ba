package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// The ideal does the engine's work: the same rows, bit for bit, for every mix,
// window, number of threads and spelling of the strings.
func TestIdealEqualsEngine(t *testing.T) {
	for _, c := range []struct {
		name    string
		o       rdd.Options
		window  string
		threads int
	}{
		{"default", rdd.Options{"rows": int64(40_000)}, "1 day", 2},
		{"many errors", rdd.Options{"rows": int64(40_000), "mix": "40/30/30"}, "1 day", 1},
		{"few errors", rdd.Options{"rows": int64(40_000), "mix": "95/4/1"}, "1 day", 3},
		{"short windows across a day", rdd.Options{"rows": int64(20_000), "span": "30 hours"}, "90m", 2},
		{"before 1970", rdd.Options{"rows": int64(20_000), "start": "1969-12-30T12:00:00Z"}, "7h", 2},
		{"one meter, many dictionaries", rdd.Options{"rows": int64(5_000), "meters": int64(4)}, "1 day", 2},
		{"plain strings", rdd.Options{"rows": int64(30_000), "meters": int64(200_000), "span": "1 hour"}, "1 day", 2},
		{"no consumption", rdd.Options{"rows": int64(5_000), "mix": "50/50/0"}, "1 day", 2},
		{"nothing", rdd.Options{"rows": int64(4)}, "1 day", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := events(t, c.o, 3000)
			j := job(t, path, c.window)
			want, err := engine.Run(t.Context(), j, engine.Config{Kinds: kinds(), Executors: 2})
			if err != nil {
				t.Fatal(err)
			}
			got, ph, err := IdealMeter(t.Context(), plan(t, job(t, path, c.window)), kinds(), c.threads)
			if err != nil {
				t.Fatal(err)
			}
			if got.Checksum != want.Checksum || got.Rows != want.RowsIn || got.RowsOut != want.RowsOut {
				t.Errorf("got %d rows of %d, checksum %s, want %d of %d, %s", got.RowsOut, got.Rows, got.Checksum,
					want.RowsOut, want.RowsIn, want.Checksum)
			}
			if got.Wall <= 0 || got.Wall != ph.Read+ph.Tag+ph.Compute+ph.Sink {
				t.Errorf("wall %v, phases %+v", got.Wall, ph)
			}
		})
	}
}

// What the ideal writes is there to be read, and reads as what it summed up.
func TestIdealPublishes(t *testing.T) {
	j := job(t, events(t, rdd.Options{"rows": int64(20_000)}, 3000), "1 day")
	p := plan(t, j)
	if _, _, err := IdealMeter(t.Context(), p, kinds(), 2); err != nil {
		t.Fatal(err)
	}
	for _, id := range p.Writes {
		w, _ := p.Ops[id].Dataset.Op().(rdd.Write)
		dir := fmt.Sprint(w.Options["path"])
		files, err := filepath.Glob(filepath.Join(dir, "batch=000001", "label=*", "*.parquet"))
		if err != nil || len(files) != 1 {
			t.Errorf("%s holds %v, %v", dir, files, err)
		}
		if _, err := os.Stat(filepath.Join(dir, ".staging")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: what was staged was not cleared away: %v", dir, err)
		}
	}
}

// Every buffer goes back, after a whole run and after one that breaks off.
func TestIdealReleases(t *testing.T) {
	path := events(t, rdd.Options{"rows": int64(20_000)}, 3000)
	for _, whole := range []bool{true, false} {
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		m, err := newIdeal(t.Context(), plan(t, job(t, path, "1 day")), kinds(), 2)
		if err != nil {
			t.Fatal(err)
		}
		m.mem, m.in.want.Mem = mem, mem
		if err := m.prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		if whole {
			if err := errors.Join(m.tag(t.Context()), m.compute(t.Context()), m.sink(t.Context(), &Outcome{})); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.close(); err != nil {
			t.Fatal(err)
		}
		mem.AssertSize(t, 0)
	}
}

// Events that the ideal was not written for, and other jobs, are refused.
func TestIdealRefuses(t *testing.T) {
	dirty := plan(t, job(t, events(t, rdd.Options{"rows": int64(2_000), "dirt": 0.1}, 3000), "1 day"))
	other := *dirty
	renamed := *dirty.Job
	renamed.Name = "other"
	other.Job = &renamed
	for text, p := range map[string]func() error{
		"rows have no label":             func() error { _, _, err := IdealMeter(t.Context(), dirty, kinds(), 2); return err },
		"an ideal of the job meter only": func() error { _, _, err := IdealMeter(t.Context(), &other, kinds(), 2); return err },
	} {
		if err := p(); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), text) {
			t.Errorf("want %q, got %v", text, err)
		}
	}
}

// Decode reads every row once, on any number of threads.
func TestDecode(t *testing.T) {
	path := events(t, rdd.Options{"rows": int64(12_345), "partitions": int64(3)}, 1000)
	p := plan(t, job(t, path, "1 day"))
	for _, threads := range []int{0, 1, 3, 40} {
		got, err := Decode(t.Context(), p, kinds(), threads)
		if err != nil || got.Rows != 12_345 || got.Wall <= 0 || got.Checksum != "" {
			t.Errorf("%d threads: %+v, %v", threads, got, err)
		}
	}
}

// A file that is gone is an error, not a fast run.
func TestDecodeFails(t *testing.T) {
	path := events(t, rdd.Options{"rows": int64(1_000), "partitions": int64(2)}, 1000)
	p := plan(t, job(t, path, "1 day"))
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(t.Context(), p, kinds(), 2); err == nil {
		t.Error("no error")
	}
}
