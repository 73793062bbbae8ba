package rdd

import (
	"iter"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/expr"
)

// Frame is rows that travel together: an Arrow record batch and a header. Its
// rows share one route. A frame is lent: who wants to keep its batch beyond
// the step that lent it retains the batch.
type Frame struct {
	Header Header
	Batch  arrow.RecordBatch
}

// Header says of a frame's rows what can be known without reading them.
type Header struct {
	// Labels of the rows. With more than one the batch has a column _label.
	Labels LabelSet
	// Origin of the rows, for their tags, their order and their dead letters.
	Origin Origin
	// Pruned, if not zero, is the number of rows that the source left out
	// because Projection.Skip said so. Such a frame has no batch; Bounds
	// are those of the rows left out.
	Pruned int64
	// Bounds per column, sound but not exact; nil where nobody reads them.
	Bounds expr.Bounds
	// Done are, as KIND:DIGEST, the digests of the operations that whoever wrote the rows says to
	// have applied to them, in their order: each digest stands for its operation
	// and all before it, the first for the Tag and the label. A source gives it only
	// where it is bound to the rows, that is where their number and the checksum of
	// what it reads are those of the header. In frames for a sink it is what the
	// sink may write into a header; Labels then holds one label. Behind the digests stands
	// without:COLUMN for each column of the rows that whoever wrote them left out, or that
	// something hides.
	Done []string
	// Columns, where Done is set, are those that the rows themselves have: of a source's
	// other columns they have none. nil: all columns of the source.
	Columns []string
	// Unbound, if not empty, says why a done-list that came with the rows is not
	// believed: what it was written for is not what is there. The rows are raw.
	Unbound string
	// Bad are rows of the split that the source could not parse. They count as
	// rows of the split but are not in Batch, which may be nil where there is
	// nothing else.
	Bad []BadRow
	// Raw are the original bytes of each row of Batch, where the projection
	// asks for them and the source keeps rows as text; otherwise nil.
	Raw [][]byte
}

// BadRow is a row that a source could not parse: an improper ingest.
type BadRow struct {
	Seq  int64  // its place in the source partition
	Raw  []byte // its original bytes; of a huge row, the beginning
	Text string // what is wrong with it, and where in the row
}

// Origin says which events the rows of a frame come from. Row i is of the
// event with sequence First+Rows[i], or First+i where Rows is nil.
type Origin struct {
	// Split that the rows were read from, to read them again for a dead letter;
	// set by the executor, nil after a grouping operation.
	Split     *Split
	Source    int   // the Read, in the order of the plan; -1 after a grouping operation
	Partition int32 // the source partition's ordinal
	First     int64
	Rows      []int32
	Child     []int64 // ordinal among the rows that FlatMap made of one event; nil: 0
}

// Seq returns the sequence of row i.
func (o *Origin) Seq(i int) int64 {
	if o.Rows == nil {
		return o.First + int64(i)
	}
	return o.First + int64(o.Rows[i])
}

// At returns the origin of a frame that consists of the given rows of this one,
// which it may go on to share.
func (o *Origin) At(rows []int32) Origin {
	out := *o
	if o.Source < 0 {
		return out
	}
	if o.Rows == nil {
		out.Rows = rows
	} else {
		out.Rows = gather(o.Rows, rows)
	}
	if o.Child != nil {
		out.Child = gather(o.Child, rows)
	}
	return out
}

// Clone returns an origin that shares no memory with o.
func (o *Origin) Clone() Origin {
	out := *o
	out.Rows, out.Child = slices.Clone(o.Rows), slices.Clone(o.Child)
	return out
}

func gather[T any](from []T, rows []int32) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = from[r]
	}
	return out
}

// Stream is frames in order. A frame is lent until the next step; an error is
// the last thing yielded, with a nil frame.
type Stream = iter.Seq2[*Frame, error]

// Projection is what a reader wants of a split.
type Projection struct {
	Columns []string         // in this order; only these are decoded
	Rows    int              // rows of one frame at the most
	Mem     memory.Allocator // where every buffer of the frames comes from
	Raw     bool             // Header.Raw is wanted, for dead letters
	// Bounds are the columns whose bounds a frame's header should hold: those of
	// its row group. They need not be among Columns. A source that knows none leaves
	// them out. Values that it reads of these columns and finds outside of what it says
	// are a fault.Invalid.
	Bounds []string
	// Enter, if not nil, is asked with the header of each row group that has a list
	// Done, before the group is decoded and before Skip is asked; Done, Columns and
	// Bounds are set. What it returns, if not nil, is read of that group instead of
	// Columns, the group's frames bear the header, and Skip is not asked of them. Where it
	// returns nil, or where the header turns out not to be bound to what is read,
	// the group is read as if it had no list, and its frames bear none.
	Enter func(*Header) []string
	// Skip, if not nil, is asked with the bounds of each row group before it
	// is decoded; if it says true, the group may be left out: the reader
	// yields a frame with Pruned set instead.
	Skip func(expr.Bounds) bool
}

// Frames keeps frames beyond the step that lent them. Release is deferred
// where it is made.
type Frames struct {
	list []Frame
}

// Keep retains the frame's batch and appends it.
func (f *Frames) Keep(fr *Frame) {
	if fr.Batch != nil {
		fr.Batch.Retain()
	}
	f.list = append(f.list, *fr)
}

// List returns the frames, lent until Release.
func (f *Frames) List() []Frame { return f.list }

// Rows returns the number of rows kept.
func (f *Frames) Rows() int64 {
	var n int64
	for i := range f.list {
		if b := f.list[i].Batch; b != nil {
			n += b.NumRows()
		}
	}
	return n
}

// Release lets all frames go. It may be called again.
func (f *Frames) Release() {
	for i := range f.list {
		if f.list[i].Batch != nil {
			f.list[i].Batch.Release()
		}
	}
	f.list = nil
}

// All streams the frames, lent.
func (f *Frames) All() Stream {
	return func(yield func(*Frame, error) bool) {
		for i := range f.list {
			if !yield(&f.list[i], nil) {
				return
			}
		}
	}
}
