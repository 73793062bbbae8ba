package state_test

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/internal/learn/fed"
	"github.com/idag/idag/jobs/ev/state"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func floats(t *rapid.T, name string) []float64 {
	out := rapid.SliceOfN(rapid.Float64Range(-1e9, 1e9), 0, 12).Draw(t, name)
	if len(out) == 0 {
		return nil
	}
	return out
}

func bytesOf(t *rapid.T, name string) []byte {
	out := rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, name)
	if len(out) == 0 {
		return nil
	}
	return out
}

func submission(t *rapid.T) state.Submission {
	return state.Submission{
		Node: rapid.StringN(0, 5, 9).Draw(t, "node"), Round: rapid.Int64().Draw(t, "round"), Newest: rapid.Int64().Draw(t, "newest"),
		Version: rapid.Int64().Draw(t, "version"), Samples: rapid.Int64().Draw(t, "samples"), Arrives: rapid.Int64().Draw(t, "arrives"),
		Accuracy: rapid.Float64Range(-1, 1).Draw(t, "accuracy"), Params: bytesOf(t, "params"), Moments: bytesOf(t, "moments"),
	}
}

func drawn(t *rapid.T) *state.State {
	s := &state.State{
		Round: rapid.Int64Range(0, math.MaxInt64).Draw(t, "round"), Version: rapid.Int64Range(0, 9).Draw(t, "version"),
		Moments: bytesOf(t, "moments"), Params: floats(t, "params"),
		Control: state.Control{Price: 1, Gain: rapid.Float64Range(0, 9).Draw(t, "gain")},
	}
	if rapid.Bool().Draw(t, "scaled") {
		shift := floats(t, "shift")
		s.Scaler = &learn.Scaler{Shift: shift, Scale: slices.Clone(shift)}
	}
	names := rapid.SliceOfNDistinct(rapid.StringN(0, 4, 8), 0, 4, rapid.ID[string]).Draw(t, "names")
	slices.Sort(names)
	for _, n := range names {
		s.Nodes = append(s.Nodes, state.Node{
			Name: n, Version: rapid.Int64().Draw(t, "v"), Since: 3, Samples: 4, Base: floats(t, "base"), Local: floats(t, "local"),
			Forest: bytesOf(t, "forest"), Link: 0.5, Change: 2,
		})
	}
	for range rapid.IntRange(0, 3).Draw(t, "waiting") {
		s.Waiting = append(s.Waiting, submission(t))
	}
	return s
}

// TestState: what is written is read, and whatever is cut off or changed is refused.
func TestState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t)
		text := s.Text()
		got, err := state.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, s) {
			t.Fatalf("wrote %+v\nread %+v", s, got)
		}
		for _, n := range s.Nodes {
			if f := s.Node(n.Name); f == nil || f.Name != n.Name {
				t.Fatalf("node %q is not found", n.Name)
			}
		}
		cut := rapid.IntRange(0, len(text)-1).Draw(t, "cut")
		if _, err := state.Decode(text[:cut]); fault.Of(err) != fault.Invalid || err == nil {
			t.Fatalf("%d of %d bytes: %v", cut, len(text), err)
		}
		changed := []byte(text)
		changed[cut] = 'A' + (changed[cut]-'A'+1)%26
		if got, err := state.Decode(string(changed)); err == nil && got.Text() != text {
			t.Fatalf("a changed byte %d was read", cut)
		}
	})
}

