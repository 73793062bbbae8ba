package executor

import (
	"context"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// exchange sends rows to the key group of their keys, or on to the task of the
// same ordinal.
type exchange struct {
	run   *run
	node  *physical.Node
	out   physical.Outlet
	to    physical.Exchange
	parts map[int]*rdd.Frames
}

func (o *exchange) apply(_ context.Context, c *chunk, _ func(*chunk) error) error {
	if o.parts == nil {
		o.parts = map[int]*rdd.Frames{}
	}
	if len(o.to.Keys) == 0 {
		o.put(o.run.task.Index, c, nil)
		return nil
	}
	keys := make([]arrow.Array, len(o.to.Keys))
	for i, k := range o.to.Keys {
		keys[i] = c.cols[k]
	}
	hashes := kernel.HashRows(keys, make([]uint64, c.rows))
	rows, ends := keyGroups(hashes, o.run.x.Plan.Job.Settings.KeyGroups)
	from := 0
	for p, to := range ends {
		if to > from {
			o.put(p, c, rows[from:to])
		}
		from = to
	}
	return nil
}

// put keeps rows of a chunk for one partition; nil means all of them.
func (o *exchange) put(part int, c *chunk, rows []int32) {
	n, origin, every := c.rows, c.origin, all(len(c.cols))
	var cols []arrow.Array
	if rows == nil {
		cols, origin = c.project(o.run.mem, every, o.node.In), origin.Clone()
	} else {
		n, cols, origin = len(rows), c.take(o.run.mem, rows, every, o.node.In), origin.At(rows)
	}
	defer releaseAll(cols)
	batch := record(func(i int) string { return o.node.In.Field(i).Name }, cols, n)
	defer batch.Release()
	if o.parts[part] == nil {
		o.parts[part] = new(rdd.Frames)
	}
	o.parts[part].Keep(&rdd.Frame{Header: rdd.Header{Labels: c.labels, Origin: origin}, Batch: batch})
}

func (o *exchange) close(_ context.Context, r *work.Receipt) error {
	for _, p := range slices.Sorted(maps.Keys(o.parts)) {
		frames, b := o.parts[p], o.run.block(o.out.ID, p)
		b.Rows = frames.Rows()
		for _, f := range frames.List() {
			b.Bytes += sizeOf(f.Batch)
		}
		o.run.x.Blocks.Put(b, frames)
		delete(o.parts, p)
		r.Blocks = append(r.Blocks, b)
	}
	return nil
}

func (o *exchange) abandon() {
	for _, frames := range o.parts {
		frames.Release()
	}
	o.parts = nil
}

var _ outlet = (*exchange)(nil)

// keyGroups orders row numbers by the key group of their hash, and says where
// each key group ends.
func keyGroups(hashes []uint64, parts int) (rows []int32, ends []int) {
	rows, ends = make([]int32, len(hashes)), make([]int, parts+1)
	for _, h := range hashes {
		ends[keyGroup(h, parts)+1]++
	}
	for p := range parts {
		ends[p+1] += ends[p]
	}
	for i, h := range hashes {
		p := keyGroup(h, parts)
		rows[ends[p]] = int32(i)
		ends[p]++
	}
	return rows, ends[:parts]
}

// keyGroup is the partition of a hash: its high bits, for the low ones choose
// the slot in the tables behind the shuffle.
func keyGroup(hash uint64, parts int) int { return int((hash >> 32) * uint64(parts) >> 32) }
