package expr

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel/types"
)

// textsSchema has one dictionary column s and one plain column v.
func textsSchema() *arrow.Schema {
	coded := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	return arrow.NewSchema([]arrow.Field{{Name: "s", Type: coded}, {Name: "v", Type: kString.arrow()}, {Name: "i", Type: kInt.arrow()}}, nil)
}

func mustCheck(t testing.TB, src string, schema *arrow.Schema) *Program {
	t.Helper()
	n, err := Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Check(n, schema)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wildDictionary has null, double and unused values, null rows with codes that
// lead nowhere, and is sliced: both the codes and the values.
func wildDictionary(mem memory.Allocator, dt arrow.DataType) arrow.Array {
	all := makeArray(mem, kString.arrow(), []any{"x", "7", nil, "snowy", "7", "", "unused", "x"})
	defer all.Release()
	values := array.NewSlice(all, 1, 7)
	defer values.Release()
	b := array.NewInt32Builder(mem)
	defer b.Release()
	b.AppendValues([]int32{9, 0, 1, 2, 3, 4, 1 << 30, -1, 0}, []bool{true, true, true, true, true, true, false, false, true})
	codes := b.NewArray()
	defer codes.Release()
	typ, _ := dt.(*arrow.DictionaryType)
	// The first code is out of range, so the array may only be read sliced.
	data := array.NewDataWithDictionary(typ, 8, codes.Data().Buffers(), array.UnknownNullCount, 1, values.Data().(*array.Data))
	defer data.Release()
	return array.NewDictionaryData(data)
}

// TestWildDictionary proves that dictionaries are read by value, whatever they
// hold besides.
func TestWildDictionary(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	schema := textsSchema()
	s := wildDictionary(mem, schema.Field(0).Type)
	defer s.Release()
	values := []any{"7", nil, "snowy", "7", "", nil, nil, "7"}
	v := makeArray(mem, kString.arrow(), values)
	defer v.Release()
	i := makeArray(mem, kInt.arrow(), []any{int64(1), int64(2), nil, int64(3), int64(4), int64(5), int64(6), int64(-1)})
	defer i.Release()
	b := batch{cols: []arrow.Array{s, v, i}}
	for r := range values {
		b.rows = append(b.rows, map[string]any{"s": values[r], "v": values[r], "i": valueAt(i, r)})
	}
	for _, src := range []string{"s = '7'", "s <> '7'", "'7' < s", "s IN ('7', NULL)", "s LIKE '%o%'", "upper(s)", "CAST(s AS bigint)", "TRY_CAST(s AS double)",
		"s = v", "s IS NULL", "coalesce(s, 'none')", "coalesce(s, v, upper(s))", "CASE WHEN i > 2 THEN s ELSE 'x' END", "CASE WHEN i > 2 THEN s WHEN i = 1 THEN upper(s) END",
		"CASE WHEN i > 2 THEN s ELSE s END", "substring(s, i)", "concat(s, s)", "concat_ws('-', s, v)", "greatest(s, 'a', v)", "nullif(s, '7')", "left(s, 1) = left(v, 1)",
		"strict(CAST(s AS bigint))", "s <=> v", "s BETWEEN '' AND '8'", "length(s) + i", "TRY_CAST(s AS date)", "CAST(s AS boolean)", "CAST(s AS timestamp)"} {
		n, err := Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		checkAgainstTwin(t, mem, schema, b, n)
	}
}

// TestDictionariesStay proves that functions of one dictionary column give a
// dictionary over the same codes, and choices between dictionaries a joined one.
func TestDictionariesStay(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	schema := textsSchema()
	s := makeArray(mem, schema.Field(0).Type, []any{"a", "b", "a", nil})
	defer s.Release()
	v := makeArray(mem, kString.arrow(), []any{"a", "b", "a", nil})
	defer v.Release()
	for src, want := range map[string]bool{
		"s": true, "upper(s)": true, "trim(upper(s) || 'x')": true, "coalesce(s, 'none')": true, "CASE WHEN s = 'a' THEN s ELSE 'x' END": true,
		"nullif(s, 'a')": true, "strict(s)": true, "'constant'": true, "v": false, "upper(v)": false, "s || v": false, "coalesce(s, v)": false,
	} {
		r, err := mustCheck(t, src, schema).Eval(Env{Mem: mem}, []arrow.Array{s, v, nil}, 4)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := r.Values.(*array.Dictionary); ok != want {
			t.Errorf("%s is a %s", src, r.Values.DataType())
		}
		r.Release()
	}
}

// TestLargeDictionary proves that a dictionary much larger than the batch is
// not worked through.
func TestLargeDictionary(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	schema := textsSchema()
	many := make([]any, 1000)
	for i := range many {
		many[i] = strings.Repeat("x", i)
	}
	long := makeArray(mem, schema.Field(0).Type, many)
	defer long.Release()
	s := array.NewSlice(long, 500, 503)
	defer s.Release()
	b := batch{cols: []arrow.Array{s, nil, nil}, rows: []map[string]any{{"s": many[500]}, {"s": many[501]}, {"s": many[502]}}}
	for _, src := range []string{"length(s)", "upper(s)", "CASE WHEN length(s) > 500 THEN s ELSE 'short' END", "s || s", "s = s"} {
		n, _ := Parse(src)
		checkAgainstTwin(t, mem, schema, b, n)
	}
}

// TestEvalMisuse proves that columns that do not fit are faults of the caller,
// and that an evaluation that stops half way releases everything.
func TestEvalMisuse(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	schema := textsSchema()
	s := makeArray(mem, schema.Field(0).Type, []any{"a", "b"})
	defer s.Release()
	v := makeArray(mem, kString.arrow(), []any{"a", "b"})
	defer v.Release()
	for _, src := range []string{"v", "upper(s) || v", "s = 'a' AND i > 1", "s = 'x' OR v IN (s, i::string)", "CASE WHEN s = 'a' THEN i ELSE 2 END", "coalesce(nullif(s, 'a'), i::string)",
		"CASE s WHEN 'a' THEN 1 WHEN i::string THEN 2 END", "greatest(s, v, i::string)", "s <=> i::string", "nullif(s, i::string)", "length(s) BETWEEN 0 AND i", "concat_ws(',', s, i::string)", "strict(i)", "i IS NULL"} {
		p := mustCheck(t, src, schema)
		if _, err := p.Eval(Env{Mem: mem}, []arrow.Array{s, nil, nil}, 2); fault.Of(err) != fault.Bug || err == nil {
			t.Errorf("%s: %v", src, err)
		}
	}
}

// TestNoRows proves that an empty batch gives an empty array of the type.
func TestNoRows(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	for _, f := range testSchema().Fields() {
		p := mustCheck(t, "nullif("+f.Name+", "+f.Name+")", testSchema())
		r, err := p.Eval(Env{Mem: mem}, make([]arrow.Array, 14), 0)
		if err != nil || r.Values.Len() != 0 || !arrow.TypeEqual(r.Values.DataType(), p.Type()) {
			t.Errorf("%s: %v, %v", f.Name, r.Values, err)
		}
		r.Release()
	}
}

// TestTooMuchText proves that strings past what an array can hold are an error
// of the data, and leave nothing behind.
func TestTooMuchText(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	out := (&exec{mem: mem}).textOut(2, 0)
	out.limit = 100
	out.add(strings.Repeat("x", 99))
	out.add("yz")
	var v vec
	if err := out.finish(&v); fault.Of(err) != fault.Invalid || err == nil {
		t.Errorf("%v", err)
	}
}

// TestConcurrentEval proves that one program may run many times at once, over
// columns that several share.
func TestConcurrentEval(t *testing.T) {
	mem := memory.NewGoAllocator()
	schema := textsSchema()
	s := makeArray(mem, schema.Field(0).Type, []any{"a", "bb", nil, "a"})
	defer s.Release()
	i := makeArray(mem, kInt.arrow(), []any{int64(1), int64(2), nil, int64(0)})
	defer i.Release()
	types.Settle(s)
	types.Settle(i)
	p := mustCheck(t, "CASE WHEN s LIKE 'a%' THEN upper(s) || 'x' ELSE coalesce(s, 'none') END || (length(s) + i)::string", schema)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				r, err := p.Eval(Env{Mem: memory.NewGoAllocator(), Now: time.Unix(0, 0)}, []arrow.Array{s, nil, i}, 4)
				if err != nil || valueAt(r.Values, 0) != "Ax2" {
					t.Errorf("%v %v", r.Values, err)
					return
				}
				r.Release()
			}
		})
	}
	wg.Wait()
}

