package agg

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/sketch"
)

// approxSpecs are all sketches over an argument, with an error.
func approxSpecs(dt arrow.DataType, e float64, key uint64) []Spec {
	return []Spec{
		{Func: "approx_distinct", Arg: dt, Error: e}, {Func: "approx_count", Arg: dt, Error: e, Key: key},
		{Func: "approx_top", Arg: dt, Error: e, K: 2}, {Func: "approx_moment2", Arg: dt, Error: e}, {Func: "sample", Arg: dt, K: 3},
	}
}

// sketchRows are rows of a key, an argument and a place.
type sketchRows struct {
	dt     arrow.DataType
	keys   []any
	args   []any
	places []uint64
}

func drawSketchRows(r *rand.Rand, dt arrow.DataType, n, groups int) sketchRows {
	rows := sketchRows{dt: dt}
	nulls := []float64{0, 0.2, 1}[r.IntN(3)]
	for i := range n {
		rows.keys = append(rows.keys, int64(r.IntN(groups)))
		rows.args = append(rows.args, drawValue(r, dt, nulls))
		rows.places = append(rows.places, uint64(i)) // ranks are mixed, so these will do
	}
	return rows
}

// feed adds the rows of sel to a table, in that order.
func (d *sketchRows) feed(t testing.TB, mem memory.Allocator, r *rand.Rand, table *Table, sel []int) {
	t.Helper()
	var keys, args []any
	var places []uint64
	for _, i := range sel {
		keys, args, places = append(keys, d.keys[i]), append(args, d.args[i]), append(places, d.places[i])
	}
	k := build(mem, r, arrow.PrimitiveTypes.Int64, keys)
	defer k.Release()
	a := build(mem, r, d.dt, args)
	defer a.Release()
	all := make([]arrow.Array, len(table.aggs))
	for i := range all {
		all[i] = a
	}
	if err := table.Update([]arrow.Array{k}, all, Order{Places: places}, len(sel)); err != nil {
		t.Fatal(err)
	}
}

// contents is what a table holds, by key: the states' bytes and the results' texts.
func contents(table *Table) map[string]string {
	keys, states, results := table.Keys(nil), table.States(nil), table.Results(nil)
	defer release(keys)
	defer release(states)
	defer release(results)
	out := map[string]string{}
	for i := range table.Len() {
		var b strings.Builder
		for k := range states {
			fmt.Fprintf(&b, "%s %x\n", results[k].ValueStr(i), states[k].ValueStr(i))
		}
		out[keys[0].ValueStr(i)] = b.String()
	}
	return out
}

// However rows are spread over tables, in whatever order they and the partial states
// come, the states are the same bytes and the results the same values; of every type,
// exact and past that, with nulls and slices and every spelling of strings.
func TestSketchesDoNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		mem := checked(t)
		dt := rapid.SampledFrom(allTypes()).Draw(rt, "type")
		specs := approxSpecs(dt, rapid.SampledFrom([]float64{0.6, 0.2, 0}).Draw(rt, "error"), 7)
		n := rapid.SampledFrom([]int{0, 1, 30, 400}).Draw(rt, "rows")
		d := drawSketchRows(r, dt, n, rapid.SampledFrom([]int{1, 3, 50}).Draw(rt, "groups"))
		whole := NewTable(mem, []arrow.DataType{arrow.PrimitiveTypes.Int64}, specs)
		defer whole.Release()
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		d.feed(t, mem, r, whole, all)

		r.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
		merged := NewTable(mem, whole.types, specs)
		defer merged.Release()
		for len(all) > 0 {
			take := 1 + r.IntN(len(all))
			part := NewTable(mem, whole.types, specs)
			d.feed(t, mem, r, part, all[:take/2])
			if r.IntN(2) == 0 { // rows and states may come in any mixture
				d.feed(t, mem, r, merged, all[take/2:take])
			} else {
				d.feed(t, mem, r, part, all[take/2:take])
			}
			keys, states := part.Keys(nil), part.States(nil)
			if err := merged.Merge(keys, states, part.Len()); err != nil {
				rt.Fatal(err)
			}
			release(keys)
			release(states)
			part.Release()
			all = all[take:]
		}
		want, got := contents(whole), contents(merged)
		if len(want) != len(got) {
			rt.Fatalf("%d groups, want %d", len(got), len(want))
		}
		for k, w := range want {
			if got[k] != w {
				rt.Fatalf("%s by %d rows, group %s:\n%s\nwant\n%s", dt, n, k, got[k], w)
			}
		}
	})
}

