package expr

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"
)

// testSchema has two columns of every type.
func testSchema() *arrow.Schema {
	coded := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	var fields []arrow.Field
	for _, f := range []struct {
		names string
		dt    arrow.DataType
	}{{"bc", kBool.arrow()}, {"ij", kInt.arrow()}, {"fg", kFloat.arrow()}, {"su", coded}, {"vw", kString.arrow()}, {"tq", kTime.arrow()}, {"de", kDate.arrow()}} {
		for _, r := range f.names {
			fields = append(fields, arrow.Field{Name: string(r), Type: f.dt, Nullable: true})
		}
	}
	return arrow.NewSchema(fields, nil)
}

// samples are values that tend to break things, by kind.
func samples(k kind) []any {
	switch k {
	case kBool:
		return []any{true, false}
	case kInt:
		return []any{int64(0), int64(1), int64(-1), int64(2), int64(3), int64(-7), int64(45), int64(1000), int64(math.MaxInt64), int64(math.MinInt64), int64(1 << 53)}
	case kFloat:
		return []any{0.0, math.Copysign(0, -1), 1.0, -1.5, 2.5, 2.675, 0.1, 1e300, -1e300, 1e-300, math.NaN(), math.Inf(1), math.Inf(-1), 9.3e18, 1e22, 123456.789}
	case kString:
		return []any{"", "a", "ab", "A%b", "snowy", "Zoë", "日本", " x ", "12", "-3.5", "true", "NaN", "2026-01-31", "1969-12-31 23:59:59", "2024-02-29T12:30Z", "a,b,,c", "_", "%", "aaa"}
	case kTime:
		return []any{arrow.Timestamp(0), arrow.Timestamp(-1), arrow.Timestamp(1769862896123456), arrow.Timestamp(-62135596800000000), arrow.Timestamp(951825600000000), arrow.Timestamp(1704067199999999)}
	case kDate:
		return []any{arrow.Date32(0), arrow.Date32(-1), arrow.Date32(20484), arrow.Date32(11016), arrow.Date32(-719162), arrow.Date32(19722)}
	case kNull, kInterval, kBinary:
	}
	return nil
}

// batch is random columns and the same rows as values.
type batch struct {
	cols []arrow.Array
	rows []map[string]any
}

func (b batch) release() {
	for _, c := range b.cols {
		c.Release()
	}
}

// drawBatch draws columns with no, some or only nulls, sliced out of longer
// ones.
func drawBatch(t *rapid.T, mem memory.Allocator, schema *arrow.Schema) batch {
	return drawBatchOf(t, mem, schema, samples)
}

// drawNarrow draws columns of few different values that lie near to one another, so
// that their bounds say something.
func drawNarrow(t *rapid.T, mem memory.Allocator, schema *arrow.Schema) batch {
	return drawBatchOf(t, mem, schema, func(k kind) []any {
		pool := samples(k)
		slices.SortFunc(pool, func(a, b any) int { c, _ := order(a, b); return c })
		at := rapid.IntRange(0, len(pool)-1).Draw(t, "from")
		return pool[at:min(at+rapid.IntRange(1, 4).Draw(t, "values"), len(pool))]
	})
}

func drawBatchOf(t *rapid.T, mem memory.Allocator, schema *arrow.Schema, samples func(kind) []any) batch {
	n := rapid.SampledFrom([]int{1, 2, 3, 63, 64, 65, 130}).Draw(t, "rows")
	b := batch{rows: make([]map[string]any, n)}
	for i := range b.rows {
		b.rows[i] = map[string]any{}
	}
	for _, f := range schema.Fields() {
		pool := samples(kindOf(f.Type))
		nulls := rapid.SampledFrom([]int{0, 0, 3, 100}).Draw(t, "nulls")
		skip := rapid.SampledFrom([]int{0, 1, 8, 67}).Draw(t, "offset")
		seed := rapid.Uint64().Draw(t, "seed")
		values := make([]any, skip+n+rapid.IntRange(0, 2).Draw(t, "tail"))
		for i := range values {
			seed = seed*6364136223846793005 + 1442695040888963407
			if int(seed>>33%100) >= nulls {
				values[i] = pool[int(seed>>40)%len(pool)]
			}
		}
		long := makeArray(mem, f.Type, values)
		b.cols = append(b.cols, array.NewSlice(long, int64(skip), int64(skip+n)))
		long.Release()
		for i := range b.rows {
			b.rows[i][f.Name] = values[skip+i]
		}
	}
	return b
}

