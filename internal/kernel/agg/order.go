package agg

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/idag/idag/internal/fault"
)

// Order places every row for first and last: by event time, then source
// partition, sequence and child ordinal. Time is Timestamp or Int64, the others
// Int64 without nulls; a nil column is null (Time) or 0 throughout. A row without
// an event time comes after every row that has one for first, and before for
// last: it wins only among its like. Rows of a group should differ in their order;
// where they do not, the one that came first stays.
//
// Places tells rows apart for approx_top and sample: a number for every row, evenly
// spread, that no other row has, or few; whatever the way the row took, it is the same.
type Order struct {
	Time, Partition, Seq, Child arrow.Array
	Places                      []uint64
}

// orders are the columns of an Order; those that are nil have no words.
type orders struct {
	time             column
	part, seq, child []uint64
	row              column // null where there is no row, as in the state of an empty table
}

func (o Order) view(rows int) (orders, error) {
	var v orders
	if o.Time != nil {
		c, err := viewOf(o.Time, o.Time.DataType(), ints, rows)
		if err != nil {
			return v, err
		}
		v.time = c
	}
	for _, x := range []struct {
		a  arrow.Array
		to *[]uint64
	}{{o.Partition, &v.part}, {o.Seq, &v.seq}, {o.Child, &v.child}} {
		if x.a == nil {
			continue
		}
		c, err := viewOf(x.a, arrow.PrimitiveTypes.Int64, ints, rows)
		if err != nil {
			return v, err
		}
		if c.valid != nil {
			return v, fault.New(fault.Bug, "agg: a null in the order of rows")
		}
		*x.to = c.words
	}
	return v, nil
}

// position is a row's place: rank 0 or 1, then time, partition, sequence, child.
type position [5]int64

// at returns the place of row i. The rank puts rows without event time where
// they never win.
func (o *orders) at(i int, fn function) position {
	var p position
	if o.time.words == nil || o.time.null(i) {
		if fn == first {
			p[0] = 1
		}
	} else {
		p[1] = int64(o.time.words[i])
		if fn == last {
			p[0] = 1
		}
	}
	if o.part != nil {
		p[2] = int64(o.part[i])
	}
	if o.seq != nil {
		p[3] = int64(o.seq[i])
	}
	if o.child != nil {
		p[4] = int64(o.child[i])
	}
	return p
}

// timed says whether the position has an event time.
func (p *position) timed(fn function) bool { return (p[0] == 1) == (fn == last) }

// wins says whether p takes the place of held.
func (p *position) wins(held []uint64, fn function) bool {
	for k, v := range p {
		if h := int64(held[k]); v != h {
			return (v < h) == (fn == first)
		}
	}
	return false
}