// sketchTwin is what sketches give for values in their exact form, the sample by its
// definition: the smallest ranks.
func sketchTwin(values []string, hashes, places []uint64, key uint64, k int) []string {
	count, hash := map[string]int{}, map[string]uint64{}
	at := make([]int, len(values))
	for i, v := range values {
		count[v]++
		hash[v] = hashes[i]
		at[i] = i
	}
	hits, squares := 0, 0
	var names []string
	for v, n := range count {
		names = append(names, v)
		squares += n * n
		if hash[v] == key {
			hits = n
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(hash[a], hash[b])) })
	slices.SortFunc(at, func(a, b int) int {
		return cmp.Compare(sketch.Mix(places[a], approxSeed), sketch.Mix(places[b], approxSeed))
	})
	var top, some []string
	for _, v := range names[:min(2, len(names))] {
		top = append(top, fmt.Sprintf("%s×%d", v, count[v]))
	}
	for _, i := range at[:min(k, len(at))] {
		some = append(some, values[i])
	}
	return []string{fmt.Sprint(len(count)), fmt.Sprint(hits), strings.Join(top, " "), fmt.Sprint(squares), strings.Join(some, " ")}
}

// showList shows the items of a list as the twin does.
func showList(a arrow.Array, i int) string {
	list := a.(*array.List)
	from, to := list.ValueOffsets(i)
	var out []string
	for p := int(from); p < int(to); p++ {
		if s, ok := list.ListValues().(*array.Struct); ok {
			out = append(out, fmt.Sprintf("%s×%s", show(s.Field(0), p), s.Field(1).ValueStr(p)))
			continue
		}
		out = append(out, show(list.ListValues(), p))
	}
	return strings.Join(out, " ")
}

// Where values are few, sketches are exact; a sample is the values of the smallest
// ranks always. Of every type that can be shown.
func TestSketchesAgainstTwin(t *testing.T) {
	for _, dt := range allTypes() {
		r := rand.New(rand.NewPCG(11, 12))
		mem := checked(t)
		d := drawSketchRows(r, dt, 500, 4)
		any1 := buildWhole(mem, dt, d.args[:1])
		key := kernel.HashRows([]arrow.Array{any1}, nil)[0]
		any1.Release()
		specs := approxSpecs(dt, 0, key)
		table := NewTable(mem, []arrow.DataType{arrow.PrimitiveTypes.Int64}, specs)
		all := make([]int, len(d.keys))
		for i := range all {
			all[i] = i
		}
		d.feed(t, mem, r, table, all)
		keys, results := table.Keys(nil), table.Results(nil)
		for g := range table.Len() {
			var values []string
			var hashes, places []uint64
			for i, k := range d.keys {
				if fmt.Sprint(k) != keys[0].ValueStr(g) || d.args[i] == nil {
					continue
				}
				one := buildWhole(mem, dt, d.args[i:i+1])
				hashes = append(hashes, kernel.HashRows([]arrow.Array{one}, nil)[0])
				one.Release()
				values, places = append(values, showValue(d.args[i])), append(places, d.places[i])
			}
			want := sketchTwin(values, hashes, places, key, 3)
			got := []string{results[0].ValueStr(g), results[1].ValueStr(g), showList(results[2], g), results[3].ValueStr(g), showList(results[4], g)}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", dt, got, want)
			}
		}
		release(keys)
		release(results)
		table.Release()
	}
}

