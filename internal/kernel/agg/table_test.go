package agg

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
)

func TestSpecTypes(t *testing.T) {
	i64, f64, str := arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String
	for _, c := range []struct {
		spec Spec
		want arrow.DataType // nil: fault.Invalid
	}{
		{Spec{Func: "count", Arg: nil}, i64}, {Spec{Func: "count", Arg: str}, i64}, {Spec{Func: "sum", Arg: i64}, i64}, {Spec{Func: "sum", Arg: f64}, f64},
		{Spec{Func: "avg", Arg: i64}, f64}, {Spec{Func: "stddev", Arg: f64}, f64}, {Spec{Func: "min", Arg: kernel.StringDict()}, str}, {Spec{Func: "max", Arg: eventTime()}, eventTime()},
		{Spec{Func: "first", Arg: arrow.FixedWidthTypes.Date32}, arrow.FixedWidthTypes.Date32}, {Spec{Func: "count_distinct", Arg: f64}, i64},
		{Spec{Func: "sum", Arg: money()}, &arrow.Decimal128Type{Precision: 38, Scale: 3}}, {Spec{Func: "avg", Arg: money()}, &arrow.Decimal128Type{Precision: 34, Scale: 7}},
		{Spec{Func: "avg", Arg: &arrow.Decimal128Type{Precision: 38, Scale: 37}}, &arrow.Decimal128Type{Precision: 38, Scale: 38}},
		{Spec{Func: "sum", Arg: arrow.FixedWidthTypes.Duration_us}, arrow.FixedWidthTypes.Duration_us}, {Spec{Func: "avg", Arg: arrow.FixedWidthTypes.Duration_us}, arrow.FixedWidthTypes.Duration_us},
		{Spec{Func: "max", Arg: arrow.BinaryTypes.Binary}, arrow.BinaryTypes.Binary}, {Spec{Func: "first", Arg: arrow.ListOf(i64)}, arrow.ListOf(i64)}, {Spec{Func: "count_distinct", Arg: arrow.ListOf(i64)}, i64},
		{Spec{Func: "max", Arg: arrow.ListOf(i64)}, nil}, {Spec{Func: "sum", Arg: arrow.BinaryTypes.Binary}, nil}, {Spec{Func: "stddev", Arg: money()}, nil}, {Spec{Func: "first", Arg: arrow.LargeListOf(i64)}, nil},
		{Spec{Func: "median", Arg: f64}, nil}, {Spec{Func: "sum", Arg: nil}, nil}, {Spec{Func: "sum", Arg: str}, nil}, {Spec{Func: "avg", Arg: eventTime()}, nil},
		{Spec{Func: "min", Arg: arrow.PrimitiveTypes.Int8}, nil}, {Spec{Func: "stddev", Arg: arrow.FixedWidthTypes.Boolean}, nil}, {Spec{Func: "", Arg: nil}, nil},
	} {
		got, err := c.spec.ResultType()
		if c.want == nil {
			if fault.Of(err) != fault.Invalid || c.spec.StateTypes() != nil {
				t.Errorf("%v: %v, want fault.Invalid", c.spec, err)
			}
			continue
		}
		if err != nil || !arrow.TypeEqual(got, c.want) {
			t.Errorf("%v: %v, %v, want %v", c.spec, got, err, c.want)
		}
	}
}

// TestColumnsHaveTheDeclaredTypes: what leaves a table is what Spec says.
func TestColumnsHaveTheDeclaredTypes(t *testing.T) {
	table := NewTable(checked(t), nil, allSpecs())
	defer table.Release()
	states, vals := table.States(nil), table.Results(nil)
	defer release(states)
	defer release(vals)
	k := 0
	for i, s := range allSpecs() {
		want, _ := s.ResultType()
		if !arrow.TypeEqual(vals[i].DataType(), want) {
			t.Errorf("%v results in %s, want %s", s, vals[i].DataType(), want)
		}
		for _, dt := range s.StateTypes() {
			if !arrow.TypeEqual(states[k].DataType(), dt) {
				t.Errorf("%v has a state of %s, want %s", s, states[k].DataType(), dt)
			}
			k++
		}
	}
	if k != len(states) {
		t.Errorf("%d columns of states, want %d", len(states), k)
	}
}

