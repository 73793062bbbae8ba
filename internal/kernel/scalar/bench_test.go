package scalar

import (
	"slices"
	"testing"
	"time"
)

const benchRows = 16 << 10

func floats(n int, f func(i int) float64) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = f(i)
	}
	return s
}

func rate(b *testing.B, f func()) {
	b.Helper()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		f()
		took = append(took, time.Since(start))
	}
	slices.Sort(took) // the median does not see other processes
	b.ReportMetric(benchRows/took[len(took)/2].Seconds()/1e6, "Mrow/s")
}

// BenchmarkKernels reports rows a second of each loop over 16k rows.
func BenchmarkKernels(b *testing.B) {
	x := floats(benchRows, func(i int) float64 { return float64(i * 7919 % 1000) })
	y := floats(benchRows, func(i int) float64 { return float64(i*104729%1000) + 1 })
	dst := make([]float64, benchRows)
	xi, yi, di := make([]int64, benchRows), make([]int64, benchRows), make([]int64, benchRows)
	codes := make([]int32, benchRows)
	for i := range x {
		xi[i], yi[i], codes[i] = int64(x[i]), int64(y[i]), int32(x[i])%64
	}
	out := make(Bits, Words(benchRows))
	table := make(Bits, 16)
	table[0] = 0xf0f0
	b.Run("float_add", func(b *testing.B) { rate(b, func() { Float('+', dst, x, y) }) })
	b.Run("float_mul_const", func(b *testing.B) { rate(b, func() { Float('*', dst, x, y[:1]) }) })
	b.Run("float_div", func(b *testing.B) { rate(b, func() { Divide(dst, x, y) }) })
	b.Run("int_add", func(b *testing.B) { rate(b, func() { Int('+', di, xi, yi) }) })
	b.Run("int_mul", func(b *testing.B) { rate(b, func() { Int('*', di, xi, yi) }) })
	b.Run("float_le_const", func(b *testing.B) { rate(b, func() { Compare(Le, out, x, y[:1], benchRows) }) })
	b.Run("float_eq_const", func(b *testing.B) { rate(b, func() { Compare(Eq, out, x, y[:1], benchRows) }) })
	b.Run("int_lt_const", func(b *testing.B) { rate(b, func() { Compare(Lt, out, xi, yi[:1], benchRows) }) })
	b.Run("float_lt", func(b *testing.B) { rate(b, func() { Compare(Lt, out, x, y, benchRows) }) })
	b.Run("float_eq", func(b *testing.B) { rate(b, func() { Compare(Eq, out, x, y, benchRows) }) })
	b.Run("int_lt", func(b *testing.B) { rate(b, func() { Compare(Lt, out, xi, yi, benchRows) }) })
	b.Run("lookup_64", func(b *testing.B) { rate(b, func() { Lookup(out, table, 64, codes) }) })
	b.Run("lookup_1000", func(b *testing.B) { rate(b, func() { Lookup(out, table, 1000, codes) }) })
	b.Run("gather", func(b *testing.B) { rate(b, func() { Gather(dst, x[:64], codes) }) })
	b.Run("assign", func(b *testing.B) {
		Compare(Lt, out, x, y, benchRows)
		rate(b, func() { Assign(dst, x, out) })
	})
	b.Run("in_10", func(b *testing.B) {
		set := []int64{1, 5, 9, 100, 200, 300, 400, 500, 600, 700}
		rate(b, func() { In(out, xi, set) })
	})
}
