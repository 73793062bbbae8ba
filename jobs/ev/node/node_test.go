package node_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/node"
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

// columns are Arrow columns of rows, a null where a value is 77, sliced at an offset.
func columns(t testing.TB, rows [][9]float64) []arrow.Array {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	var out []arrow.Array
	for j := range 9 {
		b := array.NewFloat64Builder(mem)
		b.AppendValues([]float64{1, 2}, nil)
		for _, r := range rows {
			if r[j] == 77 {
				b.AppendNull()
			} else {
				b.Append(r[j])
			}
		}
		whole := b.NewArray()
		b.Release()
		out = append(out, array.NewSlice(whole, 2, int64(2+len(rows))))
		whole.Release()
	}
	t.Cleanup(func() {
		for _, a := range out {
			a.Release()
		}
		mem.AssertSize(t, 0)
	})
	return out
}

func all(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

// TestExamples: rows that are none are left out, and -0 is 0.
func TestExamples(t *testing.T) {
	e := new(node.Examples)
	rows := [][9]float64{
		{2, 0, 0, 0, 0, 0, 0, 0, 1}, {1, math.Copysign(0, -1), 0, 0, 0, 0, 0, 0, 0}, {77, 0, 0, 0, 0, 0, 0, 0, 1}, {3, 0, 0, 0, 0, 0, 0, 0, 77},
		{math.NaN(), 0, 0, 0, 0, 0, 0, 0, 1}, {4, 0, 0, 0, 0, 0, math.Inf(1), 0, 1}, {5, 0, 1e300, 0, 0, 0, 0, 0, 1}, {6, 0, 0, 0, 0, 0, 0, 0, 0.5},
	}
	if err := e.Update(columns(t, rows), all(len(rows))); err != nil {
		t.Fatal(err)
	}
	want := state.AppendRows(nil, 8, []float32{1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1})
	if got := e.AppendState(nil); !bytes.Equal(got, want) {
		t.Errorf("%x, expected %x", got, want)
	}
	if e.Size() < 72 {
		t.Errorf("%d bytes", e.Size())
	}
	if err := e.Update(columns(t, rows)[:8], all(1)); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	for _, bad := range [][]byte{nil, []byte("no"), want[:len(want)-1]} {
		if err := e.Merge(bad); err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%x: %v", bad, err)
		}
	}
	if got := e.AppendState(nil); !bytes.Equal(got, want) {
		t.Errorf("bad bytes have changed it: %x", got)
	}
}

// TestExamplesAreASet: what is written does not depend on order and parts.
func TestExamplesAreASet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) (r [9]float64) {
			for j := range 8 {
				r[j] = float64(rapid.IntRange(-1, 2).Draw(t, "x"))
			}
			r[8] = float64(rapid.IntRange(0, 1).Draw(t, "y"))
			return r
		}), 1, 20).Draw(rt, "rows")
		whole := new(node.Examples)
		if err := whole.Update(columns(t, rows), all(len(rows))); err != nil {
			rt.Fatal(err)
		}
		order := rapid.Permutation(all(len(rows))).Draw(rt, "order")
		cut := rapid.IntRange(0, len(order)).Draw(rt, "cut")
		merged := new(node.Examples)
		for _, part := range [][]int32{order[cut:], order[:cut]} {
			slices.Sort(part)
			e := new(node.Examples)
			if err := e.Update(columns(t, rows), part); err != nil {
				rt.Fatal(err)
			}
			if err := merged.Merge(e.AppendState(nil)); err != nil {
				rt.Fatal(err)
			}
		}
		if !bytes.Equal(whole.AppendState(nil), merged.AppendState(nil)) {
			rt.Fatal("the order of rows shows")
		}
	})
}

// begun is a state with a scaler and a network.
func begun(h how.How) *state.State {
	s := &state.State{Round: 4, Version: 3, Scaler: &learn.Scaler{Shift: make([]float64, 8), Scale: slices.Repeat([]float64{1}, 8)}}
	if net := must(h.Network()); net != nil {
		s.Params = slices.Clone(net.Params())
	}
	return s
}

func some(n int) []byte {
	var flat []float32
	for i := range n {
		for j := range 8 {
			flat = append(flat, float32((i*7+j*3)%11)/5-1)
		}
		flat = append(flat, float32(i*7%11/6))
	}
	return state.AppendRows(nil, 8, flat)
}

