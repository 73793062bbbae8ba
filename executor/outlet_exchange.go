package executor

import (
	"context"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// exchange sends rows to the key group of their keys, or on to the task of the
// same ordinal.
type exchange struct {
	run    *run
	out    physical.Outlet
	schema *arrow.Schema // of what is sent
	from   []int         // by column sent: the column that arrives, or physical.FromNull
	keys   []int         // columns sent
	// side says that the rows are of a side of a join, which has no use for where
	// they came from; matched that it has none for rows with a null key either.
	side, matched bool
	inPlace       bool     // the rows are of this task's own part
	done          []string // of rows on their way to where they enter
	parts         map[int]*rdd.Frames
}

func (r *run) exchange(n *physical.Node, o physical.Outlet, to physical.Exchange) *exchange {
	return &exchange{run: r, out: o, schema: n.In, from: all(n.In.NumFields()), keys: to.Keys, done: to.Done}
}

func (r *run) side(o physical.Outlet, to physical.Side) *exchange {
	return &exchange{run: r, out: o, schema: to.Schema, from: to.From, keys: to.Keys, side: true, matched: to.Matched, inPlace: to.InPlace}
}

func (o *exchange) apply(_ context.Context, c *chunk, _ func(*chunk) error) error {
	if o.parts == nil {
		o.parts = map[int]*rdd.Frames{}
	}
	if len(o.keys) == 0 {
		o.put(o.run.task.Index, c, nil)
		return nil
	}
	keys := make([]arrow.Array, len(o.keys))
	for i, k := range o.keys {
		keys[i] = c.cols[o.from[k]]
	}
	if o.inPlace {
		o.keep(c, keys)
		return nil
	}
	hashes := kernel.HashRows(keys, make([]uint64, c.rows))
	rows, ends := keyGroups(hashes, o.run.x.Plan.Job.Settings.KeyGroups)
	from := 0
	for p, to := range ends {
		if part := o.useful(keys, rows[from:to]); len(part) > 0 {
			o.put(p, c, part)
		}
		from = to
	}
	return nil
}

// keep leaves rows in their part.
func (o *exchange) keep(c *chunk, keys []arrow.Array) {
	if !o.matched || !slices.ContainsFunc(keys, mayBeNull) {
		o.put(o.run.task.Index, c, nil)
		return
	}
	rows := make([]int32, c.rows)
	for i := range rows {
		rows[i] = int32(i)
	}
	if rows = o.useful(keys, rows); len(rows) > 0 {
		o.put(o.run.task.Index, c, rows)
	}
}

// useful returns the rows that the stage behind has a use for, in place.
func (o *exchange) useful(keys []arrow.Array, rows []int32) []int32 {
	if !o.matched {
		return rows
	}
	for _, k := range keys {
		if mayBeNull(k) {
			rows = slices.DeleteFunc(rows, func(i int32) bool { return isNull(k, int(i)) })
		}
	}
	return rows
}

// mayBeNull reports whether any row of a column may be null, and isNull whether one
// is: by itself, or as an entry of a dictionary.
func mayBeNull(a arrow.Array) bool {
	d, ok := a.(*array.Dictionary)
	return a.NullN() > 0 || ok && d.Dictionary().NullN() > 0
}

func isNull(a arrow.Array, i int) bool {
	if a.IsNull(i) {
		return true
	}
	d, ok := a.(*array.Dictionary)
	return ok && d.Dictionary().IsNull(d.GetValueIndex(i))
}

// put keeps rows of a chunk for one partition; nil means all of them.
func (o *exchange) put(part int, c *chunk, rows []int32) {
	n, origin := c.rows, rdd.Origin{Source: -1}
	var cols []arrow.Array
	if rows == nil {
		cols = c.project(o.run.mem, o.from, o.schema)
	} else {
		n, cols = len(rows), c.take(o.run.mem, rows, o.from, o.schema)
	}
	switch {
	case o.side:
	case rows == nil:
		origin = c.origin.Clone()
	default:
		origin = c.origin.At(rows)
	}
	defer releaseAll(cols)
	batch := record(func(i int) string { return o.schema.Field(i).Name }, cols, n)
	defer batch.Release()
	if o.parts[part] == nil {
		o.parts[part] = new(rdd.Frames)
	}
	o.parts[part].Keep(&rdd.Frame{Header: rdd.Header{Labels: c.labels, Origin: origin, Done: o.done}, Batch: batch})
}
func (o *exchange) close(_ context.Context, r *work.Receipt) error {
	for _, p := range slices.Sorted(maps.Keys(o.parts)) {
		frames, b := o.parts[p], o.run.block(o.out.ID, p)
		b.Rows = frames.Rows()
		for _, f := range frames.List() {
			b.Bytes += sizeOf(f.Batch)
		}
		delete(o.parts, p)
		if err := o.run.x.Blocks.Put(b, frames); err != nil {
			return err
		}
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
