package explain_test

import (
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/twin"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/explain"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	Err rdd.LabelSet = 1 << iota
	Info
	Sums
)

// plan is a job with a map and a filter for errors, whose rest is counted by meter.
func plan(t *testing.T, mode planner.Mode) *planner.Plan {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "kind", Type: arrow.BinaryTypes.String}, {Name: "meter", Type: arrow.BinaryTypes.String},
		{Name: "code", Type: arrow.PrimitiveTypes.Int64}}, nil)
	ev := rdd.Extend(rdd.Read{Connector: "x", Schema: schema}, rdd.Pos{}, nil).Tag(rdd.Tag{Column: "kind"}).
		Map(Err, "x", "code * 2").Filter(Err, "x > 10").
		Reduce(rdd.Reduce{From: Err | Info, As: Sums, By: []string{"meter"}, Get: []rdd.Assign{{Column: "n", Expr: "count()"}}})
	p, err := planner.Compile(rdd.NewJob("j", []string{"error", "info", "sums"}, ev.Write(rdd.Write{Connector: "x"})), mode)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEstimate proves where rows are taken from and what becomes of them: labels as
// the header claims, else equal shares; a filter keeps a third.
func TestEstimate(t *testing.T) {
	for name, c := range map[string]struct {
		split     rdd.Split
		err, info float64
	}{
		"claimed":       {rdd.Split{Rows: 1000, Bytes: 9000, Labels: map[string]int64{"error": 30, "info": 10, "nonsense": 60}}, 750, 250},
		"equal shares":  {rdd.Split{Rows: 1000, Bytes: 9000}, 500, 500},
		"absurd claims": {rdd.Split{Rows: 1000, Bytes: -1, Labels: map[string]int64{"error": -5}}, 500, 500},
		"not counted":   {rdd.Split{Rows: -1, Bytes: 80_000}, 500, 500},
	} {
		for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged} {
			got := explain.Estimate(plan(t, mode), []rdd.Split{c.split})
			at := func(op, label int) explain.Figure { return got[work.OpLabel{Op: op, Label: label}] }
			if at(1, 0).Rows != c.err || at(1, 1).Rows != c.info {
				t.Errorf("%s, %s: %v and %v rows are tagged", name, mode, at(1, 0).Rows, at(1, 1).Rows)
			}
			if at(3, 0).Rows != c.err || math.Abs(at(4, 0).Rows-c.err/3) > 1e-6 || at(4, 1).Rows != c.info {
				t.Errorf("%s, %s: filter %v, reduce %v and %v", name, mode, at(3, 0).Rows, at(4, 0).Rows, at(4, 1).Rows)
			}
			if looked := at(2, 1).Rows; mode.Linear() != (looked == c.info) {
				t.Errorf("%s, %s: the map for errors looks at %v infos", name, mode, looked)
			}
		}
	}
}

// TestCompare proves that every operation and label is there once, in order, with the
// reasons of the plan and of the run.
func TestCompare(t *testing.T) {
	linear, idag := plan(t, planner.Masked), plan(t, planner.IDAG)
	splits := []rdd.Split{{Rows: 100, Bytes: 1000}}
	passed := map[physical.Bypass]int64{{Op: 2, Label: 0, Reason: bypass.Identity}: 3, {Op: 2, Label: 1, Reason: bypass.Label}: 50}
	rows := explain.Compare(idag, explain.Estimate(linear, splits), explain.Estimate(idag, splits), passed)
	reasons := map[string]string{}
	for i, r := range rows {
		if i > 0 && (rows[i-1].Op > r.Op || rows[i-1].Op == r.Op && rows[i-1].Label == r.Label) {
			t.Errorf("%s %s stands behind %s %s", r.Name, r.Label, rows[i-1].Name, rows[i-1].Label)
		}
		for _, why := range r.Reasons {
			reasons[r.Name+" "+r.Label] += string(why) + " "
		}
		if r.Name == "map#2" && r.Label == "info" && (r.Linear.Seconds <= 0 || r.IDAG.Seconds != 0) {
			t.Errorf("the map costs %v for infos in the linear plan, %v in the I-DAG plan", r.Linear.Seconds, r.IDAG.Seconds)
		}
	}
	if len(reasons) != 3 || reasons["map#2 info"] != "label " || reasons["filter#3 info"] != "label " || reasons["map#2 error"] != "identity " {
		t.Errorf("reasons %v", reasons)
	}
}

// TestMeasured proves that a source, which counts no rows by label, gets those that
// its rows were labelled with.
func TestMeasured(t *testing.T) {
	p := plan(t, planner.IDAG)
	tally := work.Tally{Ops: map[work.OpLabel]work.OpCount{{Op: 0, Label: 1}: {Time: 5e8, Bytes: 70}, {Op: 1, Label: 1}: {In: 9, Out: 9, Time: 5e8}}}
	got := explain.Measured(p, tally)
	if f := got[work.OpLabel{Op: 0, Label: 1}]; f != (explain.Figure{Rows: 9, Out: 9, Bytes: 70, Seconds: 0.5}) {
		t.Errorf("%+v", f)
	}
	if got.Total() != 1 {
		t.Errorf("%v seconds in all", got.Total())
	}
}

// TestEstimateOfAnyJob proves that whatever the job and the splits are, an estimate
// is of finite and not negative figures, and is the same every time.
func TestEstimateOfAnyJob(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := twin.Draw(t, nil)
		var splits []rdd.Split
		size := rapid.Int64Range(-1, 1<<62)
		for i := range c.Inputs {
			splits = append(splits, rdd.Split{Source: i, Rows: size.Draw(t, "rows"), Bytes: size.Draw(t, "bytes"),
				Labels: map[string]int64{c.Job.Labels[0]: size.Draw(t, "claimed"), "nonsense": 1}})
		}
		mode := rapid.SampledFrom([]planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged}).Draw(t, "mode")
		p, err := planner.Compile(c.Job, mode)
		if err != nil {
			t.Fatal(err)
		}
		got := explain.Estimate(p, splits)
		for k, f := range got {
			for _, v := range []float64{f.Rows, f.Out, f.Bytes, f.Seconds} {
				if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
					t.Fatalf("operation %d, label %d: %+v\n%s", k.Op, k.Label, f, c)
				}
			}
			if k.Label < 0 || k.Label >= len(c.Job.Labels) {
				t.Fatalf("operation %d has rows of a label %d", k.Op, k.Label)
			}
		}
		if len(explain.Compare(p, got, got, nil)) < len(got) {
			t.Fatal("figures are missing in the comparison")
		}
	})
}
