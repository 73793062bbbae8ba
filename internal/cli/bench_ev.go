package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/bench/ev"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/rdd"
	"github.com/spf13/pflag"
)

// evFlags are the settings of the measurement ev.
type evFlags struct {
	seeds int
	full  bool
	out   string
}

func (f *evFlags) add(fs *pflag.FlagSet) {
	fs.IntVar(&f.seeds, "seeds", ev.Defaults().Seeds, "`seeds` of each configuration, for ev")
	fs.BoolVar(&f.full, "full", false, "every configuration with every seed, and all models, for ev")
	fs.StringVar(&f.out, "out", "bench-ev", "`directory` for the report of ev, or \"\" for none")
}

// evSettings are the flags as settings.
func (f *benchFlags) evSettings() ev.Settings {
	set := ev.Defaults()
	set.FirstSeed += f.seed - 1 // --seed counts from 1
	set.Seeds, set.Full, set.Only, set.Workers = f.ev.seeds, f.ev.full, f.bypass.only, runtime.GOMAXPROCS(0)
	return set
}

// benchEV makes the experiments on federated learning.
func benchEV() measurement {
	return measurement{
		name: "ev",
		doc:  "federated learning of the electric vehicles' job: participants, stale models, central training, aggregations, control; with a report",
		figures: func(f *benchFlags) [][2]string {
			var out [][2]string
			set := f.evSettings()
			for _, x := range ev.Figures(&set) {
				out = append(out, [2]string{x.Name, x.Doc})
			}
			return out
		},
		run: func(ctx context.Context, s *session, f *benchFlags) (bench.Samples, error) {
			return s.measureEV(ctx, f)
		},
	}
}

// measureEV makes the experiments, prints the verdicts and writes the report.
func (s *session) measureEV(ctx context.Context, f *benchFlags) (bench.Samples, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	release := s.presses(cancel, cancel)
	defer release()
	e := ev.Engine{Kinds: s.app.Kinds, Run: func(ctx context.Context, job *rdd.Job, kinds connectors.Registry) error {
		_, err := s.app.Engine.Run(ctx, job, engine.Config{Kinds: kinds, Executors: 1})
		return err
	}}
	var told time.Time
	tell := func(text string) { // one at a time
		switch {
		case s.errs.terminal:
			fmt.Fprintf(s.io.Err, "\r\x1b[K%s", s.errs.clip(text))
		case time.Since(told) > 10*time.Second:
			told = time.Now()
			fmt.Fprintln(s.io.Err, text)
		}
	}
	got, err := ev.Measure(ctx, e, f.evSettings(), tell)
	if s.errs.terminal {
		fmt.Fprint(s.io.Err, "\r\x1b[K")
	}
	if err != nil {
		return nil, err
	}
	for _, v := range got.Verdicts {
		fmt.Fprintf(s.io.Err, "%s %s\n    %s\n", s.errs.strong(string(v.Outcome)+":"), v.Claim, strings.Join(v.Numbers, "\n    "))
	}
	if f.ev.out == "" {
		return got.Samples, nil
	}
	lead := []string{fmt.Sprintf("%s. idag %s, %s.", machine(), s.app.Version, time.Now().UTC().Format(time.DateOnly))}
	if failed := got.Write(f.ev.out, lead); failed != nil {
		return got.Samples, errors.Join(err, failed)
	}
	fmt.Fprintf(s.io.Err, "report in %s\n", filepath.Join(f.ev.out, "index.html"))
	return got.Samples, nil
}

// evNotes are the settings as they are printed.
func (f *benchFlags) evNotes() map[string]string {
	set := f.evSettings()
	return map[string]string{
		"data":  fmt.Sprintf("%d seeds from %d, %d days of %d cars, scored on %d days of %d others", set.Seeds, set.FirstSeed, set.Trips, set.Cars, set.TestDays, set.TestCars),
		"stale": fmt.Sprintf("%d rounds", set.Delay),
		"full":  fmt.Sprint(set.Full),
	}
}
