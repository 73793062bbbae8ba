package expr

import (
	"fmt"
	"math"
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
	case kNull, kInterval:
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

// drawExpr draws a tree of the type k that Check accepts.
func drawExpr(t *rapid.T, k kind, depth int) Node {
	call := func(name string, kinds ...kind) Node {
		c := &Call{Name: name}
		for _, k := range kinds {
			c.Args = append(c.Args, drawExpr(t, k, depth-1))
		}
		return c
	}
	pick := func(names ...string) string { return rapid.SampledFrom(names).Draw(t, "name") }
	if depth == 0 || rapid.IntRange(0, 5).Draw(t, "leaf") == 0 {
		return drawLeaf(t, k)
	}
	if rapid.IntRange(0, 3).Draw(t, "general") == 0 {
		return drawGeneral(t, k, depth, call)
	}
	one := rapid.SampledFrom([]kind{kBool, kInt, kFloat, kString, kTime, kDate}).Draw(t, "kind")
	switch k {
	case kBool:
		return drawBool(t, one, depth, call, pick)
	case kInt:
		return [...]func() Node{
			func() Node { return call(pick("+", "-", "*", "%", "div"), kInt, kInt) },
			func() Node { return call(pick("neg", "abs"), kInt) },
			func() Node { return call(pick("ceil", "floor", "round"), kInt) },
			func() Node { return call(pick("ceil", "floor"), kFloat) },
			func() Node { return call("length", kString) },
			func() Node { return call("instr", kString, kString) },
			func() Node {
				return call(pick("year", "quarter", "month", "week", "day", "dayofweek", "dayofyear", "hour", "minute", "second", "unix_seconds"), kTime)
			},
			func() Node { return call("datediff", kDate, kDate) },
			func() Node { return call("round", kInt, kInt) },
			func() Node { return &Cast{X: drawExpr(t, kFloat, depth-1), To: k.arrow(), Try: true} },
			func() Node { return &Cast{X: drawExpr(t, kString, depth-1), To: k.arrow()} },
			func() Node { return &Cast{X: drawExpr(t, kBool, depth-1), To: k.arrow()} },
		}[rapid.IntRange(0, 11).Draw(t, "int")]()
	case kFloat:
		return [...]func() Node{
			func() Node { return call(pick("+", "-", "*", "/", "%"), kFloat, kFloat) },
			func() Node { return call(pick("+", "-", "*", "/", "%"), kInt, kFloat) },
			func() Node { return call(pick("neg", "abs", "sqrt", "ln", "round"), kFloat) },
			func() Node { return call("/", kInt, kInt) },
			func() Node { return call("nanvl", kFloat, kFloat) },
			func() Node { return call("round", kFloat, kInt) },
			func() Node { return &Cast{X: drawExpr(t, kInt, depth-1), To: k.arrow()} },
			func() Node { return &Cast{X: drawExpr(t, kString, depth-1), To: k.arrow()} },
		}[rapid.IntRange(0, 7).Draw(t, "float")]()
	case kString:
		return drawText(t, depth, call, pick)
	case kTime:
		return [...]func() Node{
			func() Node {
				return &Call{Name: pick("+", "-"), Args: []Node{drawExpr(t, kTime, depth-1), &Literal{Value: Interval(3_600_000_001)}}}
			},
			func() Node {
				return &Call{Name: "date_trunc", Args: []Node{&Literal{Value: pick("year", "quarter", "month", "week", "day", "hour")}, drawExpr(t, kTime, depth-1)}}
			},
			func() Node {
				return &Call{Name: "timestamp_seconds", Args: []Node{&Call{Name: "%", Args: []Node{drawExpr(t, kInt, depth-1), &Literal{Value: int64(5e9)}}}}}
			},
			func() Node { return &Cast{X: drawExpr(t, kString, depth-1), To: k.arrow()} },
			func() Node { return &Cast{X: drawExpr(t, kDate, depth-1), To: k.arrow()} },
			func() Node { return call("now") },
		}[rapid.IntRange(0, 5).Draw(t, "time")]()
	case kDate:
		return [...]func() Node{
			func() Node {
				return &Call{Name: "date_add", Args: []Node{drawLeaf(t, kDate), &Call{Name: "%", Args: []Node{drawExpr(t, kInt, depth-1), &Literal{Value: int64(10000)}}}}}
			},
			func() Node { return &Cast{X: drawExpr(t, kString, depth-1), To: k.arrow()} },
			func() Node { return &Cast{X: drawExpr(t, kTime, depth-1), To: k.arrow(), Try: true} },
		}[rapid.IntRange(0, 2).Draw(t, "date")]()
	case kNull, kInterval:
	}
	return drawLeaf(t, k)
}

func drawLeaf(t *rapid.T, k kind) Node {
	name := map[kind][]string{kBool: {"b", "c"}, kInt: {"i", "j"}, kFloat: {"f", "g"}, kString: {"s", "u", "v", "w"}, kTime: {"t", "q"}, kDate: {"d", "e"}}[k]
	switch rapid.IntRange(0, 9).Draw(t, "column") {
	case 0:
		return &Cast{X: &Literal{}, To: k.arrow()}
	case 1, 2, 3:
		return &Literal{Value: rapid.SampledFrom(samples(k)).Draw(t, "literal")}
	}
	return &Column{Name: rapid.SampledFrom(name).Draw(t, "name")}
}

// drawGeneral draws what there is for every type.
func drawGeneral(t *rapid.T, k kind, depth int, call func(string, ...kind) Node) Node {
	switch rapid.IntRange(0, 7).Draw(t, "form") {
	case 0:
		return call("coalesce", k, k, k)
	case 1:
		return call("if", kBool, k, k)
	case 2:
		return call("nullif", k, k)
	case 3:
		return call("greatest", k, k, k)
	case 4:
		return call("least", k, k)
	case 5:
		return call("strict", k)
	case 6:
		c := &Case{Operand: drawExpr(t, kInt, depth-1), Else: drawExpr(t, k, depth-1)}
		for range 2 {
			c.Whens = append(c.Whens, When{drawExpr(t, kInt, depth-1), drawExpr(t, k, depth-1)})
		}
		return c
	}
	return &Case{Whens: []When{{drawExpr(t, kBool, depth-1), drawExpr(t, k, depth-1)}, {drawExpr(t, kBool, depth-1), drawExpr(t, k, depth-1)}}}
}

func drawBool(t *rapid.T, one kind, depth int, call func(string, ...kind) Node, pick func(...string) string) Node {
	switch rapid.IntRange(0, 10).Draw(t, "bool") {
	case 0, 1:
		return call(pick("and", "or"), kBool, kBool)
	case 2:
		return call("not", kBool)
	case 3:
		return call(pick("=", "<>", "<", "<=", ">", ">=", "<=>"), one, one)
	case 4:
		return call(pick("=", "<>", "<", "<=", ">", ">=", "<=>"), kInt, kFloat)
	case 5:
		return call("is_null", one)
	case 6:
		return call(pick("is_true", "is_false"), kBool)
	case 7:
		return call("between", one, one, one)
	case 8:
		return call(pick("in", "in"), one, one, one, one)
	case 9:
		list := []Node{drawExpr(t, one, depth-1)}
		for range rapid.IntRange(1, 12).Draw(t, "list") {
			list = append(list, &Literal{Value: rapid.SampledFrom(append(samples(one), nil)).Draw(t, "element")})
		}
		if lit, ok := list[1].(*Literal); ok && lit.Value == nil {
			list[1] = &Literal{Value: samples(one)[0]}
		}
		return &Call{Name: "in", Args: list}
	}
	if pattern := rapid.SampledFrom([]string{"", "%", "a%", "%a", "%a%", "_", "_%b", "a_b", `A\%b`, "%日_", "a%_a", `\`, "Z__%"}).Draw(t, "pattern"); pattern != "" {
		return &Call{Name: pick("like", "ilike"), Args: []Node{drawExpr(t, kString, depth-1), &Literal{Value: pattern}}}
	}
	return call(pick("like", "contains", "starts_with"), kString, kString)
}

func drawText(t *rapid.T, depth int, call func(string, ...kind) Node, pick func(...string) string) Node {
	small := func() Node { return &Literal{Value: rapid.Int64Range(-4, 4).Draw(t, "small")} }
	x := drawExpr(t, kString, depth-1)
	switch rapid.IntRange(0, 8).Draw(t, "text") {
	case 0:
		return call("concat", kString, kString)
	case 1:
		return call(pick("upper", "lower", "trim", "reverse"), kString)
	case 2:
		return &Call{Name: pick("left", "right", "substring", "repeat"), Args: []Node{x, small()}}
	case 3:
		return &Call{Name: "substring", Args: []Node{x, small(), drawExpr(t, kInt, 0)}}
	case 4:
		return call("replace", kString, kString, kString)
	case 5:
		return &Call{Name: pick("lpad", "rpad"), Args: []Node{x, small(), drawExpr(t, kString, 0)}}
	case 6:
		return &Call{Name: "split_part", Args: []Node{x, drawExpr(t, kString, 0), small()}}
	case 7:
		return call("concat_ws", kString, kString, kString)
	}
	from := rapid.SampledFrom([]kind{kBool, kInt, kFloat, kTime, kDate}).Draw(t, "from")
	return &Cast{X: drawExpr(t, from, depth-1), To: kString.arrow()}
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
	r, err := p.Eval(Env{Mem: mem, Now: now}, b.cols, len(b.rows))
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
