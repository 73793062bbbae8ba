package fed

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// splitMix draws the numbers that the reference program draws.
type splitMix uint64

func (s *splitMix) next() float64 {
	*s += 0x9e3779b97f4a7c15
	x := uint64(*s)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) * 0x1p-53
}

// version is that of the global model in these tests.
const version = 10

// updates are those of the reference numbers: parameters of -1 to 1, more samples
// and accuracy from node to node, staleness of 0 to 3 in turn.
func updates(n, width int) []Update {
	var s splitMix
	out := make([]Update, n)
	for i := range out {
		p := make([]float64, width)
		for j := range p {
			p[j] = 2*s.next() - 1
		}
		out[i] = Update{Node: fmt.Sprintf("node%02d", i), Version: version - int64(i%4), Samples: int64(10 * (i + 1)), Accuracy: min(0.5+0.04*float64(i), 1), Params: p}
	}
	return out
}

func tallyOf(t rapid.TB, m Method, width int, list []Update) *Tally {
	t.Helper()
	tally, err := m.Tally(width, version)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range list {
		if err := tally.Add(u); err != nil {
			t.Fatal(err)
		}
	}
	return tally
}

func result(t rapid.TB, tally *Tally) []float64 {
	t.Helper()
	out := make([]float64, tally.width)
	if err := tally.Result(out); err != nil {
		t.Fatal(err)
	}
	return out
}

func compare(t rapid.TB, what string, got, want []float64, tolerance float64) {
	t.Helper()
	for i := range want {
		if len(got) != len(want) || !(math.Abs(got[i]-want[i]) <= tolerance) {
			t.Fatalf("%s: %v, want %v", what, got, want)
		}
	}
}

// The reference numbers: NumPy 2.4.6 (average, median), SciPy 1.17.1 (trim_mean),
// and Krum written out in NumPy, over updates(11, 3).
func TestMethods(t *testing.T) {
	poly := Staleness{Kind: "polynomial", A: 0.5}
	for _, c := range []struct {
		m    Method
		n    int
		want []float64
	}{
		{Method{By: "mean"}, 11, []float64{0.26342369951467903, 0.08228359573154925, -0.016177773735155852}},
		{Method{By: "accuracy"}, 11, []float64{0.24886640877448313, 0.10113184105223884, 0.007840855688146122}},
		{Method{By: "samples"}, 11, []float64{0.22096493485577443, 0.13725764458356055, 0.05387656208280837}},
		{Method{By: "samples", Stale: poly}, 11, []float64{0.23505929492766925, 0.12313889768789615, 0.07331270770134243}},
		{Method{By: "mean", Stale: Staleness{Kind: "hinge", A: 10, B: 1}}, 11, []float64{0.32284937999310476, -0.05029898460745959, 0.044989648261648287}},
		{Method{By: "buffered", Stale: poly}, 11, []float64{0.2085583706481443, 0.04138477923346499, -0.025346395011863233}},
		{Method{By: "median"}, 11, []float64{0.32042057164680626, 0.11033503226686503, -0.17406669418753618}},
		{Method{By: "median"}, 10, []float64{0.1841608774783544, 0.13082839722076378, 0.12118898764577846}},
		{Method{By: "trimmed", Trim: 0.2}, 11, []float64{0.3278155686029218, 0.10164844685556178, 0.014103450277589413}},
		{Method{By: "krum", Faulty: 2}, 11, []float64{0.04790118330990256, 0.11033503226686503, 0.4164446694790931}},
		{Method{By: "krum", Faulty: 2, Keep: 4}, 11, []float64{0.4298184579982491, 0.008105501666041126, 0.32355105164051207}},
	} {
		compare(t, fmt.Sprintf("%+v of %d", c.m, c.n), result(t, tallyOf(t, c.m, 3, updates(c.n, 3))), c.want, 1e-15)
	}
}

