package server_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/server"
	"github.com/idag/idag/jobs/ev/state"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

const (
	hour = int64(3600 * 1e6)
	end  = 10 * hour
)

// begun is a server's state after two rounds, with a linear model of zeros.
func begun() *state.State {
	s := &state.State{Round: 2, Version: 1, Params: make([]float64, 9)}
	s.Scaler = &learn.Scaler{Shift: make([]float64, 8), Scale: slices.Repeat([]float64{1}, 8)}
	return s
}

// model is nine parameters of one value.
func model(v float64) []byte { return state.AppendVector(nil, slices.Repeat([]float64{v}, 9)) }

// row is a good submission of a node to begun.
func row(options, node string, v float64) server.Row {
	return server.Row{How: "model=linear;" + options, Node: node, HasNode: true, Round: 2, Newest: 1, Version: 1, Samples: 10, Accuracy: 0.5,
		Params: model(v), Arrives: end + 1, End: end}
}

// gathered is what the aggregate writes of rows.
func gathered(t testing.TB, rows ...server.Row) *state.Round {
	t.Helper()
	s := new(server.Submissions)
	for _, r := range rows {
		if err := s.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	return must(state.DecodeRound(s.AppendState(nil)))
}

func advance(t testing.TB, s *state.State, rows ...server.Row) (*state.State, server.Report) {
	t.Helper()
	in := gathered(t, rows...)
	next, report, err := server.Advance(must(how.Parse(rows[0].How)), s, in)
	if err != nil {
		t.Fatal(err)
	}
	return must(state.Decode(next.Text())), report
}

// TestTwice: a node that submits twice counts once; in sums, where neither can be taken
// out again, all of its sum is refused.
func TestTwice(t *testing.T) {
	a, b, again := row("", "a", 1), row("", "b", 3), row("", "a", 100)
	again.Arrives++
	s, r := advance(t, begun(), again, a, b)
	if s.Params[0] != 2 || r.Nodes != 2 || r.Refused != 1 || r.Reasons != "duplicate 1" {
		t.Errorf("%v, %+v", s.Params, r)
	}
	var rows []server.Row
	for i := range 40 {
		rows = append(rows, row("keep=4", fmt.Sprintf("n%d", i), 2))
	}
	s, r = advance(t, begun(), append(rows, row("keep=4", "n7", 1e6))...)
	if s.Params[0] != 2 || !strings.HasPrefix(r.Reasons, "duplicate") || r.Nodes+r.Refused != 41 || r.Nodes < 25 || r.Nodes == 40 {
		t.Errorf("%v, %+v", s.Params[0], r)
	}
}

// TestRefused: what does not fit is refused, with a reason, and the model is made of the
// rest, one by one or summed up.
func TestRefused(t *testing.T) {
	for reason, change := range map[string]func(*server.Row){
		"not finite":    func(r *server.Row) { r.Params = model(math.NaN()) },
		"wrong shape":   func(r *server.Row) { r.Params = state.AppendVector(nil, make([]float64, 8)) },
		"wrong version": func(r *server.Row) { r.Version = 5 },
		"bad weight":    func(r *server.Row) { r.Samples = 0 },
		"bad weight 1":  func(r *server.Row) { r.Accuracy = math.NaN() },
		"wrong shape 1": func(r *server.Row) { r.Params = []byte("\x02no forest") },
	} {
		for _, keep := range []string{"", "keep=1"} {
			bad := row(keep, "c", 7)
			change(&bad)
			s, r := advance(t, begun(), row(keep, "a", 1), bad, row(keep, "b", 3))
			if s.Params[0] != 2 || r.Nodes != 2 || r.Refused != 1 || !strings.Contains(r.Reasons, reason) || s.Version != 2 {
				t.Errorf("%s %s: %v, %+v", reason, keep, s.Params, r)
			}
		}
	}
	// Not this round's: without sums it is one, in sums all of its sum.
	old := row("", "c", 7)
	old.Round = 1
	if s, r := advance(t, begun(), row("", "a", 1), old); s.Params[0] != 1 || r.Reasons != "wrong round 1" {
		t.Errorf("%v, %+v", s.Params, r)
	}
	// Nobody who can be taken: the model stays, and so does its version.
	bad := row("", "c", math.Inf(1))
	if s, r := advance(t, begun(), bad); s.Params[0] != 0 || s.Version != 1 || s.Round != 3 || r.Nodes != 0 {
		t.Errorf("%+v, %+v", s, r)
	}
}

// TestLate: what comes behind the deadline is taken in the round in which it arrives, as
// stale as it is by then.
func TestLate(t *testing.T) {
	for _, keep := range []string{"", "keep=1"} {
		late := row(keep+";staleness=polynomial:1", "c", 10)
		late.How, late.Arrives = "model=linear;"+keep+";method=mean;staleness=polynomial:1", end+2*hour
		on := func(round, version int64, names ...string) (rows []server.Row) {
			for _, n := range names {
				r := row("", n, 1)
				r.How, r.Round, r.Newest, r.Version = late.How, 2+round, version, version
				r.End, r.Arrives = end+round*hour, end+round*hour+1
				rows = append(rows, r)
			}
			return rows
		}
		s, r := advance(t, begun(), append(on(0, 1, "a", "b"), late)...)
		if s.Params[0] != 1 || r.Late != 1 || len(s.Waiting) != 1 {
			t.Fatalf("%q: %v, %+v", keep, s.Params, r)
		}
		s, r = advance(t, s, on(1, 2, "a", "b", "c")...)
		if s.Params[0] != 1 || r.Late != 1 || s.Version != 3 {
			t.Fatalf("%q: %v, %+v", keep, s.Params, r)
		}
		s, r = advance(t, s, on(2, 3, "a", "b")...)
		// 10 weighs 1/3, for it is two versions behind: (1+1+10/3)/(2+1/3).
		if want := (2 + 10./3) / (2 + 1./3); math.Abs(s.Params[0]-want) > 1e-12 || r.Late != 0 || r.Stalest != 2 || r.Staleness != 2 || r.Nodes != 3 {
			t.Errorf("%q: %v, expected %v, %+v", keep, s.Params[0], want, r)
		}
	}
}

// TestThreshold: a round is over when so many nodes are in; who comes later counts in the
// next one, unless it has sent a newer model by then. FedBuff waits for them.
func TestThreshold(t *testing.T) {
	at := func(options, node string, v float64, arrives int64) server.Row {
		r := row(options, node, v)
		r.Arrives = arrives
		return r
	}
	s, r := advance(t, begun(), at("threshold=2", "a", 1, end+3), at("threshold=2", "b", 3, end+1), at("threshold=2", "c", 5, end+2))
	if s.Params[0] != 4 || r.Nodes != 2 || r.Late != 1 {
		t.Errorf("%v, %+v", s.Params[0], r)
	}
	next := at("threshold=2", "a", 7, end+hour)
	next.Round, next.Newest, next.Version, next.End = 3, 2, 2, end+hour
	if s, r = advance(t, s, next); s.Params[0] != 7 || r.Nodes != 1 || r.Reasons != "duplicate 1" {
		t.Errorf("%v, %+v", s.Params[0], r)
	}
	s, r = advance(t, begun(), at("method=fedbuff;threshold=2", "a", 1, end+3))
	if s.Params[0] != 0 || r.Nodes != 0 || r.Late != 1 || s.Version != 1 {
		t.Errorf("%v, %+v", s.Params[0], r)
	}
	next = at("method=fedbuff;threshold=2", "b", 3, end+hour)
	next.Round, next.End = 3, end+hour
	if s, r = advance(t, s, next); s.Params[0] != 2 || r.Nodes != 2 || r.Late != 0 {
		t.Errorf("%v, %+v", s.Params[0], r)
	}
}

// TestAsync: models are mixed in as they arrive, whatever the order of the rows.
func TestAsync(t *testing.T) {
	a, b := row("method=fedasync:0.5", "a", 4), row("method=fedasync:0.5", "b", 8)
	a.Arrives++
	for _, rows := range [][]server.Row{{a, b}, {b, a}} {
		if s, r := advance(t, begun(), rows...); s.Params[0] != 4 || r.Nodes != 2 {
			t.Errorf("%v, %+v", s.Params[0], r) // (0·½ + 8·½)·½ + 4·½
		}
	}
}

// TestTooFew: a method that needs more models leaves the global one as it is, and says so.
func TestTooFew(t *testing.T) {
	s, r := advance(t, begun(), row("method=krum:1", "a", 1), row("method=krum:1", "b", 2))
	if s.Params[0] != 0 || s.Version != 1 || !strings.Contains(r.Reasons, "krum of 2 models") {
		t.Errorf("%v, %+v", s.Params[0], r)
	}
}

// TestRuined: a mean of models that are as large as can be is no model: the old one stays.
func TestRuined(t *testing.T) {
	s := begun()
	s.Params[0] = 9e99
	next, r := advance(t, s, row("method=fedbuff;step=100", "a", 9e99))
	if next.Params[0] != 9e99 || !strings.Contains(r.Reasons, "the model stays") {
		t.Errorf("%v, %+v", next.Params, r)
	}
}

// TestForests: of forests whatever cannot vote is refused: a vote of votes, one without
// trees, one over other features.
func TestForests(t *testing.T) {
	h := "model=forest"
	grow := func(width int) *learn.Forest {
		f := must(learn.NewForest(width, learn.Growth{Trees: 2}))
		rows := learn.Rows{Width: width, X: make([]float64, 4*width), Y: []float64{0, 1, 0, 1}}
		rows.X[0], rows.X[width] = 1, 2
		if err := f.Fit(rows, learn.Training{}); err != nil {
			panic(err)
		}
		return f
	}
	good := must(state.AppendForest(nil, grow(8)))
	vote := must(learn.Vote([]*learn.Forest{grow(8)}, nil))
	s := begun()
	s.Params = nil
	rows := []server.Row{row("", "good", 0)}
	for i, f := range []*learn.Forest{vote, grow(7), must(must(how.Parse(h)).Grove())} {
		r := row("", fmt.Sprint("bad", i), 0)
		r.Params = must(state.AppendForest(nil, f))
		rows = append(rows, r)
	}
	rows[0].Params = good
	rows = append(rows, row("", "vector", 1))
	for i := range rows {
		rows[i].How = h
	}
	next, r := advance(t, s, rows...)
	if len(next.Nodes) != 1 || !bytes.Equal(next.Nodes[0].Forest, good) || r.Nodes != 1 || r.Reasons != "wrong shape 4" || next.Version != 2 {
		t.Errorf("%+v", r)
	}
}

// TestOtherOptions: a state that another model's options made is Invalid.
func TestOtherOptions(t *testing.T) {
	_, _, err := server.Advance(must(how.Parse("model=nn")), begun(), &state.Round{})
	if err == nil || fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	s := new(server.Submissions)
	if err := s.Add(row("", "a", 1)); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]server.Row{"options": row("epochs=9", "b", 1), "unknown": {How: "x=1", HasNode: true}} {
		if err := s.Add(r); err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := row("", "b", 1)
	other.End++
	if err := s.Add(other); err == nil {
		t.Error("two ends")
	}
	for _, b := range [][]byte{nil, {0}, {1}, s.AppendState(nil)[:20]} {
		if err := s.Merge(b); err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%v: %v", b, err)
		}
	}
}

