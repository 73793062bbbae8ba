package locator

import (
	"math"
	"testing"
	"time"

	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// routes are two labels with routes and one that no row has.
func routes() []Route {
	return []Route{{Name: "error", Ops: 2, Chain: []string{"tag:e", "map:1", "map:2"}}, {Name: "information", Ops: 8, Chain: []string{"tag:i"}}, {}}
}

func near(a, b float64) bool { return math.Abs(a-b) <= 0.05*math.Abs(b) }

// TestLearns: whatever rows really cost, the prediction comes near it, and the
// squared error falls.
func TestLearns(t *testing.T) {
	l := New(routes())
	var before Loss
	for i := range 40 {
		rows := int64(1000 * (1 + i%5))
		split := rdd.Split{Rows: rows, Bytes: 10 * rows, Labels: map[string]int64{"error": rows / 4, "information": rows - rows/4}}
		p := l.Predict(&split)
		if i == 20 {
			before = l.routes[1].loss
		}
		l.Observe(p, map[int]Seen{
			0: {Rows: rows / 4, Time: time.Duration(rows / 4 * 100), At: 1},
			1: {Rows: rows - rows/4, Time: time.Duration((rows - rows/4) * 7), At: 1}}, float64(10*rows)*2)
	}
	p := l.Predict(&rdd.Split{Rows: 4000, Bytes: 40000, Labels: map[string]int64{"error": 1000, "information": 3000}})
	if !near(p.Labels[0].Cost, 100_000) || !near(p.Labels[1].Cost, 21_000) || !near(p.Read, 80_000) {
		t.Errorf("expected of 4,000 rows: %+v", p)
	}
	after := l.routes[1].loss
	if late := (after.Square - before.Square) / 20; late > before.Risk()/10 {
		t.Errorf("risk %g in the first half, %g in the second", before.Risk(), late)
	}
	if r := l.Reports(); len(r) != 2 || r[0].Stage() != 0 || r[1].Route != "information" || r[1].Error() <= 0 {
		t.Errorf("reports %+v", r)
	}
}

// TestNextStage: a done-list of the route says where its rows enter, one that is
// not of the route nothing; whether that was right is the 0/1 loss.
func TestNextStage(t *testing.T) {
	l := New(routes())
	claim := func(done string) Prediction {
		return l.Predict(&rdd.Split{Rows: 100, Done: done, Labels: map[string]int64{"error": 100}})
	}
	for done, want := range map[string]int{"": 0, "tag:e": 1, "map:2": 3, "map:9": 0, "tag:i": 0} {
		if p := claim(done); First(p.Labels[0].At) != want || First(p.Labels[1].At) != -1 {
			t.Errorf("%q: enters at %b, and %b", done, p.Labels[0].At, p.Labels[1].At)
		}
	}
	if half, whole := claim("map:1"), claim(""); half.Labels[0].Cost >= whole.Labels[0].Cost {
		t.Errorf("half of a route costs %g, all of it %g", half.Labels[0].Cost, whole.Labels[0].Cost)
	}
	l.Observe(claim("map:1"), map[int]Seen{0: {Rows: 100, At: 1 << 2}}, 0)
	l.Observe(claim("map:1"), map[int]Seen{0: {Rows: 100, At: 1}}, 0)                 // the header lied
	l.Observe(claim(""), map[int]Seen{0: {Rows: 50, At: 1}, 1: {Rows: 50, At: 1}}, 0) // there was another label
	got := map[string]float64{}
	for _, r := range l.Reports() {
		got[r.Route] = r.Stage()
	}
	if !near(got["error"], 1.0/3) || got["information"] != 1 {
		t.Errorf("0/1 losses %v", got)
	}
}

// TestShareIsLearnt: without claims the labels are expected as they have been.
func TestShareIsLearnt(t *testing.T) {
	l := New(routes())
	for range 30 {
		p := l.Predict(&rdd.Split{Rows: 1000})
		l.Observe(p, map[int]Seen{1: {Rows: 1000, Time: 1000, At: 1}}, 0)
	}
	if p := l.Predict(&rdd.Split{Rows: 1000}); p.Labels[1].Rows < 990 {
		t.Errorf("of 1,000 rows %g are expected to be information", p.Labels[1].Rows)
	}
}

// TestAbsurdClaims: whatever is claimed and seen, costs are finite, not negative,
// and so small that sums of a million splits stay whole numbers; and the same
// calls give the same predictions.
func TestAbsurdClaims(t *testing.T) {
	odd := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, -1, 0, 1, math.MaxInt64}))
	rapid.Check(t, func(t *rapid.T) {
		a, b := New(routes()), New(routes())
		for range rapid.IntRange(1, 20).Draw(t, "splits") {
			s := rdd.Split{Rows: odd.Draw(t, "rows"), Bytes: odd.Draw(t, "bytes"), Done: rapid.SampledFrom([]string{"", "map:1", "x"}).Draw(t, "done"),
				Labels: map[string]int64{"error": odd.Draw(t, "errors"), "information": odd.Draw(t, "informations"), "": odd.Draw(t, "nameless"), "x": 7}}
			p, w := a.Predict(&s), a.Weight(&s)
			if w < 1 || w > most+2 || b.Weight(&s) != w {
				t.Fatalf("weight %d and %d of %+v", w, b.Weight(&s), s)
			}
			for _, e := range p.Labels {
				if !(e.Cost >= 0 && e.Rows >= 0) || math.IsInf(e.Cost, 0) {
					t.Fatalf("%+v of %+v", e, s)
				}
			}
			var task Prediction
			task.Add(p)
			task.Add(p)
			if task.Cost() > 2*most+1 {
				t.Fatalf("cost %g", task.Cost())
			}
			seen := map[int]Seen{rapid.IntRange(-1, 9).Draw(t, "label"): {Rows: odd.Draw(t, "seen"), Time: time.Duration(odd.Draw(t, "time")), At: rapid.Uint64().Draw(t, "at")}}
			a.Observe(task, seen, float64(odd.Draw(t, "rest")))
			b.Observe(task, seen, 0)
			b = a.clone()
		}
	})
}

// clone returns a locator that has learnt the same.
func (l *Locator) clone() *Locator {
	c := *l
	c.routes = append([]route(nil), l.routes...)
	return &c
}

// TestNothingKnown: splits of which nothing is known weigh alike, and a locator of
// no routes has nothing to say.
func TestNothingKnown(t *testing.T) {
	l := New(nil)
	if w := l.Weight(&rdd.Split{Rows: -1, Bytes: -1}); w != 1 {
		t.Errorf("weight %d", w)
	}
	if l.Weight(&rdd.Split{Rows: 10, Bytes: -1}) >= l.Weight(&rdd.Split{Rows: 1000, Bytes: -1}) {
		t.Error("more rows weigh less")
	}
	l.Observe(Prediction{}, nil, 1)
	if got := l.Reports(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if (Loss{}).Stage() != 0 || (Loss{}).Risk() != 0 || (Loss{}).Error() != 0 {
		t.Error("a loss of nothing")
	}
}
