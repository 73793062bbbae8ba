package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dirty is an allocator whose memory is full of rubbish, so that a kernel that
// forgets to write a byte is seen.
type dirty struct{ memory.Allocator }

func (d dirty) Allocate(n int) []byte {
	b := d.Allocator.Allocate(n)
	for i := range b {
		b[i] = 0xa5
	}
	return b
}

// checked returns an allocator that fails the test if anything is not released.
func checked(t testing.TB) memory.Allocator {
	mem := memory.NewCheckedAllocator(dirty{memory.NewGoAllocator()})
	t.Cleanup(func() {
		if n := mem.CurrentAlloc(); n != 0 {
			t.Errorf("%d bytes of Arrow memory were not released", n)
		}
	})
	return mem
}

var (
	timestampUTC = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	// dirtyDict marks a dictionary with duplicate, unused and null entries.
	dirtyDict = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String, Ordered: true}
)

// flatTypes are the engine's types that have an order.
func flatTypes() []arrow.DataType {
	return []arrow.DataType{
		arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64,
		timestampUTC, arrow.FixedWidthTypes.Date32, arrow.BinaryTypes.String, StringDict(), dirtyDict,
		&arrow.Decimal128Type{Precision: 38, Scale: 2}, arrow.FixedWidthTypes.Duration_us, arrow.BinaryTypes.Binary,
	}
}

func nestedTypes() []arrow.DataType {
	i64, f64, str := arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String
	point := arrow.StructOf(arrow.Field{Name: "x", Type: f64, Nullable: true}, arrow.Field{Name: "ok", Type: arrow.FixedWidthTypes.Boolean, Nullable: true})
	return []arrow.DataType{
		arrow.ListOf(i64), arrow.ListOf(str), point, arrow.MapOf(str, i64),
		arrow.ListOf(arrow.ListOf(&arrow.Decimal128Type{Precision: 10, Scale: 1})), arrow.ListOf(point),
		arrow.MapOf(arrow.FixedWidthTypes.Date32, arrow.ListOf(point)),
		arrow.StructOf(arrow.Field{Name: "m", Type: arrow.MapOf(i64, str), Nullable: true}, arrow.Field{Name: "p", Type: point, Nullable: true},
			arrow.Field{Name: "b", Type: arrow.BinaryTypes.Binary, Nullable: true}),
	}
}

func engineTypes() []arrow.DataType { return append(flatTypes(), nestedTypes()...) }

func movedTypes() []arrow.DataType {
	return append(engineTypes(), arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16,
		arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Uint64)
}

// randomValue draws a value of dt, often an awkward one.
func randomValue(r *rand.Rand, dt arrow.DataType) any {
	ints := []int64{0, 1, -1, math.MinInt64, math.MaxInt64, r.Int64N(20), r.Int64() - r.Int64()}
	floats := []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), 1, -1, r.NormFloat64(), float64(r.IntN(5))}
	switch dt := dt.(type) {
	case *arrow.ListType:
		return randomRows(r, dt.Elem(), r.IntN(4), 0.2)
	case *arrow.MapType:
		entries := make([]any, r.IntN(3))
		for i := range entries {
			entries[i] = []any{randomValue(r, dt.KeyType()), randomRows(r, dt.ItemType(), 1, 0.2)[0]}
		}
		return entries
	case *arrow.StructType:
		fields := make([]any, dt.NumFields())
		for i := range fields {
			fields[i] = randomRows(r, dt.Field(i).Type, 1, 0.2)[0]
		}
		return fields
	case *arrow.Decimal128Type:
		return decimal128.New(ints[r.IntN(len(ints))], uint64(ints[r.IntN(len(ints))]))
	}
	switch dt.ID() {
	case arrow.BOOL:
		return r.IntN(2) == 0
	case arrow.FLOAT64:
		return floats[r.IntN(len(floats))]
	case arrow.STRING, arrow.DICTIONARY, arrow.BINARY:
		return []string{"", "a", "b", "ab", "ünï", "a longer string than sixteen", fmt.Sprint(r.IntN(100))}[r.IntN(7)]
	case arrow.DATE32, arrow.INT32:
		return int64(int32(ints[r.IntN(len(ints))]))
	case arrow.UINT8:
		return int64(uint8(r.IntN(256)))
	case arrow.UINT16:
		return int64(uint16(r.IntN(65536)))
	default:
		return ints[r.IntN(len(ints))]
	}
}

