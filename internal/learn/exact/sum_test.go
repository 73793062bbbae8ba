package exact

import (
	"bytes"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// numbers draws finite numbers of all sizes, the odd ends often.
func numbers() *rapid.Generator[float64] {
	return rapid.OneOf(
		rapid.Float64Range(-1, 1),
		rapid.Float64(),
		rapid.SampledFrom([]float64{0, math.Copysign(0, -1), math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, math.MaxFloat64,
			-math.MaxFloat64, 1 << 53, 1<<53 + 2, 0x1p-1022, 0x1p-1023, 1, -1, 0x1p-53, 0x1p-54}),
	)
}

// twin adds in 5000 bits, which is more than the numbers span.
func twin(list []float64) *big.Float {
	sum := new(big.Float).SetPrec(5000)
	for _, x := range list {
		sum.Add(sum, new(big.Float).SetPrec(5000).SetFloat64(x))
	}
	return sum
}

func sumOf(list []float64) *Sum {
	s := new(Sum)
	for _, x := range list {
		s.Add(x)
	}
	return s
}

// A sum is the number nearest to the true one, whatever the order, and however it
// was spread, merged, written and read.
func TestSum(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		list := rapid.SliceOf(numbers()).Draw(rt, "numbers")
		want, _ := twin(list).Float64()
		s := sumOf(list)
		if got := s.Float(); got != want {
			rt.Fatalf("%v: %v, want %v", list, got, want)
		}
		bytesOf := write(rt, s)
		rand.New(rand.NewPCG(1, rapid.Uint64().Draw(rt, "order"))).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		cut := rapid.IntRange(0, len(list)).Draw(rt, "cut")
		left, right := sumOf(list[:cut]), sumOf(list[cut:])
		var read Sum
		if rest, err := read.Read(append(write(rt, right), 7)); err != nil || len(rest) != 1 {
			rt.Fatal(rest, err)
		}
		left.Merge(&read)
		if !bytes.Equal(write(rt, left), bytesOf) {
			rt.Fatalf("%v: in two parts it is another sum", list)
		}
	})
}

func write(t rapid.TB, s *Sum) []byte {
	b, err := s.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Products are added unrounded.
func TestProducts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mid := rapid.Float64Range(-1e100, 1e100)
		var s Sum
		want := new(big.Float).SetPrec(5000)
		for range rapid.IntRange(1, 9).Draw(rt, "n") {
			x, y := mid.Draw(rt, "x"), rapid.Float64Range(0x1p-100, 0x1p60).Draw(rt, "y")
			if math.Abs(x) < 0x1p-800 {
				x = 0
			}
			s.AddProduct(x, y)
			p := new(big.Float).SetPrec(200).SetFloat64(x)
			want.Add(want, p.Mul(p, new(big.Float).SetFloat64(y)))
		}
		if w, _ := want.Float64(); s.Float() != w {
			rt.Fatalf("%v, want %v", s.Float(), w)
		}
	})
}

// A quotient of sums is within one unit in the last place of the true one.
func TestOver(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.SliceOfN(rapid.Float64Range(-1e9, 1e9), 1, 20).Draw(rt, "numerator")
		d := rapid.SliceOfN(rapid.Float64Range(1e-3, 1e9), 1, 20).Draw(rt, "denominator")
		got := sumOf(n).Over(sumOf(d))
		q := new(big.Float).SetPrec(3000).Quo(twin(n), twin(d))
		want, _ := q.Float64()
		if math.Abs(want) < 1e-290 {
			return
		}
		if got != want && got != math.Nextafter(want, got) {
			rt.Fatalf("%v over %v: %v, want %v", n, d, got, want)
		}
	})
}

// What is not a number stays so; what cancels is 0; what is too much is infinite.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		list []float64
		want float64
	}{
		{nil, 0},
		{[]float64{1e308, 1e308, -1e308}, 1e308},
		{[]float64{1e308, 1e308}, math.Inf(1)},
		{[]float64{-1e308, -1e308}, math.Inf(-1)},
		{[]float64{1, 1e300, -1e300}, 1},
		{[]float64{math.Inf(1), 1}, math.NaN()},
		{[]float64{math.NaN()}, math.NaN()},
		{[]float64{math.SmallestNonzeroFloat64, math.SmallestNonzeroFloat64}, 2 * math.SmallestNonzeroFloat64},
	} {
		s := sumOf(c.list)
		var back Sum
		if _, err := back.Read(write(t, s)); err != nil {
			t.Fatal(err)
		}
		for _, got := range []float64{s.Float(), back.Float()} {
			if got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
				t.Errorf("%v: %v, want %v", c.list, got, c.want)
			}
		}
	}
}

// Carries are seen to before a limb overflows.
func TestCarries(t *testing.T) {
	var s Sum
	s.pending = lazily - 2
	for range 5 {
		s.Add(3)
	}
	if s.pending > lazily || s.Float() != 15 {
		t.Errorf("%v with %d pending", s.Float(), s.pending)
	}
}

// No bytes make Read panic, and what it takes is written as it was.
func FuzzRead(f *testing.F) {
	f.Add(write(f, sumOf([]float64{1, -1e300, 1e-300})))
	f.Add(write(f, sumOf(nil)))
	f.Add([]byte{1, 67, 2, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Sum
		rest, err := s.Read(b)
		if err != nil {
			return
		}
		if again := write(t, &s); !bytes.Equal(again, b[:len(b)-len(rest)]) {
			t.Fatalf("%x is written as %x", b, again)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	var s Sum
	x := 0.1
	for b.Loop() {
		s.Add(x)
		x = -x * 1.0001
	}
}
