package executor

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// ranked sends rows to the stage that ranks them: all of them, or the first of the
// task's. Of those only so many are kept at a time that cutting them pays.
type ranked struct {
	run  *run
	node *physical.Node
	out  physical.Outlet
	to   physical.Ranked
	rows rdd.Frames
}

// slack is how many rows more than wanted are kept before they are cut.
const slack = 32 << 10

func (o *ranked) apply(_ context.Context, c *chunk, _ func(*chunk) error) error {
	cols := make([]arrow.Array, 0, len(o.to.Columns)+5)
	for _, at := range o.to.Columns {
		c.cols[at].Retain()
		cols = append(cols, c.cols[at])
	}
	if o.to.Sampled {
		cols = append(cols, int64s(o.run.mem, c.rows, signed(placeHashes(o.run.mem, c, o.to.Seed))))
	}
	if o.to.Places {
		if o.to.Time >= 0 {
			c.cols[o.to.Time].Retain()
			cols = append(cols, c.cols[o.to.Time])
		}
		cols = append(cols, places(o.run.mem, c)...)
	}
	defer releaseAll(cols)
	b := record(func(int) string { return "" }, cols, c.rows)
	defer b.Release()
	o.rows.Keep(&rdd.Frame{Header: rdd.Header{Labels: o.out.For, Origin: rdd.Origin{Source: -1}}, Batch: b})
	if o.to.N > 0 && o.rows.Rows() > o.to.N+slack {
		return o.cut()
	}
	return nil
}

// cut keeps the first rows.
func (o *ranked) cut() error {
	b, err := rank(o.run.mem, &o.to.Ranking, o.rows.List())
	if err != nil {
		return err
	}
	h := o.rows.List()[0].Header
	o.rows.Release()
	o.rows = *framesOf(h, b)
	return nil
}

func (o *ranked) close(_ context.Context, r *work.Receipt) error {
	if o.rows.Rows() == 0 {
		return nil
	}
	if o.to.N > 0 && o.rows.Rows() > o.to.N {
		if err := o.cut(); err != nil {
			return err
		}
	}
	b := o.run.block(o.out.ID, 0)
	b.Rows = o.rows.Rows()
	for _, f := range o.rows.List() {
		b.Bytes += sizeOf(f.Batch)
	}
	frames := o.rows
	o.rows = rdd.Frames{}
	if err := o.run.x.Blocks.Put(b, &frames); err != nil {
		return err
	}
	r.Blocks = append(r.Blocks, b)
	return nil
}

func (o *ranked) abandon() { o.rows.Release() }

var _ outlet = (*ranked)(nil)

// places are the columns of the order of events behind their time: source and
// partition, sequence, child ordinal. The caller releases them.
func places(mem memory.Allocator, c *chunk) []arrow.Array {
	place := int64(c.origin.Source)<<32 | int64(c.origin.Partition)
	return []arrow.Array{
		int64s(mem, c.rows, func(int) int64 { return place }),
		int64s(mem, c.rows, c.origin.Seq),
		int64s(mem, c.rows, func(i int) int64 {
			if c.origin.Child == nil {
				return 0
			}
			return c.origin.Child[i]
		}),
	}
}

// placeHashes hashes the place of every row with a seed: what a sample draws by.
func placeHashes(mem memory.Allocator, c *chunk, seed int64) []uint64 {
	same := func(v int64) arrow.Array { return int64s(mem, c.rows, func(int) int64 { return v }) }
	own := places(mem, c)
	cols := []arrow.Array{same(seed), same(int64(c.origin.Source)), same(int64(c.origin.Partition)), own[1], own[2]}
	defer releaseAll(cols)
	defer own[0].Release()
	return kernel.HashRows(cols, make([]uint64, c.rows))
}

// signed maps hashes to integers of the same order.
func signed(hashes []uint64) func(i int) int64 {
	return func(i int) int64 { return int64(hashes[i] ^ 1<<63) }
}

// rank returns the rows of frames in the order of k, or the first of them. The
// caller releases them.
func rank(mem memory.Allocator, k *physical.Ranking, frames []rdd.Frame) (arrow.RecordBatch, error) {
	whole, err := together(mem, frames)
	if err != nil {
		return nil, err
	}
	defer whole.Release()
	rows := order(k, whole)
	if k.N > 0 && int64(len(rows)) > k.N {
		rows = rows[:k.N]
	}
	return kernel.TakeBatch(mem, whole, rows), nil
}

// order returns the rows of a batch in the order of k.
func order(k *physical.Ranking, b arrow.RecordBatch) kernel.Sel {
	keys := make([]arrow.Array, len(k.Keys))
	desc, nullsFirst := make([]bool, len(k.Keys)), make([]bool, len(k.Keys))
	for i, key := range k.Keys {
		keys[i], desc[i], nullsFirst[i] = b.Column(key.Column), key.Desc, key.NullsFirst
	}
	if len(keys) == 0 { // groups without columns are all alike
		out := make(kernel.Sel, b.NumRows())
		for i := range out {
			out[i] = int32(i)
		}
		return out
	}
	return kernel.Sort(keys, desc, nullsFirst)
}

// together puts frames of the same columns into one batch; there is one at least.
func together(mem memory.Allocator, frames []rdd.Frame) (arrow.RecordBatch, error) {
	if len(frames) == 1 {
		frames[0].Batch.Retain()
		return frames[0].Batch, nil
	}
	n, rows := int(frames[0].Batch.NumCols()), int64(0)
	for _, f := range frames {
		rows += f.Batch.NumRows()
	}
	cols := make([]arrow.Array, n)
	defer releaseAll(cols)
	parts := make([]arrow.Array, len(frames))
	for i := range cols {
		for j, f := range frames {
			parts[j] = f.Batch.Column(i)
		}
		var err error
		if cols[i], err = kernel.Concat(mem, parts); err != nil {
			return nil, err
		}
	}
	return record(func(int) string { return "" }, cols, int(rows)), nil
}

// draw is Sample of a fraction.
type draw struct {
	run  *run
	node *physical.Node
	act  physical.Draw
	sel  []int32
}

func (o *draw) apply(_ context.Context, c *chunk, emit func(*chunk) error) error {
	var within *array.Boolean
	if o.act.Mask != physical.Whole {
		within = c.mask(o.run.mem, o.act.For)
	}
	o.sel = o.sel[:0]
	for i, h := range placeHashes(o.run.mem, c, o.act.Seed) {
		if within != nil && !within.Value(i) || float64(h>>11)/(1<<53) < o.act.Fraction {
			o.sel = append(o.sel, int32(i))
		}
	}
	out := o.run.some(c, o.sel, o.act.From, o.node.Out, c.labels)
	defer out.release()
	return emit(out)
}
