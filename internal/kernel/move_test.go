package kernel

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"pgregory.net/rapid"

	"github.com/idag/idag/internal/fault"
)

// TestTake: gathered rows are the rows asked for, whatever their order, and a
// dictionary keeps its values.
func TestTake(t *testing.T) {
	forAll(t, func(t *testing.T, v variant) {
		for _, dt := range movedTypes() {
			rows, a := v.column(dt)
			var sel Sel
			var want []any
			for range v.n * 2 {
				k := v.r.IntN(v.n)
				sel, want = append(sel, int32(k)), append(want, rows[k])
			}
			got := Take(v.mem, a, sel)
			wantRows(t, got, want)
			if a.DataType().ID() == arrow.DICTIONARY && got.Data().Dictionary() != a.Data().Dictionary() {
				t.Error("the dictionary was copied")
			}
			got.Release()
			a.Release()
		}
	})
}

func TestTakeBatch(t *testing.T) {
	mem := checked(t)
	a := build(mem, arrow.PrimitiveTypes.Int64, []any{int64(1), nil, int64(3)}, 2)
	b := build(mem, arrow.BinaryTypes.String, []any{"x", "y", nil}, 0)
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: a.DataType()}, {Name: "b", Type: b.DataType()}}, nil)
	in := array.NewRecordBatch(schema, []arrow.Array{a, b}, 3)
	out := TakeBatch(mem, in, Sel{2, 0})
	wantRows(t, out.Column(0), []any{int64(3), int64(1)})
	wantRows(t, out.Column(1), []any{nil, "x"})
	none := TakeBatch(mem, in, nil)
	if none.NumRows() != 0 || none.NumCols() != 2 {
		t.Error("taking nothing is not an empty batch of the schema")
	}
	for _, x := range []interface{ Release() }{a, b, in, out, none} {
		x.Release()
	}
}

// TestAppendTrue: only TRUE is selected, and what dst held stays.
func TestAppendTrue(t *testing.T) {
	forAll(t, func(t *testing.T, v variant) {
		for _, share := range []float64{0, 0.02, 0.5, 1} {
			rows := make([]any, v.n)
			want := Sel{-7}
			for i := range rows {
				rows[i] = v.r.Float64() < share
				if v.r.Float64() < v.nulls {
					rows[i] = nil
				}
				if isTrue, _ := rows[i].(bool); isTrue {
					want = append(want, int32(i))
				}
			}
			mask := build(v.mem, arrow.FixedWidthTypes.Boolean, rows, v.offset).(*array.Boolean)
			got := AppendTrue(Sel{-7}, mask)
			if len(got) != len(want) {
				t.Fatalf("%d rows, want %d", len(got), len(want))
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("row %d is %d, want %d", i, got[i], want[i])
				}
			}
			mask.Release()
		}
	})
}

// textMixes pairs every type with itself, and the spellings of String with each
// other.
func textMixes() [][2]arrow.DataType {
	var out [][2]arrow.DataType
	for _, dt := range movedTypes() {
		out = append(out, [2]arrow.DataType{dt, dt})
	}
	texts := []arrow.DataType{arrow.BinaryTypes.String, StringDict(), dirtyDict}
	for _, a := range texts {
		for _, b := range texts {
			out = append(out, [2]arrow.DataType{a, b})
		}
	}
	return out
}

func TestBlend(t *testing.T) {
	forAll(t, func(t *testing.T, v variant) {
		for _, mix := range textMixes() {
			flags, mask := v.column(arrow.FixedWidthTypes.Boolean)
			aRows, a := v.column(mix[0])
			bRows, b := v.column(mix[1])
			want := make([]any, v.n)
			for i := range want {
				want[i] = bRows[i]
				if isTrue, _ := flags[i].(bool); isTrue {
					want[i] = aRows[i]
				}
			}
			got := Blend(v.mem, mask.(*array.Boolean), a, b)
			wantRows(t, got, want)
			release([]arrow.Array{mask, a, b, got})
		}
	})
}

func TestScatter(t *testing.T) {
	forAll(t, func(t *testing.T, v variant) {
		for _, mix := range textMixes() {
			for _, withBase := range []bool{false, true} {
				n := v.n + v.n/2
				want := make([]any, n)
				var base arrow.Array
				if withBase {
					want = randomRows(v.r, mix[0], n, v.nulls)
					base = build(v.mem, mix[0], want, v.offset)
				}
				rows, dense := v.column(mix[1])
				sel := make(Sel, v.n)
				for i, p := range v.r.Perm(n)[:v.n] {
					sel[i] = int32(p)
				}
				want = append([]any{}, want...)
				for i, r := range sel {
					want[r] = rows[i]
				}
				got := Scatter(v.mem, base, dense, sel, n)
				wantRows(t, got, want)
				if base != nil {
					base.Release()
				}
				release([]arrow.Array{dense, got})
			}
		}
	})
}

