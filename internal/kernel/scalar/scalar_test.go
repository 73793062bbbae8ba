package scalar

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sizes() []int { return []int{1, 2, 63, 64, 65, 127, 128, 1000} }

func hardFloats() []float64 {
	return []float64{0, math.Copysign(0, -1), 1, -1, 1.5, 1e300, -1e300, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324}
}

func hardInts() []int64 {
	return []int64{0, 1, -1, 2, -3, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1, 1 << 32, -1 << 32, 3037000500}
}

// operands are columns of n rows, and constants, of the values.
func operands[T any](values []T, n int) [][]T {
	a, b := make([]T, n), make([]T, n)
	for i := range n {
		a[i], b[i] = values[i%len(values)], values[i/len(values)%len(values)]
	}
	out := [][]T{a, b}
	for i := range values {
		out = append(out, values[i:i+1])
	}
	return out
}

func at[T any](v []T, i int) T {
	if len(v) == 1 {
		return v[0]
	}
	return v[i]
}

// pairs calls f for all pairs of operands that make n rows.
func pairs[T any](values []T, f func(a, b []T, n int)) {
	for _, n := range sizes() {
		all := operands(values, n)
		for _, a := range all {
			for _, b := range all {
				if len(a) == n || len(b) == n {
					f(a, b, n)
				}
			}
		}
	}
}

func sameFloat(x, y float64) bool { return x == y || x != x && y != y }

// TestFloat proves arithmetic on columns and constants, with the destination
// apart and in place.
func TestFloat(t *testing.T) {
	pairs(hardFloats(), func(a, b []float64, n int) {
		for _, op := range []byte("+-*/") {
			dst := make([]float64, n)
			run := func(dst []float64) {
				if op == '/' {
					zeros := Divide(dst, a, b)
					if want := slices.Contains(b[:min(n, len(b))], 0); zeros != want {
						t.Fatalf("%v / %v: zeros %v", a, b, zeros)
					}
					return
				}
				Float(op, dst, a, b)
			}
			run(dst)
			for i, got := range dst {
				x, y := at(a, i), at(b, i)
				want := map[byte]float64{'+': x + y, '-': x - y, '*': x * y, '/': x / y}[op]
				if !sameFloat(got, want) {
					t.Fatalf("%v %c %v = %v, want %v", x, op, y, got, want)
				}
			}
		}
	})
}

// TestInt proves integer arithmetic and its overflow against big integers.
func TestInt(t *testing.T) {
	pairs(hardInts(), func(a, b []int64, n int) {
		for _, op := range []byte("+-*") {
			dst, bad := make([]int64, n), make(Bits, Words(n))
			overflow := Int(op, dst, a, b)
			Overflow(op, bad, a, b, n)
			if overflow != bad.Any(n) {
				t.Fatalf("%c: overflow %v, rows %v", op, overflow, bad.Any(n))
			}
			for i := range dst {
				x, y, r := big.NewInt(at(a, i)), big.NewInt(at(b, i)), new(big.Int)
				switch op {
				case '+':
					r.Add(x, y)
				case '-':
					r.Sub(x, y)
				case '*':
					r.Mul(x, y)
				}
				if bad.Get(i) != !r.IsInt64() || r.IsInt64() && r.Int64() != dst[i] {
					t.Fatalf("%v %c %v = %v, overflow %v", x, op, y, dst[i], bad.Get(i))
				}
			}
		}
	})
}

// TestInPlace proves that a destination may be an operand.
func TestInPlace(t *testing.T) {
	values := operands(hardFloats(), 100)
	for _, op := range []byte("+-*") {
		for _, b := range values[1:4] {
			want := make([]float64, 100)
			Float(op, want, values[0], b)
			got := slices.Clone(values[0])
			Float(op, got, got, b)
			if !slices.EqualFunc(got, want, sameFloat) {
				t.Errorf("%c in place differs", op)
			}
		}
	}
	want, got := make([]float64, 100), slices.Clone(values[0])
	Divide(want, []float64{2}, values[0])
	Divide(got, []float64{2}, got)
	if !slices.EqualFunc(got, want, sameFloat) {
		t.Error("/ in place differs")
	}
}

// slowOrder has NaN last and the zeros equal.
func slowOrder[T Number](x, y T) int {
	switch {
	case x == y || x != x && y != y:
		return 0
	case x != x:
		return 1
	case y != y || x < y:
		return -1
	}
	return 1
}

func testCompare[T Number](t *testing.T, values []T) {
	pairs(values, func(a, b []T, n int) {
		for _, c := range []Cmp{Eq, Ne, Lt, Le, Gt, Ge} {
			dst := make(Bits, Words(n))
			Compare(c, dst, a, b, n)
			for i := range n {
				x, y := at(a, i), at(b, i)
				if got, want := dst.Get(i), c.Holds(slowOrder(x, y)); got != want {
					t.Fatalf("%v %d %v is %v", x, c, y, got)
				}
				if Order(x, y) != slowOrder(x, y) || c.Holds(Order(x, y)) != c.Flip().Holds(Order(y, x)) {
					t.Fatalf("order of %v and %v", x, y)
				}
			}
		}
	})
}

