package executor

import (
	"context"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/idag/idag/rdd"
)

// fetchTries is how often blocks are asked for of a node that does not answer, with
// pauses between that double.
const (
	fetchTries = 3
	fetchPause = 50 * time.Millisecond
)

// fetching is Config.Fetch.
type fetching func(ctx context.Context, blocks []rdd.Block, tell func(i int, frames *rdd.Frames, err error)) error

// call is blocks that are asked for together: they lie on one node.
type call struct {
	blocks []rdd.Block
	to     []chan answer // one each, with room for what is told once
	bytes  int64
}

// fetch gets the blocks from the node, which may need a moment to answer. What has
// come has come: only the others are asked for again.
func (c *call) fetch(ctx context.Context, from fetching) {
	for try := 1; ; try++ {
		var again call
		err := from(ctx, c.blocks, func(i int, frames *rdd.Frames, err error) {
			to := c.to[i]
			c.to[i] = nil
			switch {
			case err == nil:
				settle(frames)
			case fault.Of(err) == fault.Retry && try < fetchTries:
				again.add(c.blocks[i], to)
				return
			}
			to <- answer{frames, err}
		})
		for i, to := range c.to {
			switch {
			case to == nil:
			case err != nil && fault.Of(err) == fault.Retry && try < fetchTries:
				again.add(c.blocks[i], to)
			case err == nil:
				to <- answer{err: fault.New(fault.Bug, "nothing was said of a block on %s", c.blocks[i].Node)}
			default:
				to <- answer{err: err}
			}
		}
		if len(again.blocks) == 0 {
			return
		}
		*c = again
		select {
		case <-ctx.Done():
			c.giveUp(context.Cause(ctx))
			return
		case <-time.After(fetchPause << (try - 1)):
		}
	}
}

func (c *call) add(b rdd.Block, to chan answer) {
	c.blocks, c.to, c.bytes = append(c.blocks, b), append(c.to, to), c.bytes+b.Bytes
}

// giveUp answers for the blocks that are not asked for any more.
func (c *call) giveUp(err error) {
	for _, to := range c.to {
		to <- answer{err: err}
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
