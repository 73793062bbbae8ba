package kernel

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/zeebo/xxh3"
)

// Interner gives each distinct string a number, from 0 on in order of first
// appearance. The zero Interner is empty and ready. It owns copies of the
// strings, in Go memory; it is not safe for concurrent use.
type Interner struct {
	data    []byte
	offsets []uint32 // len+1 of them once there is one
	hashes  []uint64
	slots   []uint64 // upper half of the hash, and number+1; 0 is free
}

// Intern returns the number of s.
func (t *Interner) Intern(s string) int32 {
	if 2*len(t.hashes) >= len(t.slots) {
		t.grow()
	}
	return t.find(s, xxh3.HashString(s))
}

// InternAll writes the numbers of all strings of an array to ids, which has room
// for as many. It goes by steps over some strings at a time, so that what one of them
// waits for from memory another does not.
func (t *Interner) InternAll(values *array.String, ids []int32) {
	const step = 64
	var hashes [step]uint64
	for lo := 0; lo < values.Len(); lo += step {
		n := min(step, values.Len()-lo)
		for 2*(len(t.hashes)+n) >= len(t.slots) {
			t.grow()
		}
		found := ids[lo : lo+n]
		mask := uint64(len(t.slots) - 1)
		for i := range found {
			hashes[i] = xxh3.HashString(values.Value(lo + i))
		}
		for i, h := range hashes[:n] {
			x := t.slots[h&mask]
			if found[i] = int32(x) - 1; x>>32 != h>>32 {
				found[i] = -1
			}
		}
		for i, id := range found {
			if s := values.Value(lo + i); id < 0 || t.Value(id) != s {
				found[i] = t.find(s, hashes[i])
			}
		}
	}
}

// find returns the number of s, a new one if need be, for which there is room.
func (t *Interner) find(s string, h uint64) int32 {
	mask := uint64(len(t.slots) - 1)
	for p := h & mask; ; p = (p + 1) & mask {
		x := t.slots[p]
		if x == 0 {
			t.slots[p] = h>>32<<32 | uint64(len(t.hashes)+1)
			return t.add(s, h)
		}
		if id := int32(x) - 1; x>>32 == h>>32 && t.Value(id) == s {
			return id
		}
	}
}

func (t *Interner) add(s string, h uint64) int32 {
	if t.offsets == nil {
		t.offsets = append(t.offsets, 0)
	}
	t.data = append(t.data, s...)
	t.offsets = append(t.offsets, uint32(len(t.data)))
	t.hashes = append(t.hashes, h)
	return int32(len(t.hashes) - 1)
}

func (t *Interner) grow() {
	t.slots = make([]uint64, max(16, 2*len(t.slots)))
	mask := uint64(len(t.slots) - 1)
	for id, h := range t.hashes {
		p := h & mask
		for t.slots[p] != 0 {
			p = (p + 1) & mask
		}
		t.slots[p] = h>>32<<32 | uint64(id+1)
	}
}

// Len returns how many strings there are.
func (t *Interner) Len() int { return len(t.hashes) }

// Value returns string number id. It stays valid for ever.
func (t *Interner) Value(id int32) string {
	b := t.data[t.offsets[id]:t.offsets[id+1]]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// Hash returns the xxh3 hash of string number id, which is what [HashRows]
// gives a lone column.
func (t *Interner) Hash(id int32) uint64 { return t.hashes[id] }

// Bytes returns how many bytes of strings there are. An array of them holds at
// most 2 GiB, and the Interner breaks at 4.
func (t *Interner) Bytes() int64 { return int64(len(t.data)) }

// Values returns all strings in the order of their numbers, as the values of a
// dictionary.
func (t *Interner) Values(mem memory.Allocator) arrow.Array {
	mustFit(t.Bytes())
	offsets, offBuf := newValues[uint32](mem, len(t.hashes)+1)
	offsets[0] = 0
	copy(offsets, t.offsets)
	data, buf := newValues[uint8](mem, len(t.data))
	copy(data, t.data)
	return wrap(arrow.BinaryTypes.String, len(t.hashes), nil, nil, offBuf, buf)
}
