package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

const frame = 16384 // rows, as the engine's frames

// benchColumn is a frame of dt; text has 10,000 distinct values of 10 bytes.
func benchColumn(dt arrow.DataType, nulls float64) arrow.Array {
	r := rand.New(rand.NewPCG(1, 2))
	rows := make([]any, frame)
	for i := range rows {
		switch {
		case r.Float64() < nulls:
		case isText(dt):
			rows[i] = fmt.Sprintf("meter-%04d", r.IntN(10000))
		case dt.ID() == arrow.FLOAT64:
			rows[i] = float64(r.IntN(100000)) / 100
		default:
			rows[i] = randomValue(r, dt)
		}
	}
	return build(NewPool(0), dt, rows, 0)
}

func benchMask(share float64) *array.Boolean {
	r := rand.New(rand.NewPCG(3, 4))
	ws, done := NewBool(NewPool(0), frame)
	clear(ws)
	for i := range frame {
		if r.Float64() < share {
			ws[i>>6] |= 1 << (i & 63)
		}
	}
	return done(nil).(*array.Boolean)
}

// perRow runs f and reports rows a second.
func perRow(b *testing.B, rows int, f func()) {
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrow/s")
}

func benchTypes() map[string]arrow.DataType {
	return map[string]arrow.DataType{"float64": arrow.PrimitiveTypes.Float64, "dict": StringDict(), "string": arrow.BinaryTypes.String, "bool": arrow.FixedWidthTypes.Boolean}
}

func BenchmarkAppendTrue(b *testing.B) {
	for _, share := range []float64{0.1, 0.5, 0.9, 1} {
		mask := benchMask(share)
		b.Run(fmt.Sprintf("%v", share), func(b *testing.B) {
			sel := make(Sel, 0, frame)
			perRow(b, frame, func() { sel = AppendTrue(sel[:0], mask) })
		})
	}
}

func BenchmarkTake(b *testing.B) {
	sel := AppendTrue(nil, benchMask(0.5))
	for name, dt := range benchTypes() {
		for _, nulls := range []float64{0, 0.1} {
			a := benchColumn(dt, nulls)
			b.Run(fmt.Sprintf("%s/nulls=%v", name, nulls), func(b *testing.B) {
				pool := NewPool(1 << 26)
				perRow(b, len(sel), func() { Take(pool, a, sel).Release() })
			})
		}
	}
}

func BenchmarkBlend(b *testing.B) {
	mask := benchMask(0.5)
	for name, dt := range benchTypes() {
		x := benchColumn(dt, 0)
		b.Run(name, func(b *testing.B) {
			pool := NewPool(1 << 26)
			perRow(b, frame, func() { Blend(pool, mask, x, x).Release() })
		})
	}
}

func BenchmarkScatter(b *testing.B) {
	sel := AppendTrue(nil, benchMask(0.5))
	for name, dt := range benchTypes() {
		base := benchColumn(dt, 0)
		dense := Take(NewPool(0), base, sel)
		b.Run(name, func(b *testing.B) {
			pool := NewPool(1 << 26)
			perRow(b, frame, func() { Scatter(pool, base, dense, sel, frame).Release() })
		})
	}
}

// BenchmarkUnify concatenates two dictionaries that share nothing.
func BenchmarkUnify(b *testing.B) {
	as := []arrow.Array{benchColumn(StringDict(), 0), benchColumn(StringDict(), 0)}
	pool := NewPool(1 << 26)
	perRow(b, 2*frame, func() {
		a, err := Concat(pool, as)
		if err != nil {
			b.Fatal(err)
		}
		a.Release()
	})
}

func BenchmarkHashRows(b *testing.B) {
	cols := map[string][]arrow.Array{}
	for name, dt := range benchTypes() {
		cols[name] = []arrow.Array{benchColumn(dt, 0)}
	}
	cols["dict+float64"] = []arrow.Array{cols["dict"][0], cols["float64"][0]}
	for name, as := range cols {
		b.Run(name, func(b *testing.B) {
			dst := make([]uint64, frame)
			perRow(b, frame, func() { dst = HashRows(as, dst) })
		})
	}
}

func BenchmarkSort(b *testing.B) {
	for name, dt := range benchTypes() {
		as := []arrow.Array{benchColumn(dt, 0)}
		b.Run(name, func(b *testing.B) {
			perRow(b, frame, func() { Sort(as, []bool{false}, []bool{false}) })
		})
	}
}

func BenchmarkChecksum(b *testing.B) {
	batch := batchOf([]string{"wh", "meter", "window_start", "n"}, benchColumn(arrow.PrimitiveTypes.Float64, 0),
		benchColumn(StringDict(), 0), benchColumn(timestampUTC, 0), benchColumn(arrow.PrimitiveTypes.Int64, 0))
	var c Checksum
	perRow(b, frame, func() { c.AddBatch("information", batch) })
}

// BenchmarkAllocate compares the pool with Arrow's own allocator, a frame of
// float64 at a time.
func BenchmarkAllocate(b *testing.B) {
	b.Run("pool", func(b *testing.B) {
		pool := NewPool(1 << 26)
		perRow(b, frame, func() { pool.Free(pool.Allocate(8 * frame)) })
	})
	b.Run("pool/parallel", func(b *testing.B) {
		pool := NewPool(1 << 26)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				pool.Free(pool.Allocate(8 * frame))
			}
		})
	})
	b.Run("go", func(b *testing.B) {
		vals := make([]byte, 0)
		perRow(b, frame, func() { vals = make([]byte, 8*frame) })
		_ = vals
	})
}
