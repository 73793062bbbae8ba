package kernel

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// bitmap is a view of a bitmap from bit off on. The zero bitmap is all ones.
type bitmap struct {
	bits []byte
	off  int
}

// validity returns the rows of a that are not null, the zero bitmap when none
// is null.
func validity(a arrow.Array) bitmap {
	if a.NullN() == 0 {
		return bitmap{}
	}
	return bitmap{bits: a.NullBitmapBytes(), off: a.Data().Offset()}
}

// truth returns the values of a Boolean array, null rows included.
func truth(a *array.Boolean) bitmap {
	if a.Len() == 0 {
		return bitmap{}
	}
	return bitmap{bits: a.Data().Buffers()[1].Bytes(), off: a.Data().Offset()}
}

func (b bitmap) all() bool { return b.bits == nil }

func (b bitmap) get(i int) bool {
	if b.bits == nil {
		return true
	}
	p := uint(b.off + i)
	return b.bits[p>>3]>>(p&7)&1 != 0
}

// bit is get as a number.
func (b bitmap) bit(i int) uint64 {
	p := uint(b.off + i)
	return uint64(b.bits[p>>3] >> (p & 7) & 1)
}

// word returns the bits of rows 64w to 64w+63, row 64w lowest. Bits past the
// end of the bitmap are unspecified: callers mask the last word.
func (b bitmap) word(w int) uint64 {
	if b.bits == nil {
		return ^uint64(0)
	}
	p := b.off + w<<6
	k, sh := p>>3, uint(p&7)
	if k+9 <= len(b.bits) {
		return binary.LittleEndian.Uint64(b.bits[k:])>>sh | uint64(b.bits[k+8])<<(64-sh)
	}
	var tail [16]byte
	if k < len(b.bits) {
		copy(tail[:9], b.bits[k:])
	}
	return binary.LittleEndian.Uint64(tail[:])>>sh | uint64(tail[8])<<(64-sh)
}

// words is the number of 64-bit words that n bits take.
func words(n int) int { return (n + 63) >> 6 }

// lastMask has a one for every row of word w that is below n.
func lastMask(n, w int) uint64 {
	if left := n - w<<6; left < 64 {
		return 1<<uint(left) - 1
	}
	return ^uint64(0)
}

// clearTail zeroes the bits past n, so that equal arrays have equal buffers.
func clearTail(ws []uint64, n int) {
	if n&63 != 0 {
		ws[len(ws)-1] &= 1<<uint(n&63) - 1
	}
}

// copyTo writes the first n bits of b to ws.
func (b bitmap) copyTo(ws []uint64, n int) {
	for w := range ws {
		ws[w] = b.word(w)
	}
	clearTail(ws, n)
}

// appendTo writes n bits of b to ws from bit at on; ws must be zero there.
func (b bitmap) appendTo(ws []uint64, at, n int) {
	for w := range words(n) {
		x := b.word(w) & lastMask(n, w)
		p := at + w<<6
		k, sh := p>>6, uint(p&63)
		ws[k] |= x << sh
		if hi := x >> (64 - sh); hi != 0 {
			ws[k+1] |= hi
		}
	}
}

// gather writes bit rows[i] of b to bit i of ws.
func (b bitmap) gather(ws []uint64, rows Sel) {
	for w := range ws {
		part := rows[w<<6 : min(len(rows), w<<6+64)]
		var x uint64
		for j, r := range part {
			x |= b.bit(int(r)) << uint(j&63)
		}
		ws[w] = x
	}
}

func countOnes(ws []uint64) int {
	n := 0
	for _, w := range ws {
		n += bits.OnesCount64(w)
	}
	return n
}

// NewBitmap allocates an uninitialised bitmap of n bits as words of 64 bits,
// bit 0 lowest. The caller owns the buffer, which the done functions of
// [NewFixed] and [NewBool] take over. Bits past n are to be zero.
func NewBitmap(mem memory.Allocator, n int) (ws []uint64, buf *memory.Buffer) {
	buf = memory.NewResizableBuffer(mem)
	buf.Resize(words(n) * 8)
	return view[uint64](buf.Bytes()), buf
}

// view reinterprets bytes as values. Arrow buffers are aligned to 64 bytes.
func view[T Fixed](b []byte) []T {
	var z T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(z)))
}
