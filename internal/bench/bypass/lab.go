package bypass

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// lab is where the experiments are made.
type lab struct {
	Engine
	set   Settings
	name  string // of the experiment under way
	dir   string
	tell  func(text string)
	data  map[string]string // directories of events, by what they are
	runs  int               // so far, to name directories
	out   Result
	wrong error // figures that cannot be
}

// job is a job of an experiment.
type job struct {
	text string
	vars map[string]string // besides out
	// alter, if not nil, changes the job that the text says.
	alter func(*rdd.Job)
}

// with returns the job with one more variable.
func (j job) with(name, value string) job {
	vars := map[string]string{name: value}
	for k, v := range j.vars {
		if k != name {
			vars[k] = v
		}
	}
	j.vars = vars
	return j
}

// over returns the job over a data set.
func (j job) over(path string) job { return j.with("path", path) }

// build reads a job, with its results in a directory of its own unless it says
// where.
func (l *lab) build(j job) (*rdd.Job, string, error) {
	l.runs++
	out := filepath.Join(l.dir, fmt.Sprint("out", l.runs))
	vars := map[string]string{"out": out}
	for k, v := range j.vars {
		vars[k] = v
	}
	built, err := jobfile.Parse(l.name+".yaml", []byte(j.text), vars, l.Kinds)
	if err == nil && j.alter != nil {
		j.alter(built)
	}
	return built, out, err
}

// once runs a job and removes its results.
func (l *lab) once(ctx context.Context, j job, m planner.Mode) (Run, error) {
	built, out, err := l.build(j)
	if err != nil {
		return Run{}, err
	}
	r, err := l.Run(ctx, built, m)
	return r, errors.Join(err, os.RemoveAll(out))
}

// contender is a run of a job by one plan. Seen, if not nil, is told what each
// run came to.
func (l *lab) contender(name string, j job, m planner.Mode, seen func(Run)) bench.Contender {
	return bench.Contender{Name: name, Run: func(ctx context.Context) (bench.Outcome, error) {
		r, err := l.once(ctx, j, m)
		if err == nil && seen != nil {
			seen(r)
		}
		return r.Outcome, err
	}}
}

// The forms of the linear plan, in the order in which forms lists them.
const (
	formMasked = iota
	formSelection
	formStaged
)

// forms are the runs of a job by the three forms of the linear plan.
func (l *lab) forms(j job) []bench.Contender {
	var list []bench.Contender
	for _, m := range []planner.Mode{planner.Masked, planner.Selection, planner.Staged} {
		list = append(list, l.contender(string(m), j, m, nil))
	}
	return list
}

// linear is the time of the linear plan, of a round that begins with its forms:
// the faster of the two that count.
func linear(round []bench.Outcome) float64 {
	return min(seconds(round[formMasked]), seconds(round[formSelection]))
}

func seconds(o bench.Outcome) float64 { return o.Wall.Seconds() }

// rounds lets contenders run in turn and says how far it is.
func (l *lab) rounds(ctx context.Context, what string, n int, list []bench.Contender, record func(round []bench.Outcome)) error {
	done := 0
	l.say("%s, %d runs in %d rounds", what, len(list), n)
	return bench.Rounds(ctx, n, list, func(round []bench.Outcome) {
		done++
		record(round)
		l.say("%s, round %d of %d", what, done, n)
	})
}

func (l *lab) say(format string, args ...any) {
	l.tell(l.name + ": " + fmt.Sprintf(format, args...))
}

// fact states something beside the figures of this experiment.
func (l *lab) fact(format string, args ...any) {
	l.out.Facts[l.name] = append(l.out.Facts[l.name], fmt.Sprintf(format, args...))
}

// median is that of a figure so far, or 0.
func (l *lab) median(name string) float64 {
	f, _ := l.out.Samples.Figure(name)
	return f.Median
}

// suffix is what figures of a mix are called by: _40_30_30.
func suffix(mix string) string {
	return "_" + strings.NewReplacer("/", "_", ".", "p", " ", "").Replace(mix)
}
