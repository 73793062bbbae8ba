package agg

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd/fn"
)

// ownState is the state of an aggregate of the program.
type ownState struct {
	of *fn.Aggregate
	s  fn.State
}

func (s *ownState) update(*input, int, int) {} // ownRows.update does it, group by group

func (s *ownState) merge(state []byte) error {
	if err := s.s.Merge(state); err != nil {
		return fault.New(fault.Invalid, "%s: %w", ownName(s.of), err)
	}
	return nil
}

func (s *ownState) state(b []byte) []byte { return s.s.AppendState(b) }
func (s *ownState) bytes() int64          { return s.s.Size() }

func (s *ownState) result(b array.Builder) {
	before := b.Len()
	if s.s.Result(b); b.Len() != before+1 {
		panic(fmt.Sprintf("%s has appended %d values for a group, not one", ownName(s.of), b.Len()-before))
	}
}

func ownName(a *fn.Aggregate) string { return "the aggregate " + a.Name + " " + a.Version }

// ownRows hands the rows of a chunk to the states of their groups: to each state once.
type ownRows struct {
	cols []arrow.Array // the arguments
	err  error         // the first of an update
	// Of the chunk: the groups in the order in which they come, and by group the rows.
	touched     []int32
	first, last []int32 // by group: its first row plus 1, or 0; its last one
	next        []int32 // by row: the next of its group plus 1, or 0
	rows        []int32
}

// view looks at a struct of the arguments.
func (o *ownRows) view(a arrow.Array) error {
	s, ok := a.(*array.Struct)
	if !ok {
		return fault.New(fault.Bug, "agg: the arguments are no struct")
	}
	o.cols, o.err = make([]arrow.Array, s.NumField()), nil
	for i := range o.cols {
		o.cols[i] = s.Field(i)
	}
	return nil
}

// update adds a chunk of rows from lo on.
func (o *ownRows) update(b *blobs, lo int, ids []int32) {
	if o.err != nil {
		return
	}
	o.bucket(ids)
	for _, g := range o.touched {
		o.rows = o.rows[:0]
		for i := o.first[g]; i != 0; i = o.next[i-1] {
			o.rows = append(o.rows, int32(lo)+i-1)
		}
		o.first[g] = 0
		s, _ := b.of(g).(*ownState)
		if err := s.s.Update(o.cols, o.rows); err != nil && o.err == nil {
			o.err = fault.New(fault.Invalid, "%s: %w", ownName(s.of), err)
		}
	}
}

// bucket links the rows of each group, ascending.
func (o *ownRows) bucket(ids []int32) {
	o.touched = o.touched[:0]
	if len(o.next) < len(ids) {
		o.next = make([]int32, len(ids))
	}
	for i, g := range ids {
		for int(g) >= len(o.first) {
			o.first, o.last = append(o.first, 0), append(o.last, 0)
		}
		o.next[i] = 0
		if o.first[g] == 0 {
			o.first[g], o.touched = int32(i)+1, append(o.touched, g)
		} else {
			o.next[o.last[g]] = int32(i) + 1
		}
		o.last[g] = int32(i)
	}
}
