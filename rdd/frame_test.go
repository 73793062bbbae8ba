package rdd_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// event is what an origin says of one row, spelled out.
type event struct {
	source    int
	partition int32
	seq       int64
	child     int64
}

func events(o *rdd.Origin, rows int) []event {
	out := make([]event, rows)
	for i := range out {
		out[i] = event{o.Source, o.Partition, o.Seq(i), 0}
		if o.Child != nil {
			out[i].child = o.Child[i]
		}
	}
	return out
}

// drawRows draws rows of a frame of n, ascending as operators select them, or
// not, as a shuffle lays them out.
func drawRows(t *rapid.T, n int) []int32 {
	rows := rapid.SliceOfN(rapid.Int32Range(0, int32(max(n-1, 0))), 0, n).Draw(t, "rows")
	if rapid.Bool().Draw(t, "ascending") {
		slices.Sort(rows)
		rows = slices.Compact(rows)
	}
	return rows
}

// Selecting rows and then rows of these names the events that selecting one by
// one would name, whatever was selected before and with children or without.
func TestOriginSelectionComposes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 20).Draw(t, "n")
		o := rdd.Origin{Source: rapid.IntRange(0, 2).Draw(t, "source"), Partition: rapid.Int32Range(0, 5).Draw(t, "partition"),
			First: rapid.Int64Range(0, 1<<40).Draw(t, "first")}
		if rapid.Bool().Draw(t, "flatmapped") {
			o.Child = rapid.SliceOfN(rapid.Int64(), n, n).Draw(t, "child")
		}
		want := events(&o, n)
		for range rapid.IntRange(1, 4).Draw(t, "selections") {
			rows := drawRows(t, len(want))
			o = o.At(rows)
			next := make([]event, len(rows))
			for i, r := range rows {
				next[i] = want[r]
			}
			want = next
			if got := events(&o, len(rows)); !slices.Equal(got, want) {
				t.Fatalf("after selecting %v: %v, want %v", rows, got, want)
			}
		}
	})
}

// A clone names the same events, and still does when the rows it was made of
// are overwritten, as an operator does with its selection.
func TestOriginClone(t *testing.T) {
	rows, child := []int32{1, 3, 4}, []int64{0, 1, 0}
	o := rdd.Origin{Source: 1, Partition: 2, First: 100, Rows: rows, Child: child}
	c := o.Clone()
	want := []event{{1, 2, 101, 0}, {1, 2, 103, 1}, {1, 2, 104, 0}}
	clear(rows)
	clear(child)
	if got := events(&c, 3); !slices.Equal(got, want) {
		t.Errorf("the clone names %v, want %v", got, want)
	}
	all := rdd.Origin{First: 7}
	if c := all.Clone(); c.Rows != nil || c.Child != nil || c.Seq(2) != 9 {
		t.Errorf("the clone of a whole frame is %+v", c)
	}
}

// Rows of a group come of no single event, however they are selected.
func TestOriginOfGroups(t *testing.T) {
	o := rdd.Origin{Source: -1, Partition: -1}
	if got := o.At([]int32{3, 1}); got.Source != -1 || got.Rows != nil {
		t.Errorf("rows of a group have the origin %+v", got)
	}
}

func batchOf(mem memory.Allocator, values ...int64) arrow.RecordBatch {
	b := array.NewInt64Builder(mem)
	defer b.Release()
	b.AppendValues(values, nil)
	a := b.NewArray()
	defer a.Release()
	s := arrow.NewSchema([]arrow.Field{{Name: "v", Type: arrow.PrimitiveTypes.Int64}}, nil)
	return array.NewRecordBatch(s, []arrow.Array{a}, int64(len(values)))
}

// Frames keep what they were lent until they are released, and nothing after.
func TestFramesOwnTheirBatches(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	var kept rdd.Frames
	defer kept.Release()
	for _, values := range [][]int64{{1, 2}, {}, {3}} {
		b := batchOf(mem, values...)
		kept.Keep(&rdd.Frame{Header: rdd.Header{Labels: 1}, Batch: b})
		b.Release()
	}
	kept.Keep(&rdd.Frame{Header: rdd.Header{Pruned: 5}}) // has no batch
	if kept.Rows() != 3 || len(kept.List()) != 4 {
		t.Errorf("kept %d rows in %d frames, want 3 in 4", kept.Rows(), len(kept.List()))
	}
	sum := int64(0)
	for f, err := range kept.All() {
		if err != nil {
			t.Fatal(err)
		}
		if f.Batch != nil {
			for _, v := range f.Batch.Column(0).(*array.Int64).Int64Values() {
				sum += v
			}
		}
	}
	if sum != 6 {
		t.Errorf("the values sum to %d, want 6", sum)
	}
	for _, err := range kept.All() {
		if err != nil {
			t.Fatal(err)
		}
		break // a reader may stop early
	}
	kept.Release()
	if kept.Rows() != 0 || mem.CurrentAlloc() != 0 {
		t.Errorf("after Release %d rows and %d bytes are left", kept.Rows(), mem.CurrentAlloc())
	}
}

// An error says first where it was made, as far as that is known.
func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		at   rdd.Pos
		want string
	}{
		{rdd.Pos{}, "no such column"},
		{rdd.Pos{File: "job.yaml"}, "job.yaml: no such column"},
		{rdd.Pos{File: "main.go", Line: 12}, "main.go:12: no such column"},
		{rdd.Pos{File: "job.yaml", Line: 7, Column: 41}, "job.yaml:7:41: no such column"},
		{rdd.Pos{Line: 7}, "?: no such column"},
	} {
		err := error(&rdd.Error{At: c.at, Text: "no such column"})
		if err.Error() != c.want {
			t.Errorf("%+v is spelled %q, want %q", c.at, err, c.want)
		}
		var e *rdd.Error
		if !errors.As(err, &e) || e.At != c.at {
			t.Errorf("the position of %v is lost", err)
		}
	}
}
