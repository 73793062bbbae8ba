package twin

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// base is about when the events happen, 2024-01-01 in microseconds.
const base = int64(1_704_067_200_000_000)

// Input is the rows of one source. Partitions[p][q] is the event with sequence
// q of partition p.
type Input struct {
	Name       string        // the option "name" of the read
	Schema     *arrow.Schema // of Records; the job's Read has string for dictionaries
	Partitions [][]map[string]any

	chunk int      // rows of one record
	kinds []string // values of the column kind that give a label
	tag   rdd.Tag
	nulls map[string]int // by column: 0 none, 1 some, 2 all
}

// schema draws the types of the columns: strings plain or as dictionaries.
func (in *Input) schema(t *rapid.T, names []string) {
	var fields []arrow.Field
	in.nulls = map[string]int{}
	for _, c := range names {
		dt := flatType(trait(c))
		if trait(c) == 's' && coin(t, 1, "encoding") {
			dt = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
		}
		if in.nulls[c] = one(t, "nulls", 1, 1, 0); coin(t, 5, "all null") {
			in.nulls[c] = 2
		}
		fields = append(fields, arrow.Field{Name: c, Type: dt, Nullable: true})
	}
	in.Schema = arrow.NewSchema(fields, nil)
}

// logical is the schema with strings for dictionaries.
func (in *Input) logical() *arrow.Schema {
	fields := in.Schema.Fields()
	for i, f := range fields {
		if d, ok := f.Type.(*arrow.DictionaryType); ok {
			fields[i].Type = d.ValueType
		}
	}
	return arrow.NewSchema(fields, nil)
}

// draw draws the rows.
func (in *Input) draw(t *rapid.T, hash Hash) {
	rows := rapid.SliceOfN(rapid.Custom(in.row), 0, 16)
	in.Partitions = make([][]map[string]any, small(t, 1, 3, "partitions"))
	for p := range in.Partitions {
		in.Partitions[p] = rows.Draw(t, "rows")
		for seq, r := range in.Partitions[p] {
			in.bring(t, r, int64(seq), hash)
		}
	}
	in.chunk = small(t, 1, 20, "rows of a record")
}

func (in *Input) row(t *rapid.T) map[string]any {
	r := map[string]any{}
	for _, f := range in.Schema.Fields() {
		n := in.nulls[f.Name]
		if n == 2 || n == 1 && coin(t, 3, "null") {
			r[f.Name] = nil
			continue
		}
		r[f.Name] = in.value(t, f.Name)
	}
	return r
}

// value draws a value: few ones, so that they repeat, and hostile ones.
func (in *Input) value(t *rapid.T, c string) any {
	if c == "kind" {
		if coin(t, 3, "no label") {
			return one(t, c, "", "R", "X", strings.ToLower(in.kinds[0])+" ")
		}
		return one(t, c, in.kinds...)
	}
	switch trait(c) {
	case 'b':
		return rapid.Bool().Draw(t, c)
	case 'i':
		return one[int64](t, c, 0, 1, 2, 3, -1, 7, 100, -1000, math.MaxInt64, math.MinInt64, 1<<53+1)
	case 'f':
		return one(t, c, 0, 1, 2, -1, 0.5, 0.1, math.Copysign(0, -1), 1000.25, -1e6, 1e6, math.NaN(), math.Inf(1), math.Inf(-1))
	case 'w':
		return one(t, c, 0, 1, -1.5, 0.1, 3.999, math.Copysign(0, -1), 1e300, -math.MaxFloat64, math.SmallestNonzeroFloat64,
			1<<63, -(1 << 63), math.NaN(), math.Inf(1), math.Inf(-1))
	case 's':
		return one(t, c, "a", "", "abc", "12", "-7", "A", " a ", "日本", "e\u0301", "x%y_", "9223372036854775808", "\x00",
			strings.Repeat("long ", 1000))
	case 't':
		if coin(t, 3, "far") {
			return one(t, c, arrow.Timestamp(0), -1, -86_400_000_000, -62_135_596_800_000_000, 253_402_300_799_999_999)
		}
		return onEdge(t, c)
	case 'd':
		return one(t, c, arrow.Date32(19723), 19724, 0, -1, -719162, 2932896)
	}
	return richValue(t, trait(c))
}

