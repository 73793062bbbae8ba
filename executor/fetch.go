package executor

import (
	"context"
	"errors"
	"fmt"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// Blocks that lie elsewhere are fetched ahead of the task that merges them: so many
// of so many bytes, unless one alone is larger, by so many calls at once. Small ones that
// lie on one node share a call.
const (
	fetchAhead = 256
	fetchBytes = 64 << 20
	fetchCalls = 8
	fetchShare = 4 << 20 // bytes of the blocks that share a call
)

// inbox is where a task's blocks come from: those of a fetcher from one up to another.
type inbox struct {
	from     *fetcher
	first, n int
}

// eachBlock hands the frames of the task's blocks to take, in the order of the task
// and one block at a time; they are lent. If blocks cannot be had the error is a
// fault.Lost, below which MissingBlocks names all of them.
func (r *run) eachBlock(ctx context.Context, take func(rdd.Block, *rdd.Frames) error) error {
	in := r.in
	if in == nil {
		within, stop := context.WithCancel(ctx)
		f := newFetcher(r.x, r.task.Blocks)
		defer f.close(stop)
		ctx, in = within, &inbox{from: f, n: len(r.task.Blocks)}
	}
	for i, b := range r.task.Blocks[:in.n] {
		frames, err := in.from.next(ctx, in.first+i, in.first+in.n)
		if err != nil {
			return err
		}
		err = take(b, frames)
		frames.Release()
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

// fetcher gets the blocks of a task, or of several that run one behind the other. It is
// for one goroutine.
type fetcher struct {
	x      *Executor
	blocks []rdd.Block
	calls  chan struct{} // has one for each call under way
	asked  int           // blocks that were asked for, the first of all
	taken  int           // blocks that were taken or passed over
	bytes  int64         // of those that are under way or were not taken yet
	flight []chan answer // by block; nil for one that lies here
	dead   map[string]bool
}

func newFetcher(x *Executor, blocks []rdd.Block) *fetcher {
	return &fetcher{x: x, blocks: blocks, calls: make(chan struct{}, fetchCalls), dead: map[string]bool{}}
}

// answer is what came of a fetch.
type answer struct {
	frames *rdd.Frames
	err    error
}

// next returns the frames of block i, which lies behind that of the last call. When it
// cannot be had, all that cannot are sought up to block end, that of another task.
func (f *fetcher) next(ctx context.Context, i, end int) (*rdd.Frames, error) {
	for f.taken < i {
		f.pass()
	}
	frames, err := f.get(ctx, i)
	switch kind := fault.Of(err); {
	case err == nil:
		return frames, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case kind != fault.Lost && kind != fault.Retry:
		return nil, err
	}
	lost := &missing{why: err}
	f.note(lost, f.blocks[i], err)
	for i++; i < end; i++ {
		frames, err := f.get(ctx, i)
		if ctx.Err() != nil {
			if frames != nil {
				frames.Release()
			}
			return nil, context.Cause(ctx)
		}
		if err != nil {
			f.note(lost, f.blocks[i], err)
			continue
		}
		frames.Release()
	}
	return nil, fault.Wrap(fault.Lost, lost)
}

// note notes that a block is missing. A node that does not answer is not asked for
// the others of its blocks.
func (f *fetcher) note(lost *missing, b rdd.Block, err error) {
	lost.blocks = append(lost.blocks, b)
	if fault.Of(err) == fault.Retry {
		f.dead[b.Node] = true
	}
}

// here reports whether a block lies in the executor's own store.
func (f *fetcher) here(b rdd.Block) bool { return f.x.Fetch == nil || b.Node == f.x.Node }

// get waits for a block, and asks for those behind it meanwhile.
func (f *fetcher) get(ctx context.Context, i int) (*rdd.Frames, error) {
	f.ask(ctx, i)
	f.taken = i + 1
	b := f.blocks[i]
	if f.flight[i] == nil {
		if f.here(b) {
			return f.x.Blocks.Get(b)
		}
		return nil, fault.New(fault.Retry, "%s does not answer", b.Node)
	}
	a := f.await(i)
	return a.frames, a.err
}

// await waits for what came of block i.
func (f *fetcher) await(i int) answer {
	a := <-f.flight[i]
	f.flight[i] = nil
	f.bytes -= f.blocks[i].Bytes
	return a
}

// pass passes the next block over: the task that was to have it has failed.
func (f *fetcher) pass() {
	i := f.taken
	f.taken++
	switch {
	case i == f.asked:
		f.asked++
		f.flight = append(f.flight, nil)
	case f.flight[i] != nil:
		if a := f.await(i); a.frames != nil {
			a.frames.Release()
		}
	}
}

// ask asks for block i, and for as many behind it as are allowed, when half of those
// that were asked for ahead are taken: asked for one by one they would not share calls.
func (f *fetcher) ask(ctx context.Context, i int) {
	if f.asked > i && (f.asked-i > fetchAhead/2 || f.bytes > fetchBytes/2) {
		return
	}
	var calls []*call
	var last map[string]*call // of a node
	for f.asked < len(f.blocks) && (f.asked <= i || f.asked < i+fetchAhead && f.bytes < fetchBytes) {
		b := f.blocks[f.asked]
		f.asked++
		if f.here(b) || f.dead[b.Node] {
			f.flight = append(f.flight, nil)
			continue
		}
		to := make(chan answer, 1)
		f.flight = append(f.flight, to)
		f.bytes += b.Bytes
		c := last[b.Node]
		if c == nil || c.bytes+b.Bytes > fetchShare {
			if last == nil {
				last = map[string]*call{}
			}
			c = &call{}
			last[b.Node] = c
			calls = append(calls, c)
		}
		c.add(b, to)
	}
	f.begin(ctx, calls)
}

// begin begins calls in their order, each when there is room for it.
func (f *fetcher) begin(ctx context.Context, calls []*call) {
	for i, c := range calls {
		select {
		case f.calls <- struct{}{}:
			go f.fetch(ctx, c)
			continue
		default:
		}
		go func() {
			for _, c := range calls[i:] {
				f.calls <- struct{}{}
				go f.fetch(ctx, c)
			}
		}()
		return
	}
}

// fetch makes a call for which there is room.
func (f *fetcher) fetch(ctx context.Context, c *call) {
	c.fetch(ctx, f.x.Fetch)
	<-f.calls
}

// close ends what is under way, and gives up what came and was not taken.
func (f *fetcher) close(stop context.CancelFunc) {
	stop()
	for i, c := range f.flight {
		if c == nil {
			continue
		}
		if a := f.await(i); a.frames != nil {
			a.frames.Release()
		}
	}
}

// missing says which blocks of a task cannot be had.
type missing struct {
	blocks []rdd.Block
	why    error // of the first of them
}

// Error implements error.
func (m *missing) Error() string {
	if len(m.blocks) == 1 {
		return fmt.Sprintf("a block is missing: %v", m.why)
	}
	return fmt.Sprintf("%d blocks are missing: %v", len(m.blocks), m.why)
}

// Unwrap returns why the first block is missing.
func (m *missing) Unwrap() error { return m.why }

// MissingBlocks returns the blocks.
func (m *missing) MissingBlocks() []rdd.Block { return m.blocks }
