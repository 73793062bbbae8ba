package json

import (
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel"
)

// Bounds of a dictionary: beyond them a column goes on as plain strings.
const (
	maxTerms     = 1 << 16
	maxTermBytes = 4 << 20
	recentBits   = 11
)

// terms gives the strings of a column codes, while they repeat.
type terms struct {
	all    kernel.Interner
	rows   int // that were looked up
	recent [1 << recentBits]recentTerm
	built  int         // how many terms dict has
	dict   arrow.Array // of the last frame, owned; nil before
}

// recentTerm is a string of at most 16 bytes that was looked up lately.
type recentTerm struct {
	head, tail uint64
	size       int32
	code       int32
}

// code returns the code of s, of which a copy is kept. The bytes behind s are
// readable: s is part of a line.
func (t *terms) code(s []byte) int32 {
	t.rows++
	if len(s) > 16 || cap(s) < len(s) {
		return t.all.Intern(view(s))
	}
	head, tail := ends(s)
	h, _ := bits.Mul64(head^tail*0x9E3779B97F4A7C15^uint64(len(s)), 0xD6E8FEB86659FD93)
	e := &t.recent[(head^tail^h)*0x9E3779B97F4A7C15>>(64-recentBits)]
	if e.head == head && e.tail == tail && int(e.size) == len(s) {
		if e.code > 0 {
			return e.code - 1
		}
	}
	code := t.all.Intern(view(s))
	*e = recentTerm{head: head, tail: tail, size: int32(len(s)), code: code + 1}
	return code
}

// ends returns the first and the last eight bytes of at most 16, which together
// with their number are all of them.
func ends(s []byte) (head, tail uint64) {
	if len(s) >= 8 {
		return load(s, 0), load(s, len(s)-8)
	}
	for i, c := range s {
		head |= uint64(c) << (8 * i)
	}
	return head, 0
}

// pays reports whether the dictionary is worth its while.
func (t *terms) pays() bool {
	n := t.all.Len()
	return n <= maxTerms && t.all.Bytes() <= maxTermBytes && (n <= 256 || 2*n <= t.rows)
}

// values returns the dictionary, lent.
func (t *terms) values(mem memory.Allocator) arrow.Array {
	if t.dict == nil || t.built != t.all.Len() {
		t.release()
		t.dict, t.built = t.all.Values(mem), t.all.Len()
	}
	return t.dict
}

func (t *terms) release() {
	if t.dict != nil {
		t.dict.Release()
	}
	t.dict = nil
}