func makeArray(mem memory.Allocator, dt arrow.DataType, values []any) arrow.Array {
	b := array.NewBuilder(mem, dt)
	defer b.Release()
	for _, v := range values {
		switch b := b.(type) {
		case *array.BooleanBuilder:
			appendValue(b.Append, b.AppendNull, v)
		case *array.Int64Builder:
			appendValue(b.Append, b.AppendNull, v)
		case *array.Float64Builder:
			appendValue(b.Append, b.AppendNull, v)
		case *array.StringBuilder:
			appendValue(b.Append, b.AppendNull, v)
		case *array.TimestampBuilder:
			appendValue(b.Append, b.AppendNull, v)
		case *array.Date32Builder:
			appendValue(b.Append, b.AppendNull, v)
		case *array.BinaryDictionaryBuilder:
			if v == nil {
				b.AppendNull()
			} else if err := b.AppendString(v.(string)); err != nil {
				panic(err)
			}
		}
	}
	return b.NewArray()
}

func appendValue[T any](add func(T), null func(), v any) {
	if v == nil {
		null()
		return
	}
	add(v.(T))
}

// valueAt reads any result.
func valueAt(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Int64:
		return a.Value(i)
	case *array.Float64:
		return a.Value(i)
	case *array.String:
		return a.Value(i)
	case *array.Timestamp:
		return a.Value(i)
	case *array.Date32:
		return a.Value(i)
	case *array.Dictionary:
		return a.Dictionary().(*array.String).Value(a.GetValueIndex(i))
	}
	return fmt.Sprintf("%T", a)
}

func sameValue(a, b any) bool {
	x, ok1 := a.(float64)
	y, ok2 := b.(float64)
	return a == b || ok1 && ok2 && x != x && y != y
}

// dirtyAllocator hands out memory full of rubbish and spoils what is given
// back, so that a read of either shows.
type dirtyAllocator struct{ memory.Allocator }

func spoil(b []byte) {
	for i := range b {
		b[i] = 0xdb
	}
}

func (d dirtyAllocator) Allocate(size int) []byte {
	b := d.Allocator.Allocate(size)
	spoil(b)
	return b
}

func (d dirtyAllocator) Reallocate(size int, b []byte) []byte {
	grown := d.Allocate(size)
	copy(grown, b)
	d.Free(b)
	return grown
}

func (d dirtyAllocator) Free(b []byte) {
	spoil(b)
	d.Allocator.Free(b)
}

// TestEval proves that random expressions over random columns give what the
// twin gives, row by row, failures included, and release all memory.
func TestEval(t *testing.T) {
	schema := testSchema()
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		b := drawBatch(t, mem, schema)
		defer b.release()
		k := rapid.SampledFrom([]kind{kBool, kInt, kFloat, kString, kTime, kDate}).Draw(t, "result")
		n := drawExpr(t, k, rapid.IntRange(1, 4).Draw(t, "depth"))
		checkAgainstTwin(t, mem, schema, b, n)
	})
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func checkAgainstTwin(t fataler, mem memory.Allocator, schema *arrow.Schema, b batch, n Node) {
	t.Helper()
	p, err := Check(n, schema)
	if err != nil {
		t.Fatalf("%s: %v", n, err)
	}
	now := time.Unix(1_800_000_000, 0)
	r, err := p.Eval(Env{Mem: dirtyAllocator{mem}, Now: now}, b.cols, len(b.rows))
	if err != nil {
		t.Fatalf("%s: %v", n, err)
	}
	defer r.Release()
	if r.Values.Len() != len(b.rows) || kindOf(r.Values.DataType()) != kindOf(p.Type()) {
		t.Fatalf("%s: %d rows of %s", n, r.Values.Len(), r.Values.DataType())
	}
	for i, row := range b.rows {
		w := twin{row: row, now: now.UnixMicro()}
		want := w.eval(n)
		if f, ok := want.(int64); ok && kindOf(p.Type()) == kFloat {
			want = float64(f)
		}
		if got := valueAt(r.Values, i); !sameValue(got, want) {
			t.Fatalf("%s: row %d %v gives %#v, want %#v", n, i, row, got, want)
		}
		hard := r.Failed != nil && r.Failed.Value(i)
		nulled := r.Nulled != nil && r.Nulled.Value(i)
		if hard != w.hard || nulled != (w.failed && !w.hard) {
			t.Fatalf("%s: row %d %v: failed %v nulled %v, want %v %v", n, i, row, hard, nulled, w.hard, w.failed)
		}
	}
}
