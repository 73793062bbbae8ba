package kernel

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

const (
	alignment = 64
	minClass  = 6 // 64 bytes
	maxClass  = 40
	perDouble = 4 // classes between powers of two: at most 25 % is wasted
	classes   = (maxClass - minClass) * perDouble
)

// Pool is an Arrow allocator that keeps what is freed for the next to
// allocate, so that neither page faults nor the garbage collector sees the
// engine's frames. Memory is aligned to 64 bytes. It is NOT zeroed: the
// kernels write every byte they publish, and Arrow's builders zero the bitmaps
// they set bits in. It is safe for concurrent use.
type Pool struct {
	limit int64
	idle  atomic.Int64
	free  [classes]freeList
}

type freeList struct {
	mu   sync.Mutex
	bufs [][]byte
	_    [32]byte // a cache line each: no false sharing
}

var _ memory.Allocator = (*Pool)(nil)

// NewPool returns a pool that keeps at most limit bytes idle. What is freed
// beyond that goes to the garbage collector, which also reclaims whatever is
// never freed.
func NewPool(limit int64) *Pool { return &Pool{limit: limit} }

// classOf returns the smallest class that holds size bytes, and its size.
func classOf(size int) (class, capacity int) {
	if size <= 1<<minClass {
		return 0, 1 << minClass
	}
	e := bits.Len(uint(size-1)) - 1 // 2^e < size <= 2^(e+1)
	step := 1 << e / perDouble
	k := (size - 1<<e + step - 1) / step // 1 to perDouble
	return (e-minClass)*perDouble + k, 1<<e + k*step
}

// Allocate returns size bytes of unspecified content.
func (p *Pool) Allocate(size int) []byte {
	if size == 0 {
		return nil
	}
	class, capacity := classOf(size)
	if class >= classes {
		return aligned(size)[:size:size]
	}
	l := &p.free[class]
	l.mu.Lock()
	if n := len(l.bufs); n > 0 {
		b := l.bufs[n-1]
		l.bufs[n-1] = nil
		l.bufs = l.bufs[:n-1]
		l.mu.Unlock()
		p.idle.Add(int64(-capacity))
		return b[:size]
	}
	l.mu.Unlock()
	return aligned(capacity)[:size]
}

// Reallocate returns size bytes that begin with the content of b, which is
// freed or reused.
func (p *Pool) Reallocate(size int, b []byte) []byte {
	if size <= cap(b) && size > cap(b)/2 {
		return b[:size]
	}
	out := p.Allocate(size)
	copy(out, b)
	p.Free(b)
	return out
}

// Free takes back a slice of this pool. It must not be used any more.
func (p *Pool) Free(b []byte) {
	if cap(b) == 0 {
		return
	}
	class, capacity := classOf(cap(b))
	if class >= classes || capacity != cap(b) {
		return
	}
	if p.idle.Add(int64(capacity)) > p.limit {
		p.idle.Add(int64(-capacity))
		return
	}
	l := &p.free[class]
	l.mu.Lock()
	l.bufs = append(l.bufs, b[:capacity])
	l.mu.Unlock()
}

// Idle returns how many bytes wait to be allocated again.
func (p *Pool) Idle() int64 { return p.idle.Load() }

// aligned returns size bytes from the garbage-collected heap.
func aligned(size int) []byte {
	b := make([]byte, size+alignment)
	shift := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (alignment - 1))
	return b[shift : shift+size : shift+size]
}
