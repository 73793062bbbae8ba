package sketch

import (
	"bytes"
	"cmp"
	"slices"
)

// bottom holds the keys of the smallest ranks, each with the smallest rank that it
// came with. A key of a share p of the rows has about that share of all ranks, so
// that keys of many rows are among the smallest almost surely.
//
// It holds up to twice as many as are wanted before it drops the rest. A key that
// was dropped had at least k smaller ranks before it; should it come again with a
// rank below those, that is its smallest.
type bottom struct {
	k       int
	limit   uint64 // ranks above it are not wanted
	entries []entry
	slots   []uint32 // where in entries a key is, plus 1: open addressing
	values  []byte
	spare   []byte
}

// entry is one key.
type entry struct {
	key, rank, rows uint64
	from, to        int // in values
}

func newBottom(k int) bottom { return bottom{k: k, limit: 1<<64 - 1} }

func (t *bottom) value(e *entry) []byte { return t.values[e.from:e.to:e.to] }

// find returns where in entries the key is, or -1 and the slot where it would be.
func (t *bottom) find(key uint64) (at int, slot int) {
	mask := len(t.slots) - 1
	for s := int(Mix(key, 0)) & mask; ; s = (s + 1) & mask {
		at := int(t.slots[s]) - 1
		if at < 0 || t.entries[at].key == key {
			return at, s
		}
	}
}

// add takes rows of a key with a rank. It says whether they brought the smallest
// rank of the key, so that its value is that of these rows.
func (t *bottom) add(key, rank, rows uint64) (smallest bool) {
	if 4*(len(t.entries)+1) > 3*len(t.slots) {
		t.grow(max(8, 2*len(t.slots)))
	}
	at, slot := t.find(key)
	if at >= 0 {
		e := &t.entries[at]
		e.rows += rows
		if rank < e.rank {
			e.rank = rank
			return true
		}
		return false
	}
	t.entries = append(t.entries, entry{key: key, rank: rank, rows: rows})
	t.slots[slot] = uint32(len(t.entries))
	return true
}

// full says whether there are so many keys that some should be dropped.
func (t *bottom) full() bool { return len(t.entries) >= 2*t.k }

// name gives a key its value, if the key is held.
func (t *bottom) name(key uint64, value []byte) {
	if len(t.slots) == 0 {
		return
	}
	at, _ := t.find(key)
	if at < 0 || bytes.Equal(t.value(&t.entries[at]), value) {
		return
	}
	e := &t.entries[at]
	e.from = len(t.values)
	t.values = append(t.values, value...)
	e.to = len(t.values)
}

// grow makes room for n slots and finds the places of all keys anew.
func (t *bottom) grow(n int) {
	if n != len(t.slots) {
		t.slots = make([]uint32, n)
	}
	clear(t.slots)
	for i := range t.entries {
		_, slot := t.find(t.entries[i].key)
		t.slots[slot] = uint32(i + 1)
	}
}

// prune drops all but the k smallest.
func (t *bottom) prune() {
	slices.SortFunc(t.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.key, b.key))
	})
	t.entries = t.entries[:min(t.k, len(t.entries))]
	if len(t.entries) == t.k {
		t.limit = t.entries[t.k-1].rank
	}
	kept := t.spare[:0]
	for i := range t.entries {
		e := &t.entries[i]
		from := len(kept)
		kept = append(kept, t.value(e)...)
		e.from, e.to = from, len(kept)
	}
	t.values, t.spare = kept, t.values
	t.grow(len(t.slots))
}

func (t *bottom) bytes() int64 {
	return int64(40*cap(t.entries) + 4*len(t.slots) + cap(t.values) + cap(t.spare))
}