// FedAsync, from NumPy 2.4.6: models mixed in one after the other.
func TestAsync(t *testing.T) {
	a := Async{Rate: 0.6, Stale: Staleness{Kind: "polynomial", A: 0.5}}
	global := make([]float64, 3)
	for _, u := range updates(11, 3) {
		if err := a.Apply(global, version, u); err != nil {
			t.Fatal(err)
		}
	}
	compare(t, "async", global, []float64{0.33670441742591634, -0.02215330424084455, -0.07990450309975983}, 1e-15)
	bad := updates(1, 3)[0]
	bad.Version = version + 1
	for _, err := range []error{
		a.Apply(global, version, bad),
		a.Apply(global, version, updates(1, 2)[0]),
		Async{Rate: 2}.Apply(global, version, updates(1, 3)[0]),
		Async{Stale: Staleness{Kind: "linear"}}.Apply(global, version, updates(1, 3)[0]),
		Step(global, []float64{1}, 1),
	} {
		if fault.Of(err) != fault.Invalid || err == nil {
			t.Error(err)
		}
	}
}

// s(τ) by hand.
func TestStaleness(t *testing.T) {
	for _, c := range []struct {
		s    Staleness
		tau  int64
		want float64
	}{
		{Staleness{}, 7, 1},
		{Staleness{Kind: "constant"}, 7, 1},
		{Staleness{Kind: "polynomial", A: 0.5}, 0, 1},
		{Staleness{Kind: "polynomial", A: 0.5}, 3, 0.5},
		{Staleness{Kind: "polynomial", A: 2}, 1, 0.25},
		{Staleness{Kind: "hinge", A: 10, B: 4}, 4, 1},
		{Staleness{Kind: "hinge", A: 10, B: 4}, 6, 1.0 / 21},
		{Staleness{Kind: "polynomial", A: 1}, -3, 1},
	} {
		if got := c.s.Weight(c.tau); got != c.want {
			t.Errorf("%+v of %d is %v, want %v", c.s, c.tau, got, c.want)
		}
	}
}

// methods draws any method that can be.
func methods() *rapid.Generator[Method] {
	return rapid.Custom(func(t *rapid.T) Method {
		m := Method{By: rapid.SampledFrom(Methods()).Draw(t, "by"), Trim: rapid.Float64Range(0, 0.49).Draw(t, "trim"),
			Faulty: rapid.IntRange(0, 2).Draw(t, "faulty"), Keep: rapid.IntRange(0, 2).Draw(t, "keep")}
		if !m.keeps() {
			m.Stale = rapid.SampledFrom([]Staleness{{}, {Kind: "polynomial", A: 0.7}, {Kind: "hinge", A: 3, B: 1}}).Draw(t, "stale")
		}
		return m
	})
}

// The aggregate is the same, bit for bit, in whatever order updates come, and
// however they are spread over nodes that merge and send their tallies.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := methods().Draw(rt, "method")
		list := updates(rapid.IntRange(7, 20).Draw(rt, "n"), 5)
		for i := range list {
			list[i].Params[0] *= math.Pow(10, float64(rapid.IntRange(-30, 30).Draw(rt, "size")))
		}
		one := tallyOf(rt, m, 5, list)
		want := result(rt, one)
		r := rand.New(rand.NewPCG(3, rapid.Uint64().Draw(rt, "order")))
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		cut := rapid.IntRange(0, len(list)).Draw(rt, "cut")
		left, right := tallyOf(rt, m, 5, list[:cut]), tallyOf(rt, m, 5, list[cut:])
		var sent Tally
		if err := sent.UnmarshalBinary(write(rt, right)); err != nil {
			rt.Fatal(err)
		}
		if err := sent.Merge(left); err != nil {
			rt.Fatal(err)
		}
		if got := result(rt, &sent); !slices.Equal(got, want) {
			rt.Fatalf("%v, in another order %v", want, got)
		}
		if !bytes.Equal(write(rt, &sent), write(rt, one)) {
			rt.Fatal("other bytes")
		}
	})
}

