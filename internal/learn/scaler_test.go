package learn

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/idag/idag/internal/fault"
	"pgregory.net/rapid"
)

func momentsOf(t testing.TB, rows Rows) *Moments {
	m := must[*Moments](t)(NewMoments(rows.Width))
	if err := m.Add(rows); err != nil {
		t.Fatal(err)
	}
	return m
}

// Mean and deviation are NumPy's (2.4.6) of the rows of reference(200, 8).
func TestMoments(t *testing.T) {
	rows, _ := reference(200, 8)
	m := momentsOf(t, rows)
	compare(t, "mean", []float64{m.Mean(0), m.Mean(1)}, []float64{-0.0376140245662195, 0.06542164538386629}, 1e-15)
	compare(t, "deviation", []float64{m.Deviation(0), m.Deviation(1)}, []float64{0.5492118676171314, 0.54405763909502}, 1e-15)
}

// A small deviation around a large mean is not lost.
func TestDeviationOfLargeNumbers(t *testing.T) {
	m := momentsOf(t, Rows{Width: 1, X: []float64{1e9 + 1, 1e9 + 2, 1e9 + 3}})
	compare(t, "deviation", []float64{m.Deviation(0)}, []float64{math.Sqrt(2.0 / 3)}, 1e-15)
}

// Scalers do not depend on the order of rows, nor on which node saw which.
func TestScalerIsShared(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		width := rapid.IntRange(1, 3).Draw(rt, "width")
		n := rapid.IntRange(1, 30).Draw(rt, "rows")
		number := rapid.OneOf(rapid.Float64Range(-1e3, 1e3), rapid.Float64Range(-1e99, 1e99), rapid.Just(5.0))
		rows := Rows{Width: width, X: rapid.SliceOfN(number, n*width, n*width).Draw(rt, "x")}
		one := momentsOf(t, rows)
		order := rand.New(rand.NewPCG(1, uint64(n))).Perm(n)
		nodes := []*Moments{must[*Moments](t)(NewMoments(width)), must[*Moments](t)(NewMoments(width)), must[*Moments](t)(NewMoments(width))}
		for _, i := range order {
			if err := nodes[rapid.IntRange(0, 2).Draw(rt, "node")].Add(rows.Pick([]int{i})); err != nil {
				rt.Fatal(err)
			}
		}
		var merged Moments
		if err := merged.UnmarshalBinary(must[[]byte](t)(nodes[2].AppendBinary(nil))); err != nil {
			rt.Fatal(err)
		}
		for _, m := range nodes[:2] {
			if err := merged.Merge(m); err != nil {
				rt.Fatal(err)
			}
		}
		if !bytes.Equal(must[[]byte](t)(merged.AppendBinary(nil)), must[[]byte](t)(one.AppendBinary(nil))) {
			rt.Fatal("other moments")
		}
		s := merged.Standard()
		if !slices.Equal(s.Shift, one.Standard().Shift) || !slices.Equal(s.Scale, one.Standard().Scale) {
			rt.Fatal("another scaler")
		}
		scaled := Rows{Width: width, X: make([]float64, len(rows.X))}
		if err := s.Apply(rows, scaled.X); err != nil {
			rt.Fatal(err)
		}
		after := momentsOf(t, scaled)
		for i := range width {
			if d := after.Deviation(i); math.Abs(after.Mean(i)) > 1e-6 || d > 1e-9 && math.Abs(d-1) > 1e-6 {
				rt.Fatalf("feature %d has mean %v and deviation %v", i, after.Mean(i), d)
			}
		}
		if err := one.Span().Apply(rows, scaled.X); err != nil {
			rt.Fatal(err)
		}
		if lo, hi := slices.Min(scaled.X), slices.Max(scaled.X); lo < 0 || hi > 1+1e-12 {
			rt.Fatalf("spanned from %v to %v", lo, hi)
		}
	})
}

func TestBadMoments(t *testing.T) {
	m := momentsOf(t, Rows{Width: 2, X: []float64{1, 2, 3, 4}})
	before := must[[]byte](t)(m.AppendBinary(nil))
	if err := m.Add(Rows{Width: 2, X: []float64{1, 2, 3, math.NaN()}}); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	if !bytes.Equal(must[[]byte](t)(m.AppendBinary(nil)), before) {
		t.Error("bad rows were counted")
	}
	if err := m.Merge(must[*Moments](t)(NewMoments(3))); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	if _, err := NewMoments(0); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	var s Scaler
	if err := s.Apply(Rows{Width: 1, X: []float64{1}}, []float64{0}); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
	if empty := must[*Moments](t)(NewMoments(1)); empty.Mean(0) != 0 || empty.Deviation(0) != 0 || empty.Standard().Scale[0] != 1 {
		t.Error("no rows have moments")
	}
}

// No bytes make UnmarshalBinary panic, and what it takes is written as it was.
func FuzzMoments(f *testing.F) {
	rows, _ := reference(5, 2)
	f.Add(must[[]byte](f)(momentsOf(f, rows).AppendBinary(nil)))
	f.Add(must[[]byte](f)(must[*Moments](f)(NewMoments(1)).AppendBinary(nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Moments
		if err := m.UnmarshalBinary(b); err != nil {
			return
		}
		var again Moments
		if err := again.UnmarshalBinary(must[[]byte](t)(m.AppendBinary(nil))); err != nil {
			t.Fatal(err)
		}
		m.Standard()
	})
}
