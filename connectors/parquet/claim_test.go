package parquet

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/rdd"
	"github.com/parquet-go/parquet-go/format"
	"pgregory.net/rapid"
)

func everyType() *arrow.Schema {
	return schemaOf("i", arrow.PrimitiveTypes.Int64, "f", arrow.PrimitiveTypes.Float64, "s", arrow.BinaryTypes.String,
		"d", dictType(), "t", timestampType(), "day", arrow.FixedWidthTypes.Date32, "b", arrow.FixedWidthTypes.Boolean)
}

func drawRow(t *rapid.T) row {
	null := func(name string, v any) any {
		if rapid.IntRange(0, 5).Draw(t, name+" null") == 0 {
			return nil
		}
		return v
	}
	text := func(name string) string {
		return rapid.SampledFrom([]string{"", "a", "b", "é", "\U0010ffff", "z\x00", strings.Repeat("y", longBound+3)}).Draw(t, name)
	}
	f := any(rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1.5, -1e300, math.Inf(1), math.Inf(-1), math.MaxFloat64}).Draw(t, "f"))
	if rapid.IntRange(0, 9).Draw(t, "NaN") == 0 {
		f = "NaN"
	}
	return row{null("i", rapid.Int64().Draw(t, "i")), null("f", f), null("s", text("s")), null("d", text("d")),
		null("t", arrow.Timestamp(rapid.Int64().Draw(t, "t"))), null("day", arrow.Date32(rapid.Int32().Draw(t, "day"))), null("b", rapid.Bool().Draw(t, "b"))}
}

// TestBoundsHold proves, for values of every type, that the bounds which frames
// bear hold, and that the reader finds nothing wrong with them.
func TestBoundsHold(t *testing.T) {
	dir := t.TempDir()
	names := []string{"i", "f", "s", "d", "t", "day", "b"}
	rapid.Check(t, func(rt *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(drawRow), 1, 30).Draw(rt, "rows")
		path := save(t, filepath.Join(dir, "a.parquet"), everyType(), WriterOptions{RowGroupRows: rapid.IntRange(1, 40).Draw(rt, "group")}, rows...)
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		s, err := openSource(t.Context(), rdd.Options{"path": path}, connectors.Env{})
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		splits, err := cutAll(s, rdd.Size{})
		if err != nil {
			rt.Fatal(err)
		}
		for _, split := range splits {
			for f, err := range s.Read(t.Context(), split, rdd.Projection{Columns: names, Bounds: names, Rows: 7, Mem: mem}) {
				if err != nil {
					rt.Fatal(err)
				}
				for c, name := range names {
					for i := range int(f.Batch.NumRows()) {
						if v := valueAt(f.Batch.Column(c), i); !holds(f.Header.Bounds[name], v) {
							rt.Fatalf("%s holds %v, which is not within %+v", name, v, f.Header.Bounds[name])
						}
					}
				}
			}
		}
	})
}

// holds says by comparing values one by one whether v is within r.
func holds(r expr.Range, v any) bool {
	switch {
	case v == nil:
		return r.Nulls
	case r.AllNull:
		return false
	case v == "NaN" && r.NaN:
		return true
	case r.Min == nil || r.Max == nil:
		return r.Min == nil && r.Max == nil
	}
	switch v := v.(type) {
	case int64:
		return r.Min.(int64) <= v && v <= r.Max.(int64)
	case float64:
		return r.Min.(float64) <= v && v <= r.Max.(float64) && (v != 0 || !math.Signbit(v) || r.Min.(float64) < 0 || math.Signbit(r.Min.(float64)))
	case string:
		return strings.Compare(r.Min.(string), v) <= 0 && strings.Compare(v, r.Max.(string)) <= 0
	case arrow.Timestamp:
		return r.Min.(arrow.Timestamp) <= v && v <= r.Max.(arrow.Timestamp)
	case arrow.Date32:
		return r.Min.(arrow.Date32) <= v && v <= r.Max.(arrow.Date32)
	case bool:
		return v && r.Max.(bool) || !v && !r.Min.(bool)
	}
	return false
}

