package kernel

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// TestHiddenItems: what lies under a null, or outside of a slice of the entries,
// is not seen, and an empty list is not null.
func TestHiddenItems(t *testing.T) {
	mem := checked(t)
	dt := arrow.ListOf(arrow.PrimitiveTypes.Int64)
	whole := build(mem, dt, []any{[]any{int64(1), nil}, []any{}, []any{int64(2)}, nil}, 2)
	items := whole.(*array.List).ListValues()
	// The same offsets over the same items, but row 2, with its item, is null.
	src := whole.Data()
	valid := []byte{0xff}
	valid[0] &^= 1 << (src.Offset() + 2)
	buf := wholeBuffer(mem, valid)
	data := array.NewData(dt, 4, append(src.Buffers()[:0:0], buf, src.Buffers()[1]), []arrow.ArrayData{items.Data()}, array.UnknownNullCount, src.Offset())
	hidden := array.MakeFromData(data)
	want := []any{[]any{int64(1), nil}, []any{}, nil, []any{}}
	wantRows(t, hidden, want)
	taken := Take(mem, hidden, Sel{3, 2, 1, 0, 2})
	wantRows(t, taken, []any{[]any{}, nil, []any{}, []any{int64(1), nil}, nil})
	if n := taken.(*array.List).ListValues().Len(); n != 2 {
		t.Errorf("%d items were taken, want 2", n)
	}
	joined, err := Concat(mem, []arrow.Array{hidden, taken})
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, joined, append(want, []any{}, nil, []any{}, []any{int64(1), nil}, nil))
	put := Scatter(mem, hidden, taken, Sel{0, 1, 2, 3, 0}, 4)
	wantRows(t, put, []any{nil, nil, []any{}, []any{int64(1), nil}})
	h := HashRows([]arrow.Array{hidden}, nil)
	if h[2] != nullHash || h[1] != h[3] || h[1] == h[2] {
		t.Errorf("hashes %x: a null is null and empty lists are alike", h)
	}
	buf.Release()
	data.Release()
	release([]arrow.Array{whole, hidden, taken, joined, put})
}

// TestMapOfSlicedEntries: a map whose entries are a slice is read from where
// they begin.
func TestMapOfSlicedEntries(t *testing.T) {
	mem := checked(t)
	dt := arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64)
	want := []any{[]any{[]any{"b", int64(2)}}, []any{[]any{"b", int64(2)}, []any{"b", nil}}}
	plain := build(mem, dt, want, 0)
	long := build(mem, dt, append([]any{[]any{[]any{"x", int64(9)}}}, want...), 0)
	entries := array.NewSlice(long.(*array.Map).ListValues(), 1, 4)
	data := array.NewData(dt, 2, plain.Data().Buffers(), []arrow.ArrayData{entries.Data()}, 0, 0)
	sliced := array.MakeFromData(data)
	wantRows(t, sliced, want)
	a, b := HashRows([]arrow.Array{plain}, nil), HashRows([]arrow.Array{sliced}, nil)
	if a[0] != b[0] || a[1] != b[1] || a[0] == a[1] {
		t.Errorf("hashes %x and %x", a, b)
	}
	taken := Take(mem, sliced, Sel{1, 0})
	wantRows(t, taken, []any{want[1], want[0]})
	data.Release()
	release([]arrow.Array{plain, long, entries, sliced, taken})
}

// TestNestedChecksum: chunks of other lengths, with items under other offsets,
// have one checksum, and values that are nearly alike have different ones.
func TestNestedChecksum(t *testing.T) {
	mem := checked(t)
	seen := map[string]any{}
	for _, dt := range nestedTypes() {
		rows := []any{[]any{}, nil}
		switch dt := dt.(type) {
		case *arrow.ListType:
			rows = append(rows, []any{nil}, []any{nil, nil})
		case *arrow.StructType:
			rows[0] = make([]any, dt.NumFields())
		}
		for _, r := range rows[1:] {
			a := build(mem, dt, []any{r}, 3)
			b := batchOf([]string{"c"}, a)
			var c Checksum
			c.AddBatch("e", b)
			if r != nil { // a null is alike in all types
				if other, is := seen[c.String()+dt.String()]; is {
					t.Errorf("%s: %v is like %v", dt, r, other)
				}
				seen[c.String()+dt.String()] = r
			}
			b.Release()
			a.Release()
		}
	}
}