// A group without a value counts none and has no list.
func TestSketchesOfNothing(t *testing.T) {
	mem := checked(t)
	table := NewTable(mem, nil, approxSpecs(arrow.BinaryTypes.String, 0, 0))
	defer table.Release()
	results := table.Results(nil)
	defer release(results)
	for i, want := range []string{"0", "0", array.NullValueStr, "0", array.NullValueStr} {
		if got := results[i].ValueStr(0); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
}

// Parameters that a sketch cannot have are the author's mistake.
func TestSketchParameters(t *testing.T) {
	i64 := arrow.PrimitiveTypes.Int64
	for _, s := range []Spec{
		{Func: "approx_distinct", Arg: i64, Error: 2}, {Func: "approx_distinct", Arg: i64, Error: 1e-9}, {Func: "approx_distinct"},
		{Func: "approx_top", Arg: i64}, {Func: "approx_top", Arg: i64, K: 1000}, {Func: "approx_top", Arg: i64, K: -1}, {Func: "approx_top", Arg: i64, K: 1, Error: -1},
		{Func: "sample", Arg: i64}, {Func: "sample", Arg: i64, K: maxSample + 1}, {Func: "sample", Arg: arrow.PrimitiveTypes.Int8, K: 1},
		{Func: "approx_moment2", Arg: i64, Error: 1e-6}, {Func: "approx_count", Arg: i64, Error: 1e-10},
	} {
		if _, err := s.ResultType(); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
	for _, s := range approxSpecs(i64, 0.01, 0) {
		if _, err := s.ResultType(); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// States that were damaged are refused, and never read as something else's values;
// nor are columns that do not fit.
func TestSketchesRefuse(t *testing.T) {
	mem := checked(t)
	r := rand.New(rand.NewPCG(1, 1))
	for _, dt := range []arrow.DataType{arrow.PrimitiveTypes.Int64, arrow.ListOf(arrow.BinaryTypes.String)} {
		other := arrow.DataType(arrow.BinaryTypes.String)
		for k, s := range approxSpecs(dt, 0.3, 0) {
			table := NewTable(mem, nil, []Spec{s})
			d := drawSketchRows(r, other, 20, 1)
			foreign := NewTable(mem, nil, []Spec{approxSpecs(other, 0.3, 0)[k]})
			a := build(mem, r, other, append(d.args, "x"))
			if err := foreign.Update(nil, []arrow.Array{a}, Order{Places: make([]uint64, 21)}, 21); err != nil {
				t.Fatal(err)
			}
			if err := table.Update(nil, []arrow.Array{a}, Order{Places: make([]uint64, 21)}, 21); fault.Of(err) != fault.Bug {
				t.Errorf("%s of %s takes strings: %v", s.Func, dt, err)
			}
			a.Release()
			states := foreign.States(nil)
			state := bytes.Clone(states[0].(*array.Binary).Value(0))
			err := table.Merge(nil, states, 1)
			if valued := s.Func == "sample" || s.Func == "approx_top"; valued != (err != nil) || valued && fault.Of(err) != fault.Invalid {
				t.Errorf("%s of %s takes the state of strings: %v", s.Func, dt, err)
			}
			release(states)
			b := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
			b.Append(state[:len(state)-1])
			cut := []arrow.Array{b.NewArray()}
			b.Release()
			again := NewTable(mem, nil, []Spec{approxSpecs(other, 0.3, 0)[k]})
			if err := again.Merge(nil, cut, 1); fault.Of(err) != fault.Invalid {
				t.Errorf("%s takes half a state: %v", s.Func, err)
			}
			release(cut)
			again.Release()
			foreign.Release()
			table.Release()
		}
	}
	table := NewTable(mem, nil, []Spec{{Func: "sample", Arg: arrow.PrimitiveTypes.Int64, K: 1}})
	defer table.Release()
	a := build(mem, r, arrow.PrimitiveTypes.Int64, []any{int64(1)})
	defer a.Release()
	if err := table.Update(nil, []arrow.Array{a}, Order{}, 1); fault.Of(err) != fault.Bug {
		t.Errorf("a sample without places: %v", err)
	}
}

// Groups that leave take their sketches with them, and a table used again knows
// nothing of the last time; Bytes follows.
func TestSketchesCompact(t *testing.T) {
	mem := checked(t)
	r := rand.New(rand.NewPCG(3, 3))
	d := drawSketchRows(r, arrow.PrimitiveTypes.Int64, 300, 5)
	table := NewTable(mem, []arrow.DataType{arrow.PrimitiveTypes.Int64}, approxSpecs(d.dt, 0.1, 0))
	defer table.Release()
	all := make([]int, len(d.keys))
	for i := range all {
		all[i] = i
	}
	before := table.Bytes()
	d.feed(t, mem, r, table, all)
	full, want := table.Bytes(), contents(table)
	table.Compact(kernel.Sel{3, 1})
	for k, w := range contents(table) {
		if want[k] != w {
			t.Errorf("group %s has become %s, was %s", k, w, want[k])
		}
	}
	if kept := table.Bytes(); table.Len() != 2 || full <= before || kept >= full {
		t.Errorf("%d groups, %d bytes of %d, %d before", table.Len(), kept, full, before)
	}
	table.Reset()
	d.feed(t, mem, r, table, all)
	for k, w := range contents(table) {
		if want[k] != w {
			t.Errorf("group %s of a table used again: %s, was %s", k, w, want[k])
		}
	}
}

// BenchmarkSketches is rows into sketches: into few groups, and into so many that each
// has a handful.
func BenchmarkSketches(b *testing.B) {
	const frame = 16 << 10
	mem := memory.DefaultAllocator
	for _, groups := range []int{1, 1000, 1_000_000} {
		for _, s := range approxSpecs(arrow.PrimitiveTypes.Int64, 0, 7) {
			b.Run(fmt.Sprintf("%s/%d groups", s.Func, groups), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 1))
				z := rand.NewZipf(r, 1.1, 1, 1<<20)
				keys, vals := array.NewInt64Builder(mem), array.NewInt64Builder(mem)
				places := make([]uint64, frame)
				n := 0
				table := NewTable(mem, []arrow.DataType{arrow.PrimitiveTypes.Int64}, []Spec{s})
				defer table.Release()
				for b.Loop() {
					b.StopTimer()
					for i := range places {
						keys.Append(int64(r.IntN(groups)))
						vals.Append(int64(z.Uint64()))
						places[i] = uint64(n + i)
					}
					k, v := keys.NewArray(), vals.NewArray()
					b.StartTimer()
					if err := table.Update([]arrow.Array{k}, []arrow.Array{v}, Order{Places: places}, frame); err != nil {
						b.Fatal(err)
					}
					n += frame
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/row")
				b.ReportMetric(float64(table.Bytes())/float64(max(table.Len(), 1)), "B/group")
			})
		}
	}
}