// TestStateRefuses: a state that is whole but cannot be.
func TestStateRefuses(t *testing.T) {
	for name, s := range map[string]state.State{
		"NaN":            {Params: []float64{math.NaN()}},
		"infinite":       {Control: state.Control{Price: math.Inf(1)}},
		"negative round": {Round: -1},
		"a scaler":       {Scaler: &learn.Scaler{Shift: []float64{1}}},
		"names":          {Nodes: []state.Node{{Name: "b"}, {Name: "a"}}},
		"the same name":  {Nodes: []state.Node{{Name: "b"}, {Name: "b"}}},
	} {
		if _, err := state.Decode(s.Text()); err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestParams: vectors may hold anything but must be vectors; forests must be forests.
func TestParams(t *testing.T) {
	b := state.AppendVector(nil, []float64{1, math.Inf(-1), 3})
	got, err := state.Vector(b, make([]float64, 0, 9))
	if err != nil || !slices.Equal(got, []float64{1, math.Inf(-1), 3}) {
		t.Errorf("%v %v", got, err)
	}
	net, err := learn.NewLogistic(8)
	if err != nil {
		t.Fatal(err)
	}
	model, err := net.AppendBinary([]byte{2})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, {}, {1, 2}, {2}, {3, 0, 0, 0, 0, 0, 0, 0, 0}, b[:len(b)-1], model} {
		_, v := state.Vector(bad, nil)
		_, f := state.Forest(bad)
		if v == nil || f == nil || fault.Of(v) != fault.Invalid || fault.Of(f) != fault.Invalid {
			t.Errorf("%v: %v, %v", bad, v, f)
		}
	}
}

// TestRows: rows are read as they were written, and nothing else is.
func TestRows(t *testing.T) {
	flat := []float32{1, 2, 0, 3, 4, 1}
	b := state.AppendRows(nil, 2, flat)
	rows, err := state.Rows(b, 2, learn.Rows{})
	if err != nil || !slices.Equal(rows.X, []float64{1, 2, 3, 4}) || !slices.Equal(rows.Y, []float64{0, 1}) {
		t.Errorf("%v %v", rows, err)
	}
	if got, err := state.Flat(b, 2, []float32{9}); err != nil || !slices.Equal(got, append([]float32{9}, flat...)) {
		t.Errorf("%v %v", got, err)
	}
	nan := state.AppendRows(nil, 2, []float32{1, float32(math.NaN()), 0})
	for _, bad := range [][]byte{nil, {1}, {2, 2}, b[:len(b)-1], nan, state.AppendRows(nil, 3, flat[:4])} {
		_, a := state.Rows(bad, 2, rows)
		_, f := state.Flat(bad, 2, nil)
		if a == nil || f == nil {
			t.Errorf("%v: %v, %v", bad, a, f)
		}
	}
}

// FuzzDecode: bytes from anywhere are read or refused, and what is read is written alike.
func FuzzDecode(f *testing.F) {
	s := state.State{Round: 3, Version: 2, Params: []float64{1, 2}, Nodes: []state.Node{{Name: "a", Base: []float64{4}}}, Waiting: []state.Submission{{Node: "b"}}}
	f.Add(s.Text(), []byte{1})
	tally, err := fed.Method{By: "samples"}.Tally(2, 0)
	if err != nil {
		f.Fatal(err)
	}
	if err := tally.Add(fed.Update{Node: "a", Samples: 2, Params: []float64{1, 2}}); err != nil {
		f.Fatal(err)
	}
	r := state.Round{How: "model=nn", List: s.Waiting, Sums: []state.Sum{{Nodes: []string{"a"}, Tally: tally, Refused: map[fed.Reason]int64{fed.Late: 2}}}}
	b, err := r.Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("", b)
	f.Add("AAAA", state.AppendRows(nil, 8, make([]float32, 18)))
	f.Fuzz(func(t *testing.T, text string, b []byte) {
		if s, err := state.Decode(text); err == nil {
			if again, err := state.Decode(s.Text()); err != nil || again.Text() != s.Text() {
				t.Errorf("%q is read, and written as what is not", text)
			}
		}
		if r, err := state.DecodeRound(b); err == nil {
			w, err := r.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := state.DecodeRound(w); err != nil {
				t.Errorf("%x is read, and written as %x, which is not: %v", b, w, err)
			}
		}
		for _, read := range []func() error{
			func() error { _, err := state.Rows(b, 8, learn.Rows{}); return err },
			func() error { _, err := state.Flat(b, 8, nil); return err },
			func() error { _, err := state.Vector(b, nil); return err },
			func() error { _, err := state.Forest(b); return err },
		} {
			if err := read(); err != nil && fault.Of(err) != fault.Invalid {
				t.Errorf("%x: %v", b, err)
			}
		}
	})
}
