package expr

import (
	"math"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"
)

func tableSchema() *arrow.Schema {
	ts := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	return arrow.NewSchema([]arrow.Field{{Name: "wh", Type: arrow.PrimitiveTypes.Float64}, {Name: "ts", Type: ts}, {Name: "at", Type: ts}}, nil)
}

func tableProgram(t testing.TB, text string) *Program {
	t.Helper()
	n, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Check(n, tableSchema())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tabulated are expressions of one field of one column.
func tabulated() []string {
	return []string{
		"CASE WHEN hour(ts) < 6 OR hour(ts) >= 22 THEN 'night' WHEN hour(ts) >= 17 THEN 'peak' ELSE 'day' END",
		"CASE WHEN hour(ts) < 6 THEN 'night' WHEN hour(ts) < 20 THEN 'day' END",
		"CASE minute(ts) WHEN 0 THEN '' WHEN 59 THEN null ELSE cast(minute(ts) AS string) END",
		"hour(ts) IN (1, 2, 23)", "hour(ts) IS NULL", "coalesce(hour(ts), -1)", "12 / (hour(ts) - 5)", "hour(ts) div (hour(ts) - 5)",
		"second(ts) * 0.5", "dayofweek(ts) BETWEEN 2 AND 6", "month(ts) % 3 = 0", "quarter(ts) + 1", "day(ts) = 31",
		"timestamp_seconds(hour(ts))", "date_from_unix_date(day(ts))", "cast(hour(ts) AS string)", "INTERVAL '1' DAY * hour(ts)",
		"CASE WHEN hour(ts) > 5 THEN 1 / (hour(ts) - 7) END",
	}
}

// TestTableOp proves that a table of the values of a field gives what the expression
// gives: the same values, nulls and failures, of times in and out of order, at the
// ends of the range, and of arrays that are sliced.
func TestTableOp(t *testing.T) {
	for _, text := range tabulated() {
		p := tableProgram(t, text)
		o, ok := p.root.(*tableOp)
		if !ok {
			t.Errorf("%s is %T, not a table", text, p.root)
			continue
		}
		plain := *p
		plain.root = untabled(o.op)
		rapid.Check(t, func(t *rapid.T) {
			mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
			defer mem.AssertSize(t, 0)
			a := drawTimes(t, mem)
			defer a.Release()
			env, cols := Env{Mem: mem, Now: time.UnixMicro(0)}, []arrow.Array{nil, a, nil}
			got, err := p.Eval(env, cols, a.Len())
			if err != nil {
				t.Fatal(err)
			}
			defer got.Release()
			want, err := plain.Eval(env, cols, a.Len())
			if err != nil {
				t.Fatal(err)
			}
			defer want.Release()
			for i := range a.Len() {
				if g, w := got.Values.ValueStr(i), want.Values.ValueStr(i); g != w {
					t.Fatalf("%s: row %d, %s, gives %s, not %s", text, i, a.ValueStr(i), g, w)
				}
				if marked(got.Nulled, i) != marked(want.Nulled, i) || marked(got.Failed, i) {
					t.Fatalf("%s: row %d, %s, fails otherwise", text, i, a.ValueStr(i))
				}
			}
		})
	}
}

func marked(b *array.Boolean, i int) bool { return b != nil && b.Value(i) }

// untabled is an op whose root is no table; what is below it may be one.
func untabled(o op) op {
	if t, ok := o.(*tableOp); ok {
		return untabled(t.op)
	}
	return o
}

// drawTimes draws timestamps, sliced at an offset: mostly one close to the other.
func drawTimes(t *rapid.T, mem memory.Allocator) arrow.Array {
	b := array.NewTimestampBuilder(mem, &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"})
	defer b.Release()
	at := rapid.SampledFrom([]int64{0, -1, 1_700_000_000_000_000, math.MaxInt64, math.MinInt64, -62_135_596_800_000_000}).Draw(t, "at")
	step := rapid.SampledFrom([]int64{1, usSecond, 7 * usMinute, 5 * usHour, 3 * usDay, math.MaxInt64 / 3}).Draw(t, "step")
	n := rapid.IntRange(1, 200).Draw(t, "rows")
	nulls := rapid.Bool().Draw(t, "nulls")
	for i := range n {
		if nulls && i%5 == 3 {
			b.AppendNull()
		} else {
			b.Append(arrow.Timestamp(at))
		}
		at += rapid.Int64Range(-step/3, step).Draw(t, "on") // may wrap around
	}
	whole := b.NewArray()
	defer whole.Release()
	return array.NewSlice(whole, int64(rapid.IntRange(0, n).Draw(t, "from")), int64(n))
}

// TestNoTable proves that nothing becomes a table of which a row knows more than a
// field, or which a table would make fail otherwise.
func TestNoTable(t *testing.T) {
	for _, text := range []string{
		"hour(ts)", "hour(ts) + wh", "hour(ts) + minute(ts)", "hour(ts) + hour(at)", "hour(ts) < 5 AND ts IS NULL",
		"year(ts) = 2026", "hour(now()) + hour(ts)", "strict(1 / (hour(ts) - 5))", "hour(ts + INTERVAL '1' HOUR) < 5",
		"ARRAY(hour(ts))", "cast(hour(ts) AS decimal(5, 2))", "1 + 1",
	} {
		if o, ok := tableProgram(t, text).root.(*tableOp); ok {
			t.Errorf("%s is a table of %d", text, o.table.n)
		}
	}
}

// TestTableBounds proves that what is known of the rows is known behind a table.
func TestTableBounds(t *testing.T) {
	p := tableProgram(t, "hour(ts) IS NOT NULL")
	if _, ok := p.root.(*tableOp); !ok {
		t.Fatal("not a table")
	}
	if p.CanBeTrue(Bounds{"ts": {AllNull: true}}) != (&Program{kind: kBool, root: untabled(p.root)}).CanBeTrue(Bounds{"ts": {AllNull: true}}) {
		t.Error("a table knows another span than its expression")
	}
}

// TestFieldExamples proves that the table of a field has a timestamp for each of its
// values.
func TestFieldExamples(t *testing.T) {
	for _, name := range []string{"hour", "minute", "second", "dayofweek", "day", "month", "quarter"} {
		f, _ := timeFieldOf(name)
		for i, us := range f.examples() {
			if f.of(us) != f.low+int64(i) {
				t.Errorf("%s(%d) is %d, not %d", name, us, f.of(us), f.low+int64(i))
			}
		}
	}
}
