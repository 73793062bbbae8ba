package json

import (
	"math/bits"
	"slices"
	"strings"
)

// maxLearned is how many keys that the schema lacks an object remembers.
const maxLearned = 256

// key is a key of an object: of a field, or one that the schema lacks.
type key struct {
	quoted string // with its quotes, as most writers spell it
	word   uint64 // the first eight bytes of quoted
	mask   uint64 // which of them are quoted's
	field  int32  // -1: not in the schema
	next   int32  // the key that followed it last
	stamp  uint64 // the last object that it was in
}

// keys finds the keys of objects: first by guessing that they come in the order
// of the object before, else by hash.
type keys struct {
	list    []key
	index   []int32 // by hash: number+1 in list; 0 is free
	first   int32   // that objects began with last
	fields  int
	learned int
}

func newKeys(names []string) *keys {
	k := &keys{fields: len(names), list: make([]key, 0, len(names)+maxLearned)} // never moved: the decoder points into it
	for i, n := range names {
		k.add(n, int32(i))
		k.list[i].next = int32((i + 1) % len(names))
	}
	return k
}

func (k *keys) add(name string, field int32) int32 {
	e := key{quoted: `"` + name + `"`, field: field}
	if plainKey(name) {
		word := append([]byte(e.quoted), 0, 0, 0, 0, 0, 0, 0, 0)
		e.word, e.mask = load(word, 0), 1<<(8*min(len(e.quoted), 8))-1
		if len(e.quoted) >= 8 {
			e.mask = ^uint64(0)
		}
		e.word &= e.mask
	} else {
		e.word = 1 // matches nothing: the key has other spellings
	}
	k.list = append(k.list, e)
	if 2*len(k.list) >= len(k.index) {
		k.grow()
	} else {
		k.place(int32(len(k.list) - 1))
	}
	return int32(len(k.list) - 1)
}

// plainKey reports whether a name is spelled in JSON as it is.
func plainKey(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == '\uFFFD' })
}

func (k *keys) grow() {
	k.index = make([]int32, max(8, 2*len(k.index), 1<<bits.Len(uint(4*len(k.list)))))
	for i := range k.list {
		k.place(int32(i))
	}
}

func (k *keys) place(i int32) {
	q := k.list[i].quoted
	mask := len(k.index) - 1
	p := int(hashKey([]byte(q[1:len(q)-1]))) & mask
	for k.index[p] != 0 {
		p = (p + 1) & mask
	}
	k.index[p] = i + 1
}

// hashKey mixes both ends of a key, which are what tells keys apart, and its length.
func hashKey(b []byte) uint64 {
	var head, tail uint64
	for i := range min(len(b), 8) {
		head = head<<8 | uint64(b[i])
		tail = tail<<8 | uint64(b[len(b)-1-i])
	}
	hi, lo := bits.Mul64(head^uint64(len(b))*0x9E3779B97F4A7C15, tail^0xD6E8FEB86659FD93)
	return hi ^ lo ^ lo>>32
}

// find returns the number of the key called name, or -1. Keys that the schema
// lacks are learned while there are few.
func (k *keys) find(name []byte) int32 {
	mask := len(k.index) - 1
	for p := int(hashKey(name)) & mask; k.index[p] != 0; p = (p + 1) & mask {
		i := k.index[p] - 1
		if q := k.list[i].quoted; q[1:len(q)-1] == string(name) {
			return i
		}
	}
	if k.learned == maxLearned {
		return -1
	}
	k.learned++
	return k.add(string(slices.Clone(name)), -1)
}

// match returns the end of the key that was guessed, if it stands at p.
func (k *key) match(b []byte, p int) (end int, ok bool) {
	if load(b, p)&k.mask != k.word {
		return p, false
	}
	n := p + len(k.quoted)
	if len(k.quoted) <= 8 {
		return n, true
	}
	return n, n <= len(b) && string(b[p+8:n]) == k.quoted[8:]
}