// TestTrainerKeepsNothing: what a node submits does not depend on the nodes that trained
// before it with the same trainer.
func TestTrainerKeepsNothing(t *testing.T) {
	for _, options := range []string{"", "model=linear", "method=fedprox:", "model=forest", "control=learned", "poison=a:noise", "batch=-1;optimiser=descent"} {
		options = string(bytes.TrimSuffix([]byte(options), []byte(":")))
		h := must(how.Parse(options))
		s := begun(h)
		if h.Control != how.Off {
			s.Nodes = []state.Node{{Name: "b", Version: 2, Base: s.Params, Local: slices.Repeat([]float64{0.1}, len(s.Params))}}
		}
		shared := must(node.NewTrainer(h, s))
		for _, name := range []string{"a", "b", "c", "a"} {
			got := must(shared.Train(name, some(40+len(name)), 0, 3600e6))
			params := slices.Clone(got.Params)
			alone := must(must(node.NewTrainer(h, s)).Train(name, some(40+len(name)), 0, 3600e6))
			if !bytes.Equal(params, alone.Params) || got.Before != alone.Before || got.After != alone.After || got.Arrives != alone.Arrives || len(params) == 0 {
				t.Errorf("%q: node %s submits something else after others", options, name)
			}
			if want := map[bool]int64{true: 2, false: 3}[h.Control != how.Off && name == "b"]; got.Version != want || got.Round != 4 || got.Samples != 41 {
				t.Errorf("%q: %+v", options, got)
			}
		}
	}
}

// TestTrainerTotal: no rows, no state, rows that are none, a model that explodes.
func TestTrainerTotal(t *testing.T) {
	h := must(how.Parse(""))
	first := must(must(node.NewTrainer(h, nil)).Train("a", some(5), 0, 1))
	if len(first.Moments) == 0 || len(first.Params) > 0 || first.Tested {
		t.Errorf("%+v", first)
	}
	tr := must(node.NewTrainer(h, begun(h)))
	if none := must(tr.Train("a", some(0), 0, 1)); len(none.Params)+len(none.Moments) > 0 || none.Tested || none.Trained {
		t.Errorf("%+v", none)
	}
	if _, err := tr.Train("a", []byte("rows"), 0, 1); err == nil || fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	s := begun(h)
	for i := range s.Params {
		s.Params[i] = 1e99
	}
	wild := must(must(node.NewTrainer(h, s)).Train("a", some(9), 0, 1))
	if !wild.Tested || wild.Before.Count() != 9 {
		t.Errorf("%+v", wild)
	}
	v, ok, err := must(node.NewPredictor(h, s)).Predict("a", &[8]float64{1, 1, 1, 1, 1, 1, 1, 1})
	if err != nil || !ok || math.IsNaN(v) {
		t.Error(v, ok, err)
	}
	if _, ok, err := must(node.NewPredictor(h, begun(h))).Predict("a", &[8]float64{math.NaN()}); ok || err != nil {
		t.Error("a prediction for a feature that is none", err)
	}
	s.Scaler.Shift = s.Scaler.Shift[:3]
	if _, err := node.NewTrainer(h, s); err == nil || fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	s = begun(h)
	s.Params = s.Params[:9]
	if _, err := must(node.NewTrainer(h, s)).Train("a", some(3), 0, 1); err == nil || fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
}

// BenchmarkTrain is one client of the smallest useful size.
func BenchmarkTrain(b *testing.B) {
	h := must(how.Parse("epochs=1"))
	tr := must(node.NewTrainer(h, begun(h)))
	rows := some(64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tr.Train("a", rows, 0, 3600e6); err != nil {
			b.Fatal(err)
		}
	}
}

// What an aggregate is given is lent: names whose memory is used for something else
// afterwards are the names that they were.
func TestAheadKeepsNothing(t *testing.T) {
	a := &node.Ahead{}
	var bufs []*memory.Buffer
	for range 3 { // a name that is known already is lent as well
		mem := memory.NewGoAllocator()
		names := array.NewStringBuilder(mem)
		names.AppendValues([]string{"T1 a", "T1 b"}, nil)
		times := array.NewTimestampBuilder(mem, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"})
		times.AppendValues([]arrow.Timestamp{1, 2}, nil)
		in := []arrow.Array{names.NewArray(), times.NewArray()}
		for range 3 + how.Width + 3 - 2 {
			f := array.NewFloat64Builder(mem)
			f.AppendValues([]float64{1, 1}, nil)
			in = append(in, f.NewArray())
		}
		if err := a.Update(in, []int32{0, 1}); err != nil {
			t.Fatal(err)
		}
		bufs = append(bufs, in[0].Data().Buffers()[2])
	}
	before := string(a.AppendState(nil))
	for _, b := range bufs {
		clear(b.Bytes())
	}
	if after := string(a.AppendState(nil)); after != before {
		t.Errorf("%q became %q", before, after)
	}
}
