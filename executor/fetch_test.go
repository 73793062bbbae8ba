package executor

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// neighbours are other nodes, which have the blocks that are not missing and cannot be
// relied upon: a call may end at any block.
type neighbours struct {
	t       *rapid.T
	mem     memory.Allocator
	missing []rdd.Block

	mu      sync.Mutex
	calls   int // under way
	most    int
	fails   []int // after how many blocks the next calls end, by the order of the calls
	fetched int
}

func (n *neighbours) fetch(t *testing.T) fetching {
	return func(_ context.Context, blocks []rdd.Block, tell func(int, *rdd.Frames, error)) error {
		n.mu.Lock()
		n.calls++
		n.most = max(n.most, n.calls)
		end := len(blocks)
		if len(n.fails) > 0 {
			end, n.fails = min(end, n.fails[0]), n.fails[1:]
		}
		n.fetched += end
		n.mu.Unlock()
		defer func() {
			n.mu.Lock()
			n.calls--
			n.mu.Unlock()
		}()
		var sum int64
		for i, b := range blocks {
			switch sum += b.Bytes; {
			case b.Node != blocks[0].Node:
				return fault.New(fault.Bug, "a call for blocks on %s and %s", b.Node, blocks[0].Node)
			case i > 0 && sum > fetchShare:
				return fault.New(fault.Bug, "a call for %d bytes", sum)
			case b.Node == "dead", i == end:
				return fault.New(fault.Retry, "nobody answers")
			case slices.Contains(n.missing, b):
				tell(i, nil, fault.New(fault.Lost, "gone"))
			default:
				tell(i, frames(t, n.mem, b.Task%50), nil)
			}
		}
		return nil
	}
}

// drawn draws blocks, on this node and others, of which some are missing.
func (n *neighbours) drawn(t *testing.T, x *Executor, count int) (list []rdd.Block) {
	nodes := []string{"me", "you", "them"}
	if rapid.IntRange(0, 19).Draw(n.t, "one of twenty has a dead node") == 0 { // to find out takes time
		nodes = append(nodes, "dead")
	}
	for i := range count {
		b := rdd.Block{Batch: 1, Task: i, Node: rapid.SampledFrom(nodes).Draw(n.t, "node"), Bytes: rapid.SampledFrom([]int64{1, 1, fetchShare / 2, fetchBytes}).Draw(n.t, "bytes")}
		gone := b.Node == "dead" || rapid.IntRange(0, 9).Draw(n.t, "gone") == 0
		if gone {
			n.missing = append(n.missing, b)
		} else if b.Node == "me" {
			put(t, x.Blocks, b, frames(t, n.mem, i%50))
		}
		list = append(list, b)
	}
	return list
}

// among returns those of a list that are missing.
func (n *neighbours) among(list []rdd.Block) (out []rdd.Block) {
	for _, b := range list {
		if slices.Contains(n.missing, b) {
			out = append(out, b)
		}
	}
	return out
}

// TestFetch proves that blocks of other nodes come in the task's order, that at most so
// many calls are under way and none is for more than one node or for too much, and that
// all that are missing are named: of tasks that have a fetcher in common, of which some
// end early, by each its own.
func TestFetch(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) { checkFetch(t, rt) })
}

func checkFetch(t *testing.T, rt *rapid.T) {
	n := &neighbours{t: rt, mem: memory.NewCheckedAllocator(memory.NewGoAllocator())}
	x := &Executor{Config: Config{Node: "me", Blocks: NewBlocks(), Mem: n.mem}}
	list := n.drawn(t, x, rapid.SampledFrom([]int{0, 1, 5, 10, 20, 30, 2 * fetchAhead}).Draw(rt, "blocks"))
	if rapid.IntRange(0, 9).Draw(rt, "one of ten has a call that fails") == 0 {
		n.fails = []int{rapid.IntRange(0, 3).Draw(rt, "after")}
	}
	x.Fetch = n.fetch(t)
	f, alone := newFetcher(x, list), rapid.Bool().Draw(rt, "a fetcher for each")
	ctx, stop := context.WithCancel(t.Context())
	for first := 0; first < len(list); {
		count := rapid.IntRange(min(5, len(list)-first), len(list)-first).Draw(rt, "of a task")
		r := &run{x: x, task: work.Task{Blocks: list[first : first+count]}, mem: n.mem, in: &inbox{from: f, first: first, n: count}}
		if alone {
			r.in = nil
		}
		n.read(ctx, r, rapid.IntRange(0, 9).Draw(rt, "one of ten ends early") == 0)
		first += count
	}
	f.close(stop)
	x.Blocks.Close()
	if left := n.mem.(*memory.CheckedAllocator).CurrentAlloc(); left != 0 {
		rt.Fatalf("%d bytes are left", left)
	}
	if n.most > fetchCalls {
		rt.Fatalf("%d calls at once", n.most)
	}
}

var errEnough = errors.New("enough")

