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
	mu    sync.Mutex
	held  map[rdd.BatchID]map[blockID][]rdd.Frame
	bytes int64
}

type blockID struct{ stage, outlet, task, partition int }

func idOf(b rdd.Block) blockID { return blockID{b.Stage, b.Outlet, b.Task, b.Partition} }

// NewBlocks returns an empty store.
func NewBlocks() *Blocks { return &Blocks{held: map[rdd.BatchID]map[blockID][]rdd.Frame{}} }

// Put stores frames as a block, in place of what was there under its name. It
// takes over the caller's references to the frames' batches.
func (s *Blocks) Put(b rdd.Block, frames []rdd.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	blocks := s.held[b.Batch]
	if blocks == nil {
		blocks = map[blockID][]rdd.Frame{}
		s.held[b.Batch] = blocks
	}
	letGo(blocks[idOf(b)])
	blocks[idOf(b)] = frames
}

// Get returns the frames of a block, retained: the caller releases each batch.
// A block that is not here is fault.Lost.
func (s *Blocks) Get(b rdd.Block) ([]rdd.Frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frames, ok := s.held[b.Batch][idOf(b)]
	if !ok {
		return nil, fault.New(fault.Lost, "block of batch %d, stage %d, task %d, key group %d is gone", b.Batch, b.Stage, b.Task, b.Partition)
	}
	for i := range frames {
		frames[i].Batch.Retain()
	}
	return frames, nil
}

// Drop releases the blocks of a batch.
func (s *Blocks) Drop(batch rdd.BatchID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, frames := range s.held[batch] {
		letGo(frames)
	}
	delete(s.held, batch)
}

// Close releases everything.
func (s *Blocks) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, blocks := range s.held {
		for _, frames := range blocks {
			letGo(frames)
		}
	}
	s.held = map[rdd.BatchID]map[blockID][]rdd.Frame{}
}

func letGo(frames []rdd.Frame) {
	for i := range frames {
		frames[i].Batch.Release()
	}
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
