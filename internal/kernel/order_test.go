package kernel

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/zeebo/xxh3"
	"pgregory.net/rapid"
)

func randOf(rt *rapid.T) *rand.Rand {
	return rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
}

// compareRows is the engine's order of two values of one type that are not null.
func compareRows(a, b any) int {
	switch a := a.(type) {
	case bool:
		return map[bool]int{true: 1}[a] - map[bool]int{true: 1}[b.(bool)]
	case int64:
		return cmp.Compare(a, b.(int64))
	case string:
		return strings.Compare(a, b.(string))
	case decimal128.Num:
		return a.Cmp(b.(decimal128.Num))
	case float64:
		b := b.(float64)
		switch {
		case a != a || b != b:
			return map[bool]int{true: 1}[a != a] - map[bool]int{true: 1}[b != b]
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	}
	panic(a)
}

// TestSort compares with a stable sort of rows by a comparison.
func TestSort(t *testing.T) {
	types := engineTypes()
	rapid.Check(t, func(rt *rapid.T) {
		v := variant{n: rapid.IntRange(0, 300).Draw(rt, "n"), nulls: rapid.SampledFrom([]float64{0, 0.3, 1}).Draw(rt, "nulls"),
			offset: rapid.IntRange(0, 70).Draw(rt, "offset"), mem: checked(t), r: randOf(rt)}
		var cols []arrow.Array
		var rows [][]any
		var desc, first []bool
		for range rapid.IntRange(1, 3).Draw(rt, "keys") {
			r, a := v.column(rapid.SampledFrom(types).Draw(rt, "type"))
			rows, cols = append(rows, r), append(cols, a)
			desc, first = append(desc, rapid.Bool().Draw(rt, "desc")), append(first, rapid.Bool().Draw(rt, "first"))
		}
		want := make(Sel, v.n)
		for i := range want {
			want[i] = int32(i)
		}
		slices.SortStableFunc(want, func(x, y int32) int {
			for k := range cols {
				if c := compareKeys(cols[k].DataType(), rows[k][x], rows[k][y], desc[k], first[k]); c != 0 {
					return c
				}
			}
			return 0
		})
		if got := Sort(cols, desc, first); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		release(cols)
	})
}

func compareKeys(dt arrow.DataType, a, b any, desc, nullsFirst bool) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil || b == nil:
		if (a == nil) == nullsFirst {
			return -1
		}
		return 1
	}
	sign := 1
	if desc {
		sign = -1
	}
	if _, nested := a.([]any); nested {
		return sign * strings.Compare(canonicalValue(dt, a), canonicalValue(dt, b))
	}
	return sign * compareRows(a, b)
}

// valueHash is what HashRows documents for one value.
func valueHash(dt arrow.DataType, v any) uint64 {
	le := func(w uint64) uint64 {
		var b [8]byte
		for i := range b {
			b[i] = byte(w >> (8 * i))
		}
		return xxh3.Hash(b[:])
	}
	switch v := v.(type) {
	case nil:
		return 0x9e3779b97f4a7c15
	case bool:
		if v {
			return le(1)
		}
		return le(0)
	case int64:
		return le(uint64(v))
	case string:
		return xxh3.HashString(v)
	case decimal128.Num:
		return xxh3.HashString(string(canonicalValue(dt, v)[2:]))
	case []any:
		return xxh3.HashString(canonicalValue(dt, v))
	case float64:
		switch {
		case v != v:
			return le(0x7ff8000000000000)
		case v == 0:
			return le(0)
		}
		return le(math.Float64bits(v))
	}
	panic(dt)
}