// TestSharedDictionaryStays: Scatter, Blend and Concat of slices of one
// dictionary array keep its very values.
func TestSharedDictionaryStays(t *testing.T) {
	mem := checked(t)
	whole := build(mem, StringDict(), []any{"a", "b", nil, "c"}, 1)
	a, b := array.NewSlice(whole, 0, 2), array.NewSlice(whole, 2, 4)
	mask := build(mem, arrow.FixedWidthTypes.Boolean, []any{true, false}, 0)
	joined, err := Concat(mem, []arrow.Array{a, b})
	if err != nil {
		t.Fatal(err)
	}
	outs := []arrow.Array{joined, Blend(mem, mask.(*array.Boolean), a, b), Scatter(mem, a, b, Sel{1, 0}, 2), Scatter(mem, nil, b, Sel{1, 0}, 2)}
	for i, out := range outs {
		if out.Data().Dictionary() != whole.Data().Dictionary() {
			t.Errorf("kernel %d: the dictionary was rebuilt", i)
		}
	}
	release(append(outs, whole, a, b, mask))
}

func TestNulls(t *testing.T) {
	forAll(t, func(t *testing.T, v variant) {
		for _, dt := range movedTypes() {
			got := Nulls(v.mem, dt, v.n)
			wantRows(t, got, make([]any, v.n))
			if !arrow.TypeEqual(got.DataType(), dt) {
				t.Errorf("type %s, want %s", got.DataType(), dt)
			}
			got.Release()
		}
	})
}

func TestConst(t *testing.T) {
	str, decimal := arrow.BinaryTypes.String, &arrow.Decimal128Type{Precision: 5, Scale: 1}
	for _, c := range []struct {
		dt  arrow.DataType
		v   any
		row any // what row reads back
	}{
		{arrow.FixedWidthTypes.Boolean, true, true}, {arrow.FixedWidthTypes.Boolean, false, false},
		{arrow.PrimitiveTypes.Int64, int64(-5), int64(-5)}, {arrow.PrimitiveTypes.Float64, 2.5, 2.5},
		{timestampUTC, arrow.Timestamp(9), int64(9)}, {arrow.FixedWidthTypes.Date32, arrow.Date32(-3), int64(-3)},
		{arrow.FixedWidthTypes.Duration_us, arrow.Duration(7), int64(7)}, {decimal, decimal128.FromI64(-12), decimal128.FromI64(-12)},
		{arrow.BinaryTypes.Binary, []byte("\xff\x00"), "\xff\x00"}, {arrow.BinaryTypes.Binary, []byte{}, ""}, {decimal, nil, nil},
		{arrow.ListOf(str), nil, nil}, {str, "x", "x"}, {StringDict(), "", ""}, {str, nil, nil}, {StringDict(), nil, nil}, {timestampUTC, nil, nil},
	} {
		for _, n := range []int{0, 1, 64, 65} {
			mem := checked(t)
			got, err := Const(mem, c.dt, c.v, n)
			if err != nil {
				t.Fatal(err)
			}
			want := make([]any, n)
			for i := range want {
				want[i] = c.row
			}
			wantRows(t, got, want)
			got.Release()
		}
	}
	for _, bad := range []struct {
		dt arrow.DataType
		v  any
	}{{str, int64(1)}, {arrow.PrimitiveTypes.Int64, "1"}, {arrow.PrimitiveTypes.Int64, 1}, {timestampUTC, int64(1)},
		{decimal, int64(1)}, {arrow.BinaryTypes.Binary, "x"}, {arrow.FixedWidthTypes.Duration_us, int64(1)}, {arrow.ListOf(str), int64(1)}} {
		if _, err := Const(checked(t), bad.dt, bad.v, 3); fault.Of(err) != fault.Invalid {
			t.Errorf("Const(%s, %T): %v, want fault.Invalid", bad.dt, bad.v, err)
		}
	}
}

func TestConcat(t *testing.T) {
	forAll(t, func(t *testing.T, v variant) {
		for _, mix := range textMixes() {
			aRows, a := v.column(mix[0])
			bRows, b := v.column(mix[1])
			got, err := Concat(v.mem, []arrow.Array{a, b, a})
			if err != nil {
				t.Fatal(err)
			}
			want := append(append(append([]any{}, aRows...), bRows...), aRows...)
			wantRows(t, got, want)
			release([]arrow.Array{a, b, got})
		}
	})
	mem := checked(t)
	a, b := Nulls(mem, arrow.PrimitiveTypes.Int64, 1), Nulls(mem, arrow.PrimitiveTypes.Float64, 1)
	for _, bad := range [][]arrow.Array{nil, {a, b}} {
		if _, err := Concat(mem, bad); fault.Of(err) != fault.Invalid {
			t.Errorf("%v, want fault.Invalid", err)
		}
	}
	release([]arrow.Array{a, b})
}

// TestFilterTakeScatterIsIdentity: what a mask selects, put back where it came
// from over the rest, is the array.
func TestFilterTakeScatterIsIdentity(t *testing.T) {
	types := movedTypes()
	rapid.Check(t, func(rt *rapid.T) {
		dt := rapid.SampledFrom(types).Draw(rt, "type")
		v := variant{n: rapid.IntRange(0, 200).Draw(rt, "n"), nulls: 0.2, offset: rapid.IntRange(0, 70).Draw(rt, "offset"), mem: checked(t), r: randOf(rt)}
		rows, a := v.column(dt)
		_, mask := v.column(arrow.FixedWidthTypes.Boolean)
		sel := AppendTrue(nil, mask.(*array.Boolean))
		dense := Take(v.mem, a, sel)
		back := Scatter(v.mem, a, dense, sel, v.n)
		wantRows(t, back, rows)
		release([]arrow.Array{a, mask, dense, back})
	})
}