// TestCompare proves all comparisons of all types.
func TestCompare(t *testing.T) {
	testCompare(t, hardFloats())
	testCompare(t, hardInts())
	testCompare(t, []int32{0, 1, -1, math.MaxInt32, math.MinInt32})
}

// TestIn proves membership against a plain search.
func TestIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pool := rapid.SampledFrom(hardFloats())
		set := rapid.SliceOf(pool).Draw(t, "set")
		a := rapid.SliceOfN(pool, 1, 130).Draw(t, "a")
		dst := make(Bits, Words(len(a)))
		sorted := slices.SortedFunc(slices.Values(set), Order[float64])
		In(dst, a, sorted)
		for i, v := range a {
			if want := slices.ContainsFunc(set, func(s float64) bool { return sameFloat(s, v) }); dst.Get(i) != want {
				t.Fatalf("%v in %v is %v", v, set, dst.Get(i))
			}
		}
	})
}

// TestLookupAndGather proves both for tables of one word and of more; codes out
// of range, as null rows have them, do no harm.
func TestLookupAndGather(t *testing.T) {
	for _, size := range []int{0, 1, 63, 64, 65, 1000} {
		table, values := make(Bits, Words(size)), make([]int64, size)
		for i := range size {
			if values[i] = int64(i * 7); i%3 == 0 {
				table.Set(i)
			}
		}
		for _, n := range sizes() {
			codes := make([]int32, n)
			for i := range codes {
				codes[i] = int32(i * 31 % (size + 2))
				if i%50 == 49 {
					codes[i] = -int32(i)
				}
			}
			bits, got := make(Bits, Words(n)), make([]int64, n)
			Lookup(bits, table, size, codes)
			Gather(got, values, codes)
			for i, c := range codes {
				if c < 0 || int(c) >= size {
					continue
				}
				if got[i] != values[c] || bits.Get(i) != table.Get(int(c)) {
					t.Fatalf("size %d: code %d gives %d %v", size, c, got[i], bits.Get(i))
				}
			}
		}
	}
}

// TestAssign proves that exactly the rows of the mask are written.
func TestAssign(t *testing.T) {
	for _, n := range sizes() {
		for _, step := range []int{1, 2, 3, 64, 70, 5000} {
			mask, src := make(Bits, Words(n)), make([]int64, n)
			for i := range n {
				if src[i] = int64(i + 1); i%step == 0 || i/64 == 1 {
					mask.Set(i)
				}
			}
			for _, from := range [][]int64{src, {7}} {
				dst := make([]int64, n)
				Assign(dst, from, mask)
				for i, v := range dst {
					if want := map[bool]int64{true: at(from, i)}[mask.Get(i)]; v != want {
						t.Fatalf("row %d of %d is %d, want %d", i, n, v, want)
					}
				}
			}
		}
	}
}

// TestBits proves the bitmap methods bit by bit.
func TestBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom(sizes()).Draw(t, "n")
		w := Words(n)
		x, y := Bits(rapid.SliceOfN(rapid.Uint64(), w, w).Draw(t, "x")), Bits(rapid.SliceOfN(rapid.Uint64(), w, w).Draw(t, "y"))
		and, or, andNot, xnor, not := make(Bits, w), make(Bits, w), make(Bits, w), make(Bits, w), make(Bits, w)
		and.And(x, y)
		or.Or(x, y)
		andNot.AndNot(x, y)
		xnor.Xnor(x, y)
		not.Not(x)
		count := 0
		for i := range n {
			p, q := x.Get(i), y.Get(i)
			if and.Get(i) != (p && q) || or.Get(i) != (p || q) || andNot.Get(i) != (p && !q) || xnor.Get(i) != (p == q) || not.Get(i) == p {
				t.Fatalf("bit %d", i)
			}
			if p {
				count++
			}
		}
		if x.Count(n) != count || x.Any(n) != (count > 0) {
			t.Fatalf("count %d any %v, want %d", x.Count(n), x.Any(n), count)
		}
		for i := range n {
			x.Unset(i)
		}
		if x.Any(n) || x.Count(n) != 0 {
			t.Fatal("bits are left")
		}
		x.Fill(true)
		if x.Count(n) != n {
			t.Fatal("not filled")
		}
	})
}

// TestLoad proves loading at every offset, from buffers that end with the last
// bit.
func TestLoad(t *testing.T) {
	raw := make([]byte, 40)
	for i := range raw {
		raw[i] = byte(i*37 + 11)
	}
	for off := range 70 {
		for _, n := range []int{1, 7, 8, 9, 63, 64, 65, 128, 129, 200} {
			got := make(Bits, Words(n))
			got.Load(raw[:(off+n+7)/8], off, n)
			for i := range n {
				if want := raw[(off+i)/8]>>((off+i)%8)&1 != 0; got.Get(i) != want {
					t.Fatalf("offset %d, %d bits: bit %d", off, n, i)
				}
			}
		}
	}
}

func ExampleCompare() {
	above := make(Bits, Words(3))
	Compare(Gt, above, []float64{10, math.NaN(), 60}, []float64{50}, 3)
	fmt.Println(above.Get(0), above.Get(1), above.Get(2))
	// Output: false true true
}