// TestSubmissionsAreASet: what is written does not depend on the order of rows nor on how
// they were spread over states that were merged.
func TestSubmissionsAreASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		options := rapid.SampledFrom([]string{"keep=3", "keep=100", "keep=3;method=median", "keep=3;threshold=2", "keep=2;method=mean;staleness=polynomial:1;max_stale=0"}).Draw(t, "how")
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) server.Row {
			r := row(options, rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", ""}).Draw(t, "node"), rapid.Float64Range(-9, 9).Draw(t, "v"))
			r.Version = rapid.Int64Range(0, 2).Draw(t, "version")
			r.Arrives += rapid.SampledFrom([]int64{0, 1, hour}).Draw(t, "late")
			r.Samples = rapid.Int64Range(0, 5).Draw(t, "samples")
			switch rapid.IntRange(0, 9).Draw(t, "kind") {
			case 0:
				r.Params = model(math.NaN())
			case 1:
				r.Params = nil
			case 2:
				r.Params = []byte("garbage")
			case 3:
				r = server.Row{Rows: []byte(rapid.SampledFrom([]string{"x", "y"}).Draw(t, "rows"))}
			case 4:
				r.Params, r.Moments = nil, []byte("no moments")
			}
			return r
		}), 1, 14).Draw(t, "rows")
		whole := new(server.Submissions)
		for _, r := range rows {
			if err := whole.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		parts := []*server.Submissions{{}, {}, {}}
		for _, r := range rapid.Permutation(rows).Draw(t, "order") {
			if err := parts[rapid.IntRange(0, 2).Draw(t, "part")].Add(r); err != nil {
				t.Fatal(err)
			}
		}
		merged := new(server.Submissions)
		for _, p := range rapid.Permutation(parts).Draw(t, "parts") {
			if err := merged.Merge(p.AppendState(nil)); err != nil {
				t.Fatal(err)
			}
		}
		if a, b := whole.AppendState(nil), merged.AppendState(nil); !bytes.Equal(a, b) {
			t.Fatalf("%+v\n%+v", must(state.DecodeRound(a)), must(state.DecodeRound(b)))
		}
	})
}

