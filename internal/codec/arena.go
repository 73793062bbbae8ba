package codec

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Arena is an allocator that knows what of it is still held, so that what a decoder has
// let lie in the middle of bad input can be given back, and that refuses, by a panic,
// what goes beyond its limit: lengths in what comes over a wire are claims. It lives as
// long as what is held of it.
type Arena struct {
	mem   memory.Allocator
	mu    sync.Mutex
	live  map[*byte][]byte
	bytes int
	limit int
}

// NewArena returns an allocator of up to limit bytes from mem. It is safe for concurrent use.
func NewArena(mem memory.Allocator, limit int) *Arena {
	return &Arena{mem: mem, live: map[*byte][]byte{}, limit: limit}
}

// Allocate implements memory.Allocator.
func (a *Arena) Allocate(size int) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reserve(size, 0)
	return a.note(a.mem.Allocate(size))
}

// Reallocate implements memory.Allocator.
func (a *Arena) Reallocate(size int, b []byte) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reserve(size, len(b))
	a.forget(b)
	return a.note(a.mem.Reallocate(size, b))
}

// Free implements memory.Allocator.
func (a *Arena) Free(b []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget(b)
	a.mem.Free(b)
}

// reserve refuses what is too much: a size that is negative has overflowed.
func (a *Arena) reserve(size, before int) {
	if size < 0 || size > a.limit-a.bytes+before {
		panic(fmt.Errorf("it claims to have more than %d bytes", a.limit))
	}
}

func (a *Arena) note(b []byte) []byte {
	if p := unsafe.SliceData(b); p != nil && cap(b) > 0 {
		a.live[p] = b
		a.bytes += len(b)
	}
	return b
}

func (a *Arena) forget(b []byte) {
	if p := unsafe.SliceData(b); p != nil {
		a.bytes -= len(a.live[p])
		delete(a.live, p)
	}
}

// Sweep frees what is still held. Nothing that was made of it may be used any more.
func (a *Arena) Sweep() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, b := range a.live {
		a.mem.Free(b)
	}
	clear(a.live)
	a.bytes = 0
}

var _ memory.Allocator = (*Arena)(nil)