// randomRows draws n rows; a share of nulls of them are nil.
func randomRows(r *rand.Rand, dt arrow.DataType, n int, nulls float64) []any {
	rows := make([]any, n)
	for i := range rows {
		if r.Float64() >= nulls {
			rows[i] = randomValue(r, dt)
		}
	}
	return rows
}

// build makes an array of rows; with an offset, a slice of a longer one.
func build(mem memory.Allocator, dt arrow.DataType, rows []any, offset int) arrow.Array {
	all := make([]any, offset, offset+len(rows)+3)
	all = append(all, rows...)
	all = append(all, make([]any, min(offset, 3))...)
	r := rand.New(rand.NewPCG(uint64(len(rows)), 7))
	for i := range all {
		if i < offset || i >= offset+len(rows) {
			all[i] = randomValue(r, dt)
		}
	}
	whole := buildWhole(mem, dt, all)
	defer whole.Release()
	return array.NewSlice(whole, int64(offset), int64(offset+len(rows)))
}

func buildWhole(mem memory.Allocator, dt arrow.DataType, rows []any) arrow.Array {
	if dt.ID() == arrow.DICTIONARY {
		return buildDict(mem, rows, dt == dirtyDict)
	}
	b := array.NewBuilder(mem, dt)
	defer b.Release()
	appendRows(b, rows)
	return b.NewArray()
}

func appendRows(b array.Builder, rows []any) {
	for _, v := range rows {
		if v == nil {
			b.AppendNull()
			continue
		}
		switch b := b.(type) {
		case *array.ListBuilder:
			b.Append(true)
			appendRows(b.ValueBuilder(), v.([]any))
		case *array.MapBuilder:
			b.Append(true)
			for _, e := range v.([]any) {
				appendRows(b.KeyBuilder(), e.([]any)[:1])
				appendRows(b.ItemBuilder(), e.([]any)[1:])
			}
		case *array.StructBuilder:
			b.Append(true)
			for i, f := range v.([]any) {
				appendRows(b.FieldBuilder(i), []any{f})
			}
		case *array.Decimal128Builder:
			b.Append(v.(decimal128.Num))
		case *array.DurationBuilder:
			b.Append(arrow.Duration(v.(int64)))
		case *array.BooleanBuilder:
			b.Append(v.(bool))
		case *array.Int64Builder:
			b.Append(v.(int64))
		case *array.Uint64Builder:
			b.Append(uint64(v.(int64)))
		case *array.Float64Builder:
			b.Append(v.(float64))
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(v.(int64)))
		case *array.Date32Builder:
			b.Append(arrow.Date32(v.(int64)))
		case *array.Int32Builder:
			b.Append(int32(v.(int64)))
		case *array.Uint8Builder:
			b.Append(uint8(v.(int64)))
		case *array.Uint16Builder:
			b.Append(uint16(v.(int64)))
		case *array.StringBuilder:
			b.Append(v.(string))
		case *array.BinaryBuilder:
			b.AppendString(v.(string))
		default:
			panic(b.Type())
		}
	}
}

// buildDict makes a dictionary array; a messy one has unused, duplicate and
// null entries, is itself a slice, and leaves rubbish in the codes of nulls.
func buildDict(mem memory.Allocator, rows []any, messy bool) arrow.Array {
	values, codes := array.NewStringBuilder(mem), array.NewInt32Builder(mem)
	defer values.Release()
	defer codes.Release()
	at := map[string][]int32{}
	add := func(s string) int32 {
		at[s] = append(at[s], int32(values.Len()))
		values.Append(s)
		return int32(values.Len() - 1)
	}
	nullEntry := int32(-1)
	if messy {
		add("unused")
		values.AppendNull()
		nullEntry = 1
		add("unused")
	}
	for i, v := range rows {
		switch s, ok := v.(string); {
		case !ok && messy && i%2 == 0:
			codes.Append(nullEntry)
		case !ok:
			codes.AppendNull()
		case len(at[s]) == 0 || messy && i%3 == 0:
			codes.Append(add(s))
		default:
			codes.Append(at[s][i%len(at[s])])
		}
	}
	dict, idx := values.NewArray(), codes.NewArray()
	defer dict.Release()
	defer idx.Release()
	if messy && len(rows) > 0 {
		vals := view[int32](idx.Data().Buffers()[1].Bytes())
		for i := range idx.Len() {
			if idx.IsNull(i) {
				vals[i] = 1 << 30
			}
		}
	}
	return array.NewDictionaryArray(StringDict(), idx, dict)
}

