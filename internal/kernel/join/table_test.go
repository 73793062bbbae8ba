package join_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel/join"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// column makes an array of a kind out of values, nil for null: plain text s,
// dictionaries d (with duplicate, unused and null entries), ints i, floats f, booleans
// b, times t. It is a slice at an offset.
func column(mem memory.Allocator, kind byte, values []any) arrow.Array {
	values = append([]any{nil, nil}, values...)
	var whole arrow.Array
	if kind == 'd' {
		whole = dictionary(mem, values)
	} else {
		whole = plain(mem, kind, values)
	}
	defer whole.Release()
	return array.NewSlice(whole, 2, int64(len(values)))
}

func plain(mem memory.Allocator, kind byte, values []any) arrow.Array {
	types := map[byte]arrow.DataType{'s': arrow.BinaryTypes.String, 'i': arrow.PrimitiveTypes.Int64, 'f': arrow.PrimitiveTypes.Float64,
		'b': arrow.FixedWidthTypes.Boolean, 't': &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}}
	b := array.NewBuilder(mem, types[kind])
	defer b.Release()
	for _, v := range values {
		if v == nil {
			b.AppendNull()
			continue
		}
		switch b := b.(type) {
		case *array.StringBuilder:
			b.Append(v.(string))
		case *array.Int64Builder:
			b.Append(v.(int64))
		case *array.Float64Builder:
			b.Append(v.(float64))
		case *array.BooleanBuilder:
			b.Append(v.(bool))
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(v.(int64)))
		}
	}
	return b.NewArray()
}

func dictionary(mem memory.Allocator, values []any) arrow.Array {
	words, codes, known := []any{"unused", nil}, make([]any, len(values)), map[any]int{}
	for i, v := range values {
		if v == nil {
			if i%2 == 0 {
				codes[i] = int64(1) // an entry that is null
			}
			continue
		}
		if known[v] == 0 {
			words = append(words, v, v)
			known[v] = len(words) - 1
		}
		codes[i] = int64(known[v] - i%2)
	}
	dict := plain(mem, 's', words)
	defer dict.Release()
	b := array.NewInt32Builder(mem)
	defer b.Release()
	for _, c := range codes {
		if c == nil {
			b.AppendNull()
		} else {
			b.Append(int32(c.(int64)))
		}
	}
	idx := b.NewArray()
	defer idx.Release()
	return array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, idx, dict)
}

// same is SQL equality of two values that are not null.
func same(a, b any) bool {
	if x, ok := a.(float64); ok {
		y := b.(float64)
		return x == y || math.IsNaN(x) && math.IsNaN(y)
	}
	return a == b
}

func value(t *rapid.T, kind byte) any {
	if rapid.IntRange(0, 4).Draw(t, "null") == 0 {
		return nil
	}
	switch kind {
	case 'i', 't':
		return rapid.SampledFrom([]int64{0, 1, 2, -1, math.MaxInt64, math.MinInt64}).Draw(t, "int")
	case 'f':
		return rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, math.NaN(), math.Inf(1), -1}).Draw(t, "float")
	case 'b':
		return rapid.Bool().Draw(t, "bool")
	}
	return rapid.SampledFrom([]string{"", "a", "b", "ab", "日本"}).Draw(t, "text")
}

// TestAgainstNestedLoops: on any keys, of any encoding, the pairs are those that two
// loops find, in pieces of any size, with a range of time or without.
func TestAgainstNestedLoops(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer func() {
			if n := mem.CurrentAlloc(); n != 0 {
				t.Fatalf("%d bytes are left", n)
			}
		}()
		kinds := rapid.SliceOfN(rapid.SampledFrom([]byte("ifbts")), 1, 3).Draw(t, "kinds")
		sizes := [2]int{rapid.IntRange(0, 30).Draw(t, "build"), rapid.IntRange(0, 30).Draw(t, "probe")}
		var values [2][][]any
		var cols [2][]arrow.Array
		for side, n := range sizes {
			for _, k := range kinds {
				list := make([]any, n)
				for i := range list {
					list[i] = value(t, k)
				}
				if k == 's' && rapid.Bool().Draw(t, "dictionary") {
					k = 'd'
				}
				values[side] = append(values[side], list)
				a := column(mem, k, list)
				defer a.Release()
				cols[side] = append(cols[side], a)
			}
		}
		var when []any
		var times *array.Timestamp
		var lo, hi []int64
		if rapid.Bool().Draw(t, "range") {
			for range sizes[0] {
				when = append(when, value(t, 't'))
			}
			a := column(mem, 't', when)
			defer a.Release()
			times = a.(*array.Timestamp)
			for range sizes[1] {
				lo, hi = append(lo, value2(t)), append(hi, value2(t))
			}
		}
		var want []string
		for p := range sizes[1] {
			for b := range sizes[0] {
				ok := times == nil || when[b] != nil && when[b].(int64) >= lo[p] && when[b].(int64) <= hi[p]
				for k := range kinds {
					x, y := values[0][k][b], values[1][k][p]
					ok = ok && x != nil && y != nil && same(x, y)
				}
				if ok {
					want = append(want, fmt.Sprint(p, b))
				}
			}
		}
		table := join.New(cols[0], sizes[0], times)
		groups := table.Find(cols[1], sizes[1], nil)
		pairs := table.Pairs(groups, lo, hi)
		limit := rapid.IntRange(1, 40).Draw(t, "limit")
		var got []string
		for {
			probe, build := pairs.Next(limit)
			if len(probe) == 0 {
				break
			}
			if len(probe) > limit || len(probe) != len(build) {
				t.Fatalf("%d and %d rows, limit %d", len(probe), len(build), limit)
			}
			for i := range probe {
				got = append(got, fmt.Sprint(probe[i], build[i]))
			}
		}
		bits, ofTable, note := make([]uint64, 1), make([]uint64, 1), table.Met()
		table.Pairs(groups, lo, hi).Meet(bits, note)
		table.Pairs(groups, lo, hi).Meet(nil, nil)
		note.Rows(ofTable)
		var some [2]uint64
		for _, pair := range want {
			var p, b int
			if _, err := fmt.Sscan(pair, &p, &b); err != nil {
				t.Fatal(err)
			}
			some[0], some[1] = some[0]|1<<p, some[1]|1<<b
		}
		if bits[0] != some[0] || ofTable[0] != some[1] {
			t.Fatalf("rows with partners are %b and %b, want %b", bits[0], ofTable[0], some)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("pairs\n%s\nwant\n%s\nof %v", strings.Join(got, "; "), strings.Join(want, "; "), values)
		}
	})
}

