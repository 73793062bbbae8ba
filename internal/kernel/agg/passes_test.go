package agg

import (
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"pgregory.net/rapid"

	"github.com/idag/idag/internal/kernel"
)

// TestSharedArguments: aggregates that read the same columns, and so share loops,
// come to what each comes to alone, whatever their number, order and nulls.
func TestSharedArguments(t *testing.T) {
	f64 := arrow.PrimitiveTypes.Float64
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 4))
		mem := checked(t)
		groups := rapid.SampledFrom([]int{1, 2, 5, 300}).Draw(rt, "groups")
		rows := rapid.SampledFrom([]int{1, 100, 1500}).Draw(rt, "rows")
		specs := rapid.SliceOfN(rapid.SampledFrom([]Spec{
			{Func: "count"}, {Func: "count", Arg: f64}, {Func: "sum", Arg: f64}, {Func: "avg", Arg: f64}, {Func: "min", Arg: f64}, {Func: "max", Arg: f64}, {Func: "stddev", Arg: f64},
		}), 1, 8).Draw(rt, "specs")
		in := make([]arrow.Array, 3)
		for k := range in {
			vals := make([]any, rows)
			for i := range vals {
				vals[i] = drawValue(r, f64, float64(k/2)/5)
			}
			in[k] = build(mem, r, f64, vals)
		}
		defer release(in)
		names := make([]any, rows)
		for i := range names {
			names[i] = showValue(int64(r.IntN(groups)))
		}
		keys := []arrow.Array{build(mem, r, arrow.BinaryTypes.String, names)}
		defer release(keys)
		args := make([]arrow.Array, len(specs))
		for i, s := range specs {
			if s.Arg != nil {
				args[i] = in[r.IntN(len(in))]
			}
		}
		want := map[string]string{}
		for i := range specs {
			for k, v := range updated(t, keys, args[i:i+1], specs[i:i+1], rows) {
				want[k] += v
			}
		}
		wantResults(t, &data{specs: specs}, updated(t, keys, args, specs, rows), want)
	})
}

// updated is what a new table comes to after two equal updates.
func updated(t *testing.T, keys, args []arrow.Array, specs []Spec, rows int) map[string]string {
	table := NewTable(checked(t), []arrow.DataType{arrow.BinaryTypes.String}, specs)
	defer table.Release()
	for range 2 {
		if err := table.Update(keys, args, Order{}, rows); err != nil {
			t.Fatal(err)
		}
	}
	return results(table, nil)
}

// TestConstant puts another value, a bit away from the first, at each position.
func TestConstant(t *testing.T) {
	for n := 1; n < 40; n++ {
		for v := range int32(4) {
			vals := make([]int32, n)
			for i := range vals {
				vals[i] = v
			}
			if !constant(vals) {
				t.Fatalf("%v is not constant", vals)
			}
			for i := 1; i < n; i++ {
				for _, bit := range []int32{1, 2, -1 << 31} {
					vals[i] ^= bit
					if constant(vals) {
						t.Fatalf("%v is constant", vals)
					}
					vals[i] ^= bit
				}
			}
		}
	}
}

// TestManyDictionaries: dictionaries come and go, more of them than are remembered,
// with the same names in another order each; all of them are let go.
func TestManyDictionaries(t *testing.T) {
	mem := checked(t)
	const names, uses = 40, 3 * maxDictionaries
	table := NewTable(mem, []arrow.DataType{kernel.StringDict(), kernel.StringDict()}, []Spec{{Func: "count", Arg: nil}})
	defer table.Release()
	for use := range uses {
		rows := make([]any, names)
		for i, p := range rand.New(rand.NewPCG(uint64(use), 1)).Perm(names) {
			rows[i] = showValue(int64(p))
		}
		dict := buildWhole(mem, arrow.BinaryTypes.String, rows)
		codes, done := kernel.NewFixed[int32](mem, arrow.PrimitiveTypes.Int32, names)
		for i := range codes {
			codes[i] = int32(i)
		}
		idx := done(nil)
		key := array.NewDictionaryArray(kernel.StringDict(), idx, dict)
		for range 2 {
			if err := table.Update([]arrow.Array{key, key}, []arrow.Array{nil}, Order{}, names); err != nil {
				t.Fatal(err)
			}
		}
		release([]arrow.Array{dict, idx, key})
	}
	vals := table.Results(nil)
	defer release(vals)
	if table.Len() != names || table.dense == nil {
		t.Fatalf("%d groups, want %d, found densely", table.Len(), names)
	}
	for i, n := range vals[0].(*array.Int64).Int64Values() {
		if n != 2*uses {
			t.Errorf("group %d has %d rows, want %d", i, n, 2*uses)
		}
	}
}

