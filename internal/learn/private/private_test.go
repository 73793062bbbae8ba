package private

import (
	"math"
	"slices"
	"testing"

	"github.com/idag/idag/internal/fault"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The reference numbers are SciPy's (1.17.1): brentq over norm.cdf.
func TestEpsilon(t *testing.T) {
	for _, c := range []struct {
		z      float64
		rounds int
		delta  float64
		want   float64
	}{
		{1, 1, 1e-5, 4.377178095681225},
		{2, 10, 1e-5, 7.511275900744773},
		{1.1, 100, 1e-6, 83.732141901351},
		{10, 1, 1e-5, 0.34066936468434567},
		{0.5, 50, 1e-5, 159.44148628736582},
	} {
		got, err := Epsilon(c.z, c.rounds, c.delta)
		if err != nil || math.Abs(got-c.want) > 1e-9*c.want {
			t.Errorf("%+v: %.15g, %v", c, got, err)
		}
		if d, err := Delta(c.z, c.rounds, got); err != nil || math.Abs(d-c.delta) > 1e-9*c.delta {
			t.Errorf("%+v: delta %v, %v", c, d, err)
		}
	}
	if e, err := Epsilon(1e9, 1, 0.5); err != nil || e != 0 {
		t.Errorf("next to nothing tells: %v, %v", e, err)
	}
}

// More noise and fewer rounds tell less; a tenfold length of rounds with √10 times
// the noise tells the same.
func TestEpsilonIsMonotone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		z := rapid.Float64Range(0.1, 50).Draw(rt, "z")
		rounds := rapid.IntRange(1, 1000).Draw(rt, "rounds")
		d := math.Pow(10, -rapid.Float64Range(1, 12).Draw(rt, "delta"))
		at := func(z float64, rounds int) float64 {
			e, err := Epsilon(z, rounds, d)
			if err != nil || math.IsNaN(e) || math.IsInf(e, 0) || e < 0 {
				rt.Fatalf("%v, %v", e, err)
			}
			return e
		}
		e := at(z, rounds)
		if more := at(z*1.5, rounds); more > e {
			rt.Fatalf("%v, with more noise %v", e, more)
		}
		if more := at(z, rounds+1); more < e {
			rt.Fatalf("%v, with more rounds %v", e, more)
		}
		if same := at(z*math.Sqrt(10), rounds*10); math.Abs(same-e) > 1e-6*max(e, 1e-3) {
			rt.Fatalf("%v and %v", e, same)
		}
	})
}

// The δ of one round is the most that the two worlds' chances differ, summed over
// what can be seen: the integral of max(0, φ(x-μ) - e^ε·φ(x)).
func TestDeltaIsTheDefinition(t *testing.T) {
	for _, c := range []struct{ z, epsilon float64 }{{1, 1}, {0.5, 2}, {3, 0.1}} {
		mu, sum := 1/c.z, 0.0
		const h = 1e-4
		for x := -12.0; x < 14; x += h {
			p := math.Exp(-(x-mu)*(x-mu)/2) - math.Exp(c.epsilon-x*x/2)
			sum += h * max(p, 0) / math.Sqrt(2*math.Pi)
		}
		if got, err := Delta(c.z, 1, c.epsilon); err != nil || math.Abs(got-sum) > 1e-7 {
			t.Errorf("%+v: %v, by the definition %v, %v", c, got, sum, err)
		}
	}
}

// What is clipped is no longer than the bound and points where it pointed; what is
// short enough stays as it was.
func TestClip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := rapid.SliceOf(rapid.OneOf(rapid.Float64Range(-10, 10), rapid.Float64Range(-1e300, 1e300))).Draw(rt, "difference")
		bound := rapid.OneOf(rapid.Float64Range(1e-3, 100), rapid.Float64Range(1e-200, 1e200)).Draw(rt, "bound")
		was := slices.Clone(v)
		length, err := Clip(v, bound)
		if err != nil {
			rt.Fatal(err)
		}
		if length <= bound {
			if !slices.Equal(v, was) {
				rt.Fatalf("%v of length %v was changed", was, length)
			}
			return
		}
		again, err := Clip(slices.Clone(v), math.NaN())
		if err == nil {
			rt.Fatalf("clipped to NaN: %v", again)
		}
		after, _ := Clip(slices.Clone(v), bound)
		if after > bound || after < bound*(1-1e-9) {
			rt.Fatalf("length %v, bound %v", after, bound)
		}
		for i := range v {
			if want := was[i] / length * bound; math.Abs(v[i]-want) > 1e-9*bound {
				rt.Fatalf("%v became %v, want %v", was[i], v[i], want)
			}
		}
	})
}

// Noise has the deviation it is said to have, and follows from its seed.
func TestNoise(t *testing.T) {
	one, two, other := make([]float64, 20_000), make([]float64, 20_000), make([]float64, 20_000)
	for i, v := range [][]float64{one, two, other} {
		if err := Noise(v, 3, uint64(i/2)); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(one, two) || slices.Equal(one, other) {
		t.Error("the noise does not follow from its seed")
	}
	sum, squares := 0.0, 0.0
	for _, v := range one {
		sum += v
		squares += v * v
	}
	// Within five standard errors.
	if mean := sum / 20_000; math.Abs(mean) > 5*3/math.Sqrt(20_000) {
		t.Errorf("mean %v", mean)
	}
	if variance := squares / 20_000; math.Abs(variance-9) > 5*9*math.Sqrt(2.0/20_000) {
		t.Errorf("variance %v", variance)
	}
}

func TestBadPrivacy(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	var errs []error
	add := func(_ float64, err error) { errs = append(errs, err) }
	for _, b := range []float64{0, -1, nan, inf} {
		add(Clip([]float64{1}, b))
		add(Epsilon(b, 1, 0.1))
		add(Delta(b, 1, 1))
	}
	add(Clip([]float64{nan}, 1))
	add(Clip([]float64{inf}, 1))
	add(Epsilon(1, 0, 0.1))
	add(Delta(1, 1, nan))
	for _, d := range []float64{0, 1, nan} {
		add(Epsilon(1, 1, d))
	}
	errs = append(errs, Noise(nil, -1, 0), Noise(nil, nan, 0))
	for i, err := range errs {
		if err == nil || fault.Of(err) != fault.Invalid {
			t.Errorf("%d: %v", i, err)
		}
	}
}
