package executor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/rdd"
)

// Blocks that lie elsewhere are fetched ahead of the task that merges them: so many
// at once, and of so many bytes, unless one alone is larger.
const (
	fetchAhead = 8
	fetchBytes = 64 << 20
)

// fetchTries is how often a block is asked for of a node that does not answer, with
// pauses between that double.
const (
	fetchTries = 3
	fetchPause = 50 * time.Millisecond
)

// eachBlock hands the frames of the task's blocks to take, in the order of the task
// and one block at a time; they are lent. If blocks cannot be had the error is a
// fault.Lost, below which MissingBlocks names all of them.
func (r *run) eachBlock(ctx context.Context, take func(rdd.Block, *rdd.Frames) error) error {
	f := &fetcher{x: r.x, blocks: r.task.Blocks, dead: map[string]bool{}}
	ctx, f.stop = context.WithCancel(ctx)
	defer f.close()
	for i, b := range r.task.Blocks {
		frames, err := f.next(ctx, i)
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

// fetcher gets the blocks of a task. It is for one goroutine.
type fetcher struct {
	x      *Executor
	blocks []rdd.Block
	stop   context.CancelFunc
	asked  int           // blocks that were asked for, the first of all
	bytes  int64         // of those that are under way or were not taken yet
	flight []chan answer // by block; nil for one that lies here
	dead   map[string]bool
}

// answer is what came of a fetch.
type answer struct {
	frames *rdd.Frames
	err    error
}

// next returns the frames of block i, which is the one behind that of the last call.
func (f *fetcher) next(ctx context.Context, i int) (*rdd.Frames, error) {
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
	for i++; i < len(f.blocks); i++ {
		frames, err := f.get(ctx, i)
		if ctx.Err() != nil {
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
	b := f.blocks[i]
	if f.flight[i] == nil {
		if f.here(b) {
			return f.x.Blocks.Get(b)
		}
		return nil, fault.New(fault.Retry, "%s does not answer", b.Node)
	}
	a := <-f.flight[i]
	f.flight[i] = nil
	f.bytes -= b.Bytes
	return a.frames, a.err
}

// ask begins fetches from block i on, as far ahead as is allowed.
func (f *fetcher) ask(ctx context.Context, i int) {
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
		go func() {
			frames, err := fetch(ctx, f.x.Fetch, b)
			to <- answer{frames, err}
		}()
	}
}

// close ends what is under way, and gives up what came and was not taken.
func (f *fetcher) close() {
	f.stop()
	for _, c := range f.flight {
		if c == nil {
			continue
		}
		if a := <-c; a.frames != nil {
			a.frames.Release()
		}
	}
}

// fetch gets a block from another node, which may need a moment to answer.
func fetch(ctx context.Context, from func(context.Context, rdd.Block) (*rdd.Frames, error), b rdd.Block) (*rdd.Frames, error) {
	for try := 1; ; try++ {
		frames, err := from(ctx, b)
		if err == nil {
			settle(frames)
			return frames, nil
		}
		if fault.Of(err) != fault.Retry || try == fetchTries {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(fetchPause << (try - 1)):
		}
	}
}

// settle makes frames fit for several readers.
func settle(frames *rdd.Frames) {
	for i := range frames.List() {
		if batch := frames.List()[i].Batch; batch != nil {
			for _, c := range batch.Columns() {
				types.Settle(c)
			}
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