// FuzzEval proves that whatever Check accepts can be evaluated without panic,
// leak or error.
func FuzzEval(f *testing.F) {
	for _, doc := range functions() {
		f.Add(doc.Example)
	}
	for _, s := range []string{"i + j * 2 > f", "s || v = u", "CASE WHEN b THEN t ELSE d END", "strict(i div j) IN (i, j, 1)", "substring(v, i, j)",
		"split_part(s, u, i)", "lpad(s, i, v)", "round(f, i)", "date_add(d, i)", "t - INTERVAL '1 day' < q", "greatest(f, g, i)", "repeat(s, j)"} {
		f.Add(s)
	}
	schema := testSchema()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	b := rapid.Custom(func(t *rapid.T) batch { return drawBatch(t, memory.DefaultAllocator, schema) }).Example(1)
	f.Fuzz(func(t *testing.T, src string) {
		n, err := Parse(src)
		if err != nil {
			return
		}
		p, err := Check(n, schema)
		if err != nil {
			var at *Error
			if !errors.As(err, &at) {
				t.Fatalf("%q: %v", src, err)
			}
			return
		}
		r, err := p.Eval(Env{Mem: mem, Now: time.Unix(0, 0)}, b.cols, len(b.rows))
		if err != nil && fault.Of(err) != fault.Invalid {
			t.Fatalf("%q: %v", src, err)
		}
		p.CanBeTrue(Bounds{})
		r.Release()
		mem.AssertSize(t, 0)
	})
}
