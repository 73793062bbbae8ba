package bench

import (
	"testing"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/rdd"
)

// The engine, the ideal and the reader over one data set, to be profiled: what
// -cpuprofile shows of the first and not of the second is overhead.
func BenchmarkMeter(b *testing.B) {
	const rows = 16 * 131_072
	path := events(b, rdd.Options{"rows": int64(rows)}, 131_072)
	b.Run("engine", func(b *testing.B) {
		for b.Loop() {
			if _, err := engine.Run(b.Context(), job(b, path, "1 day"), engine.Config{Kinds: kinds()}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("ideal", func(b *testing.B) {
		wall := 0.0
		for b.Loop() {
			out, _, err := IdealMeter(b.Context(), plan(b, job(b, path, "1 day")), kinds(), 2)
			if err != nil {
				b.Fatal(err)
			}
			wall += out.Wall.Seconds()
		}
		b.ReportMetric(float64(rows)*float64(b.N)/wall, "rows/s")
	})
	b.Run("reader", func(b *testing.B) {
		p := plan(b, job(b, path, "1 day"))
		for b.Loop() {
			if _, err := Decode(b.Context(), p, kinds(), 2); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}
