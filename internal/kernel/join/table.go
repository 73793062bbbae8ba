// Package join finds equal keys: a table is made of the rows of one side of a
// join, and the rows of the other side, a frame at a time, find their partners in
// it.
//
//	t := join.New(buildKeys, buildRows, nil)
//	ids := t.Find(probeKeys, probeRows, nil)
//	pairs := t.Pairs(ids, nil, nil)
//	for probe, build := pairs.Next(16384); len(probe) > 0; probe, build = pairs.Next(16384) {
//		… // row probe[i] of the one side and row build[i] of the other have equal keys
//	}
//
// Keys are equal by value, as SQL has it: a null equals nothing, NaN equals NaN, -0
// equals 0, and a string equals the same string of a dictionary. Rows of one key
// are found together, so a key that half the rows have costs no more to find than
// any other; its pairs come in pieces of the size asked for, never all at once.
//
// Rows that only match within a range of time are sorted by it, within their key:
// a range is found by bisection. Who asks only which rows have a partner is told so
// without a pair being made, by Meet.
//
// A table keeps Go memory of its own, about 28 bytes a row, and borrows the key
// columns it was made of. It may be read by several goroutines.
package join

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/kernel"
)

// Table is the rows of one side by their keys. Rows of equal keys form a group.
type Table struct {
	keys   []arrow.Array
	mask   uint64
	slots  []slot
	groups int
	starts []int32 // by group: where its rows begin in rows; one more at the end
	rows   []int32
	times  []int64 // by place in rows, ascending within a group; nil without a range
}

// slot is a place in the table: the hash of a group, its number and one, or 0 where
// the place is free, and one of its rows.
type slot struct {
	hash  uint64
	group int32
	row   int32
}

// none is the group of a row without partners.
const none = -1

// New makes a table of n rows. Rows with a null key are in no group. With times,
// rows are found by their time as well, and those without one are not found.
func New(keys []arrow.Array, n int, times *array.Timestamp) *Table {
	t := &Table{keys: keys}
	size := 16
	for size < 2*n {
		size *= 2
	}
	t.slots, t.mask = make([]slot, size), uint64(size-1)
	ids := t.enter(kernel.HashRows(keys, nil), valid(keys, n))
	t.sortRows(ids, times)
	return t
}

// enter gives each row its group, a new one for a key that is new.
func (t *Table) enter(hashes []uint64, ok []bool) []int32 {
	ids := make([]int32, len(hashes))
	same := equal(t.keys, t.keys)
	for i, h := range hashes {
		if ok != nil && !ok[i] {
			ids[i] = none
			continue
		}
		p := h & t.mask
		for {
			s := &t.slots[p]
			if s.group == 0 {
				t.groups++
				*s = slot{h, int32(t.groups), int32(i)}
				ids[i] = s.group - 1
				break
			}
			if s.hash == h && (same == nil || same(i, int(s.row))) {
				ids[i] = s.group - 1
				break
			}
			p = (p + 1) & t.mask
		}
	}
	return ids
}

// sortRows lays the rows out by group, and within a group by time.
func (t *Table) sortRows(ids []int32, times *array.Timestamp) {
	if times != nil && times.NullN() > 0 {
		for i := range ids {
			if times.IsNull(i) {
				ids[i] = none
			}
		}
	}
	t.starts = make([]int32, t.groups+1)
	for _, g := range ids {
		if g != none {
			t.starts[g+1]++
		}
	}
	for g := range t.groups {
		t.starts[g+1] += t.starts[g]
	}
	t.rows = make([]int32, t.starts[t.groups])
	at := slices.Clone(t.starts)
	for i, g := range ids {
		if g != none {
			t.rows[at[g]] = int32(i)
			at[g]++
		}
	}
	if times != nil {
		t.byTime(times.TimestampValues())
	}
}

func (t *Table) byTime(times []arrow.Timestamp) {
	for g := range t.groups {
		rows := t.rows[t.starts[g]:t.starts[g+1]]
		slices.SortStableFunc(rows, func(a, b int32) int { return compare(times[a], times[b]) })
	}
	t.times = make([]int64, len(t.rows))
	for i, r := range t.rows {
		t.times[i] = int64(times[r])
	}
}

func compare(a, b arrow.Timestamp) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Find returns the group of each of n rows of the other side, or a negative
// number where no row has its keys. It fills dst if that has room.
func (t *Table) Find(keys []arrow.Array, n int, dst []int32) []int32 {
	dst = slices.Grow(dst[:0], n)[:n]
	hashes, ok := kernel.HashRows(keys, nil), valid(keys, n)
	same := equal(keys, t.keys)
	// Nothing that is looked at for one row depends on another, so that the processor
	// waits for many at once.
	for i, h := range hashes {
		p := h & t.mask
		for t.slots[p].hash != h && t.slots[p].group != 0 {
			p = (p + 1) & t.mask
		}
		dst[i] = int32(p)
	}
	for i, p := range dst {
		s := &t.slots[p]
		switch {
		case s.group == 0 || ok != nil && !ok[i]:
			dst[i] = none
		case same == nil || same(i, int(s.row)):
			dst[i] = s.group - 1
		default: // of another key with the same hash
			dst[i] = t.beyond(uint64(p), hashes[i], i, same)
		}
	}
	return dst
}

// beyond goes on to look for a row behind a slot.
func (t *Table) beyond(p, h uint64, row int, same func(i, j int) bool) int32 {
	for p = (p + 1) & t.mask; t.slots[p].group != 0; p = (p + 1) & t.mask {
		if s := &t.slots[p]; s.hash == h && same(row, int(s.row)) {
			return s.group - 1
		}
	}
	return none
}

// Groups returns how many groups there are.
func (t *Table) Groups() int { return t.groups }

// Rows returns the rows of a group, borrowed.
func (t *Table) Rows(group int32) []int32 { return t.rows[t.starts[group]:t.starts[group+1]] }

// Bytes returns how much memory the table holds.
func (t *Table) Bytes() int64 {
	return int64(16*len(t.slots) + 4*len(t.starts) + 4*len(t.rows) + 8*len(t.times))
}