func TestBadTablesPanic(t *testing.T) {
	for name, f := range map[string]func(){
		"spec": func() { NewTable(nil, nil, []Spec{{Func: "median", Arg: nil}}) },
		"key":  func() { NewTable(nil, []arrow.DataType{arrow.PrimitiveTypes.Int8}, nil) },
		"nil":  func() { NewTable(nil, []arrow.DataType{nil}, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

// TestMisfits: columns that do not fit are refused and leave the table as it was.
func TestMisfits(t *testing.T) {
	mem := checked(t)
	r := rand.New(rand.NewPCG(1, 1))
	i64 := build(mem, r, arrow.PrimitiveTypes.Int64, []any{int64(1), int64(2)})
	f64 := build(mem, r, arrow.PrimitiveTypes.Float64, []any{1.0, 2.0})
	nulls := build(mem, r, arrow.PrimitiveTypes.Int64, []any{nil, nil})
	defer release([]arrow.Array{i64, f64, nulls})
	table := NewTable(mem, []arrow.DataType{i64.DataType()}, []Spec{{Func: "sum", Arg: f64.DataType()}, {Func: "first", Arg: f64.DataType()}})
	defer table.Release()
	one := func(a ...arrow.Array) []arrow.Array { return a }
	for name, err := range map[string]error{
		"no key":        table.Update(nil, one(f64, f64), Order{}, 2),
		"key of a type": table.Update(one(f64), one(f64, f64), Order{}, 2),
		"rows":          table.Update(one(i64), one(f64, f64), Order{}, 3),
		"arguments":     table.Update(one(i64), one(f64), Order{}, 2),
		"argument type": table.Update(one(i64), one(f64, i64), Order{}, 2),
		"no argument":   table.Update(one(i64), one(f64, nil), Order{}, 2),
		"null sequence": table.Update(one(i64), one(f64, f64), Order{Seq: nulls}, 2),
		"float time":    table.Update(one(i64), one(f64, f64), Order{Time: f64}, 2),
		"few states":    table.Merge(one(i64), one(f64, f64), 2),
		"many states":   table.Merge(one(i64), one(f64, f64, f64, i64, i64, i64, i64, i64), 2),
		"states' type":  table.Merge(one(i64), one(f64, f64, f64, i64, i64, i64, f64), 2),
		"key of states": table.Merge(one(f64), one(f64, f64, f64, i64, i64, i64, i64), 2),
	} {
		if err == nil || fault.Of(err) != fault.Bug {
			t.Errorf("%s: %v, want fault.Bug", name, err)
		}
	}
	if table.Len() != 0 {
		t.Errorf("%d groups after nothing but errors", table.Len())
	}
}

// TestCollidingKeys: keys of one hash are still told apart.
func TestCollidingKeys(t *testing.T) {
	const n = 200
	same, other := make([]uint64, n), make([]uint64, n)
	left, right := make([]uint64, n), make([]uint64, n) // what mix multiplies to 0
	for i := range n {
		same[i], other[i], left[i], right[i] = 1, uint64(i/2), 0xa0761d6478bd642f, 0xe7037ed1a0b428db
	}
	for name, cols := range map[string][][]uint64{"two": {left, other}, "two turned": {other, right}, "three": {same, other, right}} {
		x := newIndex(len(cols), len(cols)+1)
		ids := make([]int32, n)
		for range 2 {
			x.find(cols, ids)
			for i, id := range ids {
				if id != int32(i/2) {
					t.Fatalf("%s: key %d is in row %d", name, i, id)
				}
			}
		}
		if x.hashes[0] != x.hashes[n-1] {
			t.Errorf("%s: the hashes do not collide", name)
		}
	}
}

// TestUpdateAllocatesPerFrame: what a frame costs does not grow with its rows.
func TestUpdateAllocatesPerFrame(t *testing.T) {
	w := meters(1000, kernel.StringDict(), true)
	specs := specsOf("count", "sum", "avg", "min", "max", "stddev", "last")
	table := NewTable(kernel.NewPool(0), w.types, specs)
	defer table.Release()
	a := w.arg[0]
	update := func() {
		if err := table.Update(w.keys[0], []arrow.Array{nil, a, a, a, a, a, a}, Order{Time: w.keys[0][1]}, frame); err != nil {
			t.Fatal(err)
		}
	}
	update()
	if n := testing.AllocsPerRun(10, update); n > 10 {
		t.Errorf("%v allocations for a frame", n)
	}
}

// TestEmptyTablesMerge: the states of tables without rows, many in one batch, are
// nothing, also to first and last.
func TestEmptyTablesMerge(t *testing.T) {
	mem := checked(t)
	r := rand.New(rand.NewPCG(1, 1))
	specs := allSpecs()
	empty, table := NewTable(mem, nil, specs), NewTable(mem, nil, specs)
	defer empty.Release()
	defer table.Release()
	d := drawData(r, nil, specs, 1)
	d.order[0] = [4]any{nil, int64(5), int64(5), int64(5)}
	d.feed(t, r, table, []int{0})
	sel := kernel.Sel{0, 0, 0}
	states := empty.States(sel)
	defer release(states)
	for _, to := range []*Table{table, empty} {
		if err := to.Merge(nil, states, len(sel)); err != nil {
			t.Fatal(err)
		}
	}
	wantResults(t, &d, results(table, nil), d.twin())
	d.keys, d.args, d.order = nil, nil, nil
	wantResults(t, &d, results(empty, nil), d.twin())
}

// TestGrouping counts rows by many kinds of keys of few values, in updates of many
// sizes, which is where all the ways to find a group take turns.
func TestGrouping(t *testing.T) {
	specs := []Spec{{Func: "count", Arg: nil}}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 5))
		var keyTypes []arrow.DataType
		for range 1 + r.IntN(3) {
			keyTypes = append(keyTypes, allTypes()[r.IntN(len(allTypes()))])
		}
		d := drawData(r, keyTypes, specs, 1+r.IntN(200))
		table := NewTable(checked(t), keyTypes, specs)
		for order := r.Perm(len(d.keys)); len(order) > 0; {
			n := 1 + r.IntN(len(order))
			d.feed(t, r, table, order[:n])
			order = order[n:]
		}
		wantResults(t, &d, results(table, nil), d.twin())
		table.Release()
	}
}

// TestManyKeys goes past what dense finding bears: a product of two keys too
// large, then growth of the hash table, then fewer groups again.
func TestManyKeys(t *testing.T) {
	mem := checked(t)
	i64 := arrow.PrimitiveTypes.Int64
	table := NewTable(mem, []arrow.DataType{i64, i64}, []Spec{{Func: "count", Arg: nil}})
	defer table.Release()
	feed := func(lo, n int) {
		x, doneX := kernel.NewFixed[int64](mem, i64, n)
		y, doneY := kernel.NewFixed[int64](mem, i64, n)
		for i := range n {
			x[i], y[i] = int64(lo+i), -int64(lo+i)*7
		}
		keys := []arrow.Array{doneX(nil), doneY(nil)}
		defer release(keys)
		if err := table.Update(keys, []arrow.Array{nil}, Order{}, n); err != nil {
			t.Fatal(err)
		}
	}
	check := func(groups int, each int64) {
		t.Helper()
		vals := table.Results(nil)
		defer release(vals)
		if table.Len() != groups {
			t.Fatalf("%d groups, want %d", table.Len(), groups)
		}
		for i, n := range vals[0].(*array.Int64).Int64Values() {
			if n != each {
				t.Fatalf("group %d has %d rows, want %d", i, n, each)
			}
		}
	}
	feed(0, 100)
	if table.dense == nil {
		t.Error("few keys are hashed")
	}
	feed(100, 20000)
	feed(0, 20100)
	check(20100, 2)
	if table.dense != nil {
		t.Error("many keys are not hashed")
	}
	size := table.Bytes()
	table.Compact(table.selected(nil)[:50])
	feed(0, 50)
	check(50, 3)
	if table.dense == nil || table.Bytes() >= size/10 {
		t.Error("what few groups are left are not found densely, or their memory is not given back")
	}
}

// TestCompactForgetsStrings: dropped keys and distinct values do not pile up.
func TestCompactForgetsStrings(t *testing.T) {
	mem := checked(t)
	str := arrow.BinaryTypes.String
	table := NewTable(mem, []arrow.DataType{str}, []Spec{{Func: "count_distinct", Arg: str}, {Func: "max", Arg: str}})
	defer table.Release()
	peak := int64(0)
	for round := range 50 {
		rows := make([]any, 1000)
		for i := range rows {
			rows[i] = fmt.Sprintf("round %d meter %d", round, i)
		}
		a := buildWhole(mem, str, rows)
		if err := table.Update([]arrow.Array{a}, []arrow.Array{a, a}, Order{}, 1000); err != nil {
			t.Fatal(err)
		}
		a.Release()
		if round == 5 {
			peak = table.Bytes()
		}
		table.Compact(kernel.Sel{0, int32(table.Len() - 1)})
	}
	if table.Bytes() > peak {
		t.Errorf("%d bytes, after 5 rounds it was %d", table.Bytes(), peak)
	}
	got := results(table, nil)
	if len(got) != 2 || got[`("round 49 meter 999")`] != `1; "round 49 meter 999"; ` || got[`("round 0 meter 0")`] == "" {
		t.Errorf("left: %v", got)
	}
}

// FuzzDecode: bytes that are no set are refused, those that are come out as they
// went in.
func FuzzDecode(f *testing.F) {
	f.Add(uint8(text), []byte("\x01\x00\x00\x00a\x00\x00\x00\x00"))
	f.Add(uint8(ints), []byte("12345678"))
	f.Add(uint8(floats), []byte("\x00\x00\x00\x00\x00\x00\x00\x80"))
	f.Fuzz(func(t *testing.T, k uint8, blob []byte) {
		types := allTypes()
		dt := types[int(k)%len(types)]
		table := NewTable(checked(t), nil, []Spec{{Func: "count_distinct", Arg: dt}})
		defer table.Release()
		b := array.NewBinaryBuilder(checked(t), arrow.BinaryTypes.Binary)
		defer b.Release()
		b.Append(blob)
		in := b.NewArray()
		defer in.Release()
		if err := table.Merge(nil, []arrow.Array{in}, 1); err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Fatal(err)
			}
			return
		}
		states := table.States(nil)
		defer release(states)
		again := NewTable(checked(t), nil, []Spec{{Func: "count_distinct", Arg: dt}})
		defer again.Release()
		if err := again.Merge(nil, states, 1); err != nil {
			t.Fatal(err)
		}
		if a, b := results(table, nil), results(again, nil); a["()"] != b["()"] {
			t.Fatalf("%v became %v", a, b)
		}
	})
}
