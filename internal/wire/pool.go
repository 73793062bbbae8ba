package wire

import (
	"math/bits"
	"sync"

	"google.golang.org/grpc/mem"
)

// Sizes of the buffers that are kept, as powers of two.
const (
	leastPooled = 10
	mostPooled  = 23
)

// pool keeps the buffers of messages, as gRPC's own does, but does not clear them before
// they are written over.
type pool struct {
	sizes [mostPooled + 1]sync.Pool
}

// Get returns a buffer of a length, with anything in it.
func (p *pool) Get(length int) *[]byte {
	class := max(bits.Len(uint(max(length, 1)-1)), leastPooled)
	if class > mostPooled {
		b := make([]byte, length)
		return &b
	}
	if b, ok := p.sizes[class].Get().(*[]byte); ok {
		*b = (*b)[:length]
		return b
	}
	b := make([]byte, length, 1<<class)
	return &b
}

// Put takes a buffer back.
func (p *pool) Put(b *[]byte) {
	class := bits.Len(uint(cap(*b))) - 1
	if class < leastPooled || class > mostPooled || cap(*b) != 1<<class {
		return
	}
	p.sizes[class].Put(b)
}

var _ mem.BufferPool = (*pool)(nil)