// TestHashRows: every spelling of a value hashes as documented, first or
// further column.
func TestHashRows(t *testing.T) {
	forAll(t, func(t *testing.T, v variant) {
		for _, first := range engineTypes() {
			for _, second := range engineTypes()[v.r.IntN(5):][:8] {
				aRows, a := v.column(first)
				bRows, b := v.column(second)
				one, two := HashRows([]arrow.Array{a}, nil), HashRows([]arrow.Array{a, b}, make([]uint64, 3))
				if len(one) != v.n || len(two) != v.n {
					t.Fatalf("%d and %d hashes of %d rows", len(one), len(two), v.n)
				}
				for i := range v.n {
					x, y := valueHash(first, aRows[i]), valueHash(second, bRows[i])
					if one[i] != x || two[i] != combine(x, y) {
						t.Fatalf("row %d (%v, %v): %x %x, want %x %x", i, aRows[i], bRows[i], one[i], two[i], x, combine(x, y))
					}
				}
				release([]arrow.Array{a, b})
			}
		}
	})
}

// TestHashRowsGolden pins the values that shuffles and tags are built on.
func TestHashRowsGolden(t *testing.T) {
	mem := checked(t)
	rows := [][]any{{true, false, nil}, {int64(0), int64(-1), nil}, {0.5, math.NaN(), nil}, {int64(1), int64(1e15), nil}, {int64(1), int64(-1), nil}, {"", "meter-17", nil}}
	types := []arrow.DataType{arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64, timestampUTC, arrow.FixedWidthTypes.Date32, StringDict()}
	var cols []arrow.Array
	var got []string
	for i, dt := range types {
		cols = append(cols, build(mem, dt, rows[i], 0))
		got = append(got, fmt.Sprintf("%s %016x", dt.Name(), HashRows(cols[i:i+1], nil)))
	}
	got = append(got, fmt.Sprintf("all %016x", HashRows(cols, nil)))
	release(cols)
	want := []string{
		"bool [2fbc593564db792e c77b3abb6f87acd9 9e3779b97f4a7c15]",
		"int64 [c77b3abb6f87acd9 5111c7e47d784413 9e3779b97f4a7c15]",
		"float64 [5da9c77a7c72de31 0aa61dcfa381c167 9e3779b97f4a7c15]",
		"timestamp [2fbc593564db792e 4174dcf4ce5eac4f 9e3779b97f4a7c15]",
		"date32 [2fbc593564db792e 5111c7e47d784413 9e3779b97f4a7c15]",
		"dictionary [2d06800538d394c2 14fe656a98af076c 9e3779b97f4a7c15]",
		"all [e9dfafda8af241da bae0e2b39c64e9bf 8a3a004881f9eee5]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("hashes changed:\n%s", strings.Join(got, "\n"))
	}
	if h := HashRows(nil, make([]uint64, 2)); h[0] != nullHash || h[1] != nullHash {
		t.Errorf("rows without columns hash to %x", h)
	}
}

func batchOf(names []string, cols ...arrow.Array) arrow.RecordBatch {
	fields := make([]arrow.Field, len(cols))
	for i, c := range cols {
		fields[i] = arrow.Field{Name: names[i], Type: c.DataType(), Nullable: true}
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(cols[0].Len()))
}

func u32(n int) string { return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}) }

func u64(n uint64) string { return u32(int(uint32(n))) + u32(int(n>>32)) }

// canonicalValue is the encoding that package canon documents.
func canonicalValue(dt arrow.DataType, v any) string {
	switch v := v.(type) {
	case nil:
		return "n"
	case bool:
		return "b" + map[bool]string{true: "\x01", false: "\x00"}[v]
	case string:
		if dt.ID() == arrow.BINARY {
			return "x" + u32(len(v)) + v
		}
		return "s" + u32(len(v)) + v
	case float64:
		b := math.Float64bits(v)
		if v != v {
			b = 0x7ff8000000000000
		} else if v == 0 {
			b = 0
		}
		return "f" + u64(b)
	case int64:
		switch dt.ID() {
		case arrow.DATE32:
			return "d" + u32(int(uint32(v)))
		case arrow.TIMESTAMP:
			return "t" + u64(uint64(v))
		case arrow.DURATION:
			return "u" + u64(uint64(v))
		}
		return "i" + u64(uint64(v))
	case decimal128.Num:
		return "m" + string([]byte{byte(dt.(*arrow.Decimal128Type).Scale)}) + u64(v.LowBits()) + u64(uint64(v.HighBits()))
	case []any:
		return canonicalNested(dt, v)
	}
	panic(dt)
}

