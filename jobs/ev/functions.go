package ev

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/node"
	"github.com/idag/idag/jobs/ev/server"
	"github.com/idag/idag/jobs/ev/state"
	"github.com/idag/idag/rdd/fn"
)

// Functions are the functions and aggregates of the job.
func Functions() []fn.Item {
	return []fn.Item{examples(), ahead(), train(), submissions(), advance(), predict()}
}

func features() []fn.Column {
	var out []fn.Column
	for _, n := range []string{"f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8"} {
		out = append(out, double(n))
	}
	return out
}

func examples() fn.Aggregate {
	return fn.Aggregate{
		Name: "ev_examples", Version: "1", Doc: "Rows to learn from, of eight features and a result of 0 or 1.",
		Args: append(features(), double("y")), Result: arrow.BinaryTypes.Binary,
		Init: func() fn.State { return new(node.Examples) },
	}
}

func ahead() fn.Aggregate {
	return fn.Aggregate{
		Name: "ev_ahead", Version: "1",
		Doc:    "Rows to learn from, whose result is whether a level falls by more than so many points in so many minutes, or is low.",
		Args:   append(append([]fn.Column{text("series"), instant("at"), double("level")}, features()...), double("minutes"), double("points"), double("low")),
		Result: arrow.BinaryTypes.Binary, Verify: verifyAhead, Init: func() fn.State { return new(node.Ahead) },
	}
}

func submissions() fn.Aggregate {
	return fn.Aggregate{
		Name: "ev_submissions", Version: "1", Doc: "What nodes submit in a round, added up where it can be; and rows for the centre.",
		Args: []fn.Column{
			text("how"), text("node"), bigint("round"), bigint("newest"), bigint("version"), bigint("samples"), double("accuracy"),
			binary("params"), binary("moments"), instant("arrives"), instant("window_end"), binary("rows"),
		},
		Result: arrow.BinaryTypes.Binary, Verify: verify, Init: func() fn.State { return new(server.Submissions) },
	}
}

func train() fn.Func {
	writes := []fn.Column{
		bigint("round"), bigint("newest"), bigint("version"), bigint("samples"), binary("params"), binary("moments"),
		double("accuracy_before"), double("log_loss"), bigint("tp"), bigint("fp"), bigint("tn"), bigint("fn"),
		double("accuracy"), instant("arrives"), bigint("global_hits"),
	}
	return fn.Func{
		Name: "ev_train", Version: "1", Rows: fn.Keeps, Verify: verify,
		Doc:   "Tests the model that a node has on the rows of its window, trains it on them, and submits it.",
		Reads: []fn.Column{coded("how"), coded("state"), coded("node"), binary("rows"), instant("window_start"), instant("window_end")}, Writes: writes,
		Run: func(ctx context.Context, in fn.Input) (fn.Output, error) {
			o := builders(in, writes)
			defer o.release()
			if err := trainAll(ctx, in, o); err != nil {
				return fn.Output{}, err
			}
			return o.done(), nil
		},
	}
}

// common are the columns that train and predict begin with.
func common(in fn.Input) (how, state, node texts, err error) {
	all := [3]texts{}
	for i := range all {
		if all[i], err = textsOf(in.Columns[i]); err != nil {
			break
		}
	}
	return all[0], all[1], all[2], err
}

func trainAll(ctx context.Context, in fn.Input, o out) error {
	hows, states, nodes, err := common(in)
	if err != nil {
		return err
	}
	rows, err := column[*array.Binary](in.Columns[3])
	if err != nil {
		return err
	}
	start, err := column[*array.Timestamp](in.Columns[4])
	if err != nil {
		return err
	}
	end, err := column[*array.Timestamp](in.Columns[5])
	if err != nil {
		return err
	}
	var trainer last[*node.Trainer]
	var newest last[int64]
	for i := range in.Rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		t, err := trainer.get(hows.at(i), states.at(i), func(h, s string) (*node.Trainer, error) {
			opts, st, err := decode(h, s)
			if err != nil {
				return nil, err
			}
			newest = last[int64]{}
			if st != nil {
				newest.value = st.Version
			}
			return node.NewTrainer(opts, st)
		})
		if err != nil {
			return err
		}
		if rows.IsNull(i) || start.IsNull(i) || end.IsNull(i) {
			for j := range o {
				o.set(j, nil)
			}
			continue
		}
		got, err := t.Train(nodes.at(i), rows.Value(i), int64(start.Value(i)), int64(end.Value(i)))
		if err != nil {
			return err
		}
		o.outcome(got, newest.value)
	}
	return nil
}