func write(t rapid.TB, v interface{ AppendBinary([]byte) ([]byte, error) }) []byte {
	t.Helper()
	b, err := v.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// All methods leave alone what all nodes agree on.
func TestAgreement(t *testing.T) {
	for _, by := range Methods() {
		list := updates(9, 4)
		for i := range list {
			list[i].Params, list[i].Version = []float64{1, -2.5, 1e-9, 1e9}, version
		}
		compare(t, by, result(t, tallyOf(t, Method{By: by, Faulty: 1, Trim: 0.1}, 4, list)), list[0].Params, 0)
	}
}

// rows makes rows for a model of 8 features: one node's share is unlike another's.
func rows(s *splitMix, n int, shift float64) learn.Rows {
	r := learn.Rows{Width: 8, X: make([]float64, n*8), Y: make([]float64, n)}
	for i := range n {
		z := 0.0
		for j := range 8 {
			x := 2*s.next() - 1 + shift
			r.X[i*8+j] = x
			z += x * float64(j-3)
		}
		if z > 0 {
			r.Y[i] = 1
		}
	}
	return r
}

// One local epoch of full-batch gradient descent, averaged by samples, is one step
// over all rows, for every model.
func TestFederatedIsCentralised(t *testing.T) {
	network, err := learn.NewNetwork(5, 8, 12, 8, 1)
	if err != nil {
		t.Fatal(err)
	}
	logistic, _ := learn.NewLogistic(8)
	linear, _ := learn.NewLinear(8)
	how := learn.Training{Batch: -1, Rate: 0.5, Descent: true, Decay: 0.01}
	for name, global := range map[string]*learn.Network{"network": network, "logistic": logistic, "linear": linear} {
		var s splitMix
		central := global.Clone()
		for round := range 3 {
			all := learn.Rows{Width: 8}
			width := len(global.Params())
			tally, err := Method{By: "samples"}.Tally(width, 0)
			if err != nil {
				t.Fatal(err)
			}
			for node, n := range []int{7, 100, 33, 64} {
				r := rows(&s, n, float64(node)/3)
				all.X, all.Y = append(all.X, r.X...), append(all.Y, r.Y...)
				local := global.Clone()
				if err := local.Update(r, how); err != nil {
					t.Fatal(err)
				}
				if err := tally.Add(Update{Node: fmt.Sprint(node), Samples: int64(n), Params: local.Params()}); err != nil {
					t.Fatal(err)
				}
			}
			if err := central.Update(all, how); err != nil {
				t.Fatal(err)
			}
			if err := global.SetParams(result(t, tally)); err != nil {
				t.Fatal(err)
			}
			compare(t, fmt.Sprint(name, " round ", round), global.Params(), central.Params(), 1e-9)
		}
	}
}

// poisoned returns ten honest models near 1, and three that were made to harm.
func poisoned() (list []Update, honest int) {
	var s splitMix
	for i := range 13 {
		p := make([]float64, 221)
		for j := range p {
			p[j] = 1 + 0.1*(s.next()-0.5)
			if i >= 10 {
				p[j] *= -1e6
			}
		}
		list = append(list, Update{Node: fmt.Sprintf("n%02d", i), Version: version, Samples: 100, Accuracy: 1, Params: p})
	}
	return list, 10
}

// Poisoned updates: median, trimmed mean and Krum stay among the honest models, and
// no mean does.
func TestPoison(t *testing.T) {
	list, _ := poisoned()
	for _, c := range []struct {
		m        Method
		survives bool
	}{
		{Method{By: "mean"}, false},
		{Method{By: "accuracy"}, false},
		{Method{By: "samples"}, false},
		{Method{By: "buffered"}, false},
		{Method{By: "median"}, true},
		{Method{By: "trimmed", Trim: 0.25}, true},
		{Method{By: "trimmed", Trim: 0.05}, false}, // trims none of three
		{Method{By: "krum", Faulty: 3}, true},
		{Method{By: "krum", Faulty: 3, Keep: 5}, true},
	} {
		worst := 0.0
		for _, v := range result(t, tallyOf(t, c.m, 221, list)) {
			worst = max(worst, math.Abs(v-1))
		}
		if survives := worst <= 0.05; survives != c.survives {
			t.Errorf("%+v: up to %v from what is right, survives: %v", c.m, worst, survives)
		}
	}
}

// What is wrong with an update is told, and counted, and changes nothing.
func TestRefusals(t *testing.T) {
	p := Policy{Method: Method{By: "samples"}, Width: 3, Threshold: 3, Deadline: 1000, MaxStale: 2}
	r, err := p.Open(4, version, 5000)
	if err != nil {
		t.Fatal(err)
	}
	good := Update{Node: "a", Round: 4, Version: version - 2, Samples: 10, Accuracy: 0.5, Params: []float64{1, 2, 3}}
	if err := r.Submit(good, 5000); err != nil {
		t.Fatal(err)
	}
	before := write(t, r.tally)
	for _, c := range []struct {
		why    Reason
		change func(*Update)
		at     int64
	}{
		{NoNode, func(u *Update) { u.Node = "" }, 5001},
		{WrongRound, func(u *Update) { u.Round = 3 }, 5001},
		{WrongRound, func(u *Update) { u.Round = 5 }, 5001},
		{WrongVersion, func(u *Update) { u.Version = version - 3 }, 5001},
		{WrongVersion, func(u *Update) { u.Version = version + 1 }, 5001},
		{Late, func(*Update) {}, 6001},
		{Duplicate, func(u *Update) { u.Node = "a" }, 5001},
		{WrongShape, func(u *Update) { u.Params = u.Params[:2] }, 5001},
		{WrongShape, func(u *Update) { u.Params = nil }, 5001},
		{NotFinite, func(u *Update) { u.Params = []float64{1, math.NaN(), 3} }, 5001},
		{NotFinite, func(u *Update) { u.Params = []float64{1, 2, math.Inf(1)} }, 5001},
		{NotFinite, func(u *Update) { u.Params = []float64{-1e101, 2, 3} }, 5001},
		{BadWeight, func(u *Update) { u.Samples = 0 }, 5001},
		{BadWeight, func(u *Update) { u.Samples = -5 }, 5001},
		{BadWeight, func(u *Update) { u.Accuracy = 1.5 }, 5001},
		{BadWeight, func(u *Update) { u.Accuracy = math.NaN() }, 5001},
	} {
		u := good
		u.Node = "b"
		c.change(&u)
		had := r.report.Refused[c.why]
		err := r.Submit(u, c.at)
		var why *Refusal
		if !errors.As(err, &why) || why.Reason != c.why || why.Node != u.Node || fault.Of(err) != fault.Invalid {
			t.Errorf("%+v: %v, want %s", u, err, c.why)
		}
		if r.report.Refused[c.why] != had+1 {
			t.Errorf("%s is not counted", c.why)
		}
	}
	if !bytes.Equal(write(t, r.tally), before) {
		t.Error("a refused update counts")
	}
	// A node that was refused may come again.
	good.Node = "b"
	if err := r.Submit(good, 6000); err != nil {
		t.Error(err)
	}
}

// A round is due when enough distinct nodes are in, or when time is up.
func TestDue(t *testing.T) {
	r, err := Policy{Method: Method{By: "mean"}, Width: 1, Threshold: 2, Deadline: 100}.Open(1, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	u := Update{Round: 1, Samples: 1, Params: []float64{4}}
	if r.Due(100) || !r.Due(101) {
		t.Error("nobody answers: due before the deadline, or not after")
	}
	if report, err := r.Close(make([]float64, 1)); fault.Of(err) != fault.Invalid || err == nil || report.Nodes != 0 {
		t.Errorf("nobody answered: %+v, %v", report, err)
	}
	u.Node = "a"
	for range 3 {
		_ = r.Submit(u, 50)
	}
	if r.Due(100) || !r.Due(101) {
		t.Error("one node, three times: due before the deadline, or not after")
	}
	u.Node, u.Params = "b", []float64{6}
	if err := r.Submit(u, 60); err != nil {
		t.Fatal(err)
	}
	if !r.Due(60) {
		t.Error("two nodes are not enough")
	}
	out := make([]float64, 1)
	report, err := r.Close(out)
	if err != nil || out[0] != 5 || report.Nodes != 2 || report.Refused[Duplicate] != 2 || report.Samples != 2 {
		t.Errorf("%v, %+v, %v", out, report, err)
	}
	r.Next(2, 1, 200)
	if _, err := r.Close(out); fault.Of(err) != fault.Invalid {
		t.Errorf("a round of nobody: %v", err)
	}
	u.Round, u.Version = 2, 1
	if err := r.Submit(u, 210); err != nil {
		t.Errorf("a node of the last round: %v", err)
	}
}

// A round in parts, written and read, is the round in one; a node in two parts is
// found out.
func TestRoundsMerge(t *testing.T) {
	for _, by := range Methods() {
		p := Policy{Method: Method{By: by, Faulty: 1}, Width: 3, MaxStale: -1}
		parts := make([]*Round, 3)
		for i := range parts {
			parts[i], _ = p.Open(0, version, 0)
		}
		list := updates(12, 3)
		for i, u := range list {
			if err := parts[0].Submit(u, 0); err != nil {
				t.Fatal(err)
			}
			if err := parts[1+i%2].Submit(u, 0); err != nil {
				t.Fatal(err)
			}
		}
		_ = parts[1].Submit(list[0], 0)
		_ = parts[0].Submit(list[0], 0)
		var back Round
		if err := back.UnmarshalBinary(write(t, parts[2])); err != nil {
			t.Fatal(err)
		}
		if err := back.Merge(parts[1]); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(write(t, &back), write(t, parts[0])) {
			t.Errorf("%s: two parts are not the whole:\n%q\n%q", by, write(t, &back), write(t, parts[0]))
		}
		if err := back.Merge(parts[2]); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("a node in two parts: %v", err)
		}
	}
}

// Methods that cannot be are refused before anything is aggregated.
func TestBadMethods(t *testing.T) {
	for _, m := range []Method{
		{}, {By: "Mean"}, {By: "trimmed", Trim: 0.5}, {By: "trimmed", Trim: math.NaN()}, {By: "trimmed", Trim: -0.1}, {By: "krum", Faulty: -1},
		{By: "krum", Keep: -1}, {By: "mean", Stale: Staleness{Kind: "steep"}}, {By: "mean", Stale: Staleness{Kind: "hinge", A: -1}},
		{By: "median", Stale: Staleness{Kind: "hinge", A: 1}},
	} {
		if _, err := m.Tally(3, 0); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%+v: %v", m, err)
		}
	}
	if _, err := (Method{By: "mean"}).Tally(0, 0); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	if _, err := (Policy{Method: Method{By: "mean"}, Width: 3, Threshold: -1}).Open(0, 0, 0); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	few := tallyOf(t, Method{By: "krum", Faulty: 1}, 3, updates(4, 3))
	if err := few.Result(make([]float64, 3)); fault.Of(err) != fault.Invalid {
		t.Errorf("krum of 4 with 1 faulty: %v", err)
	}
	zero := updates(1, 3)
	zero[0].Accuracy = 0
	if err := tallyOf(t, Method{By: "accuracy"}, 3, zero).Result(make([]float64, 3)); fault.Of(err) != fault.Invalid {
		t.Errorf("weights of 0: %v", err)
	}
	one := tallyOf(t, Method{By: "mean"}, 3, nil)
	if err := one.Merge(tallyOf(t, Method{By: "median"}, 3, nil)); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
}