// TestWrongStatistics proves that a reader which decodes a column whose bounds it
// gave out finds values that they deny, says where and of what, and reads the column
// all the same where nobody asked for its bounds.
func TestWrongStatistics(t *testing.T) {
	rows := []row{
		{int64(1), 1.0, "b", "x", arrow.Timestamp(5), arrow.Date32(5), true},
		{int64(9), 2.0, "c", "y", arrow.Timestamp(9), arrow.Date32(9), true},
		{nil, nil, nil, nil, nil, nil, nil},
	}
	for c, name := range []string{"i", "f", "s", "d", "t", "day", "b"} {
		for lie, edit := range map[string]func(*format.Statistics){
			"a null":      func(s *format.Statistics) { s.NullCount = 0 },
			"holds":       func(s *format.Statistics) { s.MaxValue = slices.Clone(s.MinValue) },
			"it holds":    func(s *format.Statistics) { s.MinValue = slices.Clone(s.MaxValue) },
			"only nulls":  func(s *format.Statistics) { s.NullCount = 3 },
			"values from": func(s *format.Statistics) { s.MaxValue = slices.Clone(s.MinValue) },
		} {
			if name == "b" && (lie == "holds" || lie == "it holds" || lie == "values from") {
				edit = func(s *format.Statistics) { s.MinValue, s.MaxValue = []byte{0}, []byte{0} }
			}
			schema := everyType()
			b := editFooter(t, encodeDone(t, schema, WriterOptions{}, doneRows{nil, rows}), func(m *format.FileMetaData) {
				edit(&m.RowGroups[0].Columns[c].MetaData.Statistics)
			})
			path := saveBytes(t, filepath.Join(t.TempDir(), "a.parquet"), b)
			s := open(t, rdd.Options{"path": path}, connectors.Env{})
			splits, err := cutAll(s, rdd.Size{})
			if err != nil {
				t.Fatal(err)
			}
			want := rdd.Projection{Columns: []string{name}, Mem: checked(t), Bounds: []string{name}}
			_, err = readSplit(s, splits[0], want)
			wantInvalid(t, err, path, "row group 0", fmt.Sprintf("column %q", name), "statistics are wrong", lie)
			want.Bounds = nil
			if _, err := readSplit(s, splits[0], want); err != nil {
				t.Errorf("%s, which nobody asked about: %v", name, err)
			}
		}
	}
}

// TestNullCounts proves that the nulls of a writer that miscounts them are not believed,
// neither to be there nor not to be.
func TestNullCounts(t *testing.T) {
	l := leaf{rule: same64, typ: arrow.PrimitiveTypes.Int64, optional: true}
	for by, trusted := range map[string]bool{"parquet-go version latest": false, "github.com/parquet-go/parquet-go version 0.25.0": true, "": true} {
		for nulls, want := range map[int64]expr.Range{0: {}, 10: {Nulls: true, AllNull: true}, 5: {Nulls: true}, -1: {Nulls: true}, 11: {Nulls: true}} {
			if !trusted {
				want = expr.Range{Nulls: true}
			}
			if got := rangeOf(&footer{createdBy: by}, &chunk{stats: statistics{nulls: nulls}}, &l, 10); got != want {
				t.Errorf("%d nulls of 10 rows by %q: %+v, not %+v", nulls, by, got, want)
			}
		}
	}
}