// outcome appends a row of what train writes.
func (o out) outcome(got node.Outcome, newest int64) {
	for j, v := range []int64{got.Round, newest, got.Version, got.Samples} {
		o.set(j, v)
	}
	o.set(4, got.Params)
	o.set(5, got.Moments)
	if c := got.Before; got.Tested {
		o.set(6, c.Accuracy())
		o.set(7, got.LogLoss)
		for j, v := range []int64{c.TruePositive, c.FalsePositive, c.TrueNegative, c.FalseNegative} {
			o.set(8+j, v)
		}
	} else {
		for j := 6; j < 12; j++ {
			o.set(j, nil)
		}
	}
	if got.Trained {
		o.set(12, got.After)
	} else {
		o.set(12, nil)
	}
	o.set(13, got.Arrives)
	if g := got.Global; got.Tested {
		o.set(14, g.TruePositive+g.TrueNegative)
	} else {
		o.set(14, nil)
	}
}

// decode reads the options and the server's state, which is "" before the first round.
func decode(options, text string) (how.How, *state.State, error) {
	h, err := how.Parse(options)
	if err != nil || text == "" {
		return h, nil, err
	}
	s, err := state.Decode(text)
	return h, s, err
}

func predict() fn.Func {
	writes := []fn.Column{double("p")}
	return fn.Func{
		Name: "ev_predict", Version: "1", Rows: fn.Keeps, Verify: verify, Writes: writes,
		Doc:   "The probability of 1 by the model that a node has; null before there is one, and where a feature is null.",
		Reads: append([]fn.Column{coded("how"), coded("state"), coded("node")}, features()...),
		Run: func(ctx context.Context, in fn.Input) (fn.Output, error) {
			o := builders(in, writes)
			defer o.release()
			if err := predictAll(ctx, in, o[0]); err != nil {
				return fn.Output{}, err
			}
			return o.done(), nil
		},
	}
}

func predictAll(ctx context.Context, in fn.Input, to array.Builder) error {
	b, ok := to.(*array.Float64Builder)
	if !ok {
		return fault.New(fault.Bug, "predictions are written to a %T", to)
	}
	hows, states, nodes, err := common(in)
	if err != nil {
		return err
	}
	var cols [how.Width]*array.Float64
	for j := range cols {
		if cols[j], err = column[*array.Float64](in.Columns[3+j]); err != nil {
			return err
		}
	}
	var predictor last[*node.Predictor]
	var row [how.Width]float64
	b.Reserve(in.Rows)
next:
	for i := range in.Rows {
		for j, c := range cols {
			if c.IsNull(i) {
				b.AppendNull()
				continue next
			}
			row[j] = c.Value(i)
		}
		p, err := predictor.get(hows.at(i), states.at(i), func(h, s string) (*node.Predictor, error) {
			opts, st, err := decode(h, s)
			if err != nil {
				return nil, err
			}
			return node.NewPredictor(opts, st)
		})
		if err != nil {
			return err
		}
		v, ok, err := p.Predict(nodes.at(i), &row)
		switch {
		case err != nil:
			return err
		case ok:
			b.Append(v)
		default:
			b.AppendNull()
		}
	}
	return ctx.Err()
}

func advance() fn.Func {
	writes := []fn.Column{
		text("state"), bigint("version"), bigint("nodes"), bigint("samples"), bigint("staleness"), bigint("stalest"), bigint("late"),
		bigint("refused"), text("reasons"), double("change"), bigint("bytes_up"), bigint("bytes_down"), double("epsilon"),
	}
	return fn.Func{
		Name: "ev_advance", Version: "1", Rows: fn.Keeps, Verify: verify, Writes: writes,
		Doc:   "One federated round: the server's next state of the last one and of what nodes submitted.",
		Reads: []fn.Column{coded("how"), coded("state"), binary("submissions")},
		Run: func(ctx context.Context, in fn.Input) (fn.Output, error) {
			o := builders(in, writes)
			defer o.release()
			if err := advanceAll(ctx, in, o); err != nil {
				return fn.Output{}, err
			}
			return o.done(), nil
		},
	}
}

func advanceAll(ctx context.Context, in fn.Input, o out) error {
	hows, err := textsOf(in.Columns[0])
	if err != nil {
		return err
	}
	states, err := textsOf(in.Columns[1])
	if err != nil {
		return err
	}
	subs, err := column[*array.Binary](in.Columns[2])
	if err != nil {
		return err
	}
	for i := range in.Rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, s, err := decode(hows.at(i), states.at(i))
		if err != nil {
			return err
		}
		round := new(state.Round)
		if subs.IsValid(i) {
			if round, err = state.DecodeRound(subs.Value(i)); err != nil {
				return err
			}
		}
		next, r, err := server.Advance(h, s, round)
		if err != nil {
			return err
		}
		o.set(0, next.Text())
		for j, v := range []int64{r.Version, r.Nodes, r.Samples, r.Staleness, r.Stalest, r.Late, r.Refused} {
			o.set(1+j, v)
		}
		o.set(8, r.Reasons)
		o.set(9, r.Change)
		o.set(10, r.Up)
		o.set(11, r.Down)
		if r.Epsilon > 0 {
			o.set(12, r.Epsilon)
		} else {
			o.set(12, nil)
		}
	}
	return nil
}
