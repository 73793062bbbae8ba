package agg

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/canon"
	"github.com/idag/idag/internal/kernel/types"
)

// groupState is what one group holds of an aggregate whose state has no fixed size.
// It is made when the group has its first row or partial state. What it holds must be
// a function of the multiset of rows alone, and equal content must give equal bytes:
// then results do not depend on how rows were spread, nor does a checkpoint.
type groupState interface {
	// update adds the rows lo to hi of in, of which some may be null.
	update(in *input, lo, hi int)
	// merge adds a partial state that state has written, fault.Invalid if it has not.
	merge(state []byte) error
	// state appends the partial state.
	state(b []byte) []byte
	// result appends the value of the group to a builder of the result's type.
	result(b array.Builder)
	bytes() int64
}

// blobs is the part of an aggregate that holds group states.
type blobs struct {
	fresh  func() groupState
	places bool // rows are told apart by Order.Places
	result arrow.DataType
	groups []groupState // nil for those without a row
	in     input
	own    *ownRows // of an aggregate of the program; nil for sketches
}

// input is an argument column.
type input struct {
	hashes []uint64 // of the values
	places []uint64
	nulls  bool // there may be some
	values canon.Encoder
	buf    []byte
}

func (in *input) null(i int) bool { return in.nulls && in.values.Null(i) }

// value spells the value of row i, lent until the next call.
func (in *input) value(i int) []byte {
	in.buf = in.values.Append(in.buf[:0], i)
	return in.buf
}

// view looks at a column of n rows of type dt.
func (b *blobs) view(a arrow.Array, dt arrow.DataType, places []uint64, n int) error {
	if a == nil || a.Len() != n || !types.Same(dt, a.DataType()) {
		return fault.New(fault.Bug, "agg: an argument is missing or does not fit")
	}
	if b.places && len(places) != n {
		return fault.New(fault.Bug, "agg: %d places for %d rows", len(places), n)
	}
	if b.own != nil {
		return b.own.view(a)
	}
	in := &b.in
	in.hashes, in.places = kernel.HashRows([]arrow.Array{a}, in.hashes), places
	in.values, in.nulls = canon.Of(a), a.NullN() > 0
	if d, ok := a.(*array.Dictionary); ok {
		in.nulls = in.nulls || d.Dictionary().NullN() > 0
	}
	return nil
}

// forget lets go of the column viewed.
func (b *blobs) forget() {
	b.in.values, b.in.places = canon.Encoder{}, nil
	if b.own != nil {
		b.own.cols = nil
	}
}

// of returns the state of a group.
func (b *blobs) of(g int32) groupState {
	if int(g) >= len(b.groups) {
		grown := make([]groupState, max(int(g)+1, 2*len(b.groups)))
		copy(grown, b.groups)
		b.groups = grown
	}
	if b.groups[g] == nil {
		b.groups[g] = b.fresh()
	}
	return b.groups[g]
}

// update adds a chunk of rows from lo on: each run of rows of one group at once.
func (b *blobs) update(lo int, ids []int32) {
	if b.own != nil {
		b.own.update(b, lo, ids)
		return
	}
	for i := 0; i < len(ids); {
		from, g := i, ids[i]
		for i < len(ids) && ids[i] == g {
			i++
		}
		b.of(g).update(&b.in, lo+from, lo+i)
	}
}

// merge adds a chunk of partial states from lo on.
func (b *blobs) merge(in *array.Binary, lo int, ids []int32) error {
	for i, g := range ids {
		if in.IsNull(lo + i) {
			continue
		}
		if err := b.of(g).merge(in.Value(lo + i)); err != nil {
			return err
		}
	}
	return nil
}

// keep follows index.keep for n groups.
func (b *blobs) keep(sel []int32) {
	kept := make([]groupState, len(sel))
	for i, g := range sel {
		if int(g) < len(b.groups) {
			kept[i] = b.groups[g]
		}
	}
	b.groups = kept
}

// states is the column of partial states, null for groups without a row.
func (b *blobs) states(mem memory.Allocator, sel []int32) arrow.Array {
	out := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
	defer out.Release()
	out.Reserve(len(sel))
	var buf []byte
	for _, g := range sel {
		if int(g) >= len(b.groups) || b.groups[g] == nil {
			out.AppendNull()
			continue
		}
		buf = b.groups[g].state(buf[:0])
		out.Append(buf)
	}
	return out.NewArray()
}

// results is the column of results.
func (b *blobs) results(mem memory.Allocator, sel []int32) arrow.Array {
	out := array.NewBuilder(mem, b.result)
	defer out.Release()
	out.Reserve(len(sel))
	empty := b.fresh()
	for _, g := range sel {
		s := empty
		if int(g) < len(b.groups) && b.groups[g] != nil {
			s = b.groups[g]
		}
		s.result(out)
	}
	return out.NewArray()
}

func (b *blobs) bytes() int64 {
	n := int64(16*cap(b.groups) + 8*cap(b.in.hashes))
	for _, s := range b.groups {
		if s != nil {
			n += s.bytes()
		}
	}
	return n
}

// spelledBy returns a function that says whether bytes spell a value of dt that is
// not null: what was read from a partial state may be anything.
func spelledBy(dt arrow.DataType) func(value []byte) bool {
	var b array.Builder
	return func(value []byte) bool {
		if b == nil || b.Len() >= chunk {
			b = array.NewBuilder(memory.DefaultAllocator, dt)
		}
		rest, err := canon.Append(b, value)
		if err != nil || len(rest) > 0 || b.NullN() > 0 {
			b = nil // it is of no more use
			return false
		}
		return true
	}
}

// appendValue appends a value that spelledBy has found good.
func appendValue(b array.Builder, value []byte) {
	if _, err := canon.Append(b, value); err != nil {
		panic("agg: " + err.Error())
	}
}

// whole appends a count, the largest there is for one that is larger still.
func whole(b array.Builder, n uint64) {
	if b, ok := b.(*array.Int64Builder); ok {
		b.Append(int64(min(n, math.MaxInt64)))
	}
}
