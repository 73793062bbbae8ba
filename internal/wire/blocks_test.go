package wire

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// types are those of the engine.
func types() []arrow.DataType {
	str := arrow.BinaryTypes.String
	return []arrow.DataType{
		arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64, str,
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: str},
		&arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, arrow.PrimitiveTypes.Date32,
		&arrow.Decimal128Type{Precision: 30, Scale: 4}, arrow.FixedWidthTypes.Duration_us, arrow.BinaryTypes.Binary,
		arrow.ListOf(str), arrow.ListOf(arrow.ListOf(arrow.PrimitiveTypes.Int64)),
		arrow.StructOf(arrow.Field{Name: "a", Type: str, Nullable: true}, arrow.Field{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true}),
		arrow.MapOf(str, arrow.PrimitiveTypes.Float64),
	}
}

// fill appends a value.
func fill(t *rapid.T, b array.Builder, nulls int) {
	if rapid.IntRange(0, 9).Draw(t, "null") < nulls {
		b.AppendNull()
		return
	}
	n := rapid.Int64Range(-3, 1000).Draw(t, "value")
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(n%2 == 0)
	case *array.Int64Builder:
		b.Append(n)
	case *array.Float64Builder:
		b.Append(float64(n) / 7)
	case *array.StringBuilder:
		b.Append(strings.Repeat("ä", int(n&7)))
	case *array.BinaryDictionaryBuilder:
		if err := b.AppendString(fmt.Sprint("code", n%5)); err != nil {
			panic(err)
		}
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(n))
	case *array.Date32Builder:
		b.Append(arrow.Date32(n))
	case *array.Decimal128Builder:
		b.Append(decimal128.FromI64(n))
	case *array.DurationBuilder:
		b.Append(arrow.Duration(n))
	case *array.BinaryBuilder:
		b.Append([]byte(fmt.Sprint(n)))
	case *array.ListBuilder:
		b.Append(true)
		for range n & 3 {
			fill(t, b.ValueBuilder(), nulls)
		}
	case *array.MapBuilder:
		b.Append(true)
		for i := range n & 3 {
			b.KeyBuilder().(*array.StringBuilder).Append(fmt.Sprint(i))
			fill(t, b.ItemBuilder(), nulls)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			fill(t, b.FieldBuilder(i), nulls)
		}
	default:
		panic(fmt.Sprintf("%T", b))
	}
}

// drawBatch makes a batch with some rows, perhaps sliced out of a larger one. Columns of
// strings have dictionaries or have none.
func drawBatch(t *rapid.T, mem memory.Allocator, chosen []arrow.DataType) arrow.RecordBatch {
	rows, nulls := rapid.IntRange(0, 20).Draw(t, "rows"), rapid.SampledFrom([]int{0, 3, 10}).Draw(t, "nulls")
	fields, cols := make([]arrow.Field, len(chosen)), make([]arrow.Array, len(chosen))
	for i, dt := range chosen {
		if dt.ID() == arrow.STRING && rapid.Bool().Draw(t, "dictionary") {
			dt = types()[4]
		}
		fields[i] = arrow.Field{Name: fmt.Sprint("c", i), Type: dt, Nullable: true}
		b := array.NewBuilder(mem, dt)
		for range rows {
			fill(t, b, nulls)
		}
		cols[i] = b.NewArray()
		b.Release()
	}
	whole := array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(rows))
	for _, c := range cols {
		c.Release()
	}
	if rows == 0 || rapid.Bool().Draw(t, "whole") {
		return whole
	}
	defer whole.Release()
	from := rapid.IntRange(0, rows).Draw(t, "from")
	return whole.NewSlice(int64(from), int64(rapid.IntRange(from, rows).Draw(t, "to")))
}

// drawFrames makes a block as executors have them, and worse ones.
func drawFrames(t *rapid.T, mem memory.Allocator) *rdd.Frames {
	out := new(rdd.Frames)
	chosen := rapid.SliceOfN(rapid.SampledFrom(types()), 0, 4).Draw(t, "types")
	splits := []*rdd.Split{nil, {Name: "a", First: 5, Payload: []byte(`{"x":1}`)}, {Name: "b", Times: rdd.TimeRange{Known: true, Max: 9}}}
	for range rapid.IntRange(0, 5).Draw(t, "frames") {
		h := rdd.Header{Labels: rdd.LabelSet(rapid.Uint64().Draw(t, "labels")), Done: rapid.SampledFrom([][]string{nil, {"tag:1", "map:2"}}).Draw(t, "done"),
			Origin: rdd.Origin{Source: rapid.IntRange(-1, 2).Draw(t, "source"), Partition: int32(rapid.IntRange(-1, 3).Draw(t, "partition")),
				First: rapid.Int64().Draw(t, "first"), Split: rapid.SampledFrom(splits).Draw(t, "split")}}
		if rapid.IntRange(0, 5).Draw(t, "bare") == 0 {
			h.Pruned, h.Unbound, h.Columns = 7, "why", []string{"x"}
			h.Bad = []rdd.BadRow{{Seq: 4, Raw: []byte("raw"), Text: "text"}}
			out.Keep(&rdd.Frame{Header: h})
			continue
		}
		b := drawBatch(t, mem, chosen)
		rows := int(b.NumRows())
		least, most := rows, rows
		if h.Origin.Source < 0 { // nobody reads them
			least, most = 0, 50
		}
		if rapid.Bool().Draw(t, "selected") {
			h.Origin.Rows = rapid.SliceOfN(rapid.Int32(), least, most).Draw(t, "origin rows")
		}
		if rapid.Bool().Draw(t, "flatmapped") {
			h.Origin.Child = rapid.SliceOfN(rapid.Int64(), least, most).Draw(t, "child")
		}
		out.Keep(&rdd.Frame{Header: h, Batch: b})
		b.Release()
	}
	return out
}

