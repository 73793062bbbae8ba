package ev

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/bench/stat"
)

// Result is what was measured.
type Result struct {
	Samples  bench.Samples // one value a seed
	Verdicts []Verdict
	Runs     int
	Took     time.Duration

	set    Settings
	values map[string][]float64 // of cells, by seed
	kept   map[string][]scored  // of configurations that the report shows, by seed
}

// Figure explains one figure.
type Figure struct{ Experiment, Name, Doc string }

// Figures explains every figure that Measure may give.
func Figures(s *Settings) []Figure {
	var out []Figure
	for _, x := range s.chosen() {
		for _, c := range x.cells(s) {
			out = append(out, Figure{x.name, c.name, c.doc})
		}
		if x.name == "weights" {
			out = append(out, Figure{x.name, recovered, "share of what two stale nodes cost under the plain mean that " + recovering +
				" wins back: the ratio of means over all seeds but one, for each seed in turn (jackknife)"})
		}
	}
	return out
}

// chosen are the experiments that are asked for. What staleness costs belongs to what is
// recovered of it, and to drift.
func (s *Settings) chosen() []experiment {
	want := map[string]bool{}
	for _, name := range s.Only {
		want[name] = true
	}
	want["staleness"] = want["staleness"] || want["weights"] || want["drift"]
	var out []experiment
	for _, x := range experiments() {
		if len(s.Only) == 0 || want[x.name] {
			out = append(out, x)
		}
	}
	return out
}

// variants are the configurations of a cell that seed number i takes.
func (s *Settings) variants(c cell, i int) []Vars {
	if s.Full || c.all || len(c.of) < 2 {
		return c.of
	}
	return c.of[i%len(c.of) : i%len(c.of)+1]
}

// work is one run that is to be made.
type work struct {
	vars Vars
	seed int // its number
}

func (w work) id() string { return fmt.Sprintf("%d %s", w.seed, w.vars.key()) }

// plan lists the runs that the cells need, each once, seed after seed: whoever stops
// early has whole seeds.
func (s *Settings) plan() []work {
	var out []work
	seen := map[string]bool{}
	for i := range s.Seeds {
		for _, x := range s.chosen() {
			for _, c := range x.cells(s) {
				for _, v := range s.variants(c, i) {
					w := work{v, i}
					if !seen[w.id()] {
						seen[w.id()] = true
						out = append(out, w)
					}
				}
			}
		}
	}
	return out
}

// Measure runs the experiments and says on tell how far it is.
func Measure(ctx context.Context, e Engine, s Settings, tell func(text string)) (Result, error) {
	if err := s.check(); err != nil {
		return Result{}, err
	}
	start := time.Now()
	l := &lab{Engine: e, set: s}
	todo := s.plan()
	got, err := l.all(ctx, todo, func(done int) {
		left := time.Duration(float64(time.Since(start)) / float64(done) * float64(len(todo)-done)).Round(time.Second)
		tell(fmt.Sprintf("run %d of %d, about %v left", done, len(todo), left))
	})
	if err != nil {
		return Result{}, err
	}
	r := Result{Samples: bench.Samples{}, Runs: len(todo), set: s, values: map[string][]float64{}, kept: map[string][]scored{}}
	for _, x := range s.chosen() {
		for _, c := range x.cells(&s) {
			for i := range s.Seeds {
				sum, of := 0.0, s.variants(c, i)
				for _, v := range of {
					sum += c.measure(got[work{v, i}.id()])
				}
				r.values[c.name] = append(r.values[c.name], sum/float64(len(of)))
				r.Samples.Add(c.name, c.unit, sum/float64(len(of)))
			}
		}
	}
	for _, m := range s.models() {
		for i := range s.Seeds {
			if one, ok := got[work{ofModel(m), i}.id()]; ok {
				r.kept[m] = append(r.kept[m], one)
			}
		}
	}
	r.Took = time.Since(start)
	return r, r.judge()
}

// all makes runs, several at once, and gives what they came to by their ids.
func (l *lab) all(ctx context.Context, todo []work, done func(n int)) (map[string]scored, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next := make(chan work)
	var mu sync.Mutex
	var failed error
	got := map[string]scored{}
	var workers sync.WaitGroup
	for range l.set.Workers {
		workers.Go(func() {
			for w := range next {
				r, err := l.run(ctx, w.vars, l.set.FirstSeed+int64(w.seed))
				if w.vars.key() != ofModel(w.vars["model"]).key() {
					r.story = nil // only those of models alone are shown
				}
				mu.Lock()
				switch {
				case err == nil:
					got[w.id()] = r
					done(len(got))
				case failed == nil: // others end because of it
					failed = err
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	for _, w := range todo {
		select {
		case next <- w:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	if failed != nil {
		return nil, failed
	}
	return got, context.Cause(ctx)
}

// mean is a cell with its interval.
func (r *Result) mean(name string) (stat.Interval, bool) {
	i, err := stat.Mean(r.values[name])
	return i, err == nil
}