// No bytes make UnmarshalBinary panic, and what it takes is written as it was.
func FuzzUnmarshal(f *testing.F) {
	for _, by := range Methods() {
		f.Add(write(f, tallyOf(f, Method{By: by}, 3, updates(5, 3))))
		r, err := Policy{Method: Method{By: by}, Width: 3, MaxStale: -1}.Open(0, version, 0)
		if err != nil {
			f.Fatal(err)
		}
		if err := r.Submit(updates(1, 3)[0], 0); err != nil {
			f.Fatal(err)
		}
		f.Add(write(f, r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		var tally, again Tally
		if tally.UnmarshalBinary(b) == nil {
			first := write(t, &tally)
			if err := again.UnmarshalBinary(first); err != nil || !bytes.Equal(write(t, &again), first) {
				t.Fatalf("%v: written otherwise", err)
			}
			_ = tally.Result(make([]float64, tally.width))
		}
		var round Round
		if round.UnmarshalBinary(b) == nil {
			_ = round.Submit(Update{Node: "x"}, 0)
			write(t, &round)
		}
	})
}

// BenchmarkAdd is one update of 221 parameters.
func BenchmarkAdd(b *testing.B) {
	list := updates(1, 221)
	for _, by := range []string{"mean", "samples", "median"} {
		b.Run(by, func(b *testing.B) {
			tally := tallyOf(b, Method{By: by}, 221, nil)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if n%1000 == 0 {
					tally.Reset(version)
				}
				if err := tally.Add(list[0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkResult is the aggregate of 1,000 updates of 221 parameters.
func BenchmarkResult(b *testing.B) {
	list := updates(1000, 221)
	for _, by := range []string{"samples", "median", "trimmed", "krum"} {
		b.Run(by, func(b *testing.B) {
			tally := tallyOf(b, Method{By: by, Trim: 0.1, Faulty: 10}, 221, list)
			out := make([]float64, 221)
			for b.Loop() {
				if err := tally.Result(out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