// onEdge draws a time that most often is the edge of a window of one of the
// sizes drawn, so that times and watermarks meet there.
func onEdge(t *rapid.T, c string) arrow.Timestamp {
	size := one(t, c, sizes()...).Microseconds()
	return arrow.Timestamp(((base/size)+int64(even(t, 9, c)-4))*size + int64(one(t, c, 0, 0, 1, -1)))
}

// sizes are those of windows.
func sizes() []time.Duration {
	return []time.Duration{time.Hour, time.Minute, 7 * time.Minute, 24 * time.Hour}
}

// bring sets the tag of an event that brings its own: most often the right one.
func (in *Input) bring(t *rapid.T, r map[string]any, seq int64, hash Hash) {
	if in.tag.HashColumn == "" {
		return
	}
	var types []arrow.DataType
	var identity []any
	for _, c := range in.tag.Identity {
		f, _ := in.Schema.FieldsByName(c)
		types, identity = append(types, f[0].Type), append(identity, r[c])
	}
	r["ihash"], r["iseq"] = int64(hash(types, identity)), seq
	if coin(t, 3, "broken tag") {
		switch one(t, "how", 0, 1, 2) {
		case 0:
			r["ihash"] = r["ihash"].(int64) ^ 1
		case 1:
			r["ihash"] = nil
		case 2:
			r["iseq"] = nil
		}
	}
}

// Records makes the partitions as Arrow records of some rows each, for the
// connector "memory". They are slices at an offset, and dictionaries hold
// duplicate and unused values. The caller releases every record.
func (in Input) Records(mem memory.Allocator) [][]arrow.RecordBatch {
	out := make([][]arrow.RecordBatch, len(in.Partitions))
	for p, rows := range in.Partitions {
		all := in.record(mem, slices.Concat([]map[string]any{{}}, rows))
		for at := 0; at < len(rows); at += in.chunk {
			end := min(at+in.chunk, len(rows))
			out[p] = append(out[p], all.NewSlice(int64(at+1), int64(end+1)))
		}
		all.Release()
	}
	return out
}

func (in Input) record(mem memory.Allocator, rows []map[string]any) arrow.RecordBatch {
	cols := make([]arrow.Array, in.Schema.NumFields())
	for i, f := range in.Schema.Fields() {
		values := make([]any, len(rows))
		for j, r := range rows {
			values[j] = r[f.Name]
		}
		if dt, ok := f.Type.(*arrow.DictionaryType); ok {
			cols[i] = dictionary(mem, dt, values)
		} else {
			cols[i] = Array(mem, f.Type, values)
		}
	}
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	return array.NewRecordBatch(in.Schema, cols, int64(len(rows)))
}

func appendAll(b array.Builder, values []any) {
	for _, v := range values {
		switch b := b.(type) {
		case *array.BooleanBuilder:
			appendTo(b.Append, b.AppendNull, v)
		case *array.Int64Builder:
			appendTo(b.Append, b.AppendNull, v)
		case *array.Int32Builder:
			appendTo(b.Append, b.AppendNull, v)
		case *array.Float64Builder:
			appendTo(b.Append, b.AppendNull, v)
		case *array.StringBuilder:
			appendTo(b.Append, b.AppendNull, v)
		case *array.TimestampBuilder:
			appendTo(b.Append, b.AppendNull, v)
		case *array.Date32Builder:
			appendTo(b.Append, b.AppendNull, v)
		default:
			if v == nil {
				b.AppendNull()
			} else {
				appendRich(b, v)
			}
		}
	}
}

func appendTo[T any](value func(T), null func(), v any) {
	if x, ok := v.(T); ok {
		value(x)
	} else {
		null()
	}
}

// dictionary encodes strings with a value that nothing uses in front and every
// value twice, of which rows take turns.
func dictionary(mem memory.Allocator, dt *arrow.DictionaryType, values []any) arrow.Array {
	words := []any{"unused"}
	codes := make([]any, len(values))
	for i, v := range values {
		if v == nil {
			continue
		}
		at := slices.Index(words[1:], v)
		if at < 0 {
			at = len(words) - 1
			words = append(words, v, v)
		}
		codes[i] = int32(1 + at + i%2)
	}
	c, w := Array(mem, dt.IndexType, codes), Array(mem, dt.ValueType, words)
	defer c.Release()
	defer w.Release()
	return array.NewDictionaryArray(dt, c, w)
}
