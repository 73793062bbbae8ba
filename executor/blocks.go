package executor

import (
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// Blocks holds what stages hand to later stages, until the batch is dropped.
// It is safe for concurrent use; executors of one process share one.
//
// Where it has a part of a budget, blocks that come when that is used up wait on disk: those
// that came before are of older tasks, and are the first that will be asked for.
type Blocks struct {
	budget *share // nil: there is none
	dir    string
	mem    memory.Allocator

	mu   sync.Mutex
	held map[rdd.BatchID]*shelf
}

type blockID struct{ stage, outlet, task, partition int }

func idOf(b rdd.Block) blockID { return blockID{b.Stage, b.Outlet, b.Task, b.Partition} }

// kept is one block: in memory or on disk.
type kept struct {
	frames *rdd.Frames // nil: on disk
	bytes  int64       // of the budget
	disk   []waiting
}

// NewBlocks returns an empty store.
func NewBlocks() *Blocks { return &Blocks{held: map[rdd.BatchID]*shelf{}} }

// NewBlocksWithin returns an empty store that shares a budget with others, until it is
// closed. What its part has no room for waits in files in dir, "" being the system's for such files, and
// is read into memory of mem.
func NewBlocksWithin(budget *Budget, dir string, mem memory.Allocator) *Blocks {
	return &Blocks{budget: budget.open(), dir: dir, mem: mem, held: map[rdd.BatchID]*shelf{}}
}

// Put stores frames as a block, in place of what was there under its name. The
// frames are the store's from now on, also after an error, and several tasks may read
// them at once. A disk that is full is a fault.Retry.
func (s *Blocks) Put(b rdd.Block, frames *rdd.Frames) error {
	settle(frames)
	k := &kept{frames: frames}
	if s.budget != nil {
		k.bytes = footprint(b, frames)
	}
	to := s.shelf(b.Batch)
	if s.budget != nil && !s.budget.take(k.bytes) {
		defer frames.Release()
		k.frames, k.bytes = nil, 0
		if err := to.write(s, k, frames); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[b.Batch] != to { // the batch was dropped meanwhile
		s.release(k)
		return nil
	}
	if old := to.blocks[idOf(b)]; old != nil {
		s.release(old)
	}
	to.blocks[idOf(b)] = k
	return nil
}

// footprint is about how much memory a block takes.
func footprint(b rdd.Block, frames *rdd.Frames) int64 {
	n := b.Bytes
	for i := range frames.List() {
		o := &frames.List()[i].Header.Origin
		n += int64(4*len(o.Rows) + 8*len(o.Child))
	}
	return n
}

// shelf returns that of a batch, and makes it if need be.
func (s *Blocks) shelf(batch rdd.BatchID) *shelf {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.held[batch]
	if found == nil {
		found = newShelf()
		s.held[batch] = found
	}
	return found
}

// release gives up what a block takes in memory. The lock is held.
func (s *Blocks) release(k *kept) {
	if k.frames != nil {
		k.frames.Release()
	}
	if s.budget != nil {
		s.budget.give(k.bytes)
	}
}

// Get returns the frames of a block; the caller releases them. A block that is
// not here, or cannot be read any more, is fault.Lost.
func (s *Blocks) Get(b rdd.Block) (*rdd.Frames, error) {
	out, on, disk := s.find(b)
	switch {
	case out != nil:
		return out, nil
	case on != nil:
		return on.read(disk, s.mem)
	}
	return nil, fault.New(fault.Lost, "block of batch %d, stage %d, task %d, key group %d is gone", b.Batch, b.Stage, b.Task, b.Partition)
}

// find returns a block's frames, or where they wait.
func (s *Blocks) find(b rdd.Block) (*rdd.Frames, *shelf, []waiting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	on := s.held[b.Batch]
	if on == nil || on.blocks[idOf(b)] == nil {
		return nil, nil, nil
	}
	k := on.blocks[idOf(b)]
	if k.frames == nil {
		return nil, on, k.disk
	}
	out := new(rdd.Frames)
	for i := range k.frames.List() {
		out.Keep(&k.frames.List()[i])
	}
	return out, nil, nil
}

// Spilled returns how many bytes wait on disk.
func (s *Blocks) Spilled() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var n int64
	for _, on := range s.held {
		n += on.size()
	}
	return n
}

// Drop releases the blocks of a batch.
func (s *Blocks) Drop(batch rdd.BatchID) {
	s.mu.Lock()
	on := s.held[batch]
	delete(s.held, batch)
	if on != nil {
		for _, k := range on.blocks {
			s.release(k)
		}
	}
	s.mu.Unlock()
	if on != nil {
		on.close()
	}
}

// Close releases everything. The store is empty then, and can be used again, but others have
// its part of the budget.
func (s *Blocks) Close() {
	if s.budget != nil {
		s.budget.close()
	}
	s.mu.Lock()
	var all []rdd.BatchID
	for batch := range s.held {
		all = append(all, batch)
	}
	s.mu.Unlock()
	for _, batch := range all {
		s.Drop(batch)
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
