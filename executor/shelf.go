package executor

import (
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/executor/spill"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// Budget bounds about how many bytes blocks take in memory, of all stores that share it. Each
// store has an equal part, also while others need less: so what one has put does not keep
// another's blocks out, but those that it put before the other came, and only until they are
// dropped. It is safe for concurrent use.
type Budget struct {
	limit int64

	mu     sync.Mutex
	used   int64
	stores int64
}

// NewBudget returns a budget of so many bytes.
func NewBudget(bytes int64) *Budget { return &Budget{limit: bytes} }

// Used returns how much is taken.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// open divides the budget among one store more.
func (b *Budget) open() *share {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stores++
	return &share{of: b}
}

// share is the part of a budget that a store has.
type share struct {
	of     *Budget
	used   int64 // under the budget's lock
	closed bool
}

// take takes bytes, if there are as many.
func (s *share) take(bytes int64) bool {
	b := s.of
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+bytes > b.limit || s.used+bytes > b.limit/max(1, b.stores) {
		return false
	}
	b.used += bytes
	s.used += bytes
	return true
}

func (s *share) give(bytes int64) {
	b := s.of
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= bytes
	s.used -= bytes
}

// close divides the budget among one store less.
func (s *share) close() {
	b := s.of
	b.mu.Lock()
	defer b.mu.Unlock()
	if !s.closed {
		s.closed = true
		b.stores--
	}
}

// shelf is the blocks of a batch, and the file of those that wait on disk. The blocks
// are under the store's lock, the file under one of its own.
type shelf struct {
	blocks map[blockID]*kept

	mu   sync.RWMutex // to write, and to close, is to exclude all others
	file *spill.File  // nil as long as nothing waits
	over bool         // the batch was dropped
}

// waiting is a frame on disk. Of its header the row numbers and the ordinals of the
// origin, which are as long as the frame, are there too, as its last columns.
type waiting struct {
	header      rdd.Header
	bare        bool // there is no batch
	rows, child bool
	schema      *arrow.Schema
	at          spill.Extent
}

func newShelf() *shelf { return &shelf{blocks: map[blockID]*kept{}} }

// write puts the frames of a block into the file. They are lent.
func (h *shelf) write(s *Blocks, k *kept, frames *rdd.Frames) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return nil
	}
	if h.file == nil {
		f, err := spill.Create(s.dir)
		if err != nil {
			return err
		}
		h.file = f
	}
	for i := range frames.List() {
		w, err := h.writeFrame(&frames.List()[i], s.mem)
		if err != nil {
			return err
		}
		k.disk = append(k.disk, w)
	}
	return nil
}

func (h *shelf) writeFrame(f *rdd.Frame, mem memory.Allocator) (waiting, error) {
	w := waiting{header: f.Header, bare: f.Batch == nil}
	if w.bare {
		return w, nil
	}
	o := &w.header.Origin
	w.schema, w.rows, w.child = f.Batch.Schema(), o.Rows != nil, o.Child != nil
	cols, n := append([]arrow.Array(nil), f.Batch.Columns()...), int(f.Batch.NumRows())
	var own []arrow.Array
	if w.rows {
		own = append(own, int64s(mem, n, func(i int) int64 { return int64(o.Rows[i]) }))
	}
	if w.child {
		own = append(own, int64s(mem, n, func(i int) int64 { return o.Child[i] }))
	}
	defer releaseAll(own)
	b := record(func(int) string { return "" }, append(cols, own...), n)
	defer b.Release()
	o.Rows, o.Child = nil, nil
	var err error
	w.at, err = h.file.Append(b)
	return w, err
}

// read reads the frames of a block.
func (h *shelf) read(list []waiting, mem memory.Allocator) (*rdd.Frames, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.over {
		return nil, fault.New(fault.Lost, "a block was dropped while it was read")
	}
	out := new(rdd.Frames)
	for _, w := range list {
		if w.bare {
			out.Keep(&rdd.Frame{Header: w.header})
			continue
		}
		b, err := h.file.Read(w.at, mem)
		if err != nil {
			out.Release()
			return nil, err
		}
		w.keep(b, out)
		b.Release()
	}
	settle(out)
	return out, nil
}

// keep adds a frame as it was to those that are read.
func (w *waiting) keep(b arrow.RecordBatch, out *rdd.Frames) {
	f, cols := rdd.Frame{Header: w.header}, b.Columns()
	last := func() []int64 {
		c, _ := cols[len(cols)-1].(*array.Int64)
		cols = cols[:len(cols)-1]
		return c.Int64Values()
	}
	if w.child {
		f.Header.Origin.Child = append([]int64{}, last()...)
	}
	if w.rows {
		values := last()
		f.Header.Origin.Rows = make([]int32, len(values))
		for i, v := range values {
			f.Header.Origin.Rows[i] = int32(v)
		}
	}
	f.Batch = array.NewRecordBatch(w.schema, cols, b.NumRows())
	out.Keep(&f)
	f.Batch.Release()
}

// size is how many bytes wait.
func (h *shelf) size() int64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.file == nil {
		return 0
	}
	return h.file.Size()
}

// close gives the file up, after those who read.
func (h *shelf) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	if h.file != nil {
		_ = h.file.Close() // nothing of it is needed, and it has no name
		h.file = nil
	}
}