// same compares what came with what was sent.
func same(t testing.TB, got, want *rdd.Frames) {
	t.Helper()
	if len(got.List()) != len(want.List()) {
		t.Fatalf("%d frames came of %d", len(got.List()), len(want.List()))
	}
	for i := range want.List() {
		g, w := got.List()[i], want.List()[i]
		if !reflect.DeepEqual(g.Header, w.Header) {
			t.Fatalf("frame %d has the header %+v\nwant %+v", i, g.Header, w.Header)
		}
		if (g.Batch == nil) != (w.Batch == nil) {
			t.Fatalf("frame %d: %v, want %v", i, g.Batch, w.Batch)
		}
		if w.Batch == nil {
			continue
		}
		if !g.Batch.Schema().Equal(w.Batch.Schema()) || !g.Batch.Schema().Metadata().Equal(w.Batch.Schema().Metadata()) {
			t.Fatalf("frame %d has the schema %v\nwant %v", i, g.Batch.Schema(), w.Batch.Schema())
		}
		if g.Batch.NumRows() != w.Batch.NumRows() || !array.RecordEqual(g.Batch, w.Batch) {
			t.Fatalf("frame %d is %v\nwant %v", i, g.Batch, w.Batch)
		}
	}
}

// lend makes a server's Blocks of frames that the test keeps.
func lend(frames func() *rdd.Frames) func(context.Context, RunID, rdd.Block) (*rdd.Frames, error) {
	return func(context.Context, RunID, rdd.Block) (*rdd.Frames, error) {
		out := new(rdd.Frames)
		for i := range frames().List() {
			out.Keep(&frames().List()[i])
		}
		return out, nil
	}
}

// What is fetched is what was there: every type, nulls, slices, dictionaries or none
// within one block, frames without rows, columns or batch, and all of their headers. It
// lies in the fetcher's memory, and nothing stays anywhere when it is released.
func TestBlocksComeAsTheyAre(t *testing.T) {
	serverMem, clientMem := memory.NewCheckedAllocator(memory.DefaultAllocator), memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer clientMem.AssertSize(t, 0)
	defer serverMem.AssertSize(t, 0)
	var sent *rdd.Frames
	s := serve(t, ServerConfig{Security: Plain(), Mem: serverMem, Blocks: &node{block: lend(func() *rdd.Frames { return sent })}})
	c := dial(t, s.Addr(), Plain(), clientMem)
	rapid.Check(t, func(rt *rapid.T) {
		sent = drawFrames(rt, serverMem)
		defer sent.Release()
		blocks := c.Blocks().(blocksClient)
		blocks.codec = rapid.SampledFrom([]string{"", codecNone}).Draw(rt, "codec")
		got, err := blocks.Block(t.Context(), "j/1", rdd.Block{Rows: sent.Rows()})
		if err != nil {
			rt.Fatal(err)
		}
		defer got.Release()
		same(t, got, sent)
	})
	_ = s.Close()
	_ = c.Close()
}

// Frames of the same split have the same split when they arrive: dead letters are
// gathered by it.
func TestSplitsStayOne(t *testing.T) {
	one, other := &rdd.Split{Name: "a"}, &rdd.Split{Name: "a"}
	sent := new(rdd.Frames)
	for _, s := range []*rdd.Split{one, other, one, nil, one} {
		sent.Keep(&rdd.Frame{Header: rdd.Header{Origin: rdd.Origin{Split: s}}})
	}
	c := pair(t, ServerConfig{Blocks: &node{block: lend(func() *rdd.Frames { return sent })}})
	got, err := c.Blocks().Block(t.Context(), "j/1", rdd.Block{})
	if err != nil {
		t.Fatal(err)
	}
	l := got.List()
	if a := l[0].Header.Origin.Split; a != l[2].Header.Origin.Split || a != l[4].Header.Origin.Split || a == l[1].Header.Origin.Split {
		t.Error("splits are another's")
	}
}

// A block that is not there is lost, and the caller is told which one.
func TestBlockIsGone(t *testing.T) {
	c := pair(t, ServerConfig{Blocks: &node{block: func(context.Context, RunID, rdd.Block) (*rdd.Frames, error) {
		return nil, fault.New(fault.Lost, "it is gone")
	}}})
	want := rdd.Block{Batch: 3, Stage: 2, Partition: 1, Node: "n", Rows: 5}
	_, err := c.Blocks().Block(t.Context(), "j/1", want)
	var m missing
	if fault.Of(err) != fault.Lost || err.Error() != "it is gone" || !errors.As(err, &m) || m.MissingBlocks()[0] != want {
		t.Errorf("got %v", err)
	}
}
