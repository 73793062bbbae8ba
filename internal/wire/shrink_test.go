package wire

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// large makes a dictionary of some size, with values twice and nulls in it.
func large(mem memory.Allocator, size int) arrow.Array {
	b := array.NewStringBuilder(mem)
	defer b.Release()
	for i := range size {
		if i%17 == 3 {
			b.AppendNull()
		} else {
			b.Append(fmt.Sprint("value", i/2))
		}
	}
	return b.NewArray()
}

// A block has the same values with its dictionaries cut down to them, whichever columns
// and frames share one, with slices and nulls; and where rows are few, little is sent.
func TestDictionariesShrink(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	dt := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: dt, Nullable: true}, {Name: "b", Type: dt, Nullable: true}}, nil)
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 63, 64, 500}), 1, 3).Draw(t, "sizes")
		dicts := make([]arrow.Array, len(sizes))
		for i, n := range sizes {
			dicts[i] = large(mem, n)
			defer dicts[i].Release()
		}
		frames := new(rdd.Frames)
		defer frames.Release()
		used := map[use]int{}
		for range rapid.IntRange(0, 4).Draw(t, "frames") {
			rows := rapid.IntRange(0, 40).Draw(t, "rows")
			cols := make([]arrow.Array, 2)
			for c := range cols {
				k := rapid.IntRange(0, len(dicts)-1).Draw(t, "dictionary")
				b := array.NewInt32Builder(mem)
				for range rows {
					if dicts[k].Len() == 0 || rapid.IntRange(0, 4).Draw(t, "null") == 0 {
						b.AppendNull()
					} else {
						b.Append(rapid.Int32Range(0, int32(dicts[k].Len()-1)).Draw(t, "code"))
					}
				}
				codes := b.NewArray()
				b.Release()
				cols[c] = array.NewDictionaryArray(dt, codes, dicts[k])
				codes.Release()
			}
			batch := array.NewRecordBatch(schema, cols, int64(rows))
			from := rapid.IntRange(0, rows).Draw(t, "from")
			part := batch.NewSlice(int64(from), int64(rows))
			for c := range cols {
				used[use{c, cols[c].(*array.Dictionary).Dictionary().Data()}] += rows - from
				cols[c].Release()
			}
			frames.Keep(&rdd.Frame{Header: rdd.Header{Labels: rdd.LabelSet(rows)}, Batch: part})
			frames.Keep(&rdd.Frame{}) // without a batch
			part.Release()
			batch.Release()
		}
		got, release := shrunk(frames.List(), mem)
		defer release()
		for i, want := range frames.List() {
			if got[i].Header.Labels != want.Header.Labels || (got[i].Batch == nil) != (want.Batch == nil) {
				t.Fatalf("frame %d is %+v", i, got[i])
			}
			if want.Batch == nil {
				continue
			}
			for c, col := range want.Batch.Columns() {
				w, g := col.(*array.Dictionary), got[i].Batch.Column(c).(*array.Dictionary)
				for row := range w.Len() {
					if text(w, row) != text(g, row) {
						t.Fatalf("row %d is %s, not %s", row, text(g, row), text(w, row))
					}
				}
				rows, size := used[use{c, w.Dictionary().Data()}], w.Dictionary().Len()
				if n := g.Dictionary().Len(); size >= shrinkFrom && size >= shrinkTimes*rows && n > rows || n > size {
					t.Fatalf("%d entries for %d rows, of %d", n, rows, size)
				}
			}
		}
	})
}

// text is the value of a row.
func text(d *array.Dictionary, row int) string {
	s := d.Dictionary().(*array.String)
	if d.IsNull(row) || s.IsNull(d.GetValueIndex(row)) {
		return "null"
	}
	return "=" + s.Value(d.GetValueIndex(row))
}