func value2(t *rapid.T) int64 {
	return rapid.SampledFrom([]int64{0, 1, -1, math.MaxInt64, math.MinInt64}).Draw(t, "bound")
}

// A key that all rows have gives all pairs, a piece at a time, and a row can be left
// in the middle.
func TestHotKey(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	values := make([]any, 1000)
	for i := range values {
		values[i] = "hot"
	}
	a := column(mem, 's', values)
	defer a.Release()
	table := join.New([]arrow.Array{a}, 1000, nil)
	pairs, n := table.Pairs(table.Find([]arrow.Array{a}, 1000, nil), nil, nil), 0
	for probe, _ := pairs.Next(333); len(probe) > 0; probe, _ = pairs.Next(333) {
		n += len(probe)
	}
	if n != 1000*1000 {
		t.Errorf("%d pairs", n)
	}
	pairs, n = table.Pairs(table.Find([]arrow.Array{a}, 1000, nil), nil, nil), 0
	for probe, _ := pairs.Next(10); len(probe) > 0; probe, _ = pairs.Next(10) {
		n += len(probe)
		pairs.Skip()
	}
	if n != 10*1000 {
		t.Errorf("%d pairs where each row is left after 10", n)
	}
}

// Which rows have a partner is known without the 10^12 pairs of a key that a million rows
// have on each side: this would not end if they were made.
func TestHotKeyWithoutPairs(t *testing.T) {
	const n = 1 << 20
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	values := make([]any, n)
	for i := range values {
		values[i] = int64(7)
	}
	values[5], values[n-1] = int64(8), nil
	a := column(mem, 'i', values)
	defer a.Release()
	whole := array.NewSlice(a, 0, n-1)
	defer whole.Release()
	table := join.New([]arrow.Array{whole}, n-1, nil)
	probe := make([]uint64, n/64)
	note := table.Met()
	groups := table.Find([]arrow.Array{a}, n, nil)
	groups[5] = -1
	table.Pairs(groups, nil, nil).Meet(probe, note)
	met := make([]uint64, n/64)
	note.Rows(met)
	for i := range n {
		want := i != 5 && i != n-1
		if got := probe[i>>6]>>(i&63)&1 == 1; got != want {
			t.Fatalf("row %d that is looked up has a partner: %t", i, got)
		}
		if got := met[i>>6]>>(i&63)&1 == 1; got != want {
			t.Fatalf("row %d of the table has a partner: %t", i, got)
		}
	}
}

// BenchmarkJoin makes a table of a million rows and looks a million up.
func BenchmarkJoin(b *testing.B) {
	const n = 1 << 20
	mem := memory.NewGoAllocator()
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name string
		kind byte
		most int64
	}{{"bigint/unique", 'i', n}, {"bigint/few", 'i', 1000}, {"string/unique", 's', n}, {"dictionary/few", 'd', 1000}} {
		side := func() arrow.Array { // no Go values are left for the collector to walk over
			values := make([]any, n)
			for i, v := range rnd.Perm(n) {
				if values[i] = int64(v) % c.most; c.kind != 'i' {
					values[i] = fmt.Sprintf("meter-%08d", int64(v)%c.most)
				}
			}
			return column(mem, c.kind, values)
		}
		build, probe := side(), side()
		runtime.GC()
		b.Run(c.name+"/build", func(b *testing.B) {
			for range b.N {
				join.New([]arrow.Array{build}, n, nil)
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
		table := join.New([]arrow.Array{build}, n, nil)
		b.Run(c.name+"/probe", func(b *testing.B) {
			var ids []int32
			for range b.N {
				for at := 0; at < n; at += 16 << 10 {
					part := array.NewSlice(probe, int64(at), int64(at+16<<10))
					ids = table.Find([]arrow.Array{part}, 16<<10, ids)
					part.Release()
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