// read reads the blocks of a task, perhaps not to the end.
func (n *neighbours) read(ctx context.Context, r *run, early bool) {
	list, missing, next := r.task.Blocks, n.among(r.task.Blocks), 0
	err := r.eachBlock(ctx, func(b rdd.Block, f *rdd.Frames) error {
		if b != list[next] || f.Rows() != int64(b.Task%50) {
			n.t.Fatalf("block %d is %+v with %d rows", next, b, f.Rows())
		}
		if next++; early {
			return errEnough
		}
		return nil
	})
	var named interface{ MissingBlocks() []rdd.Block }
	switch {
	case early && errors.Is(err, errEnough) && next == 1:
	case len(missing) == 0 && (err != nil || next != len(list)):
		n.t.Fatalf("%d of %d blocks, %v", next, len(list), err)
	case len(missing) > 0 && (fault.Of(err) != fault.Lost || !errors.As(err, &named) || !reflect.DeepEqual(named.MissingBlocks(), missing)):
		n.t.Fatalf("%v does not name %v", err, missing)
	}
}

// TestFetchTogether: small blocks of one node come by one call, also those of tasks that
// run later.
func TestFetchTogether(t *testing.T) {
	mem := checked(t)
	x := &Executor{Config: Config{Node: "me", Blocks: NewBlocks(), Mem: mem}}
	calls := map[string]int{}
	var mu sync.Mutex
	x.Fetch = func(_ context.Context, blocks []rdd.Block, tell func(int, *rdd.Frames, error)) error {
		mu.Lock()
		calls[blocks[0].Node]++
		mu.Unlock()
		for i := range blocks {
			tell(i, frames(t, mem, 1), nil)
		}
		return nil
	}
	var list []rdd.Block
	for i := range 60 {
		list = append(list, rdd.Block{Task: i, Node: []string{"you", "them", "she"}[i%3], Bytes: 1000})
	}
	f := newFetcher(x, list)
	ctx, stop := context.WithCancel(t.Context())
	defer f.close(stop)
	for task := range 4 {
		r := &run{x: x, task: work.Task{Blocks: list[task*15 : task*15+15]}, mem: mem, in: &inbox{from: f, first: task * 15, n: 15}}
		if err := r.eachBlock(ctx, func(rdd.Block, *rdd.Frames) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if want := map[string]int{"you": 1, "them": 1, "she": 1}; !reflect.DeepEqual(calls, want) {
		t.Errorf("calls: %v", calls)
	}
}

// TestFetchBounded: no more is asked for ahead than there is to be room for, however many
// tasks have the fetcher in common.
func TestFetchBounded(t *testing.T) {
	mem := checked(t)
	x := &Executor{Config: Config{Node: "me", Blocks: NewBlocks(), Mem: mem}}
	const size, each = fetchShare / 4, 1 // bytes said, blocks of a task
	var mu sync.Mutex
	asked, taken := 0, 0
	x.Fetch = func(_ context.Context, blocks []rdd.Block, tell func(int, *rdd.Frames, error)) error {
		mu.Lock()
		asked += len(blocks)
		ahead := asked - taken
		mu.Unlock()
		for i := range blocks {
			tell(i, frames(t, mem, 1), nil)
		}
		if int64(ahead)*size > fetchBytes+size {
			return fault.New(fault.Bug, "%d blocks are asked for ahead", ahead)
		}
		return nil
	}
	list := make([]rdd.Block, 200)
	for i := range list {
		list[i] = rdd.Block{Task: i, Node: "you", Bytes: size}
	}
	f := newFetcher(x, list)
	ctx, stop := context.WithCancel(t.Context())
	defer f.close(stop)
	for i := range list {
		r := &run{x: x, task: work.Task{Blocks: list[i : i+each]}, mem: mem, in: &inbox{from: f, first: i, n: each}}
		if err := r.eachBlock(ctx, func(rdd.Block, *rdd.Frames) error { return nil }); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		if taken++; int64(asked-taken)*size > fetchBytes+size {
			t.Fatalf("%d blocks are asked for ahead", asked-taken)
		}
		mu.Unlock()
	}
}

// TestFetchEnds: who is not waited for any more is told so, and what came is given up.
func TestFetchEnds(t *testing.T) {
	mem := checked(t)
	ctx, stop := context.WithCancelCause(t.Context())
	x := &Executor{Config: Config{Node: "me", Blocks: NewBlocks(), Mem: mem}}
	x.Fetch = func(ctx context.Context, blocks []rdd.Block, tell func(int, *rdd.Frames, error)) error {
		for i, b := range blocks {
			if b.Task > 0 {
				tell(i, frames(t, mem, 3), nil)
			}
		}
		stop(fault.New(fault.Retry, "enough"))
		<-ctx.Done()
		return ctx.Err()
	}
	r := &run{x: x, task: work.Task{Blocks: []rdd.Block{{Task: 0}, {Task: 1}, {Task: 2}}}, mem: mem}
	err := r.eachBlock(ctx, func(rdd.Block, *rdd.Frames) error {
		t.Error("a block came")
		return nil
	})
	if fault.Of(err) != fault.Retry {
		t.Error(err)
	}
}