// TestCentral: the centre trains on with its rows, also where no node answered.
func TestCentral(t *testing.T) {
	flat := []float32{0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, -1, 0}
	centre := server.Row{Rows: state.AppendRows(nil, 8, flat)}
	without, before := advance(t, begun(), row("", "a", 1), centre)
	with, r := advance(t, begun(), row("central=5", "a", 1), centre)
	if without.Params[0] != 1 || with.Params[7] == 1 || with.Version != 2 || r.Change == before.Change {
		t.Errorf("%v without, %v with, %+v", without.Params, with.Params, r)
	}
	silent := row("central=5", "a", 1)
	silent.Params = nil
	if alone, r := advance(t, begun(), silent, centre); alone.Params[7] <= 0 || alone.Version != 2 || r.Nodes != 0 {
		t.Errorf("%v, %+v", alone.Params, r)
	}
	bad := server.Row{Rows: []byte("no rows")}
	if _, _, err := server.Advance(must(how.Parse("model=linear;central=1")), begun(), gathered(t, row("central=1", "a", 1), bad)); err == nil || fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
}

// TestOtherState: a state whose parts do not belong together is Invalid.
func TestOtherState(t *testing.T) {
	for name, change := range map[string]func(*state.State){
		"scaler": func(s *state.State) { s.Scaler = &learn.Scaler{Shift: []float64{1}, Scale: []float64{1}} },
		"params": func(s *state.State) { s.Params = nil },
		"base":   func(s *state.State) { s.Nodes = []state.Node{{Name: "a", Base: make([]float64, 20), Local: s.Params}} },
		"local":  func(s *state.State) { s.Nodes = []state.Node{{Name: "a", Base: s.Params, Local: s.Params[:1]}} },
	} {
		s := begun()
		change(s)
		r := row("control=learned", "a", 1)
		if _, _, err := server.Advance(must(how.Parse(r.How)), s, gathered(t, r)); err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