// TestClaims proves what files do not show easily: NaN, dictionaries with values
// that no row bears, and arrays that are slices.
func TestClaims(t *testing.T) {
	mem := checked(t)
	floats := func(vs ...float64) arrow.Array {
		b := array.NewFloat64Builder(mem)
		defer b.Release()
		b.AppendValues(vs, nil)
		return b.NewArray()
	}
	codes := func(used int) arrow.Array {
		b := array.NewDictionaryBuilder(mem, dictType().(*arrow.DictionaryType)).(*array.BinaryDictionaryBuilder)
		defer b.Release()
		for _, v := range []string{"zzz", "m", "n", "m"} {
			if err := b.AppendString(v); err != nil {
				t.Fatal(err)
			}
		}
		all := b.NewArray()
		defer all.Release()
		return array.NewSlice(all, int64(used), 4)
	}
	for name, c := range map[string]struct {
		r     expr.Range
		a     arrow.Array
		wrong bool
	}{
		"NaN where there is none":       {expr.Range{Min: 1.0, Max: 2.0}, floats(1, math.NaN()), true},
		"NaN and no bounds":             {expr.Range{}, floats(1, math.NaN()), true},
		"NaN where there may be":        {expr.Range{Min: 1.0, Max: 2.0, NaN: true}, floats(1, math.NaN()), false},
		"NaN beside a lie":              {expr.Range{Min: 1.0, Max: 2.0, NaN: true}, floats(math.NaN(), 3), true},
		"the other zero":                {expr.Range{Min: math.Copysign(0, -1), Max: 0.0}, floats(0, math.Copysign(0, -1)), false},
		"a value of the dictionary":     {expr.Range{Min: "m", Max: "n"}, codes(0), true},
		"a value that no row bears":     {expr.Range{Min: "m", Max: "n"}, codes(1), false},
		"nothing is known":              {expr.Range{Nulls: true, NaN: true}, floats(math.NaN()), false},
		"bounds of another type":        {expr.Range{Min: "a", Max: "b", NaN: true}, floats(1), false},
		"nulls said, none there":        {expr.Range{Nulls: true, Min: 1.0, Max: 1.0}, floats(1), false},
		"only nulls said, no rows here": {expr.Range{Nulls: true, AllNull: true}, floats(), false},
	} {
		k := claim{Range: c.r}
		for range 2 { // the second time what is known of a dictionary is used
			if err := k.check(c.a); (err != nil) != c.wrong {
				t.Errorf("%s: %v", name, err)
			}
		}
		c.a.Release()
	}
}

// TestOrders proves that statistics are not believed where their order may be another
// than the engine's: strings and unsigned numbers without a column order, limits in the
// wrong order, the old fields but for signed numbers.
func TestOrders(t *testing.T) {
	number, unsigned, word := leaf{rule: same64, typ: arrow.PrimitiveTypes.Int64}, leaf{rule: unsigned32, typ: arrow.PrimitiveTypes.Int64},
		leaf{rule: texts, typ: arrow.BinaryTypes.String}
	le32 := func(v byte) []byte { return []byte{v, 0, 0, 0} }
	le64 := func(v byte) []byte { return []byte{v, 0, 0, 0, 0, 0, 0, 0} }
	ordered := &footer{ordered: []bool{true}}
	for name, c := range map[string]struct {
		f     *footer
		l     leaf
		stats statistics
		known bool
	}{
		"numbers":                 {ordered, number, statistics{min: le64(1), max: le64(2)}, true},
		"without an order":        {&footer{}, number, statistics{min: le64(1), max: le64(2)}, true},
		"of old":                  {&footer{}, number, statistics{oldMin: le64(1), oldMax: le64(2)}, true},
		"turned around":           {ordered, number, statistics{min: le64(2), max: le64(1)}, false},
		"one of them":             {ordered, number, statistics{min: le64(2)}, false},
		"one of each":             {ordered, number, statistics{min: le64(2), oldMax: le64(3)}, false},
		"short":                   {ordered, number, statistics{min: le32(1), max: le32(2)}, false},
		"unsigned":                {ordered, unsigned, statistics{min: le32(1), max: le32(2)}, true},
		"unsigned, no order":      {&footer{}, unsigned, statistics{min: le32(1), max: le32(2)}, false},
		"unsigned, another order": {&footer{ordered: []bool{false}}, unsigned, statistics{min: le32(1), max: le32(2)}, false},
		"unsigned of old":         {ordered, unsigned, statistics{oldMin: le32(1), oldMax: le32(2)}, false},
		"strings":                 {ordered, word, statistics{min: []byte("a"), max: []byte("b")}, true},
		"strings, no order":       {&footer{}, word, statistics{min: []byte("a"), max: []byte("b")}, false},
		"strings of old":          {ordered, word, statistics{oldMin: []byte("a"), oldMax: []byte("b")}, false},
		"strings turned around":   {ordered, word, statistics{min: []byte("b"), max: []byte("a")}, false},
	} {
		if r := rangeOf(c.f, &chunk{stats: c.stats}, &c.l, 10); (r.Min != nil) != c.known || (r.Max != nil) != c.known {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
