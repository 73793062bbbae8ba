package executor

import (
	"fmt"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// frames makes the frames of a block with n rows.
func frames(t testing.TB, mem memory.Allocator, n int) *rdd.Frames {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`"code":%d`, i)
	}
	return framesOf(rdd.Header{Labels: Err}, batch(t, mem, schemaOf("code"), rows...))
}

// put stores a block.
func put(t testing.TB, s *Blocks, b rdd.Block, frames *rdd.Frames) {
	t.Helper()
	if err := s.Put(b, frames); err != nil {
		t.Error(err)
	}
}

// rowsOf reads a block and gives it back.
func rowsOf(s *Blocks, b rdd.Block) (int64, error) {
	f, err := s.Get(b)
	if err != nil {
		return 0, err
	}
	defer f.Release()
	return f.Rows(), nil
}

// A block is found by its whole name but not by where it lies, is replaced when
// it is made again, and is lost when it is not there.
func TestBlocks(t *testing.T) {
	mem := checked(t)
	s := NewBlocks()
	defer s.Close()
	at := rdd.Block{Batch: 1, Stage: 2, Outlet: 3, Task: 4, Partition: 5, Node: "a"}
	put(t, s, at, frames(t, mem, 2))
	other := at
	other.Node, other.Rows, other.Bytes = "b", 7, 9
	if n, err := rowsOf(s, other); n != 2 || err != nil {
		t.Errorf("the block has %d rows, %v", n, err)
	}
	put(t, s, at, frames(t, mem, 3))
	if n, err := rowsOf(s, at); n != 3 || err != nil {
		t.Errorf("replaced the block has %d rows, %v", n, err)
	}
	for name, change := range map[string]func(*rdd.Block){
		"batch": func(b *rdd.Block) { b.Batch++ }, "stage": func(b *rdd.Block) { b.Stage++ }, "outlet": func(b *rdd.Block) { b.Outlet++ },
		"task": func(b *rdd.Block) { b.Task++ }, "partition": func(b *rdd.Block) { b.Partition++ },
	} {
		b := at
		change(&b)
		if _, err := s.Get(b); fault.Of(err) != fault.Lost {
			t.Errorf("a block of another %s: %v, want %s", name, err, fault.Lost)
		}
	}
}

// Dropping a batch frees its blocks and no other's; who has a block keeps it.
func TestBlocksAreFreed(t *testing.T) {
	mem := checked(t)
	s := NewBlocks()
	for b := range rdd.BatchID(3) {
		put(t, s, rdd.Block{Batch: b, Task: 1}, frames(t, mem, 2))
		put(t, s, rdd.Block{Batch: b, Task: 2}, frames(t, mem, 2))
	}
	one := mem.CurrentAlloc() / 6
	held, err := s.Get(rdd.Block{Batch: 1, Task: 1})
	if err != nil {
		t.Fatal(err)
	}
	s.Drop(1)
	s.Drop(77)
	if got := mem.CurrentAlloc(); got != 5*one {
		t.Errorf("after a batch is dropped %d bytes are left, want %d", got, 5*one)
	}
	if held.Rows() != 2 || held.List()[0].Batch.Column(0).ValueStr(1) != "1" {
		t.Error("a block was taken from its reader")
	}
	held.Release()
	if _, err := s.Get(rdd.Block{Batch: 1, Task: 1}); fault.Of(err) != fault.Lost {
		t.Errorf("a dropped block: %v", err)
	}
	if n, err := rowsOf(s, rdd.Block{Batch: 2, Task: 2}); n != 2 || err != nil {
		t.Errorf("a block of another batch has %d rows, %v", n, err)
	}
	s.Close()
	s.Close()
	if got := mem.CurrentAlloc(); got != 0 {
		t.Errorf("after Close %d bytes are left", got)
	}
}

// Executors of one process share a store: blocks come and go at once.
func TestBlocksConcurrently(t *testing.T) {
	mem := checked(t)
	s := NewBlocks()
	defer s.Close()
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for i := range 50 {
				at := rdd.Block{Batch: rdd.BatchID(i % 3), Task: w % 2}
				switch (i + w) % 3 {
				case 0:
					put(t, s, at, frames(t, mem, 1))
				case 1:
					if n, err := rowsOf(s, at); err == nil && n != 1 {
						t.Errorf("a block has %d rows", n)
					}
				default:
					s.Drop(at.Batch)
				}
			}
		})
	}
	group.Wait()
}
