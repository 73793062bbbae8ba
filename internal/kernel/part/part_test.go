package part

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel"
	"pgregory.net/rapid"
)

// drawCutter draws a Cutter of up to four parts, some of several codes, and codes
// for some rows, a few of them in no part.
func drawCutter(t *rapid.T) (c *Cutter, codes []int32, sizes []int, twin [][]int32) {
	n := rapid.IntRange(1, 4).Draw(t, "parts")
	var of [Codes]uint8
	used := rapid.SampledFrom([]int{4, 20, Codes}).Draw(t, "used")
	for code := range of {
		of[code] = uint8(n) // no part
		if code < used {
			of[code] = uint8(code % (n + 1))
		}
	}
	c = NewCutter(of, n)
	rows := rapid.SampledFrom([]int{1, 15, 16, 63, 64, 65, 130, 1000}).Draw(t, "rows")
	most := rapid.SampledFrom([]int32{0, 1, 3, 63}).Draw(t, "codes")
	least := rapid.SampledFrom([]int32{0, 0, -3}).Draw(t, "least")
	sizes, twin = make([]int, n), make([][]int32, n)
	for i := range rows {
		code := rapid.Int32Range(least, most).Draw(t, "code")
		codes = append(codes, code)
		if code >= 0 && int(of[code]) < n {
			sizes[of[code]]++
			twin[of[code]] = append(twin[of[code]], int32(i))
		}
	}
	return c, codes, sizes, twin
}

// TestCut proves that every row is in the part of its code, whichever way the rows
// are found, and that what Take gives for them is what kernel.Take gives: of all
// types, with and without nulls, sliced at an offset.
func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		c, codes, sizes, twin := drawCutter(t)
		c.plain = c.plain || rapid.Bool().Draw(t, "plain")
		for range 2 { // what a frame leaves behind does not matter to the next
			parts := c.Cut(codes, sizes)
			for p := range parts {
				if parts[p].all {
					if len(twin[p]) != len(codes) {
						t.Fatalf("part %d has %d rows of %d, not all", p, len(twin[p]), len(codes))
					}
					continue
				}
				if !slices.Equal(parts[p].Rows, twin[p]) {
					t.Fatalf("part %d has rows %v, not %v", p, parts[p].Rows, twin[p])
				}
			}
			for _, a := range columns(mem, len(codes), rapid.IntRange(0, 3).Draw(t, "offset")) {
				checkTakes(t, mem, a, parts, twin)
				a.Release()
			}
		}
	})
}

// TestCutBy: rows whose codes stand in a table come into the parts that Cut puts them
// in with their codes spelled out, and are counted by code.
func TestCutBy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		c, _, _, _ := drawCutter(t)
		if !c.CutsBy(1) {
			t.Skip("the processor cannot")
		}
		for range 2 { // what a frame leaves behind does not matter to the next
			table := rapid.SliceOfN(rapid.Int32Range(-3, Codes-1), 1, mostMarks).Draw(t, "table")
			index := rapid.SliceOfN(rapid.Int32Range(0, int32(len(table)-1)), 0, 400).Draw(t, "index")
			twin, counts, want := make([][]int32, len(c.parts)), make([]int64, Codes), make([]int64, Codes)
			for i, at := range index {
				if code := table[at]; code >= 0 {
					want[code]++
					if p := int(c.of[code]); p < len(twin) {
						twin[p] = append(twin[p], int32(i))
					}
				}
			}
			parts := c.CutBy(index, table, counts)
			if !slices.Equal(counts, want) {
				t.Fatalf("counts %v, not %v", counts, want)
			}
			for p := range parts {
				if parts[p].all {
					if len(twin[p]) != len(index) {
						t.Fatalf("part %d has %d rows of %d, not all", p, len(twin[p]), len(index))
					}
				} else if !slices.Equal(parts[p].Rows, twin[p]) {
					t.Fatalf("part %d has rows %v, not %v", p, parts[p].Rows, twin[p])
				}
			}
			for _, a := range columns(mem, len(index), rapid.IntRange(0, 3).Draw(t, "offset")) {
				checkTakes(t, mem, a, parts, twin)
				a.Release()
			}
		}
	})
}

func checkTakes(t *rapid.T, mem memory.Allocator, a arrow.Array, parts []Part, twin [][]int32) {
	for p := range parts {
		got, want := parts[p].Take(mem, a), kernel.Take(mem, a, twin[p])
		if !array.Equal(got, want) || got.Len() != len(twin[p]) {
			t.Fatalf("part %d of %v: %v, not %v", p, a, got, want)
		}
		got.Release()
		want.Release()
	}
}

// columns makes arrays of many types, of n rows that are sliced at an offset.
func columns(mem memory.Allocator, n, offset int) []arrow.Array {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "i", Type: arrow.PrimitiveTypes.Int64}, {Name: "f", Type: arrow.PrimitiveTypes.Float64},
		{Name: "t", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}}, {Name: "d", Type: arrow.FixedWidthTypes.Date32},
		{Name: "b", Type: arrow.FixedWidthTypes.Boolean}, {Name: "s", Type: arrow.BinaryTypes.String},
		{Name: "c", Type: kernel.StringDict()}, {Name: "m", Type: &arrow.Decimal128Type{Precision: 20, Scale: 2}},
		{Name: "n", Type: arrow.PrimitiveTypes.Float64}, {Name: "h", Type: arrow.FixedWidthTypes.Float16},
	}, nil)
	b := array.NewRecordBuilder(mem, schema)
	defer b.Release()
	for i := range n + offset {
		for k, f := range b.Fields() {
			text := fmt.Sprint(i % 97)
			switch schema.Field(k).Name {
			case "b":
				text = fmt.Sprint(i%3 == 0)
			case "t":
				text = fmt.Sprintf("2026-01-%02dT00:00:00Z", 1+i%28)
			case "d":
				text = fmt.Sprintf("2026-01-%02d", 1+i%28)
			case "n":
				if i%3 == 0 {
					f.AppendNull()
					continue
				}
			}
			if err := f.AppendValueFromString(text); err != nil {
				panic(err)
			}
		}
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	var out []arrow.Array
	for _, a := range batch.Columns() {
		out = append(out, array.NewSlice(a, int64(offset), int64(n+offset)))
	}
	return out
}

// The labels of smart meters: one row in twenty, three and sixteen.
func BenchmarkPart(b *testing.B) {
	const n = 16 << 10
	r := rand.New(rand.NewPCG(1, 2))
	codes, sizes := make([]int32, n), make([]int, 3)
	for i := range codes {
		switch x := r.IntN(100); {
		case x < 5:
		case x < 20:
			codes[i] = 1
		default:
			codes[i] = 2
		}
		sizes[codes[i]]++
	}
	mem := kernel.NewPool(1 << 24)
	vals, done := kernel.NewFixed[float64](mem, arrow.PrimitiveTypes.Float64, n)
	for i := range vals {
		vals[i] = float64(i)
	}
	a := done(nil)
	of := [Codes]uint8{0, 1, 2}
	for code := range of[3:] {
		of[3+code] = 3
	}
	for _, plain := range []bool{true, false} {
		c := NewCutter(of, 3)
		c.plain = plain
		b.Run(fmt.Sprintf("cut/plain=%t", plain), func(b *testing.B) {
			for b.Loop() {
				c.Cut(codes, sizes)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		})
		parts := c.Cut(codes, sizes)
		b.Run(fmt.Sprintf("take/plain=%t", plain), func(b *testing.B) {
			for b.Loop() {
				parts[2].Take(mem, a).Release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		})
	}
}