func canonicalNested(dt arrow.DataType, v []any) string {
	out := u32(len(v))
	switch dt := dt.(type) {
	case *arrow.ListType:
		for _, item := range v {
			out += canonicalValue(dt.Elem(), item)
		}
		return "l" + out
	case *arrow.MapType:
		for _, e := range v {
			out += canonicalValue(dt.KeyType(), e.([]any)[0]) + canonicalValue(dt.ItemType(), e.([]any)[1])
		}
		return "k" + out
	case *arrow.StructType:
		for i, f := range v {
			out += u32(len(dt.Field(i).Name)) + dt.Field(i).Name + canonicalValue(dt.Field(i).Type, f)
		}
		return "r" + out
	}
	panic(dt)
}

// canonical is the documented encoding, one row at a time.
func canonical(label string, names []string, types []arrow.DataType, vals []any) []byte {
	parts := map[string]string{}
	for i, name := range names {
		if vals[i] != nil {
			parts[name] = u32(len(name)) + name + canonicalValue(types[i], vals[i])
		}
	}
	out := u32(len(label)) + label
	slices.Sort(names)
	for _, name := range names {
		out += parts[name]
	}
	return []byte(out)
}

// TestChecksum: the sum is that of the documented bytes of every row, however
// the rows are ordered and split.
func TestChecksum(t *testing.T) {
	var names []string
	for i := range engineTypes() {
		names = append(names, fmt.Sprint("c", (i*7)%100))
	}
	forAll(t, func(t *testing.T, v variant) {
		var cols []arrow.Array
		var rows [][]any
		for _, dt := range engineTypes() {
			r, a := v.column(dt)
			rows, cols = append(rows, r), append(cols, a)
		}
		var want, whole, parts Checksum
		for i := range v.n {
			vals := make([]any, len(cols))
			for k := range cols {
				vals[k] = rows[k][i]
			}
			h := xxh3.Hash128(canonical("error", slices.Clone(names), engineTypes(), vals))
			want.Merge(Checksum{h.Hi, h.Lo})
		}
		b := batchOf(names, cols...)
		whole.AddBatch("error", b)
		for _, cut := range [][2]int{{v.n / 3, v.n}, {0, v.n / 3}} {
			part := b.NewSlice(int64(cut[0]), int64(cut[1]))
			var c Checksum
			c.AddBatch("error", part)
			parts.Merge(c)
			part.Release()
		}
		if whole != want || parts != want {
			t.Errorf("whole %s, parts %s, want %s", whole, parts, want)
		}
		b.Release()
		release(cols)
	})
}

// TestChecksumTellsApart: rows that are nearly alike have different sums.
func TestChecksumTellsApart(t *testing.T) {
	mem := checked(t)
	sum := func(label, name string, dt arrow.DataType, rows ...any) string {
		a := build(mem, dt, rows, 0)
		b := batchOf([]string{name}, a)
		var c Checksum
		c.AddBatch(label, b)
		a.Release()
		b.Release()
		return c.String()
	}
	str, i64 := arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64
	seen := map[string]int{}
	for _, s := range []string{
		sum("e", "a", i64, int64(1)), sum("b", "a", i64, int64(1)), sum("e", "b", i64, int64(1)), sum("e", "a", timestampUTC, int64(1)),
		sum("e", "a", i64, int64(1), int64(1)), sum("e", "a", i64), sum("e", "a", i64, nil), sum("e", "a", str, ""), sum("ea", "", str, ""),
		sum("e", "a", arrow.FixedWidthTypes.Boolean, true), sum("e", "a", arrow.PrimitiveTypes.Float64, 1.0),
	} {
		seen[s]++
	}
	if len(seen) != 11 {
		t.Errorf("collisions: %v", seen)
	}
	if a, b := sum("e", "a", i64, nil), sum("e", "a", str, nil); a != b {
		t.Error("a null column is not like an absent one")
	}
}