// TestTextKeysAreNumberedApart: a key of many strings beside one of few, filled anew
// after Reset, stays small enough to be found densely.
func TestTextKeysAreNumberedApart(t *testing.T) {
	mem := checked(t)
	str := arrow.BinaryTypes.String
	table := NewTable(mem, []arrow.DataType{str, str}, []Spec{{Func: "count", Arg: nil}})
	defer table.Release()
	const n = 9000
	for use := range 3 {
		many, few := make([]any, n), make([]any, n)
		for i := range many {
			many[i], few[i] = showValue(int64(use*100+i)), showValue(int64(i%3))
		}
		keys := []arrow.Array{buildWhole(mem, str, many), buildWhole(mem, str, few)}
		if err := table.Update(keys, []arrow.Array{nil}, Order{}, n); err != nil {
			t.Fatal(err)
		}
		release(keys)
		if table.Len() != n || table.dense == nil {
			t.Fatalf("use %d: %d groups, want %d, found densely", use, table.Len(), n)
		}
		checkHashes(t, table)
		table.Reset()
	}
}

// TestByCode: sums whose groups are found by the codes of a dictionary come to the same
// as others, through chunks in which groups are new, entries that no row has, entries of
// equal names, and dictionaries that are too large for it.
func TestByCode(t *testing.T) {
	f64 := arrow.PrimitiveTypes.Float64
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 5))
		mem := checked(t)
		names := rapid.SampledFrom([]int{1, 3, 60, 400}).Draw(rt, "names")
		used := rapid.IntRange(1, names).Draw(rt, "used")
		rows := rapid.SampledFrom([]int{3, chunk, 3*chunk + 5}).Draw(rt, "rows")
		specs := rapid.SampledFrom([][]Spec{{{Func: "sum", Arg: f64}}, {{Func: "sum", Arg: f64}, {Func: "count"}}, {{Func: "count"}}, {}}).Draw(rt, "specs")
		fast := NewTable(mem, []arrow.DataType{kernel.StringDict()}, specs)
		slow := NewTable(mem, []arrow.DataType{arrow.BinaryTypes.String}, specs)
		defer fast.Release()
		defer slow.Release()
		for range 3 {
			entries, codes, vals := make([]any, names), make([]int32, rows), make([]any, rows)
			for i := range entries {
				entries[i] = showValue(int64(i % 100)) // some names twice
			}
			texts := make([]any, rows)
			for i := range codes {
				codes[i], vals[i] = int32(r.IntN(used)), drawValue(r, f64, 0)
				texts[i] = entries[codes[i]]
			}
			dict, plain := buildWhole(mem, arrow.BinaryTypes.String, entries), buildWhole(mem, arrow.BinaryTypes.String, texts)
			idx, done := kernel.NewFixed[int32](mem, arrow.PrimitiveTypes.Int32, rows)
			copy(idx, codes)
			places, x := done(nil), buildWhole(mem, f64, vals)
			coded := array.NewDictionaryArray(kernel.StringDict(), places, dict)
			args := []arrow.Array{x, nil}[:len(specs)]
			if len(specs) == 1 && specs[0].Arg == nil {
				args = []arrow.Array{nil}
			}
			for keys, table := range map[arrow.Array]*Table{coded: fast, plain: slow} {
				if err := table.Update([]arrow.Array{keys}, args, Order{}, rows); err != nil {
					rt.Fatal(err)
				}
			}
			release([]arrow.Array{dict, plain, places, x, coded})
		}
		wantResults(t, &data{specs: specs}, results(fast, nil), results(slow, nil))
	})
}
