package expr

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/fuse"
)

// fuseSchema has columns of the kinds that are fused, two each, and a text.
func fuseSchema() *arrow.Schema {
	var fields []arrow.Field
	for _, c := range []struct {
		name string
		kind kind
	}{{"b", kBool}, {"c", kBool}, {"i", kInt}, {"j", kInt}, {"f", kFloat}, {"g", kFloat}, {"t", kTime}, {"s", kString}} {
		fields = append(fields, arrow.Field{Name: c.name, Type: c.kind.arrow(), Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

// drawTerm draws an expression that can be fused. A safe one cannot fail.
func drawTerm(t *rapid.T, k kind, depth int, safe bool) Node {
	call := func(name string, kinds ...kind) Node {
		c := &Call{Name: name}
		for _, k := range kinds {
			c.Args = append(c.Args, drawTerm(t, k, depth-1, safe))
		}
		return c
	}
	pick := func(names ...string) string { return rapid.SampledFrom(names).Draw(t, "name") }
	names := map[kind][]string{kBool: {"b", "c"}, kInt: {"i", "j"}, kFloat: {"f", "g"}, kTime: {"t"}}[k]
	if depth == 0 || rapid.IntRange(0, 4).Draw(t, "leaf") == 0 {
		return &Column{Name: pick(names...)}
	}
	constant := &Literal{Value: rapid.SampledFrom(samples(k)).Draw(t, "literal")}
	form := rapid.IntRange(0, 5).Draw(t, "form")
	switch {
	case k == kBool && form < 2:
		safe = true
		return call(pick("and", "or"), kBool, kBool)
	case k == kBool && form == 2:
		return call("not", kBool)
	case k == kBool && form == 3:
		safe = true
		return call("is_null", rapid.SampledFrom([]kind{kBool, kInt, kFloat, kTime}).Draw(t, "of"))
	case k == kBool:
		of := rapid.SampledFrom([]kind{kInt, kFloat, kTime}).Draw(t, "of")
		return call(pick("=", "<>", "<", "<=", ">", ">="), of, of)
	case k == kFloat && form == 0:
		return &Call{Name: pick("+", "-", "*"), Args: []Node{constant, drawTerm(t, k, depth-1, safe)}}
	case k == kFloat && form == 1 && !safe:
		return call("/", kFloat, kFloat)
	case k == kFloat && form == 2:
		return &Cast{X: drawTerm(t, kInt, depth-1, safe), To: k.arrow()}
	case k == kFloat && form == 3:
		return &Call{Name: "neg", Args: []Node{call(pick("+", "-", "*"), kFloat, kFloat)}}
	case k == kFloat:
		return call(pick("+", "-", "*"), kFloat, kFloat)
	case safe:
		return &Column{Name: pick(names...)}
	case k == kInt && form == 0:
		return &Call{Name: pick("+", "-", "*"), Args: []Node{drawTerm(t, k, depth-1, safe), constant}}
	case k == kInt:
		return call(pick("+", "-", "*"), kInt, kInt)
	}
	return &Call{Name: pick("+", "-"), Args: []Node{drawTerm(t, kTime, depth-1, safe), &Literal{Value: Interval(3_600_000_001)}}}
}

// drawColumn makes rows of a kind, of which some, all or none are null, and which
// may be sliced.
func drawColumn(t *rapid.T, mem memory.Allocator, r *rand.Rand, k kind, rows int) arrow.Array {
	off, null := rapid.SampledFrom([]int{0, 0, 1, 64, 67}).Draw(t, "offset"), rapid.SampledFrom([]float64{0, 0, 0.2, 1}).Draw(t, "nulls")
	values := make([]any, off+rows)
	for i := range values {
		if r.Float64() < null {
			continue
		}
		if values[i] = samples(k)[r.IntN(len(samples(k)))]; k == kFloat && r.IntN(3) > 0 {
			values[i] = r.NormFloat64()
		}
	}
	a := makeArray(mem, k.arrow(), values)
	defer a.Release()
	return array.NewSlice(a, int64(off), int64(off+rows))
}

// drawAssignments draws maps of the columns of a schema, which they keep.
func drawAssignments(t *rapid.T, schema *arrow.Schema) []fuse.Assignment {
	list := make([]fuse.Assignment, rapid.IntRange(1, 6).Draw(t, "maps"))
	for k := range list {
		a := &list[k]
		a.Mask = rapid.IntRange(-1, 1).Draw(t, "mask")
		for i, f := range schema.Fields() {
			from, program := i, -1
			if kind := kindOf(f.Type); kind != kString && rapid.IntRange(0, 3).Draw(t, "sets") == 0 {
				n := drawTerm(t, kind, rapid.IntRange(0, 4).Draw(t, "depth"), false)
				p, err := Check(n, schema)
				if err != nil {
					t.Fatalf("%s: %v", n, err)
				}
				program, a.Terms = len(a.Terms), append(a.Terms, p)
				if rapid.Bool().Draw(t, "lost") {
					from = -1
				}
			}
			a.From, a.Term = append(a.From, from), append(a.Term, program)
		}
	}
	return list
}

// oneByOne carries assignments out one after the other, with a program and a blend
// for each column. It gives the rows that failed by step.
func oneByOne(t *rapid.T, mem memory.Allocator, list []fuse.Assignment, cols []arrow.Array, masks []*array.Boolean, rows int) (out []arrow.Array, failed map[int][]int) {
	failed = map[int][]int{}
	for _, c := range cols {
		c.Retain()
	}
	for step, a := range list {
		next := make([]arrow.Array, len(a.From))
		for i, p := range a.Term {
			if p < 0 {
				cols[a.From[i]].Retain()
				next[i] = cols[a.From[i]]
				continue
			}
			r, err := a.Terms[p].(*Program).Eval(Env{Mem: mem}, cols, rows)
			if err != nil {
				t.Fatal(err)
			}
			if r.Nulled != nil {
				failed[step] = append(failed[step], truths(r.Nulled)...)
			}
			old := kernel.Nulls(mem, r.Values.DataType(), rows)
			if a.From[i] >= 0 {
				old.Release()
				old = cols[a.From[i]]
				old.Retain()
			}
			if next[i] = r.Values; a.Mask >= 0 {
				next[i] = kernel.Blend(mem, masks[a.Mask], r.Values, old)
			} else {
				next[i].Retain()
			}
			old.Release()
			r.Release()
		}
		for _, c := range cols {
			c.Release()
		}
		cols = next
	}
	return cols, failed
}

func truths(b *array.Boolean) (rows []int) {
	for i := range b.Len() {
		if b.Value(i) {
			rows = append(rows, i)
		}
	}
	return rows
}

// TestFusion: maps that are fused give what they give one by one, value by value,
// and the same failures of the same maps, over any number of blocks.
func TestFusion(t *testing.T) {
	schema := fuseSchema()
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(dirtyAllocator{memory.DefaultAllocator})
		rows := rapid.SampledFrom([]int{1, 2, 63, 64, 65, 1000, 1024, 1025, 2118}).Draw(rt, "rows")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		cols := make([]arrow.Array, schema.NumFields())
		for i, f := range schema.Fields() {
			cols[i] = drawColumn(rt, mem, r, kindOf(f.Type), rows)
		}
		masks := make([]*array.Boolean, 2)
		for i := range masks {
			words, done := kernel.NewBool(mem, rows)
			clear(words)
			for row := range rows {
				if r.IntN(3) == 0 {
					words[row/64] |= 1 << (row % 64)
				}
			}
			masks[i], _ = done(nil).(*array.Boolean)
		}
		list := drawAssignments(rt, schema)
		f, taken := fuse.Compile(typesOf(schema), list)
		if taken == 0 {
			f, taken = fuse.Compile(typesOf(schema), []fuse.Assignment{keeping(schema)})
			list = append([]fuse.Assignment{keeping(schema)}, list...)
		}
		fused, err := f.Eval(mem, cols, masks, rows)
		if err != nil {
			rt.Fatal(err)
		}
		got := make(map[int][]int)
		for _, n := range fused.Nulled {
			got[n.Step] = append(got[n.Step], truths(n.Rows)...)
		}
		want, failed := oneByOne(rt, mem, list[:taken], slices.Clone(cols), masks, rows)
		for i, p := range f.Columns() {
			if col := want[i]; p.Value >= 0 {
				sameArray(rt, fmt.Sprint("column ", schema.Field(i).Name), fused.Values[p.Value], col)
			} else if p.Input >= 0 {
				sameArray(rt, "a column as it came", cols[p.Input], col)
			} else if col.NullN() != rows {
				rt.Fatalf("column %d is to be null", i)
			}
			want[i].Release()
		}
		for step := range list {
			if !slices.Equal(slices.Sorted(slices.Values(got[step])), slices.Sorted(slices.Values(failed[step]))) {
				rt.Fatalf("map %d: rows %v failed, want %v", step, got[step], failed[step])
			}
		}
		fused.Release()
		for _, c := range cols {
			c.Release()
		}
		for _, m := range masks {
			m.Release()
		}
		mem.AssertSize(t, 0)
		if taken != len(list) && !folds(list[taken]) {
			rt.Fatalf("%d of %d maps were fused", taken, len(list))
		}
	})
}

// folds tells whether a program of constants fails, which is not fused.
func folds(a fuse.Assignment) bool {
	return slices.ContainsFunc(a.Terms, func(p fuse.Term) bool { return len(p.(*Program).Columns()) == 0 })
}

func sameArray(t *rapid.T, what string, got, want arrow.Array) {
	if got.Len() != want.Len() || kindOf(got.DataType()) != kindOf(want.DataType()) || got.NullN() != want.NullN() {
		t.Fatalf("%s: %d rows of %s, %d null; want %d of %s, %d null", what, got.Len(), got.DataType(), got.NullN(), want.Len(), want.DataType(), want.NullN())
	}
	for i := range got.Len() {
		if g, w := fmt.Sprint(valueAt(got, i)), fmt.Sprint(valueAt(want, i)); g != w {
			t.Fatalf("%s, row %d: %s, want %s", what, i, g, w)
		}
	}
}

// TestFuseTaken: what only a program of its own can do ends a fusion, and nothing
// of it is left in it.
func TestFuseTaken(t *testing.T) {
	schema := fuseSchema()
	one := func(src string) fuse.Assignment {
		a := keeping(schema)
		a.Terms, a.Term[5] = []fuse.Term{mustCheck(t, src, schema)}, 0
		return a
	}
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	cols := make([]arrow.Array, schema.NumFields())
	for i, f := range schema.Fields() {
		cols[i] = makeArray(mem, f.Type, []any{nil})
		defer cols[i].Release()
	}
	for src, want := range map[string]int{
		"f * 2 + g": 2, "f": 2, "i / 2": 2, "sqrt(f)": 1, "strict(f / g)": 1, "TRY_CAST(s AS double)": 1,
		"CASE WHEN f / g > 1 THEN f ELSE g END": 1, "CAST(NULL AS double)": 1, "1 / 0": 1, "(f / g > 1) IS NULL AND b": 1,
	} {
		f, taken := fuse.Compile(typesOf(schema), []fuse.Assignment{one("f / g"), one(src)})
		if taken != want {
			t.Errorf("%s: %d maps are fused, want %d", src, taken, want)
		}
		r, err := f.Eval(mem, cols, nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		r.Release()
		if in := f.Inputs(); want == 1 && !slices.Equal(slices.Sorted(slices.Values(in)), []int{4, 5}) {
			t.Errorf("%s: columns %v are read", src, in)
		}
	}
}

// keeping is an assignment that changes nothing.
func keeping(schema *arrow.Schema) fuse.Assignment {
	a := fuse.Assignment{Mask: -1}
	for i := range schema.NumFields() {
		a.From, a.Term = append(a.From, i), append(a.Term, -1)
	}
	return a
}

func typesOf(schema *arrow.Schema) (types []arrow.DataType) {
	for _, f := range schema.Fields() {
		types = append(types, f.Type)
	}
	return types
}
