package sketch

import (
	"cmp"
	"slices"
)

// tally counts keys exactly: what a linear sketch is while it has seen few.
type tally struct {
	keys  []counted
	slots []uint32 // where in keys a key is, plus 1: open addressing
}

type counted struct{ key, n uint64 }

// add counts n more of a key and says how many keys there are.
func (t *tally) add(key, n uint64) int {
	if 4*(len(t.keys)+1) > 3*len(t.slots) {
		t.grow()
	}
	at := t.find(key)
	if t.slots[at] == 0 {
		t.keys = append(t.keys, counted{key: key})
		t.slots[at] = uint32(len(t.keys))
	}
	t.keys[t.slots[at]-1].n += n
	return len(t.keys)
}

func (t *tally) count(key uint64) uint64 {
	if len(t.slots) == 0 {
		return 0
	}
	if at := t.slots[t.find(key)]; at != 0 {
		return t.keys[at-1].n
	}
	return 0
}

// find returns the slot of a key, or the empty one where it belongs.
func (t *tally) find(key uint64) int {
	mask := len(t.slots) - 1
	s := int(Mix(key, 0)) & mask
	for t.slots[s] != 0 && t.keys[t.slots[s]-1].key != key {
		s = (s + 1) & mask
	}
	return s
}

func (t *tally) grow() {
	t.slots = make([]uint32, max(8, 2*len(t.slots)))
	for i := range t.keys {
		t.slots[t.find(t.keys[i].key)] = uint32(i + 1)
	}
}

func (t *tally) bytes() int64 { return int64(16*cap(t.keys) + 4*len(t.slots)) }

// sorted returns the keys, ascending.
func (t *tally) sorted() []counted {
	keys := slices.Clone(t.keys)
	slices.SortFunc(keys, func(a, b counted) int { return cmp.Compare(a.key, b.key) })
	return keys
}

// write appends the number of keys and each with its count, ascending.
func (t *tally) write(w *writer) {
	keys := t.sorted()
	w.uint(uint64(len(keys)))
	for _, k := range keys {
		w.word(k.key)
		w.uint(k.n)
	}
}

// tally reads what write wrote: limit keys at the most, with counts that add up to
// total. Each is handed on.
func (r *reader) tally(limit int, total uint64, add func(key, n uint64)) error {
	n, last := r.uint(), uint64(0)
	if n > uint64(limit) {
		return damaged()
	}
	for i := range n {
		key, rows := r.word(), r.uint()
		if r.bad || rows == 0 || rows > total || i > 0 && key <= last {
			return damaged()
		}
		total, last = total-rows, key
		add(key, rows)
	}
	if total != 0 {
		return damaged()
	}
	return r.end()
}