// row reads one row back, nil for null; the twin of everything here.
func row(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Int64:
		return a.Value(i)
	case *array.Uint64:
		return int64(a.Value(i))
	case *array.Float64:
		return a.Value(i)
	case *array.Timestamp:
		return int64(a.Value(i))
	case *array.Date32:
		return int64(a.Value(i))
	case *array.Int32:
		return int64(a.Value(i))
	case *array.Uint8:
		return int64(a.Value(i))
	case *array.Uint16:
		return int64(a.Value(i))
	case *array.String:
		return a.Value(i)
	case *array.Binary:
		return a.ValueString(i)
	case *array.Dictionary:
		return row(a.Dictionary(), a.GetValueIndex(i))
	case *array.Decimal128:
		return a.Value(i)
	case *array.Duration:
		return int64(a.Value(i))
	case *array.Struct:
		out := []any{}
		for k := range a.NumField() {
			out = append(out, row(a.Field(k), i))
		}
		return out
	case array.ListLike:
		out := []any{}
		for from, to := a.ValueOffsets(i); from < to; from++ {
			out = append(out, row(a.ListValues(), int(from)))
		}
		return out
	}
	panic(a.DataType())
}

// sameRow compares what row reads, floats bit for bit.
func sameRow(a, b any) bool {
	as, aNested := a.([]any)
	bs, bNested := b.([]any)
	if aNested && bNested {
		return slices.EqualFunc(as, bs, sameRow)
	}
	af, aFloat := a.(float64)
	bf, bFloat := b.(float64)
	if aFloat && bFloat {
		return math.Float64bits(af) == math.Float64bits(bf)
	}
	return !aNested && !bNested && a == b
}

// wantRows compares bit for bit.
func wantRows(t *testing.T, got arrow.Array, want []any) {
	t.Helper()
	if got.Len() != len(want) {
		t.Fatalf("%d rows, want %d", got.Len(), len(want))
	}
	nulls := 0
	for i, w := range want {
		g := row(got, i)
		if !sameRow(g, w) {
			t.Fatalf("row %d is %v, want %v", i, g, w)
		}
		if got.IsNull(i) {
			nulls++
		}
	}
	if got.NullN() != nulls {
		t.Fatalf("NullN is %d, want %d", got.NullN(), nulls)
	}
}

// variant is one shape of input that every kernel must take.
type variant struct {
	n      int
	nulls  float64
	offset int
	r      *rand.Rand
	mem    memory.Allocator
}

// forAll runs check for all sizes, shares of nulls and offsets.
func forAll(t *testing.T, check func(t *testing.T, v variant)) {
	for _, n := range []int{0, 1, 63, 64, 65, 1000} {
		for _, nulls := range []float64{0, 0.3, 1} {
			for _, offset := range []int{0, 1, 67} {
				t.Run(fmt.Sprintf("n=%d/nulls=%v/offset=%d", n, nulls, offset), func(t *testing.T) {
					check(t, variant{n, nulls, offset, rand.New(rand.NewPCG(uint64(n), uint64(offset))), checked(t)})
				})
			}
		}
	}
}

// column draws rows of dt and the array that holds them.
func (v variant) column(dt arrow.DataType) ([]any, arrow.Array) {
	rows := randomRows(v.r, dt, v.n, v.nulls)
	return rows, build(v.mem, dt, rows, v.offset)
}

// TestCheckedNoticesLeak proves that the memory check is not vacuous: an array
// made by a kernel is seen until it is released.
func TestCheckedNoticesLeak(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	for _, dt := range movedTypes() {
		a := Nulls(mem, dt, 10)
		if mem.CurrentAlloc() == 0 {
			t.Errorf("%s: the allocator does not see the array", dt)
		}
		a.Release()
		if mem.CurrentAlloc() != 0 {
			t.Errorf("%s: %d bytes are left", dt, mem.CurrentAlloc())
		}
	}
}

// wholeBuffer copies bytes into a buffer of mem.
func wholeBuffer(mem memory.Allocator, b []byte) *memory.Buffer {
	buf := memory.NewResizableBuffer(mem)
	buf.Resize(len(b))
	copy(buf.Bytes(), b)
	return buf
}
