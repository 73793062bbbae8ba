package executor

import (
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// Blocks holds what stages hand to later stages, until the batch is dropped.
// It is safe for concurrent use; executors of one process share one.
type Blocks struct {
	mu   sync.Mutex
	held map[rdd.BatchID]map[blockID]*rdd.Frames
}

type blockID struct{ stage, outlet, task, partition int }

func idOf(b rdd.Block) blockID { return blockID{b.Stage, b.Outlet, b.Task, b.Partition} }

// NewBlocks returns an empty store.
func NewBlocks() *Blocks { return &Blocks{held: map[rdd.BatchID]map[blockID]*rdd.Frames{}} }

// Put stores frames as a block, in place of what was there under its name. The
// frames are the store's from now on, and several tasks may read them at once.
func (s *Blocks) Put(b rdd.Block, frames *rdd.Frames) {
	settle(frames)
	s.mu.Lock()
	defer s.mu.Unlock()
	blocks := s.held[b.Batch]
	if blocks == nil {
		blocks = map[blockID]*rdd.Frames{}
		s.held[b.Batch] = blocks
	}
	if old := blocks[idOf(b)]; old != nil {
		old.Release()
	}
	blocks[idOf(b)] = frames
}

// Get returns the frames of a block; the caller releases them. A block that is
// not here is fault.Lost.
func (s *Blocks) Get(b rdd.Block) (*rdd.Frames, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frames, ok := s.held[b.Batch][idOf(b)]
	if !ok {
		return nil, fault.New(fault.Lost, "block of batch %d, stage %d, task %d, key group %d is gone", b.Batch, b.Stage, b.Task, b.Partition)
	}
	out := new(rdd.Frames)
	for i := range frames.List() {
		out.Keep(&frames.List()[i])
	}
	return out, nil
}

// Drop releases the blocks of a batch.
func (s *Blocks) Drop(batch rdd.BatchID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, frames := range s.held[batch] {
		frames.Release()
	}
	delete(s.held, batch)
}

// Close releases everything. The store is empty then, and can be used again.
func (s *Blocks) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, blocks := range s.held {
		for _, frames := range blocks {
			frames.Release()
		}
	}
	clear(s.held)
}

// sizeOf is about how much memory a batch takes.
func sizeOf(b arrow.RecordBatch) int64 {
	var n int64
	for _, c := range b.Columns() {
		for _, buf := range c.Data().Buffers() {
			if buf != nil {
				n += int64(buf.Len())
			}
		}
	}
	return n
}
