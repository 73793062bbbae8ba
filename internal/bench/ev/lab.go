package ev

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/tap"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/internal/learn/score"
	"github.com/idag/idag/jobs/ev"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/node"
	"github.com/idag/idag/jobs/ev/state"
	"github.com/idag/idag/rdd"
)

// Engine is what the experiments ask of the engine.
type Engine struct {
	Kinds connectors.Registry
	// Run runs a job over connectors to the end of its input, on one executor. Several
	// may run at once.
	Run func(ctx context.Context, job *rdd.Job, kinds connectors.Registry) error
}

// Vars are variables of the job; those that are not given have the experiments' own
// defaults.
type Vars map[string]string

// key tells configurations apart.
func (v Vars) key() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(v)) {
		parts = append(parts, name+"="+v[name])
	}
	return strings.Join(parts, " ")
}

// with returns the variables with others on top.
func (v Vars) with(o Vars) Vars {
	out := maps.Clone(v)
	if out == nil {
		out = Vars{}
	}
	maps.Copy(out, o)
	return out
}

// scored is what a run came to.
type scored struct {
	said    score.Confusion // of the last global model, on cars that nobody learned from
	logLoss float64
	bins    []score.Bin // of models of probabilities
	live    float64     // accuracy of the nodes' models on what came, all rounds together
	up      int64
	down    int64
	refused int64
	story   *Story
	took    time.Duration
}

// calibrationBins is in how many parts probabilities are compared with what was.
const calibrationBins = 10

// lab runs configurations and keeps the rows to score them on.
type lab struct {
	Engine
	set Settings

	mu   sync.Mutex
	held map[string]*heldOut
}

// heldOut are rows to score models on, by node; made once.
type heldOut struct {
	once sync.Once
	rows map[string]learn.Rows
	err  error
}

// run runs the job once and scores its last model.
func (l *lab) run(ctx context.Context, v Vars, seed int64) (scored, error) {
	start := time.Now()
	v = l.set.base().with(v).with(Vars{"seed": fmt.Sprint(seed), "sink": sinkName, "out": "out"})
	job, err := ev.Job(v)
	if err != nil {
		return scored{}, err
	}
	job = job.Wanted(Nodes, Rounds, server).With(settings())
	out := scored{story: &Story{}}
	last := ""
	err = l.Run(ctx, job, l.watching(func(output string, rows []tap.Row) {
		for _, r := range rows {
			if output == server {
				last = text(r["state"])
			}
			out.story.Add(output, r)
		}
	}))
	if err != nil {
		return out, fmt.Errorf("%s: %w", v.key(), err)
	}
	out.live = out.story.Said("").Accuracy()
	out.up, out.down = out.story.Bytes()
	out.refused = out.story.Refused()
	test, err := l.heldOut(ctx, v, seed)
	if err == nil {
		err = out.judge(v, last, test)
	}
	out.took = time.Since(start)
	return out, err
}

// settings of all runs: large batches, for predictions are not looked at and rounds do
// not depend on the cut.
func settings() rdd.Settings { return rdd.Settings{InFlight: 1, BatchRows: 16 << 10} }

// judge scores the model that is in a state.
func (s *scored) judge(v Vars, told string, test map[string]learn.Rows) error {
	p, y, err := predict(v, told, test)
	if err != nil {
		return err
	}
	if s.said, err = score.Confuse(p, y, 0.5); err != nil {
		return err
	}
	for i := range p {
		p[i] = min(max(p[i], 0), 1) // linear regression's are no probabilities
	}
	if s.logLoss, err = score.LogLoss(p, y); err != nil {
		return err
	}
	s.bins, err = score.Calibrate(p, y, calibrationBins)
	return err
}

// predict returns what the global model of a state says of all rows, and what was.
func predict(v Vars, told string, test map[string]learn.Rows) (p, y []float64, err error) {
	if told == "" {
		return nil, nil, fault.New(fault.Bug, "%s: the server has told no state", v.key())
	}
	s, err := state.Decode(told)
	if err != nil {
		return nil, nil, err
	}
	// Without control: it is the global model that is scored, not those of nodes.
	h, err := how.Parse(fmt.Sprintf("model=%s;method=%s;staleness=%s;seed=%s", v["model"], v["method"], v["staleness"], v["seed"]))
	if err != nil {
		return nil, nil, err
	}
	model, err := node.NewPredictor(h, s)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(test)) {
		rows := test[name]
		for i := range rows.Len() {
			one, ok, err := model.Predict(name, (*[how.Width]float64)(rows.X[i*how.Width:]))
			if err != nil || !ok {
				return nil, nil, fault.New(fault.Bug, "%s: there is no model after all rounds: %w", v.key(), err)
			}
			p = append(p, one)
		}
		y = append(y, rows.Y...)
	}
	return p, y, nil
}
